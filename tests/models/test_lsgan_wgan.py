"""LSGAN, WGAN and WGAN-GP: losses against NumPy and TensorFlow GAN, clipping, the penalty of known critics."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of, tiny_model

from tfgans import models
from tfgans.metrics.tfgan_bridge import losses_impl


def noise(model: Any, n: int = 4, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (n, *model.image_shape)).astype(np.float32))


def fixed_samples(model: Any, monkeypatch: pytest.MonkeyPatch) -> tf.Tensor:
    """Makes the model's generator give the same samples at every call, and returns them."""
    fake = noise(model, seed=1)
    monkeypatch.setattr(model, "fake", lambda n: fake)
    return fake


def test_least_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("lsgan", "mnist")
    real, fake = noise(model), fixed_samples(model, monkeypatch)
    on_real, on_fake = (model.discriminator(x, training=True).numpy() for x in (real, fake))
    d_loss, g_loss = (float(x) for x in (model.discriminator_loss(real)["d_loss"], model.generator_loss(4)["g_loss"]))
    assert d_loss == pytest.approx((np.mean((on_real - 1) ** 2) + np.mean(on_fake**2)) / 2, rel=1e-5)
    assert g_loss == pytest.approx(np.mean((on_fake - 1) ** 2) / 2, rel=1e-5)
    theirs = losses_impl()
    assert d_loss == pytest.approx(float(theirs.least_squares_discriminator_loss(on_real, on_fake)), rel=1e-5)
    assert g_loss == pytest.approx(float(theirs.least_squares_generator_loss(on_fake)), rel=1e-5)


@pytest.mark.parametrize("name", ["wgan", "wgan_gp"])
def test_wasserstein(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model = tiny_model(name, "mnist")
    real, fake = noise(model), fixed_samples(model, monkeypatch)
    on_real, on_fake = (model.critic(x, training=True).numpy() for x in (real, fake))
    d_loss, g_loss = (float(x) for x in (model.critic_loss(real)["d_loss"], model.generator_loss(4)["g_loss"]))
    assert d_loss == pytest.approx(on_fake.mean() - on_real.mean(), abs=1e-6)
    assert float(model.logs()["distance"]) == pytest.approx(on_real.mean() - on_fake.mean(), abs=1e-6)
    theirs = losses_impl()
    assert d_loss == pytest.approx(float(theirs.wasserstein_discriminator_loss(on_real, on_fake)), abs=1e-6)
    assert g_loss == pytest.approx(float(theirs.wasserstein_generator_loss(on_fake)), abs=1e-6)


@pytest.mark.parametrize("name", ["wgan", "wgan_gp"])
def test_every_critic_step_has_a_batch_of_its_own(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    model = tiny_model(name, "mnist")
    assert model.group == model.n_critic == 2 and models.recipe(name).model["n_critic"] == 5
    seen = []
    loss = model.critic_loss
    monkeypatch.setattr(model, "critic_loss", lambda real: seen.append(real.numpy()) or loss(real))
    batch = batch_of(model, 0)
    model.train_step(batch)
    np.testing.assert_array_equal(np.stack(seen), batch["image"].numpy())
    assert int(model.d_optimizer.iterations) == 2 and int(model.g_optimizer.iterations) == 1


def test_weights_are_clipped_after_every_critic_step(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model("wgan", "mnist")
    largest = []
    loss = model.critic_loss

    def watched(real: tf.Tensor) -> dict[str, tf.Tensor]:
        largest.append(max(np.abs(w.numpy()).max() for w in model.critic.trainable_variables))
        return loss(real)

    monkeypatch.setattr(model, "critic_loss", watched)
    generator = max(np.abs(w.numpy()).max() for w in model.generator.trainable_variables)
    model.train_step(batch_of(model, 0))
    bound = np.float32(0.01)
    assert largest[0] == 1 and largest[1:] == [bound]  # batch normalization starts at 1
    assert max(np.abs(w.numpy()).max() for w in model.critic.trainable_variables) == bound
    assert max(np.abs(w.numpy()).max() for w in model.generator.trainable_variables) == pytest.approx(
        generator, rel=0.1
    )


def test_the_small_gradients_of_a_clipped_critic_still_move_the_generator() -> None:
    """With the epsilon that Keras adds under the root of RMSprop by default they would not."""
    model = tiny_model("wgan", "mnist")
    for i in range(2):
        model.train_step(batch_of(model, i))
    before = [w.numpy() for w in model.generator.trainable_variables]
    model.minimize("g_optimizer", lambda: model.generator_loss(4))
    steps = [np.abs(w.numpy() - old).max() for w, old in zip(model.generator.trainable_variables, before, strict=True)]
    assert min(steps) > 1e-5  # of a learning rate of 5e-5


def test_the_critic_of_the_penalty_has_no_batch_normalization() -> None:
    model = tiny_model("wgan_gp", "mnist")
    assert not [x for x in model.critic.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert [x for x in model.generator.layers if isinstance(x, keras.layers.BatchNormalization)]


def linear_critic(slope: np.ndarray) -> Any:
    """x -> <slope, x>, (n, h, w, c) -> (n, 1): its gradient is `slope` everywhere."""
    return lambda x, training: tf.reduce_sum(x * tf.constant(slope, tf.float32), axis=(1, 2, 3))[:, None]


@pytest.mark.parametrize("norm", [3.0, 1.0, 0.25, 0.0])
def test_the_penalty_of_a_linear_critic(norm: float) -> None:
    model = tiny_model("wgan_gp", "mnist")
    slope = np.random.default_rng(2).normal(size=model.image_shape)
    slope *= norm / np.linalg.norm(slope)
    model.__dict__["critic"] = linear_critic(slope)
    real, fake = noise(model), noise(model, seed=1)
    assert float(model.slope_loss(real, fake)) == pytest.approx((norm - 1) ** 2, abs=1e-4)


def test_a_constant_critic_has_a_finite_gradient() -> None:
    """Where the slope is 0 the derivative of the root is infinite, and infinity times 0 is no number."""
    model = tiny_model("wgan_gp", "mnist")
    for weight in model.critic.trainable_variables:
        weight.assign(tf.zeros_like(weight))
    with tf.GradientTape() as tape:
        terms = model.critic_loss(noise(model))
        loss = tf.add_n(list(terms.values()))
    assert float(terms["gradient_penalty"]) == pytest.approx(10.0, rel=1e-4)
    for gradient in tape.gradient(loss, model.critic.trainable_variables):
        assert gradient is None or np.isfinite(gradient.numpy()).all()


def test_the_penalty_looks_at_one_uniform_point_between_each_image_and_a_sample() -> None:
    model = tiny_model("wgan_gp", "mnist")
    seen: list[np.ndarray] = []

    def critic(x: tf.Tensor, training: bool) -> tf.Tensor:
        seen.append(x.numpy())
        return tf.reduce_sum(x, axis=(1, 2, 3))[:, None]

    model.__dict__["critic"] = critic
    n = 500
    model.slope_loss(tf.ones((n, 28, 28, 1)), tf.zeros((n, 28, 28, 1)))
    (between,) = seen
    share = between[:, 0, 0, 0]
    np.testing.assert_array_equal(between, np.broadcast_to(share[:, None, None, None], between.shape))
    assert share.min() >= 0 and share.max() <= 1 and len(np.unique(share)) > 0.9 * n
    assert share.mean() == pytest.approx(0.5, abs=0.06) and share.std() == pytest.approx(12**-0.5, abs=0.03)
