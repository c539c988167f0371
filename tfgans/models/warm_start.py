"""A network that begins with the weights of an exported one."""

from pathlib import Path

import keras
import tensorflow as tf

from tfgans.errors import UserError


def take_weights(generator: keras.Model, folder: str) -> None:
    """Give a generator the weights of an exported one.

    Raises UserError where there is no exported model, or one of another size.
    """
    if not (Path(folder) / "saved_model.pb").is_file():
        raise UserError(f"there is no SavedModel at {folder} to start from; name another with --set start=FOLDER")

    def place(name: str) -> tuple[str, str, int]:
        """ "conv2d_3/kernel:0" -> ("conv2d", "kernel", 3). Counters depend on what a process built before."""
        layer, weight = name.split(":")[0].split("/")[-2:]
        kind, _, number = layer.rpartition("_")
        return (kind, weight, int(number)) if number.isdigit() else (layer, weight, 0)

    saved = sorted(tf.saved_model.load(folder).weights, key=lambda v: place(v.name))
    own = sorted(generator.weights, key=lambda v: place(v.path))
    if [(*place(v.name)[:2], tuple(v.shape)) for v in saved] != [(*place(v.path)[:2], tuple(v.shape)) for v in own]:
        raise UserError(f"{folder} holds another generator than this one; start from one of the same width and blocks")
    for variable, value in zip(own, saved, strict=True):
        variable.assign(value)
