"""ONNX and LiteRT files of exported models, one for each endpoint that works on arrays.

`sample` is left out, because these formats have no seeded random numbers: `generate` takes the latents instead. ONNX
Runtime draws the dropout of Pix2pix at test time and ignores the endpoint's seed. LiteRT has no such operation.

Inputs and outputs have their declared names, types and ranges; an output with the name of an input gets "_out" added.
Sizes are free where the endpoint's are. An ONNX file holds the declaration (`tfgans.endpoint.to_json`) and the card, if
there is one, as metadata of these names. Weights that float16 represents exactly are stored in it; computation is in
float32.
"""

import contextlib
import io
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import endpoint
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.files import whole
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported

OPSET = 18  # of ONNX: the first with antialiased resizing
SUFFIXES = {"onnx": ".onnx", "litert": ".tflite"}
SIDES = {4: ("n", "height", "width", "channels"), 2: ("n", "features"), 1: ("n",)}


def export_as(kind: str, path: str | Path, folder: str | Path | None = None, force: bool = False) -> list[Path]:
    """Write the endpoints of a run's newest checkpoint or of a SavedModel, but not `sample`, as files of a format.

    `kind` is onnx or litert; the files are `<endpoint>.onnx` or `<endpoint>.tflite`, by default in `<kind>/<name>`.

    Raises:
        UserError: no such run, model or format; a file exists and `force` is not set; the converter is not installed;
            or the format lacks an operation of the model.
    """
    if kind not in SUFFIXES:
        raise UserError(f"there is no format '{kind}'; choose savedmodel, {' or '.join(SUFFIXES)}")
    path = Path(path)
    with tempfile.TemporaryDirectory() as place:
        run = (path / "config.yaml").exists()
        exported = Exported(export_run(path, Path(place) / path.name) if run else path)
        folder = Path(folder or Path(kind) / path.name)
        if folder.exists() and not folder.is_dir():
            raise UserError(f"{folder} is a file; choose a folder with -o")
        files = {name: folder / f"{name}{SUFFIXES[kind]}" for name in exported.endpoints if name != "sample"}
        if not files:
            raise UserError(f"{path.name} has no endpoint but 'sample', whose random numbers {kind} does not have")
        for file in files.values():
            if file.exists() and not force:
                raise UserError(f"{file} exists; choose another folder with -o, or replace it with --force")
        convert = to_onnx if kind == "onnx" else to_litert
        contents = {file: convert(exported, name) for name, file in files.items()}  # all, before any is written
        for file, content in contents.items():
            with whole(file) as temporary:
                temporary.write_bytes(content)
    return list(files.values())


def named(exported: Exported, name: str) -> Any:
    """A `tf.function` of an endpoint that returns its outputs by name (`output_name`), even a single one."""
    declared, function = exported.endpoints[name], getattr(exported.model, name)
    specs = [tf.TensorSpec(array.shape, array.dtype, each) for each, array in declared.inputs.items()]

    def made(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        outputs = function(*inputs)
        by_name = outputs if isinstance(outputs, dict) else dict.fromkeys(declared.outputs, outputs)
        return {output_name(declared, each): array for each, array in by_name.items()}

    return tf.function(made, input_signature=specs)


def output_name(declared: Endpoint, name: str) -> str:
    """The name of an output in a file, which differs from the inputs' names."""
    return f"{name}_out" if name in declared.inputs else name


# -- ONNX -------------------------------------------------------------------------------------------------------------


def to_onnx(exported: Exported, name: str) -> bytes:
    """An endpoint as an ONNX file. Raises UserError as `export_as` does."""
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise UserError(
            f"ONNX needs the package {error.name}; install it with: pip install 'tfgans-suite[onnx]'"
        ) from error
    function = named(exported, name)
    handlers: dict[str, Any] = {
        "FloorDiv": (floor_division, []),
        "ScaleAndTranslate": (resize_antialiased, []),
        "StatelessRandomUniformV2": (draw_uniform, []),
        "StatelessRandomGetKeyCounter": (keep, []),
    }
    with quiet():
        model, _ = tf2onnx.convert.from_function(
            function, function.input_signature, opset=OPSET, custom_op_handlers=handlers
        )
    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    if missing := {node.op_type for node in nodes_of(model.graph)} - known:
        raise lacking(missing, exported, name, "ONNX")
    name_sides(model, exported.endpoints[name])
    halve(model)
    metadata = {"declaration": endpoint.to_json(exported.declaration)}
    with contextlib.suppress(FileNotFoundError):
        metadata["card"] = (exported.path / "card.json").read_text(encoding="utf-8")
    onnx.helper.set_model_props(model, metadata)
    model.producer_name, model.graph.name = "tfgans", f"{exported.path.name}: {name}"
    onnx.checker.check_model(model)
    return model.SerializeToString()


def floor_division(graph: Any, node: Any, _name: str, _args: Any) -> None:
    """tf2onnx handler: a // b, which tf2onnx itself rounds towards zero for integers."""
    (a, b), shapes, dtypes = node.input, node.output_shapes, node.output_dtypes
    quotient = graph.make_node("Div", [a, b]).output[0]
    graph.remove_node(node.name)
    made = {"outputs": node.output, "name": node.name, "shapes": shapes, "dtypes": dtypes}
    if dtypes[0] in (1, 10, 11):  # float32, float16, double
        graph.make_node("Floor", [quotient], **made)
        return
    rest = graph.make_node("Sub", [a, graph.make_node("Mul", [quotient, b]).output[0]]).output[0]
    # the quotient is one too large if the rest and the divisor have different signs
    sign_of_rest, sign_of_b = (graph.make_node("Sign", [value]).output[0] for value in (rest, b))
    signs = graph.make_node("Mul", [sign_of_rest, sign_of_b]).output[0]
    zero = graph.make_node("Sub", [signs, signs]).output[0]
    graph.make_node("Add", [quotient, graph.make_node("Min", [signs, zero]).output[0]], **made)


def resize_antialiased(graph: Any, node: Any, _name: str, _args: Any) -> None:
    """tf2onnx handler: tf.image.resize(antialias=True) to Resize with antialias."""
    from tf2onnx import utils

    (images, size), shapes, dtypes = node.input[:2], node.output_shapes, node.output_dtypes
    first = graph.make_node("Transpose", [images], {"perm": [0, 3, 1, 2]}).output[0]
    empty = graph.make_const(utils.make_name("empty"), np.zeros(0, np.float32)).output[0]
    ends = [graph.make_const(utils.make_name("end"), np.array([end], np.int64)).output[0] for end in (0, 2)]
    count = graph.make_node("Slice", [graph.make_node("Shape", [first]).output[0], *ends]).output[0]
    sides = graph.make_node("Cast", [size], {"to": 7}).output[0]  # int64
    wanted = graph.make_node("Concat", [count, sides], {"axis": 0}).output[0]
    settings = {"mode": "linear", "antialias": 1, "coordinate_transformation_mode": "half_pixel", "exclude_outside": 1}
    made = graph.make_node("Resize", [first, empty, empty, wanted], settings).output[0]
    graph.remove_node(node.name)
    graph.make_node(
        "Transpose", [made], {"perm": [0, 2, 3, 1]}, outputs=node.output, name=node.name, shapes=shapes, dtypes=dtypes
    )


def draw_uniform(graph: Any, node: Any, _name: str, _args: Any) -> None:
    """tf2onnx handler: seeded uniform numbers to RandomUniformLike, which the runtime seeds."""
    shape, shapes, dtypes = node.input[0], node.output_shapes, node.output_dtypes
    sides = graph.make_node("Cast", [shape], {"to": 7}).output[0]  # int64
    like = graph.make_node("ConstantOfShape", [sides]).output[0]  # float32 zeros
    graph.remove_node(node.name)
    graph.make_node(
        "RandomUniformLike", [like], {"low": 0.0, "high": 1.0}, outputs=node.output, name=node.name, shapes=shapes,
        dtypes=dtypes,
    )  # fmt: skip


def keep(_graph: Any, _node: Any, _name: str, _args: Any) -> None:
    """tf2onnx handler: the node that derives keys from a seed, which nothing reads after `draw_uniform`."""


def name_sides(model: Any, declared: Endpoint) -> None:
    """Name the free sides of inputs and outputs, in place of running numbers."""
    outputs = {output_name(declared, name): array for name, array in declared.outputs.items()}
    for values, arrays in ((model.graph.input, declared.inputs), (model.graph.output, outputs)):
        for value in values:
            array = arrays[value.name]
            value.type.tensor_type.ClearField("shape")
            value.type.tensor_type.shape.SetInParent()  # of a scalar, too
            names = SIDES.get(len(array.shape), ())
            for i, side in enumerate(array.shape):
                dimension = value.type.tensor_type.shape.dim.add()
                if side is None:
                    made = "made_" if arrays is outputs and 0 < i else ""
                    dimension.dim_param = made + (names[i] if i < len(names) else f"side_{i}")
                else:
                    dimension.dim_value = side


def halve(model: Any) -> None:
    """Store weights in float16, cast to float32, where that loses nothing."""
    from onnx import TensorProto, helper, numpy_helper

    stored, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        small = values.astype(np.float16) if tensor.data_type == TensorProto.FLOAT and values.ndim > 1 else None
        if small is not None and np.array_equal(small.astype(np.float32), values):
            stored.append(numpy_helper.from_array(small, f"{tensor.name}/half"))
            casts.append(helper.make_node("Cast", [stored[-1].name], [tensor.name], to=TensorProto.FLOAT))
        else:
            stored.append(tensor)
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("initializer")
    model.graph.ClearField("node")
    model.graph.initializer.extend(stored)
    model.graph.node.extend(nodes)


def nodes_of(graph: Any) -> list[Any]:
    """The nodes of an ONNX graph and of its loop bodies."""
    inner = [node for each in graph.node for a in each.attribute if a.HasField("g") for node in nodes_of(a.g)]
    return [*graph.node, *inner]


# -- LiteRT -----------------------------------------------------------------------------------------------------------


def to_litert(exported: Exported, name: str) -> bytes:
    """An endpoint as a LiteRT file, with weights in float16. Raises UserError as `export_as` does."""
    concrete = named(exported, name).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], exported.model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    try:
        with quiet():
            return converter.convert()
    except Exception as error:  # the converter's errors share no class, and name the operations in their text
        missing = set(re.findall(r"^\s*tf\.(\w+)\(", str(error), re.MULTILINE))
        raise lacking(missing or {type(error).__name__}, exported, name, "LiteRT") from error


def lacking(missing: set[str], exported: Exported, name: str, kind: str) -> UserError:
    """The error for operations of an endpoint that a format lacks."""
    names = ", ".join(sorted(missing))
    return UserError(f"{exported.path.name}: {kind} lacks operations of '{name}', or has none for free sizes: {names}")


@contextlib.contextmanager
def quiet() -> Any:
    """Without the converters' messages."""
    logger, level = logging.getLogger("tf2onnx"), logging.getLogger("tf2onnx").level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
