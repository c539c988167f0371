"""Planning which pictures are processed and where each result is written."""

import dataclasses
from pathlib import Path

from tfgans.data.folder import walk
from tfgans.data.formats import FORMATS
from tfgans.errors import UserError


@dataclasses.dataclass
class Job:
    """A picture file, the path of its result (and its sheet), and the format of the result: its own if ""."""

    path: Path
    places: list[Path]
    format: str = ""


def plan(paths: list[Path], output: Path, sheet: bool) -> tuple[list[Job], list[str]]:
    """The pictures among `paths` and in folders among them, and one line for each path that has none.

    Raises UserError if they cannot be written to `output`.
    """
    folders = [path for path in paths if path.is_dir()]
    found: list[tuple[Path, Path]] = []  # the path, and the part of it that is kept in the output
    failed: list[str] = []
    for path in paths:
        if path not in folders:
            found.append((path, Path(path.name)))
            continue
        below = Path(path.resolve().name) if len(folders) > 1 else Path()
        pictures, others = walk(path)
        own = output.resolve() if path.resolve() in output.resolve().parents else None  # with earlier results
        inside = [each for each in pictures if own not in (path / each).resolve().parents]
        found += [(path / each, below / each) for each in inside]
        failed += [f"{path / each}: {why}" for each, why in others if own not in (path / each).resolve().parents]
        if not inside:
            failed.append(f"{path}: contains no pictures")
    suffix = output.suffix.lower()
    if suffix in FORMATS and not output.is_dir():
        if len(paths) > 1 or folders:
            raise UserError(f"{output} is a file name: for several pictures choose a folder with -o")
        _make(output.parent)
        places = [output, *([output.with_name(f"{output.stem}-sheet.png")] if sheet else [])]
        return [Job(paths[0], places, FORMATS[suffix])], failed
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; choose a folder with -o")
    if found:
        _make(output)
    jobs: list[Job] = []
    taken: set[Path] = set()
    for path, kept in found:
        place = output / kept
        if place in taken:
            failed.append(f"{path}: another picture is written to {place}; choose another folder with -o")
            continue
        taken.add(place)
        jobs.append(Job(path, [place]))
    for job in jobs if sheet else ():
        place = job.places[0].with_name(f"{job.places[0].stem}-sheet.png")
        if place in taken:  # a.jpg beside a.png
            place = job.places[0].with_name(f"{job.places[0].name}-sheet.png")
        taken.add(place)
        job.places.append(place)
    return jobs, failed


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be created ({error.strerror}); choose another folder with -o") from error


def check_place(path: Path, place: Path, force: bool) -> None:
    """Raises UserError if a file exists that may not be replaced."""
    if place.exists() and path.exists() and place.samefile(path):
        raise UserError("would replace the picture itself; choose another folder with -o")
    if place.is_dir() or (place.exists() and not force):
        raise UserError(f"{place} exists" + ("" if place.is_dir() else "; --force replaces it"))
