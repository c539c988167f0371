"""Generation of pairs from noise: samples of each domain compared with real images, and agreement within pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data import ImageSet
from tfgans.data.degraded import inverse
from tfgans.features import load_features
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.names import cell, distance
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import PREVIEW_SEED, SAMPLE_SEED, Examples, Measured, Subject, row
from tfgans.tasks.regressed import read_pairs, regressor
from tfgans.tasks.small_restoration import coarse
from tfgans.tasks.translation import between, between_sets, coloured, domains_of, given, one

COLUMNS = 10
BATCH = 500
LIGHT = 128  # of 255 levels: half
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ()  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return card.protocol.get("asked_features")


def measure(model: Exported, subject: Subject) -> Measured:
    """Distances of `n` samples of each domain from its test images, and the agreement of the two images of a pair.

    If b is a degradation of a, the degraded a of a sample is compared with its b: L1, PSNR and SSIM (`where` is
    agreement), and `pixel_agreement`, the share of pixels that are light in both or dark in both, light being at least
    half of white (arXiv:1606.07536, section 4, counts "agreed pixels" without a threshold). `of` shuffled: the same
    with the b of another sample.

    If there are real pairs, a regressor of them predicts the b of a: see `regressed`.

    With a judge, `same_class` is the share of pairs with the same predicted class; `of` real: for test images and their
    degradations. Rotations and negatives are undone first, because the judge knows only upright light digits.

    For a model that classifies, `label_accuracy` on all test images of a and of b. The labels of b have no other use.
    """
    subject.without_tests()
    test, train = domains_of(subject, "test"), domains_of(subject, "train")
    n = min(subject.n, len(one(test, "a")), len(one(test, "b")))
    drawn = model.sample(n, seed=SAMPLE_SEED)
    made = {side: to_uint8(drawn[side]) for side in ("a", "b")}
    name = subject.label
    rows: list[Row] = []
    protocol: dict[str, Any] = {
        "n_fake": n,
        "n_real": n,
        "split": "test",
        "sample_seed": SAMPLE_SEED,
        "asked_features": subject.features,
    }
    for side in ("a", "b"):
        sets = {"model": made[side], "train": one(train, side).images[:n]}
        more, network = between_sets(subject.features, one(test, side).images[:n], sets, test=name, where=side)
        rows, protocol = rows + more, protocol | network
    degradation = subject.recipe.degradation
    if degradation:
        wanted = coarse(made["a"], degradation)
        rows += between(wanted, made["b"], "model", test=name, where="agreement")
        for of, others in (("model", made["b"]), ("shuffled", np.roll(made["b"], 1, axis=0))):
            rows.append(row("pixel_agreement", np.mean((wanted >= LIGHT) == (others >= LIGHT)), of, test=name))
    elif test.aligned and train.aligned:
        both = {"model": (made["a"], made["b"]), "real": (one(test, "a").images[:n], one(test, "b").images[:n])}
        rows += read_pairs(regressor(one(train, "a").images, one(train, "b").images), both, test=name)
    judge: Any = load_features(subject.features) if subject.features else None
    if judge and judge.n_classes:
        pairs = {"model": made}
        if test.aligned:
            pairs["real"] = {side: one(test, side).images[:n] for side in ("a", "b")}
        undo = inverse(degradation) if degradation else None
        for of, images in pairs.items():
            b = coarse(images["b"], undo) if undo else images["b"]
            read = [judge.logits(each).argmax(axis=1) for each in (images["a"], b)]
            rows.append(row("same_class", metrics.label_accuracy(*read), of, test=name))
    for side in ("a", "b"):
        real, classify = one(test, side), f"classify_{side}"
        if classify in model.endpoints and real.labels is not None:
            accuracy = metrics.label_accuracy(_classes(model, classify, real), real.labels)
            rows.append(row("label_accuracy", accuracy, test=name, where=side))
            protocol[f"n_classified_{side}"] = len(real)
    return Measured(protocol, rows)


def _classes(model: Exported, classify: str, images: ImageSet) -> np.ndarray:
    """The most probable class of each image, (n,)."""
    parts = [given(images, i, i + BATCH) for i in range(0, len(images), BATCH)]
    return np.concatenate([model.call(classify, part).argmax(axis=-1) for part in parts])


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Rows of samples of a, each followed by the same latents as b."""
    return _rows(model.sample(5 * COLUMNS, seed=SAMPLE_SEED))


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """Rows of samples of a, each followed by the same latents as b."""
    draw = tf.function(lambda: model.sample(tf.constant(5 * COLUMNS), tf.constant(PREVIEW_SEED)))
    return lambda: _rows({side: images.numpy() for side, images in draw().items()})


def _rows(drawn: dict[str, np.ndarray]) -> np.ndarray:
    rows = []
    for first in range(0, len(drawn["a"]), COLUMNS):
        rows += [coloured(drawn[side][first : first + COLUMNS]) for side in ("a", "b")]
    return grid(np.concatenate(rows), COLUMNS)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of models of pairs; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "joint_generation":
            continue
        columns = [cell(card.per_seed("same_class"), 1, 100)]
        columns += [cell(card.per_seed("pixel_agreement", of), 3) for of in ("model", "shuffled")]
        columns += [cell(card.per_seed("label_accuracy", where=side), 1, 100) for side in ("a", "b")]
        for side in ("a", "b"):
            columns += [distance(card.per_seed("kernel_distance", of, where=side)) for of in ("model", "train")]
        counts = f"{len(card.training_seeds)} | {card.protocol['n_fake']:,}"
        lines.append(f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} | {counts} |")
    head = (
        "| model | same class % | pixel agreement of f(a) and b | of shuffled pairs | label accuracy % of a | of b "
        "| kernel distance of a | floor | of b | floor | seeds | samples |"
    )
    return [head, "|---" * 12 + "|", *lines] if lines else []
