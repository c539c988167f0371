"""The ledger: each claim of the sources that the suite has tested, its verdict, and the command that checks it again.

Verdicts are functions of the cards in saved_models/ (`criteria`). `python -m tfgans.reports` writes docs/CLAIMS.md.
"""

import dataclasses
import inspect
from pathlib import Path

from tfgans.card import SAMPLES, Card, read_card
from tfgans.files import ROOT
from tfgans.reports.claims import CHAPTERS, Statement
from tfgans.reports.comparisons import compared
from tfgans.reports.evidence import NOT_TESTED, PARTLY, REPRODUCED, VERDICTS, Untestable
from tfgans.tasks import label

Cards = dict[str, Card]

ORDER = (
    "Where two models are compared, *reproduced* means true of every pair of their training seeds, with at least two "
    "seeds a side; *partly* true of the means only, or of single seeds; *not reproduced* not true of the means."
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a source, tested. `setting` tells apart what was tested under several."""

    source: str
    statement: str
    verdict: str
    numbers: str
    command: str
    chapter: str
    criterion: str
    setting: str = ""


def tested(statement: Statement, cards: Cards, chapter: str) -> Claim:
    """A statement's verdict on the cards that are there."""
    absent = [name for name in statement.needs if not cards.get(name)]
    try:
        if absent:
            raise Untestable(f"No card yet of {' and '.join(absent)}")
        own = [cards[name] for name in statement.needs]
        verdict, numbers = statement.test(*own)
        if statement.chance and len(own) > 1 and any(len(card.training_seeds) < 2 for card in own):
            verdict = PARTLY if verdict == REPRODUCED else verdict
    except Untestable as reason:
        verdict, numbers = NOT_TESTED, f"{reason}."
    command = "; ".join(_command(name, cards.get(name), statement.retrain) for name in statement.needs)
    criterion = " ".join(inspect.cleandoc(statement.test.__doc__ or "").split())
    return Claim(statement.source, statement.text, verdict, numbers, command, chapter, criterion, statement.setting)


# -- the commands that check again -------------------------------------------------------------------------------------


def _command(name: str, card: Card | None, retrain: bool) -> str:
    """What gives the numbers of a card again; where there is no card yet, what makes it."""
    if card is None:
        return f"python -m tfgans.evaluation.seeds {name}"
    if retrain or not _has_model(name):
        return _training(name, card)
    return f"tfgans evaluate saved_models/{name}{_protocol(card)}"


def _has_model(name: str) -> bool:
    """Whether there is more than a card: what is only compared with has no model."""
    return (ROOT / "saved_models" / name / "saved_model.pb").is_file()


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


def _training(name: str, card: Card) -> str:
    """Train the recipe of a card with each of its seeds, and measure."""
    numbers, drawn = " ".join(map(str, card.training_seeds)), card.protocol.get("n_fake", SAMPLES)
    return (
        f"for s in {numbers}; do tfgans train {card.gan} --recipe {card.recipe} --seed $s --run runs/{name}-s$s; done; "
        f"tfgans evaluate runs/{name}-s* --card saved_models/{name}{' --no-model' * (not _has_model(name))}"
        f"{_protocol(card)}{f' -n {drawn}' * (drawn != SAMPLES)}"
    )


# -- the ledger --------------------------------------------------------------------------------------------------------


def all_claims(cards: Cards, chapter: str | None = None) -> list[Claim]:
    """The claims of one chapter, or of all in their order."""
    wanted = CHAPTERS if chapter is None else [chapter]
    return [tested(statement, cards, name) for name in wanted for statement in CHAPTERS[name]]


def read_cards(folder: Path = ROOT / "saved_models") -> Cards:
    """Name -> card of everything in the checkout's saved_models/, but for judges."""
    found = {path.parent.name: read_card(path.parent) for path in sorted(folder.glob("*/card.json"))}
    return {name: card for name, card in found.items() if card is not None}


def table(claims: list[Claim]) -> str:
    """A row per statement; a column per setting, where there are several: what survives a change of settings."""
    settings = list(dict.fromkeys(claim.setting for claim in claims if claim.setting)) or [""]
    lines = [f"| claim | {' | '.join(s or 'verdict' for s in settings)} |", "|---" * (1 + len(settings)) + "|"]
    for statement in dict.fromkeys(claim.statement for claim in claims):
        found = {claim.setting: claim.verdict for claim in claims if claim.statement == statement}
        lines.append(f"| {statement} | {' | '.join(found.get(s, found.get('', '')) for s in settings)} |")
    return "\n".join(lines)


def survivors(claims: list[Claim]) -> list[str]:
    """The statements that were tested under several settings and reproduced under each of them."""
    verdicts: dict[str, list[str]] = {}
    for claim in claims:
        if claim.setting:
            verdicts.setdefault(claim.statement, []).append(claim.verdict)
    return [each for each, found in verdicts.items() if len(found) > 1 and set(found) == {REPRODUCED}]


def ledger(cards: Cards) -> str:
    """The text of docs/CLAIMS.md."""
    claims = all_claims(cards)
    counts = ", ".join(f"{sum(c.verdict == verdict for c in claims)} {verdict}" for verdict in VERDICTS)
    lines = [
        "# Claims of the sources, tested",
        "",
        "Generated by `python -m tfgans.reports` from the cards in `saved_models/`; tests fail when it has drifted.",
        "Numbers are listed for each training seed. `tfgans evaluate` measures the exported training seed again; with",
        "`--card` it writes the card anew, over all of them. Cards hold the protocol of every score.",
        "",
        ORDER,
        "",
        f"{len(claims)} tests: {counts}.",
    ]
    for chapter in CHAPTERS:
        own = [claim for claim in claims if claim.chapter == chapter]
        lines += ["", f"## [{chapter}](../chapters/{chapter}.py)", "", table(own)]
        beside = compared(chapter, cards)
        lines += ["", *beside] if beside else []
        for claim in own:
            lines += [
                "",
                f"### {claim.statement}{f' ({claim.setting})' if claim.setting else ''}",
                "",
                f"**{claim.verdict.capitalize()}.** {claim.numbers}",
                "",
                f"* Source: {claim.source}",
                f"* Criterion: {claim.criterion}",
                f"* Check again: `{claim.command}`",
            ]
    return "\n".join(lines) + "\n"
