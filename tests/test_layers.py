"""Layers against their definitions."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans.errors import UserError
from tfgans.layers import BatchNormalization, ImagePool, Maxout, halvings

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


# --- the pool of generated images -------------------------------------------------------------------------------------


def numbered(*numbers: int) -> tf.Tensor:
    """Images (n, 2, 2, 1), each filled with its number."""
    return tf.constant(np.array(numbers, np.float32)[:, None, None, None] * np.ones((1, 2, 2, 1), np.float32))


def pool_of(size: int, dtype: str = "float32") -> ImagePool:
    pool = ImagePool(size, dtype)
    pool.build((None, 2, 2, 1))
    return pool


def played(pool: ImagePool, *numbers: int, seed: keras.random.SeedGenerator, jit: bool = False) -> list[int]:
    """The numbers of the images that come back."""
    shown = tf.function(pool.exchange, jit_compile=jit)(numbered(*numbers), seed)
    assert (shown.numpy() == shown.numpy()[:, :1, :1]).all()
    return shown.numpy()[:, 0, 0, 0].astype(int).tolist()


@pytest.mark.parametrize("jit", [False, True])
def test_the_pool_against_a_sequence_played_by_hand(monkeypatch: pytest.MonkeyPatch, jit: bool) -> None:
    chances = iter([[0.9, 0.9, 0.9], [0.6, 0.5, 0.9], [0.7, 0.7, 0.1]])
    places = iter([[1, 1, 1], [0, 1, 0], [1, 1, 0]])
    monkeypatch.setattr(keras.random, "uniform", lambda shape, seed: tf.constant(next(chances)))
    monkeypatch.setattr(keras.random, "randint", lambda shape, low, high, seed: tf.constant(next(places)))
    pool, seed = pool_of(2), keras.random.SeedGenerator(0)
    # 1 and 2 fill the pool; 3 takes the place of 2
    assert played(pool, 1, 2, 3, seed=seed, jit=jit) == [1, 2, 2]
    # 4 takes the place of 1; 5 goes by, as 0.5 is not more than a half; 6 takes that of 4, of the same batch
    assert played(pool, 4, 5, 6, seed=seed, jit=jit) == [1, 5, 4]
    # 7 takes the place of 3, 8 that of 7, and 9 goes by
    assert played(pool, 7, 8, 9, seed=seed, jit=jit) == [3, 7, 9]
    assert pool.images.numpy()[:, 0, 0, 0].tolist() == [6, 8] and int(pool.count) == 2


def test_half_of_the_images_come_from_a_full_pool() -> None:
    pool, seed = pool_of(50), keras.random.SeedGenerator(0)
    exchange, shown = tf.function(pool.exchange), []  # which unrolls over the images of a batch
    for first in range(0, 1050, 50):
        shown += exchange(numbered(*range(first, first + 50)), seed).numpy()[:, 0, 0, 0].astype(int).tolist()
    assert shown[:50] == list(range(50))
    del shown[:50]
    earlier = [number for i, number in enumerate(shown) if number != 50 + i]
    assert len(earlier) == pytest.approx(500, abs=4 * 1000**0.5 / 2)
    assert len(set(earlier)) == len(earlier), "what was shown has left the pool"
    waited = np.mean([50 + i - number for i, number in enumerate(shown) if number != 50 + i])
    assert waited == pytest.approx(100, rel=0.25)  # one place in 50 is emptied every second image


def test_a_pool_of_none_and_one_of_half_precision() -> None:
    seed = keras.random.SeedGenerator(0)
    assert played(pool_of(0), 3, 1, seed=seed) == [3, 1]
    half = pool_of(2, "float16")
    assert half.images.dtype == "float16" and half.exchange(numbered(1), seed).dtype == tf.float32
    assert half.trainable_weights == []


def test_a_saved_pool_goes_on(tmp_path: Path) -> None:
    seed = keras.random.SeedGenerator(0)
    image = keras.Input((2, 2, 1))
    model, again = keras.Model(image, image), keras.Model(image, image)
    model.pool, again.pool = pool_of(3), pool_of(3)
    played(model.pool, 1, 2, seed=seed)
    model.save_weights(tmp_path / "m.weights.h5")
    again.load_weights(tmp_path / "m.weights.h5")
    assert again.pool.images.numpy()[:, 0, 0, 0].tolist() == [1, 2, 0] and int(again.pool.count) == 2
