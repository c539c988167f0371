"""Layers against their definitions."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans.errors import UserError
from tfgans.layers import BatchNormalization, Maxout, halvings

RNG = np.random.default_rng(0)


def test_maxout_is_the_largest_of_its_pieces() -> None:
    layer = Maxout(3, pieces=4)
    x = RNG.normal(size=(5, 6)).astype(np.float32)
    y = layer(x).numpy()
    kernel, bias = (w.numpy() for w in layer.weights)
    assert y.shape == (5, 3) and kernel.shape == (6, 12)
    np.testing.assert_allclose(y, (x @ kernel + bias).reshape(5, 3, 4).max(axis=2), rtol=1e-5)
    again = Maxout.from_config(layer.get_config())
    again.build((None, 6))
    assert [w.shape for w in again.weights] == [w.shape for w in layer.weights]


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_batch_normalization_is_that_of_keras(dtype: str) -> None:
    """Output, gradients and moving statistics, in training and in use."""
    ours, theirs = BatchNormalization(dtype=dtype), keras.layers.BatchNormalization(dtype=dtype)
    x = tf.constant(RNG.normal(1, 2, (4, 5, 5, 3)), tf.float32)
    weight = tf.constant(RNG.normal(size=(4, 5, 5, 3)), tf.float32)
    gamma, beta = RNG.uniform(0.5, 2, 3), RNG.normal(size=3)
    found = []
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) * weight)
        gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
        moving = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
        found.append([y, *gradients, *moving, layer(x, training=False)])
    rough = dict(rtol=1e-4, atol=1e-5) if dtype == "float32" else dict(rtol=0.03, atol=0.05)
    for one, other in zip(*found, strict=True):
        one, other = (np.asarray(tf.cast(v, tf.float32)) for v in (one, other))
        np.testing.assert_allclose(one, other, **rough)
    assert not np.array_equal(found[0][4], np.zeros(3)), "the statistics did not move"


def test_halvings() -> None:
    assert [halvings((side, side, 3)) for side in (4, 7, 28, 32, 48, 64, 96, 128)] == [0, 0, 2, 3, 3, 4, 4, 5]
    assert halvings((32, 64, 1)) == 3
    for height, width in ((29, 29), (3, 3), (28, 30), (100, 100)):
        with pytest.raises(UserError, match=f"{height}x{width} do not halve"):
            halvings((height, width, 1))
