"""Parsing labels: numbers, ranges and class names."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfgans.errors import UserError

MOST = 1_000  # labels of a model that does not declare its number
NAMED = 12  # names listed in an error


def parse_labels(text: str, classes: int | None = None, names: Sequence[str] = ()) -> list[int]:
    """ "0-3,7" -> [0, 1, 2, 3, 7]; "cat,dog" and "cat-dog" with `names`. Raises UserError for unknown labels."""
    parts, labels = text.split(","), []
    most = 1 + max((name.count(",") for name in names), default=0)
    while parts:
        for length in range(min(most, len(parts)), 0, -1):
            found = _range(",".join(parts[:length]).strip(), classes, names)
            if found:
                labels += found
                del parts[:length]
                break
        else:
            raise _unknown(parts[0].strip(), text, classes, names)
    return labels


def numbers_of(labels: Any, classes: int | None, names: Sequence[str], model: str) -> np.ndarray:
    """Labels, integers or names, as int32 (n,). Raises UserError for unknown labels."""
    given = labels.tolist() if isinstance(labels, np.ndarray) else labels
    given = [given] if isinstance(given, (str, int)) else list(given)
    found = []
    for label in given:
        if isinstance(label, str):
            number = _number(label.strip(), classes, names)
            if number is None:
                raise _unknown(label, label, classes, names, model)
        else:
            number = int(label)
            if number != label or not 0 <= number < (classes or 2**31):
                raise UserError(f"{model} has the labels {listed(classes, names)}, not {label}")
        found.append(number)
    return np.array(found, np.int32)


def listed(classes: int | None, names: Sequence[str]) -> str:
    """A list of the labels for messages: 0-1 (cat, dog)."""
    numbers = f"0-{(classes or MOST) - 1}"
    if not names or are_numbers(names, plainly=True):
        return numbers
    named = ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
    return named if are_numbers(names) else f"{numbers} ({named})"


def are_numbers(names: Sequence[str], plainly: bool = False) -> bool:
    """Whether all names are numbers; with `plainly`, each the number of its own label."""
    return bool(names) and all(name.isdecimal() and (not plainly or int(name) == i) for i, name in enumerate(names))


def _number(text: str, classes: int | None, names: Sequence[str]) -> int | None:
    """The label of a name or number, or None. If the classes are named 1 to 11, 1 is the first one."""
    alike = [i for i, name in enumerate(names) if name.casefold() == text.casefold()]
    if text in names or len(alike) == 1:
        return names.index(text) if text in names else alike[0]
    if not text.isdecimal():
        return None
    if are_numbers(names):
        return next((i for i, name in enumerate(names) if int(name) == int(text)), None)
    return int(text) if int(text) < (classes or MOST) else None


def _range(text: str, classes: int | None, names: Sequence[str]) -> list[int]:
    """The labels of a range, "0-3" or "cat-dog", or the one of that name; [] if there are none."""
    one = _number(text, classes, names)
    if one is not None:
        return [one]
    for i in (i for i, character in enumerate(text) if character == "-"):  # a name may hold hyphens
        first, last = (_number(part.strip(), classes, names) for part in (text[:i], text[i + 1 :]))
        if first is not None and last is not None:
            return list(range(first, last + 1))
    return []


def _unknown(part: str, text: str, classes: int | None, names: Sequence[str], model: str = "this model") -> UserError:
    if not names:
        pieces = [piece.strip() for piece in part.split("-")]
        ascending = all(piece.isdecimal() for piece in pieces) and len(pieces) <= 2
        if ascending and int(pieces[0]) <= int(pieces[-1]):
            return UserError(f"{model} has the labels {listed(classes, names)}, not {pieces[-1]}")
        return UserError(f"labels are numbers and ranges such as 0-9 or 3,1,4; '{text}' is not")
    if part.isdecimal() and not are_numbers(names):
        return UserError(f"{model} has the labels {listed(classes, names)}, not {part}")
    folded = {name.casefold(): name for name in names}
    near = [] if part.isdecimal() else difflib.get_close_matches(part.casefold(), folded, n=2)
    close = f"did you mean {' or '.join(folded[each] for each in near)}? " if near else ""
    return UserError(f"{model} has no label '{part}'; {close}it has {listed(classes, names)}")
