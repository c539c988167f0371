"""Weights from elsewhere: a network that begins with those of an exported one, or lies between two."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgans.errors import UserError


def take_weights(generator: keras.Model, folder: str) -> None:
    """Give a generator the weights of an exported one, in whichever precision they are stored.

    Raises UserError where there is no exported model, or one of another size.
    """
    if not (Path(folder) / "saved_model.pb").is_file():
        raise UserError(f"there is no SavedModel at {folder} to start from; name another with --set start=FOLDER")
    for variable, value in paired(generator.weights, tf.saved_model.load(folder).weights, folder):
        variable.assign(tf.cast(value, variable.dtype))


def interpolate(own: list[Any], others: list[Any], alpha: float, names: str) -> None:
    """Give Keras variables alpha times their values and 1 - alpha times those of another network's, in the same order.

    Wang et al., "ESRGAN" (arXiv:1809.00219), section 3.4. What is not a float stays. Raises UserError, with the `names`
    of both, where shapes do not agree.
    """
    if [tuple(v.shape) for v in own] != [tuple(v.shape) for v in others]:
        raise UserError(f"{names} are not of the same network: weights can be blended one by one alone")
    for mine, theirs in zip(own, others, strict=True):
        if "float" in str(mine.dtype):
            mine.assign(alpha * tf.cast(mine, tf.float32) + (1.0 - alpha) * tf.cast(theirs, tf.float32))


def paired(own: list[Any], saved: list[tf.Variable], folder: str) -> list[tuple[Any, tf.Variable]]:
    """Keras variables and the exported ones of the same place in the network.

    Raises UserError where kinds or shapes of the two do not agree.
    """

    def place(name: str) -> tuple[str, str, int]:
        """ "conv2d_3/kernel:0" -> ("conv2d", "kernel", 3). Counters depend on what a process built before."""
        layer, weight = name.split(":")[0].split("/")[-2:]
        kind, _, number = layer.rpartition("_")
        return (kind, weight, int(number)) if number.isdigit() else (layer, weight, 0)

    theirs = sorted(saved, key=lambda v: place(v.name))
    ours = sorted(own, key=lambda v: place(v.path))
    if [(*place(v.name)[:2], tuple(v.shape)) for v in theirs] != [(*place(v.path)[:2], tuple(v.shape)) for v in ours]:
        raise UserError(f"{folder} holds another generator than this one; start from one of the same width and blocks")
    return list(zip(ours, theirs, strict=True))
