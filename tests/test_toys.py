"""Two toy GANs, each a Python file and a .yaml, from a folder of images to a card and a table, with the command line.

Nothing in tfgans/ knows of them: they show that a new GAN, and another kind of data, need no other file.
"""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import another_seed, differences, state

from tfgans import cli, models
from tfgans.card import read_card
from tfgans.data.domains import load_domains
from tfgans.evaluation.evaluate import evaluate
from tfgans.inference.exported import Exported
from tfgans.reports.tables import results_table
from tfgans.run import Run
from tfgans.tasks.translation import one

TOYS = Path(__file__).with_name("toys")
DEADLINE = 300  # seconds, of machines that are busy with other things
STEPS, EVERY = 16, 4


def picture(rng: np.random.Generator, side: int = 40) -> Image.Image:
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return coarse.resize((side, side), Image.Resampling.BICUBIC)


def negative(image: Image.Image) -> Image.Image:
    return Image.fromarray(255 - np.asarray(image))


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Side by side: a picture on the left, its negative on the right."""
    folder, rng = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 20)):
        (folder / split).mkdir()
        for i in range(count):
            left, both = picture(rng), Image.new("RGB", (80, 40))
            both.paste(left, (0, 0))
            both.paste(negative(left), (40, 0))
            both.save(folder / split / f"{i:02d}.png")
    return folder


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """trainA, trainB, testA, testB: negatives of other pictures in training, of the same ones in the test."""
    folder, rng = tmp_path_factory.mktemp("sides"), np.random.default_rng(1)
    for split, count in (("train", 24), ("test", 20)):
        for side in "AB":
            (folder / f"{split}{side}").mkdir()
        for i in range(count):
            one = picture(rng)
            one.save(folder / f"{split}A" / f"{i:02d}.png")
            negative(one if split == "test" else picture(rng)).save(folder / f"{split}B" / f"{i:02d}.png")
    return folder


def tfgans(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """The exit code of the command, in this process."""
    monkeypatch.setattr(sys, "argv", ["tfgans", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def trained(toy: str, dataset: str, run: Path) -> list[str]:
    options = f"--steps {STEPS} --every {EVERY} --precision float32 --jit off".split()
    return ["train", str(TOYS / f"{toy}.py"), "--dataset", dataset, "--run", str(run), *options]


def killed(toy: str, dataset: str, run: Run) -> None:
    """A training in a process of its own, killed behind its first checkpoint."""
    command = [sys.executable, "-m", "tfgans", *trained(toy, dataset, run.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + DEADLINE
    while not run.checkpoint(EVERY).exists():
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < deadline
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "toy, of, task", [("paired", "pairs", "paired_translation"), ("two_way", "sides", "unpaired_translation")]
)
def test_a_toy_goes_from_a_folder_to_the_table(
    toy: str,
    of: str,
    task: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = request.getfixturevalue(of)
    monkeypatch.chdir(tmp_path)
    dataset = f"{'pairs' if of == 'pairs' else 'domains'}:{folder}"
    whole, cut = Run(tmp_path / "whole"), Run(tmp_path / "cut")
    assert tfgans(monkeypatch, *trained(toy, dataset, whole.path)) == 0
    killed(toy, dataset, cut)
    assert tfgans(monkeypatch, "resume", cut.path) == 0
    models.module(str(TOYS / f"{toy}.py"))
    assert differences(state(whole.load(STEPS)), state(cut.load(STEPS))) == []
    name = f"step-{STEPS:08d}.png"
    assert (whole.samples / name).read_bytes() == (cut.samples / name).read_bytes()
    assert whole.config["task"] == task and whole.config["gan"] == str(TOYS / f"{toy}.py")

    # measured, with a second seed, onto a card
    other = another_seed(whole, tmp_path / "other", 1)
    saved = tmp_path / "saved_models" / f"{toy}-negatives"
    evaluate([whole.path, other.path], card=saved)
    card = read_card(saved)
    assert card is not None and card.task == task and card.gan == toy and card.training_seeds == [0, 1]
    assert (saved / "samples.png").stat().st_size > 0
    assert f"[{saved.name}]" in results_table()

    # exported: TensorFlow alone, the numbers on the card
    exported = Exported(saved)
    assert exported.task == task
    test = load_domains(dataset, "test", image_shape=(32, 32, 3))
    assert test.aligned
    model = tf.saved_model.load(str(saved))
    if toy == "paired":
        source, target = (one(test, role).images.astype(np.float32) / 255 for role in ("source", "target"))
        made = model.translate(source, tf.constant(0)).numpy()
        found = card.values("l1", test=card.measurements[0].test)[0]
    else:
        source, target = (one(test, role).images.astype(np.float32) / 255 for role in ("a", "b"))
        made = model.a_to_b(source).numpy()
        found = card.values("l1", direction="a_to_b")[0]
    assert found == pytest.approx(np.abs(made - target).mean(), abs=2e-3)
    again = evaluate([saved])
    assert any(row.measure == "l1" and row.values[0] == pytest.approx(found, abs=1e-4) for row in again.rows)

    # the command line, on a picture whose sides no layer likes
    picture(np.random.default_rng(5), 50).resize((51, 37)).save(tmp_path / "odd.png")
    options = ["--to", Exported(saved).declaration["domains"][0]] if toy == "two_way" else []
    assert tfgans(monkeypatch, "translate", saved, "odd.png", "-o", "out", *options) == 0
    with Image.open(tmp_path / "out" / "odd.png") as made_picture:
        assert made_picture.size == (51, 37)
    assert tfgans(monkeypatch, "restore", saved, "odd.png", "-o", "none") == 2
    assert "translate" in capsys.readouterr().err


def test_bad_pairs_stop_before_training(
    pairs: Path,
    sides: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torn = shutil.copytree(pairs, tmp_path / "torn")
    Image.new("RGB", (50, 40)).save(torn / "train" / "03.png")
    assert tfgans(monkeypatch, *trained("paired", f"pairs:{torn}", tmp_path / "run")) == 2
    assert "03.png" in capsys.readouterr().err
    empty = shutil.copytree(sides, tmp_path / "empty")
    shutil.rmtree(empty / "trainB")
    (empty / "trainB").mkdir()
    assert tfgans(monkeypatch, *trained("two_way", f"domains:{empty}", tmp_path / "run")) == 2
    assert "the set 'B' has no images" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
