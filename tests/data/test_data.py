"""Sources of images and the batches drawn from them."""

import logging
import os
import struct
import zlib

import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from PIL import Image

from tfgans.data import ImageSet, batches, load
from tfgans.data.formats import kind_of
from tfgans.data.image_set import pack
from tfgans.data.load import absolute
from tfgans.data.pipeline import mix, shuffled_index
from tfgans.errors import UserError

# --- folders: formats and modes ---------------------------------------------------------------------------------------


def quarters(mode="RGB", size=16):
    """Red, green, blue and white quarters, from the upper left to the lower right."""
    image = Image.new("RGB", (size, size), "white")
    half = size // 2
    for colour, corner in (("red", (0, 0)), ("lime", (half, 0)), ("blue", (0, half))):
        image.paste(colour, (*corner, corner[0] + half, corner[1] + half))
    return image.convert(mode)


QUARTERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])


def corners(image):
    """The colours in the middle of the four quarters, (2, 2, c)."""
    h, w = image.shape[:2]
    return image[h // 4 :: h // 2, w // 4 :: w // 2].astype(int)


def read_one(folder, **options):
    """The only image of a folder."""
    source = load(f"folder:{folder}", "all", **options)
    assert len(source) == 1, source.skipped
    return source.image(0)


@pytest.mark.parametrize(
    ("file", "tolerance"),
    [
        ("a.png", 0),
        ("a.bmp", 0),
        ("a.gif", 0),
        ("a.tif", 0),
        ("A.TIFF", 0),
        ("a.jpg", 4),
        ("ä é 图.JPEG", 4),
        ("a.webp", 4),
    ],
)
def test_formats(tmp_path, file, tolerance):
    quarters().save(tmp_path / file, **({"quality": 95, "subsampling": 0} if "J" in file.upper()[-5:] else {}))
    image = read_one(tmp_path)
    assert image.shape == (16, 16, 3) and image.dtype == np.uint8
    assert np.abs(corners(image) - QUARTERS).max() <= tolerance


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK"])
def test_colour_modes_keep_their_colours(tmp_path, mode):
    quarters(mode).save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    assert np.abs(corners(read_one(tmp_path)) - QUARTERS).max() == 0


def test_cmyk_jpeg_is_not_inverted(tmp_path):
    quarters("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(corners(read_one(tmp_path)) - QUARTERS).max() < 12


def test_transparency_is_laid_on_white(tmp_path):
    for name, image in {
        "half red.png": Image.new("RGBA", (16, 16), (255, 0, 0, 128)),
        "invisible.png": Image.new("RGBA", (16, 16), (0, 0, 0, 0)),
        "gray.png": Image.new("LA", (16, 16), (0, 51)),
    }.items():
        image.save(tmp_path / name)
    palette = Image.new("P", (16, 16), 0)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "palette.png", transparency=0)
    source = load(f"folder:{tmp_path}", "all")  # sorted: gray, half red, invisible, palette
    assert [source.image(i)[0, 0].tolist() for i in range(4)] == [[204] * 3, [255, 127, 127], [255] * 3, [255] * 3]


def test_16_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16)
    Image.fromarray(np.tile(ramp, (16, 1))).save(tmp_path / "a.png")
    assert (read_one(tmp_path, image_shape=(16, 256, 1))[3, :, 0] == np.arange(256)).all()


def test_gray_and_colour_convert_to_the_channels_asked_for(tmp_path):
    Image.new("L", (16, 16), 77).save(tmp_path / "a.png")
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "b.png")
    Image.new("1", (16, 16), 1).save(tmp_path / "c.png")
    gray = load(f"folder:{tmp_path}", "all", image_shape=(16, 16, 1))
    assert gray.images.shape == (3, 16, 16, 1) and gray.images[:, 0, 0, 0].tolist() == [77, 76, 255]  # 0.299 of red
    colour = load(f"folder:{tmp_path}", "all", image_shape=(16, 16, 3))
    assert colour.images[0, 0, 0].tolist() == [77, 77, 77]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file", ["a.jpg", "a.png"])
def test_exif_turns_upright(tmp_path, orientation, file):
    """Store the image as a camera held in each of the eight ways would."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quarters(size=16).resize((16, 32), Image.Resampling.NEAREST)
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / file, exif=exif, **({"quality": 95, "subsampling": 0} if file == "a.jpg" else {}))
    image = read_one(tmp_path)
    assert image.shape == (32, 16, 3)
    assert np.abs(corners(image) - QUARTERS).max() <= 4


def test_exif_turns_16_bits_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.zeros((16, 32), np.uint16)
    values[:8] = 65535  # above in the file: to the right when upright
    Image.fromarray(values).save(tmp_path / "a.png", exif=exif)
    image = read_one(tmp_path)
    assert image.shape == (32, 16, 3) and image[0, 15, 0] == 255 and image[0, 0, 0] == 0


def test_first_frame_of_a_gif(tmp_path):
    first, second = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_one(tmp_path)[0, 0].tolist() == [255, 0, 0]


def test_short_side_is_scaled_and_the_centre_kept(tmp_path):
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, 20:40] = 200  # the centred square
    Image.fromarray(image).save(tmp_path / "a.png")
    square = read_one(tmp_path, image_shape=(10, 10, 3))
    assert square.shape == (10, 10, 3) and (square[:, 2:-2] == 200).all()
    assert read_one(tmp_path, image_shape=(10, 10, 3), keep_size=True).shape == (20, 60, 3)


def test_scaling_down_is_antialiased(tmp_path):
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    for file in ("a.png", "b.jpg"):  # the JPEG decodes at a reduced size
        Image.fromarray(stripes).save(tmp_path / file)
    source = load(f"folder:{tmp_path}", "all", image_shape=(16, 16, 1))
    assert np.abs(source.images[:, 2:-2, 2:-2].astype(int) - 127).max() <= 6


# --- folders: bad files -----------------------------------------------------------------------------------------------


def png_header(width, height):
    """A PNG that claims to be of this size, and holds nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.fixture
def bad_folder(tmp_path):
    """Sixteen good images, one of them a PNG that is named .jpg, and one of each kind of bad file."""
    rng = np.random.default_rng(0)
    for i in range(15):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / f"good{i}.png")
    (tmp_path / "png named.jpg").write_bytes((tmp_path / "good0.png").read_bytes())
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:900])
    (tmp_path / "cut.png").write_bytes((tmp_path / "good1.png").read_bytes()[:900])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("I am no image")
    (tmp_path / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (tmp_path / "large.png").write_bytes(png_header(10_001, 10_000))
    Image.new("RGB", (4, 40)).save(tmp_path / "thin.png")
    (tmp_path / ".hidden.png").write_text("not looked at")
    (tmp_path / "notes.txt").write_text("not looked at")
    return tmp_path


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_files_are_skipped_and_named_once(bad_folder, caplog):
    with caplog.at_level(logging.WARNING):
        source = load(f"folder:{bad_folder}", "all", image_shape=(32, 32, 3))
    assert len(source) == 16
    assert dict(source.skipped) == {
        "bomb.png": "too many pixels",
        "cut.jpg": "truncated or damaged",
        "cut.png": "truncated or damaged",
        "empty.png": "empty",
        "large.png": "too many pixels",
        "text.jpg": "not an image",
        "thin.png": "too small",
    }
    (record,) = [r for r in caplog.records if "skipped" in r.message]
    assert "skipped 7 of 23 files" in record.message
    assert all(record.message.count(file) == 1 for file, _ in source.skipped)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pictures_are_known_by_content(tmp_path, caplog):
    """Further suffixes, and none; pictures in formats that are not read are named; all else is passed over."""
    names = ("a.jfif", "b.JPE", "no_suffix", "IMG.2021", "IMG.2022", "trip/ä ö.JPG", "c.avif")
    for i, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (i, 0, 0)).save(tmp_path / name, "AVIF" if name == "c.avif" else "JPEG")
    (tmp_path / "notes.txt").write_text("BM is no picture")
    (tmp_path / "drawing.psd").write_bytes(b"8BPS")
    (tmp_path / "photo.DNG").write_bytes(b"II*\0")
    (tmp_path / "jxl").write_bytes(b"\xff\x0a")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    os.mkfifo(tmp_path / "pipe")
    source = load(f"folder:{tmp_path}", "all", minimum=1)
    assert sorted(source.names) == sorted(["a", "b", "no_suffix", "IMG.2021", "IMG.2022", "trip/ä ö", "c"])
    skipped = dict(source.skipped)
    assert skipped.pop("phone.heic")  # needs pillow-heif; with it, the file is damaged
    assert skipped == {
        "drawing.psd": ".psd is not read",
        "photo.DNG": "a camera's raw file",
        "jxl": "JPEG XL is not read",
    }
    assert len(caplog.records) == 1 and "skipped 4 of 11 files" in caplog.text


@pytest.mark.parametrize(
    "head, kind",
    [
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1A", "AVIF"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiafMA1A", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", ""),
        (b"BMW is a car, and no bitmap", ""),
        (b"RIFF\0\0\0\0WAVEfmt ", ""),
        (b"", ""),
    ],
)
def test_formats_are_known_by_how_files_begin(head, kind):
    assert kind_of(head) == kind


def test_too_few_images_say_why(bad_folder):
    with pytest.raises(UserError) as caught:
        load(f"folder:{bad_folder}", "all", minimum=17)
    message = str(caught.value)
    assert "16 usable images" in message and "at least 17" in message and "1 not an image (such as text.jpg)" in message
    assert "2 truncated or damaged (such as cut.jpg)" in message and "\n" not in message


def test_a_training_folder_holds_at_least_sixteen(tmp_path):
    (tmp_path / "train").mkdir()
    for i in range(15):
        quarters().save(tmp_path / "train" / f"{i}.png")
    with pytest.raises(UserError, match="15 usable images in split 'train', at least 16"):
        load(f"folder:{tmp_path}")
    assert len(load(f"folder:{tmp_path}", limit=4)) == 4


def test_absent_and_empty_folders(tmp_path):
    with pytest.raises(UserError, match="no folder"):
        load(f"folder:{tmp_path}/none")
    with pytest.raises(UserError, match="found 0 image files"):
        load(f"folder:{tmp_path}")


def test_keep_size_skips_what_cannot_be_cropped(tmp_path):
    quarters(size=32).save(tmp_path / "a.png")
    quarters(size=16).save(tmp_path / "b.png")
    source = load(f"folder:{tmp_path}", "all", image_shape=(24, 24, 3), keep_size=True)
    assert source.skipped == (("b.png", "too small"),) and source.image(0).shape == (32, 32, 3)


def halved(image):
    """A Pillow image of half the size."""
    return Image.fromarray(image).resize((image.shape[1] // 2, image.shape[0] // 2), Image.Resampling.BICUBIC)


def test_jpegs_are_shrunk_and_others_are_not(tmp_path):
    photo = skimage.data.astronaut()[60:156, 150:278]
    Image.fromarray(photo).save(tmp_path / "a.jpg", quality=40)
    Image.fromarray(photo).save(tmp_path / "b.jpeg.png")
    Image.fromarray(photo[:40]).save(tmp_path / "c.jpg", quality=40)
    source = load(f"folder:{tmp_path}", "all", image_shape=(32, 32, 3), keep_size=True, shrink_jpeg=2)
    assert source.shapes.tolist() == [[48, 64, 3], [96, 128, 3], [32, 102, 3]], "not below the crops"
    np.testing.assert_array_equal(source.image(1), photo)
    file, half = (np.asarray(each).astype(float) for each in (Image.open(tmp_path / "a.jpg"), halved(photo)))
    before, after = np.std(file - photo), np.std(source.image(0) - half)
    assert after < 0.75 * before, "less is left of the compression"
    whole = load(f"folder:{tmp_path}", "all", image_shape=(32, 32, 3), keep_size=True)
    np.testing.assert_array_equal(whole.image(0), file)


def test_several_folders_are_one_set(tmp_path):
    for place, colour in (("a/train/x/1.png", "red"), ("a/train/y/1.png", "lime"), ("b/train/1.png", "blue")):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 20), colour).save(tmp_path / place)
    (tmp_path / "b/train/bad.png").write_text("none")
    both = load(f"folder:{tmp_path}/a,{tmp_path}/b", minimum=1)
    assert [image[0, 0].tolist() for image in both.images] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert both.names == ("a/x/1", "a/y/1", "b/1") and both.skipped == (("b/train/bad.png", "not an image"),)
    assert both.labels is None, "their classes are not each other's"
    assert [name for name, *_ in both.stamps] == ["a/train/x/1.png", "a/train/y/1.png", "b/train/1.png"]
    assert len(load(f"folder:{tmp_path}/a,folder:{tmp_path}/b", minimum=1, limit=2)) == 2
    assert load(f"folder:{tmp_path}/a", minimum=1).class_names == ("x", "y"), "of one folder they are"
    with pytest.raises(UserError, match="there is no folder nowhere"):
        load(f"folder:{tmp_path}/a,nowhere", minimum=1)
    comma = tmp_path / "c,d"
    comma.mkdir()
    quarters().save(comma / "1.png")
    assert len(load(f"folder:{comma}", "all")) == 1
    twins = load(f"folder:{tmp_path}/a/train,{tmp_path}/b/train", "all")
    names = [name for name, *_ in twins.stamps]
    assert len(set(names)) == 3 and names[2] == f"{tmp_path}/b/train/1.png", "whole paths where names are alike"


def test_the_places_of_several_folders_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("folder:a,b/c") == f"folder:{tmp_path}/a,{tmp_path}/b/c"
    (tmp_path / "a,b").mkdir()
    assert absolute("folder:a,b") == f"folder:{tmp_path}/a,b"


# --- folders: classes and splits --------------------------------------------------------------------------------------


def gray_files(folder, values):
    folder.mkdir(parents=True, exist_ok=True)
    for value in values:
        Image.new("L", (8, 8), value).save(folder / f"{value:03}.png")


def values_of(source):
    return [int(source.image(i)[0, 0, 0]) for i in range(len(source))]


def test_class_folders_give_labels(tmp_path):
    gray_files(tmp_path / "dog", range(0, 20))
    gray_files(tmp_path / "cat" / "deeper", range(100, 120))
    source = load(f"folder:{tmp_path}", "all")
    assert source.class_names == ("cat", "dog") and source.labels.dtype == np.int32
    assert all((label == 0) == (value >= 100) for label, value in zip(source.labels, values_of(source), strict=True))
    few = load(f"folder:{tmp_path}", "all", limit=4)
    assert few.labels.tolist() == [0, 0, 1, 1]  # each class its share
    gray_files(tmp_path, [200])
    assert load(f"folder:{tmp_path}", "all").labels is None


def test_labels_mean_the_same_in_every_split(tmp_path):
    gray_files(tmp_path / "train" / "cat", range(10))
    gray_files(tmp_path / "train" / "dog", range(10, 20))
    gray_files(tmp_path / "test" / "dog", [50])
    source = load(f"folder:{tmp_path}", "test")
    assert source.class_names == ("cat", "dog") and source.labels.tolist() == [1] and values_of(source) == [50]
    with pytest.raises(UserError, match="no split 'val'; it has test, train and all"):
        load(f"folder:{tmp_path}", "val")


@pytest.mark.parametrize("name", ["val", "validation"])
def test_validation_images_are_the_test_where_there_is_no_other(tmp_path, name):
    gray_files(tmp_path / "train", range(20))
    gray_files(tmp_path / name, [50])
    assert values_of(load(f"folder:{tmp_path}", "test")) == [50]
    gray_files(tmp_path / "test", [60])
    assert values_of(load(f"folder:{tmp_path}", "test")) == [60]


def test_split_by_hash_is_disjoint_and_stays(tmp_path):
    gray_files(tmp_path, range(150))
    train, test = (set(values_of(load(f"folder:{tmp_path}", split))) for split in ("train", "test"))
    assert train | test == set(range(150)) and not train & test and 5 <= len(test) <= 30
    gray_files(tmp_path, range(150, 200))
    assert set(values_of(load(f"folder:{tmp_path}", "test"))) & set(range(150)) == test


def test_links_to_folders_are_followed_and_cycles_end(tmp_path):
    gray_files(tmp_path / "elsewhere", [1, 2])
    gray_files(tmp_path / "root" / "a", [3])
    (tmp_path / "root" / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root" / "a" / "up").symlink_to(tmp_path / "root")
    assert sorted(values_of(load(f"folder:{tmp_path}/root", "all"))) == [1, 2, 3]


# --- images that come with packages -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    return load("mnist5k")


def test_mnist5k_splits(digits):
    test = load("mnist5k", "test")
    assert digits.images.shape == (4500, 28, 28, 1) and test.images.shape == (500, 28, 28, 1)
    assert np.bincount(digits.labels).tolist() == [450] * 10 and np.bincount(test.labels).tolist() == [50] * 10
    assert digits.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert digits.images.max() == 255 and digits.images[0, 14, 14, 0] < 50 < digits.images[1, 14, 14, 0]  # a 0, a 1
    assert not {image.tobytes() for image in test.images} & {image.tobytes() for image in digits.images}
    with pytest.raises(UserError, match="has no split 'val'"):
        load("mnist5k", "val")


def test_embedded_images_are_fitted():
    source = load("mnist5k", "test", image_shape=(32, 32, 3), limit=10)
    assert source.images.shape == (10, 32, 32, 3) and (source.images[..., 0] == source.images[..., 2]).all()
    with pytest.raises(UserError, match="1 or 3 channels"):
        load("mnist5k", image_shape=(32, 32, 4))


def test_photos():
    whole = load("photos", "test", keep_size=True)
    assert whole.shapes.tolist() == [[300, 451, 3], [427, 640, 3]]
    patches = load("photos", "test", image_shape=(200, 200, 3))
    assert patches.images.shape == (2 * 3 + 3 * 5, 200, 200, 3)
    assert (patches.image(1) == whole.image(0)[:200, 100:300]).all()
    assert len(load("photos", "test", limit=5)) == 5 and load("photos", "test").images.shape[1:] == (64, 64, 3)
    with pytest.raises(UserError, match="as large as"):
        load("photos", image_shape=(4000, 4000, 3))


def test_a_source_of_several_sizes():
    images = [np.full((2, 3, 1), 5, np.uint8), np.arange(16, dtype=np.uint8).reshape(4, 4, 1)]
    source = ImageSet("two", *pack("two", images), labels=np.array([7, 8], np.int32))
    assert len(source) == 2 and (source.image(1) == images[1]).all() and (source.image(-1) == images[1]).all()
    with pytest.raises(ValueError, match=r"from \[2, 3, 1\] to \[4, 4, 1\]"):
        _ = source.images
    part = source.subset(np.array([1, 1]))
    assert part.images.shape == (2, 4, 4, 1) and part.labels.tolist() == [8, 8]


# --- TensorFlow Datasets ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_tfds(tmp_path_factory):
    """A folder with a dataset named mnist, of 30 and 5 images, prepared here."""
    import tensorflow_datasets as tfds

    with tfds.core.registered.skip_registration():

        class Mnist(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("3.0.1")

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=(28, 28, 1)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
                return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

            def _split_generators(self, dl_manager):
                return {"train": self._generate_examples(30), "test": self._generate_examples(5)}

            def _generate_examples(self, n):
                for i in range(n):
                    yield i, {"image": np.full((28, 28, 1), i, np.uint8), "label": i % 10}

    folder = tmp_path_factory.mktemp("tfds")
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    Mnist(data_dir=folder).download_and_prepare(download_config=config)
    return folder


def test_tfds(tiny_tfds, monkeypatch):
    source = load("mnist", data_dir=tiny_tfds)
    assert source.images.shape == (30, 28, 28, 1) and sorted(values_of(source)) == list(range(30))
    assert source.labels.tolist() == [value % 10 for value in values_of(source)]
    assert source.class_names == tuple("0123456789")
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny_tfds))
    again = load("mnist", image_shape=(16, 16, 3), limit=7)
    assert again.images.shape == (7, 16, 16, 3) and values_of(again) == values_of(source)[:7]  # a fixed order
    assert len(load("mnist", "test")) == 5
    with pytest.raises(UserError, match="has no split 'val'; it has"):
        load("mnist", "val")


def test_tfds_absent_and_unknown(tmp_path):
    with pytest.raises(UserError, match="not prepared.*--download.*--data-dir") as caught:
        load("cifar10", data_dir=tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="no dataset 'cifr10'; did you mean cifar10"):
        load("cifr10", data_dir=tmp_path)
    with pytest.raises(UserError, match="cannot provide 'cifar10:9.9.9'"):
        load("cifar10:9.9.9", data_dir=tmp_path)


# --- batches ----------------------------------------------------------------------------------------------------------


def numbered(n, size=4):
    """Images whose every pixel is their number, which is their label, too."""
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, size, size, 1))
    return ImageSet("numbered", *pack("numbered", images), labels=np.arange(n, dtype=np.int32))


def ragged(n=11):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (8 + i, 20 - i, 3), np.uint8) for i in range(n)]
    return ImageSet("ragged", *pack("ragged", images))


def listed(dataset):
    return list(dataset.as_numpy_iterator())


def labels_of(dataset):
    return np.concatenate([batch["label"].ravel() for batch in listed(dataset)])


def test_split_mix_is_the_published_generator():
    """The first outputs from the states 0 and 1234567, as in the reference implementations."""
    outputs = mix(tf.constant([0, 1234567], tf.uint64)).numpy().tolist()
    assert outputs == [0xE220A8397B1DCDAF, 6457827717110365317]


def test_ranges_shapes_and_types():
    source = ImageSet(
        "two", *pack("two", [np.full((4, 4, 1), v, np.uint8) for v in (0, 255)]), np.array([3, 4], np.int32)
    )
    dataset = batches(source, 2, seed=0, steps=1)
    assert dataset.element_spec["image"] == tf.TensorSpec((2, 4, 4, 1), tf.float32)
    assert dataset.element_spec["label"] == tf.TensorSpec((2,), tf.int32)
    (batch,) = listed(dataset)
    order = np.argsort(batch["label"])
    assert batch["image"][order][:, 0, 0, 0].tolist() == [-1.0, 1.0] and batch["label"][order].tolist() == [3, 4]
    assert set(batches(ragged(), 2, seed=0, image_shape=(8, 8, 3)).element_spec) == {"image"}


@pytest.mark.parametrize("n", [1, 2, 10, 97])
def test_every_epoch_is_a_permutation_of_its_own(n):
    labels = labels_of(batches(numbered(n), 8, seed=3, steps=4 * n // 8 + 1))[: 4 * n].reshape(4, n)
    assert (np.sort(labels, axis=1) == np.arange(n)).all()
    if n > 2:
        assert len({tuple(epoch) for epoch in labels}) == 4
        other = labels_of(batches(numbered(n), n, seed=4, steps=1))
        assert tuple(other) not in {tuple(epoch) for epoch in labels}


def test_order_is_random():
    """Neighbouring seeds and epochs are independent, and no step from index to index is favoured."""
    n = 1000
    epochs = shuffled_index(0, tf.range(200 * n, dtype=tf.int64), n).numpy().reshape(200, n)
    assert abs(np.corrcoef(epochs[1:, 0], epochs[:-1, 0])[0, 1]) < 0.25  # 0.8 with plain seeds
    steps = np.diff(epochs[:20]) % n
    assert np.bincount(steps.ravel() // 50).max() < 1.1 * steps.size / 20
    seeds = np.array([int(shuffled_index(seed, tf.zeros(1, tf.int64), n)[0]) for seed in range(60)])
    assert abs(np.corrcoef(seeds[1:], seeds[:-1])[0, 1]) < 0.4


def shifted(example, seed):
    noise = tf.random.stateless_normal(tf.shape(example["image"]), seed)
    return {"source": example["image"] + noise, "target": example["image"]}


@pytest.mark.parametrize(
    "options",
    [{}, {"group": 3}, {"flip": True, "group": 2}, {"transform": shifted}, {"transform": shifted, "group": 2}],
    ids=["alone", "group", "flip", "transform", "transform-group"],
)
def test_resumes_exactly(digits, options):
    """From step s on it is what the run from 0 yields, on either path."""
    few = digits.subset(np.arange(200))
    whole = listed(batches(few, 60, seed=5, steps=8, **options))  # past the end of an epoch
    rest = listed(batches(few, 60, seed=5, start=5, steps=3, **options))
    assert len(whole) == 8 and len(rest) == 3
    for a, b in zip(whole[5:], rest, strict=True):
        assert a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def test_random_crops_resume_exactly():
    options = {"seed": 1, "image_shape": (6, 5, 3), "crop": "random", "flip": True}
    whole = listed(batches(ragged(), 4, steps=9, **options))
    rest = listed(batches(ragged(), 4, start=6, steps=3, **options))
    for a, b in zip(whole[6:], rest, strict=True):
        assert (a["image"] == b["image"]).all()


def test_a_distant_start_is_reached_at_once():
    (batch,) = listed(batches(numbered(10), 4, seed=0, start=10**12, steps=1))
    assert len(set(batch["label"])) == 4 or 10**12 * 4 % 10 > 6


def test_batch_size_and_group_do_not_change_the_order():
    source = numbered(50)
    expected = labels_of(batches(source, 6, seed=2, steps=10))
    assert (labels_of(batches(source, 2, seed=2, steps=10, group=3)) == expected).all()
    grouped = batches(source, 2, seed=2, group=3)
    assert grouped.element_spec["image"].shape == (3, 2, 4, 4, 1) and grouped.element_spec["label"].shape == (3, 2)
    assert grouped.cardinality() == tf.data.INFINITE_CARDINALITY


def test_both_paths_give_the_same_values(digits):
    """A transform that changes nothing forces the path that goes example by example."""
    options = {"seed": 9, "flip": True, "steps": 2, "group": 2}
    plain = listed(batches(digits, 16, **options))
    single = listed(batches(digits, 16, transform=lambda example, seed: example, **options))
    for a, b in zip(plain, single, strict=True):
        assert (a["image"] == b["image"]).all() and (a["label"] == b["label"]).all()


def test_flip_mirrors_half_of_the_images(digits):
    straight, flipped = (next(iter(batches(digits, 400, seed=0, flip=f)))["image"].numpy() for f in (False, True))
    same = (straight == flipped).all(axis=(1, 2, 3))
    mirrored = (straight[:, :, ::-1] == flipped).all(axis=(1, 2, 3))
    assert (same | mirrored).all() and 150 < mirrored.sum() < 250


def test_crops_are_parts_of_the_images():
    ramp = np.arange(12 * 15, dtype=np.uint8).reshape(12, 15, 1)
    source = ImageSet("ramp", *pack("ramp", [ramp]))

    def corner_values(**options):
        images = np.round(
            (next(iter(batches(source, 1000, seed=0, image_shape=(5, 7, 1), **options)))["image"] + 1) * 127.5
        )
        for image in images:
            y, x = divmod(int(image[0, 0, 0]), 15)
            assert (image == ramp[y : y + 5, x : x + 7]).all()
        return {divmod(int(image[0, 0, 0]), 15) for image in images}

    assert corner_values() == {(3, 4)}
    assert corner_values(crop="random") == {(y, x) for y in range(8) for x in range(9)}  # every place, edges included


def test_transform_gets_its_own_seed(digits):
    def seeds(example, seed):
        assert seed.shape == (2,) and seed.dtype == tf.int32
        return {"seed": seed, "image": example["image"]}

    batch = next(iter(batches(digits, 500, seed=0, transform=seeds)))
    assert len({tuple(seed) for seed in batch["seed"].numpy()}) == 500


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        batches(ragged(), 2, seed=0)
    with pytest.raises(ValueError, match="cannot be cropped"):
        batches(ragged(), 2, seed=0, image_shape=(9, 9, 3))
    with pytest.raises(ValueError, match="cannot be cropped"):
        batches(ragged(), 2, seed=0, image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="crop must be"):
        batches(numbered(3), 2, seed=0, crop="middle")
