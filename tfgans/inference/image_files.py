"""Pictures as people have them: read with what belongs to them, and written strip by strip.

A huge picture is never whole in memory. Writing 384 megapixels (24, enlarged four times) takes 7 MB beside what the
process holds anyway. Pillow takes 1.53 GB more, four bytes a pixel, and libvips the array of 1.17 GB
(`python benchmarks/write_memory.py`). Time is no reason: a JPEG of that size takes 6 s here and less in Pillow.
"""

import dataclasses
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from tfgans.data.folder import FORMATS, MAX_PIXELS
from tfgans.data.image_set import to_8_bits
from tfgans.errors import UserError

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
LARGEST = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535}  # pixels a side that a format holds
QUALITY = 95  # of JPEG and WebP
STRIP = 32  # rows; at 65,500 pixels across still fewer than the 65,535 blocks between two restart markers of a JPEG


@dataclasses.dataclass
class Picture:
    """A picture, upright."""

    pixels: np.ndarray  # uint8 (h, w, 1 or 3)
    alpha: np.ndarray | None  # uint8 (h, w)
    format: str  # of its file, as Pillow names it
    profile: bytes | None = None  # ICC
    exif: bytes | None = None
    unread: str = ""  # what of the file is not in these pixels


def read_picture(path: str | Path) -> Picture:
    """The picture in a file (the first frame, 8 bits), turned upright by its EXIF; gray stays gray, transparency apart.

    Raises UserError for more than 100 megapixels, and what Pillow raises for a file that is absent, damaged or none.
    """
    with Image.open(path, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UserError(f"has {image.width * image.height / 1e6:.0f} megapixels; 100 are the limit")
        kind = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with a second one behind it
        frames = 1 if kind == "JPEG" else getattr(image, "n_frames", 1)
        deep = image.mode.startswith("I") or any(";16" in str(part) for part in image.tile)
        image.seek(0)
        unread = [f"the {frames - 1} frames or pages after the first"] if frames > 1 else []
        unread += ["the lower 8 of 16 bits"] if deep else []
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
        gray = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
        alpha = None
        if image.has_transparency_data and not image.mode.startswith("I"):
            clear = image.convert("RGBA")
            alpha = np.asarray(clear.getchannel("A"))
            base = clear.convert("RGB")
            base = base.convert("L") if gray else base
        else:
            base = to_8_bits(image)
        pixels = np.asarray(base)
        pixels = pixels[..., None] if pixels.ndim == 2 else pixels
        fits = image.mode in ("L", "LA", "RGB", "RGBA", "P")  # of CMYK, say, the colours were converted
        exif = image.info.get("exif")
        profile = image.info.get("icc_profile") if fits else None
        return Picture(pixels, alpha, kind, profile, exif, " and ".join(unread))


def check_format(kind: str, height: int, width: int) -> None:
    """Raises UserError where the format does not hold so large a picture."""
    if max(height, width) > LARGEST.get(kind, 2**31 - 1):
        raise UserError(f"would have {width}x{height} pixels and {kind} holds {LARGEST[kind]} a side; make it a PNG")


def write_picture(file: IO[bytes], strips: Iterable[np.ndarray], height: int, width: int, like: Picture) -> None:
    """Write rows from top to bottom, uint8 (any, width, 1 to 4: gray, with alpha, RGB, with alpha), in `like`'s format.

    PNG and JPEG are written as the rows come; the other formats take the picture whole.
    """
    write = {"PNG": _write_png, "JPEG": _write_jpeg}.get(like.format, _write_whole)
    write(file, _equal(strips), height, width, like)


def _equal(strips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The same rows in strips of STRIP, the last one perhaps smaller."""
    waiting: list[np.ndarray] = []
    for strip in strips:
        rows = np.concatenate([*waiting, strip]) if waiting else strip
        full = len(rows) // STRIP * STRIP
        yield from (rows[y : y + STRIP] for y in range(0, full, STRIP))
        waiting = [rows[full:].copy()] if full < len(rows) else []
    yield from waiting


def _write_png(file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture) -> None:
    def chunk(name: bytes, content: bytes) -> None:
        file.write(struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content)))

    compressor = zlib.compressobj(6)
    above: np.ndarray | None = None
    for strip in strips:
        if above is None:
            file.write(b"\x89PNG\r\n\x1a\n")
            colour = {1: 0, 2: 4, 3: 2, 4: 6}[strip.shape[2]]
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
            if like.profile:
                chunk(b"iCCP", b"profile\0\0" + zlib.compress(like.profile))
            above = np.zeros(strip[0].size, np.uint8)
        rows = strip.reshape(len(strip), -1)
        up = rows - np.concatenate([above[None], rows[:-1]])  # filter 2: the difference to the row above, modulo 256
        filtered = np.concatenate([np.full((len(rows), 1), 2, np.uint8), up], axis=1)
        above = rows[-1].copy()
        chunk(b"IDAT", compressor.compress(filtered.tobytes()))
    chunk(b"IDAT", compressor.flush())
    chunk(b"IEND", b"")


def _write_jpeg(file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture) -> None:
    """Each strip is coded by Pillow as a JPEG of its own; with the same tables throughout and no chroma subsampling
    (blocks of 8x8) their data follow each other, parted by the restart markers at which a decoder starts afresh."""
    exif = like.exif if like.exif and len(like.exif) < 65_000 else b""
    for i, strip in enumerate(strips):
        coded = io.BytesIO()
        options = {"exif": exif, "icc_profile": like.profile or b""} if i == 0 else {}
        _image(strip).save(coded, "JPEG", quality=QUALITY, subsampling=0, optimize=False, **options)
        head, data = _split_jpeg(coded.getvalue())
        if i == 0:
            place = _begin(head, 0xC0) + 5  # of the height: behind the frame's marker, length and precision
            restart = struct.pack(">HHH", 0xFFDD, 4, -(-width // 8) * (STRIP // 8))
            scan = _begin(head, 0xDA)
            file.write(head[:place] + struct.pack(">H", height) + head[place + 2 : scan] + restart + head[scan:])
        else:
            file.write(bytes([0xFF, 0xD0 + (i - 1) % 8]))
        file.write(data)
    file.write(b"\xff\xd9")


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


def _write_whole(file: IO[bytes], strips: Iterator[np.ndarray], height: int, width: int, like: Picture) -> None:
    canvas: Image.Image | None = None
    y = 0
    for strip in strips:
        part = _image(strip)
        if canvas is None:
            canvas = Image.new(part.mode, (width, height))
        canvas.paste(part, (0, y))
        y += len(strip)
    assert canvas is not None, "a picture has rows"
    if like.format in ("GIF", "WEBP", "BMP") and canvas.mode == "LA":
        canvas = canvas.convert("RGBA")
    options: dict[str, object] = {"icc_profile": like.profile} if like.profile else {}
    if like.format == "WEBP":
        options["quality"] = QUALITY
    if like.format == "TIFF":
        options["compression"] = "tiff_deflate"
    canvas.save(file, like.format, **options)


def _image(strip: np.ndarray) -> Image.Image:
    mode = MODES[strip.shape[2]]
    return Image.frombytes(mode, (strip.shape[1], strip.shape[0]), np.ascontiguousarray(strip).tobytes())
