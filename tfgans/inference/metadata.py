"""Metadata of pictures: read from a file, adapted to the result, and reduced to what a format can hold."""

import dataclasses
import re
import struct
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

XMP_HEAD, MORE_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
GIF_XMP = b"\x21\xff\x0bXMP DataXMP"
GIF_XMP_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
SEGMENT = 65_533  # bytes at most of a segment of a JPEG, without its marker
HOLDS = {
    "JPEG": {"exif", "xmp", "profile", "dpi", "comments", "photoshop"},
    "PNG": {"exif", "xmp", "profile", "dpi", "comments", "chunks"},
    "TIFF": {"exif", "xmp", "profile", "dpi", "photoshop", "iptc"},
    "WEBP": {"exif", "xmp", "profile"},
    "AVIF": {"exif", "xmp", "profile"},
    "HEIF": {"exif", "xmp", "profile"},
    "GIF": {"xmp", "comments"},
    "BMP": {"dpi"},
}
NAMES = {"exif": "its EXIF", "xmp": "its XMP", "profile": "its colour profile", "dpi": "its resolution (DPI)"}
NAMES |= {"comments": "its comment", "photoshop": "its IPTC and Photoshop data", "iptc": "its IPTC"}
STRUCTURE = {254, 255, *range(256, 260), 262, 263, 264, 265, 266, 273, 274, *range(277, 282), 284, 290, 291}
STRUCTURE |= {292, 293, 297, 301, *range(317, 326), 330, 332, 334, 336, *range(338, 348), *range(512, 522)}
STRUCTURE |= {529, 530, 531, 532, 559}
TIFF_XMP, TIFF_IPTC, TIFF_PHOTOSHOP, TIFF_PROFILE, LAYERS = 700, 33723, 34377, 34675, 37724
DIRECTORIES = (0x8769, 0x8825, 0xA005)  # EXIF's, GPS', interoperability's
MAP = {33550, 33922, 34264, 34735, 34736, 34737}  # GeoTIFF: positions of pixels, which no longer apply
COLOUR_CHUNKS = {b"gAMA", b"cHRM", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi"}
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt"}
PLAIN_CHUNKS = {
    b"hIST",
    b"sPLT",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"tRNS",
    b"iCCP",
    b"eXIf",
    b"iDOT",
    b"sBIT",
}  # of the pixels


@dataclasses.dataclass
class Metadata:
    """The metadata of a picture; empty fields where it has none."""

    exif: bytes = b""  # a TIFF without pixels
    xmp: bytes = b""
    more_xmp: tuple[bytes, ...] = ()  # of a JPEG: what does not fit into one segment
    profile: bytes = b""  # ICC
    dpi: tuple[float, float] | None = None
    comments: tuple[bytes, ...] = ()
    photoshop: bytes = b""  # resources, IPTC among them
    iptc: bytes = b""  # of a TIFF
    chunks: tuple[tuple[bytes, bytes], ...] = ()  # of a PNG: text, resolution, what the colours are
    lost: tuple[str, ...] = ()  # descriptions of what was not read

    def fitted(self, kind: str, height: int, width: int) -> "Metadata":
        """The part of the metadata that a format can hold for a picture of this size; `lost` names the rest."""
        lost, beyond = list(self.lost), []
        exif = upright(self.exif, height, width)
        if self.exif and not exif:
            lost.append("its EXIF, which is damaged")
        kept: dict[str, Any] = {"exif": exif, "xmp": upright_xmp(self.xmp, height, width)}
        kept["photoshop"] = without_thumbnails(self.photoshop)
        limits = {"exif": SEGMENT - 8, "xmp": SEGMENT - 2 - len(XMP_HEAD)} if kind == "JPEG" else {}
        for name, words in NAMES.items():
            value = kept.get(name, getattr(self, name))
            if not value:
                continue
            if name not in HOLDS[kind]:
                in_exif = name == "dpi" and "exif" in HOLDS[kind] and resolution(exif) is not None
                beyond += [] if in_exif else [words]
                kept[name] = type(value)()
            elif len(value) > limits.get(name, len(value)):
                lost.append(f"{words}, too large for {kind}")
                kept[name] = b""
        if self.more_xmp and kind != "JPEG":
            beyond.append("its extended XMP")
        if "chunks" not in HOLDS[kind]:
            texts = [content for name, content in self.chunks if name in TEXT_CHUNKS]
            beyond += ["its PNG text"] if texts else []
            kept["chunks"] = ()
        if beyond:
            lost.append(f"{', '.join(beyond)} ({kind} does not hold {'them' if beyond[1:] else 'it'})")
        return dataclasses.replace(self, **kept, lost=tuple(lost))


# --- reading ----------------------------------------------------------------------------------------------------------


def read_metadata(image: Image.Image, path: str | Path) -> Metadata:
    """The metadata of a picture that Pillow has opened and not yet turned."""
    found = Metadata(profile=image.info.get("icc_profile") or b"", dpi=_dpi(image))
    found.exif = _bare(image.info.get("exif") or b"")
    xmp = image.info.get("xmp") or b""
    found.xmp = xmp.encode() if isinstance(xmp, str) else xmp
    reader = {"JPEG": _of_jpeg, "MPO": _of_jpeg, "PNG": _of_png, "TIFF": _of_tiff, "GIF": _of_gif, "BMP": _of_bmp}
    reader.get(str(image.format), lambda *_: None)(found, image, Path(path))
    return found


def _bare(exif: bytes) -> bytes:
    return exif.removeprefix(b"Exif\0\0")


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    dpi = image.info.get("dpi")
    if image.format == "TIFF" and 282 not in image.getexif():  # Pillow then says 1
        return None
    if dpi is None or min(dpi) <= 0 or (image.format in ("JPEG", "MPO") and not image.info.get("jfif_unit")):
        return None
    return float(dpi[0]), float(dpi[1])


def _of_jpeg(found: Metadata, image: Any, path: Path) -> None:
    others = []
    exif, photoshop, comments, more = b"", b"", [], []
    for name, content in image.applist:
        if name == "COM":
            comments.append(content)
        elif name == "APP1" and content.startswith(b"Exif\0"):
            exif += content[6:]
        elif name == "APP1" and content.startswith(XMP_HEAD):
            found.xmp = content[len(XMP_HEAD) :]
        elif name == "APP1" and content.startswith(MORE_XMP_HEAD):
            more.append(content)
        elif name == "APP13" and content.startswith(PHOTOSHOP_HEAD):
            photoshop += content[len(PHOTOSHOP_HEAD) :]
        elif not (
            name in ("APP0", "APP12", "APP14") or (name == "APP2" and content.startswith((b"ICC_PROFILE\0", b"MPF\0")))
        ):
            others.append(name)
    found.exif, found.photoshop, found.comments, found.more_xmp = exif, photoshop, tuple(comments), tuple(more)
    if others:
        found.lost += (f"its application data ({', '.join(dict.fromkeys(others))})",)
    if b"MotionPhoto" in found.xmp or b"MicroVideo" in found.xmp:
        found.lost += ("the video after it",)


def _of_png(found: Metadata, image: Any, path: Path) -> None:
    chunks, others = [], []
    for name, content in png_chunks(path):
        word = content.split(b"\0", 1)[0]
        if name == b"iTXt" and word == b"XML:com.adobe.xmp":
            image.load()  # it may come after the pixels
            text = image.text.get(word.decode(), "")
            found.xmp = found.xmp or text.encode()
        elif name in TEXT_CHUNKS and word in (b"Raw profile type exif", b"Raw profile type APP1"):
            image.load()
            found.exif = found.exif or image.getexif().tobytes().removeprefix(b"Exif\0\0")
        elif name in TEXT_CHUNKS | COLOUR_CHUNKS | {b"tIME", b"pHYs"}:
            chunks.append((name, content))
        elif name == b"eXIf":
            found.exif = found.exif or content
        elif name == b"bKGD":
            others.append("its background colour")
        elif name[:1].islower() and name not in PLAIN_CHUNKS:
            if name[3:].islower():  # it may be copied although the pixels changed
                chunks.append((name, content))
            else:
                others.append(f"its chunk {name.decode('latin-1')}")
    found.chunks, found.lost = tuple(chunks), tuple(dict.fromkeys(others))


def png_chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a PNG file without its pixels, up to the first damaged one."""
    found = []
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if name in (b"IDAT", b"IHDR", b"PLTE", b"IEND", b"fdAT") or length > PngImagePlugin.MAX_TEXT_MEMORY:
                file.seek(length + 4, 1)
            elif len(content := file.read(length)) == length:
                found.append((name, content))
                file.seek(4, 1)
    return found


def _of_tiff(found: Metadata, image: Any, path: Path) -> None:
    own, tags = image.getexif(), Image.Exif()
    found.xmp, found.photoshop = (_bytes(image, tag) for tag in (TIFF_XMP, TIFF_PHOTOSHOP))
    found.iptc = _bytes(image, TIFF_IPTC)
    lost = ["its layers"] if LAYERS in own else []
    lost += ["its place on a map"] if MAP & set(own) else []
    for tag in set(own) - STRUCTURE - MAP - {TIFF_XMP, TIFF_PHOTOSHOP, TIFF_IPTC, TIFF_PROFILE, LAYERS}:
        tags[tag] = own.get_ifd(tag) if tag in DIRECTORIES else own[tag]
    try:
        found.exif = _bare(tags.tobytes())
    except (ValueError, TypeError, KeyError, struct.error, OverflowError):
        lost.append("its TIFF tags")
    found.lost = tuple(lost)


def _bytes(image: Any, tag: int) -> bytes:
    value = image.tag_v2.get(tag, b"")
    if isinstance(value, tuple) and all(isinstance(each, int) for each in value):  # IPTC is often stored as LONGs
        long = image.tag_v2.tagtype.get(tag) == 4
        return struct.pack(f"{image.tag_v2._endian}{len(value)}{'L' if long else 'B'}", *value)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, bytes) else b""


def _of_gif(found: Metadata, image: Any, path: Path) -> None:
    comment = image.info.get("comment")
    found.comments = (comment,) if comment else ()
    content = path.read_bytes()
    begin = content.find(GIF_XMP)
    end = content.find(GIF_XMP_END, begin)
    if 0 <= begin < end:
        found.xmp = content[begin + len(GIF_XMP) : end]


def _of_bmp(found: Metadata, image: Any, path: Path) -> None:
    with open(path, "rb") as file:
        head = file.read(138)
    if len(head) == 138 and head[14] == 124 and head[70:74] in (b"DEBM", b"KNIL"):  # V5, with a profile
        found.lost = ("its colour profile",)


# --- adapting ---------------------------------------------------------------------------------------------------------


class Directories:
    """The entries of a TIFF, changed in place, because cameras store some data at fixed positions.

    Its methods raise struct.error or KeyError if it is damaged.
    """

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.order = {b"II": "<", b"MM": ">"}[content[:2]]

    def number(self, at: int, kind: str = "I") -> int:
        return int(struct.unpack_from(self.order + kind, self.content, at)[0])

    def entries(self, at: int) -> dict[int, int]:
        """The offset of each entry of the directory at `at`, by tag."""
        return {self.number(at + 2 + 12 * i, "H"): at + 2 + 12 * i for i in range(self.number(at, "H"))}

    def value(self, entry: int) -> int:
        return self.number(entry + 8, "I" if self.number(entry + 2, "H") == 4 else "H")

    def put(self, entries: dict[int, int], values: dict[int, int]) -> None:
        """Set the values of those tags that are present, as SHORT or LONG."""
        for tag, value in values.items():
            if tag in entries:
                long = value > 65_535 or self.number(entries[tag] + 2, "H") == 4
                layout = f"{self.order}HI{'I' if long else 'HH'}"
                struct.pack_into(layout, self.content, entries[tag] + 2, *((4, 1, value) if long else (3, 1, value, 0)))

    def drop_thumbnail(self, first: int) -> None:
        """Remove the directory after the first one, and its picture."""
        behind = first + 2 + 12 * self.number(first, "H")
        second = self.number(behind) if behind + 4 <= len(self.content) else 0
        if not second:
            return
        struct.pack_into(f"{self.order}I", self.content, behind, 0)
        entries = self.entries(second)
        if 0x0201 in entries and 0x0202 in entries:
            begin = self.value(entries[0x0201])
            end = min(begin + self.value(entries[0x0202]), len(self.content))
            if 8 < begin < end:
                self.content[begin:end] = b"" if end == len(self.content) else bytes(end - begin)


def upright(exif: bytes, height: int, width: int) -> bytes:
    """EXIF for an upright picture of this size without a thumbnail; empty if it cannot be read."""
    try:
        made = Directories(exif)
        first = made.number(4)
        main = made.entries(first)
        made.put(main, {0x0112: 1, 0x0100: width, 0x0101: height})
        if 0x8769 in main:
            own = made.entries(made.value(main[0x8769]))
            made.put(own, {0xA002: width, 0xA003: height})
            if 0xA005 in own:
                made.put(made.entries(made.value(own[0xA005])), {0x1001: width, 0x1002: height})
        made.drop_thumbnail(first)
    except (struct.error, KeyError):
        return b""
    return bytes(made.content)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Pixels per inch according to EXIF."""
    try:
        read = Image.Exif()
        read.load(exif)
        inch = {2: 1.0, 3: 2.54}[read.get(296, 2)]
        return float(read[282]) * inch, float(read[283]) * inch
    except (struct.error, KeyError, TypeError, ValueError, SyntaxError, ZeroDivisionError):
        return None


def upright_xmp(xmp: bytes, height: int, width: int) -> bytes:
    """XMP for an upright picture of this size without thumbnails."""
    for names, value in (
        (rb"tiff:Orientation", b"1"),
        (rb"tiff:ImageWidth|exif:PixelXDimension", str(width).encode()),
        (rb"tiff:ImageLength|exif:PixelYDimension", str(height).encode()),
    ):
        xmp = re.sub(rb"\b(" + names + rb")(\s*=\s*[\"'])\d+([\"'])", rb"\g<1>\g<2>" + value + rb"\g<3>", xmp)
        xmp = re.sub(rb"<(" + names + rb")>\s*\d+\s*</", rb"<\g<1>>" + value + rb"</", xmp)
    return re.sub(rb"<(xmp|xap):Thumbnails\b.*?</\1:Thumbnails>", b"", xmp, flags=re.DOTALL)


def without_thumbnails(resources: bytes) -> bytes:
    """Photoshop's resources without thumbnails, as far as they can be read."""
    kept, at = [], 0
    while resources[at : at + 4] == b"8BIM" and at + 7 < len(resources):
        name = resources[at + 6] + 1
        size_at = at + 6 + name + name % 2
        if size_at + 4 > len(resources):
            break
        size = struct.unpack_from(">I", resources, size_at)[0]
        end = size_at + 4 + size + size % 2
        if struct.unpack_from(">H", resources, at + 4)[0] not in (0x0409, 0x040C):
            kept.append(resources[at:end])
        at = end
    return b"".join(kept)
