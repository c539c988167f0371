"""Pictures as arrays: as numbers in [0, 1], and at another size."""

import numpy as np
from PIL import Image


def plain(pixels: np.ndarray) -> np.ndarray:
    """uint8 as float32 in [0, 1]; floats as float32, and ids as they are."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / 255
    return pixels.astype(np.float32) if np.issubdtype(pixels.dtype, np.floating) else pixels


def resized(
    pixels: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """A picture (h, w, c), or the `box` (left, top, right, bottom) of it, at another size (height, width).

    uint8 and floats bicubically; ids and masks by the nearest pixel.
    """
    if pixels.shape[:2] == size and box is None:
        return pixels
    smooth = pixels.dtype == np.uint8 or np.issubdtype(pixels.dtype, np.floating)
    kept = pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32 if smooth else np.int32)
    filter_ = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    planes = [
        np.asarray(Image.fromarray(np.ascontiguousarray(kept[..., k])).resize(size[::-1], filter_, box))
        for k in range(kept.shape[-1])
    ]
    return np.stack(planes, axis=-1).astype(pixels.dtype)
