"""Every recipe at a size that takes a second, for the tests; run as a script, it continues saved models.

`python tests/tiny.py FILE...` is the fresh process of the save-and-continue tests: it loads each `*.keras`, goes on for
STEPS steps and writes the state beside it as `*.npz`.
"""

import functools
import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from tfgans import models
from tfgans.recipe import Recipe
from tfgans.run import Run
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


def go_on(model: Any, start: int, steps: int = STEPS, graph: bool = True) -> dict[str, float]:
    """Train on the batches of steps `start` to `start + steps`; the last logs.

    Without `graph` the operations are run one by one: for a few steps that is faster than tracing them.
    """
    step = traced(model) if graph else model.train_step
    logs: dict[str, float] = {}
    for i in range(start, start + steps):
        logs = {term: float(value) for term, value in step(batch_of(model, i)).items()}
    return logs


def variables(model: Any) -> dict[str, keras.Variable]:
    """Everything that a continuation depends on: weights, statistics, random states, optimizers."""
    found = {f"{i} {v.path}": v for i, v in enumerate(model.variables)}
    for player in model.players:
        found |= {f"{player} {i} {v.path}": v for i, v in enumerate(getattr(model, player).variables)}
    return found


def state(model: Any) -> dict[str, np.ndarray]:
    """The values of `variables`."""
    return {name: np.asarray(keras.ops.convert_to_numpy(v)) for name, v in variables(model).items()}


def put_back(model: Any, values: dict[str, np.ndarray]) -> None:
    """Give a model the `state` that it had."""
    for name, variable in variables(model).items():
        variable.assign(values[name])


def another_seed(run: Run, folder: Path, seed: int) -> Run:
    """A copy of a run as if it were one of another seed: of the same settings, and with other weights."""
    other = Run(shutil.copytree(run.path, folder))
    other.update_config(seed=seed)
    step = other.latest()
    assert step is not None
    model = other.load(step)
    for weight in model.variables:
        if "float" in weight.dtype:  # moving statistics, too; not the states of seed generators
            weight.assign((1 - seed / 10) * weight)
    other.save(model, step)
    return other


def differences(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[str]:
    """The names of what is not bit for bit the same. Names carry counters of the process: only the order matters."""
    assert len(one) == len(other) > 0
    pairs = zip(one.items(), other.values(), strict=True)
    return [name for (name, a), b in pairs if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=True)]


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        name, _, precision = path.stem.split("-")
        models.module(name)
        keras.config.set_dtype_policy(precision)
        model = keras.models.load_model(path)
        go_on(model, STEPS)
        with open(path.with_suffix(".npz"), "wb") as file:
            np.savez(file, **{str(i): value for i, value in enumerate(state(model).values())})
