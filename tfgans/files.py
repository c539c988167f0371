"""Writing files and folders completely or not at all."""

import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfgans.errors import UserError

ROOT = Path(__file__).resolve().parent.parent  # of the checkout; its saved_models/ come after the working folder's


def cache_folder() -> Path | None:
    """The cache folder: TFGANS_CACHE, or tfgans below XDG_CACHE_HOME or ~/.cache; None without a home."""
    own, shared = os.environ.get("TFGANS_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own or shared:
        return Path(own) if own else Path(shared or "") / "tfgans"
    try:
        return Path.home() / ".cache" / "tfgans"
    except RuntimeError:
        return None


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder with the same suffix; renamed to `path` when the block succeeds."""
    path = Path(path)
    # named before it is created, so that a signal in between leaves nothing behind
    temporary = path.parent / f".tmp-{secrets.token_hex(6)}{path.suffix}"
    try:
        with _place(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not path.is_file():
                raise UserError(f"{path} is not a regular file and cannot be replaced; choose another path")
            open(temporary, "xb").close()  # with the permissions of the umask
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # a rename may reach the disk before the data
        if path.is_file():
            os.chmod(temporary, path.stat().st_mode & 0o777)  # a replaced file keeps its permissions
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary)):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def unfinished_folder(place: Path) -> Iterator[Path]:
    """A new folder beside `place`, to be renamed to it; removed if it still exists when the block ends."""
    temporary = place.parent / f".tmp-{secrets.token_hex(6)}"
    try:
        with _place(place):
            temporary.mkdir(parents=True)
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _place(path: Path) -> Iterator[None]:
    """Raises UserError if nothing can be created, as in /proc. Other errors name the path, not a temporary one."""
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); choose another path") from error
    except OSError as error:
        error.filename = str(path) if ".tmp-" in str(error.filename) else error.filename
        raise


@contextmanager
def utf8(path: str | Path) -> Iterator[str]:
    """A path in UTF-8, which TensorFlow requires: the path itself, or a link to it."""
    if not any("\ud800" <= character <= "\udfff" for character in str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "link"
        link.symlink_to(os.path.abspath(path))
        yield str(link)


def write_text(path: str | Path, text: str) -> None:
    with whole(path) as temporary:
        # names of files that are not UTF-8 hold lone surrogates, which JSON writes in the same way
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


class _Dumper(yaml.SafeDumper):
    """Quotes strings such as the commit 53e5597, which recipes and run folders would read as numbers."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def write_yaml(path: str | Path, value: Any) -> None:
    write_text(path, yaml.dump(plain(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def plain(value: Any) -> Any:
    """Tuples to lists and NumPy scalars to numbers, so that YAML and JSON need no tags."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
