"""Images of any size through a model: in overlapping tiles, a row of them at a time, in bounded memory."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgans.data.colour import lab_to_rgb, lightness, rgb_to_lab
from tfgans.errors import UserError
from tfgans.images import to_uint8
from tfgans.inference.exported import Exported

TILE = 160  # pixels of the source: SRGAN then takes half a gigabyte for a tile (0.9 with 224)
RAMP = 16  # over so many pixels of the source one tile fades into the next
# Pixels between the fading and a tile's edge. What differs at the edge spreads through SRGAN's 34 convolutions of 3x3
# like a random walk of standard deviation sqrt(34 * 2/3) = 4.8 pixels: 24 are five of them. (At most it reaches 40.)
MARGIN = 24
SMALLEST_TILE = 32
LARGEST_COLOURED = 512  # pixels a side at most of what a colourizer sees of a picture
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601


def tile_starts(n: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin that cover n pixels, evenly spaced, neighbours sharing at least `overlap`."""
    if n <= tile:
        return [0]
    count = -(-(n - overlap) // (tile - overlap))
    return [round(i * (n - tile) / (count - 1)) for i in range(count)]


def tile_weights(starts: list[int], tile: int, ramp: int, factor: int) -> list[np.ndarray]:
    """The weight of each tile along one axis, float32 (tile * factor,): 1, but linear ramps, `ramp` source pixels wide,
    in the middle of what it shares with its neighbours, and 0 beyond. Over all tiles they sum to 1 everywhere."""
    at = np.arange(tile * factor) + 0.5

    def rise(left: int, right: int, origin: int) -> np.ndarray:
        middle = (right + left + tile) / 2 - origin  # of what the tiles at `left` and `right` share
        return np.clip((at / factor - middle) / ramp + 0.5, 0.0, 1.0)

    weights = []
    for i, start in enumerate(starts):
        weight = np.ones(tile * factor)
        if i > 0:
            weight *= rise(starts[i - 1], start, start)
        if i + 1 < len(starts):
            weight *= 1.0 - rise(start, starts[i + 1], start)
        weights.append(weight.astype(np.float32))
    return weights


def enlarger(model: Exported) -> Callable[[np.ndarray], np.ndarray]:
    """The model as a function of one image, float32 (h, w, c) in [0, 1], with 1 or 3 channels whatever the model has:
    it sees a gray one in three equal channels, or the channels of a coloured one one by one."""

    def enlarge(image: np.ndarray) -> np.ndarray:
        channels = image.shape[-1]
        if channels == model.channels:
            return model.restore(image[None])[0]
        if channels == 1:
            return (model.restore(np.repeat(image, 3, axis=-1)[None])[0] @ LUMA)[..., None]
        return model.restore(image.transpose(2, 0, 1)[..., None])[..., 0].transpose(1, 2, 0)

    return enlarge


def factor_of(model: Exported) -> int:
    """By how much the model enlarges, found by trying it. UserError where that is no whole number."""
    side = 32
    made = model.restore(np.zeros((1, side, side, model.channels or 3), np.float32)).shape
    if made[1] != made[2] or made[1] % side or not made[1]:
        raise UserError(
            f"{model.path} makes {made[2]}x{made[1]} of {side}x{side} pixels; 'restore' needs whole factors"
        )
    return made[1] // side


def restored_strips(
    model: Exported, pixels: np.ndarray, factor: int, tile: int = TILE, progress: Callable[[], object] = lambda: None
) -> Iterator[np.ndarray]:
    """The restored image from top to bottom, in strips uint8 (any, w * factor, c), of `pixels`, uint8 (h, w, 1 or 3).

    Held in memory: one row of tiles. `progress` is called after each tile.
    """
    if model.colours:
        yield from coloured_strips(model, pixels)
        progress()
        return
    overlap, ramp = overlap_of(tile)
    enlarge = enlarger(model)
    height, width, channels = pixels.shape
    tall, wide = min(tile, height), min(tile, width)
    tops, lefts = tile_starts(height, tile, overlap), tile_starts(width, tile, overlap)
    down, across = tile_weights(tops, tall, ramp, factor), tile_weights(lefts, wide, ramp, factor)
    rows = np.zeros((tall * factor, width * factor, channels), np.float32)
    for i, top in enumerate(tops):
        for left, weight in zip(lefts, across, strict=True):
            part = pixels[top : top + tall, left : left + wide].astype(np.float32) / 255
            made = enlarge(part)
            made *= down[i][:, None, None] * weight[:, None]
            rows[:, left * factor : (left + wide) * factor] += made
            progress()
        final = (tops[i + 1] - top if i + 1 < len(tops) else tall) * factor  # rows that no later tile adds to
        for y in range(0, final, 64):
            yield to_uint8(rows[y : min(y + 64, final)])
        rest = len(rows) - final
        for y in range(0, rest, 64):  # up by `final`, in place and piece by piece
            rows[y : min(y + 64, rest)] = rows[y + final : min(y + 64, rest) + final].copy()
        rows[rest:] = 0


def coloured_strips(model: Exported, pixels: np.ndarray) -> Iterator[np.ndarray]:
    """`pixels`, uint8 (h, w, 1 or 3), coloured by a model of gray images: uint8 strips (any, w, 3).

    The model sees the whole picture, a large one shrunken, as tiles would differ in colour. Its a and b are enlarged
    and laid on the lightness of each pixel; the picture's own colours are not used.
    """
    height, width, channels = pixels.shape
    whole_picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    scale = min(1.0, LARGEST_COLOURED / max(height, width))
    size = (max(1, round(scale * width)), max(1, round(scale * height)))
    small = np.asarray(whole_picture.resize(size, Image.Resampling.BICUBIC)).reshape(*size[::-1], channels)
    gray = (lightness(tf.constant(small, tf.float32) / 127.5 - 1.0).numpy() + 1.0) / 2.0
    lab = rgb_to_lab(2.0 * model.restore(gray[None])[0] - 1.0).numpy()
    planes = [Image.fromarray(lab[..., k]) for k in (1, 2)]
    for y in range(0, height, 64):
        part = pixels[y : y + 64].astype(np.float32) / 127.5 - 1.0
        box = (0, y * size[1] / height, size[0], (y + len(part)) * size[1] / height)
        a_b = [plane.resize((width, len(part)), Image.Resampling.BICUBIC, box) for plane in planes]
        own = rgb_to_lab(np.broadcast_to(part, (*part.shape[:2], 3)))[..., 0]
        yield to_uint8((lab_to_rgb(tf.stack([own, *a_b], -1)).numpy() + 1.0) / 2.0)


def overlap_of(tile: int) -> tuple[int, int]:
    """(overlap, ramp) in source pixels for tiles of a size; small tiles share half of themselves."""
    overlap = min(2 * MARGIN + RAMP, tile // 2)
    return overlap, min(RAMP, overlap // 2)


def count_tiles(height: int, width: int, tile: int = TILE) -> int:
    overlap, _ = overlap_of(tile)
    return len(tile_starts(height, tile, overlap)) * len(tile_starts(width, tile, overlap))


def restore_array(model: Exported, pixels: np.ndarray, tile: int = TILE) -> np.ndarray:
    """`pixels`, uint8 (h, w, 1 or 3), restored: uint8 (h * factor, w * factor, c).

    An image no larger than a tile is given to the model as it is, which then may be a model of images of one size.
    """
    if max(pixels.shape[:2]) <= tile and not model.colours:
        return to_uint8(enlarger(model)(pixels.astype(np.float32) / 255))
    return np.concatenate(list(restored_strips(model, pixels, factor_of(model), tile)))
