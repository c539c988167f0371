"""SavedModels that load with TensorFlow alone.

Endpoints by the model's kind; images are float32 in [0, 1], (n, h, w, c), seeds are stateless:

* unconditional: `sample(n: int32, seed: int32)`
* conditional: `sample(labels: int32 (n,), seed: int32)`, labels below what the variable `classes` says
* codes: `sample(codes: float32 (n, c), seed: int32)`: a one-hot category, of as many entries as the variable
  `categories` beside the endpoint says, then continuous codes, which in training lay in [-1, 1]
* restoration: `restore(images: float32 (n, h, w, c))`, any h and w
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgans import models
from tfgans.adversarial import Adversarial
from tfgans.card import read_card
from tfgans.errors import UserError
from tfgans.run import Run

ENDPOINTS: dict[str, dict[str, dict[str, tf.TensorSpec]]] = {
    "unconditional": {"sample": {"n": tf.TensorSpec((), tf.int32, "n"), "seed": tf.TensorSpec((), tf.int32, "seed")}},
    "conditional": {
        "sample": {"labels": tf.TensorSpec((None,), tf.int32, "labels"), "seed": tf.TensorSpec((), tf.int32, "seed")}
    },
    "codes": {
        "sample": {
            "codes": tf.TensorSpec((None, None), tf.float32, "codes"),
            "seed": tf.TensorSpec((), tf.int32, "seed"),
        }
    },
    "restoration": {"restore": {"images": tf.TensorSpec((None, None, None, None), tf.float32, "images")}},
}

SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets"}


def export(model: Adversarial, folder: str | Path) -> Path:
    """Write the endpoints of `model` as a SavedModel, each weight once; the folder appears whole or not at all.

    What else is in the folder (a card, pictures) stays.

    Raises:
        UserError: the folder holds things, but no model that this could replace.
        ValueError: the model computes in another precision than float32 (load it under that policy).
    """
    if keras.config.dtype_policy().name != "float32":
        raise ValueError("export under the float32 policy: keras.config.set_dtype_policy('float32') before loading")
    folder = Path(folder)
    refuse_other(folder)
    module = tf.Module()
    functions = {}
    for name, signature in signatures_of(model).items():
        function = tf.function(getattr(model, name), input_signature=list(signature.values()))
        functions[name] = function.get_concrete_function()
        setattr(module, name, function)
    captured = {id(v): v for f in functions.values() for v in f.variables}
    module.weights = list(captured.values())
    counted = {"codes": "categories", "conditional": "classes"}.get(model.kind)
    if counted:
        setattr(module, counted, tf.Variable(getattr(model, counted), trainable=False))
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=folder.parent))
    try:
        tf.saved_model.save(module, str(temporary), signatures=functions)
        if folder.exists():
            for kept in folder.iterdir():
                if kept.name not in SAVED_MODEL:
                    (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, temporary / kept.name)
            old = folder.with_name(f".old-{folder.name}")
            shutil.rmtree(old, ignore_errors=True)  # of an export that was killed; the folder is newer
            os.replace(folder, old)
            os.replace(temporary, folder)
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
        os.chmod(folder, 0o755)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def signatures_of(model: Adversarial) -> dict[str, dict[str, tf.TensorSpec]]:
    """The endpoints of a model and their inputs; images have as many channels as what it is given, codes its number."""

    def own(spec: tf.TensorSpec) -> tf.TensorSpec:
        if spec.shape.rank == 2:
            return tf.TensorSpec((None, model.categories + model.continuous), spec.dtype, spec.name)
        return tf.TensorSpec((None, None, None, model.source_channels), spec.dtype, spec.name)

    return {
        name: {key: own(spec) if spec.shape.rank in (2, 4) else spec for key, spec in signature.items()}
        for name, signature in ENDPOINTS[model.kind].items()
    }


def refuse_other(folder: Path, option: str = "-o") -> None:
    """Raises UserError for a folder of other things than a model: it is not this program's to replace."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder with {option}")
    if folder.exists() and not (folder / "saved_model.pb").exists():
        other = sorted(p.name for p in folder.iterdir() if p.name not in ("card.json", "samples.png"))
        if other:
            raise UserError(
                f"{folder} holds other things than a model (such as {other[0]}); give another folder with {option}"
            )


def export_run(path: str | Path, folder: str | Path | None = None, force: bool = False) -> Path:
    """Export the newest checkpoint of a run, by default to saved_models/<gan>-<dataset>.

    Raises:
        UserError: no run or checkpoint there, or the folder holds a model already and `force` is not set.
    """
    run = Run.open(path)
    step = run.latest()
    if step is None:
        raise UserError(f"{path} has no checkpoint yet; train it first with 'tfgans resume {path}'")
    config = run.config
    dataset = str(config["recipe"]["dataset"]).replace("folder:", "").rstrip("/").split("/")[-1]
    folder = Path(folder or Path("saved_models") / f"{config['gan']}-{dataset}")
    if (folder / "saved_model.pb").exists() and not force:
        raise UserError(f"{folder} holds a model already; give another folder with -o, or --force to replace it")
    refuse_other(folder)
    models.module(config["gan"])  # registers the class
    keras.config.set_dtype_policy("float32")
    return export(run.load(step), folder)


class Exported:
    """A SavedModel from disk: `endpoints`, and sampling in batches."""

    def __init__(self, path: str | Path) -> None:
        self.path = find(path)
        self.model: Any = tf.saved_model.load(str(self.path))
        signatures = {name: fn.structured_input_signature[1] for name, fn in self.model.signatures.items()}
        self.endpoints = {name: sorted(inputs) for name, inputs in signatures.items()}  # a SavedModel forgets the order
        self.channels = self.made_channels = None
        if "restore" in signatures:  # what it takes, and what it makes of it
            self.channels = signatures["restore"]["images"].shape[-1]
            made = next(iter(self.model.signatures["restore"].structured_outputs.values()))
            self.made_channels = made.shape[-1] or self.channels
        self.codes = signatures["sample"]["codes"].shape[-1] if "codes" in signatures.get("sample", {}) else 0
        self.categories = int(self.model.categories) if self.codes else 0
        self.classes: int | None = None  # of a conditional model; unknown of old exports without a card
        if self.conditional:
            stored = getattr(self.model, "classes", None)
            self.classes = read_card(self.path).get("classes") if stored is None else int(stored)

    @property
    def conditional(self) -> bool:
        return "labels" in self.endpoints.get("sample", [])

    @property
    def colours(self) -> bool:
        """Whether it makes colour images of gray ones."""
        return (self.channels, self.made_channels) == (1, 3)

    def restore(self, images: np.ndarray) -> np.ndarray:
        """What the model makes of images (n, h, w, c) in [0, 1], all at once: float32 in [0, 1].

        Raises UserError for a model of another kind. `tfgans.inference.restore.restore_array` restores large ones in tiles.
        """
        if "restore" not in self.endpoints:
            raise UserError(f"{self.path} has no 'restore' endpoint; it has {', '.join(self.endpoints)}")
        return self.model.restore(tf.constant(images, tf.float32)).numpy()

    def sample(
        self,
        n: int | None = None,
        labels: np.ndarray | None = None,
        seed: int = 0,
        codes: np.ndarray | None = None,
    ) -> np.ndarray:
        """`n` images (or one per label, or per row of codes) in [0, 1], float32; without codes, those of `prior`."""
        if "sample" not in self.endpoints:
            raise UserError(f"{self.path} has no 'sample' endpoint; it has {', '.join(self.endpoints)}")
        if self.conditional and labels is None:
            raise UserError(f"{self.path} is conditional: say which labels")
        if self.codes:
            return draw(self.model.sample, None, self.prior(n or 0, seed) if codes is None else codes, seed)
        return draw(self.model.sample, n, labels if self.conditional else None, seed)

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
        blocks = blocks if categories is None else blocks[:, categories]
        return np.concatenate([self.sample(codes=block, seed=seed) for block in blocks])


def traversal(categories: int, continuous: int, rows: int = 10, code: int = 0, reach: float = 1.0) -> np.ndarray:
    """Codes, float32 (rows, categories, c): along a row the categories, down the rows one continuous code.

    It goes from -reach to reach; in training it was -1 to 1. The other continuous codes are 0. Raises UserError for a
    continuous code that is not there.
    """
    if not 0 <= code < continuous:
        raise UserError(f"this model has the continuous codes 0-{continuous - 1}, not {code}")
    codes = np.zeros((rows, categories, categories + continuous), np.float32)
    codes[..., :categories] = np.eye(categories)
    codes[..., categories + code] = np.linspace(-reach, reach, rows)[:, None]
    return codes


def draw(
    sample: Callable[..., tf.Tensor], n: int | None, labels: np.ndarray | None, seed: int, batch: int = 500
) -> np.ndarray:
    """Images in [0, 1] from a `sample` endpoint, `batch` at a time; block i is drawn with the seed 1000 * seed + i."""
    if labels is not None:
        kind = tf.float32 if labels.ndim == 2 else tf.int32  # codes or labels
        inputs = [tf.constant(labels[i : i + batch], kind) for i in range(0, len(labels), batch)]
    else:
        inputs = [tf.constant(min(batch, (n or 0) - i)) for i in range(0, n or 0, batch)]
    seeds = [tf.constant((1_000 * seed + i) % 2**31, tf.int32) for i in range(len(inputs))]
    return np.concatenate([sample(x, s).numpy() for x, s in zip(inputs, seeds, strict=True)])


def find(path: str | Path) -> Path:
    """A SavedModel's folder: a path, or the name of one in saved_models/ of this folder or of the checkout."""
    places = [Path(path), Path("saved_models") / path, Path(__file__).parent.parent / "saved_models" / path]
    for place in places:
        if (place / "saved_model.pb").is_file():
            return place
    raise UserError(f"there is no SavedModel at {path}, nor in saved_models/; 'tfgans list' names those that are there")


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
