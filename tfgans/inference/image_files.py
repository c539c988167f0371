"""Reading picture files with their metadata. `image_writers` writes them."""

import dataclasses
import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from tfgans.data.folder import MAX_PIXELS
from tfgans.data.formats import open_image
from tfgans.data.image_set import to_8_bits
from tfgans.errors import UserError
from tfgans.inference.metadata import Metadata, read_metadata

CONVERTED = ("CMYK", "LAB", "HSV")  # modes that become RGB


@dataclasses.dataclass
class Picture:
    """A picture, turned upright."""

    pixels: np.ndarray  # uint8 (h, w, 1 or 3)
    alpha: np.ndarray | None  # uint8 (h, w)
    format: str  # of its file, as Pillow names it
    metadata: Metadata = dataclasses.field(default_factory=Metadata)
    unread: tuple[str, ...] = ()  # contents of the file that these pixels lack
    lossless: bool = False  # of a WebP
    palette: np.ndarray | None = None  # uint8 (n, 3): the only colours that a GIF may have


def read_picture(path: str | Path) -> Picture:
    """Read the first frame of a file in 8 bits, turned upright by its EXIF. Gray stays gray; alpha is separate.

    Raises UserError for more than 100 megapixels, and Pillow's errors for absent, damaged or unknown files.
    """
    with open_image(path) as image:
        if image.width * image.height > MAX_PIXELS:
            raise UserError(f"has {image.width * image.height / 1e6:.0f} megapixels; the limit is 100")
        several = image.format == "MPO"  # a JPEG followed by others
        kind = "JPEG" if several else str(image.format)
        frames, bits = getattr(image, "n_frames", 1), _bits(image, Path(path))
        image.seek(0)
        what = ("picture", "pictures") if several else ("frame or page", "frames or pages")
        unread = [f"the {f'{frames - 1} {what[1]}' if frames > 2 else what[0]} after the first"] * (frames > 1)
        unread += [f"the lower {bits - 8} of {bits} bits"] * (bits > 8)
        metadata = read_metadata(image, path)
        ImageOps.exif_transpose(image, in_place=True)
        image.load()
        pixels, alpha = parts(image)
        if image.mode in CONVERTED:
            unread.append(f"its colours as {image.mode}")
            metadata.profile = b""
        return Picture(pixels, alpha, kind, metadata, tuple(unread), kind == "WEBP" and _lossless(Path(path)))


def parts(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of a Pillow image, uint8 (h, w, 1 or 3), 1 if it is gray, and its alpha, uint8 (h, w), or None."""
    gray = image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")
    alpha = None
    if image.mode.startswith("I"):
        clear = image.info.get("transparency")
        alpha = None if clear is None else np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)
        base = to_8_bits(image)
    elif image.has_transparency_data:
        whole = image.convert("RGBA")
        alpha = np.asarray(whole.getchannel("A"))
        base = whole.convert("RGB").convert("L") if gray else whole.convert("RGB")
    else:
        base = to_8_bits(_by_profile(image))
    pixels = np.asarray(base)
    return pixels[..., None] if pixels.ndim == 2 else pixels, alpha


def _by_profile(image: Image.Image) -> Image.Image:
    """CMYK as sRGB by its colour profile; unchanged without a profile."""
    profile = image.info.get("icc_profile")
    if image.mode != "CMYK" or not profile:
        return image
    try:
        made = ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    return made or image


def _bits(image: Image.Image, path: Path) -> int:
    """The bits per channel in a picture's file if above 8, otherwise 8."""
    if image.mode.startswith("I") or any(";16" in str(part) for part in getattr(image, "tile", ())):
        return 16
    if image.format == "AVIF":
        with open(path, "rb") as file:
            head = file.read(4096)
        at = head.find(b"pixi")  # box: version and flags, number of channels, bits of each
        return max(8, *head[at + 9 : at + 9 + head[at + 8]]) if 0 <= at < len(head) - 12 else 8
    return max(8, int(image.info.get("bit_depth", 8)))


def _lossless(path: Path) -> bool:
    """Whether a WebP is lossless, at least in its first frame."""
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, length = struct.unpack("<4sI", head)
            if name in (b"VP8 ", b"VP8L"):
                return name == b"VP8L"
            file.seek(16 if name == b"ANMF" else length + length % 2, 1)  # into a frame
    return False
