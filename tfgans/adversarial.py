"""The base class of all GANs, with everything that is not specific to a paper.

It provides one optimizer per player, loss tracking, random state, and saving with exact resume. Losses, penalties and
the order of updates are the algorithm, and are in each model's own file.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras.src.utils import naming  # `reset_uids` is not public in Keras 3

import tfgans.training.keras_defaults  # noqa: F401  (before layers are made)
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError

Stages = tuple[tuple[str, int | None], ...]

# TensorFlow's automatic control dependencies are ordered differently at each tracing, and its dependency pass turns
# each order into another order of sums: without the pass, the same step gives the same bits everywhere. The remapper
# fails on graphs that the dependency pass has not processed, and prints errors.
tf.config.optimizer.set_experimental_options({"dependency_optimization": False, "remapping": False})


Fall = tuple[float, float, float]


@keras.saving.register_keras_serializable(package="tfgans")
class HoldThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that is constant and then falls linearly, as a function of the number of a player's own updates.

    `falls` are `(end, length, to)`: over the `length` steps before step `end` the rate falls linearly to `to` times
    its value, and stays there. With a length of 0 it drops at once. Several falls are multiplied.

    `updates` are `(first, times)` in ascending order: from step `first` on the player is updated `times` times per
    step, and never before the first of these. All updates of one step have the same rate.
    """

    def __init__(
        self, rate: float, falls: Sequence[Sequence[float]], updates: Sequence[Sequence[int]] = ((0, 1),)
    ) -> None:
        self.rate = rate
        self.falls = [tuple(fall) for fall in falls]
        self.updates = [tuple(phase) for phase in updates if phase[1] > 0]

    def steps_before(self, updates: tf.Tensor) -> tf.Tensor:
        """The step, counted from 0, that contains the update after this many others."""
        step, begun = tf.zeros_like(updates), 0
        for i, (first, times) in enumerate(self.updates):
            if i:
                last, before = self.updates[i - 1]
                begun += (first - last) * before
            step = tf.where(updates >= begun, first + (updates - begun) // times, step)
        return step

    def __call__(self, step: Any) -> tf.Tensor:
        # in 64 bits: with 32, a rate near its end has few digits
        at = tf.cast(self.steps_before(tf.cast(tf.convert_to_tensor(step), tf.int64)), tf.float64)
        factor = tf.constant(1.0, tf.float64)
        for end, length, to in self.falls:
            left = (end - at) / length if length else tf.cast(at < end, tf.float64)
            factor *= to + (1.0 - to) * tf.clip_by_value(left, 0.0, 1.0)
        return tf.cast(self.rate * factor, tf.float32)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "falls": self.falls, "updates": self.updates}


class Mean(keras.metrics.Mean):
    """A mean that a worker reads alone; Keras's is that over all replicas, for which all workers must ask at once."""

    def add_variable(self, *args: Any, **kwargs: Any) -> Any:
        return super().add_variable(*args, **{**kwargs, "aggregation": "only_first_replica"})


class Adversarial(keras.Model):
    """A model with one or more players, each a group of networks with its own optimizer.

    A subclass declares

    * `players`: optimizer name -> names of the attributes (networks) whose trainable weights it moves;
    * `terms`: the names of everything that is logged: loss terms and values passed to `track`;
    * `estimate`: the term that should fall as the samples get better, if any;
    * `group`: the number of fresh batches in a step (None: one batch, without the extra leading axis);
    * `batch_spec(n)`: the contents of a batch, and `endpoints()`: the methods of the trained model for users;
    * `updates(player)` and `falls(player)`, if a player is not updated once per step, or its learning rate falls;

    builds its networks in `__init__`, which stores each argument under its own name (`get_config` reads them back),
    and implements `train_step` with `minimize`. `compile` takes one optimizer per player, by name. A network must not
    have the name of an endpoint, because it would hide the method.

    A model that trains in stages passes them to `super().__init__`, `(("pretrain", 1000), ("compete", None))`: names of
    methods that take a batch, and the number of steps of each; the last stage takes the rest. It has no `train_step` of
    its own. `steps_done` counts its steps and is saved with the weights, so a resumed run continues in its stage.
    """

    players: dict[str, tuple[str, ...]] = {}  # an instance may set it, depending on its arguments
    terms: ClassVar[tuple[str, ...]] = ()
    estimate: ClassVar[str] = ""
    group: int | None = None

    def __init__(self, seed: int = 0, stages: Stages = (), **kwargs: Any) -> None:
        # layers get the same names whatever was built before: TensorFlow orders some sums by the names of operations,
        # so that conv2d_99 and conv2d_100 instead of conv2d_1 and conv2d_2 would change the last bit
        naming.reset_uids()
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.trackers = {term: Mean(name=term) for term in self.terms}
        self.stages = stages
        if stages:  # other models have no counter, nor do their files
            self.steps_done = self.add_weight(
                shape=(), dtype="int32", initializer="zeros", trainable=False, name="steps_done"
            )
        self.built = True  # there is no `call`: the networks are built by `__init__`

    # -- declarations -----------------------------------------------------------------------------------------------

    def batch_spec(self, n: int) -> dict[str, Array]:
        """The arrays of a batch of `n` examples, without the leading axis of `group`; all dimensions are known."""
        raise UserError(f"{type(self).__name__} has no method batch_spec(n), which declares the contents of a batch")

    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints of the trained model: its methods of these names, the main one first."""
        raise UserError(f"{type(self).__name__} has no method endpoints(), which declares what it offers")

    def shown(self, endpoint: str) -> Callable[..., Any]:
        """The function whose results previews show: the method of the endpoint, or what the current stage trains."""
        method: Callable[..., Any] = getattr(self, endpoint)
        return method

    def updates(self, player: str) -> dict[int, int]:
        """The number of updates of a player per step: from step -> times. It is never updated before the first step."""
        return {0: 1}

    def falls(self, player: str) -> tuple[Fall, ...]:
        """The falls of a player's learning rate besides the recipe's decay: see `HoldThenLinear`."""
        return ()

    # -- training ---------------------------------------------------------------------------------------------------

    def compile(self, jit_compile: bool = False, **optimizers: Any) -> None:
        """Set the optimizer of each player: `compile(g_optimizer=Adam(2e-4), d_optimizer=Adam(1e-4))`.

        Raises:
            ValueError: the names are not exactly those of `players`.
        """
        if set(optimizers) != set(self.players):
            raise ValueError(
                f"{type(self).__name__} takes the optimizers {sorted(self.players)}, not {sorted(optimizers)}"
            )
        # optimizer=None: Keras would otherwise add an unused RMSprop that callbacks tune
        super().compile(optimizer=None, jit_compile=jit_compile)
        for player, optimizer in optimizers.items():
            optimizer = keras.optimizers.get(optimizer)
            scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            if keras.config.dtype_policy().name == "mixed_float16" and not scaled:
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)  # Keras scales only `self.optimizer`
            optimizer.build(self.weights_of(player))
            setattr(self, player, optimizer)

    def weights_of(self, player: str) -> list[keras.Variable]:
        """The trainable weights that this player's optimizer updates; a weight shared by networks is listed once."""
        weights = [w for network in self.players[player] for w in getattr(self, network).trainable_variables]
        return list({id(w): w for w in weights}.values())

    def begin(self) -> None:
        """Called once on a new, compiled model before its first step, but not on a loaded one."""

    def minimize(self, player: str, losses: Callable[[], Any]) -> Any:
        """Update one player once: minimize the sum of its loss terms, and track each of them.

        `losses()` returns the terms, a dict of scalars, or `(terms, made)`. Returns `made`, such as generated images
        for the next player. With several replicas, terms are means over a replica's examples, and the update is that of
        their mean over all replicas.
        """
        optimizer, weights = getattr(self, player), self.weights_of(player)
        with tf.GradientTape() as tape:
            found = losses()
            terms, made = found if isinstance(found, tuple) else (found, None)
            loss = optimizer.scale_loss(tf.add_n([tf.cast(term, tf.float32) for term in terms.values()]))
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            if replicas > 1:
                loss /= replicas  # the optimizer adds up the gradients of all replicas
        optimizer.apply(tape.gradient(loss, weights), weights)
        self.track(terms)
        return made

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One step of the current stage. Terms of other stages are logged as 0."""
        self._step_of(self.stages, 0, batch)
        self.steps_done.assign_add(1)
        return self.logs()

    def _step_of(self, stages: Stages, first: int, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """A step of one of these stages, the first of which begins at step `first`."""
        (name, steps), *later = stages

        def this() -> tf.Tensor:
            getattr(self, name)(batch)
            return tf.constant(0)  # branches must return something

        if not later:
            return this()
        end = first + (steps or 0)
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:  # replicas cannot update inside a condition
            with tf.init_scope():
                done = int(self.steps_done.numpy())
            return this() if done < end else self._step_of(tuple(later), end, batch)
        return tf.cond(self.steps_done.value < end, this, lambda: self._step_of(tuple(later), end, batch))

    def _maybe_symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: `__init__` builds the networks. Keras would average a batch over workers, which fails for a dict."""

    def track(self, values: dict[str, tf.Tensor]) -> None:
        """Log values without minimizing them."""
        for term, value in values.items():
            self.trackers[term].update_state(tf.cast(value, tf.float32))

    def logs(self) -> dict[str, tf.Tensor]:
        """The mean of every term since the last reset: the result of `train_step`."""
        results = {term: tracker.result() for term, tracker in self.trackers.items()}
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            return {term: result[None] for term, result in results.items()}  # Keras reduces them along the first axis
        return results

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    # -- saving -----------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The arguments of `__init__`, read back from the attributes of the same names."""
        names = [
            p.name
            for p in inspect.signature(type(self).__init__).parameters.values()
            if p.kind == p.POSITIONAL_OR_KEYWORD
        ]
        values = {name: getattr(self, name) for name in names if name != "self"}
        return {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in values.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "Adversarial":
        arguments: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        return cls(**arguments)

    def get_compile_config(self) -> dict[str, Any]:
        optimizers = {player: keras.saving.serialize_keras_object(getattr(self, player)) for player in self.players}
        return {"jit_compile": bool(self.jit_compile), **optimizers}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(
            **{k: keras.saving.deserialize_keras_object(v) if isinstance(v, dict) else v for k, v in config.items()}
        )

    def _seed_states(self) -> list[keras.Variable]:
        return [v for v in self.variables if v.name == "seed_generator_state"]

    def save_own_variables(self, store: Any) -> None:
        # .keras files omit the state of seed generators (latents, dropout), but an exact resume needs it
        for i, state in enumerate(self._seed_states()):
            store[f"seed_state_{i}"] = state.numpy()
        for i, variable in enumerate(self._non_trainable_variables):  # from `add_weight`, such as a step counter
            store[f"own_{i}"] = variable.numpy()
        for i, variable in enumerate(self.metrics_variables):  # means of the current row of the history
            store[f"tracked_{i}"] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        for i, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_state_{i}"][()])
        for i, variable in enumerate(self._non_trainable_variables):
            variable.assign(store[f"own_{i}"][()])
        for i, variable in enumerate(self.metrics_variables):
            if f"tracked_{i}" in store.keys():  # not in checkpoints of older versions
                variable.assign(store[f"tracked_{i}"][()])
