"""Picture files through a model, one by one: what `tfgans restore`, `fill` and `translate` do."""

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from tfgans.errors import UserError
from tfgans.files import whole
from tfgans.images import write_png
from tfgans.inference.exported import Exported
from tfgans.inference.image_files import Picture, check_format, read_picture, write_picture
from tfgans.inference.label_maps import read_label_map
from tfgans.inference.scaling import resized
from tfgans.inference.tiling import SMALLEST_TILE, Pictures, pictures_of

log = logging.getLogger(__name__)

SHEET = 768  # at most so many pixels a side of each picture on a sheet
LIGHT = 128  # of a mask file: pixels with a channel as high are in the hole


@dataclasses.dataclass
class Opened:
    """A picture file, what of it the model is given, and where its hole is."""

    picture: Picture
    pixels: np.ndarray  # uint8 (h, w, 1 or 3), or int32 ids (h, w, 1)
    mask: np.ndarray | None = None  # bool (h, w)


def restore_files(model: str | Path, paths: list[Path], **options: Any) -> tuple[list[Path], list[str]]:
    """Restore or enlarge picture files; see `process`."""
    return process(pictures_of(Exported(model), "restore"), lambda path: opened(path), paths, **options)


def fill_files(
    model: str | Path, paths: list[Path], *, mask: Path | None = None, **options: Any
) -> tuple[list[Path], list[str]]:
    """Fill the holes of picture files; see `process`.

    Holes are the light pixels of the picture `mask`, of the same size, or what is not wholly opaque: then what is
    written is opaque.
    """
    holes = None if mask is None else read_mask(mask)
    return process(pictures_of(Exported(model), "fill"), lambda path: with_hole(opened(path), holes), paths, **options)


def translate_files(
    model: str | Path, paths: list[Path], *, to: str | None = None, seed: int = 0, **options: Any
) -> tuple[list[Path], list[str]]:
    """Translate picture files, or label maps, into another domain; see `process` and `Exported.translate`."""
    exported = Exported(model)
    pictures = pictures_of(exported, exported.translation(to), seed)
    palette = exported.declaration.get("palette")
    return process(pictures, lambda path: opened(path, pictures, palette), paths, **options)


def opened(path: Path, pictures: Pictures | None = None, palette: list[list[int]] | None = None) -> Opened:
    """A picture file, of which a model of label maps is given the ids."""
    picture = read_picture(path)
    if pictures is None or pictures.given.encoding != "classes":
        return Opened(picture, picture.pixels)
    ids, note = read_label_map(path, int(pictures.given.high), palette)
    picture.alpha = None
    if note:
        log.warning("%s: %s", path, note)
    return Opened(picture, ids)


def read_mask(path: Path) -> np.ndarray:
    """Where the pixels of a picture are light, bool (h, w); transparent ones are not. UserError if none is."""
    try:
        picture = read_picture(path)
    except Exception as error:
        raise UserError(f"{path}: {_reason(error)}") from error
    mask = picture.pixels.max(axis=-1) >= LIGHT
    if picture.alpha is not None:
        mask &= picture.alpha >= LIGHT
    if not mask.any():
        raise UserError(f"{path} marks no hole: its pixels in the hole must be light, the others dark")
    return mask


def with_hole(file: Opened, mask: np.ndarray | None) -> Opened:
    """A picture with its hole: of a mask, or where it is transparent. Raises UserError where there is none."""
    alpha, (height, width) = file.picture.alpha, file.pixels.shape[:2]
    if mask is not None:
        if mask.shape != (height, width):
            raise UserError(f"has {width}x{height} pixels, and the mask {mask.shape[1]}x{mask.shape[0]}")
    elif alpha is None or alpha.min() == 255:
        raise UserError("has no hole: make it transparent there, or give --mask FILE, a picture that is light there")
    else:
        mask = alpha < 255
        file.picture.alpha = None
    shown = np.where(mask[..., None], np.uint8(127), file.pixels)
    return Opened(dataclasses.replace(file.picture, pixels=shown), file.pixels, mask)


def process(
    pictures: Pictures,
    read: Callable[[Path], Opened],
    paths: list[Path],
    *,
    output: Path = Path("restored"),
    sheet: bool = False,
    force: bool = False,
    tile: int | None = None,
) -> tuple[list[Path], list[str]]:
    """Write what the model makes of picture files into a folder, under their own names and in their own formats.

    Returns what was written and, one line each, what was not and why: one bad file does not keep the others.

    Raises UserError for what is wrong with all of them: the model, the output folder, the tile size.
    """
    if tile is not None and tile < SMALLEST_TILE:
        raise UserError(f"--tile must be at least {SMALLEST_TILE}, not {tile}")
    if tile is not None and not pictures.endpoint.tiles:
        raise UserError("this model works on whole pictures; leave --tile out")
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; give a folder with -o")
    pictures.given  # noqa: B018  (raises where an endpoint takes several)
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
            file = read(path)
            _write(pictures, file, path.name, wanted, tile)
        except Exception as error:  # decoders raise nearly anything on a damaged file, and the others are to be done
            failed.append(f"{path}: {_reason(error)}")
        else:
            done += wanted
            if file.picture.unread:
                log.warning("%s: without %s", path, file.picture.unread)
            note = pictures.note(file.pixels, file.mask)
            if note:
                log.warning("%s %s", path, note)
    return done, failed


def _check_place(path: Path, place: Path, done: list[Path], force: bool) -> None:
    if place.exists() and path.exists() and place.samefile(path):
        raise UserError("would replace the picture itself; give another folder with -o")
    if place in done:
        raise UserError(f"another picture was written to {place}; restore it into another folder")
    if place.is_dir() or (place.exists() and not force):
        raise UserError(f"{place} exists" + ("" if place.is_dir() else "; --force replaces it"))


def _write(pictures: Pictures, file: Opened, name: str, places: list[Path], tile: int | None) -> None:
    picture, sides = file.picture, file.pixels.shape[:2]
    height, width = pictures.made(sides[0], sides[1])
    check_format(picture.format, height, width)
    tiles = pictures.count(sides[0], sides[1], tile)
    if file.pixels.shape[-1] == 1 and pictures.made_channels == 3 and not pictures.stays_gray:
        picture = dataclasses.replace(picture, profile=None)  # of gray pixels
    with tqdm(total=tiles, desc=name, unit="tile", leave=False, disable=tiles == 1, mininterval=1.0) as bar:
        strips = pictures.strips(file.pixels, file.mask, tile, bar.update)
        after = Window(height, width)
        if len(places) > 1:
            strips = after.watch(strips)
        if picture.alpha is not None:
            strips = _with_alpha(strips, resized(picture.alpha[..., None], (height, width))[..., 0])
        with whole(places[0]) as temporary, open(temporary, "wb") as target:
            write_picture(target, strips, height, width, picture)
    if len(places) > 1:
        write_png(places[1], _sheet(picture.pixels, after, (height, width)))


def _with_alpha(strips: Iterable[np.ndarray], alpha: np.ndarray) -> Iterator[np.ndarray]:
    y = 0
    for strip in strips:
        yield np.concatenate([strip, alpha[y : y + len(strip), :, None]], axis=-1)
        y += len(strip)


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


def _sheet(before: np.ndarray, after: Window, size: tuple[int, int]) -> np.ndarray:
    """Before (enlarged bicubically) on the left, after on the right: uint8, a white line between them."""
    made = np.concatenate(after.rows)
    down, across = before.shape[0] / size[0], before.shape[1] / size[1]
    left, top = after.left * across, after.top * down
    box = (left, top, left + after.width * across, top + after.height * down)
    before = resized(before, (after.height, after.width), box)
    channels = max(before.shape[-1], made.shape[-1])
    before, made = (np.broadcast_to(each, (*each.shape[:2], channels)) for each in (before, made))
    gap = np.full((after.height, 4, channels), 255, np.uint8)
    return np.concatenate([before, gap, made], axis=1)


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
