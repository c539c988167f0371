"""DiscoGAN: its networks against counts by hand, its losses against the equations, the schedule, points."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare
from tiny import batch_of

from tfgans import models
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.metrics import source_identified
from tfgans.models.discogan import DiscoGAN, build_discriminator, build_generator
from tfgans.recipe import Recipe
from tfgans.tasks import Subject, point_translation
from tfgans.training.setup import build, load_source

POINT = (1, 1, 2)


def small(points: bool = False, **changes: Any) -> Recipe:
    recipe = models.tiny("discogan", "gaussians" if points else None)
    return dataclasses.replace(recipe, model={**recipe.model, **changes})


def noise(seed: int = 0, shape: tuple[int, ...] = (3, 16, 16, 3)) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


def parameters(network: Any) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_networks_have_the_papers_size() -> None:
    """64, 128, 256, 512 filters of 4x4; a bias where no normalization (two values a channel) follows."""
    down = [(3, 64), (64, 128), (128, 256), (256, 512)]
    up = [(512, 256), (256, 128), (128, 64), (64, 3)]
    generator = build_generator((64, 64, 3), 64, "g")
    norms = 2 * (128 + 256 + 512 + 256 + 128 + 64)
    assert parameters(generator) == sum(16 * a * b for a, b in down + up) + 64 + 3 + norms == 5_513_923
    discriminator = build_discriminator((64, 64, 3), 64, "d")
    expected = sum(16 * a * b for a, b in [*down, (512, 1)]) + 64 + 1 + 2 * (128 + 256 + 512)
    assert parameters(discriminator) == expected
    assert [tuple(each.shape[1:]) for each in discriminator.outputs] == [(1,), (16, 16, 128), (8, 8, 256), (4, 4, 512)]
    assert generator(noise(shape=(2, 16, 48, 3))).shape == (2, 16, 48, 3)


def test_digits_go_down_to_seven_pixels() -> None:
    layers = build_generator((28, 28, 1), 8, "g").layers
    assert [tuple(each.output.shape[-1:]) for each in layers if "conv" in each.name] == [(8,), (16,), (8,), (1,)]
    discriminator = build_discriminator((28, 28, 1), 8, "d")
    assert [tuple(each.shape[1:]) for each in discriminator.outputs] == [(1,), (7, 7, 16)]
    assert discriminator.layers[-2].kernel.shape == (7, 7, 16, 1)


def test_points_have_three_and_five_linear_layers() -> None:
    generator, discriminator = build_generator(POINT, 8, "g"), build_discriminator(POINT, 8, "d")
    assert [w.shape for w in generator.weights[::2]] == [(2, 8), (8, 8), (8, 2)]
    assert [w.shape for w in discriminator.weights[::2]] == [(2, 8), *[(8, 8)] * 3, (8, 1)]
    assert len(discriminator.outputs) == 5


def test_all_goes_through_the_innermost_map() -> None:
    generator = build_generator((16, 16, 3), 4, "g")
    innermost = [layer for layer in generator.layers if type(layer).__name__ == "Conv2D"][-1]
    innermost.kernel.assign(tf.zeros_like(innermost.kernel))
    one, other = (generator(noise(seed), training=False).numpy() for seed in (0, 1))
    np.testing.assert_array_equal(one, other)


# --- losses -----------------------------------------------------------------------------------------------------------


def crossentropy(logits: np.ndarray, real: bool) -> float:
    return float(np.mean(np.log1p(np.exp(-logits if real else logits))))


def matched(found: list[Any], wanted: list[Any]) -> float:
    return sum(np.mean((x.numpy().mean(0) - y.numpy().mean(0)) ** 2) for x, y in zip(found, wanted, strict=True))


@pytest.mark.parametrize("reconstruction", ["both", "one", "none"])
def test_losses_are_those_of_the_equations(reconstruction: str) -> None:
    weights = dict(adversarial_weight=0.2, matching_weight=3.0, rate=0.25, curriculum_steps=0)
    model = build("discogan", small(reconstruction=reconstruction, **weights), 0)
    a, b = noise(1), noise(2)

    def through(network: Any, images: Any) -> Any:
        return network(images, training=True)

    made_b, made_a = through(model.generator_ab, a), through(model.generator_ba, b)
    pairs = [(model.discriminator_b, b, made_b)]
    pairs += [(model.discriminator_a, a, made_a)] if reconstruction != "one" else []
    adversarial = matching = d_loss = 0.0
    for judge, real, made in pairs:
        (on_real, *wanted), (on_made, *found) = through(judge, real), through(judge, made)
        adversarial += crossentropy(on_made.numpy(), real=True)
        matching += matched(found, wanted)
        d_loss += (crossentropy(on_real.numpy(), real=True) + crossentropy(on_made.numpy(), real=False)) / 2
    distance = np.mean((through(model.generator_ba, made_b) - a) ** 2) if reconstruction != "none" else 0.0
    distance += np.mean((through(model.generator_ab, made_a) - b) ** 2) if reconstruction == "both" else 0.0

    losses = {key: float(value) for key, value in model.generator_loss(a, b).items()}
    rate = 0.25 if reconstruction != "none" else 0.0
    assert losses["g_loss"] == pytest.approx((1 - rate) * 0.2 * adversarial, rel=1e-4)
    assert losses["matching_loss"] == pytest.approx((1 - rate) * 3.0 * matching, rel=1e-4)
    assert losses.get("reconstruction_loss", 0.0) == pytest.approx(rate * distance, rel=1e-4)
    assert float(model.discriminator_loss(a, b)["d_loss"]) == pytest.approx(d_loss, rel=1e-4)


def test_decay_pulls_by_the_weights_themselves() -> None:
    model = build("discogan", small(weight_decay=0.5), 0)
    weights = model.weights_of("d_optimizer")
    assert len(weights) == len({id(w) for w in weights})
    with tf.GradientTape() as tape:
        loss = model.discriminator_loss(noise(1), noise(2))["d_decay"]
    assert float(loss) == pytest.approx(0.25 * sum(float(np.sum(w.numpy() ** 2)) for w in weights), rel=1e-5)
    for weight, gradient in zip(weights, tape.gradient(loss, weights), strict=True):
        np.testing.assert_allclose(gradient, 0.5 * weight.numpy(), rtol=1e-5)


def test_the_rate_changes_after_the_curriculum() -> None:
    """Steps of two updates of G: the first rate in both updates of the first step, then the other one."""
    model, rates = build("discogan", small(start_rate=0.01, rate=0.5, curriculum_steps=1), 0), []
    loss = model.generator_loss

    def watched(a: tf.Tensor, b: tf.Tensor) -> Any:
        losses = loss(a, b)
        rates.append(float(losses["reconstruction_loss"]) / (2 * float(model.trackers["reconstruction"].result())))
        model.reset_metrics()
        return losses

    model.generator_loss = watched
    for i in range(2):
        model.train_step(batch_of(model, i))
    assert rates == pytest.approx([0.01, 0.01, 0.5, 0.5], rel=1e-4)


def test_each_update_has_a_batch_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The discriminators once, the generators twice; with the other player's rate at 0 only one of them moves."""
    model, seen = build("discogan", small(), 0), []
    for name in ("discriminator_loss", "generator_loss"):
        loss = getattr(model, name)
        monkeypatch.setattr(model, name, lambda a, b, name=name, loss=loss: seen.append((name, a, b)) or loss(a, b))
    batch = batch_of(model, 0)
    model.train_step(batch)
    assert [name for name, *_ in seen] == ["discriminator_loss", "generator_loss", "generator_loss"]
    for i, (_, a, b) in enumerate(seen):
        np.testing.assert_array_equal(a, batch["a"][i])
        np.testing.assert_array_equal(b, batch["b"][i])
    assert (model.updates("d_optimizer"), model.updates("g_optimizer")) == ({0: 1}, {0: 2})
    for still in model.players:
        model = build("discogan", small(), 0)
        getattr(model, still).learning_rate = 0.0
        before = {name: model.get_layer(name).get_weights() for names in model.players.values() for name in names}
        model.train_step(batch)
        for player, names in model.players.items():
            trainable = [len(model.get_layer(name).trainable_weights) for name in names]
            assert min(trainable) > 0
            for name in names:
                kernels = [w for w in before[name] if w.ndim == 4]
                now = [w for w in model.get_layer(name).get_weights() if w.ndim == 4]
                assert all(map(np.array_equal, kernels, now)) == (player == still), name


def test_arguments_that_make_no_model() -> None:
    with pytest.raises(UserError, match="reconstruction must be both, one, none, not 'two'"):
        DiscoGAN(**small(reconstruction="two").model)
    with pytest.raises(UserError, match="do not halve"):
        DiscoGAN(**small(image_shape=(18, 18, 3)).model)


# --- use --------------------------------------------------------------------------------------------------------------


def test_endpoints_take_other_sizes() -> None:
    model = build("discogan", small(), 0)
    assert model.endpoints()["a_to_b"].multiple == 4 and model.endpoints()["b_to_a"].largest == 32
    images = (noise(shape=(2, 16, 24, 3)) + 1) / 2
    for network in (model.generator_ab, model.generator_ba):
        for weight in network.trainable_weights:
            weight.assign(5.0 * weight)  # fresh ones are so small that all is gray
    both = model.a_to_b(images).numpy()
    assert both.shape == (2, 16, 24, 3) and 0 <= both.min() and both.max() <= 1
    np.testing.assert_allclose(both[1:], model.a_to_b(images[1:]), atol=1e-6)
    assert np.abs(both - model.b_to_a(images).numpy()).max() > 0.01
    points = build("discogan", small(points=True), 0)
    assert points.endpoints()["a_to_b"].outputs["images"].encoding == "points"
    assert points.batch_spec(2)["a"].encoding == "points"


# --- points -----------------------------------------------------------------------------------------------------------


def test_what_tells_the_source() -> None:
    assert source_identified(np.array([0, 0, 3, 3, 5]), np.array([1, 1, 0, 0, 2])) == 1
    assert source_identified(np.array([4, 4, 4, 4]), np.array([0, 1, 2, 3])) == 0.25
    assert source_identified(np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2])) == 3 / 5
    with pytest.raises(ValueError, match="modes must have shape"):
        source_identified(np.zeros(2, int), np.zeros(3, int))


def test_a_translation_between_mixtures_is_measured(tmp_path: Path) -> None:
    """Source k becomes the middle of target k, but the last two sources share one; all of b becomes a far point."""
    source, target = MIXTURES["gaussians5"], MIXTURES["gaussians10"]
    means = tf.constant(source.means / source.extent, tf.float32)
    landing = tf.constant((target.means[[0, 1, 2, 3, 3]] / target.extent + 1) / 2, tf.float32)

    def a_to_b(x: tf.Tensor) -> tf.Tensor:
        distances = tf.norm(2.0 * x[:, 0, 0, None] - 1.0 - means, axis=-1)
        return tf.gather(landing, tf.argmin(distances, -1))[:, None, None]

    rules = build("discogan", small(points=True), 0).endpoints()["a_to_b"]
    ways = {"a_to_b": (a_to_b, rules), "b_to_a": (tf.ones_like, rules)}
    recipe = models.recipe("discogan", "gaussians")
    subject = Subject(recipe, n=1_000)
    measured = point_translation.measure(Exported(declare(tmp_path / "m", ways)), subject)
    found = {(row.measure, row.direction, row.of): row.values[0] for row in measured.rows}
    assert found["modes", "a_to_b", "model"] == 4 and found["modes", "b_to_a", "model"] == 0
    assert found["high_quality", "a_to_b", "model"] == 1 and found["high_quality", "b_to_a", "model"] == 0
    assert found["high_quality", "a_to_b", "real"] == pytest.approx(0.989, abs=0.01)
    assert found["source_identified", "a_to_b", "model"] == pytest.approx(4 / 5)
    assert found["source_identified", "b_to_a", "model"] == pytest.approx(1 / 10)
    entropy = -(3 * 0.2 * np.log(0.2) + 0.4 * np.log(0.4))
    assert found["kl_to_uniform", "a_to_b", "model"] == pytest.approx(np.log(10) - entropy, abs=1e-3)
    assert measured.protocol["modes"] == {"a": 5, "b": 10}
    sheet = point_translation.sheet(Exported(tmp_path / "m"), subject)
    assert sheet.shape == (2 * 322 + 2, 3 * 322 + 2, 3) and sheet.std() > 0


def test_mixtures_are_two_domains() -> None:
    sets = load_source(models.recipe("discogan", "gaussians"))
    assert {role: next(iter(each.values())).name for role, each in sets.by_role.items()} == {
        "a": "gaussians5",
        "b": "gaussians10",
    }
    assert sets.points and sets.pairing == "shuffled"
    model = build("discogan", small(points=True), 0)
    picture = point_translation.preview(model, lambda n: examples(sets, n), models.recipe("discogan", "gaussians"))()
    assert picture.shape == (2 * 322 + 2, 3 * 322 + 2, 3)


def examples(sets: Any, n: int) -> dict[str, tf.Tensor]:
    found = {role: next(iter(each.values())) for role, each in sets.by_role.items()}
    batch = {role: tf.constant(each.images[:n]) for role, each in found.items()}
    return batch | {f"{role}_label": tf.constant(each.labels[:n]) for role, each in found.items()}


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_ablations_change_the_reconstruction_alone() -> None:
    recipes = models.recipes("discogan")
    for kind in ("one", "none"):
        own, usual = recipes[f"gaussians_{kind}"], recipes["gaussians"]
        assert own == dataclasses.replace(usual, model={**usual.model, "reconstruction": kind})
    for recipe in recipes.values():
        shape, width = tuple(recipe.model["image_shape"]), recipe.model["width"]
        assert 2 * 2 * parameters(build_generator(shape, width, "g")) < 13.5e6, "exported in half precision"
