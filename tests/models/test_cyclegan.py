"""CycleGAN: its networks against counts by hand, its losses against the equations, pools of earlier images."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of

from tfgans import models
from tfgans.errors import UserError
from tfgans.layers import ImagePool
from tfgans.models.cyclegan import CycleGAN
from tfgans.models.networks import build_residual
from tfgans.recipe import Recipe
from tfgans.training.setup import build

SIDE = 16


def small(**changes: Any) -> Recipe:
    recipe = models.tiny("cyclegan")
    return dataclasses.replace(recipe, model={**recipe.model, **changes})


def noise(n: int = 2, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (n, SIDE, SIDE, 3)).astype(np.float32))


def test_the_generator_has_the_papers_size() -> None:
    """c7s1-64, d128, d256, nine blocks, u128, u64, c7s1-3; only the last convolution has a bias."""
    generator = build_residual(3, 64, 2, 9, "g", 3)
    ends, halvings = 49 * 3 * 64 + 49 * 64 * 3 + 3, 9 * (64 * 128 + 128 * 256)
    assert generator.count_params() == ends + 2 * halvings + 9 * 2 * 9 * 256 * 256 == 11_372_931


def test_losses_are_those_of_the_equations() -> None:
    model, a, b = build("cyclegan", small(), 0), noise(seed=1), noise(seed=2)
    losses, (made_a, made_b) = model.generator_loss(a, b)

    def through(network: Any, images: Any) -> np.ndarray:
        return network(images, training=True).numpy()

    np.testing.assert_allclose(made_b, through(model.generator_ab, a), atol=1e-6)
    np.testing.assert_allclose(made_a, through(model.generator_ba, b), atol=1e-6)
    on_a, on_b = through(model.discriminator_a, made_a), through(model.discriminator_b, made_b)
    assert float(losses["g_loss"]) == pytest.approx(np.mean((on_a - 1) ** 2) + np.mean((on_b - 1) ** 2), rel=1e-5)
    cycle = np.mean(np.abs(through(model.generator_ba, made_b) - a))
    cycle += np.mean(np.abs(through(model.generator_ab, made_a) - b))
    assert float(losses["cycle_loss"]) == pytest.approx(10 * cycle, rel=1e-5)
    identity = np.mean(np.abs(through(model.generator_ab, b) - b))
    identity += np.mean(np.abs(through(model.generator_ba, a) - a))
    assert float(losses["identity_loss"]) == pytest.approx(5 * identity, rel=1e-5)
    d_loss = model.discriminator_loss((a, b), (made_a, made_b))["d_loss"]
    halves = 0.0
    for judge, real, fake in ((model.discriminator_a, a, made_a), (model.discriminator_b, b, made_b)):
        on_real, on_fake = through(judge, real), through(judge, fake)
        halves += (np.mean((on_real - 1) ** 2) + np.mean(on_fake**2)) / 2
    assert float(d_loss) == pytest.approx(halves, rel=1e-5)
    logs = model.logs()
    assert float(logs["cycle_l1"]) == pytest.approx(cycle / 2, rel=1e-5)
    assert float(logs["d_fake"]) == pytest.approx((on_a.mean() + on_b.mean()) / 2, rel=1e-4)


def test_without_identity() -> None:
    model = build("cyclegan", small(identity_weight=0.0), 0)
    assert "identity_loss" not in model.generator_loss(noise(), noise())[0]


def test_discriminators_see_images_of_past_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of five, batches of four: each shown image is the newest in its place, or one of an earlier step."""
    model, made, shown = build("cyclegan", small(), 0), [], []
    exchange, loss = ImagePool.exchange, model.discriminator_loss

    def exchanged(pool: ImagePool, images: tf.Tensor, seed: Any) -> tf.Tensor:
        if pool is model.pool_b:
            made.append(images.numpy())
        return exchange(pool, images, seed)

    monkeypatch.setattr(ImagePool, "exchange", exchanged)
    monkeypatch.setattr(model, "discriminator_loss", lambda r, f: shown.append(f[1].numpy()) or loss(r, f))
    for i in range(4):
        model.train_step(batch_of(model, i))
    np.testing.assert_array_equal(shown[0], made[0])  # the pool is not full
    earlier = 0
    for step in range(1, 4):
        for i, image in enumerate(shown[step]):
            if not np.array_equal(image, made[step][i]):
                known = np.concatenate([*made[:step], made[step][:i]])
                assert any(np.array_equal(image, each) for each in known)
                earlier += any(np.array_equal(image, each) for each in np.concatenate(made[:step]))
    assert earlier >= 2


def test_a_step_moves_both_generators_and_then_both_discriminators() -> None:
    """With the other player's rate at 0, one player's four networks move, or stand still."""
    for still, moving in (("g_optimizer", "d_optimizer"), ("d_optimizer", "g_optimizer")):
        model = build("cyclegan", dataclasses.replace(small(), decay=0.0), 0)
        getattr(model, still).learning_rate = 0.0
        before = {name: model.get_layer(name).get_weights() for names in model.players.values() for name in names}
        model.train_step(batch_of(model, 0))
        for player, names in model.players.items():
            for name in names:
                same = all(map(np.array_equal, before[name], model.get_layer(name).get_weights()))
                assert same == (player == still), (name, moving)


def test_endpoints_take_other_sizes_and_each_image_alone() -> None:
    model = build("cyclegan", small(), 0)
    images = (tf.concat([noise(1, 1), noise(1, 2)], 0) + 1) / 2
    images = tf.concat([images, images[:, :, :8]], 2)  # 16 x 24
    both = model.a_to_b(images).numpy()
    assert both.shape == (2, 16, 24, 3) and 0 <= both.min() and both.max() <= 1
    np.testing.assert_allclose(both[1:], model.a_to_b(images[1:]), atol=1e-6)
    assert np.abs(both - model.b_to_a(images).numpy()).max() > 0.01


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"image_shape": (18, 16, 3)}, "multiples of 4"),
        ({"image_shape": (16, 16, 3), "patch": 70}, "set a smaller patch"),
        ({"patch": 3}, "patch must be 1, 16"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CycleGAN(**{**models.tiny("cyclegan").model, **changes})
