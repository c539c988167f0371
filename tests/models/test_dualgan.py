"""DualGAN: its losses against the equations, algorithm 1, clipped weights."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of

from tfgans import models
from tfgans.errors import UserError
from tfgans.models.dualgan import DualGAN
from tfgans.recipe import Recipe
from tfgans.training.setup import build


def small(**changes: Any) -> Recipe:
    recipe = models.tiny("dualgan")
    return dataclasses.replace(recipe, model={**recipe.model, "dropout": 0.0, **changes})


def noise(seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32))


def test_losses_are_those_of_the_equations() -> None:
    model, u, v = build("dualgan", small(cycle_weight=7.0), 0), noise(1), noise(2)

    def through(network: Any, images: Any) -> np.ndarray:
        return network(images, training=True).numpy()

    made_v, made_u = through(model.generator_ab, u), through(model.generator_ba, v)
    of_v = through(model.critic_b, made_v).mean() - through(model.critic_b, v).mean()  # D_A of the paper
    of_u = through(model.critic_a, made_u).mean() - through(model.critic_a, u).mean()
    assert float(model.critic_loss(u, v)["d_loss"]) == pytest.approx(of_v + of_u, abs=1e-6)
    assert float(model.logs()["distance"]) == pytest.approx(-of_v - of_u, abs=1e-6)
    losses = model.generator_loss(u, v)
    judged = through(model.critic_b, made_v).mean() + through(model.critic_a, made_u).mean()
    assert float(losses["g_loss"]) == pytest.approx(-judged, abs=1e-6)
    cycle = np.mean(np.abs(through(model.generator_ba, made_v) - u))
    cycle += np.mean(np.abs(through(model.generator_ab, made_u) - v))
    assert float(losses["cycle_loss"]) == pytest.approx(7 * cycle, rel=1e-5)
    assert float(model.logs()["cycle_l1"]) == pytest.approx(cycle / 2, rel=1e-5)


def test_each_critic_step_has_a_batch_and_is_clipped(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("dualgan", small(clip=0.003), 0)
    assert model.group == model.n_critic == 2
    seen, critic_loss, generator_loss = [], model.critic_loss, model.generator_loss

    def critic(a: tf.Tensor, b: tf.Tensor) -> Any:
        if seen:  # after the first update
            largest = max(np.abs(w).max() for w in model.weights_of("d_optimizer"))
            assert largest == pytest.approx(0.003)
        seen.append((a.numpy(), b.numpy()))
        return critic_loss(a, b)

    monkeypatch.setattr(model, "critic_loss", critic)
    monkeypatch.setattr(
        model, "generator_loss", lambda a, b: seen.append((a.numpy(), b.numpy())) or generator_loss(a, b)
    )
    batch = batch_of(model, 0)
    model.train_step(batch)
    for (a, b), i in zip(seen, (0, 1, 1), strict=True):
        np.testing.assert_array_equal(a, batch["a"][i])
        np.testing.assert_array_equal(b, batch["b"][i])


def test_levels() -> None:
    assert build("dualgan", small(), 0).endpoints()["a_to_b"].multiple == 16
    digits = DualGAN(**models.recipe("dualgan", "digits_negative").model)
    assert digits.endpoints()["b_to_a"].multiple == 4
    assert digits.a_to_b(tf.zeros((1, 28, 28, 1))).shape == (1, 28, 28, 1)
    with pytest.raises(UserError, match="a U-Net of 3 levels needs sides that are multiples of 8"):
        build("dualgan", small(image_shape=(28, 28, 3), levels=3), 0)
    with pytest.raises(UserError, match="use sides such as"):
        build("dualgan", small(image_shape=(28, 28, 3)), 0)
