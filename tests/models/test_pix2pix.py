"""Pix2pix: its networks against counts by hand, what its losses and switches do, translations of each image alone."""

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import batch_of, differences, go_on, state

from tfgans import models
from tfgans.errors import UserError
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.inference.tiling import pictures_of
from tfgans.models import networks
from tfgans.models.networks import build_patchgan, build_unet, levels_of, normalized, patches_of
from tfgans.models.pix2pix import Pix2pix
from tfgans.recipe import Recipe
from tfgans.training.setup import batches, build, load_source
from tfgans.training.train import train

PALETTE = "red 255 0 0\ngreen 0 255 0\nblue 0 0 255\n"


def small(**changes: Any) -> Recipe:
    recipe = models.tiny("pix2pix")
    return dataclasses.replace(recipe, model={**recipe.model, **changes})


def parameters(network: Any) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def noise(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


@pytest.mark.parametrize("side, kernel, stride", [(9, 3, 1), (10, 4, 1), (9, 4, 2), (16, 4, 2), (2, 4, 2), (9, 7, 1)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_an_image_in_halves_is_convolved_like_any(
    monkeypatch: pytest.MonkeyPatch, side: int, kernel: int, stride: int, padding: str
) -> None:
    if padding == "valid" and side < kernel:
        pytest.skip("no output")
    calls: list[str] = []

    def has_onednn() -> bool:
        calls.append("halves")
        return True

    monkeypatch.setattr(networks, "has_onednn", has_onednn)
    image, weights = noise(1, side, side + 2, 3), noise(kernel, kernel, 3, 5, seed=1)
    outputs = []
    for kind in (keras.layers.Conv2D, networks.Conv2D):
        layer = kind(5, kernel, stride, padding)
        layer.build(image.shape)
        layer.kernel.assign(weights)
        with tf.GradientTape() as tape:
            tape.watch(image)
            y = layer(image)
            loss = tf.reduce_sum(y * noise(*y.shape, seed=2))
        outputs.append([y, *tape.gradient(loss, [image, layer.kernel.value])])
    for ours, kerass in zip(*outputs, strict=True):
        np.testing.assert_allclose(ours, kerass, atol=2e-5)
    assert calls


def test_a_single_image_is_normalized_like_any() -> None:
    image, slope = noise(1, 6, 5, 3), noise(1, 6, 5, 3, seed=1)
    outputs = []
    for images in (image, tf.concat([image, slope], 0)):  # a batch of one, and the first of two
        with tf.GradientTape() as tape:
            tape.watch(images)
            y = networks.InstanceNormalization()(images)[:1]
            loss = tf.reduce_sum(y * slope)
        outputs.append([y, tape.gradient(loss, images)[:1]])
    centred = image.numpy() - image.numpy().mean((1, 2))
    np.testing.assert_allclose(outputs[0][0], centred / np.sqrt((centred**2).mean((1, 2)) + 1e-5), atol=1e-5)
    for one, two in zip(*outputs, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_networks_have_the_papers_size() -> None:
    """Kernels of 4x4; a bias where no normalization (two values a channel) follows."""
    down = [(3, 64), (64, 128), (128, 256), (256, 512), *[(512, 512)] * 4]
    up = [(512, 512), *[(1024, 512)] * 3, (1024, 256), (512, 128), (256, 64), (128, 3)]
    kernels = sum(16 * a * b for a, b in down + up)
    biases, norms = 64 + 512 + 3, 2 * (128 + 256 + 4 * 512 + 4 * 512 + 256 + 128 + 64)
    generator = build_unet(3, 3, 64, levels_of(256, 256))
    assert parameters(generator) == kernels + biases + norms == 54_414_531
    dropouts = [layer for layer in generator.layers if type(layer).__name__ == "Dropout"]
    assert [layer.output.shape[-1] for layer in dropouts] == [512] * 3 and {layer.rate for layer in dropouts} == {0.5}
    convolutions = [(6, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    expected = sum(16 * a * b for a, b in convolutions) + (64 + 1) + 2 * (128 + 256 + 512)
    assert parameters(build_patchgan(6, 64)) == expected == 2_768_705


def test_levels_come_from_the_size() -> None:
    assert [levels_of(*sides) for sides in ((256, 256), (128, 128), (128, 256), (4, 4))] == [8, 7, 7, 2]
    for sides in ((48, 48), (256, 96), (2, 2)):
        with pytest.raises(UserError, match="use sides such as"):
            levels_of(*sides)
    generator = build_unet(2, 1, 2, levels=3)
    assert generator(noise(2, 8, 24, 2)).shape == (2, 8, 24, 1)


@pytest.mark.parametrize("patch, side", [(1, 8), (16, 32), (34, 64), (70, 256), (142, 256), (286, 512)])
def test_an_output_of_the_discriminator_sees_a_patch(patch: int, side: int) -> None:
    """By the gradient of the middle output; normalized by moving statistics, which no pixel changes."""
    discriminator, image = build_patchgan(1, 1, patch), noise(1, side, side, 1)
    with tf.GradientTape() as tape:
        tape.watch(image)
        logits = discriminator(image, training=False)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    seen = tape.gradient(middle, image).numpy()[0, ..., 0] != 0
    assert seen.any(axis=0).sum() == seen.any(axis=1).sum() == patch
    assert logits.shape == (1, patches_of(side, patch), patches_of(side, patch), 1)
    if patch == 70:
        assert logits.shape == (1, 30, 30, 1)


def test_normalizations() -> None:
    x = 3.0 + 2.0 * noise(2, 6, 5, 4)
    y = normalized(x, "instance").numpy()
    np.testing.assert_allclose(y.mean(axis=(1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axis=(1, 2)), 1, atol=1e-3)
    assert normalized(x, "none") is x
    with pytest.raises(UserError, match="norm must be batch, instance, none, not 'layer'"):
        normalized(x, "layer")


@pytest.mark.parametrize("skips", [True, False])
def test_without_skips_all_goes_through_the_innermost_map(skips: bool) -> None:
    model = build("pix2pix", small(skips=skips, dropout=0.0), 0)
    innermost = [layer for layer in model.generator.layers if type(layer).__name__ == "Conv2D"][-1]
    innermost.kernel.assign(tf.zeros_like(innermost.kernel))
    one, other = (model.generator(noise(1, 16, 16, 3, seed=seed), training=False).numpy() for seed in (0, 1))
    assert np.array_equal(one, other) != skips


# --- losses and updates -----------------------------------------------------------------------------------------------


def crossentropy(logits: np.ndarray, real: bool) -> float:
    return float(np.mean(np.log1p(np.exp(-logits if real else logits))))


@pytest.mark.parametrize("conditional", [True, False])
def test_losses_are_those_of_the_equations(conditional: bool) -> None:
    model = build("pix2pix", small(conditional=conditional, dropout=0.0, l1_weight=7.0), 0)
    source, target = noise(2, 16, 16, 3, seed=1), noise(2, 16, 16, 3, seed=2)
    losses, made = model.generator_loss(source, target)
    np.testing.assert_allclose(made, model.generator(source, training=True), atol=1e-6)

    def logits(image: tf.Tensor) -> np.ndarray:
        pair = np.concatenate([source, image], -1) if conditional else image
        return model.discriminator(pair, training=True).numpy()

    l1 = float(np.mean(np.abs(target - made)))
    assert float(losses["l1_loss"]) == pytest.approx(7 * l1, rel=1e-5)
    assert float(losses["g_loss"]) == pytest.approx(crossentropy(logits(made), real=True), rel=1e-5)
    d_loss = model.discriminator_loss(source, target, made)["d_loss"]
    halves = crossentropy(logits(target), real=True), crossentropy(logits(made), real=False)
    assert float(d_loss) == pytest.approx(sum(halves) / 2, rel=1e-5)
    logs = {term: float(value) for term, value in model.logs().items()}
    assert logs["l1"] == pytest.approx(l1, rel=1e-5)
    assert logs["d_real"] == pytest.approx(np.mean(1 / (1 + np.exp(-logits(target)))), rel=1e-5)
    assert logs["d_fake"] == pytest.approx(np.mean(1 / (1 + np.exp(-logits(made)))), rel=1e-5)


@pytest.mark.parametrize(
    "changes, terms",
    [
        ({}, {"g_loss", "l1_loss", "d_loss"}),
        ({"adversarial": False}, {"l1_loss"}),
        ({"l1_weight": 0.0}, {"g_loss", "d_loss"}),
    ],
)
def test_a_loss_that_is_left_out_moves_nothing(
    changes: dict[str, Any], terms: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, minimized = build("pix2pix", small(**changes), 0), set()
    minimize = model.minimize

    def watched(player: str, losses: Any) -> Any:
        def seen() -> Any:
            found = losses()
            minimized.update(found[0] if isinstance(found, tuple) else found)
            return found

        return minimize(player, seen)

    monkeypatch.setattr(model, "minimize", watched)
    before = [w.numpy() for w in model.discriminator.trainable_variables]
    logs = model.train_step(batch_of(model, 0))
    assert minimized == terms and float(logs["l1"]) > 0
    moved = [
        not np.array_equal(w.numpy(), old)
        for w, old in zip(model.discriminator.trainable_variables, before, strict=True)
    ]
    assert all(moved) if model.adversarial else not any(moved)
    assert model.updates("d_optimizer") == ({0: 1} if model.adversarial else {})


def test_arguments_that_make_no_model() -> None:
    for wrong, says in (
        (dict(image_shape=(48, 48, 3)), "those of 48x48 do not halve"),
        (dict(patch=71), "patch must be 1, 16, 34, 70, 142, 286, not 71"),
        (dict(patch=70), "patches of 70 pixels are too large for images of 16x16"),
        (dict(adversarial=False, l1_weight=0.0), "set l1_weight above 0"),
    ):
        with pytest.raises(UserError, match=says):
            Pix2pix(**small(**wrong).model)


# --- translations -----------------------------------------------------------------------------------------------------


def test_each_image_is_translated_alone() -> None:
    """By its own statistics and with the dropout of the seed; nothing that training keeps is read or changed."""
    model = build("pix2pix", small(), 0)
    go_on(model, 0)
    images = (noise(3, 32, 16, 3) + 1.0) / 2.0
    before = state(model)
    made = model.translate(images, tf.constant(5)).numpy()
    assert differences(before, state(model)) == []
    assert made.shape == images.shape and made.min() >= 0 and made.max() <= 1
    for i in range(3):
        np.testing.assert_array_equal(model.translate(images[i : i + 1], tf.constant(5)).numpy()[0], made[i])
    assert not np.allclose(model.translate(images, tf.constant(6)).numpy(), made, atol=1e-3)
    for layer in model.generator.layers:
        if hasattr(layer, "moving_mean"):
            layer.moving_mean.assign(layer.moving_mean + 9.0)
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.next()
    np.testing.assert_array_equal(model.translate(images, tf.constant(5)).numpy(), made)


def test_without_dropout_a_translation_is_the_generators() -> None:
    model = build("pix2pix", small(dropout=0.0), 0)
    image = (noise(1, 16, 16, 3) + 1.0) / 2.0
    made = model.translate(image, tf.constant(0)).numpy()
    np.testing.assert_allclose(made, (model.generator(2 * image - 1, training=True).numpy() + 1) / 2, atol=1e-6)


@pytest.fixture(scope="module")
def facades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Side by side, 20x20 each: gray levels on the left, three stripes of the palette's colours on the right."""
    folder, rng = tmp_path_factory.mktemp("facades"), np.random.default_rng(0)
    (folder / "palette.txt").write_text(PALETTE)
    stripes = 255 * np.eye(3, dtype=np.uint8)[np.repeat([0, 1, 2], [6, 7, 7])]
    for i in range(20):
        photo = np.full((20, 20, 3), rng.integers(0, 256), np.uint8)
        (folder / "train").mkdir(exist_ok=True)
        both = np.concatenate([photo, np.repeat(stripes[:, None], 20, axis=1)], axis=1)
        Image.fromarray(both).save(folder / "train" / f"{i}.png")
    return folder


def test_either_side_may_be_made(facades: Path) -> None:
    recipe = dataclasses.replace(small(), dataset=f"pairs:{facades}", load_shape=18)
    for sides in ({"source": "right", "target": "left"}, {"source": "left", "target": "right"}):
        changed = recipe.override({"sets": sides})
        batch = next(iter(batches(changed, load_source(changed), 0, None, 0, 1)))
        gray = "target" if sides["target"] == "left" else "source"
        assert {key: each.shape for key, each in batch.items()} == dict.fromkeys(("source", "target"), (4, 16, 16, 3))
        spread = {key: float(tf.reduce_max(tf.math.reduce_std(each, -1))) for key, each in batch.items()}
        assert spread.pop(gray) < 1e-6 and min(spread.values()) > 0.5


def test_label_maps_are_seen_one_hot(facades: Path, tmp_path: Path) -> None:
    settings = {**models.tiny("pix2pix").model, "steps": 2, "batch_size": 2, "load_shape": 18}
    settings |= {"palette": str(facades / "palette.txt"), "label_classes": 9}
    options: dict[str, Any] = dict(dataset=f"pairs:{facades}", precision="float32", jit="off", run_dir=tmp_path / "run")
    run = train("pix2pix", recipe_key="facades_classes", settings=settings, **options)
    assert run is not None and run.config["recipe"]["model"]["label_classes"] == 3, "as many as the palette has"
    model = run.load(run.latest() or 0)
    assert model.generator.input_shape[-1] == 3 and model.discriminator.input_shape[-1] == 3 + 3
    ids = tf.constant([[[0], [2]], [[1], [0]]])[None]
    assert model.seen(ids).numpy().tolist() == [[[[1, 0, 0], [0, 0, 1]], [[0, 1, 0], [1, 0, 0]]]]

    # exported: a map whose sides no layer likes
    exported = Exported(export_run(run.path, tmp_path / "model"))
    rules = exported.endpoints["translate"]
    assert rules.inputs["label_map"].encoding == "classes" and rules.multiple == 16
    made = [pictures_of(exported, "translate", seed).apply(np.full((21, 13, 1), 1, np.int32)) for seed in (0, 0, 1)]
    assert made[0].shape == (21, 13, 3) and made[0].dtype == np.uint8
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_ablations_change_what_they_name() -> None:
    recipes = models.recipes("pix2pix")
    for side, baseline in (
        ("labels_to_photo", "labels_to_photo_short"),
        ("photo_to_labels", "cityscapes_photo_to_labels"),
    ):
        usual = recipes[baseline]
        for key, own in recipes.items():
            if key.startswith(f"{side}_") and key != baseline:
                changed = {name for name, value in own.model.items() if value != usual.model[name]}
                assert changed and changed <= {"adversarial", "l1_weight", "conditional", "skips", "patch"}, key
                same = (
                    "dataset",
                    "sets",
                    "steps",
                    "batch_size",
                    "load_shape",
                    "optimizers",
                    "image_palette",
                    "segmenter",
                )
                assert all(getattr(own, name) == getattr(usual, name) for name in same), key
    city, facades = recipes["cityscapes_labels_to_photo"].model, recipes["facades"].model
    assert patches_of(city["image_shape"][0], 142) > 0 and city["image_shape"][0] <= 142, "sees all of the image"
    paper = recipes["facades256_paper"]
    assert (paper.steps, paper.batch_size, paper.model["width"], paper.load_shape) == (200 * 400, 1, 64, 286)
    # exported in half precision, with 0.6 MB of graph and 1.7 of pictures, it has to stay under 16 MB
    assert 2 * parameters(build_unet(3, 3, facades["width"], levels_of(*facades["image_shape"][:2]))) < 13.5e6
