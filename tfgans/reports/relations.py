"""Tests of statements as data: a value of a card, a relation, and a number or the value of another card.

A test is a mapping, as it stands in `claims/*.yaml`:

    {card: srgan-photos, measure: psnr, test: each, relation: lower, than: srresnet-photos}

`card` and what follows name a value (`Value`), `relation` is one of RELATIONS, and `than` is a number, the name of a
card with the same value, a mapping of what is different in the other value ({of: bicubic}), or a list of these. `times`
and `plus` change the right side: `relation: at most, than: dcgan-mnist, times: 0.5` asks for half of it. `test: each`
stands for all test sets of the card. `equal` lists settings that the two cards must share besides the protocol.
"""

import dataclasses
import itertools
import operator
import statistics
from collections.abc import Callable, Mapping
from typing import Any

from tfgans.card import Card, Row
from tfgans.names import label

Cards = Mapping[str, Card | None]

HOLDS, FAILS, UNDECIDED, NOT_TESTED = "holds", "does not hold", "undecided", "not tested"
RELATIONS = {
    "lower": operator.lt,
    "higher": operator.gt,
    "at most": operator.le,
    "at least": operator.ge,
    "equal": operator.eq,
}
SIGNS = {"lower": "<", "higher": ">", "at most": "≤", "at least": "≥", "equal": "="}
TAKEN: dict[str, Callable[[list[float]], float]] = {
    "largest": max,
    "smallest": min,
    "strongest": lambda values: max(map(abs, values)),
    "mean": statistics.fmean,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
OVER_SEEDS: dict[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean,
    "median": statistics.median,
    "deviation": statistics.stdev,
}
PROTOCOL = ("features_sha256", "segmenter_sha256", "degradation", "tests", "border", "split", "n_real", "n_fake")
FACTS = ("steps", "batch_size", "decay", "optimizers", "model", "precision")  # in which two trainings may differ
MNIST_TRAIN = 60_000  # images of an epoch


class Untestable(Exception):
    """The cards cannot decide; the message gives the reason."""


@dataclasses.dataclass(frozen=True)
class Value:
    """A number of each training seed of a card.

    One of these:
        measure: the measure of a row, with `of`, `test`, `where` and `direction` as in `Row`. `part` reads the rows
            of all classes, codes or tenths, of which `take` keeps one number.
        loss: a term and a statistic, such as "g_loss final"; "d_loss+g_loss mean" adds two terms.
        setting: a setting of the recipe, such as "model.unroll"; `parameters` of an optimizer's networks, or "all".
        seconds: "epoch", wall time of a pass over MNIST, or "training".

    `over`, `minus` and `apart` are changes that make another value of the same kind: the quotient, the difference, or
    the distance from its mean is taken. `seeds` replaces the numbers by one over training seeds: mean, median or
    deviation.
    """

    card: str
    measure: str = ""
    of: str = "model"
    test: str | None = None
    where: str | None = None
    direction: str | None = None
    part: str = ""
    take: str = ""
    loss: str = ""
    setting: str = ""
    parameters: str = ""
    seconds: str = ""
    over: Mapping[str, Any] | None = None
    minus: Mapping[str, Any] | None = None
    apart: Mapping[str, Any] | None = None
    seeds: str = ""

    def changed(self, changes: Mapping[str, Any]) -> "Value":
        """The value with other keys, and without what it is set against."""
        return dataclasses.replace(self, **{"over": None, "minus": None, "apart": None, "seeds": "", **changes})

    @property
    def by_chance(self) -> bool:
        """Whether another training seed could give another number."""
        return not (self.setting or self.parameters)

    def name(self) -> str:
        """A label, such as "PSNR (dB), in the hole"."""
        if self.loss:
            terms, statistic = self.loss.split()
            text = f"{terms.replace('+', ' + ')}, {statistic}"
        elif self.setting or self.parameters:
            text = self.setting or "parameters"
        elif self.seconds:
            text = f"seconds of {'an epoch' if self.seconds == 'epoch' else 'a training'}"
        else:
            text = label(
                Row(self.test or "", self.measure, self.of, self.where, self.direction, []), test=bool(self.test)
            )
            text += f", {self.take} {self.part}".rstrip() if self.part else ""
        for word, changes in (("over that", self.over), ("above that", self.minus), ("apart from that", self.apart)):
            if changes is not None:
                text += f", {word} {_words(changes)}"
        return text + (f", {self.seeds} over seeds" if self.seeds else "")

    def read(self, cards: Cards) -> list[float]:
        """The numbers. Untestable where there is no card, or the card lacks them."""
        card = cards.get(self.card)
        if card is None:
            raise Untestable(f"no card of {self.card} yet")
        found = self._held(card)
        if not found:
            raise Untestable(f"the card {self.card} has no {self.measure or self.loss or self.seconds}")
        if self.over is not None:
            found = [a / b for a, b in zip(found, self.changed(self.over).read(cards), strict=True)]
        if self.minus is not None:
            found = [a - b for a, b in zip(found, self.changed(self.minus).read(cards), strict=True)]
        if self.apart is not None:
            middle = statistics.fmean(self.changed(self.apart).read(cards))
            found = [abs(a - middle) for a in found]
        return self._over_seeds(found)

    def _held(self, card: Card) -> list[float]:
        n = len(card.training_seeds)
        if self.loss:
            terms, statistic = self.loss.split()
            each = [card.loss(term, statistic) for term in terms.split("+")]
            return [sum(values) for values in zip(*each, strict=True)]
        if self.setting:
            value: Any = card.settings
            for key in self.setting.split("."):
                value = value[key]
            return [float(value)] * n
        if self.parameters:
            every = sum(card.parameters.values())
            return [float(every if self.parameters == "all" else card.parameters[self.parameters])] * n
        if self.seconds:
            epochs = card.settings["steps"] * card.settings["batch_size"] / MNIST_TRAIN
            return [each / (epochs if self.seconds == "epoch" else 1.0) for each in card.train_seconds]
        if self.part:
            return [TAKEN[self.take](each) for each in card.parts(self.measure, self.part, self.of, self.test)]
        return card.per_seed(self.measure, self.of, self.test, self.where, self.direction)

    def _over_seeds(self, found: list[float]) -> list[float]:
        if not self.seeds:
            return found
        if len(found) < (3 if self.seeds == "deviation" else 2):
            raise Untestable(
                f"the {self.seeds} over {len(found)} training seed{'s' * (len(found) > 1)} decides nothing"
            )
        return [OVER_SEEDS[self.seeds](found)]


def _words(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"of {value}" if key in ("of", "card") else str(value) for key, value in changes.items())


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A test's verdict, its numbers as text, and how many pairs of training seeds satisfy the relation."""

    verdict: str
    numbers: str
    true: int = 0
    pairs: int = 0


def outcomes(test: Mapping[str, Any], cards: Cards) -> list[Outcome]:
    """The outcomes of a test of `claims/*.yaml`, one for each right side and each test set."""
    rest = dict(test)
    relation, thans = rest.pop("relation"), rest.pop("than")
    times, plus, equal = rest.pop("times", 1.0), rest.pop("plus", 0.0), rest.pop("equal", ())
    alike = rest.pop("alike", PROTOCOL)
    left = Value(**rest)
    tests: list[str | None] = [left.test]
    card = cards.get(left.card)
    if left.test == "each":
        tests = list(card.protocol.get("tests", [])) if card else [None]
    found = []
    for than, name in itertools.product(thans if isinstance(thans, list) else [thans], tests):
        own = dataclasses.replace(left, test=name)
        try:
            found.append(_outcome(own, relation, than, times, plus, (*alike, *equal), cards))
        except Untestable as reason:
            found.append(Outcome(NOT_TESTED, f"{own.name()}: {reason}"))
    return found


def _outcome(
    left: Value, relation: str, than: Any, times: float, plus: float, alike: tuple[str, ...], cards: Cards
) -> Outcome:
    low = left.read(cards)
    if isinstance(than, (int, float)):
        right, others, paired = None, [float(than)], False
    else:
        right = dataclasses.replace(left, card=than) if isinstance(than, str) else left.changed(than)
        others, paired = right.read(cards), right.card == left.card
        _comparable(left, right, alike, cards)
    changed = [times * value + plus for value in others]
    if left.seeds == "deviation" and right is not None:  # of few seeds, only half of the other is clearly lower
        changed = [changed[0] / 2 if relation in ("lower", "at most") else 2 * changed[0], changed[0]]
    pairs = list(zip(low, changed, strict=True)) if paired else list(itertools.product(low, changed))
    true = sum(RELATIONS[relation](a, b) for a, b in pairs)
    several = len(low) > 1 and (right is None or len(others) > 1)
    enough = several or bool(left.seeds) or not left.by_chance
    verdict = HOLDS if true == len(pairs) else FAILS if true == 0 else UNDECIDED
    return Outcome(
        verdict if enough else UNDECIDED,
        _sentence(left, low, relation, right, others, times, plus),
        true,
        len(pairs),
    )


def _sentence(
    left: Value, low: list[float], relation: str, right: Value | None, others: list[float], times: float, plus: float
) -> str:
    factor = f"{times:g} × " * (times != 1.0)
    more = f" {'+' if plus > 0 else '−'} {abs(plus):g}" * (plus != 0.0)
    if right is None:
        other = f"{others[0]:g}"
    elif right.card != left.card:
        other = f"{factor}{listed(others)} ({right.card}){more}"
    else:
        other = f"{factor}{listed(others)} ({_difference(left, right)}){more}"
    return f"{left.name()}: {listed(low)} ({left.card}) {SIGNS[relation]} {other}"


def _difference(left: Value, right: Value) -> str:
    keys = [f.name for f in dataclasses.fields(Value) if getattr(left, f.name) != getattr(right, f.name)]
    return ", ".join(str(getattr(right, key)) for key in keys if getattr(right, key)) or "test images"


def listed(numbers: list[float]) -> str:
    """The value of each training seed, with three significant digits: "26.3, 27.1"."""
    return ", ".join(f"{n:,.0f}" if abs(n) >= 1000 else f"{n:.3g}" for n in numbers)


def _comparable(left: Value, right: Value, keys: tuple[str, ...], cards: Cards) -> None:
    """Untestable where two cards differ in one of the keys, which are fields, settings or entries of the protocol."""
    if left.card == right.card:
        return
    first, second = cards[left.card], cards[right.card]
    for key in keys:
        if _fact(first, key) != _fact(second, key) and (left.measure or key not in PROTOCOL):
            raise Untestable(f"{left.card} and {right.card} differ in their {key}")


def _fact(card: Card | None, key: str) -> Any:
    assert card is not None
    return getattr(card, key, card.settings.get(key, card.protocol.get(key)))


def departures(first: Card, second: Card) -> list[str]:
    """The settings in which two trainings differ: "steps", "model.dropout", "d_optimizer.learning_rate"."""
    own, other = ({**flat(card.settings), "precision": card.precision} for card in (first, second))
    found = [key for key in {**own, **other} if own.get(key) != other.get(key) and key.split(".")[0] in FACTS]
    return [key.removeprefix("optimizers.") for key in found]


def flat(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings as one dict: {"model.width": 64}."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return found
