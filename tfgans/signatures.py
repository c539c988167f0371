"""Checking user-supplied names and types against the signature of a function or class."""

import difflib
import inspect
import types
import typing
from collections.abc import Iterable
from typing import Any

from tfgans.errors import UserError


def refuse_unknown(names: Iterable[Any], known: Iterable[str], what: str) -> None:
    """Raises UserError for the first unknown name, suggesting the nearest known one."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known) or 'none'}"
            raise UserError(f"there is no {what} '{name}'; {hint}")


def arguments(called: Any, given: dict[str, Any], what: str, prefix: str = "") -> dict[str, Any]:
    """The arguments, converted to the types of the signature. Raises UserError for unknown, wrong and absent ones."""
    signature = inspect.signature(called.__init__).parameters
    own = {
        name: parameter
        for name, parameter in signature.items()
        if parameter.kind == parameter.POSITIONAL_OR_KEYWORD and name not in ("self", "seed")
    }
    refuse_unknown(given, own, what)
    for name, parameter in own.items():
        if parameter.default is parameter.empty and name not in given:
            raise UserError(f"'{prefix}{name}' is missing: an {what}")
    try:
        kinds = typing.get_type_hints(called.__init__)
    except (NameError, TypeError):  # unresolvable annotations
        kinds = {}
    made = {}
    for name, value in given.items():
        default = own[name].default
        usual = Any if default in (None, inspect.Parameter.empty) else type(default)
        made[name] = typed(value, kinds.get(name, usual), f"{prefix}{name}")
    return made


def typed(value: Any, kind: Any, name: str) -> Any:
    """The value converted to a type: integers to float where needed. Raises UserError for a value of another type.

    Types other than plain ones and tuples or mappings of them are not checked.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    fits = True
    if origin in (types.UnionType, typing.Union):
        for one in inner:
            try:
                return typed(value, one, name)
            except UserError:
                fits = False
    elif kind is bool:
        fits = isinstance(value, bool)
    elif kind in (int, float):
        fits = isinstance(value, int if kind is int else (int, float)) and not isinstance(value, bool)
        value = float(value) if fits and kind is float else value
    elif kind in (str, type(None)):
        fits = isinstance(value, kind)
    elif kind is dict or origin is dict:
        fits = isinstance(value, dict)
        if fits and inner:
            value = {key: typed(one, inner[1], f"{name}.{key}") for key, one in value.items()}
    elif kind is tuple or origin is tuple:
        # texts may be in nested lists, which YAML shares
        fits = isinstance(value, tuple)
        if fits and inner and inner[0] is not str:
            kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
            fits = len(kinds) == len(value)
            if fits:
                value = tuple(typed(one, own, name) for one, own in zip(value, kinds, strict=True))
    if not fits:
        wanted = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}.get(kind)
        wanted = wanted or ("a mapping" if dict in (kind, origin) else f"a value like {kind}")
        raise UserError(f"'{name}' takes {wanted}, not {value!r}")
    return value
