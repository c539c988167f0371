"""Layers that several GANs use alike."""

from typing import Any

import keras
from keras import ops

from tfgans.errors import UserError


@keras.saving.register_keras_serializable(package="tfgans")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` linear functions per unit: (n, d) -> (n, units). Goodfellow 2013, arXiv:1302.4389."""

    def __init__(self, units: int, pieces: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces
        self.dense = keras.layers.Dense(units * pieces, dtype=self.dtype_policy)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)

    def call(self, x: Any) -> Any:
        return ops.max(ops.reshape(self.dense(x), (-1, self.units, self.pieces)), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


def halvings(image_shape: tuple[int, int, int]) -> int:
    """How often both sides of an image halve until the shorter is at most 7: 28 -> 2, 32 -> 3, 64 -> 4.

    Raises:
        UserError: a side does not halve that often, so that a convolutional generator could not give this size.
    """
    height, width, _ = image_shape
    times = 0
    while min(height, width) >> times > 7:
        times += 1
    if height % (1 << times) or width % (1 << times) or min(height, width) < 4:
        raise UserError(
            f"images of {height}x{width} do not halve down to 4-7 pixels; take sides such as 28, 32, 48, 64, 96 or 128"
        )
    return times
