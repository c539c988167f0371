"""Files that are written whole or not at all."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent  # of the checkout, whose saved_models/ come after the working folder's


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder and with the same suffix; renamed to `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".tmp-{secrets.token_hex(6)}{path.suffix}"
    try:
        open(temporary, "xb").close()  # with the permissions that the umask leaves
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
        if path.is_file():
            os.chmod(temporary, path.stat().st_mode & 0o777)  # a file that is replaced keeps its own
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def write_yaml(path: str | Path, value: Any) -> None:
    write_text(path, yaml.safe_dump(plain(value), sort_keys=False, allow_unicode=True))


def plain(value: Any) -> Any:
    """Tuples to lists and NumPy scalars to numbers, so that YAML and JSON need no tags."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value
