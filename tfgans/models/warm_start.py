"""Initial weights from exported networks, and interpolation between two networks."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgans.errors import UserError


def take_weights(generator: keras.Model, folder: str) -> None:
    """Assign the weights of an exported generator, in any stored precision.

    Raises UserError if there is no exported model, or one of another size.
    """
    if not (Path(folder) / "saved_model.pb").is_file():
        raise UserError(f"there is no SavedModel at {folder} to start from; choose another with --set start=FOLDER")
    for variable, value in paired(generator.weights, tf.saved_model.load(folder).weights, folder):
        variable.assign(tf.cast(value, variable.dtype))


def interpolate(own: list[Any], others: list[Any], alpha: float, names: str) -> None:
    """Set Keras variables to alpha times their values plus 1 - alpha times those of another network, in the same order.

    Wang et al., "ESRGAN" (arXiv:1809.00219), section 3.4. Variables that are not floats stay. Raises UserError, with
    the `names` of both, if shapes do not agree.
    """
    if [tuple(v.shape) for v in own] != [tuple(v.shape) for v in others]:
        raise UserError(f"{names} are not of the same network, so their weights cannot be blended")
    for mine, theirs in zip(own, others, strict=True):
        if "float" in str(mine.dtype):
            mine.assign(alpha * tf.cast(mine, tf.float32) + (1.0 - alpha) * tf.cast(theirs, tf.float32))


def paired(own: list[Any], saved: list[tf.Variable], folder: str) -> list[tuple[Any, tf.Variable]]:
    """Keras variables and the exported ones at the same position in the network.

    Raises UserError if kinds or shapes do not agree.
    """

    def place(name: str) -> tuple[str, str, int]:
        """ "conv2d_3/kernel:0" -> ("conv2d", "kernel", 3). Counters depend on what a process built before."""
        layer, weight = name.split(":")[0].split("/")[-2:]
        kind, _, number = layer.rpartition("_")
        return (kind, weight, int(number)) if number.isdigit() else (layer, weight, 0)

    theirs = sorted(saved, key=lambda v: place(v.name))
    ours = sorted(own, key=lambda v: place(v.path))
    if [(*place(v.name)[:2], tuple(v.shape)) for v in theirs] != [(*place(v.path)[:2], tuple(v.shape)) for v in ours]:
        raise UserError(f"{folder} has another generator; start from one of the same width and blocks")
    return list(zip(ours, theirs, strict=True))
