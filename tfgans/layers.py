"""Layers shared by several GANs."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

import tfgans.training.keras_defaults  # noqa: F401  (before layers are made)
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
    """Batch normalization over (n, h, w, c) with TensorFlow's fused kernel in training; otherwise Keras's.

    It gives the same values in about half the time on a CPU (benchmarks/batch_norm.py), where small GANs spend much of
    their time in it. With several replicas, the statistics are those of the whole batch (`synchronized`).
    """

    def call(self, x: Any, training: bool | None = None, mask: Any = None) -> Any:
        self.synchronized = tf.distribute.get_strategy().num_replicas_in_sync > 1
        if not training or len(x.shape) != 4 or mask is not None or self.synchronized:
            return super().call(x, training=training, mask=mask)
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            ops.cast(x, self.compute_dtype),
            ops.convert_to_tensor(self.gamma),
            ops.convert_to_tensor(self.beta),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = ops.cast(ops.size(x) // ops.shape(x)[-1], variance.dtype)
        variance *= (count - 1.0) / count  # the kernel gives the sample variance, Keras the batch variance
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + value * (1.0 - self.momentum))
        return y


@keras.saving.register_keras_serializable(package="tfgans")
class Bilinear(keras.layers.Layer):
    """(n, h, w, c) -> (n, scale h, scale w, c), for any h and w: Keras's own layer needs a known size."""

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, x: Any) -> Any:
        return tf.cast(tf.image.resize(x, self.scale * tf.shape(x)[1:3]), x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *(side and side * self.scale for side in shape[1:3]), shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable(package="tfgans")
class ImagePool(keras.layers.Layer):
    """A buffer of generated images, some of which replace new ones as a discriminator's input.

    Shrivastava et al. 2016, arXiv:1612.07828, section 2.3, as in the CycleGAN authors' code. The pool is state of the
    model: it is saved and resumed. Build it in the model's `__init__`: `pool.build((None, height, width, channels))`.
    `dtype` is the type of the stored images.
    """

    def __init__(self, size: int, dtype: str = "float32", **kwargs: Any) -> None:
        super().__init__(dtype=dtype, **kwargs)
        self.size = size

    def build(self, shape: tuple[int | None, ...]) -> None:
        own: dict[str, Any] = dict(initializer="zeros", trainable=False, autocast=False)
        self.images = self.add_weight(shape=(self.size, *shape[1:]), name="images", **own)
        self.count = self.add_weight(shape=(), dtype="int32", name="count", **own)

    def exchange(self, images: tf.Tensor, seed: keras.random.SeedGenerator) -> tf.Tensor:
        """Exchange images (n, h, w, c), n known, one by one; returns the same images or earlier ones.

        Until the pool is full, it stores each image and returns it. Then, with probability 1/2, an image replaces a
        random one in the pool, which is returned. A pool of size 0 changes nothing.

        Several replicas exchange the images of the whole batch, so that their pools stay the same.
        """
        if not self.size:
            return images
        shape, replica = images.shape, tf.distribute.get_replica_context()
        chances = keras.random.uniform((shape[0],), seed=seed)
        places = keras.random.randint((shape[0],), 0, self.size, seed=seed)
        replicas = replica.num_replicas_in_sync
        if replicas > 1:
            images, chances, places = replica.all_gather((images, chances, places), axis=0)
        swaps, shown = chances > 0.5, []
        for i, image in enumerate(tf.unstack(images, shape[0] * replicas)):
            count = tf.convert_to_tensor(self.count)
            full = count >= self.size
            place = tf.where(full, places[i], count)
            old = tf.gather(tf.convert_to_tensor(self.images), place)
            new = tf.cast(image, old.dtype)
            taken = tf.logical_or(tf.logical_not(full), swaps[i])
            # in place: an assignment would copy the whole pool
            self.images.value.scatter_update(tf.IndexedSlices(tf.where(taken, new, old)[None], place[None]))
            self.count.assign_add(tf.cast(tf.logical_not(full), tf.int32))
            shown.append(tf.where(tf.logical_and(full, swaps[i]), tf.cast(old, image.dtype), image))
        if replicas > 1:
            return tf.reshape(tf.stack(shown), (replicas, *shape))[replica.replica_id_in_sync_group]
        return tf.stack(shown)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}


def halvings(image_shape: tuple[int, int, int]) -> int:
    """How often the sides of an image can be halved until the shorter is at most 7: 28 -> 2, 32 -> 3, 64 -> 4.

    Raises:
        UserError: a side cannot be halved that often, so no convolutional generator has this output size.
    """
    height, width, _ = image_shape
    times = 0
    while min(height, width) >> times > 7:
        times += 1
    if height % (1 << times) or width % (1 << times) or min(height, width) < 4:
        raise UserError(
            f"images of {height}x{width} do not halve down to 4-7 pixels; use sides such as 28, 32, 48, 64, 96 or 128"
        )
    return times


def mirror(images: tf.Tensor, axis: int, before: int | tf.Tensor, after: int | tf.Tensor) -> tf.Tensor:
    """Pad by mirroring with the edge pixel repeated (c b a | a b c), repeatedly if needed.

    `tf.pad(mode="SYMMETRIC")` cannot pad by more than the image's size, which small images need.
    """
    n = tf.shape(images)[axis]
    index = tf.math.floormod(tf.range(-before, n + after), 2 * n)
    return tf.gather(images, tf.minimum(index, 2 * n - 1 - index), axis=axis)


# --- networks of a fixed size on images of any size, in overlapping windows inside the graph --------------------------


def window_starts(size: tf.Tensor, window: int) -> tf.Tensor:
    """The starts of windows that cover `size` pixels, at least `window`, evenly spaced, overlapping by half or more."""
    last = size - window
    count = 1 + -(-last // (window // 2))
    return tf.range(count) * last // tf.maximum(1, count - 1)


def in_windows(
    network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, size: tuple[int, int], channels: int
) -> tf.Tensor:
    """Apply `network`, (n, *size, c) -> (n, *size, channels) float32, to (n, h, w, c) of any h and w.

    In overlaps, pixels near the middle of a window have the largest weights. Smaller images are mirrored outwards.
    """
    (tall, wide), (height, width) = size, tf.unstack(tf.shape(images)[1:3])
    padded = mirror(mirror(images, 1, 0, tf.maximum(0, tall - height)), 2, 0, tf.maximum(0, wide - width))
    h, w = tf.unstack(tf.shape(padded)[1:3])
    tops, lefts = window_starts(h, tall), window_starts(w, wide)
    weights = tf.minimum(tf.range(1.0, tall + 1.0), tf.range(float(tall), 0.0, -1.0))[:, None, None]
    weights *= tf.minimum(tf.range(1.0, wide + 1.0), tf.range(float(wide), 0.0, -1.0))[:, None]

    def add(i: tf.Tensor, made: tf.Tensor, weight: tf.Tensor) -> tuple[tf.Tensor, ...]:
        top, left = tops[i // tf.size(lefts)], lefts[i % tf.size(lefts)]
        window = network(padded[:, top : top + tall, left : left + wide])
        around = [[0, 0], [top, h - top - tall], [left, w - left - wide], [0, 0]]
        return i + 1, made + tf.pad(weights * window, around), weight + tf.pad(weights[None], around)

    start = (tf.constant(0), tf.zeros((tf.shape(images)[0], h, w, channels)), tf.zeros((1, h, w, 1)))
    shapes = (tf.TensorShape([]), tf.TensorShape([None, None, None, channels]), tf.TensorShape([1, None, None, 1]))
    count = tf.size(tops) * tf.size(lefts)
    _, made, weight = tf.while_loop(lambda i, *_: i < count, add, start, shape_invariants=shapes)
    return (made / weight)[:, :height, :width]
