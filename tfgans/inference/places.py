"""Which pictures are meant, and where what is made of each goes."""

import dataclasses
from pathlib import Path

from tfgans.data.folder import walk
from tfgans.data.formats import FORMATS
from tfgans.errors import UserError


@dataclasses.dataclass
class Job:
    """A picture file, where what is made of it is written (and its sheet), and in which format: its own where ""."""

    path: Path
    places: list[Path]
    format: str = ""


def plan(paths: list[Path], output: Path, sheet: bool) -> tuple[list[Job], list[str]]:
    """The pictures among `paths`, and in the folders among them; and, a line each, what of them is none.

    Raises UserError where they cannot go to `output`.
    """
    folders = [path for path in paths if path.is_dir()]
    found: list[tuple[Path, Path]] = []  # the path, and what of it is kept in the output
    failed: list[str] = []
    for path in paths:
        if path not in folders:
            found.append((path, Path(path.name)))
            continue
        below = Path(path.resolve().name) if len(folders) > 1 else Path()
        pictures, others = walk(path)
        own = output.resolve() if path.resolve() in output.resolve().parents else None  # with pictures made before
        inside = [each for each in pictures if own not in (path / each).resolve().parents]
        found += [(path / each, below / each) for each in inside]
        failed += [f"{path / each}: {why}" for each, why in others if own not in (path / each).resolve().parents]
        if not inside:
            failed.append(f"{path}: holds no pictures")
    suffix = output.suffix.lower()
    if suffix in FORMATS and not output.is_dir():
        if len(paths) > 1 or folders:
            raise UserError(f"{output} is a file, or one to be: for several pictures give a folder with -o")
        _make(output.parent)
        places = [output, *([output.with_name(f"{output.stem}-sheet.png")] if sheet else [])]
        return [Job(paths[0], places, FORMATS[suffix])], failed
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; give a folder with -o")
    if found:
        _make(output)
    jobs: list[Job] = []
    taken: set[Path] = set()
    for path, kept in found:
        place = output / kept
        if place in taken:
            failed.append(f"{path}: another picture is written to {place}; give another folder with -o")
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
        raise UserError(f"{folder} cannot be made ({error.strerror}); give another folder with -o") from error


def check_place(path: Path, place: Path, force: bool) -> None:
    """Raises UserError where a place holds what is not to be replaced."""
    if place.exists() and path.exists() and place.samefile(path):
        raise UserError("would replace the picture itself; give another folder with -o")
    if place.is_dir() or (place.exists() and not force):
        raise UserError(f"{place} exists" + ("" if place.is_dir() else "; --force replaces it"))
