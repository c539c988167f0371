"""ONNX and LiteRT files: the same numbers as the SavedModel's, sizes free, and one line where something is lacking."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from tiny import tiny_model

from tfgans import models
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError
from tfgans.inference import formats
from tfgans.inference.export import export
from tfgans.inference.exported import Exported
from tfgans.inference.formats import export_as

LEVEL = 1 / 255


def onnx_runtime(data: bytes) -> Callable[[dict[str, Any]], dict[str, np.ndarray]]:
    session = onnxruntime.InferenceSession(data)
    names = [output.name for output in session.get_outputs()]
    return lambda given: dict(zip(names, session.run(None, given), strict=True))


def litert(data: bytes) -> Callable[[dict[str, Any]], dict[str, np.ndarray]]:
    runner = Interpreter(model_content=data).get_signature_runner()
    return lambda given: runner(**given)


def given_to(declared: Endpoint, n: int, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """Random inputs, images and masks of `sides` where the endpoint leaves them free."""
    rng = np.random.default_rng(n)

    def values(array: Array) -> np.ndarray:
        free = iter((n, *(declared.size or sides)))
        shape = tuple(next(free) if side is None else side for side in array.shape)
        high = min(array.high, 100)
        return np.asarray(Array(shape, array.dtype, array.low, high).noise(rng), array.dtype)

    return {name: values(array) for name, array in declared.inputs.items()}


def distances(exported: Exported, name: str, data: bytes, kind: str) -> list[float]:
    """The largest difference of a file's and the SavedModel's outputs, for two numbers and sizes of images."""
    declared, run = exported.endpoints[name], (onnx_runtime if kind == "onnx" else litert)(data)
    found = []
    for n, sides in ((2, (48, 64)), (1, (32, 96))):
        given = given_to(declared, n, sides)
        wanted = exported.call(name, *given.values())
        wanted = wanted if isinstance(wanted, dict) else {next(iter(declared.outputs)): wanted}
        made = run(given)
        assert made.keys() == {formats.output_name(declared, each) for each in wanted}
        found += [np.abs(made[formats.output_name(declared, each)] - wanted[each]).max() for each in wanted]
    return found


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with antialiased resizing, windows in a loop and Lab."""
    return export(
        tiny_model("unet_gan", "colorize"), tmp_path_factory.mktemp("formats") / "colorizer", task="restoration"
    )


def test_onnx_gives_the_saved_models_numbers(colorizer: Path, tmp_path: Path) -> None:
    (path,) = export_as("onnx", colorizer, tmp_path)
    assert path == tmp_path / "restore.onnx"
    assert max(distances(Exported(colorizer), "restore", path.read_bytes(), "onnx")) < 1e-4
    metadata = {each.key: each.value for each in onnx.load(path).metadata_props}
    assert metadata.keys() == {"declaration"}
    assert json.loads(metadata["declaration"])["endpoints"].keys() == {"restore"}
    with pytest.raises(UserError, match="restore.onnx exists"):
        export_as("onnx", colorizer, tmp_path)


def test_a_committed_generator_in_both_formats(tmp_path: Path) -> None:
    exported = Exported("cdcgan-mnist")
    (path,) = export_as("onnx", "cdcgan-mnist", tmp_path)
    assert path.name == "generate.onnx"
    model = onnx.load(path)
    assert [side.dim_param for side in model.graph.input[0].type.tensor_type.shape.dim] == ["n", ""]
    assert max(distances(exported, "generate", path.read_bytes(), "onnx")) < 1e-4
    metadata = {each.key: each.value for each in model.metadata_props}
    assert json.loads(metadata["card"])["gan"] == "cdcgan"
    kernels = [t for t in model.graph.initializer if len(t.dims) > 1 and np.prod(t.dims) > 1_000]
    assert {t.data_type for t in kernels} == {onnx.TensorProto.FLOAT16}  # nothing was lost: 1e-4 above
    assert max(distances(exported, "generate", formats.to_litert(exported, "generate"), "litert")) < LEVEL


def test_the_runtime_draws_dropout(tmp_path: Path) -> None:
    exported = Exported(export(tiny_model("pix2pix", models.default("pix2pix")), tmp_path / "pix2pix"))
    run = onnx_runtime(formats.to_onnx(exported, "translate"))
    images = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)

    def average(draw: Callable[[int], np.ndarray]) -> np.ndarray:
        return np.mean([draw(seed) for seed in range(60)], axis=0)

    ours = average(lambda seed: run({"images": images, "seed": np.array(seed, np.int32)})["images_out"])
    theirs = average(lambda seed: exported.translate(images, seed=seed))
    single = run({"images": images, "seed": np.array(0, np.int32)})["images_out"]
    assert np.abs(ours - theirs).mean() < np.abs(single - theirs).mean() / 2


def test_what_a_format_lacks_is_one_line(colorizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="LiteRT lacks operations of 'restore'.*ScaleAndTranslate"):
        export_as("litert", colorizer, tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="there is no format 'coreml'; choose savedmodel, onnx or litert"):
        export_as("coreml", colorizer, tmp_path)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match=r"pip install 'tfgans-suite\[onnx\]'"):
        export_as("onnx", colorizer, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("gan", sorted(models.MODELS))
def test_every_gan_as_onnx(gan: str, tmp_path: Path) -> None:
    exported = Exported(export(tiny_model(gan, models.default(gan)), tmp_path / gan))
    for name, declared in exported.endpoints.items():
        if name != "sample" and "seed" not in declared.inputs:
            assert max(distances(exported, name, formats.to_onnx(exported, name), "onnx")) < 1e-4, name
