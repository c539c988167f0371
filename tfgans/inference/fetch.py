"""Trained models without a checkout: their files are downloaded into the cache folder when they are first used.

`models.json` has the size and sha256 of each file of the cards and models in saved_models/; `python -m tfgans.reports`
writes it. TFGANS_MODELS names another place of these files, an http(s) address or a folder.
"""

import functools
import hashlib
import http.client
import json
import os
import shutil
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from tfgans.errors import UserError
from tfgans.files import cache_folder, unfinished_folder

FILE = Path(__file__).with_name("models.json")
BASE = "https://raw.githubusercontent.com/tfgans/tfgans/main/saved_models"
TIMEOUT = 30  # seconds without an answer
CHUNK = 1 << 18

Facts = tuple[int, str]  # the size in bytes and the sha256 of a file


@functools.cache
def known() -> dict[str, Facts]:
    """The files that can be downloaded: "cdcgan-mnist/card.json" -> its size and sha256."""
    return {path: tuple(facts) for path, facts in json.loads(FILE.read_text(encoding="utf-8")).items()}


def names() -> list[str]:
    """The models that can be downloaded."""
    return [path.split("/")[0] for path in known() if path.endswith("/saved_model.pb")]


def model(name: str) -> Path | None:
    """The folder of a downloaded model; None for an unknown name.

    Raises:
        UserError: it cannot be downloaded.
    """
    if f"{name}/saved_model.pb" not in known():
        return None
    return get(name, (path for path in known() if path.startswith(f"{name}/"))) / name


def get(title: str, paths: Iterable[str]) -> Path:
    """A folder that holds these files of `known()`, all of them: an earlier download, or a new one.

    Raises:
        UserError: there is no place to keep them, no network, or a file is not the known one.
    """
    files = {path: known()[path] for path in paths}
    cache = cache_folder()
    if cache is None:
        raise UserError(f"{title} cannot be downloaded: there is no cache folder; set TFGANS_CACHE to a folder")
    # other versions of the same files have another folder
    place = cache / "models" / hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    if _complete(place, files):
        return place
    try:
        with unfinished_folder(place) as temporary:
            with tqdm(total=sum(size for size, _ in files.values()), desc=title, unit="B", unit_scale=True) as progress:
                for path, facts in files.items():
                    content = _read(path, facts, progress)
                    (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                    (temporary / path).write_bytes(content)
            if not _complete(place, files):  # another process may have been faster
                shutil.rmtree(place, ignore_errors=True)
                temporary.rename(place)
    except OSError as error:
        raise UserError(f"{title} cannot be kept in {place} ({error.strerror}); set TFGANS_CACHE to a folder") from None
    return place


def _complete(place: Path, files: dict[str, Facts]) -> bool:
    """Whether all files are there with their sizes; their sha256 was compared when they came."""
    return all((place / path).is_file() and (place / path).stat().st_size == size for path, (size, _) in files.items())


def _read(path: str, facts: Facts, progress: Any) -> bytes:
    """The content of a file at TFGANS_MODELS. Raises UserError unless it is the known one."""
    size, sha256 = facts
    base = (os.environ.get("TFGANS_MODELS") or BASE).rstrip("/")
    source, content = f"{base}/{path}", b""
    try:
        with _open(source) as file:
            while part := file.read(min(CHUNK, size + 1 - len(content))):
                content += part
                progress.update(len(part))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        reason = getattr(reason, "strerror", None) or reason
        hint = "set TFGANS_MODELS to another address or folder"
        raise UserError(f"{source} cannot be downloaded ({reason}); {hint}") from None
    if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{source} is not the file that this version of tfgans expects (its size or sha256 differs); try again, or "
            "update tfgans"
        )
    return content


def _open(source: str) -> Any:
    if source.startswith(("http://", "https://")):
        return urllib.request.urlopen(source, timeout=TIMEOUT)
    return open(source, "rb")
