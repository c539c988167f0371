"""Training on several devices or machines with tf.distribute, to the same weights as on one."""

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.losses import loss  # the division by the number of replicas is not public

from tfgans.adversarial import Adversarial
from tfgans.data.pipeline import Part
from tfgans.errors import Diverged, UserError
from tfgans.recipe import Recipe

NAMES = ("none", "mirrored", "multiworker")
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
DRAWS = ("normal", "truncated_normal", "uniform", "randint")
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError)
STRIDE = 1_000_003  # between the seeds of replicas
NO_CLUSTER = (
    "--strategy multiworker needs to know the workers: set TF_CONFIG in each process, or start them with Slurm's srun; "
    "docs/SCALE.md has examples"
)


@functools.cache  # a second MirroredStrategy would take the keys of the first one's exchanges, and fail
def begin(name: str) -> tf.distribute.Strategy:
    """The strategy of this name. "none" is TensorFlow's default strategy, which has one replica.

    TensorFlow must not have executed any operation before "multiworker" starts its server and finds the others.
    """
    if name not in NAMES:
        raise UserError(f"--strategy takes {', '.join(NAMES)}, not '{name}'")
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(_cluster())
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:  # OSError: Slurm's looks for nvidia-smi
        raise UserError(f"the workers do not connect: {' '.join(str(error).split())[:300]}") from error


def _cluster() -> tf.distribute.cluster_resolver.ClusterResolver:
    """The addresses of all workers, and which of them this process is."""
    text = os.environ.get("TF_CONFIG", "")
    if not text and "SLURM_STEP_NODELIST" in os.environ:
        return tf.distribute.cluster_resolver.SlurmClusterResolver()
    if not text:
        raise UserError(NO_CLUSTER)
    try:
        found = json.loads(text)
        kind, index = found["task"]["type"], int(found["task"]["index"])
        found["cluster"][kind][index]
    except (ValueError, TypeError, LookupError) as error:
        raise UserError(
            'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host0:9000", "host1:9000"]}, '
            '"task": {"type": "worker", "index": 0}}'
        ) from error
    return tf.distribute.cluster_resolver.TFConfigClusterResolver()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run: the only one, or the first worker."""
    return bool(strategy.extended.should_checkpoint)


def has_workers(strategy: tf.distribute.Strategy) -> bool:
    """Whether other processes train with this one."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def check(strategy: tf.distribute.Strategy, recipe: Recipe, precision: str) -> None:
    """Raises UserError if several replicas cannot train as one device would."""
    replicas = strategy.num_replicas_in_sync
    if recipe.batch_size % replicas:
        raise UserError(
            f"a batch of {recipe.batch_size} cannot be divided among {replicas} devices; "
            f"choose a multiple of {replicas} with --batch-size"
        )
    if replicas == 1:
        return
    if precision == "mixed_float16":  # a device whose gradients overflow would wait for the others for ever
        raise UserError("--strategy trains in float32 or mixed_bfloat16: Keras scales the loss on each device alone")
    for player, arguments in recipe.optimizers.items():
        for clip in CLIPS:
            if arguments.get(clip):
                raise UserError(
                    f"--strategy is not for '{player}.{clip}': Keras clips the gradients of each device, not their mean"
                )


def fit(
    strategy: tf.distribute.Strategy,
    model: Adversarial,
    make: Callable[..., tf.data.Dataset],
    steps: int,
    callback: keras.callbacks.Callback,
) -> None:
    """Train for a number of steps. `make(part)` gives the batches of a part of all replicas, `make(part, steps)` of
    these steps."""
    options: dict[str, Any] = dict(epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
    if strategy is tf.distribute.get_strategy():  # the default one
        model.fit(make(Part(), steps), callbacks=[callback], **options)
        return

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        here = context.num_replicas_in_sync // context.num_input_pipelines
        # without an end: workers would otherwise ask each other at each step whether there is a batch left
        return make(Part(context.input_pipeline_id * here, here, context.num_replicas_in_sync))

    model.jit_compile = False  # of a run that began on one device
    separate_dropout(strategy, model)
    callbacks = [callback, Stages()] if len(model.stages) > 1 else [callback]
    try:
        with as_one_device():
            model.fit(strategy.distribute_datasets_from_function(of_process), callbacks=callbacks, **options)
    except LOST as error:
        if not has_workers(strategy):
            raise
        raise UserError("another worker was lost; start all of them again with 'tfgans resume'") from error


@contextlib.contextmanager
def as_one_device() -> Iterator[None]:
    """In this context, models compute on several replicas what they would on one device.

    `keras.random` gives a replica its part of the noise of the whole batch, if the first axis is that of the examples.
    Otherwise all replicas would draw the same noise, because their seed generators have the same state. Losses of
    `keras.losses` stay means over a replica's examples, like those written with `tf.reduce_mean`; Keras would divide
    them by the number of replicas.
    """

    def part_of(draw: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
        def drawn(shape: Any, *arguments: Any, **options: Any) -> tf.Tensor:
            shape, replica = tuple(shape), tf.distribute.get_replica_context()
            if not shape or replica is None or replica.num_replicas_in_sync == 1:
                return draw(shape, *arguments, **options)
            replicas = replica.num_replicas_in_sync
            noise = draw((replicas * shape[0], *shape[1:]), *arguments, **options)
            return tf.reshape(noise, (replicas, *shape))[replica.replica_id_in_sync_group]

        return drawn

    before = [(keras.random, name, getattr(keras.random, name)) for name in DRAWS]
    before.append((loss, "scale_loss_for_distribution", loss.scale_loss_for_distribution))
    try:
        for name in DRAWS:
            setattr(keras.random, name, part_of(getattr(keras.random, name)))
        loss.scale_loss_for_distribution = lambda value: value
        yield
    finally:
        for module, name, function in before:
            setattr(module, name, function)


def separate_dropout(strategy: tf.distribute.Strategy, model: Adversarial) -> None:
    """Give the dropout layers of each replica other seeds than those of the first, which checkpoints hold."""
    states = [v for v in model.variables if v.name == "seed_generator_state" and v is not model.seed_generator.state]

    def shift() -> None:
        replica = tf.distribute.get_replica_context()
        for state in states:
            by = tf.cast(STRIDE * replica.replica_id_in_sync_group, state.dtype)
            state.assign_add(tf.stack([by, tf.zeros_like(by)]))

    if states and strategy.num_replicas_in_sync > 1:
        tf.function(lambda: strategy.run(shift), autograph=False)()  # without a graph TensorFlow prints a warning


class Stages(keras.callbacks.Callback):
    """Traces the step again when a stage ends: with several replicas, the graph holds a single stage."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        done, end = int(self.model.steps_done.numpy()), 0
        for _, steps in self.model.stages[:-1]:
            end += steps
            if done == end:
                self.model.make_train_function(force=True)


class Follower(keras.callbacks.Callback):
    """What workers do that do not write the run: they stop where the first one does."""

    def __init__(self, start: int, every: int) -> None:
        super().__init__()
        self.step, self.every = start, every

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.step += 1
        for term, value in (logs or {}).items():
            if not np.isfinite(value):
                raise Diverged(f"{term} became {float(value)} at step {self.step}")
        if self.step % self.every == 0:
            self.model.reset_metrics()
