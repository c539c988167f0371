"""Pictures of any size: tiles against the whole, and the rules that endpoints declare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare, photograph, save, twice
from PIL import Image
from skimage.color import rgb2lab

from tfgans import endpoint
from tfgans.data.colour import lab_to_rgb, rgb_to_lab
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.images import to_uint8
from tfgans.inference import tiling
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.inference.gamut import tinted
from tfgans.inference.scaling import spread
from tfgans.inference.tiling import (
    EDGE,
    MARGIN,
    RAMP,
    TILE,
    Pictures,
    count_tiles,
    overlap_of,
    pictures_of,
    restore_array,
    tile_starts,
    tile_weights,
)
from tfgans.models.srgan import SRGAN, build_generator


@pytest.fixture(scope="module")
def colourizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives gray images the colours a = 5, b = 15, and remembers no size."""

    def colour(images: tf.Tensor) -> tf.Tensor:
        level = rgb_to_lab(tf.repeat(2.0 * images - 1.0, 3, -1))[..., :1]
        lab = tf.concat([level, tf.fill(tf.shape(level), 5.0), tf.fill(tf.shape(level), 15.0)], -1)
        return (lab_to_rgb(lab) + 1.0) / 2.0

    return save(tmp_path_factory.mktemp("colourizer") / "m", colour, 1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """SRGAN's generator with one block, untrained."""
    keras.utils.set_random_seed(0)
    model = SRGAN(image_shape=(32, 32, 3), width=4, blocks=1, discriminator_width=4, content="none")
    return Exported(export(model, tmp_path_factory.mktemp("network") / "m"))


# --- tiles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 31, 32, 33, 48, 49, 100, 1000])
def test_tiles_cover_and_their_weights_sum_to_one(n: int) -> None:
    overlap, ramp = overlap_of(32)
    assert (overlap, ramp) == (16, 8)
    starts = tile_starts(n, 32, overlap)
    tile = min(n, 32)
    assert starts[0] == 0 and starts[-1] + tile == n
    assert all(a < b <= a + 32 - overlap for a, b in zip(starts, starts[1:], strict=False))
    total, touched = np.zeros(4 * n), np.zeros(4 * n)
    for start, weight in zip(starts, tile_weights(starts, tile, ramp, 4), strict=True):
        total[4 * start : 4 * (start + tile)] += weight
        touched[4 * start : 4 * (start + tile)] += weight > 0
        inner = slice(None if start == 0 else 4 * 4, None if start + tile == n else -4 * 4)
        assert (weight[: 4 * 4] == 0).all() or start == 0
        assert weight[inner].max() == 1
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert touched.max() <= 2


@pytest.mark.parametrize("positive", [False, True])
def test_the_margin_is_beyond_the_reach_of_the_generator(positive: bool) -> None:
    """What lies beyond a tile's edge changes nothing visible inside the margin, even if no weights cancel out."""
    assert overlap_of(TILE) == (2 * MARGIN + RAMP, RAMP)
    generator = build_generator(1, width=4, blocks=16)
    if positive:
        for layer in generator.layers:
            layer.set_weights([np.abs(w) if w.ndim == 4 else w for w in layer.get_weights()])
    images = np.random.default_rng(0).uniform(-1, 1, (1, 24, 80, 1)).astype(np.float32)
    cut = generator(images[:, :, :60]).numpy()
    whole = generator(images).numpy()[:, :, : 4 * 60]
    change = np.abs(cut - whole).max(axis=(0, 1, 3)) / np.ptp(whole)
    assert change[-4:].max() > 0.01 and change[: 4 * (60 - MARGIN)].max() < 0.1 / 255


def test_tiles_equal_the_whole(network: Exported) -> None:
    pixels = photograph(130, 170)
    assert count_tiles(130, 170, 80) == 3 * 4
    around = np.pad(pixels, ((EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="symmetric")
    whole = network.restore(around[None].astype(np.float32) / 255)[0, 4 * EDGE : -4 * EDGE, 4 * EDGE : -4 * EDGE]
    assert whole.shape == (520, 680, 3) and whole.std() > 0.01
    tiled = restore_array(network, pixels, tile=80)  # shared 40, faded 16, 12 left: beyond the reach of one block
    assert tiled.dtype == np.uint8 and tiled.shape == whole.shape
    assert np.abs(tiled.astype(int) - to_uint8(whole).astype(int)).max() <= 1
    assert (tiled != to_uint8(whole)).mean() < 0.01


def test_tiles_that_disagree_are_blended(tmp_path: Path) -> None:
    """A model that paints each tile in the brightness of its first pixel: without blending there would be a step."""
    flat = save(tmp_path / "m", lambda x: tf.ones_like(x) * x[:, :1, :1], 3)
    ramp = np.broadcast_to(np.linspace(0, 255, 200).astype(np.uint8)[None, :, None], (40, 200, 3))
    made = restore_array(Exported(flat), ramp, tile=64).astype(int)
    steps = np.abs(np.diff(made[20, :, 0]))
    assert 2 < steps.max() < 8 and made[20, :, 0].max() - made[20, :, 0].min() > 100


def test_progress_counts_tiles_and_strips_are_small(network: Exported) -> None:
    calls: list[int] = []
    pixels = photograph(130, 90)
    strips = list(pictures_of(network, "restore").strips(pixels, tile=64, progress=lambda: calls.append(1)))
    assert len(calls) == count_tiles(130, 90, 64) > 1
    assert max(map(len, strips)) <= 64 and sum(map(len, strips)) == 520


def test_a_model_of_gray_images_restores_the_channels_of_a_picture(tmp_path: Path) -> None:
    gray = save(tmp_path / "m", lambda x: 1.0 - x, 1)
    for channels in (1, 3):
        pixels = photograph(20, 30, channels).reshape(20, 30, channels)
        np.testing.assert_array_equal(restore_array(Exported(gray), pixels), 255 - pixels)


@pytest.mark.parametrize("height, width, channels", [(20, 30, 1), (70, 41, 3), (700, 90, 3)])
def test_colours_are_laid_on_the_pictures_own_lightness(
    colourizer: Path, height: int, width: int, channels: int
) -> None:
    pixels = (60 + 0.5 * photograph(height, width, channels)).astype(np.uint8).reshape(height, width, channels)
    made = rgb2lab(restore_array(Exported(colourizer), pixels))
    own = rgb2lab(np.broadcast_to(pixels, (height, width, 3)))
    assert made.shape == own.shape
    np.testing.assert_allclose(made[..., 0], own[..., 0], atol=0.6)  # of 8 bits
    np.testing.assert_allclose(made[..., 1:].mean((0, 1)), [5, 15], atol=0.3)
    assert np.abs(made[..., 1:] - [5, 15]).max() < 2


def test_a_model_that_is_not_what_it_was_taken_for_is_an_error(tmp_path: Path) -> None:
    odd = Exported(save(tmp_path / "odd", lambda x: x[:, ::2, ::2], 3))
    with pytest.raises(UserError, match="makes 16x10 pixels of 32x20, not 32x20"):
        restore_array(odd, photograph(20, 32))


# --- rules ------------------------------------------------------------------------------------------------------------


def endpoint_of(given: int = 3, made: int = 3, **rules: Any) -> Endpoint:
    return Endpoint({"images": endpoint.images(given)}, {"images": endpoint.images(made)}, **rules)


class Seen:
    """A model that remembers the shapes of what it is given."""

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        self.function, self.shapes = function, []

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.shapes.append(images.shape)
        return self.function(images)


def test_sides_are_mirrored_up_to_a_multiple_and_cut() -> None:
    model = Seen(lambda x: x.repeat(2, 1).repeat(2, 2))
    pictures = Pictures(endpoint_of(scale=2, multiple=16), model)
    pixels = photograph(20, 33)
    np.testing.assert_array_equal(pictures.apply(pixels), twice(pixels))
    assert model.shapes == [(1, 32, 48, 3)] and pictures.note(pixels) == ""
    np.testing.assert_array_equal(pictures.padded(pixels)[20:32, :33], pixels[:7:-1][:12])
    assert pictures.apply(photograph(8, 8)[:1, :2]).shape == (2, 4, 3), "mirrored more than once"


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("height, width", [(5, 70), (100, 41), (130, 171)])
def test_tiles_of_a_multiple_cover_pictures_of_any_size(
    height: int, width: int, pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiling, "has_onednn", lambda: pairs)
    model = Seen(lambda x: x.repeat(2, 1).repeat(2, 2))
    pictures = Pictures(endpoint_of(scale=2, multiple=8, tiles=True, tile=60, margin=4), model)
    pixels = photograph(height, width)
    np.testing.assert_allclose(pictures.apply(pixels).astype(int), twice(pixels).astype(int), atol=1)
    assert sum(shape[0] for shape in model.shapes) == pictures.count(height, width)
    assert max(shape[0] for shape in model.shapes) == (2 if pairs and width > 60 else 1)
    assert all(side % 8 == 0 and side <= 56 + 2 * EDGE for shape in model.shapes for side in shape[1:3])


def test_a_picture_beyond_the_largest_is_shrunk_and_enlarged() -> None:
    model = Seen(lambda x: 1 - x)
    pictures = Pictures(endpoint_of(largest=64, multiple=4), model)
    pixels = photograph(100, 201)
    made = pictures.apply(pixels)
    assert made.shape == pixels.shape and model.shapes == [(1, 32, 64, 3)]
    assert np.abs(made.astype(int) - (255 - pixels.astype(int))).mean() < 8
    assert pictures.note(pixels) == (
        "has 201x100 pixels, and the model takes at most 64 a side: it was shrunk, and the result enlarged"
    )
    assert pictures.note(pixels[:64, :64]) == ""
    np.testing.assert_array_equal(pictures.apply(pixels[:64, :64]), 255 - pixels[:64, :64])


def test_pictures_are_scaled_to_the_only_size() -> None:
    model = Seen(lambda x: x.repeat(7, 1).repeat(7, 2))
    pictures = Pictures(endpoint_of(1, 1, scale=7, size=(4, 6)), model)
    pixels = photograph(28, 28, 1)[..., None]
    assert pictures.apply(pixels).shape == (28, 42, 1) and pictures.made(28, 28) == (28, 42)
    assert model.shapes == [(1, 4, 6, 1)]
    assert pictures.note(pixels) == "has 28x28 pixels, and the model takes 6x4: it was scaled to that"
    same = Pictures(endpoint_of(size=(32, 32)), Seen(lambda x: x))
    assert same.apply(photograph(40, 60)).shape == (40, 60, 3), "back at its own size"


def test_floats_stay_floats() -> None:
    pixels = np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)
    for rules in (dict(tiles=True, tile=32), dict(multiple=8), dict(largest=20)):
        made = Pictures(endpoint_of(**rules), lambda x: 1 - x).apply(pixels)
        assert made.dtype == np.float32 and made.shape == pixels.shape
        if "largest" not in rules:
            np.testing.assert_allclose(made, 1 - pixels, atol=1e-6)


def test_label_maps_are_scaled_by_the_nearest_id() -> None:
    given = endpoint.Array((None, None, None, 1), "int32", 0, 40, "classes")
    seen: list[np.ndarray] = []

    def run(ids: np.ndarray) -> np.ndarray:
        seen.append(ids)
        return np.repeat(ids / 39, 3, axis=-1)

    pictures = Pictures(Endpoint({"labels": given}, {"images": endpoint.images(3)}, multiple=8, largest=32), run)
    ids = np.random.default_rng(0).choice([3, 39], (64, 50, 1)).astype(np.int32)
    made = pictures.apply(ids)
    assert made.shape == (64, 50, 3) and made.dtype == np.uint8
    assert seen[0].dtype == np.int32 and seen[0].shape == (1, 32, 32, 1) and set(np.unique(seen[0])) == {3, 39}


def test_channels_of_a_translation_are_those_of_the_model() -> None:
    gray, colour = photograph(8, 8, 1)[..., None], photograph(8, 8)
    three = Pictures(endpoint_of(), lambda x: x * [1.0, 0.5, 0.0], like_the_input=False)
    np.testing.assert_array_equal(three.apply(gray)[..., 0], gray[..., 0])
    assert three.apply(gray).shape == (8, 8, 3) and not three.apply(gray)[..., 2].any()
    one = Pictures(endpoint_of(1, 1), lambda x: x, like_the_input=False)
    luma = np.asarray(Image.fromarray(colour).convert("L")).astype(int)
    assert np.abs(one.apply(colour)[..., 0] - luma).max() <= 1
    assert Pictures(endpoint_of(), lambda x: x * [1.0, 0.5, 0.0]).apply(gray).shape == (8, 8, 1), "a restoration"
    with pytest.raises(UserError, match="takes images of 6 channels, not 3"):
        Pictures(endpoint_of(6), lambda x: x).apply(colour)


# --- borders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("height, width", [(24, 24), (1, 64), (64, 1)])
def test_flat_pictures_are_flat_up_to_their_borders(height: int, width: int) -> None:
    orange = np.broadcast_to(np.array([255, 140, 0], np.uint8), (height, width, 3))
    made = restore_array(Exported(ROOT / "saved_models/srresnet-photos"), orange).astype(int)
    assert np.abs(made - [255, 140, 0]).max() <= 2


def test_models_of_whole_small_pictures_see_their_borders(tmp_path: Path) -> None:
    """They were trained with them: mirrored, digits of 4x4 pixels would be others."""
    digits = pictures_of(Exported(ROOT / "saved_models/resgan-mnist"), "restore")
    pixels = photograph(4, 4, 1)[..., None]
    made = digits.run(pixels[None].astype(np.float32) / 255)[0]
    np.testing.assert_array_equal(digits.apply(pixels), to_uint8(made))
    assert digits.whole == (4, 4)
    rules = endpoint_of(tiles=True)
    declared = declare(tmp_path / "m", {"restore": (lambda x: x, rules)}, whole=[16, 16])
    assert pictures_of(Exported(declared), "restore").whole == (16, 16)


# --- colours that sRGB has --------------------------------------------------------------------------------------------


def test_colours_keep_the_lightness_and_black_and_white_have_none() -> None:
    level = np.linspace(0, 100, 101)[:, None]
    for a_b in ([-80, 80], [80, -110], [5, 15], [0, 0], [127, 127]):
        made = tinted(level, np.broadcast_to(np.array(a_b, float), (101, 2)))
        assert made.min() >= 0 and made.max() <= 1
        np.testing.assert_allclose(rgb2lab(made)[:, 0], level[:, 0], atol=0.05)
        np.testing.assert_allclose(made[[0, -1]], [[0] * 3, [1] * 3], atol=1e-3)
    inside = tinted(np.array([[50.0]]), np.array([[5.0, 15.0]]))
    np.testing.assert_allclose(rgb2lab(inside)[0], [50, 5, 15], atol=0.05)


def test_a_colourizer_leaves_black_and_white(colourizer: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    pixels[:, 40:] = 128
    made = restore_array(Exported(colourizer), pixels)
    assert not made[:, :20].any() and (made[:, 20:40] == 255).all() and np.ptp(made[20, 50]) > 10


# --- what lies under transparent pixels -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colours_spread_under_transparent_pixels(dtype: Any) -> None:
    pixels, alpha = photograph(30, 41) // 2 + np.uint8(60), np.zeros((30, 41), np.uint8)
    pixels[:, 20:] = 0
    alpha[:, :20] = 255
    alpha[10:20, 5:10] = 128
    alpha[0, 20] = 1
    if dtype == np.float32:
        pixels, alpha = (pixels / 255).astype(dtype), (alpha / 255).astype(dtype)
    made = spread(pixels, alpha)
    assert made.dtype == dtype
    np.testing.assert_array_equal(made[alpha == alpha.max()], pixels[alpha == alpha.max()])
    seen = alpha[..., None] / alpha.max() * np.abs(made.astype(float) - pixels) / pixels.max() * 255
    assert seen.max() <= 1.5, "of what shows"
    assert (made[2:, 20].astype(float) >= 0.6 * pixels[2:, 19]).all() and made[:, 20:].min() > 0, "nothing is black"
    assert spread(pixels, np.full_like(alpha, alpha.max())) is pixels
    assert np.isfinite(spread(pixels, np.zeros_like(alpha))).all()
