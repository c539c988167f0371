"""The context encoder: its layers against counts and values by hand, what is weighed, shown, blanked and copied."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of, go_on

from tfgans import models
from tfgans.data.degrade import degrade
from tfgans.errors import UserError
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.inference.tiling import pictures_of
from tfgans.models.context_encoder import ChannelwiseDense, ContextEncoder, build_discriminator, build_generator, widths
from tfgans.training.setup import build

MEAN = np.array([0.485, 0.458, 0.408], np.float32)


def model(key: str = "imagenette", **changes: Any) -> ContextEncoder:
    recipe = models.tiny("context_encoder", key)
    return build("context_encoder", dataclasses.replace(recipe, model={**recipe.model, **changes}), 0)


def noise(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


def count(network: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def convolutions(kernel: int, filters: list[int]) -> int:
    """Weights of square kernels and of the batch normalization that follows each."""
    return sum(kernel**2 * a * b + 2 * b for a, b in zip(filters, filters[1:], strict=False))


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_channelwise_layer_by_hand() -> None:
    layer = ChannelwiseDense()
    x = noise(2, 3, 4, 5)
    made = layer(x).numpy()
    assert made.shape == x.shape
    assert count(layer) == 5 * (3 * 4) ** 2
    kernel = layer.kernel.numpy()
    for n, row, column, m in ((0, 0, 0, 0), (1, 2, 3, 4), (0, 1, 2, 3)):
        by_hand = sum(x[n, i // 4, i % 4, m] * kernel[m, i, row * 4 + column] for i in range(12))
        assert made[n, row, column, m] == pytest.approx(by_hand, rel=1e-5)
    changed = x.copy()
    changed[0, 1, 1, 2] += 1.0
    moved = np.abs(layer(changed).numpy() - made) > 1e-6
    assert moved[0, :, :, 2].all() and moved.sum() == 12, "all of its own map, and no other"
    square = ChannelwiseDense()
    square.build((None, 4, 4, 512))
    assert count(square) == 512 * 4**4
    with pytest.raises(ValueError, match="known size"):
        ChannelwiseDense().build((None, None, 4, 5))


def test_the_parameters_of_the_networks() -> None:
    """At 128x128: five halvings to 4x4x512, the joint, five up-convolutions; exports are half as many megabytes."""
    assert widths(128, 64) == [64, 64, 128, 256, 512] and widths(64, 64) == [64, 128, 256, 512]
    encoder = 16 * 3 * 64 + 64 + convolutions(4, [64, 64, 128, 256, 512])
    decoder = convolutions(4, [512, 256, 128, 64, 64]) + 16 * 64 * 3 + 3
    joint = 512 * 4**4 + 2 * 512 + 512 * 512 + 2 * 512
    own = build_generator((128, 128, 3), 64, "channelwise", 1)
    assert count(own) == encoder + joint + decoder == 6_040_515
    full = build_generator((128, 128, 3), 8, "full", 40)
    ours = build_generator((128, 128, 3), 8, "channelwise", 1)
    joints = convolutions(4, [64, 40, 64]), 64 * 4**4 + 2 * 64 + 64 * 64 + 2 * 64
    assert count(full) - count(ours) == joints[0] - joints[1]
    up = [each for each in own.layers if isinstance(each, keras.layers.Conv2DTranspose)]
    down = [each for each in own.layers if isinstance(each, keras.layers.Conv2D) and each.strides == (2, 2)]
    assert len(up) == len([each for each in down if each not in up]) == 5
    discriminator = build_discriminator(64, 3, 64)
    assert count(discriminator) == 16 * 3 * 64 + 64 + convolutions(4, [64, 128, 256, 512]) + 16 * 512 + 1 == 2_765_633
    assert not any(isinstance(each, keras.layers.Dense) for each in discriminator.layers), "convolutions only"


def test_a_place_hears_of_all_others_through_the_channelwise_layer() -> None:
    generator = model().generator
    images = noise(1, 32, 32, 3)
    changed = images.copy()
    changed[0, :2, :2] += 0.5
    moved = np.abs(generator(changed, training=False).numpy() - generator(images, training=False).numpy())[0]
    assert moved[-4:, -4:].max() > 0


# --- losses -----------------------------------------------------------------------------------------------------------


def test_what_pixels_weigh_by_hand() -> None:
    """At 32x32 a central hole of 16, rows and columns 8 to 23; 2 pixels of overlap."""
    gan = model()
    missing = gan.area.missing(np.zeros((1, 32, 32, 1), bool))
    by_hand = np.zeros((32, 32))
    by_hand[6:26, 6:26] = 10.0
    by_hand[8:24, 8:24] = 1.0
    np.testing.assert_array_equal(gan.weights_in(missing)[0, ..., 0], by_hand)
    target, made = noise(1, 32, 32, 3), np.zeros((1, 32, 32, 3), np.float32)
    errors = (target[0] ** 2).mean(-1)
    loss = gan.reconstruction_loss(target, made, missing)["reconstruction_loss"]
    assert float(loss) == pytest.approx(0.999 * (by_hand * errors).sum() / 20**2, rel=1e-5)
    assert float(gan.logs()["l2"]) == pytest.approx(errors[8:24, 8:24].mean(), rel=1e-5)
    plain = model(overlap=0)
    np.testing.assert_array_equal(plain.weights_in(missing)[0, ..., 0], by_hand == 1.0)


def test_random_blocks_weigh_all_pixels() -> None:
    gan = model("random_blocks", overlap=1)
    masks = np.zeros((1, 32, 32, 1), bool)
    masks[0, 3, 4] = masks[0, 20:24, 30:] = True
    by_hand = np.ones((32, 32))
    by_hand[2:5, 3:6] = by_hand[19:25, 29:] = 10.0
    by_hand[3, 4] = by_hand[20:24, 30:] = 1.0
    np.testing.assert_array_equal(gan.weights_in(gan.area.missing(masks))[0, ..., 0], by_hand)


@pytest.mark.parametrize("key, start, end", [("imagenette", 8, 24), ("random_blocks", 0, 32)])
def test_the_discriminator_sees_what_the_generator_is_there_to_make(
    monkeypatch: pytest.MonkeyPatch, key: str, start: int, end: int
) -> None:
    gan = model(key)
    batch = {**batch_of(gan, 0), "mask": tf.zeros((4, 32, 32, 1), tf.bool)}
    shown, made = [], tf.Variable(noise(4, 32, 32, 3))

    def seen(region: tf.Tensor, training: bool) -> tf.Tensor:
        shown.append(region)
        return tf.reduce_mean(region, (1, 2, 3))[:, None]

    monkeypatch.setattr(gan, "discriminator", seen)
    with tf.GradientTape() as tape:
        loss = gan.adversarial_loss(made * 1.0)["adversarial_loss"]
    gradient = tape.gradient(loss, made).numpy()
    gan.discriminator_loss(batch["target"], made)
    inside = np.zeros((32, 32), bool)
    inside[start:end, start:end] = True
    assert ((gradient != 0).any((0, -1)) == inside).all()
    for each, expected in zip(shown, (made, batch["target"], made), strict=True):
        np.testing.assert_array_equal(each, expected.numpy()[:, start:end, start:end])
    logits = made.numpy()[:, start:end, start:end].mean((1, 2, 3))
    assert float(loss) == pytest.approx(0.001 * np.log1p(np.exp(-logits)).mean(), rel=1e-5)


def test_the_losses_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = model()
    monkeypatch.setattr(gan, "discriminator", lambda region, training: tf.reduce_mean(region, (1, 2, 3))[:, None])
    target, made = noise(4, 32, 32, 3, low=0.0), noise(4, 32, 32, 3, high=0.0)
    real, fake = (each[:, 8:24, 8:24].mean((1, 2, 3)) for each in (target, made))
    loss = float(gan.discriminator_loss(target, made)["d_loss"])
    assert loss == pytest.approx(np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean(), rel=1e-5)
    probabilities = [(1 / (1 + np.exp(-each))).mean() for each in (real, fake)]
    assert [float(gan.logs()[term]) for term in ("d_real", "d_fake")] == pytest.approx(probabilities, rel=1e-5)
    monkeypatch.setattr(gan, "generator", lambda given, training: tf.constant(made))
    missing = gan.area.missing(np.zeros((4, 32, 32, 1), bool))
    terms, _ = gan.generator_loss(made, target, missing)
    assert set(terms) == {"reconstruction_loss", "adversarial_loss"}


def test_without_an_adversary_the_discriminator_stays() -> None:
    gan = model(adversarial_weight=0.0)
    before = gan.discriminator.get_weights()
    logs = go_on(gan, 0, steps=2)
    assert all(map(np.array_equal, before, gan.discriminator.get_weights()))
    assert logs["reconstruction_loss"] > 0 and logs["d_loss"] == logs["adversarial_loss"] == 0
    assert (int(gan.g_optimizer.iterations), int(gan.d_optimizer.iterations)) == (2, 0)
    assert gan.updates("d_optimizer") == {} and model().updates("d_optimizer") == {0: 1}


def test_the_rates_are_ten_to_one() -> None:
    recipe = models.recipe("context_encoder")
    rates = {player: settings["learning_rate"] for player, settings in recipe.optimizers.items()}
    assert rates["g_optimizer"] == pytest.approx(10 * rates["d_optimizer"])


# --- holes ------------------------------------------------------------------------------------------------------------


def test_the_generator_sees_the_mean_colour_in_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    gan, seen = model(), []
    batch = batch_of(gan, 0)
    masks = np.zeros((4, 32, 32, 1), bool)
    masks[:, :3, :5] = True
    network = gan.generator
    monkeypatch.setattr(gan, "minimize", lambda player, losses: losses()[1] if player == "g_optimizer" else losses())
    monkeypatch.setattr(gan, "generator", lambda given, training: [seen.append(given), network(given)][1])
    gan.train_step({**batch, "mask": tf.constant(masks)})
    hole = masks.copy()
    hole[:, 8:24, 8:24] = True
    np.testing.assert_allclose(seen[0], np.where(hole, 2 * MEAN - 1, batch["source"]), atol=1e-6)


def test_known_pixels_are_equal_to_the_bit() -> None:
    gan, images = model(), noise(2, 32, 32, 3, low=0.0)
    masks = np.zeros((2, 32, 32, 1), bool)
    masks[:, 10:14, 9:20] = True  # smaller than the hole
    masks[1, 0, 0] = True  # beyond it
    filled = gan.fill(images, masks).numpy()
    known = ~np.broadcast_to(masks, images.shape)
    np.testing.assert_array_equal(filled[known], images[known])
    assert not np.isclose(filled, images)[~known].any()
    np.testing.assert_allclose(filled[1, 0, 0], MEAN, atol=1e-6)
    np.testing.assert_array_equal(gan.fill(images, masks & False), images)
    other = images.copy()
    other[:, 8:24, 8:24] = 0.3
    np.testing.assert_array_equal(gan.fill(other, masks).numpy()[masks[..., 0]], filled[masks[..., 0]])
    whole = (gan.generator(np.where(gan.area.missing(masks), MEAN, images) * 2 - 1, training=False).numpy() + 1) / 2
    np.testing.assert_allclose(filled[:, 10:14, 9:20], whole[:, 10:14, 9:20], atol=1e-5)


def test_random_blocks_are_filled_anywhere() -> None:
    gan, images = model("random_blocks"), noise(2, 32, 32, 3, low=0.0)
    masks = np.zeros((2, 32, 32, 1), bool)
    masks[:, :5, :6] = True
    filled = gan.fill(images, masks).numpy()
    known = ~np.broadcast_to(masks, images.shape)
    np.testing.assert_array_equal(filled[known], images[known])
    assert np.abs(filled[:, :5, :6] - MEAN).std() > 1e-3
    other = images.copy()
    other[:, 16, 16] = 0.0  # known: looked at
    assert not np.array_equal(gan.fill(other, masks), filled)


def test_pictures_of_any_size_are_filled(tmp_path: Path) -> None:
    """A hole near an edge, one of the full size, and one too large; all else stays."""
    exported = Exported(export(model(), tmp_path / "m"))
    picture = np.random.default_rng(0).integers(0, 256, (70, 45, 3), dtype=np.uint8)
    mask = np.zeros((70, 45), bool)
    mask[1:5, 40:45] = mask[20:36, 10:26] = mask[45:69, 5:20] = True
    made = pictures_of(exported, "fill").apply(picture, mask)
    np.testing.assert_array_equal(made[~mask], picture[~mask])
    assert (made[mask] != picture[mask]).any(-1).mean() > 0.9


def test_random_blocks_cover_up_to_a_quarter() -> None:
    apply = degrade(models.recipe("context_encoder", "random_blocks").degradation)
    shares = [apply.with_mask(tf.zeros((128, 128, 3)), tf.constant([0, i]))[1].numpy().mean() for i in range(20)]
    assert max(shares) <= 0.25 and min(shares) > 0.1 and len(set(shares)) > 5


@pytest.mark.parametrize(
    "changes, says",
    [
        (dict(region="middle"), "center or random, not 'middle'"),
        (dict(connection="none"), "channelwise or full"),
        (dict(image_shape=(32, 16, 3)), "square colour images"),
        (dict(image_shape=(24, 24, 3)), "power of two, at least 16"),
        (dict(hole=12), "a power of two, at least 8, not 12"),
        (dict(hole=32), "does not fit into images of 32"),
        (dict(overlap=9), "9 pixels around it"),
    ],
)
def test_bad_settings(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        model(**changes)
