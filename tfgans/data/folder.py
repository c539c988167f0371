"""Folders of image files with mixed formats and modes, some of them unusable."""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from tfgans.data import store
from tfgans.data.formats import is_picture, open_image, stem_of, unread
from tfgans.data.image_set import ImageSet, fit, pack, spread, to_8_bits
from tfgans.errors import UserError

log = logging.getLogger(__name__)

SPLITS = ("train", "test", "val", "validation")
MAX_PIXELS = 100_000_000  # read from the header: a small file can decode to gigabytes
MIN_SIDE = 8
NAMED = 20  # skipped files named in the warning; ImageSet.skipped holds them all


File = tuple[Path, Path]  # (folder, path below it)


def folders_of(name: str) -> list[str]:
    """The paths in folder:PATH or folder:PATH,PATH; a folder with a comma in its name counts as one."""
    place = name.removeprefix("folder:")
    if "," not in place or Path(place).expanduser().is_dir():
        return [place]
    return [part.strip().removeprefix("folder:") for part in place.split(",")]


def load_folders(name: str, split: str, limit: int | None, **options: Any) -> ImageSet:
    """The images of `folder:PATH`, or of all folders of `folder:PATH,PATH` in order, as read by `load_folder`.

    Images of several folders have no labels, because their classes differ.
    """
    places = folders_of(name)
    if len(places) == 1:
        return load_folder(name, split, limit=limit, **options)
    sets = [load_folder(place, split, limit=None, **options) for place in places]
    pixels, shapes = pack(name, (each.image(i) for each in sets for i in range(len(each))))
    short = [Path(place).name for place in places]
    prefixes = short if len(set(short)) == len(short) else places  # distinguishes files of the same name
    pairs = list(zip(prefixes, sets, strict=True))
    source = ImageSet(
        name,
        pixels,
        shapes,
        skipped=tuple((f"{prefix}/{file}", why) for prefix, each in pairs for file, why in each.skipped),
        names=tuple(f"{prefix}/{own}" for prefix, each in pairs for own in each.names),
        stamps=tuple((f"{prefix}/{file}", size, own) for prefix, each in pairs for file, size, own in each.stamps),
    )
    return source if limit is None else source.subset(spread(len(source), limit))


def load_folder(
    name: str,
    split: str,
    image_shape: tuple[int, int, int] | None,
    limit: int | None,
    keep_size: bool,
    minimum: int | None,
    by_stem: bool = False,
    shrink_jpeg: float = 1.0,
) -> ImageSet:
    """The images of `folder:PATH`, sorted by path. Without `image_shape` they are RGB and keep their sizes.

    Sub-folders named train, test, val or validation are the splits; "test" is "val" if there is no "test". Without
    them, "test" is a tenth of the files, chosen by a hash of their paths below PATH, and "train" the rest: a file stays
    in its split when others are added or removed. The split "all" is every file. Two or more further folders, with no
    image outside them, are classes, in natural order (2 before 10). With `by_stem`, for sets whose files correspond by
    name, paths are hashed without suffix.

    Unreadable files are skipped and named in one warning. Raises UserError if fewer than `minimum` remain.
    """
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give its path as folder:PATH")
    bases = {p.name.lower(): p for p in sorted(root.iterdir()) if p.is_dir() and p.name.lower() in SPLITS}
    walked = {base: walk(base) for base in bases.values() or (root,)}
    by_split = {key: [(base, path) for path in walked[base][0]] for key, base in bases.items()}
    left_out = [
        ((base / path).relative_to(root).as_posix(), why)
        for base, (_, others) in walked.items()
        if base == bases.get(split, base)
        for path, why in others
    ]
    if not by_split:
        parts: dict[str, list[File]] = {"train": [], "test": []}
        for path in walked[root][0]:
            parts["test" if held_out(stem_of(path) if by_stem else path) else "train"].append((root, path))
        by_split = parts
    everything = sorted((file for files in by_split.values() for file in files), key=lambda file: file[0] / file[1])
    if split == "test" and split not in by_split:
        split = "val" if "val" in by_split else "validation" if "validation" in by_split else split
    if split != "all" and split not in by_split:
        raise UserError(f"{root} has no split '{split}'; it has {', '.join(by_split)} and all")
    chosen = everything if split == "all" else by_split[split]
    files = [chosen[i] for i in spread(len(chosen), limit)]
    source = read_files(
        name,
        root,
        files,
        lambda path: read_image(path, image_shape, keep_size, shrink_jpeg=shrink_jpeg),
        split,
        least(split, limit, minimum),
        left_out=left_out,
        how=f"{image_shape} {keep_size} {shrink_jpeg}",
    )
    return labelled(source, root, everything)


def least(split: str, limit: int | None, minimum: int | None) -> int:
    """The minimum number of images in a split."""
    needed = minimum if minimum is not None else 16 if split == "train" else 1
    return min(needed, limit or needed)


def read_files(
    name: str,
    root: Path,
    files: list[File],
    read: Callable[[Path], np.ndarray | str],
    split: str,
    minimum: int,
    dtype: np.typing.DTypeLike = np.uint8,
    quiet: bool = False,
    left_out: Sequence[tuple[str, str]] = (),
    how: str = "",
) -> ImageSet:
    """The results of `read` for files below `root`; a string is the reason for skipping a file.

    `how` names what `read` does. With it, files that are too many for memory are decoded once (`store.keep`). Skipped
    files, and those in `left_out`, are named in one warning, unless `quiet`. Raises UserError if fewer than `minimum`
    remain.
    """
    good: list[int] = []
    skipped: list[tuple[str, str]] = list(left_out)
    found_files = len(files) + len(left_out)
    stamps: list[tuple[str, int, str]] = []

    def one(file: File) -> tuple[np.ndarray | str, tuple[str, int, str]]:
        path = file[0] / file[1]
        return read(path), (path.relative_to(root).as_posix(), *stamp(path))

    def images() -> Iterator[np.ndarray]:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            bar = tqdm(total=len(files), desc=str(root), leave=False, disable=None if len(files) >= 500 else True)
            for first in range(0, len(files), 256):  # in chunks, so that decoded images do not pile up
                chunk = files[first : first + 256]
                for i, (image, marks) in enumerate(pool.map(one, chunk), first):
                    bar.update()
                    if isinstance(image, str):
                        skipped.append((marks[0], image))
                    else:
                        good.append(i)
                        stamps.append(marks)
                        yield image
            bar.close()

    key = store.key_of(root, (file[0] / file[1] for file in files), how) if how else ""
    if kept := store.find(key) if key else None:
        pixels, shapes, facts = kept
        good, stamps = facts["good"], [tuple(each) for each in facts["stamps"]]
        skipped += [tuple(each) for each in facts["skipped"]]
    else:
        pixels, shapes = pack(name, images(), dtype)
        if key:
            store.keep(key, pixels, shapes, {"good": good, "stamps": stamps, "skipped": skipped[len(left_out) :]})
    example = {reason: file for file, reason in reversed(skipped)}
    counts = Counter(reason for _, reason in skipped)
    why = "; ".join(f"{count} {reason} (such as {example[reason]})" for reason, count in counts.items())
    if len(good) < minimum:
        raise UserError(
            f"{root}: {len(good)} usable images in split '{split}', at least {minimum} are needed; "
            + (f"of {found_files} files these were skipped: {why}" if skipped else f"found {len(files)} image files")
        )
    if skipped and not quiet:
        named = ", ".join(f"{file} ({reason})" for file, reason in skipped[:NAMED])
        more = f" and {len(skipped) - NAMED} more" if len(skipped) > NAMED else ""
        log.warning("%s: skipped %d of %d files: %s%s", root, len(skipped), found_files, named, more)
    names = tuple(stem_of(files[i][1]).as_posix() for i in good)
    return ImageSet(name, pixels, shapes, skipped=tuple(skipped), names=names, stamps=tuple(stamps))


def stamp(path: Path) -> tuple[int, str]:
    """Size and hash of a file; (0, "") if it cannot be read."""
    found, size = hashlib.blake2b(digest_size=16), 0
    try:
        with open(path, "rb") as file:
            while part := file.read(1 << 20):
                found.update(part)
                size += len(part)
    except OSError:
        return 0, ""
    return size, found.hexdigest()


def in_natural_order(name: str) -> tuple[list[str | int], str]:
    """A sort key that puts 2 before 10 and sorts names without digits as text."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def labelled(source: ImageSet, root: Path, everything: list[File]) -> ImageSet:
    """`source` with its class folders as labels, if there are two or more and no image outside them.

    Classes are those of `everything`, the files of all splits, so that a label means the same in each split.
    """
    classes = sorted({path.parts[0] for _, path in everything if len(path.parts) > 1}, key=in_natural_order)
    loose = sum(len(path.parts) == 1 for _, path in everything)
    if len(classes) < 2 or loose:
        if len(classes) >= 2:
            log.warning("%s: no labels, because %d images lie outside the class folders", root, loose)
        return source
    number = {name: i for i, name in enumerate(classes)}
    labels = np.array([number[name.split("/")[0]] for name in source.names], np.int32)
    return replace(source, labels=labels, class_names=tuple(classes))


def image_paths(base: Path) -> list[Path]:
    """The paths of image files below a folder, sorted. Files that `walk` leaves out are named in a warning."""
    found, left_out = walk(base)
    if left_out:
        named = ", ".join(f"{file} ({reason})" for file, reason in left_out[:NAMED])
        more = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        log.warning("%s: left out %s%s", base, named, more)
    return found


def walk(base: Path) -> tuple[list[Path], list[tuple[Path, str]]]:
    """The sorted paths of image files below a folder, and pictures in unsupported formats, with reasons. Hidden files
    are ignored; links are followed."""
    found: list[Path] = []
    left_out: list[tuple[Path, str]] = []
    seen = set()
    for folder, folders, files in os.walk(base, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in files:
            path = Path(folder, name)
            if name.startswith("."):
                continue
            if is_picture(path):
                found.append(path.relative_to(base))
            elif why := unread(path):
                left_out.append((path.relative_to(base), why))
    return sorted(found), sorted(left_out)


def held_out(path: Path) -> bool:
    """Whether a file belongs to the tenth of the test split, by a hash of its path."""
    digest = hashlib.sha256(os.fsencode(path.as_posix())).digest()
    return int.from_bytes(digest[:4], "big") % 10 == 0


def read_image(
    path: Path,
    image_shape: tuple[int, int, int] | None,
    keep_size: bool,
    half: int | None = None,
    small: bool = False,
    shrink_jpeg: float = 1.0,
) -> np.ndarray | str:
    """Read the image in a file, or its left (`half` 0) or right half (1): uint8 (h, w, c), or the reason of a failure.

    With `keep_size`, an image smaller than `image_shape` is a failure, unless `small` is set. A JPEG is shrunk by
    `shrink_jpeg` before it is cropped, but not below `image_shape`.
    """

    def convert(image: Image.Image) -> np.ndarray | str:
        compressed = image.format in ("JPEG", "MPO")
        image = to_8_bits(part(image, half))
        if compressed and shrink_jpeg > 1:
            image = shrunk(image, shrink_jpeg, (image_shape or (1, 1))[:2])
        array = fit(image, image_shape or (0, 0, 3), keep_size or image_shape is None)
        if (
            image_shape
            and keep_size
            and not small
            and (array.shape[0] < image_shape[0] or array.shape[1] < image_shape[1])
        ):
            return "too small"  # for crops
        return array

    fast = image_shape is not None and not keep_size and half is None
    # A much larger JPEG decodes faster at half its size or less.
    return read_file(path, convert, 2 * max(image_shape) if fast and image_shape else None)


def shrunk(image: Image.Image, factor: float, least: Sequence[int]) -> Image.Image:
    """An image shrunk by `factor` (bicubic, antialiased), with no side below `least`, (h, w)."""
    scale = min(1.0, max(1 / factor, least[0] / image.height, least[1] / image.width))
    size = (max(least[1], round(scale * image.width)), max(least[0], round(scale * image.height)))
    return image.resize(size, Image.Resampling.BICUBIC) if scale < 1 else image


def part(image: Image.Image, half: int | None) -> Image.Image:
    """The left (0) or right (1) half of an image, or all of it (None)."""
    if half is None:
        return image
    middle = image.width // 2
    return image.crop((half * middle, 0, (half + 1) * middle, image.height))


def read_file(
    path: Path, convert: Callable[[Image.Image], np.ndarray | str], side: int | None = None
) -> np.ndarray | str:
    """Apply `convert` to the image in a file, a GIF's first frame, turned upright by its EXIF; returns the result or
    the reason of a failure. A JPEG may be decoded at a fraction of its size, with no side below `side`."""
    try:
        if path.stat().st_size == 0:
            return "empty"
        with open_image(path) as image:
            if image.width * image.height > MAX_PIXELS:
                return "too many pixels"
            if min(image.size) < MIN_SIDE:
                return "too small"
            if side:
                image.draft(None, (side, side))
            ImageOps.exif_transpose(image, in_place=True)
            return convert(image)
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


def image_size(path: Path) -> tuple[int, int] | None:
    """(width, height) of the upright image in a file, from its header; None if it cannot be read."""
    try:
        with open_image(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # on its side
            return (image.height, image.width) if turned else image.size
    except Exception:  # as above
        return None
