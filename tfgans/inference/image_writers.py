"""Writing pictures strip by strip, with their metadata.

A huge picture is never in memory as a whole. Writing 384 megapixels (24, enlarged four times) takes 7 MB of additional
memory. Pillow takes 1.53 GB more, four bytes a pixel, and libvips the array of 1.17 GB
(`python benchmarks/write_memory.py`). Speed is no reason: a JPEG of that size takes 6 s here and less in Pillow.
"""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import IO

import numpy as np
from PIL import Image, TiffImagePlugin

from tfgans.data.formats import need
from tfgans.errors import UserError
from tfgans.inference.image_files import Picture
from tfgans.inference.metadata import (
    DIRECTORIES,
    GIF_XMP,
    GIF_XMP_END,
    PHOTOSHOP_HEAD,
    SEGMENT,
    TIFF_IPTC,
    TIFF_PHOTOSHOP,
    TIFF_PROFILE,
    TIFF_XMP,
    XMP_HEAD,
    Metadata,
)

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
LARGEST = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 65_536, "HEIF": 16_384}  # pixels a side
QUALITY = 95  # of JPEG, WebP, AVIF and HEIC
STRIP = 32  # rows; at 65,500 pixels across, still fewer than the 65,535 blocks between two restart markers of a JPEG
CLEAR = 128  # alpha below which a GIF's pixel is transparent


def check_format(kind: str, height: int, width: int) -> None:
    """Raises UserError if the format does not allow so large a picture or cannot be written here."""
    need(kind)
    if max(height, width) > LARGEST.get(kind, 2**31 - 1):
        raise UserError(f"would have {width}x{height} pixels and {kind} allows {LARGEST[kind]} a side; write a PNG")


def write_picture(
    file: IO[bytes], strips: Iterable[np.ndarray], height: int, width: int, like: Picture
) -> tuple[str, ...]:
    """Write rows from top to bottom, uint8 (any, width, 1 to 4: gray, gray + alpha, RGB, RGBA), in `like`'s format.

    PNG and JPEG are written as the rows arrive; other formats take the picture as a whole. Returns the metadata that
    the format cannot hold.
    """
    metadata = like.metadata.fitted(like.format, height, width)
    writers = {"PNG": _write_png, "JPEG": _write_jpeg, "TIFF": _write_tiff, "BMP": _write_bmp, "GIF": _write_gif}
    lost = writers.get(like.format, _write_other)(file, _equal(strips), height, width, like, metadata)
    return (*metadata.lost, *lost)


def _equal(strips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same rows in strips of STRIP, the last one perhaps smaller."""
    waiting: list[np.ndarray] = []
    for strip in strips:
        rows = np.concatenate([*waiting, strip]) if waiting else strip
        full = len(rows) // STRIP * STRIP
        yield from (rows[y : y + STRIP] for y in range(0, full, STRIP))
        waiting = [rows[full:].copy()] if full < len(rows) else []
    yield from waiting


def _image(strip: np.ndarray) -> Image.Image:
    mode = MODES[strip.shape[2]]
    return Image.frombytes(mode, (strip.shape[1], strip.shape[0]), np.ascontiguousarray(strip).tobytes())


# --- PNG --------------------------------------------------------------------------------------------------------------


def _write_png(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    def chunk(name: bytes, content: bytes) -> None:
        file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))

    compressor = zlib.compressobj(6)
    above: np.ndarray | None = None
    for strip in strips:
        if above is None:
            file.write(b"\x89PNG\r\n\x1a\n")
            colour = {1: 0, 2: 4, 3: 2, 4: 6}[strip.shape[2]]
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
            for name, content in _png_chunks(metadata):
                chunk(name, content)
            above = np.zeros(strip[0].size, np.uint8)
        rows = strip.reshape(len(strip), -1)
        up = rows - np.concatenate([above[None], rows[:-1]])  # filter 2: the difference from the row above, modulo 256
        filtered = np.concatenate([np.full((len(rows), 1), 2, np.uint8), up], axis=1)
        above = rows[-1].copy()
        chunk(b"IDAT", compressor.compress(filtered.tobytes()))
    chunk(b"IDAT", compressor.flush())
    chunk(b"IEND", b"")
    return ()


def _png_chunks(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """The metadata as chunks of a PNG, which precede its pixels."""
    if metadata.profile:
        yield b"iCCP", b"profile\0\0" + zlib.compress(metadata.profile)
    yield from metadata.chunks
    if metadata.dpi and all(name != b"pHYs" for name, _ in metadata.chunks):
        yield b"pHYs", struct.pack(">IIB", *(round(each / 0.0254) for each in metadata.dpi), 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp
    for comment in metadata.comments:
        text = comment.decode("utf-8", "replace").encode().replace(b"\0", b"")
        yield b"iTXt", b"Comment\0\0\0\0\0" + text


# --- JPEG -------------------------------------------------------------------------------------------------------------


def _write_jpeg(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    """Pillow encodes each strip as a separate JPEG. With the same tables throughout and no chroma subsampling (blocks
    of 8x8), their data are joined by restart markers, at which a decoder starts afresh."""
    clear = False
    for i, strip in enumerate(strips):
        clear = clear or strip.shape[2] in (2, 4)
        coded = io.BytesIO()
        dpi = (round(metadata.dpi[0]), round(metadata.dpi[1])) if metadata.dpi else (0, 0)
        _image(_on_white(strip)).save(coded, "JPEG", quality=QUALITY, subsampling=0, optimize=False, dpi=dpi)
        head, data = _split_jpeg(coded.getvalue())
        if i == 0:
            begun = next(end for _, _, end in _segments(head))  # after JFIF's, which comes first
            head = head[:begun] + _jpeg_segments(metadata) + head[begun:]
            place = _begin(head, 0xC0) + 5  # of the height: after marker, length and precision
            restart = struct.pack(">HHH", 0xFFDD, 4, -(-width // 8) * (STRIP // 8))
            scan = _begin(head, 0xDA)
            file.write(head[:place] + struct.pack(">H", height) + head[place + 2 : scan] + restart + head[scan:])
        else:
            file.write(bytes([0xFF, 0xD0 + (i - 1) % 8]))
        file.write(data)
    file.write(b"\xff\xd9")
    return ("its transparency (laid on white)",) if clear else ()


def _jpeg_segments(metadata: Metadata) -> bytes:
    """The metadata as segments of a JPEG."""
    parts = [(0xE1, b"Exif\0\0" + metadata.exif)] if metadata.exif else []
    parts += [(0xE1, XMP_HEAD + metadata.xmp)] if metadata.xmp else []
    parts += [(0xE1, content) for content in metadata.more_xmp]
    count = -(-len(metadata.profile) // (SEGMENT - 16))
    for i in range(count):
        piece = metadata.profile[i * (SEGMENT - 16) : (i + 1) * (SEGMENT - 16)]
        parts.append((0xE2, b"ICC_PROFILE\0" + bytes([i + 1, count]) + piece))
    room = SEGMENT - 2 - len(PHOTOSHOP_HEAD)
    resources = metadata.photoshop
    parts += [(0xED, PHOTOSHOP_HEAD + resources[i : i + room]) for i in range(0, len(resources), room)]
    parts += [(0xFE, comment[: SEGMENT - 2]) for comment in metadata.comments]
    return b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in parts)


def _on_white(strip: np.ndarray) -> np.ndarray:
    """A strip composited on white, without alpha."""
    if strip.shape[2] in (1, 3):
        return strip
    alpha = strip[..., -1:].astype(np.float32) / 255
    return (strip[..., :-1] * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def _segments(coded: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, begin, end) of each segment of a JPEG up to the one that starts the scan."""
    at = 2
    while True:
        marker, length = coded[at + 1], struct.unpack(">H", coded[at + 2 : at + 4])[0]
        yield marker, at, at + 2 + length
        if marker == 0xDA:
            return
        at += 2 + length


def _begin(coded: bytes, wanted: int) -> int:
    return next(begin for marker, begin, _ in _segments(coded) if marker == wanted)


def _split_jpeg(coded: bytes) -> tuple[bytes, bytes]:
    """The segments up to the scan's, and the scan's data without the end marker."""
    end = next(end for marker, _, end in _segments(coded) if marker == 0xDA)
    return coded[:end], coded[end:-2]


# --- formats that take the whole picture ------------------------------------------------------------------------------


def _write_tiff(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    """Deflated strips after one directory. (With libtiff, Pillow writes no sub-directories, such as EXIF's.)"""
    coded: list[bytes] = []
    channels = 0
    for strip in strips:
        channels = strip.shape[2]
        before = np.concatenate([np.zeros_like(strip[:, :1]), strip[:, :-1]], axis=1)
        coded.append(zlib.compress((strip - before).tobytes()))  # predictor 2: difference from the left pixel
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    for tag in exif:
        tags[tag] = exif.get_ifd(tag) if tag in DIRECTORIES else exif[tag]
    tags.pop(0x0112, None) if tags.get(0x0112) == 1 else None
    if metadata.dpi and 282 not in tags:
        tags[282], tags[283], tags[296] = *metadata.dpi, 2
    for tag, content in (
        (TIFF_XMP, metadata.xmp),
        (TIFF_IPTC, metadata.iptc),
        (TIFF_PHOTOSHOP, metadata.photoshop),
        (TIFF_PROFILE, metadata.profile),
    ):
        if content:
            tags[tag] = content
            tags.tagtype[tag] = 7 if tag in (TIFF_IPTC, TIFF_PROFILE) else 1
    offsets = np.cumsum([0, *(len(part) for part in coded[:-1])])
    tags[256], tags[257], tags[258], tags[259] = width, height, (8,) * channels, 8
    tags[262], tags[277], tags[278], tags[284], tags[317] = (1 if channels < 3 else 2), channels, STRIP, 1, 2
    tags.tagtype[273] = tags.tagtype[279] = 4
    tags[273], tags[279] = tuple(int(each) for each in offsets), tuple(len(part) for part in coded)  # after the tags
    if channels in (2, 4):
        tags[338] = 2  # alpha, not premultiplied
    tags.save(file)
    for part in coded:
        file.write(part)
    return ()


def _canvas(strips: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(strips))


def _write_bmp(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    pixels = _canvas(strips)
    if pixels.shape[2] in (1, 3):
        _image(pixels).save(file, "BMP", dpi=metadata.dpi or (0, 0))
        return ()
    # Pillow writes no alpha: header V4 has masks of the channels, alpha among them
    colours = np.broadcast_to(pixels[..., :-1], (height, width, 3))[..., ::-1]
    rows = np.concatenate([colours, pixels[..., -1:]], axis=-1)[::-1].tobytes()
    metre = [round(each / 0.0254) for each in metadata.dpi or (0, 0)]
    masks = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII4I4s48x", 108, width, height, 1, 32, 3, len(rows), *metre, 0, 0, *masks, b"BGRs")
    file.write(struct.pack("<2sIII", b"BM", 14 + len(header) + len(rows), 0, 14 + len(header)) + header + rows)
    return ()


def _write_gif(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    """At most 256 colours, one of them transparent if needed; only those of `like.palette` if it is given."""
    pixels = _canvas(strips)
    alpha = pixels[..., -1] if pixels.shape[2] in (2, 4) else None
    colours = np.broadcast_to(pixels[..., : 3 if pixels.shape[2] > 2 else 1], (height, width, 3))
    clear = None if alpha is None else alpha < CLEAR
    most = 256 if clear is None or not clear.any() else 255
    palette = like.palette
    if palette is None:
        seen = colours if clear is None or clear.all() else colours[~clear][None]
        own = np.unique(_packed(seen))
        if len(own) <= most:
            palette = np.stack([own >> 16, own >> 8 & 255, own & 255], axis=-1).astype(np.uint8)
        else:
            image = Image.fromarray(np.ascontiguousarray(seen)).quantize(most, Image.Quantize.MEDIANCUT)
            palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette = palette[:most]
    indices = _nearest(colours, palette)
    if clear is not None:
        indices[clear] = most if most < 256 else 0
    made = Image.fromarray(indices)
    made.putpalette(np.concatenate([palette, np.zeros((256 - len(palette), 3), np.uint8)]).tobytes())
    options = {"transparency": 255} if most == 255 else {}
    coded = io.BytesIO()
    made.save(coded, "GIF", comment=b"\n".join(metadata.comments), optimize=False, **options)
    content = coded.getvalue()
    table = 13 + (3 << (content[10] & 7) + 1 if content[10] & 128 else 0)
    more = GIF_XMP + metadata.xmp + GIF_XMP_END if metadata.xmp else b""
    file.write((b"GIF89a" + content[6:table] + more + content[table:]) if more else content)
    partial = clear is not None and like.alpha is not None and bool(((like.alpha > 0) & (like.alpha < 255)).any())
    return ("its half-transparent pixels (GIF has none)",) if partial else ()


def _packed(colours: np.ndarray) -> np.ndarray:
    """Colours, uint8 (h, w, 3), as one number each."""
    wide = colours.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The index of the nearest palette colour for each pixel, uint8 (h, w)."""
    packed, where = np.unique(_packed(colours), return_inverse=True)
    distinct = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1)
    found = np.empty(len(distinct), np.uint8)
    for i in range(0, len(distinct), 4096):
        away = distinct[i : i + 4096, None].astype(np.int32) - palette[None].astype(np.int32)
        found[i : i + 4096] = (away**2).sum(-1).argmin(axis=1)
    return found[where].reshape(colours.shape[:2])


def _write_other(
    file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture, metadata: Metadata
) -> tuple[str, ...]:
    canvas = _image(_canvas(strips))
    canvas = canvas.convert("RGBA") if canvas.mode == "LA" else canvas
    options: dict[str, object] = {"quality": QUALITY}
    if like.format == "WEBP" and like.lossless:
        options = {"lossless": True, "exact": True}
    elif like.format == "AVIF":
        options["subsampling"] = "4:0:0" if canvas.mode == "L" else "4:4:4"
    elif like.format == "HEIF":
        options["chroma"] = 444
    for name, content in (("icc_profile", metadata.profile), ("exif", metadata.exif), ("xmp", metadata.xmp)):
        if content:
            options[name] = content
    canvas.save(file, like.format, **options)
    return ()
