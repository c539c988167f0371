"""Runs: what they write, that they go on after real kills to the same bits, and how they stop."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_cli import call
from tiny import differences, state, tiny_model

from tfgans import data, models
from tfgans.errors import Diverged, UserError
from tfgans.files import write_yaml
from tfgans.run import Run
from tfgans.training.callbacks import Recorder
from tfgans.training.setup import fit_classes, recipe_of
from tfgans.training.train import resume, train

STEPS, EVERY = 24, 4
# with dropout, whose random state counts too, and with rates that fall from the middle of the run on
DCGAN = {"image_shape": [28, 28, 1], "width": 12, "batch_size": 4, "decay": 0.5}
GAN = {"image_shape": [28, 28, 1], "generator_width": 12, "discriminator_width": 12, "batch_size": 4}
DEADLINE = 300  # seconds, of machines that are busy with other things

# as the command line, but the second checkpoint is cut in the middle of its writing and the process waits to be killed
HALF_WRITTEN = """
import os, signal, sys, keras
from tfgans import cli
save, saved = keras.Model.save, []
def cut(self, path, **kwargs):
    save(self, path, **kwargs)
    saved.append(path)
    if len(saved) == 2:
        os.truncate(path, os.path.getsize(path) // 2)
        print("HALF", flush=True)
        while True:
            signal.pause()
keras.Model.save = cut
cli.main()
"""


def plain_mode(pictures: Path, **more: Any) -> dict[str, Any]:
    return {"dataset": f"folder:{pictures}", "precision": "float32", "jit": "off", "every": EVERY, **more}


def train_dcgan(run_dir: Path, pictures: Path, **settings: Any) -> Run:
    run = train(
        "dcgan",
        recipe_key="mnist_report",
        settings={**DCGAN, "steps": STEPS, **settings},
        run_dir=run_dir,
        **plain_mode(pictures),
    )
    assert run is not None
    return run


def train_gan(run_dir: Path, pictures: Path, settings: dict[str, Any], **more: Any) -> Run:
    run = train("gan", settings={**GAN, **settings}, run_dir=run_dir, **plain_mode(pictures, **more))
    assert run is not None
    return run


def command(run_dir: Path, pictures: Path, **settings: Any) -> list[str]:
    """`tfgans train` of the same run as `train_dcgan`."""
    settings = [f"--set={key}={value}" for key, value in {**DCGAN, "steps": STEPS, **settings}.items()]
    options = f"--recipe mnist_report --precision float32 --jit off --every {EVERY}".split()
    return ["train", "dcgan", *options, *settings, "--dataset", f"folder:{pictures}", "--run", str(run_dir)]


def launch(arguments: list[str], code: str = "from tfgans import cli; cli.main()") -> subprocess.Popen:
    python = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(python, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def when(there: Path, process: subprocess.Popen) -> None:
    """Returns as soon as a file is there; fails when the process ends without it."""
    deadline = time.monotonic() + DEADLINE
    while not there.exists():
        assert process.poll() is None, f"ended without {there.name}: {process.communicate()[1][-3000:]}"
        assert time.monotonic() < deadline, f"no {there.name} in {DEADLINE} s"
        time.sleep(0.002)


def kill(process: subprocess.Popen) -> None:
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"


def same_results(run: Run, other: Run, step: int) -> None:
    assert differences(state(run.load(step)), state(other.load(step))) == []
    timeless = [
        [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in one.read_history()]
        for one in (run, other)
    ]
    assert timeless[0] == timeless[1]
    name = f"step-{step:08d}.png"
    assert (run.samples / name).read_bytes() == (other.samples / name).read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Run:
    return train_dcgan(tmp_path_factory.mktemp("runs") / "uninterrupted", pictures)


# -- what a run holds --------------------------------------------------------------------------------------------------


def test_a_run_holds_its_history_samples_and_configuration(uninterrupted: Run, pictures: Path) -> None:
    config, rows = uninterrupted.config, uninterrupted.read_history()
    assert [row["step"] for row in rows] == list(range(EVERY, STEPS + 1, EVERY))
    assert list(rows[0]) == ["step", "d_loss", "g_loss", "images_per_second", "seconds"]
    assert all(np.isfinite(list(row.values())).all() and row["images_per_second"] > 0 for row in rows)
    assert all(early["seconds"] < late["seconds"] for early, late in zip(rows, rows[1:], strict=False))
    assert config["gan"] == "dcgan" and config["recipe_key"] == "mnist_report" and config["every"] == EVERY
    assert config["recipe"]["model"]["width"] == 12 and config["recipe"]["steps"] == STEPS
    assert config["images"] == len(data.load(f"folder:{pictures}", image_shape=(28, 28, 1)))
    assert recipe_of(config).model["image_shape"] == (28, 28, 1)
    samples = sorted(p.name for p in uninterrupted.samples.iterdir())
    assert samples == [f"step-{step:08d}.png" for step in range(0, STEPS + 1, EVERY)]
    with Image.open(uninterrupted.samples / samples[-1]) as first:
        assert first.size == (10 * 30 + 2, 10 * 30 + 2)
    assert (uninterrupted.samples / samples[0]).read_bytes() != (uninterrupted.samples / samples[-1]).read_bytes()
    assert uninterrupted.steps() == [STEPS - 2 * EVERY, STEPS - EVERY, STEPS], "the last three checkpoints are kept"
    assert any((uninterrupted.path / "events").iterdir())
    assert not list(uninterrupted.path.rglob(".tmp-*"))


def test_the_history_is_the_mean_since_the_last_row(tmp_path: Path, pictures: Path) -> None:
    fine = train_gan(tmp_path / "fine", pictures, {"steps": 4}, every=1).read_history()
    coarse = train_gan(tmp_path / "coarse", pictures, {"steps": 4}, every=2).read_history()
    assert len(fine) == 4 and len(coarse) == 2
    for term in ("d_loss", "g_loss"):
        assert len({row[term] for row in fine}) == 4
        for i, row in enumerate(coarse):
            assert row[term] == pytest.approx((fine[2 * i][term] + fine[2 * i + 1][term]) / 2, rel=1e-4)


def test_without_a_terminal_lines_are_seldom(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_gan(tmp_path / "seldom", pictures, {"steps": 5}, every=1)
    lines = [line.split()[1] for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    assert lines == ["1/5", "5/5"]  # the first one, and the last one, less than ten seconds later
    monkeypatch.setattr("tfgans.training.callbacks.SELDOM", 0.0)
    train_gan(tmp_path / "often", pictures, {"steps": 3}, every=1)
    lines = [line.split()[1] for line in capsys.readouterr().err.splitlines() if line.startswith("step ")]
    assert lines == ["1/3", "2/3", "3/3"]


def test_an_existing_folder_is_refused_and_an_empty_one_taken(tmp_path: Path, pictures: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="exists and is not overwritten"):
        train_gan(tmp_path / "notes", pictures, {"steps": 1})
    assert [p.name for p in (tmp_path / "notes").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    run = train_gan(tmp_path / "empty", pictures, {"steps": 1})
    assert run.config["gan"] == "gan" and run.latest() == 1
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match="continue it with 'tfgans resume"):
        train_gan(run.path, pictures, {"steps": 1})
    with run.alone(), pytest.raises(UserError, match="another process is training"):
        resume(run.path)
    with pytest.raises(UserError, match="is finished"):
        resume(run.path)
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file()} == before


def test_a_conditional_model_takes_the_classes_of_the_data(tmp_path: Path, pictures: Path) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in pictures.rglob("*.png"):
        shutil.copy(path, flat / path.name)
    recipe = models.recipe("cgan")
    assert fit_classes("cgan", recipe, data.load(f"folder:{pictures}")).model["classes"] == 3
    with pytest.raises(UserError, match="needs labels"):
        fit_classes("cgan", recipe, data.load(f"folder:{flat}"))


# -- killed and continued ----------------------------------------------------------------------------------------------


def test_killed_again_and_again_it_reaches_the_same_bits(
    tmp_path: Path, pictures: Path, uninterrupted: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(tmp_path / "run")
    process = launch(command(run.path, pictures))
    when(run.path / "config.yaml", process)  # before the first step
    kill(process)
    reached = run.latest() or 0  # a step between two checkpoints is met by the kills of tests/test_toys.py
    assert reached < STEPS - 2 * EVERY

    process = launch(["resume", str(run.path)], HALF_WRITTEN)
    assert process.stdout is not None and process.stdout.readline() == "HALF\n"  # while a checkpoint is written
    kill(process)
    assert run.latest() == reached + EVERY
    assert len(list(run.checkpoints.glob(".tmp-*"))) == 1, "the half-written checkpoint"
    assert [row["step"] for row in run.read_history()][-1] == reached + 2 * EVERY, "a row ahead of its checkpoint"

    resume(run.path)
    same_results(run, uninterrupted, STEPS)
    assert not list(run.path.rglob(".tmp-*"))


def test_a_run_stopped_within_a_row_of_the_history_goes_on_in_it(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_gan(tmp_path / "whole", pictures, {"steps": 6}, every=3)
    ends = Recorder.on_train_batch_end

    def stopping(recorder: Recorder, batch: int, logs: Any = None) -> None:
        recorder.interrupted = recorder.step == 4  # Ctrl-C during step 5, two steps after the first row
        ends(recorder, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", stopping)
        with pytest.raises(KeyboardInterrupt):
            train_gan(tmp_path / "stopped", pictures, {"steps": 6}, every=3)
    stopped = Run(tmp_path / "stopped")
    assert stopped.latest() == 5
    resume(stopped.path)
    same_results(stopped, whole, 6)


def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    tmp_path: Path, uninterrupted: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(uninterrupted.path, tmp_path / "run")
    run = Run(tmp_path / "run")
    newest = run.checkpoint(STEPS)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    assert run.latest() == STEPS - EVERY
    resume(run.path)
    assert f"skipped a damaged checkpoint: {newest}.damaged" in capsys.readouterr().err
    assert (run.checkpoints / f"{newest.name}.damaged").exists()
    assert run.steps() == [STEPS - 2 * EVERY, STEPS - EVERY, STEPS]
    same_results(run, uninterrupted, STEPS)


@pytest.mark.parametrize("damage", ["empty", "cut", "zeros", "one bit", "header", "directory", "other zip"])
def test_damage_is_noticed(tmp_path: Path, uninterrupted: Run, damage: str) -> None:
    shutil.copytree(uninterrupted.checkpoints, tmp_path / "checkpoints")
    run = Run(tmp_path)
    path = run.checkpoint(STEPS)
    content = bytearray(path.read_bytes())
    if damage == "empty":
        content = bytearray()
    elif damage == "cut":
        content = content[:-1]
    elif damage == "zeros":
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    elif damage == "one bit":
        content[len(content) // 2] ^= 16
    elif damage == "header":
        content[:4] = b"none"
    elif damage == "directory":
        content[content.rindex(b"PK\x01\x02") + 10] ^= 0xFF  # the compression method
    else:
        content = bytearray(b"PK\x05\x06" + bytes(18))  # whole, and nothing in it
    path.write_bytes(content)
    assert run.latest() == STEPS - EVERY


def test_ctrl_c_saves_and_says_how_to_resume(
    tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, ends = Run(tmp_path / "run"), Recorder.on_train_batch_end

    def pressed(recorder: Recorder, batch: int, logs: Any = None) -> None:
        if recorder.step == EVERY + 1:  # at the end of step EVERY + 2
            os.kill(os.getpid(), signal.SIGINT)
        ends(recorder, batch, logs)

    settings = [f"--set={key}={value}" for key, value in {**GAN, "steps": 100_000}.items()]
    options = f"--precision float32 --jit off --every {EVERY}".split()
    arguments = ["train", "gan", *options, *settings, "--dataset", f"folder:{pictures}", "--run", str(run.path)]
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", pressed)
        assert call(arguments, patch) == 130
    error = capsys.readouterr().err
    step = run.latest()
    assert step == EVERY + 2
    assert f"stopped and saved at step {step}; continue with: tfgans resume {run.path}" in error
    assert "Traceback" not in error
    straight = train_gan(tmp_path / "straight", pictures, {"steps": step})
    assert differences(state(run.load(step)), state(straight.load(step))) == []


def test_the_rates_fall_to_zero_over_the_end_of_the_run(uninterrupted: Run) -> None:
    for step in uninterrupted.steps():  # whose checkpoint has the rate of the step that comes next
        left = (STEPS - step) / (STEPS * DCGAN["decay"])
        model = uninterrupted.load(step)
        assert left < 1
        assert float(model.g_optimizer.learning_rate) == pytest.approx(1e-4 * left, rel=1e-5)
        assert float(model.d_optimizer.learning_rate) == pytest.approx(5e-5 * left, rel=1e-5)


def test_resume_wants_the_same_images(tmp_path: Path, pictures: Path) -> None:
    shutil.copytree(pictures, tmp_path / "pictures")
    run = train_gan(tmp_path / "run", tmp_path / "pictures", {"steps": 1})
    run.update_config(recipe={**run.config["recipe"], "steps": 2})
    for path in sorted((tmp_path / "pictures").rglob("*.png"))[:20]:
        path.unlink()
    with pytest.raises(UserError, match="the run began with"):
        resume(run.path)


def test_a_run_of_the_older_format_is_not_resumed(tmp_path: Path, uninterrupted: Run) -> None:
    shutil.copytree(uninterrupted.path, tmp_path / "run")
    run = Run(tmp_path / "run")
    assert run.config["format"] == 2
    write_yaml(run.path / "config.yaml", {key: value for key, value in run.config.items() if key != "format"})
    run.checkpoint(STEPS).unlink()
    with pytest.raises(UserError, match="made by an older version, .* evaluate or export it") as error:
        resume(run.path)
    assert "\n" not in str(error.value)


# -- losses that are no numbers ----------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, pictures: Path) -> None:
    with pytest.raises(Diverged) as error:
        train_gan(tmp_path / "run", pictures, {"steps": 50, "g_optimizer.learning_rate": 1e20}, every=1)
    run = Run(tmp_path / "run")
    good = run.latest()
    assert good is not None
    assert str(error.value).startswith("d_loss became")
    assert f"at step {good + 1}; the last good checkpoint: {run.checkpoint(good)}" in str(error.value)
    assert all(np.isfinite(value).all() for value in state(run.load(good)).values())
    assert [row["step"] for row in run.read_history()] == list(range(1, good + 1))


def test_an_infinite_second_moment_stops_the_run() -> None:
    """Its weight would never move again, and stay finite."""
    model = tiny_model("gan", "mnist")
    recorder = Recorder.__new__(Recorder)
    recorder._model, told = model, []
    recorder._diverged = told.append  # type: ignore[method-assign]
    recorder._check_weights()
    assert told == []
    slot = model.d_optimizer._velocities[0]
    slot.assign(np.full(slot.shape, np.inf))
    recorder._check_weights()
    assert len(told) == 1 and told[0].endswith("no longer finite after the update of d_optimizer")


def test_weights_that_are_not_finite_are_never_a_checkpoint(tmp_path: Path, pictures: Path) -> None:
    """The loss of the first step is finite: it was computed before the update that spoiled the weights."""
    with pytest.raises(Diverged, match="no longer finite .* of g_optimizer at step 1; .* none was written"):
        train_gan(tmp_path / "run", pictures, {"steps": 50, "g_optimizer.learning_rate": float("inf")}, every=1)
    assert Run(tmp_path / "run").steps() == []


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, arguments, folder",
    [
        ("dcgan", {}, "dcgan-mnist-s0"),
        ("unrolled", {"recipe_key": "gaussians8_plain", "seed": 3}, "unrolled-gaussians8_plain-s3"),
        ("gan", {"dataset": "mnist5k"}, "gan-mnist5k-s0"),
        ("cdcgan", {"dataset": "mnist"}, "cdcgan-mnist-s0"),
        ("gan", {"settings": {"dataset": "folder:my/pictures"}}, "gan-folder-my-pictures-s0"),
        ("dcgan", {"recipe_key": "mnist_report", "dataset": "mnist5k"}, "dcgan-mnist_report-mnist5k-s0"),
    ],
)
def test_a_run_is_named_after_what_it_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any], folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfgans.training.train.native_shape", lambda *_: (28, 28, 1))
    (tmp_path / "runs" / folder).mkdir(parents=True)
    (tmp_path / "runs" / folder / "note.txt").write_text("mine")
    with pytest.raises(UserError, match=f"{folder} exists and is not overwritten"):
        train(name, **arguments)
