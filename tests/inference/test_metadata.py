"""What belongs to a picture, kept where a format holds it, put right, or named: EXIF, XMP, profile, DPI, text."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare, double, photograph, save, twice
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from tfgans import endpoint
from tfgans.endpoint import Array, Endpoint
from tfgans.inference.image_files import read_picture
from tfgans.inference.metadata import GIF_XMP, GIF_XMP_END, upright, upright_xmp, without_thumbnails
from tfgans.inference.pictures import fill_files, restore_files

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:Description tiff:Orientation='6' exif:PixelXDimension=\"40\" dc:title='a title'>"
    b"<exif:PixelYDimension>24</exif:PixelYDimension><xmp:Thumbnails><rdf:Alt>a small one</rdf:Alt></xmp:Thumbnails>"
    b"</rdf:Description></x:xmpmeta><?xpacket end='w'?>"
)
SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "AVIF": "avif", "GIF": "gif", "BMP": "bmp"}


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("doubler") / "m", double, 3)


@pytest.fixture(scope="module")
def filler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that makes holes red."""
    given = {"images": endpoint.images(3), "masks": Array((None, None, None, 1), "bool", 0, 1, "mask")}
    rules = Endpoint(given, {"images": endpoint.images(3)}, size=(32, 32), hole=16)

    def fill(images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        return tf.ones_like(images) * [1.0, 0.0, 0.0] + 0.0 * tf.cast(masks, tf.float32)

    return declare(tmp_path_factory.mktemp("filler") / "m", {"fill": (fill, rules)})


def exif_of(orientation: int = 6, more: int = 0, thumbnail: bool = True, order: str = "II") -> bytes:
    """EXIF as a camera writes it, without Exif's head: sizes, a maker's note, a place, a thumbnail."""
    exif = Image.Exif()
    exif.endian = "<" if order == "II" else ">"
    exif[0x0112], exif[0x010F], exif[0x0132] = orientation, "a camera", "2024:05:06 07:08:09"
    exif[0x0100], exif[0x0101] = 40, 24
    exif[0x8769] = {
        0x9003: "2024:05:06 07:08:09",
        0xA002: 40,
        0xA003: 24,
        0x829A: (1, 125),
        0x927C: b"a maker's note" + bytes(more),
    }
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    coded = bytearray(exif.tobytes().removeprefix(b"Exif\0\0"))
    if thumbnail:
        small = io.BytesIO()
        Image.new("RGB", (8, 8)).save(small, "JPEG")
        end = "<" if coded[:2] == b"II" else ">"
        first = struct.unpack_from(f"{end}I", coded, 4)[0]
        behind = first + 2 + 12 * struct.unpack_from(f"{end}H", coded, first)[0]
        struct.pack_into(f"{end}I", coded, behind, len(coded))
        at = len(coded) + 2 + 3 * 12 + 4
        entries = ((0x0103, 3, 1, 6), (0x0201, 4, 1, at), (0x0202, 4, 1, len(small.getvalue())))
        coded += struct.pack(f"{end}H", 3)
        coded += struct.pack(f"{end}HHIHH", *entries[0], 0) + b"".join(
            struct.pack(f"{end}HHII", *e) for e in entries[1:]
        )
        coded += bytes(4) + small.getvalue()
    return bytes(coded)


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    kind = {v: k for k, v in SUFFIX.items()}[path.suffix[1:]]
    if kind == "JPEG" and "exif" in options:
        options["exif"] = b"Exif\0\0" + options["exif"]
    Image.fromarray(pixels).save(path, kind, **options)
    return path


def restored(doubler: Path, path: Path, output: str = "out") -> Image.Image:
    target = path.parent / output
    done, failed = restore_files(doubler, [path], output=target, force=True)
    assert failed == []
    image = Image.open(done[0])
    image.load()
    return image


def check_exif(image: Image.Image, width: int, height: int) -> None:
    exif = image.getexif()
    own, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
    assert exif.get(0x0112, 1) == 1 and exif[0x010F] == "a camera" and exif[0x0132] == "2024:05:06 07:08:09"
    assert (own[0xA002], own[0xA003]) == (width, height) and own[0x9003] == "2024:05:06 07:08:09"
    assert own[0x927C].startswith(b"a maker's note") and place[2] == (52.0, 30.0, 0.0)
    assert not exif.get_ifd(1) and b"\xff\xd8\xff" not in exif.tobytes()


# --- EXIF and XMP -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("order", ["II", "MM"])
def test_exif_stays_and_is_put_right(
    doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, order: str
) -> None:
    exif = exif_of(thumbnail=kind != "TIFF", order=order)
    path = write(tmp_path / f"a.{SUFFIX[kind]}", photograph(24, 40), exif=exif)
    with restored(doubler, path) as made:
        assert made.size == (48, 80), "upright"
        check_exif(made, 48, 80)
        if kind in ("JPEG", "PNG"):
            assert made.getexif()[0x0100] == 48
    assert caplog.records == []


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "GIF"])
def test_xmp_stays_and_is_put_right(doubler: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{SUFFIX[kind]}"
    options: dict[str, Any] = {"xmp": XMP}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": text}
    if kind == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[700] = XMP
        options = {"tiffinfo": tags}
    write(path, photograph(24, 40), **({} if kind == "GIF" else options))
    if kind == "GIF":
        content = path.read_bytes()
        table = 13 + (3 << (content[10] & 7) + 1)
        path.write_bytes(content[:table] + GIF_XMP + XMP + GIF_XMP_END + content[table:])
    with restored(doubler, path) as made:
        found = read_picture(path.parent / "out" / path.name).metadata.xmp
        width, height = made.size
    assert b"dc:title='a title'" in found and b"Thumbnails" not in found
    assert b"tiff:Orientation='1'" in found
    assert f'exif:PixelXDimension="{width}"'.encode() in found
    assert f"<exif:PixelYDimension>{height}<".encode() in found


def test_large_exif_of_a_jpeg(doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """65,527 bytes fit; more, which cameras and a PNG may have, are named."""
    small = len(exif_of(thumbnail=False))
    exif = exif_of(more=65_000 - small, thumbnail=False)
    path = write(tmp_path / "a.jpg", photograph(24, 40), exif=exif)
    with restored(doubler, path) as made:
        check_exif(made, 48, 80)
        assert len(made.info["exif"]) > 64_900
    assert caplog.records == []
    path = write(tmp_path / "large.png", photograph(24, 40), exif=exif_of(more=70_000, thumbnail=False))
    with restored(doubler, path) as made:
        check_exif(made, 48, 80)
    with restored(doubler, path, "large.jpg") as made:
        assert not made.getexif()
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["without its EXIF, too large for JPEG"]


def test_a_damaged_exif_is_named_and_keeps_no_picture(
    doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.jpg", photograph(24, 40), exif=b"II*\0\xff\xff\0\0")
    assert restored(doubler, path).size == (80, 48)
    assert "without its EXIF, which is damaged" in caplog.text and len(caplog.records) == 1


def test_sizes_beyond_16_bits_and_what_is_not_touched() -> None:
    exif = exif_of(thumbnail=False)
    made = upright(exif, 70_000, 300_000)
    assert len(made) == len(exif) and sum(a != b for a, b in zip(made, exif, strict=True)) < 30, "in place"
    read = Image.Exif()
    read.load(made)
    assert read.get_ifd(0x8769)[0xA002] == 300_000 and read.get_ifd(0x8769)[0xA003] == 70_000 and read[0x0112] == 1
    assert upright(b"", 1, 1) == b"" and upright(b"MM", 1, 1) == b""
    assert upright_xmp(b"<a tiff:Orientation = '8'/>", 1, 1) == b"<a tiff:Orientation = '1'/>"


# --- profile, resolution, text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_profile_stays(doubler: Path, tmp_path: Path, kind: str) -> None:
    profile = PROFILE + bytes(150_000 if kind == "JPEG" else 0)  # in three segments
    path = write(tmp_path / f"a.{SUFFIX[kind]}", photograph(24, 40), icc_profile=profile)
    with restored(doubler, path) as made:
        assert made.info["icc_profile"] == profile


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("dpi", [(300, 300), (300, 150), (72, 72)])
def test_the_resolution_stays(doubler: Path, tmp_path: Path, kind: str, dpi: tuple[int, int]) -> None:
    path = write(tmp_path / f"a.{SUFFIX[kind]}", photograph(24, 40), dpi=dpi)
    with restored(doubler, path) as made:
        assert made.info["dpi"] == pytest.approx(dpi, abs=0.02)
    if kind != "BMP":  # across formats, too
        for other in {"png", "jpg", "tif"} - {path.suffix[1:]}:
            assert restored(doubler, path, f"b.{other}").info["dpi"] == pytest.approx(dpi, abs=0.02)


def test_a_resolution_in_the_exif_alone_is_that_of_another_format(doubler: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2
    for suffix in ("jpg", "webp"):
        path = write(tmp_path / f"a.{suffix}", photograph(24, 40), exif=exif.tobytes().removeprefix(b"Exif\0\0"))
        assert restored(doubler, path, "b.png").info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_no_resolution_is_invented(doubler: Path, tmp_path: Path) -> None:
    for kind in ("JPEG", "PNG"):
        assert "dpi" not in restored(doubler, write(tmp_path / f"a.{SUFFIX[kind]}", photograph(24, 40))).info
    made: Any = restored(doubler, write(tmp_path / "a.tif", photograph(24, 40)))
    assert 282 not in made.tag_v2


def test_comments_and_iptc_of_a_jpeg_stay(doubler: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jpg", photograph(24, 40), comment=b"first")
    content = path.read_bytes()
    iptc = b"\x1c\x02\x05\x00\x07a title"
    resources = b"".join(
        b"8BIM" + struct.pack(">H", code) + b"\0\0" + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)
        for code, data in ((0x0404, iptc), (0x040C, b"a thumbnail"), (0x03F3, b"flag"))
    )
    more = b""
    for marker, data in ((0xFE, b"second"), (0xED, b"Photoshop 3.0\0" + resources), (0xE5, b"a maker's own")):
        more += struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
    path.write_bytes(content[:20] + more + content[20:])
    made: Any = restored(doubler, path)
    assert [data for name, data in made.applist if name == "COM"] == [b"second", b"first"]
    assert made.info["photoshop"][0x0404] == iptc and 0x040C not in made.info["photoshop"]
    assert without_thumbnails(resources).count(b"8BIM") == 2


def test_what_a_jpeg_has_of_others_is_named(doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "a.jpg", photograph(24, 40))
    content = path.read_bytes()
    path.write_bytes(content[:20] + struct.pack(">BBH", 0xFF, 0xE5, 9) + b"a maker" + content[20:])
    restored(doubler, path)
    frames = [Image.fromarray(photograph(24, 40, seed=i)) for i in range(2)]
    frames[0].save(tmp_path / "two.jpg", "MPO", save_all=True, append_images=frames[1:])
    restored(doubler, tmp_path / "two.jpg")
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
        "without its application data (APP5)",
        "without the picture after the first",
    ]


def test_text_and_colours_of_a_png_stay(doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "somebody")
    text.add_text("Comment", "long " * 100, zip=True)
    text.add_itxt("Title", "Größe", lang="de")
    text.add(b"gAMA", struct.pack(">I", 100_000))
    text.add(b"tIME", struct.pack(">HBBBBB", 2024, 5, 6, 7, 8, 9))
    path = write(tmp_path / "a.png", photograph(24, 40), pnginfo=text)
    made: Any = restored(doubler, path)
    assert made.text == {"Author": "somebody", "Comment": "long " * 100, "Title": "Größe"}
    assert made.info["gamma"] == 1.0 and b"tIME" in (tmp_path / "out/a.png").read_bytes()
    np.testing.assert_array_equal(np.asarray(made), twice(photograph(24, 40)))
    assert caplog.records == []
    restored(doubler, path, "a.jpg")
    assert caplog.records[0].getMessage() == f"{path}: without its PNG text (JPEG does not hold it)"


def test_text_behind_the_pixels_of_a_png_stays(doubler: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", photograph(24, 40))
    content = path.read_bytes()
    body = b"tEXtSource\0a scanner"
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(content[:-12] + chunk + content[-12:])
    made: Any = restored(doubler, path)
    assert made.text == {"Source": "a scanner"}


def test_exif_in_the_text_of_a_png_is_read(doubler: Path, tmp_path: Path) -> None:
    exif = b"Exif\0\0" + exif_of(thumbnail=False)
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(exif):8}\n{exif.hex()}\n")
    path = write(tmp_path / "a.png", photograph(24, 40), pnginfo=text)
    made: Any = restored(doubler, path)
    assert made.size == (48, 80)
    check_exif(made, 48, 80)
    assert "Raw profile type exif" not in made.text


def test_tags_of_a_tiff_stay(doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315], tags[33432], tags[305] = "a picture", "somebody", "mine", "a program"
    tags[282], tags[283], tags[296] = 118.0, 118.0, 3  # to the centimetre
    tags[33723] = b"\x1c\x02\x05\x00\x07a title"
    tags.tagtype[33723] = 7
    path = write(tmp_path / "a.tif", photograph(24, 40), tiffinfo=tags)
    made: Any = restored(doubler, path)
    assert [made.tag_v2[tag] for tag in (270, 315, 33432, 305, 282, 296)] == [
        "a picture",
        "somebody",
        "mine",
        "a program",
        118.0,
        3,
    ]
    assert made.tag_v2[33723] == tags[33723] and (made.tag_v2[256], made.tag_v2[257]) == (80, 48)
    np.testing.assert_array_equal(np.asarray(made), twice(photograph(24, 40)))
    assert caplog.records == []
    tags[33550] = (1.0, 1.0, 0.0)
    tags.tagtype[33550] = 12
    restored(doubler, write(tmp_path / "map.tif", photograph(24, 40), tiffinfo=tags))
    assert caplog.records[0].getMessage().endswith("map.tif: without its place on a map")


def test_a_comment_of_a_gif_stays(doubler: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.gif", photograph(24, 40), comment=b"a comment " * 60)
    assert restored(doubler, path).info["comment"] == b"a comment " * 60


def test_what_another_format_does_not_hold_is_one_line(
    doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(
        tmp_path / "a.jpg",
        photograph(24, 40),
        exif=exif_of(),
        xmp=XMP,
        icc_profile=PROFILE,
        dpi=(300, 300),
        comment=b"c",
    )
    for suffix, lost in (
        ("png", ""),
        ("webp", "its resolution (DPI), its comment (WEBP does not hold them)"),
        ("tif", "its comment (TIFF does not hold it)"),
        ("gif", "its EXIF, its colour profile, its resolution (DPI) (GIF does not hold them)"),
    ):
        caplog.clear()
        with restored(doubler, path, f"b.{suffix}") as made:
            if suffix not in ("gif",):
                check_exif(made, 48, 80)
                assert made.info["icc_profile"] == PROFILE
        assert len(caplog.records) == bool(lost) and lost in caplog.text


# --- pixels -----------------------------------------------------------------------------------------------------------


def test_a_lossless_webp_stays_lossless(doubler: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 40, 4), dtype=np.uint8)
    pixels[..., 3] |= 1
    path = write(tmp_path / "a.webp", pixels, lossless=True, exact=True, exif=exif_of(1))
    assert read_picture(path).lossless
    opaque = pixels[..., 3] == 255
    made = np.asarray(restored(doubler, path))[::2, ::2, :3]
    assert opaque.any() and np.array_equal(made[opaque], pixels[..., :3][opaque])
    path = write(tmp_path / "b.webp", pixels)
    assert not read_picture(path).lossless
    frames = [Image.fromarray(photograph(24, 40, seed=i)) for i in range(2)]
    frames[0].save(tmp_path / "c.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert read_picture(tmp_path / "c.webp").lossless


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP", "AVIF"])
def test_transparency_stays_and_nothing_bleeds_in(doubler: Path, tmp_path: Path, kind: str) -> None:
    """A red disc on transparent black, enlarged and laid on white, has no dark pixels."""
    y, x = np.mgrid[:48, :48] - 23.5
    inside = np.hypot(x, y) < 16
    pixels = np.zeros((48, 48, 4), np.uint8)
    pixels[inside] = [255, 0, 0, 255]
    path = tmp_path / f"a.{SUFFIX[kind]}"
    if kind == "BMP":  # with masks of the channels, which Pillow does not write
        restored(doubler, write(tmp_path / "a.png", pixels), "a.bmp")
        path = tmp_path / "a.bmp"
    else:
        best = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
        write(path, pixels, **best.get(kind, {}))
    made = restored(doubler, path).convert("RGBA")
    assert np.asarray(made)[0, 0, 3] == 0 and np.asarray(made)[made.height // 2, made.width // 2, 3] == 255
    paper = Image.new("RGBA", made.size, "white")
    paper.alpha_composite(made)
    assert np.asarray(paper)[..., 0].min() > (200 if kind == "AVIF" else 252)


def test_transparency_on_the_way_to_a_jpeg_is_white_and_named(
    doubler: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.zeros((16, 16, 4), np.uint8)
    made = restored(doubler, write(tmp_path / "a.png", pixels), "b.jpg")
    assert np.asarray(made).min() > 250
    assert caplog.text.count("without its transparency (laid on white)") == 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_gray_of_few_or_many_bits(tmp_path: Path, bits: int) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    values = [0, 1, 1, 0, 1, 0, 0, 1]
    if bits < 8:
        row = int("".join(f"{v:0{bits}b}" for v in values), 2).to_bytes(bits, "big")
    else:
        row = b"".join(v.to_bytes(bits // 8, "big") for v in values)
    coded = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0))
    coded += chunk(b"tRNS", struct.pack(">H", 1)) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(coded)
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None and picture.alpha[0].tolist() == [0 if v else 255 for v in values]


def test_known_pixels_of_a_gif_and_a_lossless_webp_stay_when_a_hole_is_filled(tmp_path: Path, filler: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)
    pixels = colours[np.random.default_rng(1).integers(0, 200, (40, 50))]
    mask = np.zeros((40, 50), np.uint8)
    mask[10:20, 10:20] = 255
    write(tmp_path / "mask.png", mask)
    write(tmp_path / "a.gif", pixels)
    write(tmp_path / "a.webp", pixels, lossless=True)
    alpha = np.random.default_rng(2).integers(0, 256, (40, 50, 1), dtype=np.uint8)
    write(tmp_path / "a.png", np.concatenate([pixels, alpha], -1))
    for name in ("a.gif", "a.webp", "a.png"):
        done, failed = fill_files(filler, [tmp_path / name], mask=tmp_path / "mask.png", output=tmp_path / "out")
        assert failed == []
        mode = "RGBA" if name == "a.png" else "RGB"
        before, after = (np.asarray(Image.open(path).convert(mode)) for path in (tmp_path / name, done[0]))
        np.testing.assert_array_equal(after[mask == 0], before[mask == 0])
        assert (after[mask > 0] != before[mask > 0]).any()
