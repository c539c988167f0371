"""The U-Net GAN: its partition, its networks against counts by hand, its stages, and what it makes of pictures."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab
from tiny import batch_of, go_on
from typer.testing import CliRunner

from tfgans import cli, data, models
from tfgans.data.colour import lightness
from tfgans.errors import UserError
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.layers import window_starts
from tfgans.models.unet_gan import Partition, UNetGAN, build_discriminator, enlarge, widths
from tfgans.recipe import Recipe
from tfgans.training.setup import batches, build

SMALL = dict(image_shape=(16, 16, 3), part=8, width=4, discriminator_width=4)


def small(task: str = "colorize", **changes: Any) -> Recipe:
    recipe = models.recipe("unet_gan", task)
    return dataclasses.replace(recipe, model={**recipe.model, **SMALL, **changes}, batch_size=4)


def model(task: str = "colorize", **changes: Any) -> UNetGAN:
    keras.utils.set_random_seed(0)
    return UNetGAN(**small(task, **changes).model)


def count(network: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def noise(*shape: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(low, high, shape).astype(np.float32)


# --- partition --------------------------------------------------------------------------------------------------------

TILINGS = pytest.mark.parametrize(
    "part, rows, columns", [((8, 8), 2, 2), ((16, 4), 1, 3), ((5, 7), 3, 2), ((1, 1), 4, 3), ((6, 9), 1, 1)]
)


@TILINGS
def test_parts_come_back_in_place(part: tuple[int, int], rows: int, columns: int) -> None:
    layer, (h, w) = Partition(part), part
    images = noise(3, rows * h, columns * w, 2)
    parts = layer(images).numpy()
    assert parts.shape == (3 * rows * columns, h, w, 2)
    for i in range(len(parts)):
        image, row, column = i // (rows * columns), i // columns % rows, i % columns
        expected = images[image, row * h : (row + 1) * h, column * w : (column + 1) * w]
        np.testing.assert_array_equal(parts[i], expected)
    np.testing.assert_array_equal(layer.join(parts, rows, columns), images)
    dynamic = tf.function(
        lambda x: layer.join(layer(x), *layer.tiling(x)), input_signature=[tf.TensorSpec((None, None, None, 2))]
    )
    np.testing.assert_array_equal(dynamic(images), images)


@TILINGS
def test_the_shrunken_whole_has_the_means_of_blocks(part: tuple[int, int], rows: int, columns: int) -> None:
    images = noise(2, rows * part[0], columns * part[1], 3)
    small = Partition(part).shrink(images).numpy()
    assert small.shape == (2, *part, 3)
    for y, x in ((0, 0), (part[0] - 1, part[1] // 2)):
        block = images[:, y * rows : (y + 1) * rows, x * columns : (x + 1) * columns]
        np.testing.assert_allclose(small[:, y, x], block.mean((1, 2)), atol=1e-6)


def test_parts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        Partition((8, 8))(np.zeros((1, 16, 20, 1), np.float32))


def test_each_part_is_made_with_its_own_image() -> None:
    generator = model().generator
    images = noise(3, 16, 24, 1)  # three images, two by three parts each
    together = generator(images, training=False).numpy()
    for i in range(3):
        np.testing.assert_allclose(together[i], generator(images[i : i + 1], training=False)[0], atol=1e-5)
    changed = images.copy()
    changed[0, :4, :4] += 1.0
    moved = np.abs(generator(changed, training=False).numpy() - together).max(axis=-1)
    assert moved[0, 12:, 20:].max() > 0, "a part hears of the others through the whole"
    assert moved[1:].max() < 1e-5, "but not of other images"


# --- networks ---------------------------------------------------------------------------------------------------------


def test_the_document_counts_the_networks_of_zhang() -> None:
    """Table 1's 32,236,011 and 34,187,027 are those of Zhang et al. 2016 and 2017, counted from their layers."""

    def conv(size: int, *channels: int, bias: bool = True) -> int:
        return sum(a * b * size**2 + b * bias for a, b in itertools.pairwise(channels))

    def block(*channels: int) -> int:
        """3x3 convolutions, and the scale and shift of a batch normalization."""
        return conv(3, *channels) + 2 * channels[-1]

    trunk = block(64, 128, 128) + block(128, 256, 256, 256) + block(256, 512, 512, 512) + 3 * block(512, 512, 512, 512)
    first = block(1, 64, 64) + trunk + conv(4, 512, 256) + conv(3, 256, 256, 256) + conv(1, 256, 313)
    assert first + conv(1, 313, 2, bias=False) == 32_236_011
    second = block(4, 64, 64) + trunk + conv(4, 512, 256) + conv(3, 256, 256) + block(256, 256, 256)
    second += conv(4, 256, 128) + conv(3, 128, 128) + block(128, 128) + conv(4, 128, 128) + conv(3, 64, 128)
    assert second + conv(3, 128, 128) + conv(1, 256, 529) + conv(1, 128, 2) == 34_187_027


def test_parameters_are_those_of_the_document() -> None:
    """Trainable ones of both networks, for colourization at 256x256: the document's 4,081,027 within 1%."""
    full = UNetGAN(**{**models.recipe("unet_gan", "colorize").model, "image_shape": (256, 256, 3)})
    down = [1, 32, 64, 128, 128, 128, 128]  # 64 pixels to a vector: six halvings; 4x4 kernels, then gamma and beta
    encoder = sum(16 * a * b + 2 * b for a, b in zip(down, down[1:], strict=False))
    up = [(256, 128), (256, 128), (256, 128), (256, 64), (128, 32), (64, 16)]  # two vectors, then with skips
    decoder = sum(16 * a * b + 2 * b for a, b in up)
    integrate = 5 * 5 * (16 + 1) * 2 + 2
    assert count(full.generator) == encoder + decoder + integrate == 2_870_772
    down = [3, 32, 64, 128, 128, 128, 128, 128]  # 256 pixels to 1: eight halvings
    discriminator = sum(16 * a * b + 2 * b for a, b in zip(down, down[1:], strict=False)) + 16 * 128 + 1
    assert count(full.discriminator) == discriminator == 1_217_473
    assert abs(count(full.generator) + count(full.discriminator) - 4_081_027) < 0.01 * 4_081_027
    assert widths(64, 32) == [32, 64, 128, 128, 128, 128]


def test_the_variants_of_the_generator() -> None:
    partitioned, whole, pooled = model(), model(part=16), model(pooling=True)
    deeper, plain = model(deeper=1), model(normalized=False)
    assert whole.generator.partition is None
    # one halving more, and no second vector for the first transposed convolution
    assert count(whole.generator) - count(partitioned.generator) == 2 * 16 * 16**2 + 2 * 2 * 16
    assert count(pooled.generator) == count(partitioned.generator)
    more = [4, 8, 16, 8, 4]  # channels at each size, down and up
    assert count(deeper.generator) - count(partitioned.generator) == sum(9 * c * c + 2 * c for c in more)
    assert count(partitioned.generator) - count(plain.generator) == sum([4, 8, 16, 8, 4, 2])  # a bias in place of two
    given, wanted = noise(4, 16, 16, 1), noise(4, 16, 16, 2)
    for each in (partitioned, whole, pooled, deeper, plain):
        with tf.GradientTape() as tape:
            made = each.generator(given, training=True)
            assert made.shape == (4, 16, 16, 2)
            loss = each.l1_loss(wanted, made, None)["l1_loss"] + each.adversarial_loss(given, made)
        gradients = tape.gradient(loss, each.generator.trainable_variables)
        assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradients)
        assert each.generator(noise(1, 32, 48, 1), training=False).shape == (1, 32, 48, 2)
    pools = [each for each in pooled.generator.encoder.layers if isinstance(each, keras.layers.MaxPooling2D)]
    strides = {e.strides for e in pooled.generator.encoder.layers if isinstance(e, keras.layers.Conv2D)}
    assert len(pools) == 3 and strides == {(1, 1)}


def test_an_even_input_gives_an_even_output() -> None:
    even = keras.Input((8, 8, 4))
    network = keras.Model(even, enlarge(even, 3))
    up = next(each for each in network.layers if isinstance(each, keras.layers.Conv2DTranspose))
    inside = (slice(None), slice(3, -3), slice(3, -3))
    assert np.ptp(up(np.ones((1, 8, 8, 4))).numpy()[inside], axis=(1, 2)).max() > 0.01, "a checkerboard"
    pool = next(each for each in network.layers if isinstance(each, keras.layers.AveragePooling2D))
    assert np.ptp(pool(up(np.ones((1, 8, 8, 4)))).numpy()[inside], axis=(1, 2)).max() < 1e-6


@pytest.mark.parametrize("side, halvings", [(16, 4), (96, 7), (256, 8)])
def test_the_discriminator_goes_down_to_one_pixel(side: int, halvings: int) -> None:
    network = build_discriminator((side, side, 3), 2)
    convolutions = [each for each in network.layers if isinstance(each, keras.layers.Conv2D)]
    assert len(convolutions) == halvings and network.output_shape == (None, 1)
    assert convolutions[-1].output.shape[1:] == (1, 1, 1)


def test_outputs_of_a_patch_discriminator_that_see_the_hole() -> None:
    """Which ones do, by gradients, and that they alone count."""
    gan = UNetGAN(**small("inpaint", halvings=2, image_shape=(32, 32, 3), part=32).model)
    assert gan.discriminator.output_shape == (None, 64)
    given, made = noise(2, 32, 32, 3), noise(2, 32, 32, 3)[::-1]
    mask = np.zeros((2, 32, 32, 1), bool)
    mask[0, 3:6, 20:27], mask[1, 31, 0] = True, True
    images = tf.constant(np.concatenate([given, made], -1))
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = gan.discriminator(images, training=False)
    jacobian = np.abs(tape.batch_jacobian(outputs, images).numpy()).max(-1)  # (n, k, h, w)
    expected = (jacobian * mask[:, None, :, :, 0]).max((2, 3)) > 0
    seen = gan.seen(tf.constant(mask)).numpy()
    np.testing.assert_array_equal(seen > 0, expected)
    assert 0 < seen.sum() < seen.size
    judged = gan.discriminator(images, training=True).numpy()
    loss = float(gan.adversarial_loss(given, made, seen))
    assert loss == pytest.approx(np.log1p(np.exp(-judged[expected])).mean(), rel=1e-5)
    with pytest.raises(UserError, match="cannot be halved 6 times"):
        UNetGAN(**small("inpaint", halvings=6, image_shape=(32, 32, 3), part=32).model)


# --- losses and stages ------------------------------------------------------------------------------------------------


def test_lambda_falls() -> None:
    falling = model(lambda_start=8.0, lambda_end=2.0, lambda_steps=3, pretrain_steps=2)
    values = [float(falling.l1_weight(tf.constant(step))) for step in range(8)]
    assert values == pytest.approx([8, 8, 8, 6, 4, 2, 2, 2])


@pytest.mark.parametrize("adversarial", ["bce", "l2"])
def test_losses_are_those_of_the_document(adversarial: str) -> None:
    gan = model(adversarial=adversarial, lambda_start=7.0)
    given, wanted, made = noise(4, 16, 16, 1), noise(4, 16, 16, 2), noise(4, 16, 16, 2)[::-1]
    real, fake = (gan.discriminator(np.concatenate([given, y], -1), training=True).numpy() for y in (wanted, made))

    def away_from(label: float, out: np.ndarray) -> float:
        return np.mean(np.log1p(np.exp(out if label == 0 else -out)) if adversarial == "bce" else (label - out) ** 2)

    loss = float(gan.discriminator_loss(given, wanted, made)["d_loss"])
    assert loss == pytest.approx(away_from(1, real) + away_from(0, fake), rel=1e-4)
    assert float(gan.adversarial_loss(given, made)) == pytest.approx(away_from(1, fake), rel=1e-4)
    assert float(gan.l1_loss(wanted, made, None)["l1_loss"]) == pytest.approx(
        7 * np.abs(wanted - made).mean(), rel=1e-4
    )
    shown = 1 / (1 + np.exp(-fake)) if adversarial == "bce" else fake
    assert float(gan.logs()["d_fake"]) == pytest.approx(np.mean(shown), rel=1e-4)
    assert float(gan.logs()["l1"]) == pytest.approx(np.abs(wanted - made).mean(), rel=1e-4)


def test_missing_pixels_count_more() -> None:
    gan = model(task="inpaint", lambda_start=1.0, missing_weight=16.0)
    wanted, made = noise(4, 16, 16, 3), noise(4, 16, 16, 3)[::-1]
    mask = np.zeros((4, 16, 16, 1), bool)
    mask[:, 4:8, 8:12] = True
    errors = np.abs(wanted - made)
    expected = (errors.sum() + 15 * errors[:, 4:8, 8:12].sum()) / errors.size
    assert float(gan.l1_loss(wanted, made, mask)["l1_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(gan.logs()["l1"]) == pytest.approx(errors.mean(), rel=1e-5)


def test_the_discriminator_looks_into_the_hole_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real and made pairs differ nowhere else, and G gets no gradient from elsewhere."""
    recipe = dataclasses.replace(small("inpaint", pretrain_steps=0, early_steps=0, lambda_start=0.0), batch_size=3)
    recipe = dataclasses.replace(recipe, degradation="mask:5:0")
    gan = build("unet_gan", dataclasses.replace(recipe, model={**recipe.model, "lambda_end": 0.0}), 0)
    pixels = np.random.default_rng(0).integers(0, 256, 6 * 16 * 16 * 3, dtype=np.uint8)
    pictures = data.ImageSet("noise", pixels, np.tile([16, 16, 3], (6, 1)))
    batch = next(iter(batches(recipe, pictures, 0, gan.group, 0, 1)))
    shown, (made, mask) = [], (tf.Variable(noise(3, 16, 16, 3)), batch["mask"].numpy())
    assert mask.shape == (3, 16, 16, 1) and mask.sum() == 3 * 25

    def seen(pair: tf.Tensor, training: bool) -> tf.Tensor:
        shown.append(pair[..., 3:])
        return tf.reduce_mean(pair, (1, 2, 3))[:, None]

    monkeypatch.setattr(gan, "discriminator", seen)
    monkeypatch.setattr(gan, "generator", lambda given, training: tf.identity(made))
    gradients = []

    def minimize(player: str, losses: Any) -> Any:
        with tf.GradientTape() as tape:
            found = losses()
            terms, kept = found if isinstance(found, tuple) else (found, None)
            loss = tf.add_n(list(terms.values()))
        gradients.append(tape.gradient(loss, made))
        return kept

    monkeypatch.setattr(gan, "minimize", minimize)
    gan.train_step(batch)
    judged, on_real, on_fake = (each.numpy() for each in shown)
    np.testing.assert_array_equal(on_real, batch["target"])
    np.testing.assert_array_equal(judged, np.where(mask, made.numpy(), batch["target"]))
    np.testing.assert_array_equal(on_fake, judged)
    assert ((gradients[0].numpy() != 0).any(-1, keepdims=True) == mask).all()


def test_the_stages() -> None:
    gan = build("unet_gan", small(pretrain_steps=2, early_steps=2, early_discriminator_steps=3), 0)
    batch = batch_of(gan, 0)
    before = gan.discriminator.get_weights()
    updates = []
    for i in range(6):
        gan.train_step(batch)  # as a graph of stages in tests/models/test_contract.py
        updates.append((int(gan.g_optimizer.iterations), int(gan.d_optimizer.iterations)))
        if i == 1:
            after = gan.discriminator.get_weights()
            assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert updates == [(1, 0), (2, 0), (3, 3), (4, 6), (5, 7), (6, 8)]
    assert int(gan.steps_done) == 6


def test_without_an_adversary_only_the_generator_learns() -> None:
    gan = build("unet_gan", small(adversarial="none", pretrain_steps=0), 0)
    logs = go_on(gan, 0, steps=2, graph=False)
    assert (int(gan.g_optimizer.iterations), int(gan.d_optimizer.iterations)) == (2, 0)
    assert logs["l1"] > 0 and logs["d_loss"] == 0


# --- colours and holes ------------------------------------------------------------------------------------------------


def test_what_is_given_and_wanted_is_lab() -> None:
    rgb = noise(2, 16, 16, 3)
    lab = rgb2lab((rgb + 1) / 2)
    gray = lightness(rgb).numpy()
    gan = model()
    np.testing.assert_allclose(gan.given(gray)[..., 0], lab[..., 0] / 50 - 1, atol=1e-3)
    np.testing.assert_allclose(gan.wanted(rgb), lab[..., 1:] / 50, atol=1e-3)
    holed = model("inpaint")
    np.testing.assert_array_equal(holed.given(rgb), rgb)
    np.testing.assert_array_equal(holed.wanted(rgb), rgb)


def test_true_colours_give_the_picture_back(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = model()
    rgb = noise(2, 16, 16, 3)
    gray = lightness(rgb).numpy()
    monkeypatch.setattr(gan, "windowed", lambda given: gan.wanted(rgb))
    np.testing.assert_allclose(gan.restore((gray + 1) / 2), (rgb + 1) / 2, atol=2e-3)


@pytest.mark.parametrize("height, width", [(16, 16), (37, 50), (90, 11)])
def test_a_coloured_picture_keeps_its_lightness(height: int, width: int) -> None:
    gan = model()
    gan.generator.integrate.kernel.assign(0.1 * gan.generator.integrate.kernel)  # no colours beyond sRGB
    gan.generator.integrate.bias.assign([0.1, 0.3])  # a = 5, b = 15
    gray = noise(2, height, width, 1, low=0.3, high=0.7)
    made = gan.restore(gray).numpy()
    assert made.shape == (2, height, width, 3)
    lab = rgb2lab(made)
    np.testing.assert_allclose(lab[..., 0], rgb2lab(gray.repeat(3, -1))[..., 0], atol=0.05)
    np.testing.assert_allclose(lab[..., 1:].mean((0, 1, 2)), [5, 15], atol=2)


def test_windows_overlap_by_half() -> None:
    for size, starts in ((16, [0]), (17, [0, 1]), (24, [0, 8]), (30, [0, 7, 14]), (64, [0, 8, 16, 24, 32, 40, 48])):
        assert window_starts(tf.constant(size), 16).numpy().tolist() == starts


def test_windows_are_put_together_and_padding_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = model("inpaint")
    seen = []

    def unchanged(images: tf.Tensor, training: bool) -> tf.Tensor:
        seen.append(tuple(images.shape))
        return images

    monkeypatch.setattr(gan, "generator", unchanged)
    for height, width in ((16, 8), (17, 30), (1, 3)):
        images = noise(1, height, width, 3)
        np.testing.assert_allclose(gan.windowed(images), images, atol=1e-6)
    assert seen == [(1, 16, 16, 3)] * (1 + 2 * 3 + 1), "all as large as in training"


def test_the_middle_of_a_window_counts_most(monkeypatch: pytest.MonkeyPatch) -> None:
    gan = model("inpaint")
    values = iter([0.0, 1.0])
    monkeypatch.setattr(gan, "generator", lambda images, training: tf.fill(images.shape, next(values)))
    made = gan.windowed(tf.constant(noise(1, 16, 24, 3)))[0, 5, :, 0].numpy()  # windows at 0 and at 8
    left, right = np.minimum(np.arange(9, 17), 24 - np.arange(8, 16) - 8), np.arange(1, 9)
    np.testing.assert_allclose(made, [*[0.0] * 8, *right / (left + right), *[1.0] * 8], rtol=1e-5)


def test_what_lies_in_a_hole_is_not_looked_at() -> None:
    gan, images = model("inpaint"), noise(2, 16, 24, 3, low=0.0)
    masks = np.zeros((2, 16, 24, 1), bool)
    masks[:, 4:8, 10:20] = True
    other = np.where(masks, 0.7, images).astype(np.float32)
    filled = gan.fill(images, masks).numpy()
    np.testing.assert_array_equal(filled, gan.fill(other, masks))
    np.testing.assert_array_equal(gan.fill(images, np.zeros_like(masks)), images)
    known = ~np.broadcast_to(masks, images.shape)
    np.testing.assert_array_equal(filled[known], images[known])
    assert not np.isclose(filled, images)[~known].any()
    endpoint = gan.endpoints()["fill"]
    assert list(endpoint.inputs) == ["images", "masks"] and endpoint.hole == 32 and endpoint.scale == 1


@pytest.mark.parametrize("task", ["colorize", pytest.param("inpaint", marks=pytest.mark.slow)])
def test_the_endpoint_takes_any_size(task: str, tmp_path: Path) -> None:
    exported = Exported(export(model(task), tmp_path / "m"))
    assert (exported.channels, exported.made_channels) == ((1, 3) if task == "colorize" else (3, 3))
    for height, width in ((1, 1), (33, 18), (24, 70)):
        images = noise(2, height, width, exported.channels, low=0.0)
        holes = np.zeros((2, height, width, 1), bool)
        made = exported.restore(images) if task == "colorize" else exported.fill(images, holes)
        assert made.shape == (2, height, width, 3) and made.min() >= 0 and made.max() <= 1


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, says",
    [
        (dict(part=6), "power of two"),
        (dict(part=2), "at least 4"),
        (dict(part=32), "divides the image's sides"),
        (dict(image_shape=(16, 16, 1)), "colour images"),
        (dict(task="paint"), "colorize or inpaint"),
        (dict(adversarial="hinge"), "bce, l2 or none"),
    ],
)
def test_bad_settings(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        UNetGAN(**{**small().model, **changes})


def test_the_degradation_fits_the_task() -> None:
    with pytest.raises(UserError, match="makes images of 3 channels, but unet_gan takes 1"):
        build("unet_gan", small().override({"degradation": "mask:4"}), 0)
    assert small(pretrain_steps=5).override({"pretrain_steps": 0}).model["pretrain_steps"] == 0
    with pytest.raises(UserError, match="at least 1"):
        small().override({"width": 0})


def test_a_task_is_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr("tfgans.training.train.train", lambda name, **options: asked.update(name=name, **options))
    done = CliRunner().invoke(cli.app, ["train", "unet_gan", "--task", "inpaint", "--dataset", "folder:somewhere"])
    assert done.exit_code == 0, done.output
    assert (asked["name"], asked["recipe_key"], asked["dataset"]) == ("unet_gan", "inpaint", "folder:somewhere")
