"""Decoded images that are too many for memory: one file in the cache folder, mapped into memory.

`Pixels` collects images in memory, and continues in a file beyond `MEMORY` bytes. The images of a folder are decoded
once: `keep` names the file by a hash of the folder's files, their sizes and times and the way they were read, and
`find` looks it up. All other files last as long as the process.
"""

import atexit
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tfgans.errors import UserError
from tfgans.files import cache_folder

MEMORY = 1 << 30  # bytes of decoded images held in memory
HINT = "--cache DIR or TFGANS_CACHE names another folder"


class Pixels:
    """Bytes that grow: in memory up to `MEMORY`, then in a file of the cache folder.

    Raises UserError if that folder is full or absent.
    """

    def __init__(self, name: str) -> None:
        self.name, self.size = name, 0
        self._held = bytearray()  # grows in place, which avoids a second copy
        self._path: Path | None = None
        self._file: Any = None

    def add(self, image: np.ndarray) -> None:
        """Append an image of the final dtype."""
        part = np.ascontiguousarray(image).data.cast("B")
        self.size += len(part)
        if self._file is None and self.size > MEMORY:
            self._spill()
        if self._file is None:
            self._held += part
        else:
            self._write(part)

    def array(self, dtype: np.typing.DTypeLike) -> np.ndarray:
        """All of it, flat; a read-only `np.memmap` if it is in a file."""
        if self._file is None or self._path is None:
            return np.frombuffer(self._held, dtype)
        self._write(b"", flush=True)
        self._file.close()
        return np.memmap(self._path, dtype, mode="r")

    def _spill(self) -> None:
        folder = images_folder()
        if folder is None:
            raise UserError(
                f"'{self.name}' decoded takes more than {MEMORY / 2**30:.1f} GB, and there is no folder to "
                f"keep it in: {HINT}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        _remove_left_over(folder)
        self._path = folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}"
        atexit.register(_remove, self._path)
        self._file = open(self._path, "xb", buffering=1 << 20)
        self._write(self._held)
        self._held = bytearray()

    def _write(self, part: Any, flush: bool = False) -> None:
        assert self._path is not None
        try:
            self._file.write(part)
            if flush:
                self._file.flush()
        except OSError as error:
            with suppress(OSError):
                self._file.close()
            _remove(self._path)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UserError(
                f"{self._path.parent} is full: '{self.name}' decoded takes more than {self.size / 2**30:.1f} GB; {HINT}"
            ) from None


def images_folder() -> Path | None:
    """The folder of decoded images; None without a cache folder."""
    folder = cache_folder()
    return None if folder is None else folder / "images"


def key_of(root: Path, files: Iterable[Path], how: str) -> str:
    """The name of decoded files: a hash of their paths, sizes and times, and of how they were read."""
    found = hashlib.blake2b(os.fsencode(root.absolute()) + f"\n{how}".encode(), digest_size=16)
    for path in files:
        with suppress(OSError):
            facts = path.stat()
            found.update(os.fsencode(path) + f"\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return found.hexdigest()


def keep(key: str, pixels: np.ndarray, shapes: np.ndarray, facts: dict[str, Any]) -> None:
    """Give the file of a `Pixels` array its name, with its shapes and with facts that JSON can hold.

    Does nothing for an array in memory. If the folder cannot take it, the file lasts as long as the process.
    """
    if not isinstance(pixels, np.memmap):
        return
    path = Path(str(pixels.filename))
    temporary = path.parent / f"{path.name}-{key}"
    try:
        temporary.mkdir()
        np.save(temporary / "shapes.npy", shapes)
        (temporary / "facts.json").write_text(json.dumps({"dtype": str(pixels.dtype), **facts}), encoding="utf-8")
        os.link(path, temporary / "pixels")
        os.rename(temporary, path.parent / key)
    except OSError:  # the disk is full, or another process was faster
        shutil.rmtree(temporary, ignore_errors=True)


def find(key: str) -> tuple[np.ndarray, np.ndarray, dict[str, Any]] | None:
    """What `keep` kept under this name: pixels, shapes and facts; None if there is nothing, or it is damaged."""
    folder = images_folder()
    if folder is None or not (folder / key).is_dir():
        return None
    place = folder / key
    try:
        facts = json.loads((place / "facts.json").read_text(encoding="utf-8"))
        pixels, shapes = np.memmap(place / "pixels", facts.pop("dtype"), mode="r"), np.load(place / "shapes.npy")
        if len(pixels) == shapes.prod(axis=1).sum():
            return pixels, shapes, facts
    except (OSError, ValueError, KeyError):
        pass
    shutil.rmtree(place, ignore_errors=True)
    return None


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _remove_left_over(folder: Path) -> None:
    """Remove what processes left behind that were killed."""
    for path in folder.glob(".tmp-*"):
        with suppress(ValueError, PermissionError):
            try:
                os.kill(int(path.name.split("-")[1]), 0)
            except ProcessLookupError:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else _remove(path)
