"""Cards: what was measured of a saved model, under which protocol."""

import json
import re
from pathlib import Path
from typing import Any

from tfgans.errors import UserError
from tfgans.files import ROOT, write_json

SAMPLES = 10_000  # that scores rest on where nothing else is said


def read_card(folder: str | Path) -> dict[str, Any]:
    """The card of a saved model; empty where it has none yet."""
    path = Path(folder) / "card.json"
    if not path.is_file():
        return {}
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        card = None
    if not isinstance(card, dict):
        raise UserError(
            f"{path} is not readable JSON; restore it, or delete it and write it again with 'tfgans evaluate'"
        )
    return card


def write_card(folder: str | Path, card: dict[str, Any]) -> Path:
    write_json(Path(folder) / "card.json", card)
    return Path(folder) / "card.json"


def saved() -> dict[str, dict[str, Any]]:
    """Name -> card of every model in saved_models/ of the working folder and of the checkout."""
    return {name: read_card(folder) for name, folder in folders("saved_model.pb").items()}


def measured() -> dict[str, dict[str, Any]]:
    """The same of everything that has a card there: also of what was measured and not kept."""
    return {name: read_card(folder) for name, folder in folders("card.json").items()}


def folders(file: str) -> dict[str, Path]:
    """Name -> folder of everything in saved_models/, of the working folder before the checkout, that holds `file`."""
    found: dict[str, Path] = {}
    for place in (Path("saved_models"), ROOT / "saved_models"):
        for folder in sorted(place.glob("*/")) if place.is_dir() else []:
            if (folder / file).exists() and not folder.name.startswith("."):
                found.setdefault(folder.name, folder)
    return {name: found[name] for name in sorted(found, key=_natural)}


def _natural(name: str) -> list[str | int]:
    """A key to sort by: 5 before 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def summary(values: list[float]) -> dict[str, Any]:
    """Mean and standard deviation (over training seeds, n - 1) beside the values; no deviation for a single one."""
    mean = sum(values) / len(values)
    spread = (sum((v - mean) ** 2 for v in values) / (len(values) - 1)) ** 0.5 if len(values) > 1 else None
    return {"mean": mean, "std": spread, "values": values}
