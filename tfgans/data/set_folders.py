"""Folders with several sets of images: finding, checking and reading the files of each set."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tfgans.data import folder
from tfgans.data.formats import stem_of
from tfgans.data.image_set import ImageSet, centre, spread
from tfgans.data.palettes import LabelMaps, Palette
from tfgans.errors import UserError

HALVES = ("left", "right")  # the sets of side-by-side images
NAMED = 3  # files named in an error
SPLITS = {"train": "train", "test": "test", "val": "val", "validation": "val"}
MAPS = {"classes": np.uint8, "instances": np.uint16}

Shape = tuple[int, int, int]
Files = dict[str, folder.File]  # by name: the path below the set's folder, without suffix


def _sets_below(base: Path) -> dict[str, Path]:
    """The folders of sets below a split's folder; {"": base} if it contains side-by-side images itself."""
    folders = {p.name: p for p in sorted(base.iterdir()) if p.is_dir() and not p.name.startswith(".")}
    return folders if len(folders) >= 2 else {"": base}


def find_sets(root: Path, split: str) -> dict[str, Files]:
    """The files of each set of a folder by name; those of side-by-side images under ""."""
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; pairs: and domains: take a folder, or two names and a comma")
    parts: dict[str, dict[str, Path]] = {}
    plain: dict[str, dict[str, Path]] = {}
    for path in sorted(p for p in root.iterdir() if p.is_dir()):
        lettered = re.fullmatch(f"({'|'.join(SPLITS)})_?([A-Z])", path.name, re.IGNORECASE)
        if lettered:
            parts.setdefault(SPLITS[lettered[1].lower()], {})[lettered[2].upper()] = path
        elif path.name.lower() in SPLITS:
            plain[SPLITS[path.name.lower()]] = _sets_below(path)
    parts = parts or plain
    held = not parts
    if held:
        parts = {"train": _sets_below(root)}
        parts["test"] = parts["train"]
    wanted = "val" if split == "test" and "test" not in parts else split
    if wanted != "all" and wanted not in parts:
        raise UserError(f"{root} has no split '{split}'; it has {', '.join(parts)} and all")
    several = wanted == "all" and not held
    found: dict[str, Files] = {}
    for part in (["train"] if held else list(parts)) if wanted == "all" else [wanted]:
        for name, base in parts[part].items():
            files = found.setdefault(name, {})
            for path in folder.image_paths(base):
                stem = stem_of(path)
                if held and wanted != "all" and folder.held_out(stem) != (wanted == "test"):
                    continue
                key = f"{part}/{stem.as_posix()}" if several else stem.as_posix()
                if key in files:
                    raise UserError(f"{base}: {files[key][1]} and {path} have the same name; keep one of them")
                files[key] = (base, path)
    return found


# --- checks -----------------------------------------------------------------------------------------------------------


def few(names: list[str]) -> str:
    """The first names of a list, for an error."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def check_halves(root: Path, files: Files, exact: bool) -> None:
    """Raises UserError unless every image has an even width and, if `exact`, is twice as wide as high."""
    if not files:
        raise UserError(f"{root} contains neither folders of sets nor side-by-side images")
    sizes = {key: folder.image_size(base / path) for key, (base, path) in files.items()}
    bad = [
        str(files[key][1]) for key, size in sizes.items() if size and (size[0] % 2 or exact and size[0] != 2 * size[1])
    ]
    if bad:
        what = "is not twice as wide as high" if exact else "has an odd width"
        raise UserError(
            f"{root}: side-by-side images are cut in the middle, but {few(bad)} {what}"
            + ("; for other proportions, name the halves left and right in sets" if exact else "")
        )


def check_filled(root: Path, sets: dict[str, Files]) -> None:
    """Raises UserError if a set is empty."""
    for name, files in sets.items():
        if not files:
            raise UserError(f"{root}: the set '{name}' has no images")


def check_partners(root: Path, sets: dict[str, Files]) -> None:
    """Raises UserError if a name of one set is missing from another."""
    everywhere = set.intersection(*(set(files) for files in sets.values()))
    for name, files in sets.items():
        alone = sorted(key for key in files if key not in everywhere)
        if alone:
            others = " and ".join(other for other in sets if other != name)
            raise UserError(
                f"{root}: {len(alone)} of {len(files)} files in {name} lack a partner in {others}: {few(alone)}"
            )


def check_sizes(root: Path, sets: dict[str, Files]) -> None:
    """Raises UserError if images of one name differ in size."""
    first, bad = next(iter(sets)), []
    for key in sets[first]:
        sizes = {name: folder.image_size(files[key][0] / files[key][1]) for name, files in sets.items()}
        known = {size for size in sizes.values() if size}
        if len(known) > 1:
            listed = " and ".join(f"{size[0]}x{size[1]} in {name}" for name, size in sizes.items() if size)
            bad.append(f"{key} ({listed})")
    if bad:
        raise UserError(f"{root}: {len(bad)} of {len(sets[first])} pairs differ in size: {few(bad)}")


# --- reading ----------------------------------------------------------------------------------------------------------


def read_set(
    name: str,
    root: Path,
    files: Files,
    encoding: str,
    palette: Palette | None,
    *,
    shape: Shape | None,
    keep_size: bool,
    half: int | None,
    split: str,
    limit: int | None,
    minimum: int | None,
    strict: bool,
) -> ImageSet:
    """The images of a set, sorted by name. With `strict`, and for maps, every file must be readable."""
    keys = sorted(files)
    chosen = [files[keys[i]] for i in spread(len(keys), limit)]
    maps = LabelMaps(palette) if palette is not None and encoding == "classes" else None

    def read(path: Path) -> np.ndarray | str:
        if encoding in MAPS:
            return read_map(path, shape, keep_size, half, maps)
        return folder.read_image(path, shape, keep_size, half, small=True)

    exacting = strict or encoding in MAPS
    needed = folder.least(split, limit, minimum)
    dtype = MAPS.get(encoding, np.uint8)
    source = folder.read_files(name, root, chosen, read, split, 0 if exacting else needed, dtype, quiet=exacting)
    if exacting and source.skipped:
        bad = few([f"{file} ({reason})" for file, reason in source.skipped])
        raise UserError(f"{root}: {len(source.skipped)} of {len(chosen)} files cannot be used: {bad}")
    if len(source) < needed:
        raise UserError(f"{name}: {len(source)} images in split '{split}', at least {needed} are needed")
    source = replace(source, encoding=encoding, palette=palette if encoding == "classes" else None)
    if maps is not None:
        maps.warn(name)
    return source


def read_map(
    path: Path, shape: Shape | None, keep_size: bool, half: int | None, maps: LabelMaps | None
) -> np.ndarray | str:
    """The ids in a file, uint8 for a label map (`maps`), uint16 for an instance map, (h, w, 1); or why it fails.

    It is scaled to `shape` as `fit` scales an image, but by the nearest pixel.
    """

    def convert(image: Image.Image) -> np.ndarray | str:
        image = folder.part(image, half)

        def pick(array: np.ndarray) -> np.ndarray:
            if shape is None or keep_size:
                return array
            h, w = shape[:2]
            left, top, right, bottom = centre(*image.size, h, w)  # Pillow's nearest neighbour would round this box
            rows = top + (np.arange(h) + 0.5) * ((bottom - top) / h) + 1e-6  # between two pixels, take the second one
            columns = left + (np.arange(w) + 0.5) * ((right - left) / w) + 1e-6
            return array[rows.astype(np.int64)][:, columns.astype(np.int64)]

        if maps is None and len(image.getbands()) > 1:
            return "has colours, but an instance map holds ids in one channel"
        ids = pick(np.asarray(image)) if maps is None else maps(image, pick)
        last = 65535 if maps is None else len(maps.palette) - 1
        if ids.dtype.kind == "f":
            return "has fractions, but a map holds integer ids"
        if int(ids.max()) > last or int(ids.min()) < 0:
            where = "16 bits end" if maps is None else f"the palette '{maps.palette.name}' ends"
            return f"contains the id {ids.max() if int(ids.max()) > last else ids.min()}, but {where} at {last}"
        return ids.astype(np.uint16 if maps is None else np.uint8)[..., None]

    return folder.read_file(path, convert)
