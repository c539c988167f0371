"""Every recipe at a size that takes a second, for the tests; run as a script, it continues saved models.

`python tests/tiny.py FOLDER` is the fresh process of the save-and-continue tests: it loads each `*.keras` in the
folder, goes on for STEPS steps and writes the state beside it as `*.npz`, unless that is there.
"""

import functools
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans import models
from tfgans.recipe import Recipe
from tfgans.training.setup import build

BATCH = 4
STEPS = 2


def tiny(recipe: Recipe) -> Recipe:
    """A recipe of the registry at a size that trains in a second (`models.tiny`)."""
    return next(models.tiny(*case) for case in cases() if models.recipe(*case) == recipe)


def cases() -> list[tuple[str, str]]:
    """(GAN, recipe) of the whole registry."""
    return [(name, key) for name in models.MODELS for key in models.recipes(name)]


def distinct_cases() -> list[tuple[str, str]]:
    """`cases` without those that are like an earlier one but for what `tiny` makes equal."""
    found = {(name, repr(models.tiny(name, key).model)): (name, key) for name, key in reversed(cases())}
    return sorted(found.values(), key=cases().index)


def first_cases() -> list[tuple[str, str]]:
    """(GAN, its first recipe)."""
    return [(name, models.default(name)) for name in models.MODELS]


def usual_cases() -> list[tuple[str, str]]:
    """`cases` whose tiny recipe their file holds: the first ones, and those that differ from them in what they run."""
    return [case for case in cases() if models.has_tiny(*case)]


def marks(name: str, key: str) -> list[pytest.MarkDecorator]:
    """Of a case: what is not usual is slow."""
    return [] if models.has_tiny(name, key) else [pytest.mark.slow]


def tiny_model(name: str, key: str, precision: str = "float32", jit_compile: bool = False) -> Any:
    return build(name, models.tiny(name, key), 7, precision, jit_compile)


def all_players(model: Any) -> int:
    """How many steps it takes until every player has moved: those of later stages wait for the end of earlier ones."""
    return 1 + max(min(model.updates(player), default=0) for player in model.players)


def batch_of(model: Any, step: int) -> dict[str, tf.Tensor]:
    """Noise in the shapes of `model.batch_spec`, with the axis of `group`: another batch at each step."""

    def one(rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {key: array.noise(rng) for key, array in model.batch_spec(BATCH).items()}

    rng = np.random.default_rng(step)
    if model.group is None:
        return {key: tf.constant(value) for key, value in one(rng).items()}
    parts = [one(rng) for _ in range(model.group)]
    return {key: tf.constant(np.stack([part[key] for part in parts])) for key in parts[0]}


@functools.lru_cache(maxsize=1)  # the model of a test, which may go on several times
def traced(model: Any) -> Any:
    """A step as TensorFlow's graph."""
    return tf.function(model.train_step, jit_compile=model.jit_compile)


def go_on(model: Any, start: int, steps: int = STEPS) -> dict[str, float]:
    """Train on the batches of steps `start` to `start + steps`; the last logs."""
    step = traced(model)
    logs: dict[str, float] = {}
    for i in range(start, start + steps):
        logs = {term: float(value) for term, value in step(batch_of(model, i)).items()}
    return logs


def state(model: Any) -> dict[str, np.ndarray]:
    """Everything that a continuation depends on: weights, statistics, random states, optimizers."""
    found = {f"{i} {v.path}": v for i, v in enumerate(model.variables)}
    for player in model.players:
        found |= {f"{player} {i} {v.path}": v for i, v in enumerate(getattr(model, player).variables)}
    return {name: np.asarray(keras.ops.convert_to_numpy(v)) for name, v in found.items()}


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """The names of what is not bit for bit the same. Names carry counters of the process: only the order matters."""
    assert len(one) == len(other) > 0
    pairs = zip(one.items(), other.values(), strict=True)
    return [name for (name, a), b in pairs if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True)]


if __name__ == "__main__":
    waiting = [path for path in Path(sys.argv[1]).glob("*.keras") if not path.with_suffix(".npz").exists()]
    for path in sorted(waiting):
        name, _, precision = path.stem.split("-")
        models.module(name)
        keras.config.set_dtype_policy(precision)
        model = keras.models.load_model(path)
        go_on(model, STEPS)
        with open(path.with_suffix(".npz"), "wb") as file:
            np.savez(file, **{str(i): value for i, value in enumerate(state(model).values())})
