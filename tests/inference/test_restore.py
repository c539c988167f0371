"""`tfgans restore`: tiles against the whole, formats, orientation, transparency, and what must not happen to files."""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import rgb2lab

from tfgans import cli
from tfgans.card import ROOT
from tfgans.data.colour import lab_to_rgb, rgb_to_lab
from tfgans.errors import UserError
from tfgans.images import to_uint8
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.inference.image_files import QUALITY, STRIP, Picture, read_picture, write_picture
from tfgans.inference.restore import SHEET, restore_files
from tfgans.inference.tiling import (
    MARGIN,
    RAMP,
    TILE,
    count_tiles,
    factor_of,
    overlap_of,
    restore_array,
    restored_strips,
    tile_starts,
    tile_weights,
)
from tfgans.models.srgan import SRGAN, build_generator


def save(folder: Path, restore: Callable[[tf.Tensor], tf.Tensor], channels: int) -> Path:
    """A SavedModel with the endpoint `restore`."""
    module = tf.Module()
    signature = [tf.TensorSpec((None, None, None, channels), tf.float32, "images")]
    module.restore = tf.function(restore, input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})
    return folder


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that repeats each pixel twice in both directions."""
    folder = tmp_path_factory.mktemp("doubler") / "m"
    return save(folder, lambda x: tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2), 3)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """SRGAN's generator with one block, untrained."""
    keras.utils.set_random_seed(0)
    model = SRGAN(image_shape=(32, 32, 3), width=4, blocks=1, discriminator_width=4, content="none")
    return Exported(export(model, tmp_path_factory.mktemp("network") / "m"))


def photograph(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth noise, uint8 (height, width, channels); (height, width) for one channel."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, channels), dtype=np.uint8)
    planes = [
        Image.fromarray(coarse[..., k]).resize((width, height), Image.Resampling.BICUBIC) for k in range(channels)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1).squeeze()


def twice(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


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
    whole = network.restore(pixels[None].astype(np.float32) / 255)[0]
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
    strips = list(restored_strips(network, pixels, 4, 64, lambda: calls.append(1)))
    assert len(calls) == count_tiles(130, 90, 64) > 1
    assert max(map(len, strips)) <= 64 and sum(map(len, strips)) == 520


def test_factor_is_found(network: Exported, doubler: Path, tmp_path: Path) -> None:
    assert factor_of(network) == 4 and factor_of(Exported(doubler)) == 2
    odd = save(tmp_path / "odd", lambda x: x[:, ::2, ::2], 3)
    with pytest.raises(UserError, match="whole factors"):
        factor_of(Exported(odd))


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
    assert np.abs(pixels[..., :colours].astype(int) - expected[..., :colours]).max() <= tolerance
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
        assert np.abs(np.asarray(made.convert("RGB")) - expected).mean() < (8 if kind == "GIF" else 5)


def test_other_modes_are_read(tmp_path: Path) -> None:
    sixteen = Image.fromarray(photograph(8, 8, 1).astype(np.uint16) * 257)
    sixteen.save(tmp_path / "16.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "16.png").pixels[..., 0], photograph(8, 8, 1))
    Image.fromarray(photograph(8, 8, 1) > 128).save(tmp_path / "1.png")
    assert set(np.unique(read_picture(tmp_path / "1.png").pixels)) <= {0, 255}
    Image.fromarray(photograph(8, 8, 4), "CMYK").save(tmp_path / "cmyk.jpg", icc_profile=b"of CMYK")
    cmyk = read_picture(tmp_path / "cmyk.jpg")
    assert cmyk.pixels.shape == (8, 8, 3) and cmyk.profile is None
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
    assert failed == ["float.tif: has 32-bit pixels, whose range is not known"]
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
    assert picture.unread == "the lower 8 of 16 bits"


def test_pictures_of_another_size_than_whole_ones_in_training_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for side in (4, 28):
        Image.fromarray(photograph(side, side, 1)).save(f"{side}.png")
    restore_files("resgan-mnist", [Path("4.png"), Path("28.png")], output=Path("out"))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("28.png has 28x28 pixels; resgan-mnist learned to restore whole pictures of 4x4")
    shutil.copytree(ROOT / "saved_models/resgan-mnist", "model")
    Path("model/card.json").write_text("{")
    done, failed = restore_files("model", [Path("4.png")], output=Path("again"))
    assert not failed and done[0].read_bytes() == Path("out/4.png").read_bytes(), "a model needs no card to restore"


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
    like = Picture(pixels, None, "PNG", profile=b"profile")
    write_picture(file, (pixels[y : y + 10] for y in range(0, len(pixels), 10)), *pixels.shape[:2], like)
    made = Image.open(file)
    np.testing.assert_array_equal(np.asarray(made).reshape(pixels.shape), pixels)
    assert made.info["icc_profile"] == b"profile"


def test_a_model_of_gray_images_restores_the_channels_of_a_picture(tmp_path: Path) -> None:
    gray = save(tmp_path / "m", lambda x: 1.0 - x, 1)
    for channels in (1, 3):
        pixels = photograph(20, 30, channels).reshape(20, 30, channels)
        np.testing.assert_array_equal(restore_array(Exported(gray), pixels), 255 - pixels)


@pytest.fixture(scope="module")
def colourizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives gray images the colours a = 5, b = 15, and remembers no size."""

    def colour(images: tf.Tensor) -> tf.Tensor:
        level = rgb_to_lab(tf.repeat(2.0 * images - 1.0, 3, -1))[..., :1]
        lab = tf.concat([level, tf.fill(tf.shape(level), 5.0), tf.fill(tf.shape(level), 15.0)], -1)
        return (lab_to_rgb(lab) + 1.0) / 2.0

    return save(tmp_path_factory.mktemp("colourizer") / "m", colour, 1)


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


def test_a_model_of_one_size_restores_images_of_that_size(tmp_path: Path) -> None:
    """As dense layers do: 2x3 pixels to 4x6, upside down."""
    backwards = tf.constant(np.eye(18, dtype=np.float32).reshape(18, 6, 3)[:, ::-1].reshape(18, 18))

    def restore(x: tf.Tensor) -> tf.Tensor:
        turned = tf.reshape(tf.reshape(x, (tf.shape(x)[0], -1)) @ backwards, (-1, 2, 3, 3))
        return tf.repeat(tf.repeat(turned, 2, axis=1), 2, axis=2)

    model = Exported(save(tmp_path / "m", restore, 3))
    pixels = photograph(2, 3)
    np.testing.assert_array_equal(restore_array(model, pixels), twice(pixels[::-1, ::-1]))


def test_a_gray_file_becomes_a_coloured_one(colourizer: Path, tmp_path: Path) -> None:
    Image.fromarray(photograph(40, 30, 1)).save(tmp_path / "a.jpg", icc_profile=b"of gray")
    Image.fromarray(photograph(40, 30, 2), "LA").save(tmp_path / "b.png")
    paths = [tmp_path / "a.jpg", tmp_path / "b.png"]
    done, failed = restore_files(colourizer, paths, output=tmp_path / "out", sheet=True)
    assert failed == [] and len(done) == 4
    first, sheet, second = (Image.open(done[i]) for i in (0, 1, 2))
    assert (first.mode, second.mode) == ("RGB", "RGBA") and "icc_profile" not in first.info
    assert sheet.size == (30 + 4 + 30, 40)


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
    return tmp_path


def test_bad_files_are_reported_and_the_others_done(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = ["a.png", "cut.png", "text.jpg", "nowhere.png", "folder", "z.png"]
    assert call(["restore", doubler, *pictures], monkeypatch) == 2
    printed = capsys.readouterr()
    assert printed.out.split() == ["restored/a.png", "restored/z.png"]
    report = printed.err[printed.err.index("tfgans: ") :].splitlines()
    assert report[0] == "tfgans: 4 of 6 pictures were not restored:" and len(report) == 5
    for line, (name, why) in zip(
        report[1:],
        [("cut.png", ""), ("text.jpg", "is not a picture"), ("nowhere.png", "no such file"), ("folder", "is a folder")],
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
        (["MODEL", "a.png", "-o", "a.png"], "is a file"),
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
