"""`tfgans.load`: arrays and Pillow images in, the same kind out."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare, double, photograph, twice
from PIL import Image

import tfgans
from tfgans import endpoint
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError
from tfgans.inference.door import Model

IMAGES = {"images": endpoint.images(3)}
MASKS = Array((None, None, None, 1), "bool", 0, 1, "mask")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with endpoints of all kinds."""

    def sample(labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        noise = tf.random.stateless_uniform((1, 4, 4, 1), (seed, 0))
        return 0.0 * noise + tf.cast(labels, tf.float32)[:, None, None, None] / 4.0

    def fill(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        return tf.zeros_like(images) + 0.0 * tf.cast(masks, tf.float32)

    rules = endpoint.generator((4, 4, 1), Array((None, 2), encoding="latents"), classes=4)
    functions = {
        "sample": (sample, rules["sample"]),
        "restore": (double, Endpoint(IMAGES, IMAGES, scale=2, tiles=True, tile=32)),
        "fill": (fill, Endpoint({**IMAGES, "masks": MASKS}, IMAGES, size=(32, 32), hole=16)),
        "a_to_b": (lambda images: 1.0 - images, Endpoint(IMAGES, IMAGES, multiple=8)),
        "b_to_a": (lambda images: images, Endpoint(IMAGES, IMAGES, multiple=8)),
    }
    folder = tmp_path_factory.mktemp("door") / "everything"
    return tfgans.load(declare(folder, functions, domains=["day", "night"]))


def test_importing_and_finding_load_needs_no_tensorflow() -> None:
    code = "import sys, tfgans; tfgans.load; assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_comes_out_is_of_the_kind_that_went_in(everything: Model) -> None:
    pixels = photograph(40, 50)
    np.testing.assert_array_equal(everything.restore(pixels), twice(pixels))
    made = everything.restore(pixels / 255)
    assert made.dtype == np.float32 and made.shape == (80, 100, 3)
    np.testing.assert_allclose(made, twice(pixels) / 255, atol=1e-6)
    several = everything.restore(np.stack([pixels, 255 - pixels]))
    np.testing.assert_array_equal(several, np.stack([twice(pixels), 255 - twice(pixels)]))
    assert everything.restore(pixels[..., 0]).shape == (80, 100)
    assert everything.restore(pixels[..., :1]).shape == (80, 100, 1)
    for mode, expected in (("RGB", "RGB"), ("RGBA", "RGBA"), ("L", "L"), ("P", "RGB"), ("CMYK", "RGB"), ("1", "L")):
        picture = everything.restore(Image.fromarray(pixels).convert(mode))
        assert isinstance(picture, Image.Image) and (picture.mode, picture.size) == (expected, (100, 80))


def test_holes_are_those_of_the_mask_or_transparent(everything: Model) -> None:
    pixels, hole = photograph(40, 50), np.zeros((40, 50), bool)
    hole[10:20, 30:40] = True
    expected = np.where(hole[..., None], 0, pixels)
    for mask in (hole, hole[..., None], (hole * 255).astype(np.uint8), hole.astype(float), Image.fromarray(hole)):
        np.testing.assert_array_equal(everything.fill(pixels, mask), expected)
    alpha = np.where(hole, 0, 255).astype(np.uint8)[..., None]
    clear = np.concatenate([pixels, alpha], -1)
    np.testing.assert_array_equal(everything.fill(clear), expected)
    np.testing.assert_array_equal(np.asarray(everything.fill(Image.fromarray(clear))), expected)
    np.testing.assert_allclose(everything.fill(clear / 255.0), np.float32(expected / 255), atol=1e-7)
    np.testing.assert_array_equal(everything.fill(np.stack([pixels] * 2), hole), np.stack([expected] * 2))
    with pytest.raises(UserError, match="no transparency; pass a mask"):
        everything.fill(pixels)
    with pytest.raises(UserError, match="do not fit"):
        everything.fill(pixels, hole[:20])


def test_transparency_and_what_belongs_to_a_picture_stay(everything: Model) -> None:
    pixels = photograph(40, 50)
    alpha = np.full((40, 50, 1), 255, np.uint8)
    alpha[:, :20] = 0
    made = everything.restore(np.concatenate([pixels, alpha], -1))
    assert made.shape == (80, 100, 4) and not made[:, :38, 3].any() and (made[:, 42:, 3] == 255).all()
    np.testing.assert_array_equal(made[:, 40:, :3], twice(pixels)[:, 40:])
    assert everything.restore(np.concatenate([pixels, alpha], -1) / 255).dtype == np.float32
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "PNG", exif=exif, dpi=(300, 300))
    picture = everything.restore(Image.open(coded))
    assert picture.size == (80, 100), "upright"
    assert picture.getexif()[0x010F] == "a camera" and picture.getexif().get(0x0112, 1) == 1
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    deep = everything.restore(Image.fromarray(pixels[..., 0].astype(np.uint16) * 257))
    np.testing.assert_array_equal(np.asarray(deep), twice(pixels[..., 0]))


def test_known_pixels_and_their_transparency_stay(everything: Model) -> None:
    rng = np.random.default_rng(0)
    clear = rng.integers(0, 256, (40, 50, 4), dtype=np.uint8)
    hole = np.zeros((40, 50), bool)
    hole[10:20, 30:40] = True
    made = everything.fill(clear, hole)
    np.testing.assert_array_equal(made[~hole], clear[~hole])
    np.testing.assert_array_equal(made[hole], np.concatenate([0 * clear[hole][:, :3], clear[hole][:, 3:]], -1))
    np.testing.assert_array_equal(everything.fill(clear, np.zeros_like(hole)), clear)
    images = rng.random((1, 32, 32, 3), dtype=np.float32)
    none = np.zeros((1, 32, 32, 1), bool)
    np.testing.assert_array_equal(everything.exported.fill(images, none), images)


def test_domains_have_names(everything: Model) -> None:
    pixels = photograph(20, 30)
    for to, expected in ((None, 255 - pixels), ("night", 255 - pixels), ("b", 255 - pixels), ("day", pixels)):
        np.testing.assert_array_equal(everything.translate(pixels, to=to), expected)
    with pytest.raises(UserError, match="translates into day or night, not 'dawn'"):
        everything.translate(pixels, to="dawn")


def test_samples_of_labels(everything: Model) -> None:
    made = everything.sample(labels=[3, 1])
    assert made.dtype == np.float32 and made.shape == (2, 4, 4, 1)
    np.testing.assert_allclose(made.mean((1, 2, 3)), [0.75, 0.25])
    assert everything.sample(2, labels=[3]).shape[0] == 2 and everything.sample().shape[0] == 4
    with pytest.raises(UserError, match="has the labels 0-3, not 4"):
        everything.sample(labels=[0, 4])
    with pytest.raises(UserError, match="takes no codes"):
        everything.sample(codes=np.zeros((1, 2)))


@pytest.mark.parametrize(
    "image, says",
    [
        (np.zeros((4, 4, 3), np.int64), "not int64"),
        (np.full((4, 4), 2.0), "floats must lie in"),
        (np.zeros((4, 4, 7)), "not .4, 4, 7."),
        (np.zeros(4), "not .4,."),
    ],
)
def test_what_is_no_picture_is_an_error(everything: Model, image: np.ndarray, says: str) -> None:
    with pytest.raises(UserError, match=says):
        everything.restore(image)


def test_label_maps_are_arrays_of_integers(tmp_path: Path) -> None:
    rules = Endpoint({"labels": Array((None, None, None, 1), "int32", 0, 5, "classes")}, IMAGES, multiple=4)

    def translate(labels: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.cast(labels, tf.float32) / 5.0, 3, axis=-1)

    model = tfgans.load(declare(tmp_path / "m", {"translate": (translate, rules)}))
    ids = np.random.default_rng(0).integers(0, 5, (6, 7))
    made = model.translate(ids)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, np.repeat(ids[..., None], 3, -1) * 51)
    with pytest.raises(UserError, match="a label map must hold integers"):
        model.translate(ids / 5)
    with pytest.raises(UserError, match="holds ids up to 5; the model has the classes 0-4"):
        model.translate(ids + 1)


def test_label_maps_with_instance_maps(tmp_path: Path) -> None:
    ids = Array((None, None, None, 1), "int32", 0, 5, "classes")
    objects = Array((None, None, None, 1), "int32", 0, 2**16, "instances")
    rules = Endpoint({"labels": ids, "objects": objects}, IMAGES)

    def translate(labels: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.cast(20 * labels + objects, tf.float32) / 255.0, 3, axis=-1)

    model = tfgans.load(declare(tmp_path / "m", {"translate": (translate, rules)}))
    labels, numbers = np.array([[1, 1, 2]]), np.array([[7, 9, 8]])
    assert model.translate(labels, instances=numbers)[0, :, 0].tolist() == [27, 29, 48]
    assert model.translate(labels)[0, :, 0].tolist() == [21, 21, 42], "what touches is one object"
    both = model.exported.translate(np.stack([labels, numbers], -1)[None].astype(np.int32))
    assert np.rint(255 * both[0, 0, :, 0]).tolist() == [27, 29, 48]
    with pytest.raises(UserError, match="do not fit label maps"):
        model.translate(labels, instances=numbers[:, :2])
    with pytest.raises(UserError, match="an instance map has ids 0-65535"):
        model.translate(labels, instances=numbers + 2**16)
