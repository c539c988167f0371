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
from pathlib import Path

import keras
import tensorflow as tf

from tfgans import models
from tfgans.adversarial import Adversarial
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
    folder = Path(folder or Path("saved_models") / f"{models.label(config['gan'])}-{dataset}")
    if (folder / "saved_model.pb").exists() and not force:
        raise UserError(f"{folder} holds a model already; give another folder with -o, or --force to replace it")
    refuse_other(folder)
    keras.config.set_dtype_policy("float32")
    return export(run.load(step), folder)
