"""Two-way translation between domains: distances of sets in both directions, round trips, and pairs by file name."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data.palettes import palette as palette_of
from tfgans.features import load_features
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.names import cell, distance
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import Examples, Measured, Subject, hidden_pairs, row
from tfgans.tasks.hidden_pairs import l1, partner_rank, through
from tfgans.tasks.segmented import read_segments, without_segmenter
from tfgans.tasks.translation import SHOWN, between, between_sets, coloured, domains_of, of_labels, one

DIRECTIONS = (("a_to_b", "a", "b"), ("b_to_a", "b", "a"))
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ()  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return card.protocol.get("asked_features")


def measure(model: Exported, subject: Subject) -> Measured:
    """Kernel and Frechet distance in both directions (with features), L1 of the round trip and of the identity.

    `of` input: the untranslated images ("do nothing"); `of` train: the other domain's training images, the floor. L1
    is in [0, 1]. The round trip's `where` is the domain in which it begins. The identity is measured by translating an
    image into its own domain (`where`), which needs domains with as many channels. Further round trips are those of
    `hidden_pairs.hidden_signal`. If file names match, also L1, PSNR and SSIM to the hidden partner, and its rank.

    If the recipe has an `image_palette`, b holds its label maps: translations of a are also measured as label maps, and
    a segmenter scores translations of b. With a judge, the share of images that keep their class.
    """
    test, train = domains_of(subject, "test", subject.n), domains_of(subject, "train", subject.n)
    name, recipe = subject.label, subject.recipe
    rows: list[Row] = []
    protocol: dict[str, Any] = {
        "tests": [name],
        "n_images": {f"{name} {side}": len(one(test, side)) for side in ("a", "b")},
        "split": "test",
        "pairs": test.aligned,
        "asked_features": subject.features,
    }
    features, _ = without_segmenter(subject.features)
    judge: Any = load_features(features) if features and features.startswith("judge:") else None
    ways = {name: functools.partial(model.call, name) for name in ("a_to_b", "b_to_a")}
    for direction, here, there in DIRECTIONS:
        back = ways["b_to_a" if direction == "a_to_b" else "a_to_b"]
        source, target = one(test, here), one(test, there)
        between_both = through(ways[direction], source.images)
        made = to_uint8(between_both)
        place = {"test": name, "direction": direction}
        sets = {"model": made, "train": one(train, there).images, "input": source.images}
        more, network = between_sets(features, target.images, sets, **place)
        rows, protocol = rows + more, protocol | network
        again = through(back, made)
        rows.append(row("l1", l1(again, source.images), test=name, direction="round_trip", where=here))
        few = slice(hidden_pairs.AMONG)
        rows += hidden_pairs.hidden_signal(back, between_both[few], source.images[few], here, test=name)
        rows += hidden_pairs.read_classes(
            judge, made, to_uint8(again), source, direction, recipe.degradation, test=name
        )
        if source.images.shape[-1] == target.images.shape[-1]:
            same = l1(through(ways[direction], target.images), target.images)
            rows.append(row("l1", same, test=name, direction="identity", where=there))
        if test.aligned and made.shape == target.images.shape:
            rows += between(made, target.images, "model", **place)
            rows.append(row("partner_rank", partner_rank(made, target.images), **place))
            if source.images.shape == target.images.shape:
                rows += between(source.images, target.images, "input", **place)
                rows.append(row("partner_rank", partner_rank(source.images, target.images), "input", **place))
        if recipe.image_palette and test.aligned and there == "b":
            rows += of_labels(made, target.images, palette_of(recipe.image_palette), **place)
        if recipe.segmenter and test.aligned and there == "a":
            photos = {"model": made, "real": target.images}
            maps = {"source": test.roles["b"], "target": test.roles["a"]}
            one_way = dataclasses.replace(subject, recipe=dataclasses.replace(recipe, sets=maps))
            more, network = read_segments(one_way, {}, photos, **place)
            rows, protocol = rows + more, protocol | network
    return Measured(protocol, rows)


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Test images, not selected: rows of a, a as b and back; below, rows of b, b as a and back."""
    test = domains_of(subject, "test", SHOWN)
    ways = {name: functools.partial(model.call, name) for name in ("a_to_b", "b_to_a")}
    rows = []
    for direction, here, _ in DIRECTIONS:
        back = "b_to_a" if direction == "a_to_b" else "a_to_b"
        images = one(test, here).images[:SHOWN]
        made = through(ways[direction], images)
        for each in (images / 255, made, ways[back](made)):
            rows.append(coloured(np.asarray(each, np.float32)))
    columns = min(len(each) for each in rows)
    return grid(np.concatenate([each[:columns] for each in rows]), columns)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """Rows of a, a as b and back; below, rows of b, b as a and back."""
    batch = examples(SHOWN)
    a, b = (batch["a"] + 1.0) / 2.0, (batch["b"] + 1.0) / 2.0

    @tf.function
    def rows() -> list[tf.Tensor]:
        there, back = model.a_to_b(a), model.b_to_a(b)
        return [a, there, model.b_to_a(there), b, back, model.a_to_b(back)]

    return lambda: grid(np.concatenate([coloured(each.numpy()) for each in rows()]), SHOWN)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of unpaired translations, one a direction; none without cards."""
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
                values = card.values(measure, of, test, where, way)
                columns.append(distance(values) if measure == "kernel_distance" else cell(values, 3))
            lines.append(
                f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} | {len(card.training_seeds)} |"
            )
    head = (
        "| model | images | direction | kernel distance | input | floor | L1 to the partner | input | round trip L1 "
        "| identity L1 | seeds |"
    )
    return [head, "|---" * 11 + "|", *lines] if lines else []
