"""ResGAN and its baselines: shapes, losses by hand, who moves, labels of every form."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import go_on

from tfgans import data, models
from tfgans.errors import UserError
from tfgans.layers import Bilinear
from tfgans.models.coarse_gan import CLIP, CoarseGAN
from tfgans.models.resgan import ResGAN, build_discriminator, build_generator, strides
from tfgans.recipe import Recipe
from tfgans.training.setup import batches, build, fit_classes, network_of

NARROW = dict(width=4, blocks=1, discriminator_width=4)


def small(name: str = "resgan", key: str = "mnist", **changes: Any) -> Recipe:
    recipe = models.recipe(name, key)
    narrow = NARROW if name == "resgan" else dict(width=4)
    return dataclasses.replace(recipe, model={**recipe.model, **narrow, **changes}, batch_size=4)


@pytest.mark.parametrize("factor, steps", [(7, [7]), (4, [2, 2]), (8, [2, 2, 2]), (6, [3, 2]), (1, [])])
def test_strides(factor: int, steps: list[int]) -> None:
    assert strides(factor) == steps


@pytest.mark.parametrize("join, counts", [("concat", (3, 0)), ("add", (0, 4)), ("none", (0, 0))])
def test_the_coarse_image_goes_past_the_layers(join: str, counts: tuple[int, int]) -> None:
    generator = build_generator(1, 7, width=4, blocks=1, join=join)
    assert generator(np.zeros((2, 4, 4, 1), np.float32)).shape == (2, 28, 28, 1)
    assert generator(np.zeros((1, 3, 5, 1), np.float32)).shape == (1, 21, 35, 1)
    joins = [layer for layer in generator.layers if isinstance(layer, keras.layers.Concatenate)]
    sums = [layer for layer in generator.layers if isinstance(layer, keras.layers.Add)]
    # a block at the coarse size and one at the fine size, the coarse image before it; added, also at the end
    assert (len(joins), len(sums)) == counts
    # with every convolution at 0, only what goes past is left
    for weight in generator.weights:
        if "kernel" in weight.path:
            weight.assign(tf.zeros_like(weight))
    coarse = np.random.default_rng(0).uniform(-1, 1, (1, 4, 4, 1)).astype(np.float32)
    passed = np.tanh(coarse.repeat(7, axis=1).repeat(7, axis=2))
    np.testing.assert_allclose(generator(coarse), passed if join == "add" else 0 * passed, atol=1e-6)


def test_bilinear_enlargement_of_any_size() -> None:
    image = keras.Input((None, None, 2))
    enlarge = keras.Model(image, Bilinear(3)(image))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 5, 2)).astype(np.float32)
    expected = keras.layers.UpSampling2D(3, interpolation="bilinear")(x)
    np.testing.assert_allclose(enlarge(x), expected, atol=1e-6)
    assert enlarge(x[:, :2]).shape == (2, 6, 15, 2)
    assert build_generator(3, 8, 4, 1, "concat", "bilinear")(np.zeros((1, 8, 9, 3))).shape == (1, 64, 72, 3)


def test_discriminator_has_two_heads_on_one_trunk() -> None:
    discriminator = build_discriminator((32, 32, 3), 10, 8)
    real, classes = discriminator(np.zeros((2, 32, 32, 3), np.float32))
    assert real.shape == (2, 1) and classes.shape == (2, 10)
    heads = [layer for layer in discriminator.layers if isinstance(layer, keras.layers.Dense)]
    assert len(heads) == 2 and heads[0].input is heads[1].input


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_losses_are_those_of_the_equations(smoothing: float) -> None:
    model = build("resgan", small(adversarial_weight=3.0, class_weight=0.5, smoothing=smoothing, pixel_weight=2.0), 0)
    rng = np.random.default_rng(0)
    target, made = (tf.constant(rng.uniform(-1, 1, (4, 28, 28, 1)).astype(np.float32)) for _ in range(2))
    labels = np.array([3, 1, 4, 1], np.int32)
    (real, seen), (fake, read) = ([x.numpy() for x in model.discriminator(i, training=True)] for i in (target, made))

    def entropy(logits: np.ndarray) -> float:
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -(1 - smoothing) * log_p[np.arange(4), labels].mean() - smoothing * log_p.mean()

    found = {k: float(v) for k, v in model.discriminator_loss(target, made, tf.constant(labels)).items()}
    expected = (np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(fake)).mean()) / 2
    assert found["d_loss"] == pytest.approx(expected, rel=1e-4)
    assert found["d_class_loss"] == pytest.approx(0.5 * entropy(seen), rel=1e-4)
    found = {k: float(v) for k, v in model.generator_loss(target, made, tf.constant(labels)).items()}
    assert found["g_loss"] == pytest.approx(3 * np.log1p(np.exp(-fake)).mean(), rel=1e-4)
    assert found["g_class_loss"] == pytest.approx(0.5 * entropy(read), rel=1e-4)
    assert found["pixel_loss"] == pytest.approx(2 * np.abs(target.numpy() - made.numpy()).mean(), rel=1e-5)
    assert float(model.logs()["accuracy"]) == pytest.approx((read.argmax(1) == labels).mean())
    assert float(model.logs()["accuracy_real"]) == pytest.approx((seen.argmax(1) == labels).mean())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_attributes_are_independent(smoothing: float) -> None:
    model = build("resgan", small(attributes=True, classes=3, smoothing=smoothing), 0)
    logits = np.array([[2.0, -1.0, 0.5], [-3.0, 0.2, 1.0]], np.float32)
    labels = np.array([[1, 0, 0], [1, 1, 1]], np.int32)
    sure = np.where(labels == 1, 1 - smoothing / 2, smoothing / 2)
    expected = (sure * np.log1p(np.exp(-logits)) + (1 - sure) * np.log1p(np.exp(logits))).mean()
    assert float(model.class_loss(tf.constant(labels), tf.constant(logits))) == pytest.approx(expected, rel=1e-5)
    assert float(model.accuracy(tf.constant(labels), tf.constant(logits))) == pytest.approx(4 / 6)


def test_without_labels_there_is_no_classifier() -> None:
    model = build("resgan", small(classes=0), 0)
    assert len(model.discriminator.outputs) == 1
    logs = go_on(model, 0, steps=2, graph=False)
    assert logs["accuracy"] == logs["g_class_loss"] == logs["d_class_loss"] == 0 < logs["g_loss"]


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(UserError, match="multiples of the factor 5"):
        ResGAN(factor=5)
    with pytest.raises(UserError, match="join must be concat, add or none"):
        ResGAN(join="times")
    with pytest.raises(UserError, match="variant must be gan, dcgan"):
        CoarseGAN(variant="lsgan")
    recipe = dataclasses.replace(models.recipe("resgan"), degradation="pool:4")
    with pytest.raises(UserError, match="'pool:4' shrinks by 4, but 'resgan' enlarges by 7"):
        network_of("resgan", recipe)


# --- data -------------------------------------------------------------------------------------------------------------


def test_batches_are_whole_pooled_images_with_labels() -> None:
    digits = data.load("mnist5k", "train")
    recipe = small()
    batch = next(iter(batches(recipe, digits, 0, None, 0, 1)))
    assert {key: tuple(value.shape) for key, value in batch.items()} == {
        "source": (4, 4, 4, 1),
        "target": (4, 28, 28, 1),
        "label": (4,),
    }
    pooled = batch["target"].numpy().reshape(4, 4, 7, 4, 7, 1).mean(axis=(2, 4))
    np.testing.assert_allclose(batch["source"], pooled, atol=0.51 / 127.5)  # rounded to 8 bits
    images = digits.images.astype(np.float32) / 127.5 - 1
    for target, label in zip(batch["target"].numpy(), batch["label"].numpy(), strict=True):
        (i,) = np.flatnonzero((np.abs(images - target) < 1e-3).all(axis=(1, 2, 3)))  # not mirrored
        assert digits.labels[i] == label


def test_classes_follow_the_data(tmp_path: Path) -> None:
    digits = data.load("mnist5k", "train", limit=20)
    assert fit_classes("resgan", small(classes=3), digits).model["classes"] == 10
    none = dataclasses.replace(digits, labels=None)
    assert fit_classes("resgan", small(), none).model["classes"] == 0
    some = dataclasses.replace(digits, labels=np.zeros((20, 40), np.int32))
    assert fit_classes("resgan", small(attributes=True), some).model["classes"] == 40
    with pytest.raises(UserError, match="--set attributes=true"):
        fit_classes("resgan", small(), some)
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.fromarray(np.full((64, 64, 3), i, np.uint8)).save(tmp_path / name / f"{i}.png")
    folder = data.load(f"folder:{tmp_path}", image_shape=(64, 64, 3))
    assert fit_classes("resgan", small(key="faces"), folder).model["classes"] == 2


def test_attributes_of_a_prepared_dataset(tmp_path: Path) -> None:
    """A dataset of celeb_a's form and name."""
    import tensorflow_datasets as tfds

    names = tuple(tfds.builder("celeb_a", data_dir=tmp_path).info.features["attributes"])  # 40
    with tfds.core.registered.skip_registration():

        class CelebA(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("2.1.0")

            def _info(self) -> Any:
                features = {
                    "image": tfds.features.Image(shape=(218, 178, 3)),
                    "attributes": {name: np.bool_ for name in names},
                }
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, dl_manager: Any) -> Any:
                return {"train": self._generate_examples()}

            def _generate_examples(self) -> Any:
                for i in range(18):
                    attributes = {name: (i >> k % 5) % 2 == 1 for k, name in enumerate(names)}
                    yield i, {"image": np.full((218, 178, 3), 10 * i, np.uint8), "attributes": attributes}

    CelebA(data_dir=tmp_path).download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
    source = data.load("celeb_a", data_dir=str(tmp_path), image_shape=(64, 64, 3))
    numbers = source.images[:, 0, 0, 0] // 10
    assert source.labels is not None and source.class_names == names
    assert source.labels.tolist() == [[(n >> k % 5) % 2 for k in range(40)] for n in numbers]
    recipe = fit_classes("resgan", small(key="celeb_a"), source)
    assert recipe.model["classes"] == 40
    batch = next(iter(batches(recipe, source, 0, None, 0, 1)))
    assert batch["label"].shape == (4, 40) and batch["source"].shape == (4, 8, 8, 3)
    model = build("resgan", recipe, 0)
    logs = {k: float(v) for k, v in model.train_step(batch).items()}
    assert 0 < logs["d_class_loss"] < 2 and 0 <= logs["accuracy"] <= 1


# --- baselines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["gan", "dcgan", "wgan", "cgan"])
def test_baselines_differ_as_their_papers_do(variant: str) -> None:
    recipe = models.recipe("coarse_gan", f"{variant}_mnist")
    model = CoarseGAN(**{**recipe.model, "width": 4})
    kinds = [type(layer) for layer in model.generator.layers]
    assert (keras.layers.Conv2DTranspose in kinds) == (variant != "gan")
    assert model.discriminator.input_shape[-1] == (2 if variant == "cgan" else 1)
    assert recipe.optimizers["d_optimizer"].get("name", "adam") == ("rmsprop" if variant == "wgan" else "adam")
    assert model.group == (5 if variant == "wgan" else 1)


def test_wgan_clips_and_takes_fresh_batches() -> None:
    model = build("coarse_gan", small("coarse_gan", "wgan_mnist"), 0)
    before = {network: getattr(model, network).get_weights() for network in ("generator", "classifier")}
    go_on(model, 0, steps=1, graph=False)
    assert max(np.abs(w).max() for w in (v.numpy() for v in model.discriminator.trainable_variables)) <= CLIP + 1e-9
    steps = {player: int(getattr(model, player).iterations) for player in model.players}
    assert steps == {"d_optimizer": 5, "g_optimizer": 1, "c_optimizer": 1}
    for network, old in before.items():
        assert any(not np.array_equal(a, b) for a, b in zip(old, getattr(model, network).get_weights(), strict=True))
    on_target, on_made = tf.constant([[3.0], [1.0]]), tf.constant([[0.5], [0.5]])
    model.judged = lambda image, source: image  # type: ignore[method-assign]
    model.generator = lambda source, training: on_made  # type: ignore[assignment]
    assert float(model.discriminator_loss(on_target, on_target)["d_loss"]) == pytest.approx(0.5 - 2.0)


@pytest.mark.parametrize("variant", ["gan", "dcgan", "wgan", "cgan"])
def test_losses_of_the_baselines(variant: str) -> None:
    model = build("coarse_gan", small("coarse_gan", f"{variant}_mnist", pixel_weight=3.0), 0)
    on_target, on_made = (np.array(each, np.float32)[:, None] for each in ([3.0, 1.0, -2.0], [0.5, -0.5, 1.0]))
    logits = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [3.0, 0.0, 0.0]], np.float32)
    target, made = np.full((3, 28, 28, 1), 0.25, np.float32), np.full((3, 28, 28, 1), -0.5, np.float32)
    model.generator = lambda source, training: tf.constant(made)  # type: ignore[assignment]
    model.judged = lambda image, source: tf.constant(on_made if np.array_equal(image, made) else on_target)  # type: ignore[method-assign]
    model.classifier = lambda image, training: tf.constant(logits)  # type: ignore[assignment]
    source, labels = tf.zeros((3, 4, 4, 1)), tf.constant([0, 1, 2])
    d_loss = float(model.discriminator_loss(source, tf.constant(target))["d_loss"])
    losses = {k: float(v) for k, v in model.generator_loss(source, tf.constant(target), labels).items()}
    if variant == "wgan":
        assert (d_loss, losses["g_loss"]) == pytest.approx((1 / 3 - 2 / 3, -1 / 3))
    else:
        assert d_loss == pytest.approx((np.log1p(np.exp(-on_target)).mean() + np.log1p(np.exp(on_made)).mean()) / 2)
        assert losses["g_loss"] == pytest.approx(np.log1p(np.exp(-on_made)).mean())
    assert losses["pixel_loss"] == pytest.approx(3.0 * 0.75)
    assert float(model.logs()["accuracy"]) == pytest.approx(2 / 3)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    class_loss = float(model.classifier_loss(tf.constant(target), labels)["class_loss"])
    assert class_loss == pytest.approx(-log_p[[0, 1, 2], [0, 1, 2]].mean(), rel=1e-5)


def test_cgan_sees_what_was_given() -> None:
    model = build("coarse_gan", small("coarse_gan", "cgan_mnist"), 0)
    rng = np.random.default_rng(0)
    image = rng.uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
    one, other = (rng.uniform(-1, 1, (2, 4, 4, 1)).astype(np.float32) for _ in range(2))
    assert not np.allclose(model.judged(tf.constant(image), tf.constant(one)), model.judged(image, tf.constant(other)))
