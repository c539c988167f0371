"""A statement of a source, and how it is tested."""

import dataclasses
from collections.abc import Callable

Test = Callable[..., tuple[str, str]]  # cards -> verdict, numbers

VARIANTS = "Variant GAN, a survey page"


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement of a source and how it is tested: `test(*cards)` of the cards that it `needs`.

    `retrain`: the numbers are of the trainings themselves; measuring the saved model does not give them again.
    `chance`: a training with another seed could decide otherwise, so that ORDER holds.
    """

    source: str
    text: str
    needs: tuple[str, ...]
    test: Test
    setting: str = ""
    retrain: bool = False
    chance: bool = True
