"""The data sets that recipes and cards name: what they are, where they come from, and whether a copy is the same.

The facts are in catalogue.yaml; its head says what each key is.
"""

import difflib
import functools
import hashlib
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfgans.data.fingerprint import digest
from tfgans.data.folder import image_size, stamp, walk
from tfgans.data.formats import open_image
from tfgans.errors import UserError
from tfgans.recipe import Recipe, load

FILE = Path(__file__).with_name("catalogue.yaml")
SPLIT = re.compile(r"(train|test|val|validation)(_?[A-Z])?", re.IGNORECASE)  # folders that a loader takes for splits


@dataclass(frozen=True)
class Part:
    """The images of a folder or split."""

    images: int
    size: str = ""  # width x height, each one number or the smallest and the largest: "512 x 256", "321-481 x 321-481"
    fingerprint: str = ""

    def __str__(self) -> str:
        facts = [f"{self.images:,} images", self.size, self.fingerprint and f"fingerprint {self.fingerprint}"]
        return ", ".join(filter(None, facts))


@dataclass(frozen=True)
class Entry:
    """A data set; the fields are the keys of catalogue.yaml."""

    name: str
    title: str
    place: str
    source: tuple[str, ...] = ()
    copy: str = ""
    licence: str = ""
    layout: str = ""
    different: str = ""
    also: str = ""  # what uses it besides recipes
    tfds: str = ""  # the name in TensorFlow Datasets of what holds its images
    package: str = ""  # the installed package that holds its images
    pixels: bool = False
    length: int = 0  # of a file, in bytes
    fingerprint: str = ""
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def computed(self) -> bool:
        return not self.tfds and "/" not in self.place


@functools.cache
def entries() -> dict[str, Entry]:
    """The whole catalogue by name."""
    table: dict[str, dict[str, Any]] = load(FILE.read_text(encoding="utf-8"))
    made = {}
    for name, facts in table.items():
        parts = {key: Part(**part) for key, part in facts.pop("parts", {}).items()}
        made[name] = Entry(name, source=tuple(facts.pop("source", ())), parts=parts, **facts)
    return made


def entry(name: str) -> Entry:
    """An entry by its name, or by its place as recipes write it. UserError where there is none."""
    place = re.sub("^((pairs|domains):)?(folder:)?", "", name).rstrip("/")
    for each in entries().values():
        if place in (each.name, each.place):
            return each
    close = difflib.get_close_matches(place, entries(), n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "'tfgans data' lists all"
    raise UserError(f"the catalogue has no data set '{name}'; {hint}")


# --- what recipes read ------------------------------------------------------------------------------------------------


def places_of(recipe: Recipe) -> list[str]:
    """What a recipe reads, as `Entry.place`: mnist and data/usps of "domains:mnist,folder:data/usps"; weights, too."""
    parts = re.sub("^(pairs|domains):", "", recipe.dataset).split(",")
    content = str(recipe.model.get("content", "")).partition(":")[2]
    return [part.strip().removeprefix("folder:") for part in parts] + [content] * ("/" in content)


# --- what is there ----------------------------------------------------------------------------------------------------


def measure(root: Path, part: str, pixels: bool = False) -> Part:
    """The images below `part` of a folder, with the fingerprint of their files, or of their `pixels`."""
    base = root / part
    paths = [base / path for path in walk(base)[0]]

    def mark(path: Path) -> list[Any]:
        if not pixels:
            return list(stamp(path))
        try:
            with open_image(path) as image:
                array = np.ascontiguousarray(image)
        except (OSError, UserError):
            return [0, ""]
        return [array.shape[0] * array.shape[1], hashlib.blake2b(array.tobytes(), digest_size=16).hexdigest()]

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        marks = dict(zip([path.relative_to(root).as_posix() for path in paths], pool.map(mark, paths), strict=True))
        sizes = [size for size in pool.map(image_size, paths) if size]
    sides = [sorted({size[axis] for size in sizes}) for axis in (0, 1)]
    size = " x ".join("-".join(map(str, dict.fromkeys((side[0], side[-1])))) for side in sides if side)
    return Part(len(paths), size, digest(marks))


def counted(each: Entry, data_dir: str | None = None) -> dict[str, int] | None:
    """The number of images in each part that is there; None where the data set is not."""
    if each.tfds:
        return _prepared(each.tfds, data_dir)
    root = Path(each.place)
    if not root.is_dir():
        return None
    return {part: len(walk(root / part)[0]) for part in [*each.parts, *_further(each)] if (root / part).is_dir()}


def _further(each: Entry) -> list[str]:
    """Folders that a loader takes for splits, and that the catalogue does not name."""
    named = {part.split("/")[0] for part in each.parts}
    folders = sorted(path.name for path in Path(each.place).iterdir() if path.is_dir())
    return [name for name in folders if SPLIT.fullmatch(name) and name not in named] if named else []


def _prepared(name: str, data_dir: str | None) -> dict[str, int] | None:
    """The splits of a prepared data set of TFDS, from its description alone; of several versions, the newest."""
    place = Path(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()
    files = list((place / name).glob("*/dataset_info.json")) + list((place / name).glob("*/*/dataset_info.json"))
    for file in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            splits = json.loads(file.read_text(encoding="utf-8"))["splits"]
            return {each["name"]: sum(map(int, each["shardLengths"])) for each in splits}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def state(each: Entry, data_dir: str | None = None) -> str:
    """ "yes", "no" or "differs", by the numbers of images alone, or a file's size."""
    if each.package:
        return "yes" if importlib.util.find_spec(each.package) else "no"
    if each.computed:
        return "yes"
    if each.length:
        file = Path(each.place)
        return "no" if not file.is_file() else "yes" if file.stat().st_size == each.length else "differs"
    found = counted(each, data_dir)
    if found is None:
        return "no"
    return "yes" if found == {name: part.images for name, part in each.parts.items()} else "differs"


@dataclass(frozen=True)
class Report:
    """What is there, a line a part, and what is wrong with it in one line: "" where all is as recorded."""

    lines: tuple[str, ...] = ()
    problem: str = ""


def check(each: Entry, data_dir: str | None = None) -> Report:
    """Compare what is there with the catalogue: numbers, sizes and contents of the images, or the bytes of a file."""
    if each.package:
        missing = state(each) == "no"
        how = f"{each.name} comes with {each.package}, which is not installed: pip install {each.package}"
        return Report(problem=how) if missing else Report((f"comes with the package {each.package}",))
    if each.computed:
        return Report(("computed; there is nothing to get",))
    if each.length:
        return _check_file(each)
    found = counted(each, data_dir)
    if found is None:
        return Report(problem=_absent(each))
    if not each.parts:
        return Report(("it is there; the catalogue records no numbers",))
    lines, wrong = [], []
    for name, recorded in each.parts.items():
        label = "all" if name == "." else name
        if name not in found:
            wrong.append(f"{label} is absent")
            continue
        now = Part(found[name]) if each.tfds else measure(Path(each.place), name, each.pixels)
        lines.append(f"{label}: {now}")
        if now.images != recorded.images:
            wrong.append(f"{label} holds {now.images:,} images, not {recorded.images:,}")
        elif recorded.size and now.size != recorded.size:
            wrong.append(f"{label} holds images of {now.size}, not {recorded.size}")
        elif recorded.fingerprint and now.fingerprint != recorded.fingerprint:
            wrong.append(f"{label} holds as many images of these sizes, but others, or under other names")
    wrong += [f"{name} is not recorded" for name in found if name not in each.parts]
    return Report(tuple(lines), _different(each, wrong))


def _check_file(each: Entry) -> Report:
    file = Path(each.place)
    if not file.is_file():
        return Report(problem=_absent(each))
    length, found = stamp(file)
    wrong = []
    if length != each.length:
        wrong = [f"it has {length:,} bytes, not {each.length:,}"]
    elif found != each.fingerprint:
        wrong = ["it has as many bytes, but others"]
    return Report((f"{length:,} bytes, fingerprint {found}",), _different(each, wrong))


def _absent(each: Entry) -> str:
    if each.tfds:
        return (
            f"{each.tfds} is not prepared: 'tfgans train' downloads it with --download; "
            "or name the folder that holds it with --data-dir or TFDS_DATA_DIR"
        )
    kind = "file" if each.length else "folder"
    return f"there is no {kind} {each.place}; 'tfgans data {each.name}' prints where to get it and how it is laid out"


def _different(each: Entry, wrong: list[str]) -> str:
    if not wrong:
        return ""
    hint = f" ({each.different})" if each.different else ""
    return f"{each.place} is not as the catalogue records it: {'; '.join(wrong)}{hint}"
