"""Several devices and machines: the losses of one device, and the same weights after a kill."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny import differences, state

from tfgans import data, models
from tfgans.data.pipeline import Part
from tfgans.errors import UserError
from tfgans.run import Run
from tfgans.training import strategy
from tfgans.training.train import train

DEADLINE = 300  # seconds, of machines that are busy with other things
STEPS, EVERY = 50, 5
GAN = {"image_shape": [28, 28, 1], "generator_width": 12, "discriminator_width": 12, "batch_size": 8, "steps": STEPS}
QUIET = {**GAN, "dropout": 0.0}  # masks differ between devices

# losses that are not means over examples: see docs/SCALE.md
DIFFERENT = {"unrolled", "discogan", "draw", "context_encoder", "unet_gan"}


def arguments(run_dir: Path, pictures: Path, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Arguments of `train`, but for the name."""
    plain = dict(dataset=f"folder:{pictures}", precision="float32", jit="off", every=EVERY, run_dir=str(run_dir))
    return {**plain, "settings": settings, **more}


def on_two_devices(*given: str) -> str:
    """The output of tests/two_devices.py."""
    script = Path(__file__).parents[1] / "two_devices.py"
    done = subprocess.run([sys.executable, script, *given], capture_output=True, text=True, timeout=3 * DEADLINE)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def same_curve(run: Run, other: Run) -> None:
    """The losses are equal to 1e-5 from the first row to the last."""
    rows, others = run.read_history(), other.read_history()
    assert len(rows) == len(others) == STEPS // EVERY
    for row, its in zip(rows, others, strict=True):
        for term in row.keys() - {"seconds", "images_per_second"}:
            assert its[term] == pytest.approx(row[term], abs=1e-5), (row["step"], term)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Run:
    run = train("gan", **arguments(tmp_path_factory.mktemp("alone") / "run", pictures, QUIET))
    assert run is not None
    return run


# -- shares and settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", [None, 2])
@pytest.mark.parametrize("flip", [False, True])
def test_the_shares_of_all_replicas_are_the_batch(pictures: Path, group: int | None, flip: bool) -> None:
    source = data.load(f"folder:{pictures}", image_shape=(28, 28, 1))
    options: dict[str, Any] = dict(seed=3, start=5, steps=3, group=group, flip=flip)
    if flip:  # one example at a time
        options |= dict(image_shape=(20, 20, 1), crop="random")

    def images(part: Part) -> list[np.ndarray]:
        return [batch["image"].numpy() for batch in data.batches(source, 12, part=part, **options)]

    whole, axis = images(Part()), 0 if group is None else 1
    one, two, three = (images(Part(first, 1, 3)) for first in range(3))
    for batch, *shares in zip(whole, one, two, three, strict=True):
        np.testing.assert_array_equal(batch, np.concatenate(shares, axis))
    in_turn = [share for shares in zip(two, three, strict=True) for share in shares]
    for share, its in zip(in_turn, images(Part(1, 2, 3)), strict=True):  # of a process with two of the replicas
        np.testing.assert_array_equal(share, its)


def test_what_several_devices_cannot_train_alike_is_refused() -> None:
    several: Any = SimpleNamespace(num_replicas_in_sync=3)
    recipe = models.recipe("draw")
    with pytest.raises(UserError, match="a multiple of 3"):
        strategy.check(several, recipe.override({"batch_size": 64}), "float32")
    with pytest.raises(UserError, match="mixed_bfloat16"):
        strategy.check(several, recipe.override({"batch_size": 63}), "mixed_float16")
    with pytest.raises(UserError, match="draw_optimizer.global_clipnorm"):
        strategy.check(several, recipe.override({"batch_size": 63}), "float32")
    strategy.check(several, models.recipe("dcgan").override({"batch_size": 63}), "mixed_bfloat16")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}']
)
def test_a_bad_cluster_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match="TF_CONFIG must be JSON"):
        strategy.begin("multiworker")


def test_the_step_is_traced_again_when_a_stage_ends() -> None:
    traced: list[int] = []
    model: Any = SimpleNamespace(stages=(("one", 2), ("two", 3), ("three", None)), steps_done=tf.Variable(0))
    model.make_train_function = lambda force: traced.append(int(model.steps_done)) if force else None
    callback = strategy.Stages()
    callback.set_model(model)
    for step in range(8):
        model.steps_done.assign_add(1)
        callback.on_train_batch_end(step)
    assert traced == [2, 5]


# -- one machine -------------------------------------------------------------------------------------------------------


def test_two_devices_give_the_losses_of_one(alone: Run, tmp_path: Path, pictures: Path) -> None:
    given = {"name": "gan", **arguments(tmp_path / "two", pictures, QUIET, strategy="mirrored")}
    on_two_devices("train", json.dumps(given))
    two = Run(tmp_path / "two")
    assert two.config["strategy"] == "mirrored"
    same_curve(alone, two)


@pytest.mark.slow
def test_two_devices_give_the_losses_of_one_with_batch_normalization(tmp_path: Path, pictures: Path) -> None:
    settings = {"image_shape": [28, 28, 1], "width": 12, "batch_size": 8, "steps": STEPS}
    run = train("dcgan", **arguments(tmp_path / "one", pictures, settings))
    given = {"name": "dcgan", **arguments(tmp_path / "two", pictures, settings, strategy="mirrored")}
    on_two_devices("train", json.dumps(given))
    assert run is not None
    same_curve(run, Run(tmp_path / "two"))
    one, two = (state(each.load(STEPS)) for each in (run, Run(tmp_path / "two")))
    for (name, mean), its in zip(one.items(), two.values(), strict=True):
        if "moving" in name:
            np.testing.assert_allclose(its, mean, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_every_gan_has_the_losses_of_one_device() -> None:
    found = json.loads(on_two_devices("logs", *models.MODELS).splitlines()[-1])
    for name, (one, two) in found.items():
        if name not in DIFFERENT:
            assert two == pytest.approx(one, rel=1e-3, abs=1e-4), name
        assert all(np.isfinite(list(two.values()))), name


# -- two workers on one machine ----------------------------------------------------------------------------------------


def launch(*command: str) -> list[subprocess.Popen]:
    """`tfgans COMMAND` in two workers."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    workers = []
    for index in range(2):
        task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        workers.append(
            subprocess.Popen(
                [sys.executable, "-m", "tfgans", *command],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "TF_CONFIG": json.dumps(task)},
            )
        )
    return workers


def finish(workers: list[subprocess.Popen]) -> None:
    try:
        for worker in workers:
            _, errors = worker.communicate(timeout=3 * DEADLINE)
            assert worker.returncode == 0, errors[-3000:]
    finally:
        for worker in workers:
            worker.kill()


def command(run: Path, pictures: Path, settings: dict[str, Any], every: int = EVERY) -> list[str]:
    options = f"--precision float32 --jit off --every {every} --strategy multiworker".split()
    given = [f"--set={key}={value}" for key, value in settings.items()]
    return ["train", "gan", "--dataset", f"folder:{pictures}", "--run", str(run), *options, *given]


@pytest.mark.slow
def test_two_workers_give_the_losses_of_one(alone: Run, tmp_path: Path, pictures: Path) -> None:
    finish(launch(*command(tmp_path / "two", pictures, QUIET)))
    two = Run(tmp_path / "two")
    same_curve(alone, two)
    assert (two.path / "report.html").is_file()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["two"], "a worker wrote something else"


@pytest.mark.slow
def test_workers_go_on_after_a_kill_to_the_same_weights(tmp_path: Path, pictures: Path) -> None:
    whole, cut = Run(tmp_path / "whole"), Run(tmp_path / "cut")
    finish(launch(*command(whole.path, pictures, GAN)))  # with dropout, whose state counts too
    workers = launch(*command(cut.path, pictures, GAN, every=1))  # whose checkpoints leave time for the kill
    deadline = time.monotonic() + DEADLINE
    try:
        while not cut.checkpoint(3).exists():
            assert workers[0].poll() is None, workers[0].communicate()[1][-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.002)
        workers[1].kill()
        assert workers[1].wait() == -signal.SIGKILL
        assert workers[0].wait(DEADLINE) != 0, "the first worker ended as if nothing had happened"
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    assert 0 < (cut.latest() or 0) < STEPS
    finish(launch("resume", str(cut.path)))
    assert differences(state(whole.load(STEPS)), state(cut.load(STEPS))) == []
