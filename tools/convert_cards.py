"""Write all cards of the checkout in the form of today: `python tools/convert_cards.py`."""

import json

from tfgans.card import read_card, write_card
from tfgans.evaluation.loss_vs_quality import QUALITY, _write
from tfgans.files import ROOT

for path in sorted((ROOT / "saved_models").glob("*/card.json")):
    stored, card = json.loads(path.read_text(encoding="utf-8")), read_card(path.parent)
    if card is None:
        continue
    curve = stored.get("metrics", {}).get("quality_over_time")
    if curve:
        seeds = zip(card.training_seeds, curve["values"], strict=True)
        _write(path.parent, [(seed, *row) for seed, rows in seeds for row in rows])
        print(path.parent / QUALITY)
    write_card(path.parent, card)
