"""What criteria share: verdicts, the numbers of cards, and whether two cards can be compared."""

import statistics
from typing import Any

from tfgans.card import Card

REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTED = "reproduced", "partly", "not reproduced", "not tested yet"
VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTED)
MNIST_TRAIN = 60_000  # images of an epoch


class Untestable(Exception):
    """The cards cannot decide a claim; the message says why."""


# -- what cards hold ---------------------------------------------------------------------------------------------------


def metric(card: Card, name: str, of: str = "model", test: str | None = None, where: str | None = None) -> list[float]:
    """The value of each training seed. Untestable where the card lacks it."""
    return _held(card, name, card.per_seed(name, of, test, where))


def each_part(card: Card, name: str, kind: str, of: str = "model") -> list[list[float]]:
    """Of each training seed the values of all classes, codes or tenths. Untestable where the card lacks them."""
    return _held(card, name, card.parts(name, kind, of))


def loss(card: Card, term: str, statistic: str) -> list[float]:
    """A statistic of a logged term, of each training seed. Untestable where the card lacks it."""
    return _held(card, f"{statistic} of {term}", card.loss(term, statistic))


def _held(card: Card, name: str, found: list[Any]) -> list[Any]:
    if not found:
        raise Untestable(f"The card of {card.gan} ({card.recipe}) has no {name}")
    return found


def comparable(first: Card, second: Card, keys: tuple[str, ...]) -> None:
    """Untestable where the two cards, their settings or their protocols differ in one of the keys."""
    for key in keys:
        if _fact(first, key) != _fact(second, key):
            raise Untestable(f"The cards to compare differ in their {key}")


def _fact(card: Card, key: str) -> Any:
    return getattr(card, key, card.settings.get(key, card.protocol.get(key)))


PROTOCOL = ("features_sha256", "split", "n_real", "n_fake", "sample_seed")


def listed(numbers: list[float], digits: int = 2, scale: float = 1.0) -> str:
    """[0.5, 0.25] -> "0.50, 0.25": the value of each seed."""
    return ", ".join(f"{scale * number:.{digits}f}" for number in numbers)


def seeds(*cards: Card) -> str:
    """ "3 seeds", "1 seed", "3 and 1 seeds": how many trainings the numbers rest on, card by card."""
    counts = [len(card.training_seeds) for card in cards]
    if len(set(counts)) == 1:
        return f"{counts[0]} seed{'s' * (counts[0] != 1)}{' each' * (len(counts) > 1)}"
    return f"{', '.join(map(str, counts[:-1]))} and {counts[-1]} seeds"


def epoch_seconds(card: Card, cores: int) -> list[float]:
    """Wall seconds of a pass over MNIST, of each training on so many cores: checkpoints and pictures included."""
    epochs = card.settings["steps"] * card.settings["batch_size"] / MNIST_TRAIN
    seconds = zip(card.train_seconds, card.cores, strict=True)
    return [each / epochs for each, of in seconds if of == cores]


def above(high: list[float], low: list[float]) -> str:
    """Whether one group of values lies above another, in the sense of ORDER."""
    if min(high) > max(low) and min(len(high), len(low)) > 1:
        return REPRODUCED
    return PARTLY if statistics.fmean(high) > statistics.fmean(low) else NOT_REPRODUCED


def graded(reproduced: bool, partly: bool) -> str:
    return REPRODUCED if reproduced else PARTLY if partly else NOT_REPRODUCED
