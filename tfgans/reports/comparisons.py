"""Many trainings side by side, from their cards: Table 1 of the report on ResGAN, and the U-Net GAN's ablations."""

from typing import Any

from tfgans.reports.tables import cell

Cards = dict[str, dict[str, Any]]

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
}


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
            losses, found = card["losses"], card["metrics"]
            loss = sum(losses[term]["mean"]["mean"] for term in ("d_loss", "g_loss"))
            read = cell(losses["accuracy"]["mean"], 1, 100) if card["classes"] else "–"
            scores = [found.get("psnr", found.get(f"psnr_{dataset}")), found.get("ssim", found.get(f"ssim_{dataset}"))]
            distance = found.get("frechet_distance", found.get(f"frechet_distance_{dataset}"))
            rows.append(
                [dataset, name, f"{loss:.2f} / {read}", theirs]
                + [cell(found.get("judge_accuracy"), 1, 100), cell(scores[0]), cell(scores[1], 3), cell(distance, 1)]
                + [str(len(card["training_seeds"]))]
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
        found, l1 = card["metrics"], card["losses"]["l1"]
        kinds = (("colourfulness", 1), ("colourfulness{}_real", 1), ("psnr", 2), ("ssim", 3), ("frechet_distance", 1))
        keys = [(key.format("_scenes") if "{}" in key else f"{key}_scenes", digits) for key, digits in kinds]
        rows.append(
            [change, *(cell(found.get(key), digits) for key, digits in keys)]
            + [cell(l1["mean"], 4), cell(l1["final"], 4), cell(found.get("seam_contrast"), 3)]
            + [f"{card['parameters']['g_optimizer']:,}", cell(card["train_seconds"], 1, 1 / 60)]
            + ["/".join(str(n) for n in sorted(set(card["cores"])))]
        )
    return _table([*head, "contrast at the borders of parts", "parameters of G", "minutes", "on cores"], rows)


TABLES = {  # chapter -> title and table
    "18_unet_gan": ("What changes what: short trainings, of equal length, one change each", ablations),
    "19_resgan": ("Table 1 of the report, averaged over the training; and what it leaves out", table_1),
}


def compared(chapter: str, cards: Cards) -> list[str]:
    """The lines of a chapter's table, under its title; none where there are no cards."""
    title, table = TABLES.get(chapter, ("", lambda cards: ""))
    lines = table(cards).splitlines()
    return [f"{title}:", "", *lines] if len(lines) > 2 else []
