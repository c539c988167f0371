"""Filling holes in pictures of any size, each in a window of the size that the model was trained on."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tfgans.endpoint import Endpoint
from tfgans.images import to_uint8
from tfgans.inference.scaling import plain, resized

BATCH = 8  # windows at once
AROUND = 4  # side of a window / side of the largest hole, for models that take windows of any size
BLUR = 2  # pixels by which bicubic shrinking spreads

Box = tuple[slice, slice]
Corner = tuple[int, int]  # (top, left); negative outside the picture


def note(mask: np.ndarray, hole: int | None) -> str:
    """A warning about holes of a mask (h, w) that are too large, or an empty string."""
    sides = [max(b.stop - b.start for b in box) for box in ndimage.find_objects(label(mask))]
    large = max(sides, default=0)
    if hole is None or large <= hole:
        return ""
    return f"has a hole {large} pixels wide; the model fills up to {hole}, so it was filled at a smaller size"


def label(mask: np.ndarray) -> np.ndarray:
    """A number for each hole, int (h, w); pixels that touch at a corner belong to the same hole."""
    return ndimage.label(mask, np.ones((3, 3)))[0]


def filled(
    run: Callable[[np.ndarray, np.ndarray], np.ndarray],
    rules: Endpoint,
    pixels: np.ndarray,
    mask: np.ndarray,
    padded: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Fill the holes of `pixels`, uint8 or float32 (h, w, c); known pixels are bit-identical.

    The model gets a window around each hole: see `window_size`. A model of one `rules.size` was trained with the hole
    in the middle, so its windows are mirrored beyond the borders of the picture; any other with holes anywhere. A
    hole larger than `rules.hole` is filled in a shrunken picture, and the filling is enlarged.

    Args:
        run: images (n, h, w, c) and masks (n, h, w, 1) -> images.
        mask: bool (h, w), True in the holes.
        padded: mirrors an array (h, w, c) up to side lengths that the model accepts.
    """
    result = pixels.copy()
    for scale, boxes in by_scale(mask, rules.hole):
        image, unknown = pixels, mask
        if scale < 1:
            size = (max(1, round(mask.shape[0] * scale)), max(1, round(mask.shape[1] * scale)))
            image = resized(pixels, size)
            # a shrunken pixel is a mixture of all pixels less than BLUR away
            unknown = ndimage.binary_dilation(resized(mask[..., None], size)[..., 0], np.ones((3, 3)), BLUR)
        image, unknown = plain(image), unknown[..., None]
        if rules.size is None:
            image, unknown = padded(image), padded(unknown)
        size = window_size(rules, image.shape)
        windows: list[Corner] = []
        for box in boxes:
            of_others = (each for each in windows if inside(box, scale, each, size, rules.hole))
            middle = rules.hole if rules.size else None
            windows.append(next(of_others, None) or window(box, scale, image.shape[:2], size, middle))
        distinct = list(dict.fromkeys(windows))
        made = dict(zip(distinct, in_windows(run, image, unknown, distinct, size), strict=True))
        for box, corner in zip(boxes, windows, strict=True):
            paste(result, mask, box, made[corner], corner, scale)
    return result


def window_size(rules: Endpoint, shape: tuple[int, ...]) -> tuple[int, int]:
    """The size of a window in a picture of a shape: the declared one, or AROUND times the largest hole.

    For a model that declares neither, it is the whole picture.
    """
    if rules.size:
        return rules.size
    side = max(shape) if rules.hole is None else -(-AROUND * rules.hole // rules.multiple) * rules.multiple
    return min(side, shape[0]), min(side, shape[1])


def by_scale(mask: np.ndarray, hole: int | None) -> list[tuple[float, list[Box]]]:
    """The boxes around all holes, largest first, grouped by the scale at which they are filled."""
    found: dict[float, list[Box]] = {}
    for box in sorted(ndimage.find_objects(label(mask)), key=longest, reverse=True):
        side = longest(box)
        scale = 1.0 if hole is None or side <= hole else max(1, hole - 2 * BLUR) / side
        found.setdefault(scale, []).append(box)
    return list(found.items())


def longest(box: Box) -> int:
    """The longer side of a box."""
    return max(each.stop - each.start for each in box)


def window(box: Box, scale: float, shape: tuple[int, ...], size: tuple[int, ...], middle: int | None) -> Corner:
    """(top, left) of a window of `size` around a hole in a picture of `shape`, shrunken by `scale`.

    The window lies inside the picture; with `middle`, as far as its middle, so many pixels a side, still covers the
    hole.
    """
    corner = []
    for each, side, wanted in zip(box, shape, size, strict=True):
        begin, end = each.start * scale, each.stop * scale
        start = (begin + end - wanted) / 2
        slack = wanted if middle is None else max(0.0, (middle - (end - begin)) / 2)
        inner = max(0, min(start, side - wanted))
        corner.append(round(min(max(inner, start - slack), start + slack)))
    return corner[0], corner[1]


def inside(box: Box, scale: float, corner: Corner, size: tuple[int, ...], hole: int | None) -> bool:
    """Whether the middle of a window, `hole` pixels a side, also covers this hole."""
    for each, start, side in zip(box, corner, size, strict=True):
        edge = 0 if hole is None else (side - hole) / 2
        if each.start * scale < start + edge or each.stop * scale > start + side - edge:
            return False
    return True


def in_windows(
    run: Callable[[np.ndarray, np.ndarray], np.ndarray],
    image: np.ndarray,
    mask: np.ndarray,
    corners: list[Corner],
    size: tuple[int, ...],
) -> list[np.ndarray]:
    """Apply the model to each window of an image (h, w, c) with a mask (h, w, 1)."""
    around = []
    for axis in (0, 1):
        starts = [corner[axis] for corner in corners]
        around.append((max(0, -min(starts)), max(0, max(starts) + size[axis] - image.shape[axis])))
    image, mask = (np.pad(each, (*around, (0, 0)), mode="symmetric") for each in (image, mask))
    made: list[np.ndarray] = []
    for i in range(0, len(corners), BATCH):
        places = [(top + around[0][0], left + around[1][0]) for top, left in corners[i : i + BATCH]]
        cut = [(slice(top, top + size[0]), slice(left, left + size[1])) for top, left in places]
        made += list(run(np.stack([image[each] for each in cut]), np.stack([mask[each] for each in cut])))
    return made


def paste(result: np.ndarray, mask: np.ndarray, box: Box, part: np.ndarray, corner: Corner, scale: float) -> None:
    """Paste the hole in `box` from `part`, the filled window at `corner`, into the result."""
    tall, wide = (each.stop - each.start for each in box)
    top, left = (each.start * scale - start for each, start in zip(box, corner, strict=True))
    if scale == 1:
        made = part[int(top) : int(top) + tall, int(left) : int(left) + wide]
    else:
        inner = (
            max(0.0, left),
            max(0.0, top),
            min(left + wide * scale, part.shape[1]),
            min(top + tall * scale, part.shape[0]),
        )
        made = resized(part.astype(np.float32), (tall, wide), inner)
    floats = np.issubdtype(result.dtype, np.floating)
    made = np.clip(made, 0, 1).astype(result.dtype) if floats else to_uint8(made)
    result[box] = np.where(mask[box][..., None], made, result[box])
