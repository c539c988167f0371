"""Pairs from noise: samples of each domain beside real images of it, and whether a pair shows the same."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.features import load_features
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.metrics.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import PREVIEW_SEED, SAMPLE_SEED, Examples, Measured, Subject, row
from tfgans.tasks.small_restoration import coarse
from tfgans.tasks.translation import between, between_sets, coloured, domains_of, one

COLUMNS = 10
SHOWS_ALL = False  # in the README, also cards without a model


def features_of(card: Card) -> str | None:
    return card.protocol.get("asked_features")


def measure(model: Exported, subject: Subject) -> Measured:
    """Distances of `n` samples of each domain from its test images, and how well the two images of a pair agree.

    With a judge, `same_class`: the share of pairs in which it reads the same class. Where b is a degradation of a,
    `agreement`: L1, PSNR and SSIM of the degradation of a sample's a from its b.
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
    if subject.recipe.degradation:
        rows += between(coarse(made["a"], subject.recipe.degradation), made["b"], "model", test=name, where="agreement")
    judge: Any = load_features(subject.features) if subject.features else None
    if judge and judge.n_classes:
        read = [judge.logits(made[side]).argmax(axis=1) for side in ("a", "b")]
        rows.append(row("same_class", metrics.label_accuracy(*read), test=name))
    return Measured(protocol, rows)


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Rows of samples of a, below each the same latents as b."""
    return _rows(model.sample(5 * COLUMNS, seed=SAMPLE_SEED))


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """Rows of samples of a, below each the same latents as b."""
    draw = tf.function(lambda: model.sample(tf.constant(5 * COLUMNS), tf.constant(PREVIEW_SEED)))
    return lambda: _rows({side: images.numpy() for side, images in draw().items()})


def _rows(drawn: dict[str, np.ndarray]) -> np.ndarray:
    rows = []
    for first in range(0, len(drawn["a"]), COLUMNS):
        rows += [coloured(drawn[side][first : first + COLUMNS]) for side in ("a", "b")]
    return grid(np.concatenate(rows), COLUMNS)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of the README's table of models of pairs; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "joint_generation":
            continue
        columns = [cell(card.per_seed("same_class"), 1, 100), cell(card.per_seed("l1", where="agreement"), 3)]
        for side in ("a", "b"):
            columns += [cell(card.per_seed("kernel_distance", of, where=side), 3) for of in ("model", "train")]
        counts = f"{len(card.training_seeds)} | {card.protocol['n_fake']:,}"
        lines.append(f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} | {counts} |")
    head = "| model | same class % | L1 of f(a) and b | kernel distance of a | floor | of b | floor | seeds | n |"
    return [head, "|---" * 9 + "|", *lines] if lines else []
