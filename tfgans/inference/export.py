"""SavedModels that load with TensorFlow alone.

Each endpoint of a model (`tfgans.endpoint`) is a function of the SavedModel, with the declared inputs in order; the
first one is also the signature `serving_default`. The attribute `declaration`, a string, holds everything that is
declared: "gan", "task", "endpoints", and, for models that have them, "class_names", "domains" and "palette"
(`tfgans.endpoint.from_json` reads it).

Kernels (weights of two or more dimensions) are stored in float16, all other weights in float32. Computation is in
float32.
"""

import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgans import endpoint, models
from tfgans.adversarial import Adversarial
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError
from tfgans.files import unfinished_folder, utf8
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import task_of

SAVED_MODEL = {"saved_model.pb", "fingerprint.pb", "variables", "assets"}
DECLARED = ("class_names", "domains", "palette")  # optional keys of config.yaml, copied to the declaration


def export(model: Adversarial, folder: str | Path, **declared: Any) -> Path:
    """Write the endpoints of `model` as a SavedModel. The folder is written completely or not at all.

    Other files in the folder (a card, pictures) stay. `declared` is added to the declaration; "gan" is by default the
    name of the module of the model's class.

    Raises:
        UserError: the folder holds other files and no model to replace.
        ValueError: the model does not compute in float32 (load it under that policy), or an endpoint
            changes a variable.
    """
    if keras.config.dtype_policy().name != "float32":
        raise ValueError("export under the float32 policy: keras.config.set_dtype_policy('float32') before loading")
    folder = Path(folder)
    refuse_other(folder)
    endpoints = model.endpoints()
    module, functions = tf.Module(), traced(model, endpoints)
    for name, function in functions.items():
        setattr(module, name, function)
    concrete = {name: function.get_concrete_function() for name, function in functions.items()}
    module.weights = list({id(v): v for function in concrete.values() for v in function.variables}.values())
    gan = type(model).__module__.split(".")[-1]
    text = endpoint.to_json({"gan": gan, "task": "", **declared, "endpoints": endpoints})
    module.declaration = tf.Variable(text, dtype=tf.string, trainable=False, name="declaration")
    signatures = {**concrete, "serving_default": next(iter(concrete.values()))}
    with unfinished_folder(folder) as temporary:
        with utf8(temporary) as place:
            tf.saved_model.save(module, place, signatures=signatures)
        if folder.exists():
            for kept in folder.iterdir():
                if kept.name not in SAVED_MODEL:
                    (shutil.copytree if kept.is_dir() else shutil.copy2)(kept, temporary / kept.name)
            old = folder.with_name(f".old-{folder.name}")
            shutil.rmtree(old, ignore_errors=True)  # left by an interrupted export; the folder is newer
            try:
                os.replace(folder, old)
                os.replace(temporary, folder)
            except BaseException:  # including signals
                if not folder.exists():
                    os.replace(old, folder)
                raise
            shutil.rmtree(old)
        else:
            os.replace(temporary, folder)
    return folder


def traced(model: Adversarial, endpoints: dict[str, Endpoint]) -> dict[str, Any]:
    """A traced `tf.function` for each endpoint, with weights in their stored precision."""
    stored = [(v, stored_variable(v._value)) for v in used_by(model)]
    return {name: in_float32(getattr(model, name), each, stored) for name, each in endpoints.items()}


def used_by(model: Adversarial) -> list[Any]:
    """The Keras variables that the endpoints of a model read, including moving statistics.

    Raises ValueError if an endpoint changes a variable.
    """
    used: set[int] = set()
    for name, each in model.endpoints().items():
        function = tf.function(getattr(model, name), input_signature=specs(each)).get_concrete_function()
        if any("Assign" in node.op for node in nodes(function.graph)):
            raise ValueError(f"the endpoint '{name}' changes variables, which exports do not allow")
        used |= {id(v) for v in function.variables}
    return [v for v in model.variables if id(v._value) in used]


def nodes(graph: Any) -> Iterator[Any]:
    """The operations of a graph and of the functions it calls, such as loop bodies."""
    definition = graph.as_graph_def()
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def specs(each: Endpoint) -> list[tf.TensorSpec]:
    """The inputs of an endpoint, in order."""
    return [tf.TensorSpec(array.shape, array.dtype, name) for name, array in each.inputs.items()]


def stored_variable(variable: tf.Variable) -> tf.Variable:
    """A variable of the same name and value, in float16 if it is a kernel."""
    kernel = variable.shape.rank > 1 and variable.dtype == tf.float32
    value = tf.cast(variable, tf.float16) if kernel else variable.read_value()
    return tf.Variable(value, trainable=False, name=variable.name.split(":")[0])


def in_float32(method: Callable[..., Any], each: Endpoint, stored: list[tuple[Any, Any]]) -> Any:
    """A `tf.function` of a model's method that reads `stored` variables instead of the model's own."""
    signature = specs(each)

    def function(*inputs: tf.Tensor, **named: tf.Tensor) -> Any:
        given = [*inputs, *(named[spec.name] for spec in signature[len(inputs) :])]
        with replaced([(own, tf.cast(value, own.dtype)) for own, value in stored]):
            return method(*map(within, given, each.inputs.values()))

    # the SavedModel's function takes the declared names as keywords
    parameters = [inspect.Parameter(spec.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for spec in signature]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    made = tf.function(function, input_signature=signature)
    made.get_concrete_function()
    return made


def within(value: tf.Tensor, array: Array) -> tf.Tensor:
    """An input of an endpoint; raises an error for labels that the model does not have."""
    if array.encoding != "label" or len(array.shape) != 1:
        return value
    there = tf.reduce_all((value >= 0) & (value < int(array.high)))
    refused = tf.debugging.Assert(there, [f"this model has the labels 0-{int(array.high) - 1}, not all of", value])
    with tf.control_dependencies([refused]):
        return tf.identity(value)


@contextmanager
def replaced(values: list[tuple[keras.Variable, tf.Tensor]]) -> Iterator[None]:
    """Makes Keras variables read as these tensors, which cannot be assigned to.

    Unlike `keras.StatelessScope`, this also holds in scopes that the model itself opens.
    """
    own = [(variable, variable._value) for variable, _ in values]
    try:
        for variable, value in values:
            variable._value = value
        yield
    finally:
        for variable, value in own:
            variable._value = value


def refuse_other(folder: Path, option: str = "-o") -> None:
    """Raises UserError if a folder holds anything but a model, because replacing it would lose data."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; choose a folder with {option}")
    if folder.exists() and not (folder / "saved_model.pb").exists():
        other = sorted(p.name for p in folder.iterdir() if p.name not in ("card.json", "samples.png", "curves.png"))
        if other:
            raise UserError(
                f"{folder} holds files that are not a model's (such as {other[0]}); choose another folder with {option}"
            )


def export_run(path: str | Path, folder: str | Path | None = None, force: bool = False) -> Path:
    """Export the newest checkpoint of a run, by default to saved_models/<gan>-<dataset>.

    Raises:
        UserError: no run or checkpoint, or the folder holds a model and `force` is not set.
    """
    run = Run.open(path)
    config = run.config
    dataset = "-".join(Path(part.split(":")[-1]).name for part in config["recipe"]["dataset"].split(","))
    folder = Path(folder or Path("saved_models") / f"{models.label(config['gan'])}-{dataset}")
    check_folder(folder, force)
    model, declared = of_run(run)
    return export(model, folder, **declared)


def check_folder(folder: Path, force: bool) -> None:
    """Raises UserError if the folder holds a model and `force` is not set, or other files."""
    if (folder / "saved_model.pb").exists() and not force:
        raise UserError(f"{folder} holds a model already; choose another folder with -o, or replace it with --force")
    refuse_other(folder)


def of_run(run: Run) -> tuple[Adversarial, dict[str, Any]]:
    """The model of a run's newest checkpoint, in float32, and the declaration for its export.

    Raises UserError if there is no checkpoint.
    """
    step = run.latest()
    if step is None:
        raise UserError(f"{run.path} has no checkpoint yet; train it first with 'tfgans resume {run.path}'")
    config = run.config
    keras.config.set_dtype_policy("float32")
    model = run.load(step)
    declaration = {name: config[name] for name in DECLARED if config.get(name)}
    if not config["recipe"].get("crop"):
        declaration["whole"] = list(getattr(model, "image_shape", ())[:2])  # (height, width) of the training images
    task = config.get("task") or task_of(model.endpoints(), Recipe.from_dict(config["recipe"]))
    return model, {"gan": models.label(config["gan"]), "task": task, **declaration}
