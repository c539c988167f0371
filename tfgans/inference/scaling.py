"""Conversion of pictures to numbers in [0, 1] and to other sizes."""

import numpy as np
from PIL import Image
from scipy import ndimage

FAINT = 0.004  # weight of surrounding colours relative to a pixel's alpha: they change the visible colour by 1 level


def plain(pixels: np.ndarray) -> np.ndarray:
    """uint8 as float32 in [0, 1]; floats as float32, and ids as they are."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / 255
    return pixels.astype(np.float32) if np.issubdtype(pixels.dtype, np.floating) else pixels


def resized(
    pixels: np.ndarray, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> np.ndarray:
    """Resize a picture (h, w, c), or its `box` (left, top, right, bottom), to (height, width).

    uint8 and floats are resized bicubically, ids and masks by the nearest pixel.
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


def spread(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Spread the visible colours of a picture (h, w, c) into its transparent parts, by its alpha (h, w) of its dtype.

    This keeps the colours under transparent pixels, often black, from bleeding into others. Opaque pixels are
    unchanged; the more transparent a pixel is, the more colour it takes from its surroundings.
    """
    most = 255 if pixels.dtype == np.uint8 else 1
    if (alpha == most).all():
        return pixels
    weight = alpha[..., None].astype(np.float32) / most
    made = _spread(pixels * weight, weight)
    return (made + 0.5).clip(0, 255).astype(np.uint8) if most == 255 else made.clip(0, 1).astype(pixels.dtype)


def _spread(shown: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours of premultiplied ones, filled from neighbours, or recursively from the picture at half its size."""
    height, width = weight.shape[:2]
    if max(height, width) == 1:
        return shown / np.maximum(weight, 1e-6)
    odd = ((0, height % 2), (0, width % 2), (0, 0))
    smaller = [
        np.pad(each, odd).reshape(-(-height // 2), 2, -(-width // 2), 2, each.shape[2]).mean((1, 3))
        for each in (shown, weight)
    ]
    far = _spread(*smaller).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    near, near_weight = (ndimage.uniform_filter(each, (3, 3, 1)) for each in (shown, weight))
    around = (near + FAINT * far) / (near_weight + FAINT)
    faint = FAINT * (1 - weight)
    return (shown + faint * around) / (weight + faint)
