"""What reproduces a result: the data set, the model's arguments, the optimizers, how long."""

import dataclasses
import difflib
from typing import Any

import yaml

from tfgans.errors import UserError
from tfgans.files import plain

STAGES = ("pretrain_steps", "early_steps", "unroll")  # counts that may be 0: a training can do without


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that `tfgans train NAME` needs; the defaults of a model's file give the numbers on its card.

    `optimizers` maps each player to the arguments of a Keras optimizer, its class under "name" (Adam if absent).
    `decay` is the share of the run, at its end, over which all learning rates fall linearly to zero.
    `degradation` (`tfgans.data.degrade`) makes the source of a restoration: batches are then random crops of the
    model's `image_shape`, flipped at random, as `target`, and what the degradation leaves of them as `source`. Without
    `crop` whole images are scaled to `image_shape`; without `flip` none is flipped, as digits must not be.
    `keep` is how many checkpoints are kept, the newest ones; a run makes 20.
    `reported` is what the paper reports, `deviations` each difference from the paper, in a sentence.
    """

    dataset: str
    model: dict[str, Any]
    optimizers: dict[str, dict[str, Any]]
    batch_size: int
    steps: int
    paper: str
    decay: float = 0.0
    keep: int = 3
    degradation: str = ""
    crop: bool = True
    flip: bool = True
    reported: dict[str, Any] = dataclasses.field(default_factory=dict)
    deviations: tuple[str, ...] = ()

    def override(self, settings: dict[str, Any]) -> "Recipe":
        """A copy with some settings changed.

        A key is `steps`, `batch_size`, `decay`, `keep`, `dataset`, `degradation` where there is one, an argument of the
        model (`width`), or an optimizer's (`d_optimizer.learning_rate`). A new value is converted to the type of the
        old one.

        Raises:
            UserError: an unknown key, or a value of another type.
        """
        model, optimizers = dict(self.model), {k: dict(v) for k, v in self.optimizers.items()}
        own = {name: getattr(self, name) for name in ("dataset", "batch_size", "steps", "decay", "keep")}
        if self.degradation:
            own["degradation"] = self.degradation
        known = {name: (own, name) for name in own} | {name: (model, name) for name in model}
        known |= {
            f"{player}.{name}": (optimizers[player], name) for player in optimizers for name in optimizers[player]
        }
        for key, value in settings.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(sorted(known))}"
                raise UserError(f"this recipe has no setting '{key}'; {hint}")
            place, name = known[key]
            place[name] = _like(place[name], value, key)
        for player, arguments in optimizers.items():
            if not arguments.get("learning_rate", 1.0) > 0:
                raise UserError(f"'{player}.learning_rate' must be above 0, not {arguments['learning_rate']}")
        if not 0 <= own["decay"] <= 1:
            raise UserError(f"decay is a share of the run, from 0 to 1, not {own['decay']}")
        return dataclasses.replace(self, model=model, optimizers=optimizers, **own)

    def departures(self, training: dict[str, Any]) -> list[str]:
        """Where the settings of a training (`model`, `optimizers`, `steps`, ... of a card) are others, a sentence each.

        Settings that the training does not have came later; their defaults are how it was made.
        """
        pairs = [(name, training[name], getattr(self, name)) for name in ("batch_size", "steps", "decay")]
        pairs += [(name, training["model"].get(name, value), value) for name, value in self.model.items()]
        for player, settings in self.optimizers.items():
            made = training["optimizers"].get(player, {})
            pairs += [(f"{player}.{name}", made.get(name, value), value) for name, value in settings.items()]
        return [f"Here {name} is {own!r}, not {usual!r}." for name, own, usual in pairs if plain(own) != plain(usual)]


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """["width=32", "image_shape=[32, 32, 1]"] -> {"width": 32, ...}; values are read as YAML."""
    parsed = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise UserError(f"--set takes key=value, not '{setting}'")
        try:
            parsed[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise UserError(f"--set {key.strip()}: '{value}' cannot be read as a value") from None
    return parsed


def _like(old: Any, new: Any, key: str) -> Any:
    if isinstance(old, (list, tuple)):
        if isinstance(new, (list, tuple)) and len(new) == len(old):
            return tuple(_like(one, other, key) for one, other in zip(old, new, strict=True))
        fits = False
    elif isinstance(old, bool) or isinstance(new, bool):
        fits = isinstance(old, bool) and isinstance(new, bool)
    elif isinstance(old, float):
        try:
            return float(new)  # YAML reads 1e-4 as a string
        except (TypeError, ValueError):
            fits = False
    else:
        fits = old is None or isinstance(new, type(old))
    if not fits:
        raise UserError(f"'{key}' takes a value like {old!r}, not {new!r}")
    least = 0 if key in STAGES else 1
    if isinstance(old, int) and not isinstance(old, bool) and old >= 1 and new < least:
        raise UserError(f"'{key}' must be at least {least}, not {new}")
    return new
