"""The base class: what every GAN needs and no paper is about.

One optimizer per player, loss tracking, random state, saving with exact resume. Losses, penalties and the order of
updates are the algorithm: each model's own file shows them.
"""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import keras
import tensorflow as tf
from keras.src.utils import naming  # `reset_uids` is not public in Keras 3

# TensorFlow's automatic control dependencies come in an order that differs from one tracing to the next, and its
# dependency pass makes of each order another one of sums: without it the same step gives the same bits everywhere.
# The remapper stumbles over graphs that the other has not been through, and prints errors.
tf.config.optimizer.set_experimental_options({"dependency_optimization": False, "remapping": False})


class Adversarial(keras.Model):
    """A model with one or more players, each a group of networks with an optimizer of its own.

    A subclass declares

    * `kind`: which endpoint an export has, "unconditional", "conditional", ... (see `tfgans.inference.export`);
    * `players`: optimizer name -> names of the attributes (networks) whose trainable weights it moves;
    * `terms`: the names of everything that is logged: loss terms and what `track` is given;
    * `factor`: of a restoration, by how much the target is larger than the source;
    * `estimate`: the term that is said to fall as the samples get better, if any;
    * `group`: how many fresh batches a step takes (None: one batch, without the extra leading axis);

    builds its networks in `__init__`, which stores each argument under its own name (`get_config` reads them back),
    and writes `train_step` with `minimize`. `compile` takes one optimizer per player, by name.
    """

    kind: ClassVar[str] = "unconditional"
    players: dict[str, tuple[str, ...]] = {}  # of an instance, where it depends on the arguments
    terms: ClassVar[tuple[str, ...]] = ()
    estimate: ClassVar[str] = ""
    factor: int = 1
    group: int | None = None

    def __init__(self, seed: int = 0, **kwargs: Any) -> None:
        # layers get the same names whatever was built before: TensorFlow orders some sums by the names of operations,
        # so that conv2d_99 and conv2d_100 in the place of conv2d_1 and conv2d_2 change the last bit
        naming.reset_uids()
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.trackers = {term: keras.metrics.Mean(name=term) for term in self.terms}
        self.built = True  # there is no `call`: the networks are built by `__init__`

    # -- training ---------------------------------------------------------------------------------------------------

    def compile(self, jit_compile: bool = False, **optimizers: Any) -> None:
        """Give each player its optimizer: `compile(g_optimizer=Adam(2e-4), d_optimizer=Adam(1e-4))`.

        Raises:
            ValueError: the names are not exactly those of `players`.
        """
        if set(optimizers) != set(self.players):
            raise ValueError(
                f"{type(self).__name__} takes the optimizers {sorted(self.players)}, not {sorted(optimizers)}"
            )
        # optimizer=None: Keras would otherwise add an RMSprop that nothing uses and callbacks tune
        super().compile(optimizer=None, jit_compile=jit_compile)
        for player, optimizer in optimizers.items():
            optimizer = keras.optimizers.get(optimizer)
            scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
            if keras.config.dtype_policy().name == "mixed_float16" and not scaled:
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)  # Keras scales only `self.optimizer`
            optimizer.build(self.weights_of(player))
            setattr(self, player, optimizer)

    def weights_of(self, player: str) -> list[keras.Variable]:
        """The trainable weights that this player's optimizer moves."""
        return [w for network in self.players[player] for w in getattr(self, network).trainable_variables]

    def begin(self) -> None:
        """Called once on a fresh, compiled model, before its first step; not on one that was loaded."""

    def minimize(self, player: str, losses: Callable[[], dict[str, tf.Tensor]]) -> None:
        """One step of one player: minimize the sum of the terms that `losses()` returns, and track each of them."""
        optimizer, weights = getattr(self, player), self.weights_of(player)
        with tf.GradientTape() as tape:
            terms = losses()
            loss = optimizer.scale_loss(tf.add_n([tf.cast(term, tf.float32) for term in terms.values()]))
        optimizer.apply(tape.gradient(loss, weights), weights)
        self.track(terms)

    def rate(self, player: str, step: int) -> float:
        """By what a player's learning rate is multiplied at a step, besides the recipe's decay.

        A function of the step alone, so that a resumed run has the same rates; once below 1 it stays there.
        """
        return 1.0

    def track(self, values: dict[str, tf.Tensor]) -> None:
        """Log values without minimizing them."""
        for term, value in values.items():
            self.trackers[term].update_state(tf.cast(value, tf.float32))

    def logs(self) -> dict[str, tf.Tensor]:
        """The mean of every term since the last reset: what `train_step` returns."""
        return {term: tracker.result() for term, tracker in self.trackers.items()}

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.trackers.values())

    @property
    def source_channels(self) -> int:
        """Of a restoration, how many channels it is given."""
        return self.image_shape[-1]

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
        # Keras leaves the state of seed generators (latents, dropout) out of a .keras file; an exact resume needs it
        for i, state in enumerate(self._seed_states()):
            store[f"seed_state_{i}"] = state.numpy()
        for i, variable in enumerate(self._non_trainable_variables):  # of `add_weight`, such as a step counter
            store[f"own_{i}"] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        for i, state in enumerate(self._seed_states()):
            state.assign(store[f"seed_state_{i}"][()])
        for i, variable in enumerate(self._non_trainable_variables):
            variable.assign(store[f"own_{i}"][()])
