"""Declarations of exports older than declarations, derived from their signatures and cards."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.endpoint import Array, Endpoint, images, number


def derive(model: Any, folder: Path) -> dict[str, Any]:
    """The declaration of a loaded SavedModel; "gan" is empty if there is no card."""
    card = card_of(folder)
    signatures = {name: fn.structured_input_signature[1] for name, fn in model.signatures.items()}
    endpoints: dict[str, Endpoint] = {}
    if "sample" in signatures:
        made = output(model, "sample")
        array = Array(tuple(made), low=0.0, encoding="points" if made[1:] == [1, 1, 2] else "image")
        endpoints["sample"] = Endpoint(
            {**asked(model, signatures["sample"], card), "seed": number()}, {"images": array}
        )
    if "restore" in signatures:
        given = signatures["restore"]["images"].shape[-1] or 3
        makes = output(model, "restore")[-1] or given
        rules = dict(keeps_lightness=True) if (given, makes) == (1, 3) else scaling(model, given)
        endpoints["restore"] = Endpoint({"images": images(given)}, {"images": images(makes)}, **rules)
    return {"gan": card.get("gan", ""), "task": "", "endpoints": endpoints}


def asked(model: Any, signature: dict[str, tf.TensorSpec], card: dict[str, Any]) -> dict[str, Array]:
    """The inputs of `sample` besides the seed. An unknown number of classes is 0."""
    if "labels" in signature:
        stored = getattr(model, "classes", None)
        classes = card.get("classes") if stored is None else int(stored)
        return {"labels": Array((None,), "int32", 0, classes or 0, "label")}
    if "codes" in signature:
        shape = tuple(signature["codes"].shape)
        return {"codes": Array(shape, encoding="codes", categories=int(model.categories))}
    return {"n": number()}


def scaling(model: Any, channels: int) -> dict[str, Any]:
    """The scale of `restore`, found by trying it; no scale is assumed for a model that does not take 32x32 pixels."""
    try:
        made = model.restore(tf.constant(np.zeros((1, 32, 32, channels), np.float32))).shape
    except (tf.errors.InvalidArgumentError, ValueError):
        return {}
    return dict(scale=made[1] // 32, tiles=True) if made[1] == made[2] and made[1] and made[1] % 32 == 0 else {}


def output(model: Any, name: str) -> list[int | None]:
    """The output shape of a signature."""
    return list(next(iter(model.signatures[name].structured_outputs.values())).shape)


def card_of(folder: Path) -> dict[str, Any]:
    """The card as it is in the file; empty if there is none or it cannot be read."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return card if isinstance(card, dict) else {}
