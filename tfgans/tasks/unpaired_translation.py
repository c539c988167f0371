"""Two-way translation between domains: as sets in both directions, round trips, and pairs where file names agree."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.images import grid
from tfgans.inference.exported import Exported
from tfgans.metrics.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import Examples, Measured, Subject, row
from tfgans.tasks.translation import SHOWN, between, between_sets, coloured, domains_of, one, translated

DIRECTIONS = (("a_to_b", "a", "b"), ("b_to_a", "b", "a"))
SHOWS_ALL = False  # in the README, also cards without a model


def features_of(card: Card) -> str | None:
    return card.protocol.get("asked_features")


def measure(model: Exported, subject: Subject) -> Measured:
    """Kernel and Frechet distance in both directions (with features), L1 of the round trip and of the identity.

    `of` input: the untranslated images ("do nothing"); `of` train: the other domain's training images, the floor. L1
    is in [0, 1]. The round trip's `where` is the domain it begins in, the identity's that of the image that a
    generator of its own domain is given; identities need domains of as many channels. Where file names agree, L1, PSNR
    and SSIM beside the hidden partner.
    """
    test, train = domains_of(subject, "test", subject.n), domains_of(subject, "train", subject.n)
    name = subject.label
    rows: list[Row] = []
    protocol: dict[str, Any] = {
        "tests": [name],
        "n_images": {f"{name} {side}": len(one(test, side)) for side in ("a", "b")},
        "split": "test",
        "pairs": test.aligned,
        "asked_features": subject.features,
    }
    ways = {name: functools.partial(model.call, name) for name in ("a_to_b", "b_to_a")}
    for direction, here, there in DIRECTIONS:
        back = "b_to_a" if direction == "a_to_b" else "a_to_b"
        source, target = one(test, here), one(test, there)
        made = translated(ways[direction], source)
        place = {"test": name, "direction": direction}
        sets = {"model": made, "train": one(train, there).images, "input": source.images}
        more, network = between_sets(subject.features, target.images, sets, **place)
        rows, protocol = rows + more, protocol | network
        again = _l1(_through(ways[back], made), source.images)
        rows.append(row("l1", again, test=name, direction="round_trip", where=here))
        if source.images.shape[-1] == target.images.shape[-1]:
            same = _l1(translated(ways[direction], target), target.images)
            rows.append(row("l1", same, test=name, direction="identity", where=there))
        if test.aligned and made.shape == target.images.shape:
            rows += between(made, target.images, "model", **place)
            if source.images.shape == target.images.shape:
                rows += between(source.images, target.images, "input", **place)
    return Measured(protocol, rows)


def _through(translate: Callable[[np.ndarray], np.ndarray], images: np.ndarray, batch: int = 8) -> np.ndarray:
    """uint8 images through an endpoint: float32 in [0, 1]."""
    parts = [translate(images[i : i + batch].astype(np.float32) / 255) for i in range(0, len(images), batch)]
    return np.concatenate(parts)


def _l1(made: np.ndarray, images: np.ndarray) -> float:
    """The mean absolute difference, in [0, 1], of images, uint8 or float in [0, 1]."""
    one, other = (each / 255 if each.dtype == np.uint8 else each for each in (made, images))
    return float(np.abs(one - other).mean())


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Test images, not selected: rows of a, a as b and back; below them of b, b as a and back."""
    test = domains_of(subject, "test", SHOWN)
    ways = {name: functools.partial(model.call, name) for name in ("a_to_b", "b_to_a")}
    rows = []
    for direction, here, _ in DIRECTIONS:
        back = "b_to_a" if direction == "a_to_b" else "a_to_b"
        images = one(test, here).images[:SHOWN]
        made = _through(ways[direction], images)
        for each in (images / 255, made, ways[back](made)):
            rows.append(coloured(np.asarray(each, np.float32)))
    columns = min(len(each) for each in rows)
    return grid(np.concatenate([each[:columns] for each in rows]), columns)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """Rows of a, a as b and back; below them of b, b as a and back."""
    batch = examples(SHOWN)
    a, b = (batch["a"] + 1.0) / 2.0, (batch["b"] + 1.0) / 2.0

    @tf.function
    def rows() -> list[tf.Tensor]:
        there, back = model.a_to_b(a), model.b_to_a(b)
        return [a, there, model.b_to_a(there), b, back, model.a_to_b(back)]

    return lambda: grid(np.concatenate([coloured(each.numpy()) for each in rows()]), SHOWN)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of the README's table of unpaired translations, one a direction; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "unpaired_translation":
            continue
        (test,) = card.protocol["tests"]
        for direction, here, there in DIRECTIONS:
            count = card.protocol["n_images"][f"{test} {there}"]
            columns = [f"{test} ({count:,})", f"{here} to {there}"]
            found: list[tuple[str, str, str, str | None]]
            found = [("kernel_distance", of, direction, None) for of in ("model", "input", "train")]
            found += [("l1", of, direction, None) for of in ("model", "input")]
            found += [("l1", "model", "round_trip", here), ("l1", "model", "identity", there)]
            for measure, of, way, where in found:
                columns.append(cell(card.values(measure, of, test, where, way), 3))
            lines.append(
                f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} | {len(card.training_seeds)} |"
            )
    head = (
        "| model | images | direction | kernel distance | input | floor | L1 to the partner | input | round trip "
        "| identity | seeds |"
    )
    return [head, "|---" * 11 + "|", *lines] if lines else []
