"""The ledger: each statement of the sources, its verdict on the cards, and the command that checks it again.

Statements are data, `claims/CHAPTER.yaml`: a list of mappings with

    source      a key of claims/sources.yaml; `id`, its number in the list of all statements of the five sources
    statement   what the source has; `about` tells apart what is tested under several settings
    reported    the source's number
    tests       a list of tests (`relations`), all of which must hold; or, in their place, why there are none:
                `implemented` (a setting, and where it is), `missing` (not tested) or `untestable`
    note        what a reader must know to weigh the numbers
    each        {about: {LABEL: VALUE, ...}}: a statement for each of these, with VALUE for {about} in its tests

`python -m tfgans.reports` writes docs/CLAIMS.md.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import yaml

from tfgans.card import SAMPLES, Card, read_card
from tfgans.files import ROOT
from tfgans.reports.comparisons import compared
from tfgans.reports.listing import data_of
from tfgans.reports.relations import FAILS, HOLDS, NOT_TESTED, UNDECIDED, Cards, Outcome, departures, outcomes
from tfgans.tasks import label

FOLDER = Path(__file__).parent / "claims"
UNTESTABLE, IMPLEMENTED = "not testable", "implemented"
VERDICTS = (HOLDS, FAILS, UNDECIDED, NOT_TESTED, UNTESTABLE, IMPLEMENTED)
REASONS = {"implemented": IMPLEMENTED, "missing": NOT_TESTED, "untestable": UNTESTABLE}

RULE = (
    "A statement *holds* where each of its tests is true of every training seed, or of every pair of training seeds of "
    "the two cards that are compared, with at least two seeds a side. It *does not hold* where one of its tests is "
    "true of none of them, with as many seeds. Otherwise it is *undecided*. The column *agree* counts the seeds or "
    "pairs in which its tests are true. *Not tested* has its reason beside it; *implemented* is a setting or a system "
    "of the source."
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a source and its verdict. `setting` names one of several under which it is tested; `cards` are
    those that its tests read."""

    chapter: str
    source: str
    statement: str
    verdict: str
    numbers: str
    true: int = 0
    pairs: int = 0
    setting: str = ""
    id: str = ""
    reported: str = ""
    note: str = ""
    cards: tuple[str, ...] = ()

    @property
    def agree(self) -> str:
        """In how many of the training seeds, or pairs of them, its tests are true: "8 of 9"."""
        return f"{self.true} of {self.pairs}" if self.pairs else ""


def chapters() -> list[str]:
    """The chapters that have statements, in their order."""
    return sorted(path.stem for path in FOLDER.glob("[0-9]*.yaml"))


@functools.cache
def statements(chapter: str) -> list[dict[str, Any]]:
    """The statements of a chapter, those with `each` repeated; [] of a chapter without."""
    path = FOLDER / f"{chapter}.yaml"
    rows = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []
    found = []
    for row in rows:
        each = row.pop("each", None)
        if each is None:
            found.append(row)
            continue
        for name, value in each["about"].items():
            found.append({**row, "about": str(name), "tests": _filled(row["tests"], str(value))})
    return found


def _filled(part: Any, about: str) -> Any:
    """The same with {about} replaced in all texts."""
    if isinstance(part, dict):
        return {key: _filled(value, about) for key, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, about) for value in part]
    return part.replace("{about}", about) if isinstance(part, str) else part


def needed(tests: list[dict[str, Any]]) -> tuple[str, ...]:
    """The cards that tests name, in their order."""
    found: dict[str, None] = {}
    for test in tests:
        thans = test["than"] if isinstance(test["than"], list) else [test["than"]]
        names = [than.get("card", test["card"]) if isinstance(than, dict) else than for than in thans]
        found |= dict.fromkeys([test["card"], *(name for name in names if isinstance(name, str))])
    return tuple(found)


def tested(chapter: str, row: dict[str, Any], cards: Cards) -> Claim:
    """A statement's verdict on the cards that are there."""
    reason = next((key for key in REASONS if key in row), None)
    claim = Claim(
        chapter,
        _sources()[row["source"]],
        row["statement"],
        verdict=REASONS.get(reason or "", ""),
        numbers=row.get(reason or "", ""),
        setting=row.get("about", ""),
        id=row.get("id", ""),
        reported=row.get("reported", ""),
        note=row.get("note", ""),
    )
    if reason is not None:
        return claim
    found = [outcome for test in row["tests"] for outcome in outcomes(test, cards)]
    names = needed(row["tests"])
    return dataclasses.replace(
        claim,
        verdict=verdict_of(found),
        numbers="<br>".join(dict.fromkeys(each.numbers for each in found)) + _departures(names, cards),
        true=sum(each.true for each in found),
        pairs=sum(each.pairs for each in found),
        cards=names,
    )


def verdict_of(found: list[Outcome]) -> str:
    """Of tests that must all hold."""
    verdicts = {each.verdict for each in found}
    return next((verdict for verdict in (FAILS, NOT_TESTED, UNDECIDED) if verdict in verdicts), HOLDS)


def _departures(names: tuple[str, ...], cards: Cards) -> str:
    """What two trainings that are compared have besides what their names say."""
    if len(names) != 2 or not all(cards.get(name) for name in names):
        return ""
    first, second = (cards[name] for name in names)
    assert first is not None and second is not None
    if first.gan == second.gan and first.recipe == second.recipe:
        return ""
    found = departures(first, second)
    return f"<br>Settings that differ: {', '.join(found)}." if found else ""


@functools.cache
def _sources() -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((FOLDER / "sources.yaml").read_text(encoding="utf-8"))
    return found


# -- the commands that check again -------------------------------------------------------------------------------------


def measure_again(name: str, card: Card) -> str:
    """What measures the saved model of a card again; "" where there is a card alone."""
    if not (ROOT / "saved_models" / name / "saved_model.pb").is_file():
        return ""
    return f"tfgans evaluate saved_models/{name}{_protocol(card)}"


def _protocol(card: Card) -> str:
    """The options of `evaluate` that a restoration was measured with, where they are not the default."""
    tests = card.protocol.get("tests", [])
    others = tests != [label(card.dataset)]
    options = [f" --test folder:data/{test}" for test in tests if others]
    if "squeezenet" in card.protocol.get("features", ""):
        options.append(" --features squeezenet:weights/squeezenet_v1.1_imagenet.h5")
    elif (card.protocol.get("asked_features") or "").startswith("judge:"):
        options.append(f" --features {card.protocol['asked_features']}")
    return "".join(options)


def train_again(name: str, card: Card) -> str:
    """What trains the recipe of a card with each of its seeds and measures."""
    numbers, drawn = " ".join(map(str, card.training_seeds)), card.protocol.get("n_fake", SAMPLES)
    model = (ROOT / "saved_models" / name / "saved_model.pb").is_file()
    return (
        f"for s in {numbers}; do tfgans train {card.gan} --recipe {card.recipe} --seed $s --run runs/{name}-s$s; done; "
        f"tfgans evaluate runs/{name}-s* --card saved_models/{name}{' --no-model' * (not model)}"
        f"{_protocol(card)}{f' -n {drawn}' * (drawn != SAMPLES)}"
    )


# -- the ledger --------------------------------------------------------------------------------------------------------


def all_claims(cards: Cards, chapter: str | None = None) -> list[Claim]:
    """The claims of one chapter, or of all in their order."""
    wanted = chapters() if chapter is None else [chapter]
    return [tested(name, row, cards) for name in wanted for row in statements(name)]


def read_cards(folder: Path = ROOT / "saved_models") -> dict[str, Card]:
    """Name -> card of everything in the checkout's saved_models/, but for judges."""
    found = {path.parent.name: read_card(path.parent) for path in sorted(folder.glob("*/card.json"))}
    return {name: card for name, card in found.items() if card is not None}


def verdict_table(claims: list[Claim]) -> str:
    """A row per statement; a column per setting, where there are several: what survives a change of settings."""
    settings = list(dict.fromkeys(claim.setting for claim in claims if claim.setting)) or [""]
    lines = [f"| statement | {' | '.join(s or 'verdict' for s in settings)} |", "|---" * (1 + len(settings)) + "|"]
    for statement in dict.fromkeys(claim.statement for claim in claims):
        found = {claim.setting: claim.verdict for claim in claims if claim.statement == statement}
        lines.append(f"| {statement} | {' | '.join(found.get(s, found.get('', '')) for s in settings)} |")
    return "\n".join(lines)


def survivors(claims: list[Claim]) -> list[str]:
    """The statements that were tested under several settings and hold under each of them."""
    verdicts: dict[str, list[str]] = {}
    for claim in claims:
        if claim.setting:
            verdicts.setdefault(claim.statement, []).append(claim.verdict)
    return [each for each, found in verdicts.items() if len(found) > 1 and set(found) == {HOLDS}]


def ledger(cards: dict[str, Card]) -> str:
    """The text of docs/CLAIMS.md."""
    claims = all_claims(cards)
    counts = ", ".join(f"{sum(c.verdict == verdict for c in claims)} {verdict}" for verdict in VERDICTS)
    lines = [
        "# What the sources state, and what our trainings show",
        "",
        "Written by `python -m tfgans.reports` from `tfgans/reports/claims/` and the cards in `saved_models/`. Numbers",
        "are listed for each training seed. Statements of the five source documents are numbered (R: restoration with",
        "a ResNet, U: U-Net GAN, S: super-resolution, V: variants, B: cDCGAN); those of the original papers are not.",
        "",
        RULE,
        "",
        f"{len(claims)} statements: {counts}. {_of_undecided(claims)}",
    ]
    for chapter in chapters():
        own = [claim for claim in claims if claim.chapter == chapter]
        lines += ["", f"## {_title(chapter)}", ""]
        lines += ["| statement | verdict | agree | the source's number | ours, by training seed |", "|---" * 5 + "|"]
        lines += [_row(claim) for claim in own]
        beside = compared(chapter, cards)
        lines += ["", *beside] if beside else []
        lines += _again(own, cards)
    lines += ["", "## Sources", "", *(f"* {source}" for source in _sources().values())]
    return "\n".join(lines) + "\n"


def _of_undecided(claims: list[Claim]) -> str:
    """How many would be decided if the trainings that are missing agreed with those that are there."""
    open_ = [claim for claim in claims if claim.verdict == UNDECIDED]
    every, none = sum(c.true == c.pairs for c in open_), sum(c.true == 0 for c in open_)
    return (
        f"Of the undecided ones, {every} are true of all trainings so far and {none} of none; most have a single one."
    )


def _title(chapter: str) -> str:
    path = ROOT / "chapters" / f"{chapter}.py"
    return f"[{chapter}](../chapters/{chapter}.py)" if path.is_file() else chapter


def _row(claim: Claim) -> str:
    """A line of a chapter's table."""
    about = f" ({claim.setting})" if claim.setting else ""
    number = f"**{claim.id}** " if claim.id else ""
    paper = "" if claim.id else f" *{claim.source.split(',')[0]}*"
    numbers = f"{claim.numbers}<br>*{claim.note}*" if claim.note else claim.numbers
    cells = [f"{number}{claim.statement}{about}{paper}", claim.verdict, claim.agree, claim.reported, numbers]
    return "| " + " | ".join(cells) + " |"


def _again(claims: list[Claim], cards: Cards) -> list[str]:
    """How to check each card of a chapter again, and what to call for those that are not there yet."""
    names = list(dict.fromkeys(name for claim in claims for name in claim.cards))
    lines = []
    for name in names:
        card = cards.get(name)
        if card is None:
            lines += [f"* {name}, no card yet: `python -m tfgans.evaluation.seeds {name}`"]
            continue
        measure = measure_again(name, card)
        data = ", ".join(f"`tfgans data {each}`" for each in data_of(card).split(", "))
        lines += [f"* {name}: data {data}; " + (f"measure `{measure}`; " if measure else "")]
        lines[-1] += f"train `{train_again(name, card)}`"
    return ["", "<details><summary>Check again</summary>", "", *lines, "", "</details>"] if lines else []
