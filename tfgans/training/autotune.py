"""Choosing the fastest precision and compile mode on this machine: timed once and remembered."""

import dataclasses
import functools
import hashlib
import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgans import data, models
from tfgans.files import cache_folder, plain, write_json
from tfgans.recipe import Recipe
from tfgans.training.environment import has_bfloat16, machine, usable_precision
from tfgans.training.profile import guessed_flops, mode_name, timeable, timed
from tfgans.training.setup import batches, build, network_of

Mode = tuple[str, bool]  # precision, and whether XLA compiles

SHARE = 0.05  # of the training that timing may take
FIRST = 2.0  # seconds that building a model and its first step take
FASTEST = {"CPU": 1e11, "GPU": 2e13}  # floating-point operations a second of a core or GPU: upper bounds
ROUNDS = 8
SLOW = 2.0  # times the fastest step: a mode with a slower first step is dropped
COMPILING = 4.0  # times as long to start as other modes: XLA


def choose_mode(
    name: str,
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    precision: str,
    jit: str,
    seconds: float | None = None,
) -> tuple[Mode, dict[str, float]]:
    """The mode to train in, and the time of a step in each mode that was tried, in milliseconds.

    The modes left open by `candidates` are timed for at most a twentieth of the training, which takes `seconds` or an
    estimated time: first from the sizes of the networks (if that is too short, nothing is timed), then from a step.
    The modes take turns and each keeps its fastest step, so that a busy moment does not decide. Another mode than
    float32 is chosen only for a gain of 5%. The choice is remembered for the same machine, network and versions.
    """
    modes = candidates(recipe, source.points, precision, jit)
    if len(modes) == 1:
        return modes[0], {}
    known = Remembered(name, recipe, modes)
    if known.mode:
        return known.mode, known.timings
    began = time.perf_counter()
    model = network_of(name, recipe)
    flops = guessed_flops(model, recipe.batch_size)
    whole = seconds or recipe.steps * flops / fastest()
    if SHARE * whole < FIRST * len(modes):
        return modes[0], {}
    part = timeable(model, recipe.batch_size, flops)
    best = _time(name, dataclasses.replace(recipe, batch_size=part), source, seed, modes, began, seconds)
    keras.backend.clear_session()
    chosen = min(best, key=lambda mode: best[mode] * (1.0 if mode == modes[0] else 1.05))
    timings = {mode_name(mode): round(1000 * best[mode] * recipe.batch_size / part, 2) for mode in best}
    if len(best) == len(modes):
        known.remember(chosen, timings)
    return chosen, timings


def candidates(recipe: Recipe, points: bool, precision: str, jit: str) -> list[Mode]:
    """The modes worth trying, plain float32 first if it is one of them.

    "auto" stands for the recipe's precision, if it has one. Points train in float32, because they lie closer together
    than 16 bits can resolve. bfloat16 requires a processor with instructions for it, and XLA, by default, a GPU.
    """
    gpu = bool(tf.config.list_physical_devices("GPU"))
    precisions = [precision]
    if precision == "auto" and points:
        precisions = ["float32"]
    elif precision == "auto" and recipe.precision:
        precisions = [usable_precision(recipe.precision)]
    elif precision == "auto":
        faster = ["mixed_float16"] if gpu else ["mixed_bfloat16"] if has_bfloat16() else []
        precisions = ["float32", *faster]
    compiled = [False, True] if jit == "auto" and gpu else [jit == "on"]
    return [(p, j) for p in precisions for j in compiled]


def fastest() -> float:
    """Floating-point operations a second that training steps on this machine hardly exceed."""
    here = machine()
    return here["gpus"] * FASTEST["GPU"] or here["cores"] * FASTEST["CPU"]


def _time(
    name: str,
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    modes: list[Mode],
    began: float,
    seconds: float | None,
) -> dict[Mode, float]:
    """The seconds of a step in each mode, as far as time permits, but always of the first mode."""
    print(f"timing {len(modes)} modes: {', '.join(map(mode_name, modes))}", file=sys.stderr, flush=True)
    best: dict[Mode, float] = {}
    steps: dict[Mode, Callable[[], float]] = {}
    first, end = 0.0, float("inf")
    for mode in modes:
        now = time.perf_counter()
        if best and now + first * (COMPILING if mode[1] else 1.0) > end:
            break
        model = build(name, recipe, seed, *mode)
        batch = next(iter(batches(recipe, source, seed, model.group, 0, 1)))
        step = functools.partial(timed, tf.function(model.train_step, jit_compile=mode[1]), itertools.repeat(batch))
        step()  # traces and compiles
        took = step()
        if not best:
            first = time.perf_counter() - now
            end = began + SHARE * (seconds or recipe.steps * took)
        if took < SLOW * min(best.values(), default=took):
            steps[mode] = step
        best[mode] = took
    for mode in list(steps) * (ROUNDS - 1):
        if time.perf_counter() + best[mode] > end:
            break
        best[mode] = min(best[mode], steps[mode]())
    return best


class Remembered:
    """The choice for a network and batch size on this machine with these versions, kept in the user's cache.

    Attributes:
        mode: The choice, or None.
        timings: The milliseconds of a step, by the name of the mode.
    """

    def __init__(self, name: str, recipe: Recipe, modes: list[Mode]) -> None:
        file = models.module(name).__file__ or ""
        asked = {
            "machine": machine(),
            "gan": [models.label(name), hashlib.sha256(Path(file).read_bytes()).hexdigest()],
            "recipe": [recipe.model, recipe.optimizers, recipe.batch_size],
            "modes": modes,
        }
        self.key = hashlib.sha256(json.dumps(plain(asked), sort_keys=True).encode()).hexdigest()
        folder = cache_folder()
        self.path = None if folder is None else folder / "modes.json"
        self.mode: Mode | None = None
        self.timings: dict[str, float] = {}
        found = self._read().get(self.key)
        for mode in modes:
            if isinstance(found, dict) and found.get("mode") == mode_name(mode):
                self.mode, self.timings = mode, found.get("timings_ms", {})

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8")) if self.path else {}
        except (OSError, ValueError):  # absent or damaged: it will be written again
            return {}
        return content if isinstance(content, dict) else {}

    def remember(self, mode: Mode, timings: dict[str, float]) -> None:
        """Store a choice. If the cache cannot be written, the choice is made again the next time."""
        if self.path is not None:
            try:
                write_json(self.path, {**self._read(), self.key: {"mode": mode_name(mode), "timings_ms": timings}})
            except OSError:
                pass
