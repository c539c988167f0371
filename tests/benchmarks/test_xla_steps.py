"""The exported program of the tiny DCGAN holds its step; the table keeps what others wrote."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfgans import models
from tfgans.files import ROOT


@pytest.fixture(scope="module")
def xla_steps() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import xla_steps

        yield xla_steps


@pytest.fixture(scope="module")
def exported(xla_steps: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steps")
    xla_steps.export_step(folder / "dcgan-mnist", "dcgan", models.tiny("dcgan"), "float32")
    return folder


@pytest.mark.slow
def test_the_exported_program_has_a_value_for_each_parameter_and_updates_what_a_step_moves(exported: Path) -> None:
    about = json.loads((exported / "dcgan-mnist" / "float32.json").read_text())
    with np.load(exported / "dcgan-mnist" / "values.npz") as values:
        assert set(about["parameters"]) <= set(values)
    assert len(set(about["parameters"])) == len(about["parameters"])
    moved = {key for network in about["networks"].values() for key in network}
    assert len(moved) == 21 and moved <= set(about["updates"].values())
    assert "batch image" not in about["updates"].values()
    assert set(about["stages"][0]["logs"]) == {"d_loss", "g_loss"} == set(about["terms"])


def test_the_table_has_a_row_for_each_step_and_ratios_to_the_float32_program(xla_steps: Any) -> None:
    row = {"images": 8, "errors": {"XLA float32": 2e-7, "PyTorch eager float32": 3e-6}, "compiling": {"XLA float32": 4}}
    row |= {"seconds": {"XLA float32": 0.1234}, "ratios": {"XLA float32": 1.0, "PyTorch eager float32": 1.5}}
    text = xla_steps.section({"host": "h", "software": "s", "runtime": "r", "load": "2.0"}, {"dcgan-mnist": row})
    assert "| dcgan-mnist | 8 | 123.4 | 4 | 1.50 |" in text and "| dcgan-mnist | 2e-07 | 3e-06 |" in text


@pytest.mark.slow
def test_the_twin_has_the_same_losses(xla_steps: Any, exported: Path) -> None:
    pytest.importorskip("torch")
    import twins_torch

    about = json.loads((exported / "dcgan-mnist" / "float32.json").read_text())
    with np.load(exported / "dcgan-mnist" / "values.npz") as file:
        twin = twins_torch.DCGAN(about, dict(file), compiled=False)
    assert xla_steps.first_step(twin, "step")[1] <= xla_steps.TOLERANCE


@pytest.mark.slow
def test_jax_finds_the_losses_of_tensorflow_and_goes_on(xla_steps: Any, exported: Path) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    programs, failures = xla_steps.compiled(exported / "dcgan-mnist", ["float32"])
    assert not failures
    step = programs["XLA float32"]
    assert xla_steps.first_step(step, "step")[1] <= xla_steps.TOLERANCE
    first = step.losses()
    step()
    assert step.losses() != first
    updates = next(key for key in step.now if key.endswith("d_optimizer/iteration"))
    assert int(step.now[updates]) == 2
