"""Many trainings side by side, from their cards: Table 1 of the report on ResGAN, and the U-Net GAN's ablations."""

import itertools
import statistics

from tfgans.card import Card
from tfgans.names import cell

Cards = dict[str, Card]

MODELS = {"gan": "GAN", "dcgan": "DCGAN", "wgan": "WGAN", "cgan": "CGAN", "resgan": "ResGAN"}
REPORTED = {  # losses / accuracies, in the order of MODELS; faces are not CelebA's, and have no attributes to be read
    "mnist": ("3.54 / 40.6", "2.78 / 81.5", "2.50 / 87.0", "2.04 / 91.2", "1.98 / 93.8"),
    "cifar10": ("5.43 / 42.3", "4.66 / 83.1", "3.79 / 72.6", "3.58 / 78.5", "2.97 / 79.4"),
    "cifar100": ("9.53 / 21.2", "7.94 / 51.9", "7.98 / 38.4", "7.23 / 47.3", "6.55 / 61.2"),
    "faces": ("", "", "", "", ""),
}
CHANGES = {  # of the U-Net GAN's recipes "ablation_...": the card, what is different, and what else its row holds
    "short": "nothing",
    "l1": "L1 alone",
    "l2": "squared differences in place of cross-entropy",
    "pooling": "max-pooling in place of strides",
    "whole": "not partitioned",
    "scratch": "not pre-trained",
    "constant": "lambda does not fall",
    "one_step": "one step of the discriminator at first",
    "patches": "a discriminator of patches",
    "deeper": "a deeper generator",
    "not_normalized": "no batch normalization in the generator",
}
TRANSLATORS = {  # the end of a card's name is that of the images
    "cogan": "CoGAN",
    "cyclegan": "CycleGAN",
    "dualgan": "DualGAN",
    "discogan": "DiscoGAN",
    "pix2pix-photo_to_labels": "Pix2pix",
}
TRANSLATED = {
    "negative": "digits, negative",
    "edges": "digits, edges",
    "rotation": "digits, turned",
    "emoji": "emoji",
    "cityscapes": "cityscapes",
}
WAYS = ("a_to_b", "b_to_a")


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def table_1(cards: Cards) -> str:
    """Table 1 of the report on ResGAN: its measures averaged over the training, and beside them what it leaves out."""
    head = ["data", "model", "losses / accuracy %", "in the report", "judge reads %", "PSNR dB", "SSIM"]
    rows = []
    for dataset, reported in REPORTED.items():
        for (model, name), theirs in zip(MODELS.items(), reported, strict=True):
            card = cards.get(f"resgan-{dataset}" if model == "resgan" else f"coarse_gan_{model}-{dataset}")
            if card is None:
                continue
            loss = sum(statistics.fmean(card.loss(term, "mean")) for term in ("d_loss", "g_loss"))
            read = cell(card.loss("accuracy", "mean"), 1, 100) if card.classes else "–"
            scores = (("judge_accuracy", 1, 100), ("psnr", 2, 1), ("ssim", 3, 1), ("frechet_distance", 1, 1))
            rows.append(
                [dataset, name, f"{loss:.2f} / {read}", theirs]
                + [cell(card.values(measure), digits, scale) for measure, digits, scale in scores]
                + [str(len(card.training_seeds))]
            )
    return _table([*head, "Fréchet distance", "seeds"], rows)


def ablations(cards: Cards) -> str:
    """The U-Net GAN colourizing, with one change each."""
    head = [
        "changed",
        "colourfulness",
        "of the originals",
        "PSNR dB",
        "SSIM",
        "Fréchet distance",
        "L1, mean",
        "L1, end",
    ]
    rows = []
    for name, change in CHANGES.items():
        card = cards.get(f"unet_gan_{name}-scenes")
        if card is None:
            continue
        kinds = [("colourfulness", "model", 1), ("colourfulness", "real", 1), ("psnr", "model", 2)]
        kinds += [("ssim", "model", 3), ("frechet_distance", "model", 1)]
        rows.append(
            [change, *(cell(card.values(measure, of), digits) for measure, of, digits in kinds)]
            + [cell(card.loss("l1", "mean"), 4), cell(card.loss("l1", "final"), 4)]
            + [cell(card.values("seam_contrast"), 3), f"{card.parameters['g_optimizer']:,}"]
            + [cell(card.train_seconds, 1, 1 / 60), "/".join(str(n) for n in sorted(set(card.cores)))]
        )
    return _table([*head, "contrast at the borders of parts", "parameters of G", "minutes", "on cores"], rows)


def translators(cards: Cards) -> str:
    """Translation without pairs, each GAN on the same images; what the hidden pairs say of it."""
    head = ["images", "model", "class kept %, there", "back", "round trip", "L1 to the partner, there", "back"]
    head += [
        "rank of the partner, there",
        "back",
        "pixels of label maps %",
        "images seen",
        "minutes",
        "on cores",
        "seeds",
    ]
    rows = []
    for (images, shown), (model, name) in itertools.product(TRANSLATED.items(), TRANSLATORS.items()):
        card = cards.get(f"{model}-{images}")
        if card is None:
            continue
        kept = [card.values("class_kept", direction=way) for way in WAYS]
        kept.append(card.values("class_kept", where="a", direction="round_trip"))
        if model == "cogan":
            kept[0] = card.values("same_class")
        near = [cell(card.values("l1", direction=way), 3) for way in WAYS]
        ranks = [cell(card.values("partner_rank", direction=way), 1) for way in WAYS]
        labels = card.values("pixel_accuracy", direction="a_to_b") or card.values("pixel_accuracy")
        steps, size = card.settings["steps"], card.settings["batch_size"]
        rows.append(
            [shown, name, *(cell(each, 1, 100) for each in kept), *near, *ranks, cell(labels, 1, 100)]
            + [f"{steps * size:,}", cell(card.train_seconds, 0, 1 / 60), "/".join(map(str, sorted(set(card.cores))))]
            + [str(len(card.training_seeds))]
        )
    return _table(head, rows)


TABLES = {  # chapter -> title and table
    "14_cyclegan": ("The same images by each GAN that needs no pairs, and by Pix2pix, which sees them", translators),
    "18_unet_gan": ("What changes what: short trainings, of equal length, one change each", ablations),
    "19_resgan": ("Table 1 of the report, averaged over the training; and what it leaves out", table_1),
}


def compared(chapter: str, cards: Cards) -> list[str]:
    """The lines of a chapter's table, under its title; none where there are no cards."""
    title, table = TABLES.get(chapter, ("", lambda cards: ""))
    lines = table(cards).splitlines()
    return [f"{title}:", "", *lines] if len(lines) > 2 else []
