"""Generative adversarial networks in TensorFlow and Keras 3, one readable file each."""

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfgans.inference.door import Model
    from tfgans.run import Run

# TensorFlow's C++ side logs absent accelerators as errors; real errors reach Python as exceptions
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Keras reads this variable once; tfgans.training.keras_defaults sets its other options
if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"

__version__ = "0.1.0"


def load(name: "str | os.PathLike[str]") -> "Model":
    """Open an exported model: a folder, or a name from `tfgans list`; see `tfgans.inference.door.Model`.

        tfgans.load("cdcgan-mnist").sample(labels=[3, 1, 4])
        tfgans.load("srgan-photos").restore(PIL.Image.open("holiday.jpg"))
        tfgans.load("upscale").restore(PIL.Image.open("holiday.jpg"))  # with a model that suits the file

    Raises:
        tfgans.errors.UserError: there is no such model.
    """
    from tfgans.inference import upscale
    from tfgans.inference.door import Model, UpscalingModel

    return UpscalingModel() if upscale.asked(os.fspath(name)) else Model(os.fspath(name))


def train(
    gan: "str | os.PathLike[str]",
    *,
    dataset: str | None = None,
    recipe: str | None = None,
    run: "str | os.PathLike[str] | None" = None,
    seed: int = 0,
    precision: str = "auto",
    jit: str = "auto",
    every: int | None = None,
    minutes: float | None = None,
    data_dir: str | None = None,
    download: bool = False,
    **settings: Any,
) -> "Run":
    """Train a GAN, a name from `tfgans list` or the path of a Python file; returns the run, a `tfgans.run.Run`.

        tfgans.train("dcgan", dataset="folder:flowers", steps=2000)
        tfgans.train("cdcgan", recipe="mnist5k", width=32, d_optimizer={"learning_rate": 1e-4})

    `settings` are those of the recipe: `steps`, `batch_size`, arguments of the model, and of each player's optimizer.
    The other arguments are named as on the command line: `tfgans train --help`. `run` is the folder of the new run.

    Raises:
        tfgans.errors.UserError: bad settings, an absent data set, an existing run folder.
        tfgans.errors.Diverged: a loss became NaN or infinite.
    """
    import tfgans.training.keras_defaults  # noqa: F401  (before Keras)
    from tfgans.training.train import train as begin

    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= {f"{name}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
    made = begin(
        os.fspath(gan),
        recipe_key=recipe,
        settings=flat,
        dataset=dataset,
        data_dir=data_dir,
        download=download,
        run_dir=None if run is None else os.fspath(run),
        seed=seed,
        precision=precision,
        jit=jit,
        every=every,
        minutes=minutes,
    )
    assert made is not None, "only a dry run returns None"
    return made
