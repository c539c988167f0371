"""The list of files by which the package finds trained models without a checkout; see `tfgans.inference.fetch`."""

import hashlib
import json

from tfgans.files import ROOT


def model_files() -> str:
    """The text of tfgans/inference/models.json: the size and sha256 of each file in saved_models/ beside a card."""
    folder = ROOT / "saved_models"
    cards = sorted(card.parent for card in folder.glob("*/card.json"))
    lines = []
    for path in (path for card in cards for path in sorted(card.rglob("*"))):
        if path.is_file() and not path.name.startswith("."):
            content = path.read_bytes()
            facts = [len(content), hashlib.sha256(content).hexdigest()]
            lines.append(f"  {json.dumps(path.relative_to(folder).as_posix())}: {json.dumps(facts)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"
