"""Recipes: all settings that reproduce a result, read from `recipes/<gan>.yaml`, checked, changed by settings."""

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import yaml

from tfgans.errors import UserError
from tfgans.files import plain
from tfgans.signatures import arguments, refuse_unknown, typed

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
PAIRINGS = ("aligned", "shuffled", "halves")
CHANGEABLE = (
    "degradation",
    "pairing",
    "palette",
    "sets",
    "load_shape",
    "shrink_jpeg",
    "image_palette",
    "segmenter",
)  # if a recipe has them
# numbers that may be 0: training works without them
ZERO = (
    "pretrain_steps",
    "early_steps",
    "enhance_steps",
    "unroll",
    "overlap",
    "pool",
    "shared_generator_layers",
    "shared_discriminator_layers",
    "curriculum_steps",
)

# arguments of models that are numbers of training steps
STEPS = ("pretrain_steps", "early_steps", "coarse_steps", "enhance_steps", "drop_at", "curriculum_steps")


class _Loader(yaml.SafeLoader):
    """YAML with numbers as people write them; `on`, `off`, `yes`, `no` and dates are strings.

    PyYAML follows YAML 1.1, where `2e-4` is a string, `off` is False and `1:30` is 90.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag == "tag:yaml.org,2002:merge"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_EXPONENT = r"[eE][-+]?[0-9]+"
_FLOAT = rf"[-+]?(?:(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:{_EXPONENT})?|[0-9][0-9_]*{_EXPONENT}|\.inf)|\.nan"
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def load(text: str) -> Any:
    """Parse a YAML text. Raises yaml.YAMLError if it is invalid."""
    return yaml.load(text, _Loader)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of `tfgans train NAME`.

    `model` holds the arguments of the model's class. `optimizers` maps each player to the arguments of a Keras
    optimizer, with its class as "name" (by default Adam).
    `decay` is the share of the run, at its end, over which all learning rates fall linearly to zero.
    `keep` is the number of newest checkpoints that are kept; a run writes 20.
    `degradation` (`tfgans.data.degrade`) makes the source of a restoration: batches contain random crops of the model's
    `image_shape`, flipped at random, as `target`, and their degradations as `source`. Without `crop` whole images are
    scaled to `image_shape`; without `flip` none is flipped, as for digits.
    `shrink_jpeg` is the factor by which JPEG files are shrunk before they are cropped: targets for removing compression
    must not contain it.
    `precision` is the precision in which the result was trained; "" leaves it to the machine.
    `pairing`, `sets` (roles), `palette`, `load_shape` (a side) and `shapes` are arguments of `data.load_domains`.
    `image_palette` is the palette of label maps that are treated as coloured images: targets, or images of b, are also
    measured as label maps. With `segmenter`, a name, the sources, or images of b, are label maps, even if they are
    coloured images, and the segmenter scores their translations.
    `reported` is what the paper reports, in rows: {"measure": "psnr", "test": "set5", "value": 29.40}.
    `deviations` are the differences from the paper, one fact each. `notes` explain the choice of the numbers.
    """

    dataset: str
    model: dict[str, Any]
    optimizers: dict[str, dict[str, Any]]
    batch_size: int
    steps: int
    paper: str = ""
    decay: float = 0.0
    keep: int = 3
    degradation: str = ""
    crop: bool = True
    flip: bool = True
    shrink_jpeg: float = 0.0
    precision: str = ""
    pairing: str = ""
    sets: dict[str, Any] = dataclasses.field(default_factory=dict)
    palette: str = ""
    load_shape: int = 0
    image_palette: str = ""
    segmenter: str = ""
    shapes: dict[str, Any] = dataclasses.field(default_factory=dict)
    reported: tuple[dict[str, Any], ...] = ()
    deviations: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, fields: Any, model: Any = None) -> "Recipe":
        """The recipe of these fields, as in a YAML file or a config.yaml.

        With a `model` class, names and types are checked against its signature and those of the optimizers
        (`checked`).

        Raises:
            UserError: a field that is unknown, absent or of the wrong type.
        """
        if not isinstance(fields, dict):
            raise UserError(f"a recipe must be a mapping, not {fields!r}")
        known = {field.name: field for field in dataclasses.fields(cls)}
        refuse_unknown(fields, known, "key")
        for name, field in known.items():
            required = field.default is field.default_factory is dataclasses.MISSING
            if required and name not in fields:
                raise UserError(f"'{name}' is missing")
        kinds = typing.get_type_hints(cls)
        values = {name: typed(_tuples(value), kinds[name], name) for name, value in fields.items()}
        values |= {name: tuple(_flat(values[name])) for name in ("deviations", "notes") if name in values}
        for name, choices in (("precision", PRECISIONS), ("pairing", PAIRINGS)):
            if values.get(name) and values[name] not in choices:
                raise UserError(f"'{name}' must be {', '.join(choices)}, not '{values[name]}'")
        for row in values.get("reported", ()):
            refuse_unknown(row, ("measure", "test", "value", "deviation"), "key of 'reported'")
            if not {"measure", "value"} <= row.keys():
                raise UserError(f"a row of 'reported' needs a measure and a value, not {row}")
        recipe = cls(**values)
        recipe._check_numbers()
        return recipe if model is None else recipe.checked(model)

    def _check_numbers(self) -> None:
        for name in ("batch_size", "steps", "keep"):
            if getattr(self, name) < 1:
                raise UserError(f"'{name}' must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.decay <= 1:
            raise UserError(f"decay must be a share of the run, from 0 to 1, not {self.decay}")
        if self.shrink_jpeg and self.shrink_jpeg < 1:
            raise UserError(f"shrink_jpeg must be at least 1, not {self.shrink_jpeg}")
        for player, settings in self.optimizers.items():
            rate = settings.get("learning_rate", 1.0)
            if not isinstance(rate, (int, float)) or not rate > 0:
                raise UserError(f"'{player}.learning_rate' must be above 0, not {rate}")

    def checked(self, model: Any) -> "Recipe":
        """The recipe with its numbers in the types that a model class takes.

        Raises:
            UserError: an argument that the class or an optimizer does not have, or of the wrong type; a player that the
                class does not have.
        """
        import keras

        own = arguments(model, self.model, f"argument of {model.__name__}")
        refuse_unknown(self.optimizers, model.players, f"player of {model.__name__}")
        optimizers = {}
        for player, settings in self.optimizers.items():
            name = settings.get("name", "adam")
            try:
                optimizer = type(keras.optimizers.get(name))
            except (ValueError, TypeError):
                raise UserError(f"'{player}.name': Keras has no optimizer '{name}'") from None
            given = {key: value for key, value in settings.items() if key != "name"}
            given = arguments(optimizer, given, f"argument of Keras's {optimizer.__name__}", f"{player}.")
            optimizers[player] = {key: given.get(key, value) for key, value in settings.items()}
        return dataclasses.replace(self, model=own, optimizers=optimizers)

    def reported_value(self, measure: str, test: str | None = None) -> Any:
        """The value that the paper reports of a measure, on a test set if there are several, or None."""
        found = (row["value"] for row in self.reported if row["measure"] == measure and row.get("test") == test)
        return next(found, None)

    def override(self, settings: dict[str, Any]) -> "Recipe":
        """A copy with some settings changed.

        A key is `steps`, `batch_size`, `decay`, `keep`, `dataset`, one of CHANGEABLE if the recipe has it, an argument
        of the model (`width`), or of an optimizer (`d_optimizer.learning_rate`).

        Raises:
            UserError: an unknown key, or a value of another type than the old one.
        """
        model, optimizers = dict(self.model), {k: dict(v) for k, v in self.optimizers.items()}
        own = {name: getattr(self, name) for name in ("dataset", "batch_size", "steps", "decay", "keep")}
        own |= {name: value for name in CHANGEABLE if (value := getattr(self, name))}
        known = {name: (own, name) for name in own} | {name: (model, name) for name in model}
        known |= {
            f"{player}.{name}": (optimizers[player], name) for player in optimizers for name in optimizers[player]
        }
        for key, value in settings.items():
            refuse_unknown([key], sorted(known), "setting")
            place, name = known[key]
            place[name] = _like(place[name], value, key)
        recipe = dataclasses.replace(self, model=model, optimizers=optimizers, **own)
        recipe._check_numbers()
        return recipe

    def scaled(self, steps: int) -> "Recipe":
        """The recipe with this number of steps, and the stages of its model scaled in proportion."""
        own = {name: value for name, value in self.model.items() if name in STEPS and value}
        own = {name: max(1, round(value * steps / self.steps)) for name, value in own.items()}
        return dataclasses.replace(self, steps=steps, model={**self.model, **own})

    def shrunk(self, usual: "Recipe", tiny: "Recipe") -> "Recipe":
        """The recipe with the changes that `tiny` makes to `usual`; of two numbers, the smaller one is used."""
        changes = {
            field.name: _smaller(getattr(self, field.name), getattr(usual, field.name), getattr(tiny, field.name))
            for field in dataclasses.fields(self)
            if field.name in ("model", "batch_size", "steps", "degradation")
        }
        return dataclasses.replace(self, **changes)

    def departures(self, training: dict[str, Any]) -> list[str]:
        """Differences between this recipe and the settings of a training (on a card), as sentences.

        Settings that the training lacks were added later; it used their defaults.
        """
        pairs = [(name, training[name], getattr(self, name)) for name in ("batch_size", "steps", "decay")]
        pairs += [(name, training["model"].get(name, value), value) for name, value in self.model.items()]
        for player, settings in self.optimizers.items():
            made = training["optimizers"].get(player, {})
            pairs += [(f"{player}.{name}", made.get(name, value), value) for name, value in settings.items()]
        return [f"Here {name} is {own!r}, not {usual!r}." for name, own, usual in pairs if plain(own) != plain(usual)]


def read_recipes(path: Path) -> dict[str, Recipe]:
    """The recipes of a YAML file, in order. Keys that begin with a dot hold shared parts.

    Raises:
        UserError: invalid YAML, no recipe, or an invalid recipe.
    """
    try:
        entries = load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} cannot be read: {reason}") from None
    recipes = {}
    for key, fields in entries.items() if isinstance(entries, dict) else ():
        if not str(key).startswith("."):
            try:
                recipes[str(key)] = Recipe.from_dict(fields)
            except UserError as error:
                raise UserError(f"{path.name}, recipe '{key}': {error}") from None
    if not recipes:
        raise UserError(f"{path} contains no recipe; it must map names to recipes")
    return recipes


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """["width=32", "image_shape=[32, 32, 1]"] -> {"width": 32, ...}; values are read as YAML."""
    parsed = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise UserError(f"--set takes key=value, not '{setting}'")
        try:
            parsed[key.strip()] = load(value)
        except yaml.YAMLError:
            raise UserError(f"--set {key.strip()}: '{value}' cannot be read as a value") from None
    return parsed


def _tuples(value: Any) -> Any:
    """The value with lists converted to tuples."""
    if isinstance(value, dict):
        return {key: _tuples(one) for key, one in value.items()}
    return tuple(_tuples(one) for one in value) if isinstance(value, (list, tuple)) else value


def _flat(values: Any) -> list[str]:
    """["a", ["b", "c"]] -> ["a", "b", "c"]: YAML can only share whole lists."""
    flat: list[str] = []
    for value in values:
        if isinstance(value, tuple):
            flat += _flat(value)
        elif isinstance(value, str):
            flat.append(value)
        else:
            raise UserError(f"deviations and notes must be texts, not {value!r}")
    return flat


def _smaller(own: Any, usual: Any, tiny: Any) -> Any:
    if usual == tiny:
        return own
    if isinstance(own, dict):
        return {name: _smaller(value, usual.get(name), tiny.get(name)) for name, value in own.items()}
    if isinstance(own, tuple) and len(own) == len(tiny):
        return tuple(map(_smaller, own, usual, tiny))
    both = isinstance(own, (int, float)) and isinstance(tiny, (int, float))
    return min(own, tiny) if both and not isinstance(own, bool) else tiny


def _like(old: Any, new: Any, key: str) -> Any:
    if isinstance(old, (list, tuple)):
        if isinstance(new, (list, tuple)) and len(new) == len(old):
            return tuple(_like(one, other, key) for one, other in zip(old, new, strict=True))
        fits = False
    elif isinstance(old, bool) or isinstance(new, bool):
        fits = isinstance(old, bool) and isinstance(new, bool)
    elif isinstance(old, float):
        fits = isinstance(new, (int, float))
        new = float(new) if fits else new
    else:
        fits = old is None or isinstance(new, type(old))
    if not fits:
        raise UserError(f"'{key}' takes a value like {old!r}, not {new!r}")
    least = 0 if key in ZERO else 1
    if isinstance(old, int) and not isinstance(old, bool) and old >= 1 and new < least:
        such = "; use sides such as 28, 32, 48, 64, 96 or 128" if key == "image_shape" else ""
        raise UserError(f"'{key}' must be at least {least}, not {new}{such}")
    return new
