"""Folders of image files, as people have them: mixed formats and modes, and some files that are no good."""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from tfgans.data.image_set import ImageSet, fit, pack, spread, to_8_bits
from tfgans.errors import UserError

log = logging.getLogger(__name__)

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")  # no others: Pillow would hand an EPS to Ghostscript
SPLITS = ("train", "test", "val", "validation")
MAX_PIXELS = 100_000_000  # read from the header: a small file can decode to gigabytes
MIN_SIDE = 8
NAMED = 20  # so many skipped files are named in the warning; ImageSet.skipped holds them all


def load_folder(
    name: str,
    split: str,
    image_shape: tuple[int, int, int] | None,
    limit: int | None,
    keep_size: bool,
    minimum: int | None,
) -> ImageSet:
    """The images of `folder:PATH`, sorted by path. Without `image_shape` they are RGB, each of its own size.

    Sub-folders named train, test, val or validation are the splits. Without them "test" is a tenth of the files,
    chosen by a hash of their paths below PATH, and "train" the rest: a file keeps its side when others come or go.
    The split "all" is every file. Two or more further folders, with no image outside them, are classes.

    Files that do not give an image are skipped and named in one warning. UserError when fewer than `minimum` remain.
    """
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; name yours with folder:PATH")
    bases = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLITS}
    by_split = {key: [(base, path) for path in _image_paths(base)] for key, base in bases.items()}
    if not by_split:
        parts: dict[str, list[tuple[Path, Path]]] = {"train": [], "test": []}
        for path in _image_paths(root):
            parts["test" if _held_out(path) else "train"].append((root, path))
        by_split = parts
    everything = sorted((file for files in by_split.values() for file in files), key=lambda file: file[0] / file[1])
    if split != "all" and split not in by_split:
        raise UserError(f"{root} has no split '{split}'; it has {', '.join(by_split)} and all")
    chosen = everything if split == "all" else by_split[split]
    files = [chosen[i] for i in spread(len(chosen), limit)]
    if minimum is None:
        minimum = 16 if split == "train" else 1

    good: list[int] = []
    skipped: list[tuple[str, str]] = []

    def images() -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            bar = tqdm(total=len(files), desc=str(root), leave=False, disable=None if len(files) >= 500 else True)
            for first in range(0, len(files), 256):  # in chunks, so that decoded images do not pile up
                chunk = files[first : first + 256]
                found = pool.map(lambda file: read_image(file[0] / file[1], image_shape, keep_size), chunk)
                for i, image in enumerate(found, first):
                    bar.update()
                    if isinstance(image, str):
                        skipped.append(((files[i][0] / files[i][1]).relative_to(root).as_posix(), image))
                    else:
                        good.append(i)
                        yield image
            bar.close()

    pixels, shapes = pack(name, images())
    example = {reason: file for file, reason in reversed(skipped)}
    counts = Counter(reason for _, reason in skipped)
    why = "; ".join(f"{count} {reason} (such as {example[reason]})" for reason, count in counts.items())
    if len(good) < min(minimum, limit or minimum):
        raise UserError(
            f"{root}: {len(good)} usable images in split '{split}', at least {minimum} are needed; "
            + (f"of {len(files)} files these were skipped: {why}" if skipped else f"found {len(files)} image files")
        )
    if skipped:
        named = ", ".join(f"{file} ({reason})" for file, reason in skipped[:NAMED])
        more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
        log.warning("%s: skipped %d of %d files: %s%s", root, len(skipped), len(files), named, more)

    # From the files of all splits, so that a label means the same in each.
    classes = sorted({path.parts[0] for _, path in everything if len(path.parts) > 1})
    loose = sum(len(path.parts) == 1 for _, path in everything)
    if len(classes) < 2 or loose:
        if len(classes) >= 2:
            log.warning("%s: no labels, because %d images lie outside the class folders", root, loose)
        return ImageSet(name, pixels, shapes, skipped=tuple(skipped))
    labels = np.array([classes.index(files[i][1].parts[0]) for i in good], np.int32)
    return ImageSet(name, pixels, shapes, labels, tuple(classes), tuple(skipped))


def _image_paths(base: Path) -> list[Path]:
    """The image files below `base`, relative to it and sorted; hidden ones left out, links to folders followed."""
    found, seen = [], set()
    for folder, folders, files in os.walk(base, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [
            Path(folder, file).relative_to(base)
            for file in files
            if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES
        ]
    return sorted(found)


def _held_out(path: Path) -> bool:
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    return int.from_bytes(digest[:4], "big") % 10 == 0


def read_image(path: Path, image_shape: tuple[int, int, int] | None, keep_size: bool) -> np.ndarray | str:
    """The image in a file (a GIF's first frame, turned upright by its EXIF), uint8 (h, w, c), or why there is none."""
    try:
        if path.stat().st_size == 0:
            return "empty"
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return "too many pixels"
            if min(image.size) < MIN_SIDE:
                return "too small"
            if image_shape and not keep_size:
                side = 2 * max(image_shape)  # a JPEG several times larger decodes faster at half its size or less
                image.draft(None, (side, side))
            ImageOps.exif_transpose(image, in_place=True)
            array = fit(to_8_bits(image), image_shape or (0, 0, 3), keep_size or image_shape is None)
            if image_shape and keep_size and (array.shape[0] < image_shape[0] or array.shape[1] < image_shape[1]):
                return "too small"  # to be cropped from
            return array
    except UnidentifiedImageError:
        return "not an image"
    except Image.DecompressionBombError:
        return "too many pixels"
    except (PermissionError, FileNotFoundError):
        return "cannot be opened"
    except UserError as error:
        return str(error)
    except Exception:  # decoders raise nearly anything on a damaged file, from OSError to SyntaxError
        return "truncated or damaged"
