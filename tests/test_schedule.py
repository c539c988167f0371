"""Learning rates: at every step what the recipe and the model say, counted in each player's own updates."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from tiny import go_on

from tfgans import models
from tfgans.adversarial import HoldThenLinear
from tfgans.training.setup import build, learning_rate, network_of

SMALL = {
    "dcgan": dict(width=4),
    "cdcgan": dict(width=4, generator_steps=2),
    "wgan": dict(width=4, n_critic=3),
    "srgan": dict(image_shape=(32, 32, 3), width=4, blocks=1, discriminator_width=4, content="none"),
    "unet_gan": dict(image_shape=(16, 16, 3), part=8, width=4, discriminator_width=4),
}


def once(player: str, step: int) -> float:
    return 1.0


def srgan(player: str, step: int) -> float:
    """Pre-training of 40 steps whose rate falls over the last 30; the other two rates drop at step 70."""
    if player == "pretrain_optimizer":
        return max(0.0, min(1.0, (40 - step) / 30))
    return 0.1 if step >= 70 else 1.0


def unet_gan(player: str, step: int) -> float:
    return 0.25 if player == "g_optimizer" and step >= 20 else 1.0


def recipe_of(name: str, **changes: Any) -> Any:
    recipe = models.recipe(name)
    own = {key: changes.pop(key) for key in ("decay", "steps") if key in changes}
    return dataclasses.replace(recipe, model={**recipe.model, **SMALL[name], **changes}, batch_size=2, **own)


CASES: list[tuple[str, dict[str, Any], Callable[[str, int], float], dict[str, list[int]]]] = [
    ("dcgan", dict(decay=0.5), once, {"g_optimizer": [1] * 100, "d_optimizer": [1] * 100}),
    ("cdcgan", dict(decay=0.7), once, {"g_optimizer": [2] * 100, "d_optimizer": [1] * 100}),
    ("wgan", dict(decay=1.0), once, {"g_optimizer": [1] * 100, "d_optimizer": [3] * 100}),
    (
        "srgan",
        dict(decay=0.35, pretrain_steps=40, pretrain_decay=0.75, drop_at=70),
        srgan,
        {
            "pretrain_optimizer": [1] * 40 + [0] * 60,
            "g_optimizer": [0] * 40 + [1] * 60,
            "d_optimizer": [0] * 40 + [1] * 60,
        },
    ),
    (
        "unet_gan",
        dict(decay=0.3, pretrain_steps=20, early_steps=10, early_discriminator_steps=3, rate_after=0.25),
        unet_gan,
        {"g_optimizer": [1] * 100, "d_optimizer": [0] * 20 + [3] * 10 + [1] * 70},
    ),
]


@pytest.mark.parametrize("name, changes, factor, updates", CASES, ids=[case[0] for case in CASES])
def test_the_rate_of_every_step(
    name: str, changes: dict[str, Any], factor: Callable[[str, int], float], updates: dict[str, list[int]]
) -> None:
    recipe = recipe_of(name, steps=100, **changes)
    model = network_of(name, recipe)
    assert updates.keys() == recipe.optimizers.keys()
    for player, times in updates.items():
        schedule = keras.optimizers.schedules.deserialize(learning_rate(model, player, recipe))
        steps = np.repeat(np.arange(100), times)
        decayed = np.minimum(1.0, (100 - steps) / (100 * recipe.decay))
        expected = recipe.optimizers[player]["learning_rate"] * decayed * [factor(player, step) for step in steps]
        np.testing.assert_array_equal(schedule(np.arange(len(steps))), expected.astype(np.float32), player)


@pytest.mark.parametrize("name", ["cdcgan", "unet_gan"])
def test_updates_are_counted_as_they_are_declared(name: str) -> None:
    """And the optimizer has the rate of the step that comes next."""
    stages = dict(pretrain_steps=1, early_steps=2, early_discriminator_steps=3) if name == "unet_gan" else {}
    recipe = recipe_of(name, steps=10, decay=1.0, **stages)
    model = build(name, recipe, 0)
    for step in range(4):
        for player, arguments in recipe.optimizers.items():
            optimizer = getattr(model, player)
            done = sum(_times(model.updates(player), earlier) for earlier in range(step))
            assert int(optimizer.iterations) == done
            if _times(model.updates(player), step):
                expected = arguments["learning_rate"] * (1 - step / 10)
                if name == "unet_gan" and player == "g_optimizer" and step >= 1:
                    expected *= recipe.model["rate_after"]
                assert float(optimizer.learning_rate) == pytest.approx(expected, rel=1e-6)
        go_on(model, step, steps=1, graph=False)


def _times(updates: dict[int, int], step: int) -> int:
    return next((times for first, times in sorted(updates.items(), reverse=True) if first <= step), 0)


def test_a_rate_that_does_not_fall_is_a_number() -> None:
    recipe = recipe_of("dcgan", decay=0.0)
    assert learning_rate(network_of("dcgan", recipe), "g_optimizer", recipe) == 2e-4


def test_a_schedule_survives_its_configuration() -> None:
    schedule = HoldThenLinear(0.5, [(10, 4, 0.0), (3, 0, 0.1)], [(2, 3), (4, 1)])
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    values = schedule(np.arange(20)).numpy()
    np.testing.assert_array_equal(values, again(np.arange(20)).numpy())
    # steps 2 and 3 have three updates each, then one each; the rate drops at step 3 and falls from step 6 on
    expected = [0.5] * 3 + [0.05] * 5 + [0.05 * share for share in (1.0, 0.75, 0.5, 0.25)] + [0.0] * 8
    np.testing.assert_allclose(values, expected, rtol=1e-6)
