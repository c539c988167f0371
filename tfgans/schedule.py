"""Learning rates that fall during a training."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Fall = tuple[float, float, float]


@keras.saving.register_keras_serializable(package="tfgans")
class HoldThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that holds and then falls linearly, as a function of the number of a player's own updates.

    `falls` are `(end, length, to)`: over the `length` steps before step `end` the rate falls linearly to `to` times
    what it was, and it stays there. With a length of 0 it drops at once. Several falls are multiplied.

    `updates` are `(first, times)` in ascending order: from step `first` on the player is updated `times` times a step,
    and before the first of these never. All updates of one step have the same rate.
    """

    def __init__(
        self, rate: float, falls: Sequence[Sequence[float]], updates: Sequence[Sequence[int]] = ((0, 1),)
    ) -> None:
        self.rate = rate
        self.falls = [tuple(fall) for fall in falls]
        self.updates = [tuple(phase) for phase in updates if phase[1] > 0]

    def steps_before(self, updates: tf.Tensor) -> tf.Tensor:
        """The step, counted from 0, that the update after so many others belongs to."""
        step, begun = tf.zeros_like(updates), 0
        for i, (first, times) in enumerate(self.updates):
            if i:
                last, before = self.updates[i - 1]
                begun += (first - last) * before
            step = tf.where(updates >= begun, first + (updates - begun) // times, step)
        return step

    def __call__(self, step: Any) -> tf.Tensor:
        # in 64 bits: of a rate near its end 32 leave few digits
        at = tf.cast(self.steps_before(tf.cast(tf.convert_to_tensor(step), tf.int64)), tf.float64)
        factor = tf.constant(1.0, tf.float64)
        for end, length, to in self.falls:
            left = (end - at) / length if length else tf.cast(at < end, tf.float64)
            factor *= to + (1.0 - to) * tf.clip_by_value(left, 0.0, 1.0)
        return tf.cast(self.rate * factor, tf.float32)

    def get_config(self) -> dict[str, Any]:
        return {"rate": self.rate, "falls": self.falls, "updates": self.updates}
