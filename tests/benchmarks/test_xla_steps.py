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


def test_the_exported_program_has_a_value_for_each_parameter_and_updates_what_a_step_moves(exported: Path) -> None:
    about = json.loads((exported / "dcgan-mnist" / "float32.json").read_text())
    with np.load(exported / "dcgan-mnist" / "values.npz") as values:
        assert set(about["parameters"]) <= set(values)
    assert len(set(about["parameters"])) == len(about["parameters"])
    moved = {key for network in about["networks"].values() for key in network}
    assert len(moved) == 18 and moved <= set(about["updates"].values())
    assert "batch image" not in about["updates"].values()
    assert set(about["stages"][0]["logs"]) == {"d_loss", "g_loss"} == set(about["terms"])


def test_jax_finds_the_losses_of_tensorflow_and_goes_on(xla_steps: Any, exported: Path) -> None:
    jax = pytest.importorskip("jax")
    with jax.experimental.enable_x64():
        programs, failures = xla_steps.compiled(exported / "dcgan-mnist", ["float32"])
        assert not failures
        step = programs["XLA float32"]
        assert xla_steps.first_step(step, "step")[1] <= xla_steps.TOLERANCE
        first = step.losses()
        step()
        assert step.losses() != first
        iteration = next(key for key in step.now if key.endswith("d_optimizer/iteration"))
        assert int(step.now[iteration]) == 2
