"""Generative adversarial networks in TensorFlow and Keras 3, one readable file each."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgans.inference.door import Model

# TensorFlow's C++ side reports absent accelerators as errors; real ones reach Python as exceptions
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

__version__ = "0.1.0"


def load(name: "str | os.PathLike[str]") -> "Model":
    """An exported model: a folder, or a name from `tfgans list`; see `tfgans.inference.door.Model`.

        tfgans.load("cdcgan-mnist").sample(labels=[3, 1, 4])
        tfgans.load("srgan-photos").restore(PIL.Image.open("holiday.jpg"))

    Raises:
        tfgans.errors.UserError: there is no such model.
    """
    from tfgans.inference.door import Model

    return Model(os.fspath(name))
