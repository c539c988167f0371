"""Which files are pictures, by suffix or by how they begin, and opening them."""

import stat
import struct
from pathlib import Path

from PIL import Image, features

from tfgans.errors import UserError

FORMATS = {  # by suffix; no others: Pillow would hand an EPS to Ghostscript
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
RAW = {".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"}  # they hold a small TIFF, too
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
HEAD = 64  # bytes by which a format is known


def kind_of(head: bytes) -> str:
    """The format of a file that begins with these bytes, as Pillow names it; empty where it is none of `FORMATS`."""
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
    """Whether a file is one that can be read, by its suffix, or, where it has none that is known, by its content."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return not path.exists() or path.is_file()  # a broken link is one, too, of which an error is to be shown
    return suffix not in OTHERS and bool(kind_of(head_of(path)))


def stem_of(path: Path) -> Path:
    """A path without the suffix of a format: of IMG.2021, which is a JPEG without suffix, nothing is cut."""
    return path.with_suffix("") if path.suffix.lower() in SUFFIXES else path


def unread(path: Path) -> str:
    """Why a file that seems to be a picture is not read; empty where it is read, or is none."""
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
    """The first bytes of a file; none of what is no regular file (reading a pipe would wait) or cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def open_image(path: str | Path) -> Image.Image:
    """Pillow's image of a file, whatever its suffix, by its content.

    Raises UserError where the format is not read, or needs what is not installed, and what Pillow and the system raise
    for a file that is absent, damaged or no picture.
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
        image.info["transparency"] *= 255 // (2 ** head[24] - 1)  # Pillow scales the pixels alone to 8 bits
    return image


def need(kind: str) -> None:
    """Raises UserError where a format takes a package that is not installed."""
    if kind == "AVIF" and not features.check("avif"):
        raise UserError("AVIF takes Pillow 11.3 or newer: pip install --upgrade pillow")
    if kind != "HEIF":
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise UserError("HEIC needs a package more: pip install pillow-heif") from error
    pillow_heif.register_heif_opener()
