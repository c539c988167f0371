"""The cost of a step on this machine, in time and FLOPs, and the estimate before a run."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgans import data
from tfgans.adversarial import Adversarial
from tfgans.recipe import Recipe
from tfgans.training.environment import duration
from tfgans.training.setup import batch_signature, batches, build

MOST = 1_000  # steps that are timed
LARGEST_STEP = 2e11  # floating-point operations of a timed step: two seconds on two older cores
LARGEST_BATCH = 3e7  # bytes of a timed step's batch
CALLS = {  # operations that run functions: those of which one runs
    "PartitionedCall": ("f",),
    "StatefulPartitionedCall": ("f",),
    "While": ("body",),
    "StatelessWhile": ("body",),
    "If": ("then_branch", "else_branch"),
    "StatelessIf": ("then_branch", "else_branch"),
    "Case": ("branches",),
    "StatelessCase": ("branches",),
}


def timed(step: Callable[..., dict[str, tf.Tensor]], given: Iterator[dict[str, tf.Tensor]]) -> float:
    """The seconds of one step on the next batch, until its logs are available."""
    began = time.perf_counter()
    _ = {k: float(v) for k, v in step(next(given)).items()}
    return time.perf_counter() - began


def mode_name(mode: tuple[str, bool]) -> str:
    return f"{mode[0]}{' XLA' if mode[1] else ''}"


def describe(
    name: str, recipe: Recipe, source: data.ImageSet | data.Domains, mode: tuple[str, bool], timings: dict[str, float]
) -> None:
    """Print an estimate of a run: parameters, FLOPs and time of a step, and the total time."""
    model = build(name, recipe, 0, *mode)
    flops = step_flops(model, recipe.batch_size)
    part = timeable(model, recipe.batch_size, flops)
    stages = stages_of(model, recipe)
    if mode_name(mode) in timings and len(stages) == 1:
        seconds = [timings[mode_name(mode)] / 1000]
    else:
        found = step_seconds(model, dataclasses.replace(recipe, batch_size=part), source, 0, mode[1])
        seconds = [each * recipe.batch_size / part for each in found]
    for player, networks in model.players.items():
        count = sum(int(np.prod(w.shape)) for w in model.weights_of(player))
        print(f"{player:20} {count:>12,} parameters ({', '.join(networks)})")
    print(f"{'data':20} {len(source):>12,} images of {recipe.dataset}, batches of {recipe.batch_size}")
    times = " and then ".join(f"{1000 * each:.1f}" for each in seconds)
    print(f"{'step':20} {flops / 1e9:>12,.4g} GFLOP, {times} ms in {mode_name(mode)}")
    if part < recipe.batch_size:
        print(
            f"{'':20} {'':12} not timed: {recipe.batch_size:,} images are too many; scaled up from steps with {part:,}"
        )
    for other, milliseconds in timings.items():
        print(f"{'':20} {milliseconds:>12,.1f} ms in {other}")
    whole = sum(each * count for each, (_, count) in zip(seconds, stages, strict=True))
    print(f"{'run':20} {recipe.steps:>12,} steps, about {duration(whole)}")


def stages_of(model: Adversarial, recipe: Recipe) -> list[tuple[int, int]]:
    """The first step and the number of steps of each stage in this run."""
    found, begun = [], 0
    for _, steps in model.stages or (("", None),):
        count = min(recipe.steps - begun, recipe.steps if steps is None else steps)
        if count > 0:
            found.append((begun, count))
        begun += steps or 0
    return found


def step_seconds(
    model: Adversarial,
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    jit_compile: bool,
    at_least: float = 0.0,
) -> list[float]:
    """The seconds of a step in each stage: the fastest of five, or the mean over `at_least` seconds.

    This trains the model, which cannot be used afterwards.
    """
    enough = at_least or 3.0
    step = tf.function(model.train_step, jit_compile=jit_compile)
    found = []
    for start, _ in stages_of(model, recipe):
        given = iter(batches(recipe, source, seed, model.group, 0, MOST + 1))
        took: list[float] = []
        for _ in range(MOST + 1):
            if model.stages:
                model.steps_done.assign(start)
            took.append(timed(step, given))
            if sum(took[1:]) >= enough or (len(took) > 5 and not at_least):
                break
        del took[0]  # it included tracing and compiling
        found.append(sum(took) / len(took) if at_least else min(took))
    return found


def timeable(model: Adversarial, batch_size: int, flops: float) -> int:
    """The number of examples to time a step with: all, unless that would take minutes or gigabytes."""
    held = sum(4 * math.prod(spec.shape) for spec in batch_signature(model, batch_size).values())
    return max(1, int(batch_size / max(flops / LARGEST_STEP, held / LARGEST_BATCH, 1.0)))


def guessed_flops(model: Adversarial, batch_size: int) -> float:
    """A lower bound of a step's floating-point operations: one forward and backward pass through every layer."""
    total = 0
    for network in {name for networks in model.players.values() for name in networks}:
        for layer in getattr(model, network)._flatten_layers():
            if getattr(layer, "kernel", None) is not None:
                total += math.prod(layer.kernel.shape) * _positions(layer)
    return 6.0 * total * batch_size * (model.group or 1)


def _positions(layer: keras.Layer) -> int:
    """The number of positions where a layer's kernel is applied; 1 if that is unknown before a call."""
    try:
        given, made = layer.input.shape, layer.output.shape
    except (AttributeError, ValueError):  # not part of exactly one graph of layers
        return 1
    return min(math.prod(side or 1 for side in shape[1:-1]) for shape in (given, made))


def step_flops(model: Adversarial, batch_size: int) -> int:
    """Floating-point operations of a step on `batch_size` examples; with stages, of the most expensive one."""
    signature = batch_signature(model, batch_size)
    steps = [getattr(model, name) for name, _ in model.stages] or [model.train_step]
    return max(count_flops(tf.function(step).get_concrete_function(signature)) for step in steps)


def count_flops(function: Any) -> int:
    """Floating-point operations of matrix products and convolutions in a concrete function, forward and backward."""
    return _flops(function.graph, {})


def _flops(graph: Any, outer: dict[str, Any]) -> int:
    functions = {**outer, **getattr(graph, "_functions", {})}
    total = 0
    for op in _executed(graph):
        if op.type in CALLS:
            names = [f.name for name in CALLS[op.type] for f in _listed(op.get_attr(name))]
            bodies = [getattr(functions.get(name), "graph", None) for name in names]
            total += _repeats(op) * max((_flops(body, functions) for body in bodies if body), default=0)
        else:
            total += _product_flops(op)
    return total


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _repeats(op: tf.Operation) -> int:
    """How often a loop runs at most: 1 if that is unknown, and for what is not a loop."""
    return int(tf.get_static_value(op.inputs[1]) or 1) if op.type.endswith("While") else 1


def _product_flops(op: tf.Operation) -> int:
    """2 x multiplications of a matrix product or a convolution; 0 for other operations and unknown shapes."""
    if op.type in ("MatMul", "BatchMatMulV2"):
        inner = op.inputs[0].shape[-2 if op.get_attr(_transposed(op)) else -1]
        return 2 * (op.outputs[0].shape.num_elements() or 0) * (inner or 0)
    if not op.type.startswith("Conv2D"):
        return 0
    # kernel elements x positions of the smaller map: the same forward and in both gradients
    kernel = op.outputs[0].shape if op.type.endswith("Filter") else op.inputs[1].shape
    small = op.outputs[0].shape if op.type == "Conv2D" else op.inputs[2].shape
    return 2 * math.prod(side or 0 for side in small[:3]) * (kernel.num_elements() or 0)


def _executed(graph: Any) -> list[tf.Operation]:
    """The operations that TensorFlow executes of a traced graph: outputs, effects and their dependencies."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    waiting += [op for op in graph.get_operations() if op.op_def and op.op_def.is_stateful and not op.outputs]
    found: dict[str, tf.Operation] = {}
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found[op.name] = op
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return list(found.values())


def _transposed(op: tf.Operation) -> str:
    return "transpose_a" if op.type == "MatMul" else "adj_x"
