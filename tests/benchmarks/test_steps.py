"""PyTorch's twins have the losses of tiny models of tfgans; the page has the ratios."""

import subprocess
import sys
from typing import Any

import pytest

from tfgans import models
from tfgans.files import ROOT


@pytest.fixture(scope="module")
def steps() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import steps

        yield steps


def test_the_page_has_ratios_of_the_same_round_and_the_share_of_the_peak(steps: Any) -> None:
    row: dict[str, Any] = {"images": 8, "gflop": 4.0, "torch_gflop": 4.4, "parameters": 1234, "peak": 80.0}
    row["errors"] = {"tfgans": 0.0, "eager": 3e-6}
    row["seconds"] = {"tfgans": [0.1, 0.2], "train_on_batch": [0.3, 0.6], "eager": [0.15, 0.3]}
    text = "\n".join(steps.lines({"machine": "m", "precision": "float32"}, {"dcgan-mnist": row}))
    assert "in the same run: 80 to 80 GFLOP/s." in text
    assert "| step | images | GFLOP | tfgans, ms | of the peak | PyTorch eager | train_on_batch |" in text
    assert "| dcgan-mnist | 8 | 4.0 | 150 (125-175) | 33% | 1.50 | 3.00 |" in text
    assert "| dcgan-mnist | 1,234 | 1.100 | 3e-06 |" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["steps", "input"])
def test_steps_are_timed_with_onednn_as_training_has_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    code = f"import {name}; from tfgans.inference.onednn import has_onednn; print(has_onednn())"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "benchmarks", capture_output=True, text=True)
    assert run.stdout == "True\n", run.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["dcgan-mnist", "wgan_gp-mnist", "srgan-srresnet", "srgan-photos", "pix2pix-facades", "cyclegan-horse2zebra"],
)
def test_twins_have_equal_first_losses(steps: Any, name: str) -> None:
    pytest.importorskip("torch")
    gan, key, stage = steps.CASES[name]
    ours = steps.Ours(gan, models.tiny(gan, key), stage, "float32")
    twins = [twin for what, twin in steps.torch_steps(name, ours).items() if what.startswith("eager")]
    assert len(twins) >= 2
    for twin in [ours, *twins]:
        assert steps.first_step(twin, stage)[1] <= steps.TOLERANCE
