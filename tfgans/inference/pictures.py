"""Applying a model to picture files: the implementation of `tfgans restore`, `fill` and `translate`."""

import dataclasses
import logging
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from tfgans.errors import UserError
from tfgans.files import whole
from tfgans.images import write_png
from tfgans.inference import upscale
from tfgans.inference.exported import Exported
from tfgans.inference.image_files import Picture, read_picture
from tfgans.inference.image_writers import check_format, write_picture
from tfgans.inference.invert import translator
from tfgans.inference.label_maps import read_instance_map, read_label_map, takes_instances
from tfgans.inference.metadata import resolution
from tfgans.inference.places import Job, check_place, plan
from tfgans.inference.scaling import resized, spread
from tfgans.inference.tiling import SMALLEST_TILE, Pictures, pictures_of
from tfgans.inference.upscale import Upscaler

log = logging.getLogger(__name__)

SHEET = 768  # pixels a side, at most, of each picture on a sheet
LIGHT = 128  # pixels of a mask file with a channel at least this high are in the hole


@dataclasses.dataclass
class Opened:
    """A picture file: the model's input, and the position of its hole."""

    picture: Picture
    pixels: np.ndarray  # uint8 (h, w, 1 or 3), or int32 ids (h, w, 1 or 2)
    mask: np.ndarray | None = None  # bool (h, w)
    shown: np.ndarray | None = None  # uint8 (h, w, 1 or 3): before, on a sheet

    @property
    def unchanged(self) -> bool:
        """Whether holes are to be filled and there are none."""
        return self.mask is not None and not self.mask.any()


def restore_files(model: str | Path, paths: list[Path], **options: Any) -> tuple[list[Path], list[str]]:
    """Restore or enlarge picture files; see `process`. The model `upscale` stands for the one that suits each file."""
    pictures = Upscaler() if upscale.asked(model) else pictures_of(Exported(model), "restore")
    return process(pictures, lambda path: opened(path), paths, **options)


def fill_files(
    model: str | Path, paths: list[Path], *, mask: Path | None = None, **options: Any
) -> tuple[list[Path], list[str]]:
    """Fill the holes of picture files; see `process`.

    Holes are the light pixels of the picture `mask`, of the same size, or the pixels that are not fully opaque; in
    that case the result is opaque. A picture without holes is copied.
    """
    holes = None if mask is None else read_mask(mask)
    return process(pictures_of(Exported(model), "fill"), lambda path: with_hole(path, holes), paths, **options)


def translate_files(
    model: str | Path,
    paths: list[Path],
    *,
    to: str | None = None,
    seed: int = 0,
    instances: Path | None = None,
    **options: Any,
) -> tuple[list[Path], list[str]]:
    """Translate picture files, or label maps, into another domain; see `process` and `Exported.translate`.

    `instances` is the instance map of a label map, or a folder of maps with the same names. By default, touching
    pixels of one class form an object.
    """
    exported = Exported(model)
    pictures = translator(exported, to, seed)
    palette = exported.declaration.get("palette")
    if instances is not None and not takes_instances(pictures.endpoint):
        raise UserError(f"{exported.path.name} takes no instance maps; leave --instances out")

    def read(path: Path) -> Opened:
        return opened(path, pictures, palette, instances)

    return process(pictures, read, paths, **options)


def show(path: Path) -> None:
    """Print the path of a finished file immediately."""
    print(path, flush=True)


def opened(
    path: Path,
    pictures: Pictures | None = None,
    palette: list[list[int]] | None = None,
    instances: Path | None = None,
) -> Opened:
    """A picture file as the model's input; for label maps the ids, and those of the objects if there is a file."""
    picture = read_picture(path)
    if pictures is None or pictures.given.encoding != "classes":
        pixels = picture.pixels if picture.alpha is None else spread(picture.pixels, picture.alpha)
        return Opened(picture, pixels, shown=pixels)
    ids, note = read_label_map(path, int(pictures.given.high), palette)
    picture.alpha = None
    if note:
        log.warning("%s: %s", path, note)
    if instances is not None:
        ids = np.concatenate([ids, _objects(instances, path, ids.shape[:2])], axis=-1)
    return Opened(picture, ids)


def _objects(instances: Path, path: Path, size: tuple[int, int]) -> np.ndarray:
    """The instance map of the label map `path`: `instances`, or the file of that name in the folder `instances`."""
    place = instances / path.name if instances.is_dir() else instances
    try:
        found = read_instance_map(place)
    except Exception as error:
        raise UserError(f"its instance map {place}: {_reason(error)}") from error
    if found.shape[:2] != size:
        raise UserError(f"has {size[1]}x{size[0]} pixels, and its instance map {found.shape[1]}x{found.shape[0]}")
    return found


def read_mask(path: Path) -> np.ndarray:
    """A mask, bool (h, w): True where a picture is light and not transparent."""
    try:
        picture = read_picture(path)
    except Exception as error:
        raise UserError(f"{path}: {_reason(error)}") from error
    mask = picture.pixels.max(axis=-1) >= LIGHT
    if picture.alpha is not None:
        mask &= picture.alpha >= LIGHT
    if not mask.any():
        log.warning("%s marks no hole: its pixels in the hole must be light, the others dark", path)
    return mask


def with_hole(path: Path, mask: np.ndarray | None) -> Opened:
    """A picture file with its hole: the light part of a mask, or the transparent part of the picture."""
    picture = read_picture(path)
    alpha, (height, width) = picture.alpha, picture.pixels.shape[:2]
    seen = picture.pixels
    if mask is not None:
        if mask.shape != (height, width):
            raise UserError(f"has {width}x{height} pixels, and the mask {mask.shape[1]}x{mask.shape[0]}")
        seen = seen if alpha is None else spread(seen, alpha)
    elif alpha is None or alpha.min() == 255:
        mask = np.zeros((height, width), bool)
        make = "make it transparent there, or give --mask FILE, a picture that is light in the hole"
        log.warning("%s has no hole and stays as it is: %s", path, make)
    else:
        mask = alpha < 255
        picture.alpha = None
    if mask.all():
        raise UserError("is nothing but a hole: it has no known pixels to fill it from")
    if picture.format == "GIF":  # only its own colours, so that all known pixels keep theirs
        known = ~mask if picture.alpha is None else ~mask & (picture.alpha >= LIGHT)
        picture.palette = np.unique(picture.pixels[known], axis=0)
    return Opened(picture, seen, mask, np.where(mask[..., None], np.uint8(127), seen))


def process(
    pictures: Pictures | Callable[[Path], Pictures],
    read: Callable[[Path], Opened],
    paths: list[Path],
    *,
    output: Path = Path("restored"),
    sheet: bool = False,
    force: bool = False,
    tile: int | None = None,
    done: Callable[[Path], object] = lambda path: None,
) -> tuple[list[Path], list[str]]:
    """Process picture files, and those in folders, and write the results under the same names and in the same formats.

    `pictures` may choose a model for each file. `output` is a folder, in which sub-folders are kept, or, for one
    picture, a file whose suffix determines the format. `done` is called with each file that is written. Returns all
    of these and one line for each file that failed, with the reason: a bad file does not stop the others.

    Raises UserError for errors that concern all of them: the model, the output folder, the tile size.
    """
    if tile is not None and tile < SMALLEST_TILE:
        raise UserError(f"--tile must be at least {SMALLEST_TILE}, not {tile}")
    if isinstance(pictures, Pictures):
        if tile is not None and not pictures.endpoint.tiles:
            raise UserError("this model processes whole pictures; leave --tile out")
        pictures.given  # noqa: B018  (raises if an endpoint takes several)
    jobs, failed = plan(paths, output, sheet)
    written: list[Path] = []
    with _quiet(), _bar(len(jobs)) as bar:
        for i, job in enumerate(jobs):
            bar.set_description_str(f"{job.path.name} ")
            try:
                for place in job.places:
                    check_place(job.path, place, force)
                file = read(job.path)
                with tqdm.external_write_mode():  # for log lines of the choice
                    own = pictures if isinstance(pictures, Pictures) else pictures(job.path)
                lost = _write(own, file, job, tile, bar.update)
            except Exception as error:  # decoders raise nearly anything; the other pictures go on
                failed.append(f"{job.path}: {_reason(error, job)}")
            else:
                written += job.places
                with tqdm.external_write_mode():
                    for place in job.places:
                        done(place)
                    if lost:
                        log.warning("%s: without %s", job.path, " and ".join(lost))
                    note = own.note(file.pixels, file.mask)
                    if note:
                        log.warning("%s %s", job.path, note)
            bar.update(i + 1 - bar.n)
    return written, failed


def _bar(n: int) -> "tqdm[NoReturn]":
    """A progress bar over n pictures on a terminal; tiles advance it by fractions."""
    size = shutil.get_terminal_size()  # 80x24 if the terminal does not report it
    form = "{desc}{percentage:3.0f}%|{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]"
    return tqdm(total=n, disable=None, leave=False, ncols=size.columns, nrows=size.lines, bar_format=form)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Pillow's warnings about odd files, which name neither the file nor the consequence."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _write(
    pictures: Pictures, file: Opened, job: Job, tile: int | None, progress: Callable[[float], object]
) -> list[str]:
    """Write a picture; returns descriptions of what was lost."""
    picture, sides = file.picture, file.pixels.shape[:2]
    kind = job.format or picture.format
    height, width = pictures.made(sides[0], sides[1])
    check_format(kind, height, width)
    if kind != picture.format and not picture.metadata.dpi:
        picture.metadata.dpi = resolution(picture.metadata.exif)
    after = Window(height, width)
    strips, lost = _made(pictures, file, tile, progress), list(picture.unread)
    if (picture.pixels.shape[-1] == 1) != (pictures.channels_made(file.pixels.shape[-1]) == 1):
        if picture.metadata.profile:
            lost.append("its colour profile, of " + ("gray" if picture.pixels.shape[-1] == 1 else "colours"))
        picture = dataclasses.replace(picture, metadata=dataclasses.replace(picture.metadata, profile=b""))
    if len(job.places) > 1:
        strips = after.watch(strips)
    if picture.alpha is not None:
        strips = _with_alpha(strips, resized(picture.alpha[..., None], (height, width))[..., 0])
    with whole(job.places[0]) as temporary:
        if file.unchanged and kind == picture.format:
            shutil.copyfile(job.path, temporary)
            lost = []
            for _ in strips:
                pass  # for the sheet
        else:
            with open(temporary, "wb") as target:
                lost += write_picture(target, strips, height, width, dataclasses.replace(picture, format=kind))
    if len(job.places) > 1:
        write_png(job.places[1], _sheet(picture.pixels if file.shown is None else file.shown, after, (height, width)))
    return lost


def _made(
    pictures: Pictures, file: Opened, tile: int | None, progress: Callable[[float], object]
) -> Iterator[np.ndarray]:
    """The model's result for a picture, in strips; outside a hole, the picture itself."""
    if file.unchanged:
        yield file.picture.pixels
        return
    tiles = pictures.count(file.pixels.shape[0], file.pixels.shape[1], tile)
    for strip in pictures.strips(file.pixels, file.mask, tile, lambda: progress(1 / tiles)):
        yield strip if file.mask is None else np.where(file.mask[..., None], strip, file.picture.pixels)


def _with_alpha(strips: Iterable[np.ndarray], alpha: np.ndarray) -> Iterator[np.ndarray]:
    y = 0
    for strip in strips:
        yield np.concatenate([strip, alpha[y : y + len(strip), :, None]], axis=-1)
        y += len(strip)


class Window:
    """The centre of a picture, at most SHEET pixels a side, collected from its strips."""

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


def _reason(error: Exception, job: Job | None = None) -> str:
    """The reason why a file failed, in one line."""
    if isinstance(error, OSError) and job and str(error.filename or job.path) != str(job.path):
        return f"{job.places[0]} cannot be written ({error.strerror}); choose another place with -o"
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
        return "needs more memory than is available; use smaller tiles with --tile"
    text = " ".join(str(error).split())
    return text if isinstance(error, UserError) else f"{text or type(error).__name__}"
