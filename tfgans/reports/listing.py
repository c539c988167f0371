"""The output of `tfgans list`. It needs no TensorFlow."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfgans import card as cards
from tfgans import models
from tfgans.errors import UserError
from tfgans.inference import fetch
from tfgans.reports.headlines import headline

WHOLE: Any = dict(break_long_words=False, break_on_hyphens=False)
HEAD = ("model", "what it does", "data", "result", "command")


def lines() -> Iterator[str]:
    """The saved models as a table, models without a card and those to be downloaded, then the GANs that can be trained,
    with their recipes."""
    rows: list[tuple[str, ...]] = []
    others: list[str] = []
    judges: dict[str, Path] = {}
    here = cards.folders("saved_model.pb")
    for name, path in here.items():
        try:
            card = cards.read_card(path)
        except UserError as error:
            others.append(f"{name} ({error})")
            continue
        if card is not None:
            does, command = use(card)
            rows.append((name, does, data_of(card), " ".join(headline(card)[:2]), command))
        elif name.startswith("judge-"):
            judges[name] = path
        else:
            others.append(f"{name} (not measured yet, so it has no card)")
    rows += [judge_row(name, path) for name, path in judges.items()]
    yield "Saved models, and the command that runs each: tfgans COMMAND MODEL"
    yield ""
    yield from table([HEAD, *rows]) if rows else ["There are none in saved_models/."]
    if others:
        yield ""
        yield from (f"other: {other}" for other in others)
    absent = [name for name in fetch.names() if name not in here]
    if absent:
        yield ""
        yield "Downloaded when first used:"
        yield from textwrap.wrap(", ".join(absent), 118, initial_indent="  ", subsequent_indent="  ", **WHOLE)
    yield ""
    yield "GANs that can be trained: tfgans train GAN --recipe RECIPE"
    yield ""
    for gan, (_, line, paper) in models.MODELS.items():
        yield f"{gan:16} {line}; {paper}"
        yield f"{'':16} recipes: {', '.join(models.recipes(gan))}"
    if not judges and not any(name.startswith("judge-") for name in absent):
        yield ""
        yield "There are no judges to score images; train one with: tfgans judge train mnist"


def use(card: cards.Card) -> tuple[str, str]:
    """What the model of a card does, and the command that runs it."""
    step, _, factor = card.settings.get("degradation", "").split("+")[-1].partition(":")
    if "sample" in card.endpoints:
        inputs = card.endpoints["sample"]
        made = "points" if card.image_shape[:2] == [1, 1] else "images"
        made = "pairs of images" if card.task == "joint_generation" else made
        given = " of given labels" if "labels" in inputs else " from given codes" if "codes" in inputs else ""
        return f"generates {made}{given}", "generate"
    if "fill" in card.endpoints or step in ("mask", "freeform"):
        return "fills holes in pictures", "fill"
    if "restore" not in card.endpoints:
        return "translates pictures", "translate"
    if step in ("lightness", "gray"):
        return "colourizes pictures", "restore"
    return (f"enlarges pictures by {factor}" if step in ("bicubic", "pool") else "restores pictures"), "restore"


def judge_row(name: str, folder: Path) -> tuple[str, ...]:
    """The row of a judge or segmenter."""
    file = folder / "card.json"
    card = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    kind, of = "segmenter" if "mean_iou" in card else "judge", name.removeprefix("judge-")
    score = f"accuracy {100 * card['test_accuracy']:.2f}%" if card else "not measured"
    return name, "scores images", card.get("dataset", of), score, f"evaluate --features {kind}:{of}"


def data_of(card: cards.Card) -> str:
    """The names of a card's data sets without their paths."""
    return ", ".join(Path(part.split(":")[-1]).name for part in card.dataset.split(","))


def table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows as lines of aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
