"""The role and the encoding of each set of images."""

import difflib
import re
from collections.abc import Mapping, Sequence

from tfgans.errors import UserError

ROLES = {"pairs": ("source", "target"), "domains": ("a", "b")}
Names = str | Sequence[str]


def natural(name: str) -> list[str | int]:
    """A sort key that puts a2 before a10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name.casefold())]


def roles_of(
    name: str, available: Sequence[str], roles: Mapping[str, Names] | None, usual: tuple[str, str]
) -> dict[str, tuple[str, ...]]:
    """The names of sets by role; by default the roles of `usual` take the sets of `available` in order."""
    listed = ", ".join(available)
    if not roles:
        if len(available) != 2:
            raise UserError(f"{name} has the sets {listed}; choose two with sets: {{{usual[0]}: ..., {usual[1]}: ...}}")
        return {role: (each,) for role, each in zip(usual, available, strict=True)}
    given = {role: (names,) if isinstance(names, str) else tuple(names) for role, names in roles.items()}
    order = next((pair for pair in ROLES.values() if set(pair) == set(given)), None)
    if order is None:
        raise UserError(f"{name}: the roles of sets are source and target, or a and b, not {', '.join(given)}")
    for each in (each for names in given.values() for each in names):
        if each not in available:
            near = difflib.get_close_matches(each, available, n=1)
            raise UserError(
                f"{name} has no set '{each}'; " + (f"did you mean '{near[0]}'?" if near else f"it has {listed}")
            )
    for role, names in given.items():
        if not 1 <= len(names) <= 2:
            raise UserError(f"{name}: the role '{role}' takes one set, or a label map and an instance map")
    return {role: given[role] for role in order}


def encodings_of(name: str, roles: dict[str, tuple[str, ...]], has_palette: bool) -> dict[str, str]:
    """The encoding of each set."""
    used = [each for names in roles.values() for each in names]
    second = {names[1] for names in roles.values() if len(names) == 2}
    found = {s: "instances" if s.casefold().startswith("instance") or s in second else "image" for s in used}
    if has_palette:
        maps = [s for s in used if s.casefold().startswith("label")]
        maps = maps or [s for s in roles.get("source", ())[:1] if found[s] == "image"]
        if not maps:
            raise UserError(f"{name}: a palette needs a set named label or the role source")
        found |= dict.fromkeys(maps, "classes")
    return found
