"""Access to TensorFlow GAN's metrics and losses on a TensorFlow without `tf.estimator`.

`import tensorflow_gan` fails since TensorFlow 2.16: its two outermost `__init__` files import the estimator API, which
was removed. The modules with the mathematics do not need it. So the two outer packages are entered into `sys.modules`
as empty modules that only know their folder, and modules below them are imported as usual.
"""

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from tfgans.errors import UserError

PACKAGES = ("tensorflow_gan", "tensorflow_gan.python")


def _outer_package(name: str, folder: Path) -> None:
    """Enter `name` into `sys.modules` as an empty package in `folder`, unless it is there already."""
    if name in sys.modules:
        return
    spec = ModuleSpec(name, loader=None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, sys.modules[name])


def tfgan_module(path: str) -> ModuleType:
    """A module of TensorFlow GAN, e.g. `tfgan_module("eval.classifier_metrics")`; cached.

    Raises:
        UserError: `tensorflow-gan` is not installed.
    """
    if "tensorflow_gan" not in sys.modules:
        spec = importlib.util.find_spec("tensorflow_gan")  # finds the folder without running anything
        if spec is None or not spec.submodule_search_locations:
            raise UserError("TensorFlow GAN is not installed: run `pip install tensorflow-gan==2.1.0`.")
        folder = Path(spec.submodule_search_locations[0])
        _outer_package(PACKAGES[0], folder)
        _outer_package(PACKAGES[1], folder / "python")
    return importlib.import_module(f"tensorflow_gan.python.{path}")


def classifier_metrics() -> ModuleType:
    """`tensorflow_gan.python.eval.classifier_metrics`: Frechet and kernel distance, classifier score."""
    return tfgan_module("eval.classifier_metrics")


def losses_impl() -> ModuleType:
    """`tensorflow_gan.python.losses.losses_impl`: the losses that our own are checked against."""
    return tfgan_module("losses.losses_impl")
