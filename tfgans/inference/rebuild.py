"""Re-export saved models from their own weights: `python -m tfgans.inference.rebuild saved_models/*`.

This updates models that were exported in an older form. Each is built from the "gan" and the settings of its card and
gets the weights of its SavedModel; its card and pictures stay true to a level of 255.
"""

import argparse
import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgans import models
from tfgans.adversarial import Adversarial
from tfgans.endpoint import Array
from tfgans.errors import UserError
from tfgans.inference.export import export, used_by
from tfgans.models.warm_start import paired

UNUSED = {"content": "none", "start": ""}  # arguments naming files that only training needs


def rebuild(folder: Path, output: Path | None = None) -> Path:
    """Export the SavedModel in `folder` again, to `output` or in its place.

    Raises UserError if there is no model with a card, or its weights are not those of the card's model.
    """
    model, declared = of_saved(folder)
    return export(model, output or folder, **declared)


def of_saved(folder: Path) -> tuple[Adversarial, dict[str, Any]]:
    """The model in `folder`, in float32, and the declaration for its export. Raises UserError as `rebuild` does."""
    if not (folder / "saved_model.pb").is_file() or not (folder / "card.json").is_file():
        raise UserError(f"{folder} holds no SavedModel with a card")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    if "gan" not in card:
        raise UserError(f"the card of {folder} names no GAN")
    keras.config.set_dtype_policy("float32")
    model = build(card)
    saved: Any = tf.saved_model.load(str(folder))
    take(model, saved, str(folder))
    extras = {key: card[key] for key in ("task", "class_names", "domains", "palette") if card.get(key)}
    return model, {"gan": card["gan"], **extras}


def build(card: dict[str, Any]) -> Adversarial:
    """The untrained model of a card, without the parts that only training needs."""
    arguments = {key: tuple(v) if isinstance(v, list) else v for key, v in card["settings"]["model"].items()}
    return models.model_class(card["gan"])(**{**arguments, **{k: v for k, v in UNUSED.items() if k in arguments}})


def take(model: Adversarial, saved: Any, folder: str) -> None:
    """Assign the weights of an exported model to `model`, those that its endpoints use.

    Variables with the same name and shape are distinguished by comparing the outputs of both models.

    Raises UserError if the weights are not those of this model.
    """
    pairs = paired(used_by(model), list(saved.weights), folder)
    alike = [list(group) for _, group in itertools.groupby(pairs, key=lambda pair: (pair[1].name, pair[1].shape))]
    orders = [itertools.permutations([theirs for _, theirs in group]) for group in alike]
    for order in itertools.product(*orders):
        for (own, _), theirs in zip(pairs, itertools.chain(*order), strict=True):
            own.assign(tf.cast(theirs, own.dtype))
        if len(alike) == len(pairs) or makes_the_same(model, saved):
            return
    raise UserError(f"no order of the weights of {folder} reproduces its outputs")


def makes_the_same(model: Adversarial, saved: Any) -> bool:
    """Whether both models return the same for noise, to half a level of 255."""
    for name, each in model.endpoints().items():
        if name in saved.signatures:
            rng = np.random.default_rng(0)
            inputs = [tf.constant(sized(array).noise(rng)) for array in each.inputs.values()]
            made = [tf.nest.flatten(getattr(source, name)(*inputs)) for source in (model, saved)]
            return all(float(tf.reduce_max(abs(a - b))) < 0.5 / 255 for a, b in zip(*made, strict=True))
    raise UserError(f"{type(model).__name__} has none of the endpoints {', '.join(saved.signatures)}")


def sized(array: Array) -> Array:
    """The same array with 2 examples and sides of 64 pixels where its shape is open; 4 if it is a number of images."""
    first, *sides = array.shape or (None,)
    shape = tuple(side or 64 for side in sides)
    return dataclasses.replace(array, shape=(first or 2, *shape) if array.shape else (), high=min(array.high, 5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="a folder for the new exports; in place by default")
    arguments = parser.parse_args()
    failed = 0
    for folder in arguments.folders:
        if folder.name.startswith("judge-") or not (folder / "saved_model.pb").is_file():
            continue
        before = size(folder)
        try:
            made = rebuild(folder, arguments.output and arguments.output / folder.name)
        except UserError as error:
            failed += 1
            print(f"{folder}: {error}", file=sys.stderr)
        else:
            print(f"{folder.name}: {before / 1e6:.2f} -> {size(made) / 1e6:.2f} MB", flush=True)
    sys.exit(2 if failed else 0)


def size(folder: Path) -> int:
    """The size of a SavedModel in bytes, without other files in its folder."""
    files = [folder / "saved_model.pb", *(folder / "variables").iterdir()]
    return sum(file.stat().st_size for file in files)


if __name__ == "__main__":
    main()
