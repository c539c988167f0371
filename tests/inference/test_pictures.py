"""Picture files: formats, orientation, transparency, and what must not happen to files."""

import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare, double, photograph, save, twice
from PIL import Image

from tfgans import cli, endpoint
from tfgans.data.colour import lab_to_rgb, rgb_to_lab
from tfgans.endpoint import Array, Endpoint
from tfgans.inference.image_files import Picture, read_picture
from tfgans.inference.image_writers import QUALITY, STRIP, write_picture
from tfgans.inference.metadata import Metadata
from tfgans.inference.pictures import SHEET, fill_files, restore_files, translate_files


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that repeats each pixel twice in both directions."""
    return save(tmp_path_factory.mktemp("doubler") / "m", double, 3)


# --- files ------------------------------------------------------------------------------------------------------------

LOSSLESS = [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("PNG", "LA"), ("TIFF", "RGB"), ("TIFF", "RGBA")]
LOSSLESS += [("TIFF", "L"), ("BMP", "RGB"), ("BMP", "L")]
SUFFIX = {"PNG": "png", "TIFF": "tif", "BMP": "bmp", "JPEG": "jpg", "WEBP": "webp", "GIF": "gif"}


@pytest.mark.parametrize("kind, mode", LOSSLESS)
def test_lossless_formats_and_modes_stay(doubler: Path, tmp_path: Path, kind: str, mode: str) -> None:
    channels = len(Image.new(mode, (1, 1)).getbands())
    picture = Image.fromarray(photograph(37, 51, channels), mode)
    path = tmp_path / f"a.{SUFFIX[kind]}"
    picture.save(path, kind)
    done, failed = restore_files(doubler, [path], output=tmp_path / "out")
    assert done == [tmp_path / "out" / path.name] and failed == []
    with Image.open(done[0]) as made:
        assert (made.format, made.mode, made.size) == (kind, mode, (102, 74))
        pixels = np.asarray(made).reshape(74, 102, channels)
        expected = twice(np.asarray(picture).reshape(37, 51, channels))
    colours = channels - (mode[-1] == "A")
    tolerance = 0 if colours == 3 else 1  # gray passes through three channels
    away = np.abs(pixels[..., :colours].astype(int) - expected[..., :colours])
    if mode[-1] == "A":
        tolerance, away = 1, away * (expected[..., -1:] / 255)  # as far as it shows
    assert away.max() <= tolerance + 0.5
    if mode[-1] == "A":
        alpha = picture.getchannel("A").resize((102, 74), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(pixels[..., -1], np.asarray(alpha))


@pytest.mark.parametrize(
    "kind, mode", [("JPEG", "RGB"), ("JPEG", "L"), ("WEBP", "RGB"), ("WEBP", "RGBA"), ("GIF", "P")]
)
def test_lossy_formats_stay_and_come_close(doubler: Path, tmp_path: Path, kind: str, mode: str) -> None:
    channels = 1 if mode == "P" else len(mode)
    picture = Image.fromarray(photograph(37, 51, 3), "RGB").convert("P") if mode == "P" else None
    picture = picture or Image.fromarray(photograph(37, 51, channels), mode)
    path = tmp_path / f"a.{SUFFIX[kind]}"
    picture.save(path, kind, **({} if kind == "GIF" else {"quality": 98}))
    done, failed = restore_files(doubler, [path], output=tmp_path / "out")
    assert failed == []
    with Image.open(path) as source, Image.open(done[0]) as made:
        assert (made.format, made.size) == (kind, (102, 74))
        assert made.mode == source.mode
        expected = twice(np.asarray(source.convert("RGB"))).astype(int)
        away = np.abs(np.asarray(made.convert("RGB")) - expected)
        away = away * twice(np.asarray(source.convert("RGBA"))[..., 3:]) / 255  # as far as it shows
        assert away.mean() < (8 if kind == "GIF" else 5)


def test_other_modes_are_read(tmp_path: Path) -> None:
    sixteen = Image.fromarray(photograph(8, 8, 1).astype(np.uint16) * 257)
    sixteen.save(tmp_path / "16.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "16.png").pixels[..., 0], photograph(8, 8, 1))
    Image.fromarray(photograph(8, 8, 1) > 128).save(tmp_path / "1.png")
    assert set(np.unique(read_picture(tmp_path / "1.png").pixels)) <= {0, 255}
    Image.fromarray(photograph(8, 8, 4), "CMYK").save(tmp_path / "cmyk.jpg", icc_profile=b"of CMYK")
    cmyk = read_picture(tmp_path / "cmyk.jpg")
    assert cmyk.pixels.shape == (8, 8, 3) and not cmyk.metadata.profile and cmyk.unread == ("its colours as CMYK",)
    palette = Image.fromarray(photograph(8, 8, 3)).quantize(16)
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_picture(tmp_path / "p.png").alpha is not None
    gray = Image.fromarray(photograph(8, 8, 1))
    gray.save(tmp_path / "trns.png", transparency=int(np.asarray(gray)[0, 0]))
    transparent = read_picture(tmp_path / "trns.png")
    assert transparent.pixels.shape == (8, 8, 1) and transparent.alpha is not None and transparent.alpha[0, 0] == 0


def test_what_is_not_read_of_a_file_is_said(
    doubler: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = [Image.fromarray(photograph(8, 8, seed=i)) for i in range(3)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save("pages.tif", save_all=True, append_images=frames[1:])
    Image.fromarray(photograph(8, 8, 1).astype(np.uint16) * 257).save("deep.png")
    Image.fromarray(photograph(8, 8, 1).astype(np.uint16) * 257).save("deep.tif")
    frames[0].save("plain.png")
    Image.fromarray(np.float32(photograph(8, 8, 1))).save("float.tif")
    names = [Path(name) for name in ("moving.gif", "pages.tif", "deep.png", "plain.png", "deep.tif", "float.tif")]
    _, failed = restore_files(doubler, names, output=Path("out"), force=True)
    assert failed == ["float.tif: has 32-bit pixels of unknown range"]
    assert [record.getMessage() for record in caplog.records] == [
        "moving.gif: without the 2 frames or pages after the first",
        "pages.tif: without the 2 frames or pages after the first",
        "deep.png: without the lower 8 of 16 bits",
        "deep.tif: without the lower 8 of 16 bits",
    ]
    with Image.open("out/pages.tif") as made:
        np.testing.assert_array_equal(np.asarray(made), twice(photograph(8, 8, seed=0)))


def test_colours_of_16_bits_are_noticed(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in photograph(8, 8).astype(np.uint16) * 257)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))  # Pillow writes no such file
    coded = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "deep.png").write_bytes(coded)
    picture = read_picture(tmp_path / "deep.png")
    np.testing.assert_array_equal(picture.pixels, photograph(8, 8))
    assert picture.unread == ("the lower 8 of 16 bits",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_orientation_is_applied(doubler: Path, tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = photograph(24, 40)
    turns = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turns[orientation])).save(tmp_path / f"a.{suffix}", exif=exif)
    done, failed = restore_files(doubler, [tmp_path / f"a.{suffix}"], output=tmp_path / "out")
    assert failed == []
    with Image.open(done[0]) as made:
        assert made.getexif().get(0x0112, 1) == 1
        np.testing.assert_array_equal(np.asarray(made), twice(upright))


def test_a_jpeg_keeps_its_exif_and_profile_upright(doubler: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    path = tmp_path / "a.jpg"
    Image.fromarray(photograph(24, 40)).save(path, exif=exif, icc_profile=b"a profile")
    done, _ = restore_files(doubler, [path], output=tmp_path / "out")
    with Image.open(done[0]) as made:
        assert made.size == (48, 80)
        assert made.getexif().get(0x0112, 1) == 1 and made.getexif()[0x010F] == "a camera"
        assert made.info["icc_profile"] == b"a profile"


@pytest.mark.parametrize("height, width", [(1, 1), (STRIP, 8), (STRIP + 1, 9), (3 * STRIP - 5, 70), (11 * STRIP, 33)])
@pytest.mark.parametrize("channels", [1, 3])
def test_strips_of_a_jpeg_decode_like_the_whole(height: int, width: int, channels: int) -> None:
    pixels = photograph(height, width, channels).reshape(height, width, channels)
    file, plain = io.BytesIO(), io.BytesIO()
    strips = (pixels[y : y + 7] for y in range(0, height, 7))
    write_picture(file, strips, height, width, Picture(pixels, None, "JPEG"))
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels).save(
        plain, "JPEG", quality=QUALITY, subsampling=0, optimize=False
    )
    decoded, expected = (np.asarray(Image.open(each)) for each in (file, plain))
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_strips_of_a_png_decode_exactly(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2 * STRIP + 3, 19, channels), dtype=np.uint8)
    file = io.BytesIO()
    like = Picture(pixels, None, "PNG", Metadata(profile=b"profile"))
    write_picture(file, (pixels[y : y + 10] for y in range(0, len(pixels), 10)), *pixels.shape[:2], like)
    made = Image.open(file)
    np.testing.assert_array_equal(np.asarray(made).reshape(pixels.shape), pixels)
    assert made.info["icc_profile"] == b"profile"


@pytest.fixture(scope="module")
def colourizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives gray images the colours a = 5, b = 15, and remembers no size."""

    def colour(images: tf.Tensor) -> tf.Tensor:
        level = rgb_to_lab(tf.repeat(2.0 * images - 1.0, 3, -1))[..., :1]
        lab = tf.concat([level, tf.fill(tf.shape(level), 5.0), tf.fill(tf.shape(level), 15.0)], -1)
        return (lab_to_rgb(lab) + 1.0) / 2.0

    return save(tmp_path_factory.mktemp("colourizer") / "m", colour, 1)


def test_a_gray_file_becomes_a_coloured_one(colourizer: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(40, 30, 1)).save(tmp_path / "a.jpg", icc_profile=b"of gray")
    Image.fromarray(photograph(40, 30, 2), "LA").save(tmp_path / "b.png")
    paths = [tmp_path / "a.jpg", tmp_path / "b.png"]
    done, failed = restore_files(colourizer, paths, output=tmp_path / "out", sheet=True)
    assert failed == [] and len(done) == 4
    first, sheet, second = (Image.open(done[i]) for i in (0, 1, 2))
    assert (first.mode, second.mode) == ("RGB", "RGBA") and "icc_profile" not in first.info
    assert sheet.size == (30 + 4 + 30, 40)


# --- fill and translate -----------------------------------------------------------------------------------------------


def image_spec(channels: int) -> dict[str, Array]:
    return {"images": endpoint.images(channels)}


MASKS = Array((None, None, None, 1), "bool", 0, 1, "mask")


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that makes all red of windows of 32 pixels with holes of 16."""

    def fill(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(images) * [1.0, 0.0, 0.0] + 0.0 * tf.cast(masks, tf.float32)

    rules = Endpoint({**image_spec(3), "masks": MASKS}, image_spec(3), size=(32, 32), hole=16)
    return declare(tmp_path_factory.mktemp("filler") / "filler", {"fill": (fill, rules)}, task="inpainting")


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-way model: horses become negatives, zebras get darker."""
    both = {
        "a_to_b": (lambda images: 1.0 - images, Endpoint(image_spec(3), image_spec(3), multiple=4)),
        "b_to_a": (lambda images: images / 2.0, Endpoint(image_spec(3), image_spec(3), multiple=4)),
    }
    return declare(tmp_path_factory.mktemp("animals") / "animals", both, domains=["horse", "zebra"])


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A one-way model with noise that makes gray images of label maps of three classes."""
    ids = Array((None, None, None, 1), "int32", 0, 3, "classes")
    rules = Endpoint({"labels": ids, "seed": endpoint.number()}, image_spec(1))

    def translate(labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.cast(labels, tf.float32) / 3.0 + tf.cast(seed, tf.float32) / 255.0

    palette = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    folder = tmp_path_factory.mktemp("painter") / "painter"
    return declare(folder, {"translate": (translate, rules)}, palette=palette, domains=["label", "image"])


def test_a_transparent_hole_is_filled_and_all_else_stays(
    filler: Path, album: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = photograph(60, 80, 4, seed=3)
    pixels[..., 3] = 255
    pixels[20:30, 70:80, 3] = 0
    Image.fromarray(pixels).save("a.png")
    done, failed = fill_files(filler, [Path("a.png"), Path("z.png")], output=Path("out"), sheet=True)
    assert failed == [] and Path("out/z.png").read_bytes() == Path("z.png").read_bytes(), "without a hole: copied"
    assert [record.getMessage() for record in caplog.records] == [
        "z.png has no hole and stays as it is: make it transparent there, or give --mask FILE, a picture that is light "
        "in the hole"
    ]
    with Image.open(done[0]) as made:
        assert made.mode == "RGB"
        filled = np.asarray(made)
    expected = pixels[..., :3].copy()
    expected[20:30, 70:80] = [255, 0, 0]
    np.testing.assert_array_equal(filled, expected)
    with Image.open(done[1]) as sheet:
        assert tuple(np.asarray(sheet)[25, 75]) == (127, 127, 127), "the hole as it was"


def test_the_light_pixels_of_a_mask_are_the_hole(
    filler: Path,
    album: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    marked = np.zeros((20, 30, 3), np.uint8)
    marked[:, :4, 0] = 255  # red is light
    marked[:, 4:8] = 30
    Image.fromarray(marked).save("mask.png")
    assert call(["fill", filler, "a.png", "--mask", "mask.png"], monkeypatch) == 0
    assert capsys.readouterr().out.split() == ["filled/a.png"]
    expected = photograph(20, 30)
    expected[:, :4] = [255, 0, 0]
    np.testing.assert_array_equal(np.asarray(Image.open("filled/a.png")), expected)
    Image.fromarray(marked[:10]).save("other.png")
    assert call(["fill", filler, "a.png", "--mask", "other.png", "--force"], monkeypatch) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "tfgans: a.png: has 30x20 pixels, and the mask 30x10"
    Image.fromarray(0 * marked).save("dark.png")
    assert call(["fill", filler, "a.png", "--mask", "dark.png", "--force"], monkeypatch) == 0
    assert "dark.png marks no hole" in caplog.text and Path("filled/a.png").read_bytes() == Path("a.png").read_bytes()
    Image.fromarray(0 * marked + 255).save("all.png")
    assert call(["fill", filler, "a.png", "--mask", "all.png", "--force"], monkeypatch) == 2
    assert "a.png: is nothing but a hole" in capsys.readouterr().err
    assert call(["fill", filler, "a.png", "--mask", "text.jpg", "--force"], monkeypatch) == 2
    assert "text.jpg: is not a picture" in capsys.readouterr().err


def test_a_large_hole_is_filled_with_a_warning(filler: Path, album: Path, caplog: pytest.LogCaptureFixture) -> None:
    marked = np.zeros((20, 30), np.uint8)
    marked[:, 5:23] = 255
    Image.fromarray(marked).save("mask.png")
    done, failed = fill_files(filler, [Path("a.png")], mask=Path("mask.png"), output=Path("out"))
    assert not failed and (np.asarray(Image.open(done[0]))[:, 5:23] == [255, 0, 0]).all()
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == "a.png has a hole 20 pixels wide; the model fills up to 16, so it was filled at a smaller size"


def test_pictures_are_translated_both_ways(animals: Path, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = photograph(20, 30)
    for to, expected in (([], 255 - pixels), (["--to", "zebra"], 255 - pixels), (["--to", "horse"], pixels // 2)):
        assert call(["translate", animals, "a.png", "--force", *to], monkeypatch) == 0
        assert np.abs(np.asarray(Image.open("translated/a.png")).astype(int) - expected).max() <= 1


def test_label_maps_are_translated(painter: Path, album: Path, caplog: pytest.LogCaptureFixture) -> None:
    ids = np.random.default_rng(0).integers(0, 3, (12, 10), dtype=np.uint8)
    Image.fromarray(ids).save("ids.png")
    palette = np.eye(3, dtype=np.uint8) * 255
    Image.fromarray(palette[ids]).save("colours.png")
    Image.fromarray(palette[ids] // 2 + 40).save("far.png")
    Image.fromarray(ids + 1).save("beyond.png")
    names = ["ids.png", "colours.png", "far.png", "beyond.png"]
    done, failed = translate_files(painter, [Path(n) for n in names], seed=5, output=Path("out"), sheet=True)
    assert failed == ["beyond.png: holds ids up to 3; the model has the classes 0-2"]
    for path in done[::2]:
        with Image.open(path) as made:
            assert made.mode == "L"
            np.testing.assert_array_equal(np.asarray(made), ids * 85 + 5)
    assert [record.getMessage() for record in caplog.records] == [
        "far.png: 100% of its pixels have colours far from those of the model's palette"
    ]


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes gray images of two classes and objects: 100 where the class is 1, and 10 for the number of the object."""
    ids = Array((None, None, None, 1), "int32", 0, 2, "classes")
    rules = Endpoint(
        {"labels": ids, "objects": dataclasses.replace(ids, high=2**16, encoding="instances")}, image_spec(1)
    )

    def translate(labels: tf.Tensor, objects: tf.Tensor) -> tf.Tensor:
        return tf.cast(100 * labels + 10 * objects, tf.float32) / 255.0

    return declare(tmp_path_factory.mktemp("counter") / "counter", {"translate": (translate, rules)})


def test_label_maps_with_and_without_their_objects(
    counter: Path, painter: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = np.array([[0, 1, 1, 0, 1]], np.uint8).repeat(3, axis=0)
    Image.fromarray(ids).save("ids.png")
    alone, _ = translate_files(counter, [Path("ids.png")], output=Path("alone"))
    # what touches is an object: two of the background, then two of class 1
    assert np.asarray(Image.open(alone[0]))[0].tolist() == [10, 130, 130, 20, 140]

    Path("objects").mkdir()
    Image.fromarray(np.array([[0, 3, 4, 0, 5]], np.uint16).repeat(3, axis=0)).save("objects/ids.png")
    for place in ("objects", "objects/ids.png"):
        assert call(["translate", counter, "ids.png", "--instances", place, "--force"], monkeypatch) == 0
        assert np.asarray(Image.open("translated/ids.png"))[0].tolist() == [0, 130, 140, 0, 150]
    Image.fromarray(ids[:2]).save("low.png")
    Image.fromarray(ids).convert("RGB").save("colours.png")
    for place, says in (
        ("low.png", "ids.png: has 5x3 pixels, and its instance map 5x2"),
        (
            "colours.png",
            "ids.png: its instance map colours.png: is not an instance map, which holds integer ids in one channel",
        ),
        ("none.png", "ids.png: its instance map none.png: there is no such file"),
    ):
        done, failed = translate_files(counter, [Path("ids.png")], instances=Path(place), output=Path("out"))
        assert (done, failed) == ([], [says])
    capsys.readouterr()
    assert call(["translate", painter, "ids.png", "--instances", "objects"], monkeypatch) == 2
    assert capsys.readouterr().err == "tfgans: painter takes no instance maps; leave --instances out\n"


def test_a_command_that_the_model_has_not_names_those_it_has(
    filler: Path,
    animals: Path,
    painter: Path,
    doubler: Path,
    album: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments, says in (
        (["restore", filler, "a.png"], "filler has no endpoint 'restore'; use tfgans fill"),
        (["fill", animals, "a.png"], "animals has no endpoint 'fill'; use tfgans translate"),
        (["translate", doubler, "a.png"], "m has no endpoint 'translate'; use tfgans restore"),
        (["generate", animals], "animals has no endpoint 'sample'; use tfgans translate"),
        (["translate", animals, "a.png", "--to", "cow"], "animals translates into horse or zebra, not 'cow'"),
        (["translate", painter, "a.png", "--to", "label"], "painter makes image; leave --to out"),
        (["fill", filler, "a.png", "--tile", "64"], "this model processes whole pictures; leave --tile out"),
    ):
        assert call(arguments, monkeypatch) == 2
        assert capsys.readouterr().err == f"tfgans: {says}\n"
    assert not any(Path(name).exists() for name in ("restored", "filled", "translated"))


# --- the command ------------------------------------------------------------------------------------------------------


def call(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `tfgans ARGUMENTS`."""
    monkeypatch.setattr(sys, "argv", ["tfgans", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two good pictures between bad ones, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("a.png", "z.png")):
        Image.fromarray(photograph(20, 30, seed=i)).save(name)
    coded = io.BytesIO()
    Image.fromarray(photograph(200, 200)).save(coded, "PNG")
    Path("cut.png").write_bytes(coded.getvalue()[:2000])
    Path("text.jpg").write_text("not a picture")
    Path("folder").mkdir()
    Path("text.txt").write_text("not a picture")
    return tmp_path


def test_bad_files_are_reported_and_the_others_done(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = ["a.png", "cut.png", "text.jpg", "nowhere.png", "folder", "z.png"]
    assert call(["restore", doubler, *pictures], monkeypatch) == 2
    printed = capsys.readouterr()
    assert printed.out.split() == ["restored/a.png", "restored/z.png"]
    report = printed.err[printed.err.index("tfgans: ") :].splitlines()
    assert report[0] == "tfgans: 4 pictures were not restored:" and len(report) == 5
    for line, (name, why) in zip(
        report[1:],
        [("folder", "contains no"), ("cut.png", ""), ("text.jpg", "is not a picture"), ("nowhere.png", "no such file")],
        strict=True,
    ):
        assert line.startswith(f"  {name}: ") and why in line
    assert sorted(p.name for p in Path("restored").iterdir()) == ["a.png", "z.png"], "something half-written"
    np.testing.assert_array_equal(np.asarray(Image.open("restored/z.png")), twice(photograph(20, 30, seed=1)))


def test_nothing_is_overwritten(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["restore", doubler, "a.png", "-o", "out", "--sheet"], monkeypatch) == 0
    assert {p.name for p in Path("out").iterdir()} == {"a.png", "a-sheet.png"}
    Path("out/a.png").write_bytes(b"changed")
    assert call(["restore", doubler, "a.png", "-o", "out"], monkeypatch) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("tfgans: a.png: ") and "--force" in last
    assert Path("out/a.png").read_bytes() == b"changed"
    assert call(["restore", doubler, "a.png", "-o", "out", "--force"], monkeypatch) == 0
    assert Image.open("out/a.png").size == (60, 40)
    before = Path("a.png").read_bytes()
    assert call(["restore", doubler, "a.png", "-o", ".", "--force"], monkeypatch) == 2
    assert Path("a.png").read_bytes() == before
    Path("folder/a.png").write_bytes(before)
    done, failed = restore_files(doubler, [Path("a.png"), Path("folder/a.png")], output=Path("both"), force=True)
    assert len(done) == 1 and "another picture" in failed[0]


def test_sheet_shows_before_and_after(doubler: Path, album: Path) -> None:
    pixels = photograph(500, 450)
    Image.fromarray(pixels).save("large.png")
    restore_files(doubler, [Path("a.png"), Path("large.png")], output=Path("out"), sheet=True)
    small = np.asarray(Image.open("out/a-sheet.png"))
    assert small.shape == (40, 60 + 4 + 60, 3)
    np.testing.assert_array_equal(small[:, 64:], twice(photograph(20, 30)))
    before = Image.fromarray(photograph(20, 30)).resize((60, 40), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(small[:, :60], np.asarray(before))
    large = np.asarray(Image.open("out/large-sheet.png"))
    assert large.shape == (SHEET, 2 * SHEET + 4, 3)
    top, left = (1000 - SHEET) // 2, (900 - SHEET) // 2
    np.testing.assert_array_equal(large[:, SHEET + 4 :], twice(pixels)[top : top + SHEET, left : left + SHEET])


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nomodel", "a.png"], "there is no SavedModel at nomodel"),
        (["MODEL", "a.png", "--tile", "8"], "--tile must be at least"),
        (["MODEL", "a.png", "-o", "a.png"], "would replace the picture itself"),
        (["MODEL", "a.png", "-o", "text.txt"], "is a file"),
        (["MODEL", "a.png", "z.png", "-o", "big.png"], "for several pictures choose a folder"),
        (["MODEL", "folder", "-o", "big.png"], "for several pictures choose a folder"),
        (["MODEL", "a.png", "-o", "a.png/out"], "a.png/out"),
    ],
)
def test_bad_arguments_are_one_line(
    doubler: Path,
    album: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    assert call(["restore", *(str(doubler) if a == "MODEL" else a for a in arguments)], monkeypatch) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("tfgans: ") and says in error and "\n" not in error
    assert not Path("restored").exists()
