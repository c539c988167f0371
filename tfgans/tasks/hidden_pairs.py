"""Hidden pairs in unpaired training: classes predicted by a judge, ranks of true partners, hidden signals."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfgans import metrics
from tfgans.card import Row
from tfgans.data import ImageSet
from tfgans.data.degraded import inverse
from tfgans.images import to_uint8
from tfgans.tasks import row
from tfgans.tasks.small_restoration import coarse

AMONG = 500  # images, at most, among which a partner is ranked
BATCH = 8
CHANGES = ("noise:0.01", "noise:0.03", "noise:0.1", "jpeg:75")  # of the intermediate image

Translate = Callable[[np.ndarray], np.ndarray]


def through(translate: Translate, images: np.ndarray) -> np.ndarray:
    """Apply an endpoint to uint8 images, or float32 ones in [0, 1]: float32 in [0, 1]."""
    parts = []
    for first in range(0, len(images), BATCH):
        part = images[first : first + BATCH]
        parts.append(translate(part.astype(np.float32) / 255 if part.dtype == np.uint8 else part))
    return np.concatenate(parts)


def l1(made: np.ndarray, images: np.ndarray) -> float:
    """The mean absolute difference, in [0, 1], of images, uint8 or float in [0, 1]."""
    one, other = (each / 255 if each.dtype == np.uint8 else each for each in (made, images))
    return float(np.abs(one - other).mean())


def read_classes(
    judge: Any, made: np.ndarray, back: np.ndarray, source: ImageSet, direction: str, degradation: str, **place: Any
) -> Iterator[Row]:
    """The share of images for which a judge of a's classes predicts the class of their source, uint8 (n, h, w, c).

    `made` is the translation of `source` by `direction`, and `back` the translation of that; for images of b, the
    degradation that made b is undone first if possible.
    """
    if judge is None or not judge.n_classes or source.labels is None or made.shape[1:] != judge.image_shape:
        return
    for images, domain, way, where in (
        (made, "b" if direction == "a_to_b" else "a", direction, None),
        (back, "a" if direction == "a_to_b" else "b", "round_trip", "a" if direction == "a_to_b" else "b"),
    ):
        undo = inverse(degradation) if domain == "b" else ""
        if undo is not None:
            read = judge.logits(coarse(images, undo) if undo else images).argmax(axis=1)
            yield row("class_kept", metrics.label_accuracy(read, source.labels), direction=way, where=where, **place)


def partner_rank(made: np.ndarray, targets: np.ndarray) -> float:
    """The median rank, from 1, of image i of `targets` when all are sorted by L1 distance from `made[i]`.

    Both uint8 (n, h, w, c); the first AMONG at most. Ties count as their middle rank.
    """
    flat = [each[:AMONG].reshape(min(len(each), AMONG), -1).astype(np.int16) for each in (made, targets)]
    ranks = []
    for i, image in enumerate(flat[0]):
        distances = np.abs(flat[1] - image).sum(axis=1, dtype=np.int64)
        ranks.append((distances < distances[i]).sum() + ((distances == distances[i]).sum() + 1) / 2)
    return float(np.median(ranks))


def hidden_signal(back: Translate, between: np.ndarray, source: np.ndarray, where: str, **place: Any) -> Iterator[Row]:
    """L1 of round trips of `source`, uint8, whose intermediate image `between`, float32 in [0, 1], is slightly changed.

    A translation may hide its source in a signal that looks like noise (Chu et al. 2017, arXiv:1712.02950). A little
    noise, or JPEG, then spoils the way back. `where` is the domain in which the trip begins, and the change; "exact" is
    no change at all, not even rounding to 8 bits.
    """
    yield row("l1", l1(through(back, between), source), direction="round_trip", where=f"{where} exact", **place)
    for change in CHANGES:
        again = through(back, coarse(to_uint8(between), change))
        yield row("l1", l1(again, source), direction="round_trip", where=f"{where} {change}", **place)
