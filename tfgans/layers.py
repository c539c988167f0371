"""Layers that several GANs use alike."""

from typing import Any

import keras
import tensorflow as tf
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


@keras.saving.register_keras_serializable(package="tfgans")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization over (n, h, w, c) with TensorFlow's fused kernel in training; otherwise that of Keras.

    The same values in about half the time on a CPU (benchmarks/batch_norm.py), where a small GAN spends much of its
    time here.
    """

    def call(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training or len(x.shape) != 4 or mask is not None:
            return super().call(x, training=training, mask=mask)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            ops.cast(x, self.compute_dtype),
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = ops.cast(ops.size(x) // ops.shape(x)[-1], variance.dtype)
        variance *= (count - 1.0) / count  # the kernel's is that of a sample, Keras keeps that of the batch
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return y


@keras.saving.register_keras_serializable(package="tfgans")
class Bilinear(keras.layers.Layer):
    """(n, h, w, c) -> (n, scale h, scale w, c), of any h and w: Keras's own takes images of a known size alone."""

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:
        return tf.cast(tf.image.resize(x, self.scale * tf.shape(x)[1:3]), x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *(side and side * self.scale for side in shape[1:3]), shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


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
