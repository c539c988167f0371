"""The chapters run, cell by cell, at a smoke size, most of them as slow tests; and its notebook is the one it gives."""

import importlib.util
import json
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfgans.reports import ledger as claims

CHAPTERS = Path(__file__).parents[2] / "chapters"
NAMES = [path.stem for path in sorted(CHAPTERS.glob("[0-9][0-9]_*.py"))]
PICTURES = {
    "00_keras_idioms": {"gaps"},
    "01_gan": {"real", "losses_of_the_generator", "over_time", "curves", "walk", "nearest"},
    "02_dcgan": {"real", "over_time", "curves", "walk"},
    "03_lsgan": {"slopes", "over_time", "curves"},
    "04_wgan": {"distances", "over_time_clipped", "over_time_penalty", "estimates", "quality"},
    "05_cgan": {"over_time", "curves", "styles", "walk", "obeys"},
    "06_cdcgan": {"over_time", "samples_1", "samples_2", "samples_3", "neighbours", "curves"},
    "07_infogan": {"over_time", "curves", "categories", "code_0", "code_1"},
    "08_acgan": {"curves", "over_time_paper", "over_time_survey", "samples_paper", "samples_survey"},
    "09_draw": {"windows", "over_time", "curves", "canvases"},
    "10_context_encoder": {"regions", "weights", "over_time_joint", "over_time_l2", "curves", "fills"},
    "11_pix2pix": {"pairs", "over_time", "curves", "translations", "seeds"},
    "12_pix2pixhd": {"pairs", "over_time", "curves", "translations", "seeds"},
    "13_cogan": {"domains", "over_time_shared", "over_time_apart", "curves", "pairs", "translations"},
    "14_cyclegan": {"pairs", "over_time", "curves", "translations", "noise"},
    "15_dualgan": {"pairs", "over_time", "curves", "day_to_night", "night_to_day"},
    "16_discogan": {"points", "over_time", "a_as_b"},
    "17_srgan": {"over_time", "curves", "crops", "spectra", "writing"},
    "18_unet_gan": {"tasks", "over_time_colorize", "over_time_inpaint", "curves", "colours"},
    "19_resgan": {"coarse", "over_time", "curves", "restored"},
    "20_unrolled": {"real", "over_time_0", "over_time_5", "samples"},
}
DEFAULT = ("01_gan",)  # the other chapters are run with -m slow
DATASETS = {
    "10_context_encoder": "photos",
    "11_pix2pix": "pairs:{folder}/houses",
    "12_pix2pixhd": "pairs:{folder}/coins",
    "13_cogan": "domains:mnist5k",
    "14_cyclegan": "domains:{folder}/beasts",
    "15_dualgan": "domains:{folder}/streets",
    "16_discogan": "domains:gaussians5,gaussians10",
    "17_srgan": "photos",
    "18_unet_gan": "photos",
    "20_unrolled": "gaussians8",
}


def script(name: str) -> ModuleType:
    """A script beside the chapters as a module."""
    spec = importlib.util.spec_from_file_location(name, CHAPTERS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    pytest.importorskip("jupytext")
    return script("make_notebooks")


def run_chapter(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Everything that a chapter defines, after it ran at smoke size with its files in `folder`."""
    import matplotlib

    import tfgans.reports.notebook

    matplotlib.use("Agg")
    monkeypatch.setenv("TFGANS_SMOKE", "1")
    monkeypatch.setattr(tfgans.reports.notebook, "SMOKE", True)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.chdir(folder)
    return runpy.run_path(str(CHAPTERS / f"{name}.py"))


@pytest.mark.parametrize(
    "name", [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_chapter_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run_chapter(name, tmp_path, monkeypatch)
    folder = made["folder"]
    assert folder.parent == tmp_path
    assert PICTURES[name] <= {path.stem for path in folder.glob("*.png")}
    for picture in PICTURES[name]:
        assert np.asarray(Image.open(folder / f"{picture}.png").convert("L")).std() > 1, f"{picture} is blank"
    if name == "00_keras_idioms":  # it trains nothing with the suite
        assert len(made["gaps"]) == 3 and max(made["gaps"]) < 1e-6
        assert made["changed"] > 1e-4, "or equal weights mean nothing"
        assert made["frozen"] == 0.0 and made["leaked"] > 1e-5
        assert made["by_add_loss"] == pytest.approx(made["by_hand"], rel=1e-5)
        made["runs"] = {}
    for run in made["runs"].values() if "runs" in made else [made["run"]]:
        assert run.latest() == 4
        assert [row["step"] for row in run.read_history()] == [1, 2, 3, 4]
        assert run.config["recipe"]["dataset"] == DATASETS.get(name, "mnist5k").format(folder=folder)
    if name == "06_cdcgan":
        report, decent, conditional = (run.config for run in made["runs"].values())
        assert [c["recipe"]["model"]["generator_steps"] for c in (report, decent, conditional)] == [2, 1, 2]
        assert [c["recipe"]["optimizers"]["d_optimizer"]["learning_rate"] for c in (report, decent)] == [5e-5, 2e-4]
        assert [c["gan"] for c in (report, decent, conditional)] == ["dcgan", "dcgan", "cdcgan"]
        assert [images.shape for images in made["samples"].values()] == [(200, 28, 28, 1)] * 3
    printed = capsys.readouterr().out
    assert "def train_step(self, batch" in printed  # shown from the module, not copied
    assert all(row["statement"] in printed for row in claims.statements(name))


@pytest.mark.parametrize("name", NAMES)
def test_chapters_turn_onednn_on_before_they_load_tensorflow(name: str) -> None:
    imports = re.findall(
        r"^(?:import|from) ([\w.]+)", (CHAPTERS / f"{name}.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert next(each for each in imports if each not in sys.stdlib_module_names) == "tfgans.training"


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_in_step(name: str, maker: ModuleType) -> None:
    written = (CHAPTERS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    assert written == maker.notebook(CHAPTERS / f"{name}.py"), "run: python chapters/make_notebooks.py"


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_begin_with_badge_and_installation(name: str) -> None:
    book = json.loads((CHAPTERS / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    badge, install, title = book["cells"][:3]
    assert f"github/tfgans/tfgans/blob/main/chapters/notebooks/{name}.ipynb" in "".join(badge["source"])
    assert install["cell_type"] == "code" and "pip install" in "".join(install["source"])
    assert "".join(title["source"]).startswith(f"# {int(name[:2])}. ")
    assert all(not cell.get("outputs") for cell in book["cells"])


def test_a_changed_chapter_is_noticed(tmp_path: Path, maker: ModuleType) -> None:
    chapter = tmp_path / "09_new.py"
    chapter.write_text("# %% [markdown]\n# # 9. New\n\n# %%\nx = 1\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    book = tmp_path / "notebooks" / "09_new.ipynb"
    assert maker.out_of_step(tmp_path) == [book]  # absent
    book.write_text(maker.notebook(chapter), encoding="utf-8")
    assert maker.out_of_step(tmp_path) == []
    assert [c["source"] for c in json.loads(book.read_text())["cells"]][2:] == [["# 9. New"], ["x = 1"]]
    chapter.write_text(chapter.read_text().replace("x = 1", "x = 2"), encoding="utf-8")
    assert maker.out_of_step(tmp_path) == [book]
    shutil.move(chapter, tmp_path / "kept")
    assert maker.out_of_step(tmp_path) == [book]  # nothing gives it any more


def test_check_of_the_command_line(tmp_path: Path, maker: ModuleType) -> None:
    for path in [CHAPTERS / "make_notebooks.py", CHAPTERS / "01_gan.py"]:
        shutil.copy(path, tmp_path)
    command = [sys.executable, str(tmp_path / "make_notebooks.py")]
    absent = subprocess.run([*command, "--check"], capture_output=True, text=True)
    assert absent.returncode == 1 and "01_gan.ipynb is out of step" in absent.stderr
    assert subprocess.run(command).returncode == 0
    assert subprocess.run([*command, "--check"]).returncode == 0


def test_notebooks_run_until_they_have(
    tmp_path: Path, maker: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nbclient")
    runner, sources, outputs = script("run_notebooks"), tmp_path / "notebooks", tmp_path / "out"
    sources.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(CHAPTERS.parent))  # the first cell installs nothing
    for name, code in {"01_good": "print(6 * 7)", "02_bad": "6 / 0"}.items():
        (tmp_path / f"{name}.py").write_text(f"# %%\n{code}\n", encoding="utf-8")
        (sources / f"{name}.ipynb").write_text(maker.notebook(tmp_path / f"{name}.py"), encoding="utf-8")
    assert runner.main([], sources, outputs) == 1
    good, bad = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"01_good: ok \(\d+ s\)", good)
    assert re.fullmatch(r"02_bad: cell 2: ZeroDivisionError: division by zero \(\d+ s\)", bad)
    cells = json.loads((outputs / "01_good.ipynb").read_text(encoding="utf-8"))["cells"]
    assert cells[1]["outputs"] == [] and cells[2]["outputs"][0]["text"] == ["42\n"]
    assert runner.has_run(sources / "01_good.ipynb", outputs / "01_good.ipynb")
    assert not runner.has_run(sources / "02_bad.ipynb", outputs / "02_bad.ipynb")
    assert runner.main(["01_good"], sources, outputs) == 0
    assert capsys.readouterr().out == f"01_good: has run, see {outputs / '01_good.ipynb'}\n"
    (sources / "01_good.ipynb").write_text("{}", encoding="utf-8")
    assert not runner.has_run(sources / "01_good.ipynb", outputs / "01_good.ipynb"), "its source has changed"
    with pytest.raises(SystemExit):
        runner.main(["03_none"], sources, outputs)
    assert "there is no notebook 03_none" in capsys.readouterr().err
