"""Recognizing picture files by suffix or content, and opening them."""

import stat
import struct
from pathlib import Path

from PIL import Image, features

from tfgans.errors import UserError

FORMATS = {  # by suffix; no others, because Pillow would pass an EPS to Ghostscript
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    ".png": "PNG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    **dict.fromkeys((".heic", ".heif", ".heics", ".hif"), "HEIF"),
}
SUFFIXES = set(FORMATS)
RAW = {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}  # contain a small TIFF, too
OTHERS = {*RAW, ".jxl", ".jp2", ".j2k", ".jpx", ".psd", ".xcf", ".svg", ".svgz", ".eps", ".ai", ".ico", ".icns"}
OTHERS |= {".tga", ".pcx", ".dds", ".exr", ".hdr", ".qoi", ".ppm", ".pgm", ".pbm", ".pnm"}
AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
UNREAD = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS": "Photoshop's format",
}
BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}
HEAD = 64  # first bytes, enough to recognize a format


def kind_of(head: bytes) -> str:
    """The format of a file that begins with these bytes, by Pillow's name; empty if it is not in `FORMATS`."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and len(head) >= 18 and struct.unpack("<I", head[14:18])[0] in BMP_HEADERS:
        return "BMP"
    if head[4:8] == b"ftyp":
        end = min(struct.unpack(">I", head[:4])[0], len(head))
        brands = [head[8:12], *(head[i : i + 4] for i in range(16, end - 3, 4))]
        if AVIF_BRANDS & set(brands) and not (HEIF_BRANDS - {b"mif1", b"msf1"}) & set(brands):
            return "AVIF"
        return "HEIF" if HEIF_BRANDS & set(brands) else ""
    return ""


def is_picture(path: Path) -> bool:
    """Whether a file can be read, by its suffix or, without a known suffix, by its content."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return not path.exists() or path.is_file()  # broken links count, so that an error is shown
    return suffix not in OTHERS and bool(kind_of(head_of(path)))


def stem_of(path: Path) -> Path:
    """A path without the suffix of a known format: IMG.2021, a JPEG without suffix, stays as it is."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def unread(path: Path) -> str:
    """The reason why a file that seems to be a picture is not read; empty if it is read or is not a picture."""
    suffix = path.suffix.lower()
    if suffix in RAW:
        return "a camera's raw file"
    if suffix in OTHERS:
        return f"{suffix} is not read"
    if suffix in SUFFIXES:
        return ""
    head = head_of(path)
    return next((f"{name} is not read" for start, name in UNREAD.items() if head.startswith(start)), "")


def head_of(path: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read or is not a regular file (reading a pipe would block)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def open_image(path: str | Path) -> Image.Image:
    """Open a file with Pillow by its content, whatever its suffix.

    Raises UserError if the format is not supported or needs a missing package, and the errors of Pillow and the system
    for absent, damaged and other files.
    """
    why = unread(Path(path))
    if why:
        raise UserError(f"{why}: save it as PNG or JPEG first")
    with open(path, "rb") as file:
        head = file.read(HEAD)
    kind = kind_of(head)
    need(kind)
    image = Image.open(path, formats=(kind,) if kind else ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"))
    if kind == "PNG" and head[25] == 0 and head[24] in (2, 4) and "transparency" in image.info:
        image.info["transparency"] *= 255 // (2 ** head[24] - 1)  # Pillow scales only the pixels to 8 bits
    return image


def need(kind: str) -> None:
    """Raises UserError if a format needs a package that is not installed."""
    if kind == "AVIF" and not features.check("avif"):
        raise UserError("AVIF needs Pillow 11.3 or newer: pip install --upgrade pillow")
    if kind != "HEIF":
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise UserError("HEIC needs another package: pip install pillow-heif") from error
    pillow_heif.register_heif_opener()
