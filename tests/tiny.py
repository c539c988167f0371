"""Every recipe at a size that takes a second, for the tests; run as a script, it continues saved models.

`python tests/tiny.py FOLDER` is the fresh process of the save-and-continue tests: it loads each `*.keras` in the
folder, goes on for STEPS steps and writes the state beside it as `*.npz`, unless that is there.
"""

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from tfgans import models
from tfgans.recipe import Recipe
from tfgans.training.setup import build

BATCH = 4
STEPS = 2


def tiny(recipe: Recipe) -> Recipe:
    """The recipe with batches of 4, and every integer argument of the model whose name contains "width" at 12.

    Glimpses are at most 3. Restorations also get small crops (parts, holes), two blocks, one step of pre-training and
    no content network; the unrolled look two steps ahead.
    """
    narrow = {
        name: min(12, value)
        for name, value in recipe.model.items()
        if "width" in name and isinstance(value, int) and not isinstance(value, bool)
    }
    if "unroll" in recipe.model:
        narrow["unroll"] = min(2, recipe.model["unroll"])
    if "glimpses" in recipe.model:
        narrow["glimpses"] = min(3, recipe.model["glimpses"])
    if recipe.degradation:
        side = 28 if recipe.model.get("factor") == 7 else 32
        narrow["image_shape"] = (side, side, recipe.model["image_shape"][2])
        narrow |= {"classes": min(10, recipe.model["classes"])} if "classes" in recipe.model else {}
        small = {"blocks": 2, "pretrain_steps": 1, "content": "none", "part": 8}
        narrow |= {name: value for name, value in small.items() if name in recipe.model}
    degradation = "mask:8" if recipe.degradation.startswith("mask") else recipe.degradation
    model = {**recipe.model, **narrow}
    return dataclasses.replace(recipe, model=model, batch_size=BATCH, steps=8, degradation=degradation)


def cases() -> list[tuple[str, str]]:
    """(GAN, recipe) of the whole registry."""
    return [(name, key) for name in models.MODELS for key in models.module(name).RECIPES]


def distinct_cases() -> list[tuple[str, str]]:
    """`cases` without those that are like an earlier one but for what `tiny` makes equal."""
    found = {(name, repr(tiny(models.recipe(name, key)).model)): (name, key) for name, key in reversed(cases())}
    return sorted(found.values(), key=cases().index)


def first_cases() -> list[tuple[str, str]]:
    """(GAN, its first recipe)."""
    return [(name, next(iter(models.module(name).RECIPES))) for name in models.MODELS]


def tiny_model(name: str, key: str, precision: str = "float32", jit_compile: bool = False) -> Any:
    return build(name, tiny(models.recipe(name, key)), 7, precision, jit_compile)


def all_players(model: Any) -> int:
    """How many steps it takes until every player has moved: those of later stages wait for the end of the first."""
    return 1 + (model.stages[0][1] or 0 if model.stages else 0)


def batch_of(model: Any, step: int) -> dict[str, tf.Tensor]:
    """Noise in the shapes of `model.batch_spec`, with the axis of `group`: another batch at each step."""

    def one(rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {key: array.noise(rng) for key, array in model.batch_spec(BATCH).items()}

    rng = np.random.default_rng(step)
    if model.group is None:
        return {key: tf.constant(value) for key, value in one(rng).items()}
    parts = [one(rng) for _ in range(model.group)]
    return {key: tf.constant(np.stack([part[key] for part in parts])) for key in parts[0]}


def go_on(model: Any, start: int, steps: int = STEPS) -> dict[str, float]:
    """Train on the batches of steps `start` to `start + steps`; the last logs."""
    step = tf.function(model.train_step, jit_compile=model.jit_compile)
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
