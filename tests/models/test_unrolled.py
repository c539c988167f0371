"""The unrolled GAN against computations by other ways; the data whose modes are known, and how they are counted."""

import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import batch_of, state, tiny_model

from tfgans import data, models
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.evaluation.evaluate import evaluate
from tfgans.images import scatter
from tfgans.metrics import kl_to_uniform, mode_coverage, stacked_digits
from tfgans.tasks import Subject
from tfgans.tasks.mode_coverage import measure, measure_run, read_stacked
from tfgans.training.autotune import choose_mode
from tfgans.training.setup import build, native_shape
from tfgans.training.train import train

SMALL = dict(generator_width=5, discriminator_width=4, latent_dim=3)


def small(unroll: int, fall: tuple[int, float] = (25_000, 0.5), **changes: Any) -> Any:
    """A model of points after three steps, small enough for finite differences; its optimizers have a state.

    `fall`: steps, and the share of them over which the rates fall.
    """
    recipe = dataclasses.replace(models.recipe("unrolled", "gaussians8"), steps=fall[0], decay=fall[1])
    model = {**recipe.model, **SMALL, "unroll": unroll, **changes}
    optimizers = {player: dict(learning_rate=0.05, beta_1=0.5) for player in recipe.optimizers}
    made = build("unrolled", dataclasses.replace(recipe, model=model, optimizers=optimizers, batch_size=8), 3)
    for i in range(3):
        made.train_step({"image": points(i)})
    return made


def points(seed: int, n: int = 8) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (n, 1, 1, 2)).astype(np.float32))


# --- an independent discriminator and Adam, in NumPy ------------------------------------------------------------------


def logits(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    hidden = np.maximum(x.reshape(len(x), 2) @ weights[0] + weights[1], 0)
    return hidden @ weights[2] + weights[3]


def minus_f(weights: list[np.ndarray], real: np.ndarray, fake: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, -logits(weights, real))) + np.mean(np.logaddexp(0, logits(weights, fake))))


def slope(weights: list[np.ndarray], real: np.ndarray, fake: np.ndarray, step: float = 1e-6) -> list[np.ndarray]:
    """The gradient of `minus_f` by central differences."""
    found = []
    for weight in weights:
        gradient = np.zeros_like(weight)
        for index in np.ndindex(weight.shape):
            kept, sides = weight[index], []
            for side in (step, -step):
                weight[index] = kept + side
                sides.append(minus_f(weights, real, fake))
            weight[index] = kept
            gradient[index] = (sides[0] - sides[1]) / (2 * step)
        found.append(gradient)
    return found


def adam(model: Any, real: np.ndarray, fake: np.ndarray, steps: int, first: float = 0.05) -> list[np.ndarray]:
    """The discriminator's weights after `steps` updates, by the formulas of the Adam paper (arXiv:1412.6980)."""
    optimizer = model.d_optimizer
    arrays = [v.numpy().astype(np.float64) for v in model.discriminator.trainable_variables]
    m = [v.numpy().astype(np.float64) for v in optimizer._momentums]
    v = [x.numpy().astype(np.float64) for x in optimizer._velocities]
    for k in range(1, steps + 1):
        t = int(optimizer.iterations) + k
        rate = first * np.sqrt(1 - 0.999**t) / (1 - 0.5**t)
        for i, g in enumerate(slope(arrays, real, fake)):
            m[i] = 0.5 * m[i] + 0.5 * g
            v[i] = 0.999 * v[i] + 0.001 * g * g
            arrays[i] = arrays[i] - rate * m[i] / (np.sqrt(v[i]) + 1e-7)
    return arrays


@pytest.mark.parametrize("unroll", [0, 1, 3])
def test_unrolled_weights_are_those_of_adam(unroll: int) -> None:
    model = small(unroll)
    real, fake = points(10), points(11)
    expected = adam(model, real.numpy().astype(np.float64), fake.numpy().astype(np.float64), unroll)
    for found, want in zip(model.unrolled(real, fake), expected, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("unroll_rate, first", [(0.0, 0.05), (0.02, 0.02)])
def test_the_look_ahead_stays_as_long_when_the_rates_fall(unroll_rate: float, first: float) -> None:
    model = small(2, fall=(4, 1.0), unroll_rate=unroll_rate)
    assert float(model.d_optimizer.learning_rate) == pytest.approx(0.05 / 4)  # of the last step
    real, fake = points(10), points(11)
    expected = adam(model, real.numpy().astype(np.float64), fake.numpy().astype(np.float64), 2, first)
    for found, want in zip(model.unrolled(real, fake), expected, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("changes", [{"clipnorm": 1.0}, {"amsgrad": True}, {"name": "rmsprop"}])
def test_updates_that_cannot_be_unrolled_are_refused(changes: dict[str, Any]) -> None:
    recipe = models.recipe("unrolled", "gaussians8")
    optimizers = {**recipe.optimizers, "d_optimizer": {"learning_rate": 1e-3, **changes}}
    for unroll in (0, 1):
        model = build(
            "unrolled", dataclasses.replace(recipe, optimizers=optimizers, model={**recipe.model, "unroll": unroll}), 0
        )
        if unroll:
            with pytest.raises(UserError, match="plain Adam"):
                model.unrolled(points(10), points(11))
        else:
            assert model.unrolled(points(10), points(11))


def test_the_optimizer_would_really_go_there() -> None:
    """Two unrolled updates are the two that Keras then makes on the same batch."""
    model = small(2)
    real, fake = points(10), points(11)
    unrolled = model.unrolled(real, fake)

    def loss() -> dict[str, tf.Tensor]:
        on_real, on_fake = (model.discriminator(x, training=True) for x in (real, fake))
        return {"d_loss": model.bce(tf.ones((8, 1)), on_real) + model.bce(tf.zeros((8, 1)), on_fake)}

    for _ in range(2):
        model.minimize("d_optimizer", loss)
    for found, weight in zip(unrolled, model.discriminator.trainable_variables, strict=True):
        np.testing.assert_allclose(found, weight.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("saturating", [True, False])
def test_the_gradient_through_an_unrolled_step(saturating: bool) -> None:
    """d g_loss / d samples against differences of the NumPy computation: the update's own derivative is in it."""
    model = small(1, saturating=saturating)
    real, fake = points(10), points(11)
    model.fake = lambda n: fake
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = model.generator_loss(real)["g_loss"]
    gradient = tape.gradient(loss, fake).numpy()

    x, y = real.numpy().astype(np.float64), fake.numpy().astype(np.float64)

    def g_loss(samples: np.ndarray, weights: list[np.ndarray] | None = None) -> float:
        weights = weights or adam(model, x, samples, 1)
        return (
            -minus_f(weights, x, samples) if saturating else float(np.mean(np.logaddexp(0, -logits(weights, samples))))
        )

    assert float(loss) == pytest.approx(g_loss(y), rel=1e-4)
    fixed = adam(model, x, y, 1)
    through, around = [], []
    for i, k in ((0, 0), (3, 1), (6, 0)):
        shift = np.zeros_like(y)
        shift[i, 0, 0, k] = 1e-4
        through.append((g_loss(y + shift) - g_loss(y - shift)) / 2e-4)
        around.append((g_loss(y + shift, fixed) - g_loss(y - shift, fixed)) / 2e-4)
    found = gradient[[0, 3, 6], 0, 0, [0, 1, 0]]
    np.testing.assert_allclose(found, through, rtol=0.02, atol=2e-4)
    assert np.abs(np.array(through) - around).max() > 10 * np.abs(found - through).max(), "a step that hardly matters"


def test_unroll_0_is_the_plain_gan() -> None:
    model, real = small(0), points(10)
    twin, bce = small(0), keras.losses.BinaryCrossentropy(from_logits=True)
    ones, zeros = tf.ones((8, 1)), tf.zeros((8, 1))
    model.train_step({"image": real})

    for player, network, sign in (("d_optimizer", twin.discriminator, 1), ("g_optimizer", twin.generator, -1)):
        z = keras.random.normal((8, 3), seed=twin.seed_generator)
        with tf.GradientTape() as tape:
            fake = twin.generator(z)
            loss = sign * (bce(ones, twin.discriminator(real)) + bce(zeros, twin.discriminator(fake)))
        gradients = tape.gradient(loss, network.trainable_variables)
        getattr(twin, player).apply(gradients, network.trainable_variables)
    for a, b in zip(model.trainable_variables, twin.trainable_variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key", ["gaussians8", "stacked_mnist"])
def test_unrolling_leaves_the_discriminator_and_its_optimizer_alone(key: str) -> None:
    model = tiny_model("unrolled", key)
    model.train_step(batch_of(model, 0))
    before = state(model)
    model.minimize("g_optimizer", lambda: model.generator_loss(batch_of(model, 1)["image"]))
    moved = {name for name, value in state(model).items() if not np.array_equal(value, before[name])}
    assert not [name for name in moved if "d_optimizer" in name or "discriminator" in name]
    assert any(name.startswith("g_optimizer") for name in moved)
    names = {layer.name for layer in model.discriminator.layers}
    assert not [name for name in moved if any(f"{layer}/" in name for layer in names) and "optimizer" not in name]


def test_a_discriminator_without_gradients_can_be_unrolled() -> None:
    """Slots that are 0, as before the first update, have no finite root of their own."""
    model = small(2)
    for weight in [
        *model.discriminator.trainable_variables,
        *model.d_optimizer._momentums,
        *model.d_optimizer._velocities,
    ]:
        weight.assign(tf.zeros_like(weight))
    real = points(10)
    with tf.GradientTape() as tape:
        loss = model.generator_loss(real)["g_loss"]
    for gradient in tape.gradient(loss, model.generator.trainable_variables):
        assert np.isfinite(gradient.numpy()).all()


def test_convolutions_give_the_sizes_asked_for() -> None:
    module = models.module("unrolled")
    for shape in ((28, 28, 3), (32, 24, 1)):
        assert module.build_generator(shape, 8, 8).output_shape == (None, *shape)
    generator, discriminator = module.build_generator((28, 28, 3), 256, 64), module.build_discriminator((28, 28, 3), 4)
    convolutions = [x for x in generator.layers if isinstance(x, keras.layers.Conv2DTranspose)]
    assert [x.filters for x in convolutions] == [32, 16, 8]
    assert [x.filters for x in discriminator.layers if isinstance(x, keras.layers.Conv2D)] == [4, 8, 16]
    with pytest.raises(UserError, match="multiples of 4"):
        module.build_generator((30, 28, 1), 8, 8)


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, modes, furthest", [("gaussians8", 8, 2.0), ("gaussians25", 25, 4 * 2**0.5)])
def test_points_have_the_moments_of_their_mixture(name: str, modes: int, furthest: float) -> None:
    source, mixture = data.load(name), MIXTURES[name]
    assert source.points and source.images.shape == (100_000, 1, 1, 2) and source.images.dtype == np.float32
    assert np.abs(source.images).max() < 1 and len(source.class_names) == modes
    plane = mixture.coordinates((source.images + 1) / 2)
    for k in range(modes):
        own = plane[source.labels == k]
        assert len(own) == pytest.approx(100_000 / modes, abs=1)
        np.testing.assert_allclose(own.mean(axis=0), mixture.means[k], atol=5 * mixture.sigma / len(own) ** 0.5)
        np.testing.assert_allclose(np.cov(own.T), mixture.sigma**2 * np.eye(2), atol=0.1 * mixture.sigma**2)
    assert np.linalg.norm(mixture.means, axis=1).max() == pytest.approx(furthest)
    assert (name, mixture.sigma) in (("gaussians8", 0.02), ("gaussians25", 0.05))
    if name == "gaussians8":
        np.testing.assert_allclose(np.linalg.norm(mixture.means, axis=1), 2)
    else:
        assert sorted(set(mixture.means.ravel())) == [-4, -2, 0, 2, 4]
    assert len(np.unique(source.images, axis=0)) > 99_000, "coarser than float32"


def test_points_are_the_same_every_time_and_others_in_the_test_split() -> None:
    again, test = data.load("gaussians8"), data.load("gaussians8", "test")
    np.testing.assert_array_equal(data.load("gaussians8").pixels, again.pixels)
    assert len(test) == 10_000 and not np.isin(test.images[:, 0, 0, 0], again.images[:, 0, 0, 0]).all()
    few = data.load("gaussians8", limit=40)
    assert len(few) == 40 and few.images.shape == (40, 1, 1, 2)
    assert np.bincount(few.labels).tolist() == [5] * 8, "as many of each Gaussian"
    np.testing.assert_array_equal(again.subset(np.array([5, 2])).images, again.images[[5, 2]])
    with pytest.raises(UserError, match="holds points"):
        data.load("gaussians8", image_shape=(28, 28, 1))
    with pytest.raises(UserError, match="no split 'val'"):
        data.load("gaussians25", "val")
    assert native_shape("gaussians8", None, False) == (1, 1, 2)


def test_batches_of_points_are_not_rounded() -> None:
    source = data.load("gaussians8")
    batch = next(iter(data.batches(source, 64, seed=0, steps=1, group=2)))
    assert batch["image"].shape == (2, 64, 1, 1, 2) and batch["image"].dtype == tf.float32
    known = {row.tobytes() for row in source.images}
    assert all(row.tobytes() in known for row in batch["image"].numpy().reshape(-1, 1, 1, 2))


def test_no_mode_of_16_bits_is_chosen_for_points() -> None:
    recipe = dataclasses.replace(models.recipe("gan", "gaussians8"), batch_size=4)
    chosen, timings = choose_mode("gan", recipe, data.load("gaussians8", limit=16), 0, "auto", "off")
    assert chosen == ("float32", False) and timings == {}


class Digits:
    """Stands in for TFDS's mnist: image i is filled with i and labelled i % 10."""

    @staticmethod
    def tfds(
        name: str, split: str, data_dir: Any, shape: Any, limit: Any, download: bool, keep_size: bool
    ) -> data.ImageSet:
        assert name == "mnist" and shape in (None, (28, 28, 1)) and limit is None
        n = 200 if split == "train" else 50
        images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 28, 28, 1))
        shapes = np.tile(np.array([28, 28, 1]), (n, 1))
        return data.ImageSet(name, images.reshape(-1), shapes, np.arange(n, dtype=np.int32) % 10)


def test_stacked_mnist_has_a_digit_in_each_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["tfgans.data.load"], "_tfds", Digits.tfds)  # the package's `load` is the function
    source = data.load("stacked_mnist", image_shape=(28, 28, 3))
    assert source.images.shape == (200, 28, 28, 3) and source.images.dtype == np.uint8
    r, g, b = (source.images[:, 0, 0, k].astype(int) for k in range(3))
    assert (source.images == source.images[:, :1, :1]).all(), "pixels of different digits in one channel"
    np.testing.assert_array_equal(source.labels, 100 * (r % 10) + 10 * (g % 10) + b % 10)
    assert source.class_names[int(source.labels[0])] == f"{r[0] % 10}{g[0] % 10}{b[0] % 10}"
    for channel in (r, g, b):
        np.testing.assert_array_equal(np.sort(channel), np.arange(200))  # each digit once
    assert abs(np.corrcoef(r, g)[0, 1]) < 0.3 and abs(np.corrcoef(r, b)[0, 1]) < 0.3
    np.testing.assert_array_equal(data.load("stacked_mnist").pixels, source.pixels)
    few = data.load("stacked_mnist", limit=10)
    np.testing.assert_array_equal(few.images, source.images[::20])
    assert len(data.load("stacked_mnist", "test")) == 50
    with pytest.raises(UserError, match="3 channels"):
        data.load("stacked_mnist", image_shape=(28, 28, 1))


# --- metrics ----------------------------------------------------------------------------------------------------------


def test_modes_of_samples_made_by_hand() -> None:
    means = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    found = mode_coverage(np.array([[0.0, 2.99], [0.0, 3.01], [10.5, 0.0], [10.0, -2.0], [5.1, 0.0]]), means, sigma=1.0)
    assert found.modes == 2 and found.high_quality == pytest.approx(3 / 5)
    assert found.nearest.tolist() == [0, 0, 1, 1, 1]
    assert mode_coverage(np.array([[0.0, 6.0]]), means, 1.0)[:2] == (0, 0.0)  # nearest to a mean, but far from it
    with pytest.raises(ValueError, match="shape"):
        mode_coverage(np.zeros((3, 3)), means, 1.0)
    with pytest.raises(ValueError, match="finite"):
        mode_coverage(np.full((1, 2), np.nan), means, 1.0)


class Rotating:
    """A run of 100 steps whose samples lie on the mode of each checkpoint, one after the other; of step 30 on none."""

    def __init__(self, kept: list[int]) -> None:
        self.kept = kept

    def steps(self) -> list[int]:
        return self.kept

    def load(self, step: int) -> Any:
        mixture = MIXTURES["gaussians8"]
        point = mixture.means[step // 10 % 8] / mixture.extent * (0.5 if step == 30 else 1.0)
        drawn = tf.reshape(tf.constant((point + 1.0) / 2.0, tf.float32), (1, 1, 1, 2))
        return SimpleNamespace(sample=lambda n, seed: tf.repeat(drawn, n, 0))


def test_modes_over_a_training() -> None:
    recipe = dataclasses.replace(models.recipe("unrolled", "gaussians8"), steps=100)
    model: Any = SimpleNamespace(endpoints={"sample": SimpleNamespace(inputs=["n", "seed"])})
    subject = Subject(recipe, None, None, None, 32)
    run: Any = Rotating([*range(5, 105, 5)])
    rows = {(each.measure, each.where): each.values for each in measure_run(run, model, subject)}
    assert [rows["modes", f"tenth {k}"] for k in range(1, 11)] == [[1], [1], [0], *[[1]] * 7]
    assert rows["high_quality", "tenth 2"] == [1.0] and rows["high_quality", "tenth 3"] == [0.0]
    few: Any = Rotating([90, 95, 100])
    assert {each.where for each in measure_run(few, model, subject)} == {"tenth 9", "tenth 10"}
    last: Any = Rotating([100])
    assert measure_run(last, model, subject) == []
    assert measure_run(run, model, Subject(models.recipe("unrolled", "stacked_mnist"), None, None, None, 32)) == []


def test_stacked_digits() -> None:
    assert stacked_digits(np.array([[1, 2, 3], [0, 0, 9], [9, 9, 9]])).tolist() == [123, 9, 999]
    with pytest.raises(ValueError, match="0 .. 9"):
        stacked_digits(np.array([[1, 2, 10]]))


class Drawn:
    """Stands in for a SavedModel: returns given images."""

    conditional = False

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def sample(self, n: int, labels: Any, seed: int) -> np.ndarray:
        return self.images[np.arange(n) % len(self.images)]


def test_real_points_cover_all_modes_and_a_single_one_does_not() -> None:
    real = (data.load("gaussians25").images + 1) / 2
    recipe = dataclasses.replace(models.recipe("gan", "gaussians8"), dataset="gaussians25")

    def found(images: np.ndarray, n: int) -> tuple[dict[str, Any], dict[tuple[str, str, str | None], float]]:
        protocol, rows = measure(Drawn(images), Subject(recipe, n=n))  # type: ignore[arg-type]
        return protocol, {(row.measure, row.of, row.where): row.values[0] for row in rows}

    protocol, best = found(real, 5_000)
    assert best["modes", "model", None] == 25 == protocol["modes"] and protocol["n_real"] == 5_000
    for of in ("model", "real"):
        assert best["high_quality", of, None] == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    assert best["kl_to_uniform", "model", None] == pytest.approx(0, abs=1e-6)
    assert best["class_share", "model", "class 24"] == pytest.approx(1 / 25)
    _, one = found(real[:1], 100)
    assert one["modes", "model", None] == 1 and one["kl_to_uniform", "model", None] == pytest.approx(np.log(25))
    _, nowhere = found(real[:1] * 0 + 0.6, 100)
    assert nowhere["modes", "model", None] == nowhere["high_quality", "model", None] == 0


class Reader:
    """A judge that reads the digits of `Digits` without a mistake."""

    name, sha256, n_classes = "judge:filled", "0", 10

    def logits(self, images: np.ndarray) -> np.ndarray:
        assert images.shape[1:] == (28, 28, 1)
        values = images[:, 0, 0, 0] if images.dtype == np.uint8 else np.rint(images[:, 0, 0, 0] * 255)
        return 20 * np.eye(10)[values.astype(int) % 10] * (values < 150)[:, None]  # and knows what is none


def test_modes_of_stacked_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["tfgans.data.load"], "_tfds", Digits.tfds)  # the package's `load` is the function
    source = data.load("stacked_mnist")
    clear = (source.images[:, 0, 0] < 150).all(axis=1)
    read, sure = read_stacked(Reader(), source.images)
    np.testing.assert_array_equal(read[clear], source.labels[clear])
    np.testing.assert_array_equal(sure, clear)
    fakes = source.images[:30].astype(np.float32) / 255
    subject = Subject(models.recipe("unrolled", "stacked_mnist"), n=60)
    monkeypatch.setattr("tfgans.tasks.mode_coverage.load_features", lambda name: Reader())
    protocol, rows = measure(Drawn(fakes), subject)  # type: ignore[arg-type]
    found = {(row.measure, row.of): row.values[0] for row in rows}
    wanted = np.bincount(np.tile(read[:30], 2), minlength=1000)
    assert found["modes", "model"] == (wanted > 0).sum() and protocol["n_real"] == 50
    assert found["sure_modes", "model"] == len(np.unique(source.labels[:30][clear[:30]])) < found["modes", "model"]
    assert found["sure", "model"] == clear[:30].mean()
    assert found["kl_to_uniform", "model"] == pytest.approx(kl_to_uniform(wanted))
    assert found["modes", "real"] == len(np.unique(data.load("stacked_mnist", "test").labels))
    monkeypatch.setattr("tfgans.tasks.mode_coverage.load_features", lambda name: object.__new__(Other))
    with pytest.raises(UserError, match="judge of digits"):
        measure(Drawn(fakes), subject)  # type: ignore[arg-type]


class Other:
    name, n_classes = "squeezenet", 0


def test_scatter_draws_points_where_they_are() -> None:
    corners = np.array([[0.0, 0.0], [1.0, 1.0]]).reshape(2, 1, 1, 2)
    picture = scatter(corners, np.array([0.0, 1.0]).reshape(1, 1, 1, 2), size=50)
    assert picture.shape == (50, 50, 3) and picture.dtype == np.uint8
    blue, orange = (31, 78, 160), (255, 178, 102)
    assert tuple(picture[-1, 0]) == tuple(picture[0, -1]) == blue  # the origin is below on the left
    assert tuple(picture[0, 0]) == orange and tuple(picture[-1, -1]) == (255, 255, 255)
    assert (picture != 255).any(axis=-1).sum() == 3 * 9


def test_a_run_on_points_gives_a_card_with_a_scatter_plot(tmp_path: Path) -> None:
    settings = dict(steps=2, batch_size=8, generator_width=8, discriminator_width=4)
    options: dict[str, Any] = dict(settings=settings, precision="float32", jit="off", every=2)
    run = train("gan", dataset="gaussians8", run_dir=tmp_path / "run", **options)
    assert run is not None and run.config["recipe"]["model"]["image_shape"] == [1, 1, 2]
    assert (run.samples / "step-00000002.png").stat().st_size > 0
    written = evaluate([tmp_path / "run"], card=tmp_path / "card", n=400)
    card = json.loads((tmp_path / "card" / "card.json").read_text())
    assert card["protocol"]["extent"] == 4 and card["protocol"]["n_fake"] == 400
    found = {(row["measure"], row["of"]): row["values"] for row in card["measurements"]}
    assert found["high_quality", "real"] == [pytest.approx(0.989, abs=0.02)] and card["task"] == "mode_coverage"
    again = evaluate([tmp_path / "card"], n=400)
    assert again.rows == written.rows
    sheet = keras.utils.img_to_array(keras.utils.load_img(tmp_path / "card" / "samples.png"))
    assert sheet.shape == (320, 320, 3)
    with pytest.raises(UserError, match="scores need at least 16"):
        evaluate([tmp_path / "run"], n=3)
