"""Restore pictures of any size with an exported model: in overlapping tiles, row by row of them, in bounded memory."""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from tfgans import models
from tfgans.card import read_card
from tfgans.data.colour import lab_to_rgb, lightness, rgb_to_lab
from tfgans.errors import UserError
from tfgans.files import to_uint8, whole, write_png
from tfgans.inference.export import Exported
from tfgans.inference.image_files import Picture, check_format, read_picture, write_picture

log = logging.getLogger(__name__)

TILE = 160  # pixels of the source: SRGAN then takes half a gigabyte for a tile (0.9 with 224)
RAMP = 16  # over so many pixels of the source one tile fades into the next
# Pixels between the fading and a tile's edge. What differs at the edge spreads through SRGAN's 34 convolutions of 3x3
# like a random walk of standard deviation sqrt(34 * 2/3) = 4.8 pixels: 24 are five of them. (At most it reaches 40.)
MARGIN = 24
SMALLEST_TILE = 32
LARGEST_COLOURED = 512  # pixels a side at most of what a colourizer sees of a picture
SHEET = 768  # at most so many pixels a side of each picture on a sheet
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601

# --- tiles ------------------------------------------------------------------------------------------------------------


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


# --- files ------------------------------------------------------------------------------------------------------------


def restore_files(
    model: str | Path,
    paths: list[Path],
    *,
    output: Path = Path("restored"),
    sheet: bool = False,
    force: bool = False,
    tile: int | None = None,
) -> tuple[list[Path], list[str]]:
    """Restore picture files into a folder, under their own names and in their own formats.

    Returns what was written and, one line each, what was not and why: one bad file does not keep the others.

    Raises UserError for what is wrong with all of them: the model, the output folder, the tile size.
    """
    if tile is not None and tile < SMALLEST_TILE:
        raise UserError(f"--tile must be at least {SMALLEST_TILE}, not {tile}")
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; give a folder with -o")
    exported = Exported(model)
    if exported.channels not in (1, 3):
        raise UserError(f"{exported.path} restores no pictures: its endpoints are {', '.join(exported.endpoints)}")
    factor = factor_of(exported)
    size = trained_size(exported, factor)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{output} cannot be made ({error.strerror}); give another folder with -o") from error
    done: list[Path] = []
    failed: list[str] = []
    for path in paths:
        wanted = [output / path.name] + ([output / f"{path.stem}-sheet.png"] if sheet else [])
        try:
            for place in wanted:
                _check_place(path, place, done, force)
            picture = read_picture(path)
            _restore_file(exported, factor, path.name, picture, wanted, tile or TILE)
        except Exception as error:  # decoders raise nearly anything on a damaged file, and the others are to be done
            failed.append(f"{path}: {_reason(error)}")
        else:
            done += wanted
            if picture.unread:
                log.warning("%s: without %s", path, picture.unread)
            if size not in (None, picture.pixels.shape[:2]):
                height, width = picture.pixels.shape[:2]
                log.warning(
                    "%s has %dx%d pixels; %s learned to restore whole pictures of %dx%d and makes little of others",
                    *(path, width, height, exported.path.name, *size[::-1]),
                )
    return done, failed


def trained_size(model: Exported, factor: int) -> tuple[int, int] | None:
    """(h, w) of what an enlarging model was given, where its training took whole pictures scaled to one size.

    None where its card does not say so, or is damaged, or of a recipe that is no more: it restores all the same.
    """
    try:
        card = read_card(model.path)
        if factor == 1 or "recipe" not in card or models.recipe(card["gan"], card["recipe"]).crop:
            return None
    except UserError:
        return None
    height, width, _ = card["image_shape"]
    return height // factor, width // factor


def _check_place(path: Path, place: Path, done: list[Path], force: bool) -> None:
    if place.exists() and path.exists() and place.samefile(path):
        raise UserError("would replace the picture itself; give another folder with -o")
    if place in done:
        raise UserError(f"another picture was written to {place}; restore it into another folder")
    if place.is_dir() or (place.exists() and not force):
        raise UserError(f"{place} exists" + ("" if place.is_dir() else "; --force replaces it"))


def _restore_file(model: Exported, factor: int, name: str, picture: Picture, places: list[Path], tile: int) -> None:
    height, width = (side * factor for side in picture.pixels.shape[:2])
    check_format(picture.format, height, width)
    tiles = 1 if model.colours else count_tiles(picture.pixels.shape[0], picture.pixels.shape[1], tile)
    if model.colours and picture.pixels.shape[-1] == 1:
        picture = dataclasses.replace(picture, profile=None)  # of gray pixels
    with tqdm(total=tiles, desc=name, unit="tile", leave=False, disable=tiles == 1, mininterval=1.0) as bar:
        strips = restored_strips(model, picture.pixels, factor, tile, bar.update)
        after = Window(height, width)
        if len(places) > 1:
            strips = after.watch(strips)
        if picture.alpha is not None:
            strips = _with_alpha(strips, _resized(picture.alpha, height, width))
        with whole(places[0]) as temporary, open(temporary, "wb") as file:
            write_picture(file, strips, height, width, picture)
    if len(places) > 1:
        write_png(places[1], _sheet(picture, after, factor))


def _with_alpha(strips: Iterable[np.ndarray], alpha: np.ndarray) -> Iterator[np.ndarray]:
    y = 0
    for strip in strips:
        yield np.concatenate([strip, alpha[y : y + len(strip), :, None]], axis=-1)
        y += len(strip)


def _resized(plane: np.ndarray, height: int, width: int) -> np.ndarray:
    """A uint8 plane (h, w) at another size, bicubic."""
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC))


class Window:
    """The middle of a picture, at most SHEET pixels a side, cut from its strips as they pass."""

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = min(height, SHEET), min(width, SHEET)
        self.top, self.left = (height - self.height) // 2, (width - self.width) // 2
        self.rows: list[np.ndarray] = []

    def watch(self, strips: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        y = 0
        for strip in strips:
            inside = strip[max(0, self.top - y) : max(0, self.top + self.height - y)]
            self.rows.append(inside[:, self.left : self.left + self.width].copy())
            y += len(strip)
            yield strip


def _sheet(picture: Picture, after: Window, factor: int) -> np.ndarray:
    """Before (enlarged bicubically) on the left, after on the right: uint8, a white line between them."""
    left, top = after.left / factor, after.top / factor
    box = (left, top, left + after.width / factor, top + after.height / factor)
    planes = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture.pixels[..., k])).resize(
                (after.width, after.height), Image.Resampling.BICUBIC, box
            )
        )
        for k in range(picture.pixels.shape[-1])
    ]
    before = np.stack(planes, axis=-1)
    before = np.broadcast_to(before, (after.height, after.width, after.rows[0].shape[-1]))
    gap = np.full((after.height, 4, before.shape[-1]), 255, np.uint8)
    return np.concatenate([before, gap, np.concatenate(after.rows)], axis=1)


def _reason(error: Exception) -> str:
    """One line of what went wrong with a file."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "is a folder; name the pictures in it"
    if isinstance(error, PermissionError):
        return "cannot be read or written"
    if isinstance(error, Image.DecompressionBombError):
        return "has too many pixels"
    if isinstance(error, Image.UnidentifiedImageError):
        return "is not a picture in a known format"
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return "took more memory than there is; make the tiles smaller with --tile"
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{text or type(error).__name__}"
