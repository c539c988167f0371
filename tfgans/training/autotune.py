"""What a step costs on this machine, in each precision and compile mode; FLOPs; the estimate before a run."""

import functools
import sys
from collections.abc import Callable

import keras
import tensorflow as tf

from tfgans import data
from tfgans.recipe import Recipe
from tfgans.training.environment import has_bfloat16
from tfgans.training.profile import mode_name, timed
from tfgans.training.setup import batches, build


def choose_mode(
    name: str, recipe: Recipe, source: data.ImageSet, seed: int, precision: str, jit: str, rounds: int = 8
) -> tuple[tuple[str, bool], dict[str, float]]:
    """Precision and whether XLA compiles, and the time of a step in each mode that was tried, in milliseconds.

    What is "auto" is the recipe's precision, if it has one, without XLA on a processor; float32 takes the place of
    bfloat16 where the processor has no instructions for it. Points train in float32: they lie closer together than 16
    bits can tell.

    What this leaves open is timed: the fastest mode is taken. The modes take turns and each keeps its fastest step, so
    that a busy moment does not decide. Plain float32 is left only for a gain of 5%.
    """
    gpu = bool(tf.config.list_physical_devices("GPU"))
    if precision == "auto" and source.points:
        precision = "float32"
    elif precision == "auto" and recipe.precision:
        precision = recipe.precision
        if precision == "mixed_bfloat16" and not gpu and not has_bfloat16():
            print("this processor has no instructions for bfloat16: training in float32", file=sys.stderr)
            precision = "float32"
    if jit == "auto" and recipe.precision and not gpu:
        jit = "off"
    precisions = [precision] if precision != "auto" else ["float32", "mixed_float16" if gpu else "mixed_bfloat16"]
    modes = [(p, j) for p in precisions for j in ([False, True] if jit == "auto" else [jit == "on"])]
    if len(modes) == 1:
        return modes[0], {}
    print(f"timing {len(modes)} modes: {', '.join(map(mode_name, modes))}", file=sys.stderr, flush=True)
    steps: dict[tuple[str, bool], Callable[[], float]] = {}
    for mode in modes:
        model = build(name, recipe, seed, *mode)
        batch = next(iter(batches(recipe, source, seed, model.group, 0, 1)))
        step = tf.function(model.train_step, jit_compile=mode[1])
        steps[mode] = functools.partial(timed, step, batch)
        steps[mode]()  # traces and compiles
    best = dict.fromkeys(modes, float("inf"))
    for _ in range(rounds):
        for mode in modes:
            best[mode] = min(best[mode], steps[mode]())
    chosen = min(modes, key=lambda mode: best[mode] * (1.0 if mode == modes[0] else 1.05))
    keras.backend.clear_session()
    return chosen, {mode_name(mode): round(1000 * best[mode], 2) for mode in modes}
