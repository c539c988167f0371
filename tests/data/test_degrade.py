"""The degradations against PIL, SciPy, scikit-image and a plain NumPy `imresize`; and their contract inside tf.data."""

import glob
import io
import os

import numpy as np
import pytest
import scipy.ndimage
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import Image

from tfgans.data.colour import lab_to_rgb, rgb_to_lab
from tfgans.data.degrade import (
    available,
    bicubic_down,
    bicubic_up,
    degrade,
    pair,
    round_8bit,
)
from tfgans.data.degraded import inverse
from tfgans.errors import UserError

SEED = (3, 4)
EVERY_STEP = "blur:0.8+bicubic:2+noise:0.05+poisson:200+mask:9+freeform:2:3+occlude:7+jpeg:60+pool:2+gray"
REAL = "blur:0.2-2+bicubic:4+noise:0-0.04+jpeg:30-95:anywhere"
TWICE = (
    "blur:0.2-3+bicubic:2+noise:0-0.04+jpeg:30-95+blur:0.2-1.5+bicubic:2+noise:0-0.02+jpeg:30-95"  # arXiv:2107.10833
)
OTHERS = "edges+negative+rotate:90+rotate:180+rotate:270+mask:9:center"


def hole(spec: str, height: int, width: int, seed: tf.Tensor) -> np.ndarray:
    """Boolean (height, width): the pixels that a degradation by `spec` with this seed leaves nothing of."""
    apply = degrade(spec)
    white, black = (apply(tf.fill((height, width, 3), value), seed).numpy() for value in (1.0, -1.0))
    return (white == black).all(axis=-1)


def photo(h: int, w: int) -> np.ndarray:
    """uint8 (h, w, 3), a detailed piece of a photograph."""
    return skimage.data.astronaut()[60 : 60 + h, 180 : 180 + w]


def to_float(image: np.ndarray) -> tf.Tensor:
    return tf.constant(image / 127.5 - 1.0, tf.float32)


def to_8bit(image: tf.Tensor) -> np.ndarray:
    """float64, whole numbers in [0, 255]."""
    return np.round((np.asarray(image, np.float64) + 1.0) * 127.5)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return 10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))


def imresize(image: np.ndarray, scale: float) -> np.ndarray:
    """MATLAB's `imresize(image, scale, "bicubic")` in float64, pixel by pixel as its documentation describes it."""

    def keys(x: np.ndarray) -> np.ndarray:
        x = np.abs(x)
        inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
        return np.where(x <= 1, inner, np.where(x <= 2, outer, 0))

    for axis in (0, 1):
        n, stretch = image.shape[axis], min(scale, 1.0)
        lines = []
        for i in range(int(np.ceil(n * scale))):
            centre = (i + 0.5) / scale - 0.5
            taps = np.arange(int(np.floor(centre - 2 / stretch)), int(np.ceil(centre + 2 / stretch)) + 1)
            weights = keys((taps - centre) * stretch)
            mirrored = np.concatenate([np.arange(n), np.arange(n)[::-1]])[taps % (2 * n)]
            lines.append(np.tensordot(weights / weights.sum(), image.take(mirrored, axis), (0, axis)))
        image = np.stack(lines, axis)
    return image


@pytest.mark.parametrize(("h", "w", "factor"), [(32, 48, 4), (30, 21, 2), (13, 19, 3), (5, 3, 4)])
def test_bicubic_equals_matlab_up_to_the_edge(h, w, factor):
    x = to_float(photo(h, w))
    small = bicubic_down(x, factor)
    assert small.shape == (-(-h // factor), -(-w // factor), 3)
    np.testing.assert_allclose(small, np.clip(imresize(x.numpy(), 1 / factor), -1, 1), atol=2e-5)
    big = bicubic_up(small, factor)
    np.testing.assert_allclose(big, np.clip(imresize(small.numpy(), factor), -1, 1), atol=2e-5)


def test_bicubic_step_is_close_to_pil_and_8_bit():
    image = photo(128, 96)
    ours = to_8bit(degrade("bicubic:4")(to_float(image), SEED))
    pil = np.array(Image.fromarray(image).resize((24, 32), Image.Resampling.BICUBIC))
    assert psnr(ours[2:-2, 2:-2], pil[2:-2, 2:-2]) > 53  # PIL rounds after each axis
    assert psnr(ours, pil) > 42  # PIL does not mirror edges
    np.testing.assert_allclose(degrade("bicubic:4")(to_float(image), SEED), ours / 127.5 - 1, atol=1e-6)
    up = to_8bit(round_8bit(bicubic_up(to_float(pil), 4)))
    pil_up = np.array(Image.fromarray(pil).resize((96, 128), Image.Resampling.BICUBIC))
    assert psnr(up[8:-8, 8:-8], pil_up[8:-8, 8:-8]) > 53


def test_bicubic_takes_batches_and_gives_gradients():
    x = tf.stack([to_float(photo(12, 12)), -to_float(photo(12, 12))])
    np.testing.assert_array_equal(bicubic_up(x, 2)[1], bicubic_up(x[1], 2))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(bicubic_down(x, 4))
    gradient = tape.gradient(total, x).numpy()
    # The kernel loses nothing at mirrored edges: each of the 3x3 output pixels hands back a gradient of one.
    assert gradient.sum() == pytest.approx(2 * 3 * 9, abs=1e-3)
    assert gradient.min() > 0


@pytest.mark.skipif("TFGANS_SET5" not in os.environ, reason="TFGANS_SET5 names a folder with the five images")
def test_bicubic_baseline_of_set5():
    scores = []
    for path in glob.glob(os.path.join(os.environ["TFGANS_SET5"], "*")):
        image = np.array(Image.open(path).convert("RGB"))
        image = image[: image.shape[0] // 4 * 4, : image.shape[1] // 4 * 4]
        up = to_8bit(round_8bit(bicubic_up(degrade("bicubic:4")(to_float(image), SEED), 4)))
        ours, true = (np.round(x @ [65.481, 128.553, 24.966] / 255 + 16)[4:-4, 4:-4] for x in (up, image))
        scores.append(psnr(ours, true))
    assert len(scores) == 5
    assert np.mean(scores) == pytest.approx(28.42, abs=0.02)


def test_round_8bit_keeps_files_and_saturates():
    levels = tf.range(256, dtype=tf.float32) / 127.5 - 1.0
    np.testing.assert_array_equal(round_8bit(levels), levels)
    np.testing.assert_allclose(round_8bit(tf.constant([-3.0, 3.0, 0.001])), [-1, 1, 128 / 127.5 - 1], atol=1e-6)


def test_pool_is_the_mean_of_squares():
    x = to_float(photo(28, 14))
    pooled = degrade("pool:7")(x, SEED)
    np.testing.assert_allclose(pooled, x.numpy().reshape(4, 7, 2, 7, 3).mean((1, 3)), atol=1e-5)
    ragged = degrade("pool:4")(x, SEED)
    assert ragged.shape == (7, 4, 3)
    np.testing.assert_allclose(ragged[0, 3], x.numpy()[:4, [12, 13, 13, 12]].mean((0, 1)), atol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 1.6, 7.0])
def test_blur_equals_scipy(sigma):
    x = to_float(photo(20, 33))
    expected = scipy.ndimage.gaussian_filter(x.numpy(), (sigma, sigma, 0), mode="reflect", truncate=4.0)
    np.testing.assert_allclose(degrade(f"blur:{sigma}")(x, SEED), expected, atol=1e-5)


def test_noise_has_the_stated_sigma_and_clips():
    grey = tf.zeros((128, 128, 3))
    noise = degrade("noise:0.1")(grey, SEED).numpy() / 2  # in units of [0, 1]
    assert noise.std() == pytest.approx(0.1, rel=0.02)
    assert abs(noise.mean()) < 0.002
    bright = degrade("noise:0.1")(tf.ones((32, 32, 1)), SEED).numpy()
    assert bright.max() == 1.0 and np.mean(bright == 1.0) == pytest.approx(0.5, abs=0.06)


def test_steps_draw_independently():
    grey = tf.zeros((256, 256, 1))
    once, twice = degrade("noise:0.05")(grey, SEED).numpy(), degrade("noise:0.05+noise:0.05")(grey, SEED).numpy()
    assert twice.std() / once.std() == pytest.approx(2**0.5, rel=0.02)  # 2 if the same noise were added twice
    assert abs(np.corrcoef(once.ravel(), (twice - once).ravel())[0, 1]) < 0.02


def test_poisson_variance_is_the_mean():
    x = tf.fill((128, 128, 1), -0.5)  # a quarter of white
    photons = (degrade("poisson:100")(x, SEED).numpy() + 1) * 50
    assert photons.mean() == pytest.approx(25, rel=0.01)
    assert photons.var() == pytest.approx(25, rel=0.05)
    np.testing.assert_allclose(photons, np.round(photons), atol=1e-3)
    assert np.all(degrade("poisson:5")(-tf.ones((8, 8, 1)), SEED) == -1.0)
    assert np.max(degrade("poisson:5")(tf.ones((32, 32, 1)), SEED)) == 1.0


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_equals_pil(channels):
    image = photo(61, 47) if channels == 3 else photo(61, 47)[..., :1]
    distance = {}
    for quality in (20, 90):
        file = io.BytesIO()
        Image.fromarray(image.squeeze()).save(file, "JPEG", quality=quality)
        pil = np.array(Image.open(file)).reshape(image.shape)
        ours = to_8bit(degrade(f"jpeg:{quality}")(to_float(image), SEED))
        assert np.mean(np.abs(ours - pil)) < 0.1  # the same library, if not always the same build
        distance[quality] = psnr(ours, image)
    assert distance[20] + 4 < distance[90]


def test_gray_is_pils_luma():
    image = photo(16, 16)
    ours = to_8bit(degrade("gray")(to_float(image), SEED))
    assert ours.shape == (16, 16, 1)
    assert np.max(np.abs(ours[..., 0] - np.array(Image.fromarray(image).convert("L")))) <= 1
    one = to_float(image[..., :1])
    np.testing.assert_array_equal(degrade("gray")(one, SEED), one)


def test_lightness_is_that_of_scikit_image():
    rgb = np.random.default_rng(0).uniform(-1, 1, (6, 7, 3)).astype(np.float32)
    gray = degrade("lightness")(rgb, SEED).numpy()
    assert gray.shape == (6, 7, 1)
    values = gray * 127.5 + 127.5
    np.testing.assert_allclose(values, values.round(), atol=1e-3, err_msg="a file holds 8 bits")
    wanted = skimage.color.rgb2lab((rgb + 1) / 2)[..., 0]
    lower, upper = (skimage.color.rgb2lab(((values + d) / 255).repeat(3, -1))[..., 0] for d in (-0.51, 0.51))
    assert ((lower <= wanted) & (wanted <= upper)).all()
    np.testing.assert_array_equal(degrade("lightness")(gray, SEED), gray)


def test_hole_is_where_nothing_is_left():
    image = np.random.default_rng(0).uniform(0.1, 1, (20, 30, 3)).astype(np.float32)
    for spec in ("mask:6", "mask:6:0", "freeform:2:5", "mask:6+mask:4"):
        missing = hole(spec, 20, 30, SEED)
        np.testing.assert_array_equal(missing, (degrade(spec)(image, SEED).numpy() != image).any(-1))
        assert missing.any() and not missing.all()
    assert hole("mask:6", 20, 30, SEED).sum() == 36
    assert not hole("lightness", 20, 30, SEED).any() and not hole("noise:0.1", 20, 30, SEED).any()


@pytest.mark.parametrize(("spec", "value"), [("mask:10", 0.0), ("mask:10:0", -1.0), ("mask:10:1", 1.0)])
def test_mask_is_one_square_anywhere(spec, value):
    x = tf.fill((24, 30, 3), 0.25)
    corners = set()
    for i in range(40):
        rows, columns, channels = np.nonzero(degrade(spec)(x, (7, i)).numpy() == value)
        assert len(rows) == 300 and set(channels) == {0, 1, 2}
        assert np.ptp(rows) == np.ptp(columns) == 9
        corners.add((rows.min(), columns.min()))
    tops, lefts = zip(*corners, strict=True)
    assert len(corners) > 30
    assert min(tops) <= 2 and max(tops) >= 12 and min(lefts) <= 2 and max(lefts) >= 18  # of 0..14 and 0..20


@pytest.mark.parametrize(
    ("spec", "value"), [("mask:10:center", 0.0), ("mask:10:0:center", -1.0), ("mask:9:1:center", 1.0)]
)
def test_mask_in_the_middle(spec, value):
    side = int(spec.split(":")[1])
    expected = np.full((24, 31, 3), 0.25, np.float32)
    top, left = (24 - side) // 2, (31 - side) // 2
    expected[top : top + side, left : left + side] = value
    np.testing.assert_array_equal(degrade(spec)(tf.fill((24, 31, 3), 0.25), (1, 2)), expected)


def test_masks_are_where_the_image_changed():
    image = np.random.default_rng(0).uniform(0.1, 1, (20, 30, 3)).astype(np.float32)
    for spec in ("mask:6", "mask:6:0", "freeform:2:5", "mask:6+mask:4", "mask:5:center", "freeform:1:9+mask:7"):
        made, mask = degrade(spec).with_mask(image, SEED)
        assert mask.dtype == tf.bool and mask.shape == (20, 30, 1)
        np.testing.assert_array_equal(made, degrade(spec)(image, SEED))
        np.testing.assert_array_equal(mask[..., 0], (made.numpy() != image).any(-1))
        assert mask.numpy().any() and not mask.numpy().all()
        assert degrade(spec).makes_holes
    for spec in ("occlude:6", "noise:0.1", "gray"):
        made, mask = degrade(spec).with_mask(image, SEED)
        assert not mask.numpy().any() and not degrade(spec).makes_holes
        np.testing.assert_array_equal(made, degrade(spec)(image, SEED))


def test_masks_follow_what_later_steps_do():
    image = np.random.default_rng(0).uniform(0.1, 1, (20, 30, 3)).astype(np.float32)
    before = degrade("mask:6").with_mask(image, SEED)[1].numpy()
    made, mask = degrade("mask:6+rotate:90").with_mask(image, SEED)
    np.testing.assert_array_equal(mask, np.rot90(before))
    assert (made.numpy()[mask.numpy()[..., 0]] == 0).all()
    small = degrade("mask:6+bicubic:2").with_mask(image, SEED)[1].numpy()
    np.testing.assert_array_equal(small, before.reshape(10, 2, 15, 2, 1).any((1, 3)))


def test_pairs_have_masks_where_asked():
    example = {"image": to_float(photo(20, 30)), "label": 3}
    plain, masked = pair("noise:0.1+mask:6")(example, SEED), pair("noise:0.1+mask:6", masks=True)(example, SEED)
    assert set(plain) == {"source", "target", "label"} and set(masked) == {*plain, "mask"}
    np.testing.assert_array_equal(plain["source"], masked["source"])
    assert (masked["source"].numpy()[masked["mask"].numpy()[..., 0]] == 0).all() and masked["mask"].numpy().sum() == 36
    assert "mask" not in pair("noise:0.1", masks=True)(example, SEED)


def test_edges_are_scipys_dilation_minus_the_image():
    image = photo(24, 31).astype(np.float32) / 255
    dilated = scipy.ndimage.grey_dilation(image, size=(3, 3, 1))
    made = degrade("edges")(tf.constant(image * 2 - 1), SEED)
    np.testing.assert_allclose((made + 1) / 2, dilated - image, atol=1e-6)
    assert (made + 1).numpy().max() > 0.5


def test_negative_and_rotation():
    x = to_float(photo(8, 12))
    np.testing.assert_array_equal(degrade("negative")(x, SEED), to_float(255 - photo(8, 12)))
    for turns in (1, 2, 3):
        np.testing.assert_array_equal(degrade(f"rotate:{90 * turns}")(x, SEED), np.rot90(x, turns))


@pytest.mark.parametrize("spec", ["negative", "rotate:90", "rotate:180", "rotate: 270", "rotate:90+negative+rotate:90"])
def test_what_loses_nothing_is_undone(spec):
    undo = inverse(spec)
    assert undo is not None
    x = to_float(photo(8, 12))
    np.testing.assert_array_equal(degrade(undo)(degrade(spec)(x, SEED), SEED), x)


def test_what_cannot_be_undone():
    assert [inverse(spec) for spec in ("edges", "rotate:90+edges", "bicubic:2", "mask:4")] == [None] * 4


def test_freeform_covers_a_part_and_has_the_brush_width():
    x, covered = tf.fill((96, 96, 3), 0.25), []
    for i in range(16):
        holes = degrade("freeform:3:12")(x, (7, i)).numpy() == 0.0
        assert np.all(holes == holes[..., :1])
        covered.append(holes.mean())
        depth = scipy.ndimage.distance_transform_edt(np.pad(holes[..., 0], 1, mode="edge"))
        assert depth.max() > 1.5  # the thinnest brush is 3.6 wide
    assert 0.05 < np.mean(covered) < 0.5 and np.std(covered) > 0.02
    thin, thick = (np.mean(degrade(f"freeform:3:{width}")(x, SEED) == 0.0) for width in (4, 12))
    assert 1.5 < thick / thin < 4
    one, many = (np.mean([degrade(f"freeform:{n}:12")(x, (8, i)) == 0.0 for i in range(8)]) for n in (1, 6))
    assert many > 2 * one


def test_occlude_is_one_flat_rectangle():
    x = to_float(photo(40, 40))
    sides, colours = set(), []
    for i in range(30):
        rows, columns = np.nonzero(np.any(degrade("occlude:12")(x, (9, i)) != x, -1))
        box = degrade("occlude:12")(x, (9, i)).numpy()[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert np.all(box == box[0, 0])
        sides.update(box.shape[:2])
        colours.append(box[0, 0])
    assert sides == set(range(6, 13))
    assert np.min(colours) < -0.8 and np.max(colours) > 0.8
    assert degrade("occlude:12")(x[:5, :5], SEED).shape == (5, 5, 3)  # larger than the image: all of it


def test_lab_equals_scikit_image():
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 18)] * 3), -1).reshape(18, -1, 3)
    x = tf.constant(grid * 2 - 1, tf.float32)
    lab = skimage.color.rgb2lab(grid)
    np.testing.assert_allclose(rgb_to_lab(x), lab, atol=2e-3)
    np.testing.assert_allclose(lab_to_rgb(rgb_to_lab(x)), x, atol=1e-4)
    beyond = lab * [1.0, 1.4, 1.4]
    expected = skimage.color.lab2rgb(beyond) * 2 - 1
    np.testing.assert_allclose(lab_to_rgb(tf.constant(beyond, tf.float32)), expected, atol=1e-3)


def test_lab_has_finite_gradients_everywhere():
    x = tf.constant([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0], [-1.0, 1.0, -0.9], [0.1, 0.2, 0.3]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        lab = rgb_to_lab(x)
        back = lab_to_rgb(lab)
    assert np.all(np.isfinite(tape.gradient(lab, x)))
    assert np.all(np.isfinite(tape.gradient(back, x)))
    np.testing.assert_allclose(tape.gradient(back, x)[3], np.ones(3), atol=1e-2)  # there and back is the identity


# --- strengths that are drawn -----------------------------------------------------------------------------------------


def nearest(found: np.ndarray, candidates: dict[float, np.ndarray]) -> float:
    """The key of the array that is nearest, in which a difference of more than rounding is an error."""
    key = min(candidates, key=lambda key: np.abs(candidates[key] - found).max())
    assert np.abs(candidates[key] - found).max() < 0.02
    return key


def test_a_drawn_blur_is_a_gaussian_of_its_range():
    x = to_float(photo(48, 48))
    wanted = {
        sigma: scipy.ndimage.gaussian_filter(x.numpy(), (sigma, sigma, 0), mode="reflect", truncate=12.0)[8:-8, 8:-8]
        for sigma in np.arange(0.2, 2.01, 0.01)
    }
    found = [nearest(degrade("blur:0.2-2")(x, (5, i)).numpy()[8:-8, 8:-8], wanted) for i in range(40)]
    assert 0.2 <= min(found) < 0.35 and 1.85 < max(found) <= 2.0
    assert np.mean(found) == pytest.approx(1.1, abs=4 * 1.8 / np.sqrt(12 * 40)), "uniform: four standard errors"


def test_drawn_noise_has_a_sigma_of_its_range():
    grey = tf.zeros((64, 64, 3))
    found = [degrade("noise:0.01-0.04")(grey, (5, i)).numpy().std() / 2 for i in range(60)]
    assert 0.0095 < min(found) < 0.0125 and 0.0375 < max(found) < 0.0415
    assert np.mean(found) == pytest.approx(0.025, abs=4 * 0.03 / np.sqrt(12 * 60))
    once, other = (degrade(f"noise:{text}")(grey, SEED).numpy() for text in ("0.01-0.04", "0.04"))
    scale = once.std() / other.std()
    np.testing.assert_allclose(once, scale * other, atol=1e-6, err_msg="the same noise, weaker")


def test_a_drawn_quality_is_a_whole_number_of_its_range_as_pillow_has_it():
    image = photo(64, 64)
    pil = {}
    for quality in range(30, 41):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        pil[quality] = np.array(Image.open(file)).astype(np.float64)
    found = []
    for i in range(60):
        ours = to_8bit(degrade("jpeg:30-40")(to_float(image), (5, i)))
        distances = {quality: np.abs(ours - each).mean() for quality, each in pil.items()}
        found.append(min(distances, key=distances.get))
        assert distances[found[-1]] < 0.1, "the same library, if not always the same build"
        assert psnr(ours, image) == pytest.approx(psnr(pil[found[-1]], image), abs=0.05)
    assert set(found) == set(range(30, 41)), "both ends, and all between"


def test_blocks_anywhere_begin_at_each_place():
    """Of flat squares of 8 pixels a JPEG of quality 1 leaves squares, and their corner is where blocks begin."""
    image, corners = to_float(np.repeat(np.linspace(0, 255, 48)[None, :, None], 3, 2).repeat(48, 0)), set()
    for i in range(60):
        made = to_8bit(degrade("jpeg:1:anywhere")(image, (5, i)))[..., 0]
        edges = np.flatnonzero(np.any(np.diff(made, axis=1) != 0, axis=0)) + 1
        (first,) = set((edges % 8).tolist())
        corners.add(first)
    assert corners == set(range(8))
    aligned = to_8bit(degrade("jpeg:1")(image, SEED))[..., 0]
    assert set(((np.flatnonzero(np.any(np.diff(aligned, axis=1) != 0, axis=0)) + 1) % 8).tolist()) == {0}
    photograph = to_float(photo(40, 40))
    wanted, found = (psnr(to_8bit(degrade(f"jpeg:60{w}")(photograph, SEED)), photo(40, 40)) for w in ("", ":anywhere"))
    assert found == pytest.approx(wanted, abs=0.5), "the picture stays where it is"


def test_a_range_of_one_strength_is_that_strength():
    x = to_float(photo(40, 44))
    for one, other in (("blur:0.8", "blur:0.8-0.8"), ("noise:5e-2", "noise:0.05-5e-2"), ("jpeg:60", "jpeg:60-60")):
        np.testing.assert_array_equal(degrade(one)(x, SEED), degrade(other)(x, SEED))


def test_a_second_round_has_strengths_of_its_own():
    grey, ratios = tf.zeros((64, 64, 1)), []
    for i in range(30):
        first = degrade("noise:0-0.04")(grey, (5, i)).numpy()
        both = degrade("noise:0-0.04+noise:0-0.04")(grey, (5, i)).numpy()
        ratios.append((first.std(), (both - first).std()))
    assert abs(np.corrcoef(np.transpose(ratios))[0, 1]) < 0.5, "a second draw; equal ones have 1"


@pytest.mark.parametrize("spec", [REAL, TWICE])
def test_sources_of_real_pictures_are_8_bit(spec):
    image, apply = to_float(photo(48, 64)), degrade(spec)
    assert apply.factor == 4 and not apply.makes_holes
    levels = (apply(image, SEED).numpy() + 1) * 127.5
    assert levels.shape == (12, 16, 3)
    np.testing.assert_allclose(levels, levels.round(), atol=1e-3)
    assert levels.std() > 10


@pytest.mark.parametrize(("spec", "shape"), [(EVERY_STEP, (10, 11, 1)), (REAL, (10, 11, 3)), (TWICE, (10, 11, 3))])
def test_the_seed_decides_whatever_the_batch_and_parallelism(spec, shape):
    images = np.stack([photo(40, 44)] * 12) / 127.5 - 1.0
    seeds = np.stack([np.arange(12), np.arange(12)[::-1]], -1).astype(np.int32)
    apply = degrade(spec)
    data = tf.data.Dataset.from_tensor_slices((images.astype(np.float32), seeds))
    serial = np.stack(list(data.map(apply).as_numpy_iterator()))
    parallel = np.concatenate(list(data.map(apply, num_parallel_calls=4).batch(5).as_numpy_iterator()))
    eager = apply(tf.constant(images[3], tf.float32), seeds[3])
    np.testing.assert_array_equal(serial, parallel)
    np.testing.assert_array_equal(serial[3], eager)
    assert len(np.unique(serial, axis=0)) == 12
    assert serial.shape == (12, *shape) and serial.min() >= -1.0 and serial.max() <= 1.0


@pytest.mark.parametrize("spec", [*EVERY_STEP.split("+"), *OTHERS.split("+"), *REAL.split("+")])
def test_static_and_dynamic_sizes(spec):
    image, apply = to_float(photo(26, 31)), degrade(spec)
    expected = apply(image, SEED)
    assert expected.dtype == tf.float32
    static = tf.function(apply).get_concrete_function(tf.TensorSpec((26, 31, 3)), tf.TensorSpec((2,), tf.int32))
    assert static.output_shapes == expected.shape
    dynamic = tf.function(apply, input_signature=[tf.TensorSpec((None, None, 3)), tf.TensorSpec((2,), tf.int32)])
    np.testing.assert_allclose(dynamic(image, tf.constant(SEED)), expected, atol=1e-6)


def test_pair_makes_corresponding_sizes():
    image = to_float(photo(27, 30))
    data = tf.data.Dataset.from_tensors({"image": image, "label": 5}).map(
        lambda x: pair("bicubic:4+noise:0.1")(x, SEED)
    )
    assert data.element_spec["source"].shape == (6, 7, 3) and data.element_spec["target"].shape == (24, 28, 3)
    (example,) = data.as_numpy_iterator()
    assert set(example) == {"source", "target", "label"} and example["label"] == 5
    np.testing.assert_array_equal(example["target"], image[:24, :28])
    np.testing.assert_allclose(example["source"], degrade("bicubic:4+noise:0.1")(image[:24, :28], SEED), atol=1e-6)


def test_factors_multiply():
    assert degrade("bicubic:4+jpeg:40+noise:0.05").factor == 4
    assert degrade("pool:7+bicubic:2+gray").factor == 14
    assert degrade("gray").factor == 1


@pytest.mark.parametrize(
    ("spec", "part"),
    [
        ("bicubik:4", "bicubic:F"),
        ("", "bicubic:F"),
        ("noise:0.1+", "bicubic:F"),
        ("bicubic", "0 parameters"),
        ("gray:1", "1 parameters"),
        ("mask:1:2:3", "3 parameters"),
        ("mask:1:2:3:center", "4 parameters"),
        ("mask:8:middle", 'not "middle"'),
        ("mask:center", "1 parameters"),
        ("rotate:45", "DEGREES is a multiple of 90 from 90 to 270"),
        ("bicubic:2.5", "F is a whole number from 1 to 64"),
        ("jpeg:0", "Q is a whole number from 1 to 100"),
        ("jpeg:101", 'not "101"'),
        ("noise:nan", "SIGMA is a number"),
        ("noise:-0.1", "SIGMA is a number"),
        ("noise:0.04-0", '"noise:0.04-0": the range of SIGMA must begin with its lower end: 0-0.04'),
        ("noise:0-11", 'SIGMA is a number from 0 to 10, or a range LOW-HIGH, not "0-11"'),
        ("jpeg:30-95.5", 'Q is a whole number from 1 to 100, or a range LOW-HIGH, not "30-95.5"'),
        ("jpeg:30-", 'not "30-"'),
        ("jpeg:30-40-50", 'not "30-40-50"'),
        ("jpeg:30:somewhere", "2 parameters"),
        ("blur:0-2", 'SIGMA is a number from 0.01 to 100, or a range LOW-HIGH, not "0-2"'),
        ("bicubic:2-4", 'F is a whole number from 1 to 64, not "2-4"'),
        ("mask:8:2", "FILL is a number from 0 to 1"),
    ],
)
def test_mistakes_are_named(spec, part):
    with pytest.raises(UserError, match="(?s)^[^\n]*$") as caught:
        degrade(spec)
    assert part in str(caught.value)


def test_images_that_a_step_cannot_take():
    with pytest.raises(UserError, match="28x28"):
        degrade("mask:28")(tf.zeros((28, 28, 1)), SEED)
    with pytest.raises(UserError, match="1 or 3 channels"):
        degrade("jpeg:50")(tf.zeros((8, 8, 2)), SEED)
    assert "freeform[:STROKES=3][:WIDTH=20]" in available()
