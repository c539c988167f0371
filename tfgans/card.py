"""Contract: cards, the measurements of a saved model and how it was made. A measurement is a row."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from tfgans.errors import UserError
from tfgans.files import ROOT, write_text

SAMPLES = 10_000  # default number of samples for scores
REMEDY = "restore it, or delete it and write it again with 'tfgans evaluate'"
WIDTH = 240  # characters of a line of card.json: a row fits on one


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement: one number for each training seed, in the order of `Card.training_seeds`, None where it was not
    measured.

    `test` is the test set, `of` what was measured: model, or a reference: input, bicubic, mean_fill, biharmonic, train
    (training images: the floor) or real. Values that do not depend on the training are single. `where` is a part
    ("hole", "class 3", "8 px", "code 1", "tenth 4"), `direction` that of a translation: a_to_b, b_to_a, round_trip
    or identity.
    """

    test: str
    measure: str
    of: str = "model"
    where: str | None = None
    direction: str | None = None
    values: list[float | None] = dataclasses.field(default_factory=list)

    @property
    def numbers(self) -> list[float]:
        """The values of the trainings in which it was measured."""
        return [value for value in self.values if value is not None]

    @property
    def key(self) -> tuple[str, str, str, str | None, str | None]:
        return self.test, self.measure, self.of, self.where, self.direction


@dataclasses.dataclass(frozen=True)
class Card:
    """The measurements of all trainings of one recipe, their protocol, and how they were made.

    `settings` is the resolved recipe: dataset, model, optimizers, batch_size, steps, decay and its other fields.
    `commands`, `train_seconds` and `cores` have an entry for each training seed. `losses` maps each term and statistic
    to the value of each training seed. `kernels` is the type of the measured kernels, or the types if seeds were added
    later. `class_names` are those of the labels, if they are not just numbers.
    """

    gan: str
    recipe: str
    task: str
    dataset: str
    image_shape: list[int]
    classes: int | None
    endpoints: dict[str, list[str]]
    commands: list[str]
    commit: str
    training_seeds: list[int]
    exported_seed: int
    settings: dict[str, Any]
    parameters: dict[str, int]
    precision: str
    jit_compile: bool
    train_seconds: list[float]
    machine: dict[str, Any]
    cores: list[int]
    protocol: dict[str, Any]
    measurements: list[Row]
    losses: dict[str, dict[str, list[float]]]
    kernels: str = "float32"
    class_names: list[str] = dataclasses.field(default_factory=list)

    def values(
        self,
        measure: str,
        of: str = "model",
        test: str | None = None,
        where: str | None = None,
        direction: str | None = None,
    ) -> list[float]:
        """The numbers of a row, [] if there is none. `test` may be omitted if only one test set has such a row."""
        row = self._row(measure, of, test, where, direction)
        return row.numbers if row else []

    def per_seed(
        self,
        measure: str,
        of: str = "model",
        test: str | None = None,
        where: str | None = None,
        direction: str | None = None,
    ) -> list[float]:
        """The same for each training seed; values that do not depend on the training are repeated."""
        row = self._row(measure, of, test, where, direction)
        return self._repeated(row) if row else []

    def _row(self, measure: str, of: str, test: str | None, where: str | None, direction: str | None) -> Row | None:
        wanted = (measure, of, where, direction)
        found = [row for row in self.measurements if row.key[1:] == wanted and test in (None, row.test)]
        if len(found) > 1:
            raise ValueError(f"{measure} of {of} was measured on {', '.join(row.test for row in found)}: choose one")
        return found[0] if found else None

    def parts(self, measure: str, kind: str, of: str = "model", test: str | None = None) -> list[list[float]]:
        """For measurements with a row for each class, code or tenth (`kind`): their list for each training seed."""
        rows = [
            self._repeated(row)
            for row in self.measurements
            if (row.measure, row.of) == (measure, of)
            and (row.where or "").startswith(f"{kind} ")
            and test in (None, row.test)
        ]
        return [list(values) for values in zip(*rows, strict=True)]

    def loss(self, term: str, statistic: str) -> list[float]:
        """A statistic of a logged term for each training seed, or []."""
        return self.losses.get(term, {}).get(statistic, [])

    def _repeated(self, row: Row) -> list[float]:
        return row.numbers * len(self.training_seeds) if len(row.values) == 1 else row.numbers


def read_card(folder: str | Path) -> Card | None:
    """The card of a saved model, or None. Judges have cards of another form, for which it also returns None.

    Raises:
        UserError: the card is damaged.
    """
    path = Path(folder) / "card.json"
    stored = _stored(path) if path.is_file() else {}
    if not stored or "judge" in stored:
        return None
    fields = dataclasses.fields(Card)
    needed = [each.name for each in fields if each.default is each.default_factory is dataclasses.MISSING]
    absent = [name for name in needed if name not in stored]
    if absent:
        raise UserError(f"{path} lacks {', '.join(absent)}; {REMEDY}")
    try:
        rows = [Row(**row) for row in stored["measurements"]]
    except TypeError:
        raise UserError(f"{path} has a measurement that is not a row; {REMEDY}") from None
    return Card(**{each.name: stored[each.name] for each in fields if each.name in stored} | {"measurements": rows})


def _stored(path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        stored = None
    if not isinstance(stored, dict):
        raise UserError(f"{path} is not readable JSON; {REMEDY}")
    return stored


def write_card(folder: str | Path, card: Card) -> Path:
    write_text(Path(folder) / "card.json", _json(dataclasses.asdict(card)) + "\n")
    return Path(folder) / "card.json"


def _json(value: Any, indent: int = 0) -> str:
    """JSON in which lists and dictionaries that fit on a line are on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or (indent and len(line) + indent <= WIDTH):
        return line
    start = ",\n".join
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        inner = start(f"{pad}{json.dumps(name)}: {_json(each, indent + 2)}" for name, each in value.items())
        return f"{{\n{inner}\n{' ' * indent}}}"
    return f"[\n{start(pad + _json(each, indent + 2) for each in value)}\n{' ' * indent}]"


def saved() -> dict[str, Card]:
    """Name -> card of every model in saved_models/ of the working folder and of the checkout."""
    return _cards("saved_model.pb")


def measured() -> dict[str, Card]:
    """The same for every card there, including those of models that were not kept."""
    return _cards("card.json")


def _cards(file: str) -> dict[str, Card]:
    found = {name: read_card(folder) for name, folder in folders(file).items()}
    return {name: card for name, card in found.items() if card is not None}


def judges() -> dict[str, dict[str, Any]]:
    """Name -> card of every judge there: these cards are dictionaries of another form."""
    found = {name: _stored(folder / "card.json") for name, folder in folders("card.json").items()}
    return {name: card for name, card in found.items() if "judge" in card}


def folders(file: str) -> dict[str, Path]:
    """Name -> folder of everything in saved_models/, of the working folder before the checkout, with `file`."""
    found: dict[str, Path] = {}
    for place in (Path("saved_models"), ROOT / "saved_models"):
        for folder in sorted(place.glob("*/")) if place.is_dir() else []:
            if (folder / file).exists() and not folder.name.startswith("."):
                found.setdefault(folder.name, folder)
    return {name: found[name] for name in sorted(found, key=_natural)}


def _natural(name: str) -> list[str | int]:
    """A sort key that puts 5 before 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
