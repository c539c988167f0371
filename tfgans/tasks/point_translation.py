"""Two-way translation between mixtures of Gaussians with countable modes: is the learned mapping one to one?"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data import ImageSet
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.images import grid, scatter
from tfgans.inference.exported import Exported
from tfgans.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import Examples, Measured, Subject, row
from tfgans.tasks.mode_coverage import WITHIN
from tfgans.tasks.translation import domains_of, one

DIRECTIONS = (("a_to_b", "a", "b"), ("b_to_a", "b", "a"))
POINTS = 1_000  # in a preview and on a sheet
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ()  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return None


def measure(model: Exported, subject: Subject) -> Measured:
    """For up to `n` test points in each direction: the modes they reach, and whether these identify their sources.

    `modes`, `high_quality` and `kl_to_uniform` are those of `mode_coverage` for the target's modes; `of` real: of the
    target's own points. `source_identified` is `metrics.source_identified`; if the target has fewer modes than the
    source, it cannot exceed their ratio. `l1` of the round trip is in [0, 1], as in unpaired translation.
    """
    subject.without_tests()
    test, name = domains_of(subject, "test", subject.n), subject.label
    rows: list[Row] = []
    for direction, here, there in DIRECTIONS:
        source, target = one(test, here), one(test, there)
        mixture, labels = _mixture(target), source.labels
        assert labels is not None
        given = (source.images + 1.0) / 2.0
        made = model.call(direction, given)
        back = model.call("b_to_a" if direction == "a_to_b" else "a_to_b", made)
        found = metrics.mode_coverage(mixture.coordinates(made), mixture.means, mixture.sigma, WITHIN)
        real = mixture.coordinates((target.images + 1.0) / 2.0)
        ceiling = metrics.mode_coverage(real, mixture.means, mixture.sigma, WITHIN).high_quality
        shares = metrics.class_histogram(found.nearest, len(mixture.means)) / len(made)
        place = {"test": name, "direction": direction}
        rows += [
            row("modes", found.modes, **place),
            row("high_quality", found.high_quality, **place),
            row("high_quality", ceiling, "real", **place),
            row("kl_to_uniform", metrics.kl_to_uniform(shares), **place),
            row("source_identified", metrics.source_identified(found.nearest, labels), **place),
            row("l1", np.abs(back - given).mean(), test=name, direction="round_trip", where=here),
        ]
    sizes = {side: len(one(test, side)) for side in ("a", "b")}
    protocol: dict[str, Any] = {
        "tests": [name],
        "split": "test",
        "features": f"coordinates, within {WITHIN:g} sigma",
        "features_sha256": "",
        "n_images": {f"{name} {side}": size for side, size in sizes.items()},
        "modes": {side: len(_mixture(one(test, side)).means) for side in ("a", "b")},
    }
    return Measured(protocol, rows)


def _mixture(points: ImageSet) -> Any:
    if points.name not in MIXTURES:
        raise UserError(f"'{points.name}' has points of unknown modes; the known mixtures are {', '.join(MIXTURES)}")
    return MIXTURES[points.name]


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Test points in six panels: a, a as b, and back; below, b, b as a, and back."""
    test = domains_of(subject, "test", POINTS)
    ways = {name: functools.partial(model.call, name) for name in ("a_to_b", "b_to_a")}
    sets = [one(test, side) for side in ("a", "b")]
    (a, b), labels = [(each.images + 1.0) / 2.0 for each in sets], [each.labels for each in sets]
    made_b, made_a = ways["a_to_b"](a), ways["b_to_a"](b)
    return _panels(a, made_b, ways["b_to_a"](made_b), b, made_a, ways["a_to_b"](made_a), *labels)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """The panels of the sheet."""
    batch = examples(POINTS)
    a, b = (batch["a"] + 1.0) / 2.0, (batch["b"] + 1.0) / 2.0

    @tf.function
    def rows() -> list[tf.Tensor]:
        made_b, made_a = model.a_to_b(a), model.b_to_a(b)
        return [a, made_b, model.b_to_a(made_b), b, made_a, model.a_to_b(made_a)]

    labels = [batch[key].numpy() for key in ("a_label", "b_label")]
    return lambda: _panels(*(each.numpy() for each in rows()), *labels)


def _panels(
    a: np.ndarray,
    made_b: np.ndarray,
    back_a: np.ndarray,
    b: np.ndarray,
    made_a: np.ndarray,
    back_b: np.ndarray,
    from_a: np.ndarray | None,
    from_b: np.ndarray | None,
) -> np.ndarray:
    """Points over the real ones of their domain, in the colours of their source modes."""
    panels = [scatter(each, real, labels=from_a) for each, real in ((a, None), (made_b, b), (back_a, a))]
    panels += [scatter(each, real, labels=from_b) for each, real in ((b, None), (made_a, a), (back_b, b))]
    return grid(np.stack(panels) / np.float32(255), 3)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of translations between mixtures, one a direction; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "point_translation":
            continue
        (test,) = card.protocol["tests"]
        for direction, here, there in DIRECTIONS:
            columns = [f"{here} to {there}", cell(card.values("modes", "model", test, None, direction), 1)]
            columns.append(str(card.protocol["modes"][there]))
            columns += [
                cell(card.values("high_quality", "model", test, None, direction), 1, 100),
                cell(card.values("kl_to_uniform", "model", test, None, direction)),
                cell(card.values("source_identified", "model", test, None, direction), 1, 100),
                cell(card.values("l1", "model", test, here, "round_trip"), 3),
                str(len(card.training_seeds)),
            ]
            lines.append(f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} |")
    head = (
        "| model | direction | modes found | of | within 3 sigma of a mode % | KL to uniform (nats) "
        "| source identified % | round trip L1 | seeds |"
    )
    return [head, "|---" * 9 + "|", *lines] if lines else []
