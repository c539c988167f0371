"""Networks of one size on images of any size: in overlapping windows, inside the graph."""

from collections.abc import Callable

import tensorflow as tf

from tfgans.data.degrade import mirror


def window_starts(size: tf.Tensor, window: int) -> tf.Tensor:
    """Where windows begin that cover `size` pixels, at least `window`, evenly spaced; neighbours share half or more."""
    last = size - window
    count = 1 + -(-last // (window // 2))
    return tf.range(count) * last // tf.maximum(1, count - 1)


def in_windows(
    network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, size: tuple[int, int], channels: int
) -> tf.Tensor:
    """What `network`, (n, *size, c) -> (n, *size, channels) float32, makes of (n, h, w, c) of any h and w.

    Where windows overlap, pixels near the middle of one count most. Smaller images are mirrored outwards.
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
