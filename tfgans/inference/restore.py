"""Restore pictures of any size with an exported model: in overlapping tiles, row by row of them, in bounded memory."""

import dataclasses
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from tfgans import models
from tfgans.card import read_card
from tfgans.errors import UserError
from tfgans.files import whole
from tfgans.images import write_png
from tfgans.inference.exported import Exported
from tfgans.inference.image_files import Picture, check_format, read_picture, write_picture
from tfgans.inference.tiling import SMALLEST_TILE, TILE, count_tiles, factor_of, restored_strips

log = logging.getLogger(__name__)

SHEET = 768  # at most so many pixels a side of each picture on a sheet

# --- tiles ------------------------------------------------------------------------------------------------------------


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
        if factor == 1 or card is None or models.recipe(card.gan, card.recipe).crop:
            return None
    except UserError:
        return None
    height, width, _ = card.image_shape
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
