"""Loading SavedModels and calling their endpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import endpoint
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError
from tfgans.files import ROOT, utf8
from tfgans.inference import fetch
from tfgans.inference.label_maps import takes_instances, with_objects
from tfgans.inference.labels import numbers_of
from tfgans.inference.undeclared import derive

Made = Any  # an array, or arrays by name of an endpoint with several outputs

COMMANDS = {  # endpoint -> the command that calls it
    "sample": "generate",
    "restore": "restore",
    "fill": "fill",
    "translate": "translate",
    "a_to_b": "translate",
    "b_to_a": "translate",
}


class Exported:
    """A SavedModel from disk: its declaration, and its endpoints as methods.

    Images are float32 arrays (n, h, w, c) in [0, 1], passed to the model in one batch. `tfgans.inference.tiling`
    handles pictures of any size.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = find(path)
        with utf8(self.path) as place:
            self.model: Any = tf.saved_model.load(place)
        stored = getattr(self.model, "declaration", None)
        if stored is None:  # an export from before declarations
            self.declaration: dict[str, Any] = derive(self.model, self.path)
        else:
            self.declaration = endpoint.from_json(stored.numpy().decode())

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        return self.declaration["endpoints"]

    @property
    def task(self) -> str:
        return self.declaration.get("task", "")

    # -- inputs of `sample` -----------------------------------------------------------------------------------------

    def asks(self, encoding: str) -> Array | None:
        """The input of `sample` with an encoding, such as label or codes, or None."""
        inputs = self.endpoints["sample"].inputs.values() if "sample" in self.endpoints else ()
        return next((array for array in inputs if array.encoding == encoding), None)

    @property
    def conditional(self) -> bool:
        return self.asks("label") is not None

    @property
    def classes(self) -> int | None:
        """The number of labels of a conditional model; None for other models, and for old exports without it."""
        labels = self.asks("label")
        return int(labels.high) or None if labels else None

    @property
    def class_names(self) -> list[str]:
        """The names of a conditional model's labels, in order; [] if it declares none."""
        names = self.declaration.get("class_names") or []
        return list(names) if self.conditional and len(names) == self.classes else []

    def labels(self, given: Any) -> np.ndarray:
        """Labels, numbers or names, as int32 (n,). Raises UserError for labels that the model does not have."""
        return numbers_of(given, self.classes, self.class_names, self.path.name)

    @property
    def codes(self) -> int:
        """The number of latent codes including categories; 0 if there are none."""
        codes = self.asks("codes")
        return codes.shape[-1] or 0 if codes else 0

    @property
    def categories(self) -> int:
        codes = self.asks("codes")
        return codes.categories if codes else 0

    # -- channels ---------------------------------------------------------------------------------------------------

    @property
    def main(self) -> Endpoint:
        return next(iter(self.endpoints.values()))

    @property
    def channels(self) -> int | None:
        """The channels of the images that the main endpoint takes, or None."""
        return next((a.shape[-1] for a in self.main.inputs.values() if a.encoding in ("image", "classes")), None)

    @property
    def made_channels(self) -> int | None:
        """The channels of the images that the main endpoint returns."""
        return next(iter(self.main.outputs.values())).shape[-1]

    @property
    def colours(self) -> bool:
        """Whether the model turns gray images into colour images."""
        return (self.channels, self.made_channels) == (1, 3)

    # -- endpoints --------------------------------------------------------------------------------------------------

    def need(self, name: str) -> Endpoint:
        """The endpoint of that name. Raises UserError, listing the available commands, if there is none."""
        if name not in self.endpoints:
            commands = dict.fromkeys(f"tfgans {COMMANDS[each]}" for each in self.endpoints if each in COMMANDS)
            use = f"use {' or '.join(commands)}" if commands else "no command applies to it"
            raise UserError(f"{self.path.name} has no endpoint '{name}'; {use}")
        return self.endpoints[name]

    def call(self, name: str, *inputs: Any) -> Made:
        """Call an endpoint with inputs in the declared order; returns float32 arrays, several in the declared order."""
        declared = self.need(name)
        arrays = declared.inputs.values()
        given = [tf.constant(value, tf.as_dtype(a.dtype)) for value, a in zip(inputs, arrays, strict=True)]
        made = getattr(self.model, name)(*given)
        if not isinstance(made, dict):
            return made.numpy()
        return {key: made[key].numpy() for key in declared.outputs}  # a loaded function has them in any order

    def restore(self, images: np.ndarray) -> np.ndarray:
        """Restore images (n, h, w, c)."""
        return self.call("restore", images)

    def fill(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Fill images (n, h, w, c) where masks (n, h, w, 1), bool, are True; all other pixels stay."""
        return np.where(masks, self.call("fill", images, masks), images)

    def translate(self, images: np.ndarray, to: str | None = None, seed: int = 0) -> np.ndarray:
        """Translate images, or label maps of int32 ids, into the other domain.

        `to` is the target domain of a two-way model: its name, or a or b (the default). `seed` is for models with
        noise. A model of instances takes label maps with instance maps as a second channel, (n, h, w, 2); for maps
        (n, h, w, 1), `objects_of` finds the objects.
        """
        name = self.translation(to)
        rules = self.endpoints[name]
        given = with_objects(images) if takes_instances(rules) else (images,)
        return self.call(name, *given, *([seed] if "seed" in rules.inputs else []))

    def translation(self, to: str | None = None) -> str:
        """The endpoint that translates into a domain. Raises UserError for an unknown domain."""
        if "a_to_b" not in self.endpoints:
            self.need("translate")
        domains = list(self.declaration.get("domains") or [])
        if "translate" in self.endpoints:
            if to not in (None, "target", *domains[1:]):
                made = f"makes {domains[1]}" if len(domains) > 1 else "translates one way"
                raise UserError(f"{self.path.name} {made}; leave --to out")
            return "translate"
        into = {"a": "b_to_a", "b": "a_to_b", **dict(zip(domains, ("b_to_a", "a_to_b"), strict=False))}
        if to is not None and to not in into:
            raise UserError(f"{self.path.name} translates into {' or '.join(domains or ['a', 'b'])}, not '{to}'")
        return into[to or "b"]

    def generate(self, latents: np.ndarray, labels: np.ndarray | None = None, codes: np.ndarray | None = None) -> Made:
        """Images of latents (n, d), and of labels (n,) or codes (n, c) where the model has them."""
        labels = self.labels(labels) if labels is not None and self.conditional else labels
        return self.call("generate", latents, *[x for x in (labels, codes) if x is not None])

    def sample(
        self,
        n: int | None = None,
        labels: Any = None,
        seed: int = 0,
        codes: np.ndarray | None = None,
    ) -> Made:
        """`n` images (or one per label, a number or name, or per row of codes); without codes, those of `prior`.

        Raises UserError for labels that the model does not have.
        """
        self.need("sample")
        if self.conditional and labels is None:
            raise UserError(f"{self.path.name} is conditional; pass labels")
        if self.codes:
            return draw(self.model.sample, None, self.prior(n or 0, seed) if codes is None else codes, seed)
        return draw(self.model.sample, n, self.labels(labels) if self.conditional else None, seed)

    def prior(self, n: int, seed: int = 0) -> np.ndarray:
        """Codes as in training, float32 (n, c): a category, one-hot, and continuous codes, uniform in [-1, 1]."""
        rng = np.random.default_rng(seed)
        category = np.eye(self.categories)[rng.integers(self.categories, size=n)]
        continuous = rng.uniform(-1, 1, (n, self.codes - self.categories))
        return np.concatenate([category, continuous], axis=1).astype(np.float32)

    def traverse(
        self, rows: int = 10, code: int = 0, categories: list[int] | None = None, seed: int = 0, reach: float = 1.0
    ) -> np.ndarray:
        """A column of `rows` images per category, the continuous code rising; a column's noise is the same."""
        blocks = traversal(self.categories, self.codes - self.categories, rows, code, reach)
        if categories is not None:
            blocks = blocks[:, numbers_of(categories, self.categories, (), self.path.name)]
        return np.concatenate([self.sample(codes=block, seed=seed) for block in blocks])


def traversal(categories: int, continuous: int, rows: int = 10, code: int = 0, reach: float = 1.0) -> np.ndarray:
    """Codes, float32 (rows, categories, c): categories along a row, one continuous code down the rows.

    The code goes from -reach to reach (-1 to 1 in training); other continuous codes are 0. Raises UserError for a
    continuous code that the model does not have.
    """
    if not 0 <= code < continuous:
        raise UserError(f"this model has the continuous codes 0-{continuous - 1}, not {code}")
    codes = np.zeros((rows, categories, categories + continuous), np.float32)
    codes[..., :categories] = np.eye(categories)
    codes[..., categories + code] = np.linspace(-reach, reach, rows)[:, None]
    return codes


def draw(sample: Callable[..., Any], n: int | None, labels: np.ndarray | None, seed: int, batch: int = 500) -> Made:
    """Images in [0, 1] from a `sample` endpoint, `batch` at a time; block i is drawn with the seed 1000 * seed + i."""
    if labels is not None:
        kind = tf.float32 if np.issubdtype(labels.dtype, np.floating) else tf.int32  # codes or labels
        inputs = [tf.constant(labels[i : i + batch], kind) for i in range(0, len(labels), batch)]
    else:
        inputs = [tf.constant(min(batch, (n or 0) - i)) for i in range(0, n or 0, batch)]
    seeds = [tf.constant((1_000 * seed + i) % 2**31, tf.int32) for i in range(len(inputs))]
    if not inputs:
        raise UserError("draw at least one image")
    made = [sample(x, s) for x, s in zip(inputs, seeds, strict=True)]
    if isinstance(made[0], dict):
        return {key: np.concatenate([each[key].numpy() for each in made]) for key in made[0]}
    return np.concatenate([each.numpy() for each in made])


def find(path: str | Path) -> Path:
    """The folder of a SavedModel: a path, or a name in saved_models/ of the working folder or of the checkout.

    Models of this suite that are in neither are downloaded once.
    """
    places = [Path(path), Path("saved_models") / path, ROOT / "saved_models" / path]
    for place in places:
        if (place / "saved_model.pb").is_file():
            return place
    if downloaded := fetch.model(str(path)):
        return downloaded
    raise UserError(f"there is no SavedModel at {path}, nor in saved_models/; 'tfgans list' lists the available ones")
