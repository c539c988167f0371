"""DRAW: attention and bound against NumPy and against cases that can be done by hand."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tiny import batch_of, tiny

from tfgans import models
from tfgans.models.draw import build_lstm, even_window, filter_banks, kl_from_standard_normal, read_patch, write_patch
from tfgans.training.setup import build

RNG = np.random.default_rng(0)
SHARP = -12.0  # log sigma^2 of a filter that sees one pixel


def small(key: str = "mnist", clip: float | None = None, **changes: Any) -> Any:
    recipe = tiny(models.recipe("draw", key))
    optimizer = dict(recipe.optimizers["draw_optimizer"])
    if clip is not None:
        optimizer |= {"name": "sgd", "global_clipnorm": clip, "learning_rate": 1.0}
        del optimizer["beta_1"]
    return build(
        "draw",
        dataclasses.replace(recipe, model={**recipe.model, **changes}, optimizers={"draw_optimizer": optimizer}),
        7,
    )


def bank(centre: float, variance: float, stride: float, size: int, pixels: int) -> np.ndarray:
    """Equations 19, 25 and 26, one number at a time; everything counts from 1, as in the paper."""
    rows = np.zeros((size, pixels))
    for i in range(1, size + 1):
        mean = centre + (i - size / 2 - 0.5) * stride
        for a in range(1, pixels + 1):
            rows[i - 1, a - 1] = np.exp(-((a - mean) ** 2) / (2 * variance))
        rows[i - 1] /= rows[i - 1].sum()
    return rows


def test_filter_banks_are_equations_19_to_26() -> None:
    height, width, size = 9, 12, 4
    windows = RNG.normal(0, 0.5, (3, 5)).astype(np.float32)
    f_y, f_x, gamma = filter_banks(tf.constant(windows), height, width, size)
    assert f_y.shape == (3, size, height) and f_x.shape == (3, size, width)
    for i, (g_x, g_y, log_variance, log_stride, log_gamma) in enumerate(windows.astype(np.float64)):
        stride = (max(width, height) - 1) / (size - 1) * np.exp(log_stride)
        variance = np.exp(log_variance)
        expected_x = bank((width + 1) / 2 * (g_x + 1), variance, stride, size, width)
        expected_y = bank((height + 1) / 2 * (g_y + 1), variance, stride, size, height)
        np.testing.assert_allclose(f_x[i], expected_x, atol=1e-5)
        np.testing.assert_allclose(f_y[i], expected_y, atol=1e-5)
        assert float(gamma[i, 0, 0, 0]) == pytest.approx(np.exp(log_gamma), rel=1e-5)
    far = filter_banks(tf.constant([[40.0, 0.0, SHARP, 0.0, 0.0]]), height, width, size)[1]
    assert np.isfinite(far).all(), "a window outside of the image"


def test_reading_with_a_filter_per_pixel_gives_the_image() -> None:
    images = RNG.uniform(0, 1, (2, 7, 7, 2)).astype(np.float32)
    whole = tf.constant([[0.0, 0.0, SHARP, 0.0, 0.0]] * 2)  # in the middle, stride 1
    np.testing.assert_allclose(read_patch(images, whole, 7), images, atol=1e-5)
    # 3 filters of stride 1, one pixel to the right of the middle, at double intensity
    small_window = tf.constant([[1 / 4, 0.0, SHARP, np.log(1 / 3), np.log(2.0)]] * 2, tf.float32)
    np.testing.assert_allclose(read_patch(images, small_window, 3), 2 * images[:, 2:5, 3:6], atol=1e-5)


def test_writing_is_the_transpose_of_reading() -> None:
    patch = RNG.normal(size=(1, 3, 3, 1)).astype(np.float32)
    window = tf.constant([[1 / 4, 0.0, SHARP, np.log(1 / 3), np.log(2.0)]], tf.float32)
    canvas = write_patch(patch, window, 7, 7).numpy()
    expected = np.zeros((1, 7, 7, 1), np.float32)
    expected[:, 2:5, 3:6] = patch / 2  # equation 29 divides by the intensity
    np.testing.assert_allclose(canvas, expected, atol=1e-5)


def test_lstm_is_that_of_the_equations() -> None:
    lstm = build_lstm(3, 2, "lstm")
    x, h, c = (RNG.normal(size=(4, size)).astype(np.float32) for size in (3, 2, 2))
    kernel, bias = lstm.get_weights()
    assert kernel.shape == (5, 8), "one product for all gates"
    take, keep, show, new = np.split(np.concatenate([x, h], axis=1) @ kernel + bias, 4, axis=1)

    def sigmoid(v: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-v))

    cell = sigmoid(keep + 1) * c + sigmoid(take) * np.tanh(new)
    found = lstm([x, h, c])
    np.testing.assert_allclose(found[1], cell, atol=1e-5)
    np.testing.assert_allclose(found[0], sigmoid(show) * np.tanh(cell), atol=1e-5)


def test_kl_is_the_mean_log_ratio_of_the_densities() -> None:
    mean, log_std = np.array([[0.7, -0.4]], np.float32), np.array([[0.3, -1.1]], np.float32)
    grid = np.linspace(-15, 15, 200_001)
    expected = 0.0
    for m, s in zip(mean[0], np.exp(log_std[0]), strict=True):
        density = norm.pdf(grid, m, s)
        ratio = norm.logpdf(grid, m, s) - norm.logpdf(grid)
        expected += float((density * ratio).sum() * (grid[1] - grid[0]))
    assert float(kl_from_standard_normal(tf.constant(mean), tf.constant(log_std))[0]) == pytest.approx(
        expected, rel=1e-4
    )


@pytest.mark.parametrize("key", ["mnist", "mnist_no_attention"])
def test_images_of_a_batch_do_not_touch_each_other(key: str) -> None:
    model = small(key)
    images = RNG.integers(0, 2, (3, 28, 28, 1)).astype(np.float32)
    noise = RNG.normal(size=(model.glimpses, 3, model.latent_dim)).astype(np.float32)
    together = model.parts_of_bound(tf.constant(images), tf.constant(noise))
    for i in range(3):
        alone = model.parts_of_bound(tf.constant(images[i : i + 1]), tf.constant(noise[:, i : i + 1]))
        for all_three, one in zip(together, alone, strict=True):
            assert float(all_three[i]) == pytest.approx(float(one[0]), rel=1e-4)
    state, _ = model.beginning(tf.constant(2))
    canvas = model.decode(tf.constant(noise[0, :2]), state)[0]
    assert np.abs(canvas[0] - canvas[1]).max() > 1e-3, "other codes, other canvases"


@pytest.mark.parametrize("key", ["mnist", "mnist_no_attention"])
def test_bound_by_hand(key: str) -> None:
    """With all weights 0 the canvas stays 0: log 2 a pixel. Mean 0.5, deviation 1: an eighth a code and glimpse."""
    model = small(key)
    for weight in model.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    images = RNG.integers(0, 2, (3, 28, 28, 1)).astype(np.float32)
    np.testing.assert_allclose(model.bound(images), 784 * np.log(2), rtol=1e-5)
    model.encoder_heads.get_layer(index=1).bias.assign(tf.fill((100,), 0.5))
    np.testing.assert_allclose(model.bound(images), 784 * np.log(2) + 3 * 100 / 8, rtol=1e-5)
    # a canvas that begins sure of black pays for white pixels only
    model.start.starts[2].assign(tf.fill((784,), -20.0))
    expected = 20 * images.sum(axis=(1, 2, 3)) + 3 * 100 / 8
    np.testing.assert_allclose(model.bound(images), expected, rtol=1e-4)


def test_training_draws_black_and_white_and_logs_the_bound() -> None:
    model, seen = small(), []
    parts = model.parts_of_bound
    model.parts_of_bound = lambda x, noise: seen.append((x, noise)) or parts(x, noise)
    gray = tf.fill((4, 28, 28, 1), 0.5)  # of [-1, 1]: three quarters
    terms = model.losses(gray)
    x, noise = seen[0]
    assert set(np.unique(x)) == {0.0, 1.0} and float(tf.reduce_mean(x)) == pytest.approx(0.75, abs=0.03)
    assert noise.shape == (3, 4, 100)
    reconstruction, kl = (float(tf.reduce_mean(part)) for part in parts(x, noise))
    assert float(terms["reconstruction"]) == pytest.approx(reconstruction, rel=1e-5)
    assert float(terms["kl"]) == pytest.approx(kl, rel=1e-4)
    assert float(model.logs()["bound"]) == pytest.approx(reconstruction + kl, rel=1e-5)


def test_gradients_are_clipped() -> None:
    """By plain gradient descent with rate 1 the weights move by the gradient: as far as it may be long."""
    for clip, moves in ((0.01, 0.01), (1e6, None)):
        model = small(clip=clip)
        before = [w.numpy() for w in model.trainable_variables]
        model.train_step(batch_of(model, 0))
        moved = [w.numpy() - old for w, old in zip(model.trainable_variables, before, strict=True)]
        length = np.sqrt(sum(float((m**2).sum()) for m in moved))
        assert length == pytest.approx(moves, rel=1e-3) if moves else length > 1
    for recipe in models.recipes("draw").values():
        assert recipe.optimizers["draw_optimizer"]["global_clipnorm"] == 5.0


def test_canvases_end_in_the_sample() -> None:
    model = small()
    drawn = model.canvases(5, 3).numpy()
    assert drawn.shape == (3, 5, 28, 28, 1)
    np.testing.assert_allclose(drawn[-1], model.sample(tf.constant(5), tf.constant(3)), atol=1e-6)
    assert np.abs(drawn[1] - drawn[0]).max() > 0


@pytest.mark.slow
def test_training_lowers_the_bound() -> None:
    model = small(width=48, glimpses=3)
    rows = np.tile(np.where(np.arange(28) % 4 == 0, 1.0, -1.0)[:, None, None], (4, 1, 28, 1)).astype(np.float32)
    step, bounds = tf.function(model.train_step), []
    for _ in range(60):
        bounds.append(float(step({"image": tf.constant(rows)})["bound"]))
        model.reset_metrics()
    assert bounds[-1] < bounds[0] - 15  # nats; each step moves a weight by 0.001 at most


@pytest.mark.parametrize("size", [2, 5])
def test_a_window_begins_over_the_whole_image(size: int) -> None:
    """Each pixel counts about as much as any other; a fresh model looks so before it has learnt anything."""
    window = tf.constant([even_window(28, size)])
    for bank in filter_banks(window, 28, 28, size)[:2]:
        weights = bank.numpy()[0].sum(0)
        assert weights.sum() == pytest.approx(size, rel=1e-5)
        assert weights.max() < 2.2 * weights.min()
    model = small(read_size=size)
    np.testing.assert_array_equal(model.decoder_heads(tf.zeros((1, model.width)))[2], window)


@pytest.mark.parametrize("extreme", [-200.0, 200.0])
def test_windows_that_jumped_have_finite_gradients(extreme: float) -> None:
    window = tf.constant([[0.1, -0.2, extreme, extreme, extreme]])
    image = tf.constant(np.random.default_rng(0).uniform(0, 1, (1, 28, 28, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(window)
        patch = read_patch(image, window, 2)
        drawn = write_patch(patch, window, 28, 28)
    assert np.isfinite(patch).all() and np.isfinite(drawn).all()
    assert np.isfinite(tape.gradient(drawn, window)).all()
