"""Fingerprints of training images, to detect changes on resume: each file's size and hash; for data sets that are not
files, one hash of pixels and labels."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tfgans.data.domains import Domains
from tfgans.data.image_set import ImageSet

NAMED = 3  # files listed in a message

Fingerprint = dict[str, list[Any]]  # name of a file: [bytes, hash]; of a data set: [images, hash]


def fingerprint(source: ImageSet | Domains) -> Fingerprint:
    """The fingerprint of loaded images."""
    if isinstance(source, Domains):
        sets = source.sets.items()
        # files of a folder of sets are named below that folder, files of two data sets each below its own
        return {
            key if each.name.startswith(source.name) else f"{name}/{key}": value
            for name, each in sets
            for key, value in fingerprint(each).items()
        }
    if source.stamps:
        return {name: [size, digest] for name, size, digest in source.stamps}
    whole = hashlib.blake2b(source.pixels.data.cast("B"), digest_size=16)
    for array in (source.shapes, source.labels):
        whole.update(b"" if array is None else array.tobytes())
    return {source.name: [len(source), whole.hexdigest()]}


def digest(found: Fingerprint) -> str:
    """One hash of everything."""
    return hashlib.blake2b(json.dumps(found, sort_keys=True).encode(), digest_size=16).hexdigest()


def to_text(found: Fingerprint) -> str:
    """The fingerprint as JSON, one line per file."""
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items()) + "\n}\n"


def from_file(path: Path) -> Fingerprint | None:
    """The inverse of `to_text`; None if the file does not exist."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def differences(then: Fingerprint, now: Fingerprint) -> str:
    """The differences, such as "1 changed (a.png), 2 added (b.png, c.png)"; "" if there are none."""
    kinds = {
        "changed": [name for name in then if name in now and then[name] != now[name]],
        "added": [name for name in now if name not in then],
        "removed": [name for name in then if name not in now],
    }
    return ", ".join(
        f"{len(names)} {kind} ({', '.join(sorted(names)[:NAMED])}{', ...' if len(names) > NAMED else ''})"
        for kind, names in kinds.items()
        if names
    )
