"""`ImageSet`, the result of reading any source of images, and the conversions involved."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfgans.data.store import Pixels
from tfgans.errors import UserError

if TYPE_CHECKING:
    from tfgans.data.palettes import Palette

MAX_BYTES = 4 << 30  # limit for images that are computed as a whole
MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Decoded images, in a fixed order, possibly of different sizes; or points (`tfgans.data.points`), or maps.

    | encoding | what `pixels` holds |
    |---|---|
    | image | uint8, 1 or 3 channels |
    | points | float32 in [-1, 1]: points of the plane, shape (1, 1, 2) |
    | classes | uint8 ids below the palette's length, shape (h, w, 1) |
    | instances | uint16 ids, shape (h, w, 1) |
    """

    name: str
    pixels: np.ndarray  # flat: the images one after another; a np.memmap if they are too many for memory
    shapes: np.ndarray  # int64 (n, 3): h, w, c
    labels: np.ndarray | None = None  # int32 (n,), or (n, k) of 0 and 1: k attributes
    class_names: tuple[str, ...] = ()  # or the attributes'
    skipped: tuple[tuple[str, str], ...] = ()  # (file, reason), of a folder
    encoding: str = "image"
    names: tuple[str, ...] = ()  # of the files, below the set's folder and without suffix; () where there are no files
    palette: "Palette | None" = None  # of classes
    stamps: tuple[tuple[str, int, str], ...] = ()  # of the files: path below the folder, bytes, hash of the contents

    def __len__(self) -> int:
        return len(self.shapes)

    @cached_property
    def offsets(self) -> np.ndarray:
        """The start of each image in `pixels`, and the end: int64 (n + 1,)."""
        return np.concatenate([[0], np.cumsum(self.shapes.prod(axis=1))])

    @property
    def points(self) -> bool:
        """Whether these are points of the plane rather than images."""
        return self.encoding == "points"

    @property
    def on_disk(self) -> bool:
        """Whether the pixels are in a file (`tfgans.data.store`)."""
        return isinstance(self.pixels, np.memmap)

    @property
    def uniform(self) -> bool:
        return bool((self.shapes == self.shapes[:1]).all())

    def image(self, i: int) -> np.ndarray:
        """Image `i`, (h, w, c)."""
        i = range(len(self))[i]  # negative indices count from the end, others raise IndexError
        return self.pixels[self.offsets[i] : self.offsets[i + 1]].reshape(self.shapes[i])

    @property
    def images(self) -> np.ndarray:
        """All images, (n, h, w, c), without a copy. ValueError when their sizes differ."""
        if not self.uniform:
            low, high = self.shapes.min(axis=0).tolist(), self.shapes.max(axis=0).tolist()
            raise ValueError(
                f"the images of '{self.name}' differ in shape, from {low} to {high}: load with image_shape"
            )
        return self.pixels.reshape(-1, *self.shapes[0])

    def subset(self, indices: np.ndarray) -> "ImageSet":
        """The images at `indices` (integers), in that order."""
        if self.points:
            pixels, shapes = self.images[indices].ravel(), self.shapes[indices]
        else:
            pixels, shapes = pack(self.name, (self.image(i) for i in indices), self.pixels.dtype)
        return replace(
            self,
            pixels=pixels,
            shapes=shapes,
            labels=None if self.labels is None else self.labels[indices],
            names=tuple(self.names[i] for i in indices) if self.names else (),
            stamps=tuple(self.stamps[i] for i in indices) if self.stamps else (),
        )


def pack(
    name: str, images: Iterable[np.ndarray], dtype: np.typing.DTypeLike = np.uint8
) -> tuple[np.ndarray, np.ndarray]:
    """Images, `dtype` (h, w, c) each, as (pixels, shapes) of an `ImageSet`, in memory or in a file (`store.Pixels`)."""
    pixels, shapes = Pixels(name), []
    for image in images:
        pixels.add(np.asarray(image, dtype))
        shapes.append(image.shape)
    return pixels.array(dtype), np.array(shapes, np.int64).reshape(-1, 3)


def check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise UserError(
            f"'{name}' decoded takes {'more than ' * (size < 1.1 * MAX_BYTES)}{size / 2**30:.1f} GB of memory and the "
            f"limit is {MAX_BYTES / 2**30:.1f}: limit the number of images or choose a smaller image size"
        )


def check_options(image_shape: tuple[int, int, int] | None, limit: int | None) -> None:
    if image_shape is not None and (len(image_shape) != 3 or min(image_shape) < 1 or image_shape[2] not in MODES):
        raise UserError(f"an image shape is height, width and 1 or 3 channels, not {tuple(image_shape)}")
    if limit is not None and limit < 1:
        raise UserError(f"the number of images must be at least 1, not {limit}")


def spread(n: int, limit: int | None) -> np.ndarray:
    """`limit` of n indices, evenly spaced, so that sorted classes keep their shares."""
    k = n if limit is None else min(limit, n)
    return np.arange(k) * n // max(k, 1)


def to_8_bits(image: Image.Image) -> Image.Image:
    """Any Pillow image as "L" or "RGB", on white if transparent. Raises UserError for pixels of unknown range."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        # Pillow's own conversion clips at 255 instead of scaling: 65535 / 255 = 257.
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UserError("has 32-bit pixels of unknown range")
    mode = "L" if image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, "white")
        paper.alpha_composite(image.convert("RGBA"))
        image = paper
    return image if image.mode == mode else image.convert(mode)


def centre(width: int, height: int, h: int, w: int) -> tuple[float, float, float, float]:
    """The largest centred part of a `width` x `height` picture with proportions h : w, as (x, y, x, y)."""
    part_h, part_w = min(height, width * h / w), min(width, height * w / h)
    left, top = (width - part_w) / 2, (height - part_h) / 2
    return left, top, left + part_w, top + part_h


def fit(image: Image.Image, image_shape: tuple[int, int, int] | None, keep_size: bool) -> np.ndarray:
    """An "L" or "RGB" image as uint8 (h, w, c).

    The largest centred part of the right proportions is scaled (bicubic, antialiased) to `image_shape`. With
    `keep_size` only the number of channels changes; without `image_shape` nothing does.
    """
    if image_shape is not None:
        h, w, c = image_shape
        image = image if image.mode == MODES[c] else image.convert(MODES[c])
        if not keep_size and image.size != (w, h):
            image = image.resize((w, h), Image.Resampling.BICUBIC, centre(*image.size, h, w))
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def fit_arrays(
    images: Iterable[np.ndarray], image_shape: tuple[int, int, int] | None, keep_size: bool
) -> Iterator[np.ndarray]:
    """`fit` for batches of decoded images, uint8 (n, h, w, c) each: yields the single images, uint8 (h, w, c)."""

    def convert(array: np.ndarray) -> np.ndarray:
        image = Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)
        return fit(to_8_bits(image), image_shape, keep_size)

    with ThreadPoolExecutor(2) as pool:
        for batch in images:
            done = image_shape is None or (batch.shape[3] == image_shape[2] and keep_size)
            yield from batch if done or batch.shape[1:] == tuple(image_shape or ()) else pool.map(convert, batch)
