"""Bad input at the command line: exit code 2, one line, nothing touched."""

import errno
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tfgans import cli


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of `tfgans ARGUMENTS`, in this process."""
    monkeypatch.setattr(sys, "argv", ["tfgans", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a run, a model that is none, a picture and an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/old").mkdir(parents=True)
    recipe = dict(dataset="mnist5k", model={}, optimizers={}, batch_size=4, steps=8)
    config = dict(gan="dcgan", recipe_key="mnist", recipe=recipe, seed=0)
    (tmp_path / "runs/old/config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "runs/damaged").mkdir()
    (tmp_path / "runs/damaged/config.yaml").write_text("{gan: dcgan")
    (tmp_path / "runs/strange").mkdir()
    (tmp_path / "runs/strange/config.yaml").write_text("- a\n- b\n")
    (tmp_path / "runs/hollow").mkdir()
    (tmp_path / "runs/hollow/config.yaml").write_text(yaml.safe_dump({**config, "recipe": {}}))
    (tmp_path / "kept.png").write_bytes(b"a picture")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/thesis.txt").write_text("years of work")
    (tmp_path / "empty").mkdir()
    return tmp_path


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


BAD = [
    ("train dcgn", "did you mean 'dcgan'"),
    ("train vae", "there is no GAN 'vae'; there are: gan"),
    ("train dcgan --recipe mnst", "'dcgan' has no recipe 'mnst'; there are: mnist"),
    ("train dcgan --set widht=8", "did you mean 'width'"),
    ("train dcgan --set width", "--set takes key=value"),
    ("train dcgan --set width=0", "'width' must be at least 1"),
    ("train dcgan --set image_shape=[29,29,1] --dataset mnist5k --precision float32 --jit off", "29x29"),
    (
        "train dcgan --set dropout=2 --dataset mnist5k --precision float32 --jit off",
        "cannot be built with these settings",
    ),
    ("train dcgan --set image_shape=[7,7,1]", "dcgan cannot be built for images of 7x7; sizes that work: 8x8, 12x12"),
    ("train cdcgan --dataset folder:nowhere --set image_shape=[5,28,1]", "for images of 5x28; sizes that work: 8x8"),
    ("train gan --set image_shape=[0,28,1]", "must be at least 1, not 0; use sides such as 28, 32"),
    ("train gan --set image_shape=[28,-28,1]", "must be at least 1, not -28; use sides such as 28"),
    ("train wgan --set image_shape=[28,28,2]", "1 or 3 channels"),
    ("train draw --set image_shape=[1,1,1]", "draw cannot be built for images of 1x1; sizes that work: 4x4"),
    ("train gan --set image_shape=[90000,90000,3]", "images of 90000x90000 takes 9,052.5 GB of memory"),
    ("train dcgan --steps 0", "'steps' must be at least 1"),
    ("train dcgan --batch-size -3", "'batch_size' must be at least 1"),
    ("train dcgan --every 0", "--every must be at least 1"),
    ("train dcgan --set d_optimizer.learning_rate=-1e-4", "'d_optimizer.learning_rate' must be above 0"),
    ("train srgan --dataset folder:nowhere --set content=none", "give its path as folder:PATH"),
    ("train dcgan --seed -1", "--seed takes 0 to"),
    ("train dcgan --precision float8", "--precision takes float32"),
    ("train dcgan --jit maybe", "--jit takes on, off or auto"),
    ("train dcgan --strategy mirror", "--strategy takes none, mirrored, multiworker, not 'mirror'"),
    ("train dcgan --strategy multiworker", "set TF_CONFIG in each process"),
    ("train dcgan --strategy mirrored --minutes 1", "--strategy is not for --minutes; choose --steps"),
    ("train dcgan --strategy mirrored --jit on", "--strategy is not for --jit on"),
    ("train dcgan --dataset folder:nowhere", "nowhere"),
    ("train dcgan --dataset folder:empty", "empty"),
    ("train dcgan --dataset mnist5", "mnist5k"),
    ("train dcgan --run runs/old", "continue it with 'tfgans resume runs/old'"),
    ("train dcgan --run notes", "notes exists and is not overwritten"),
    ("train dcgan --run kept.png", "kept.png exists and is not overwritten"),
    ("train dcgan --dataset mnist5k --run kept.png/run --precision float32 --jit off", "kept.png/run"),
    ("resume runs/nothing", "runs/nothing is not a run folder"),
    ("resume runs/old --strategy multiworker", "set TF_CONFIG in each process"),
    ("resume notes", "notes is not a run folder"),
    ("resume runs/damaged", "runs/damaged/config.yaml is damaged"),
    ("resume runs/strange", "runs/strange/config.yaml is damaged"),
    ("resume runs/hollow", "runs/hollow/config.yaml is damaged"),
    ("export runs/nothing", "is not a run folder"),
    ("export runs/old", "no checkpoint yet"),
    ("export runs/old --blend nomodel", "--blend and --alpha must be given together"),
    ("export runs/old --blend nomodel --alpha 0.5", "a blend needs an output folder: -o FOLDER"),
    ("export runs/old --blend nomodel --alpha 2 -o new", "--alpha must be from 0 (only the other model) to 1"),
    ("export nomodel --format onnx", "there is no SavedModel at nomodel"),
    ("export nomodel --format coreml", "choose savedmodel, onnx or litert"),
    ("export nomodel --blend runs/old --alpha 0.5 -o new", "there is no SavedModel at nomodel"),
    ("generate nomodel", "there is no SavedModel at nomodel"),
    ("generate nomodel -o kept.png", "kept.png exists"),
    ("generate nomodel -o notes", "notes exists"),
    ("generate nomodel -o notes/thesis.txt --force", "is a file"),
    ("generate nomodel -n -1", "-n must be positive"),
    ("fill nomodel kept.png", "there is no SavedModel at nomodel"),
    ("fill unrolled-gaussians8 kept.png", "no endpoint 'fill'; use tfgans generate"),
    ("fill nomodel kept.png --mask nowhere.png", "nowhere.png: there is no such file"),
    ("translate unrolled-gaussians8 kept.png", "no endpoint 'translate'; use tfgans generate"),
    ("restore acgan-mnist kept.png", "no endpoint 'restore'; use tfgans generate"),
    ("evaluate", "give a run or a SavedModel"),
    ("evaluate --real notes", "--real and --fake must be given together"),
    (
        "evaluate --real notes --fake empty -n 20",
        "leave out runs, --card, --add, --update, --test, --degradation and -n",
    ),
    ("evaluate nomodel", "there is no SavedModel at nomodel"),
    ("evaluate notes", "notes is not a run folder"),
    ("evaluate unrolled-gaussians8 wgan-mnist", "measure it alone and without --card"),
    ("evaluate unrolled-gaussians8 --card new", "without --card, which takes runs"),
    ("evaluate unrolled-gaussians8 --test folder:empty", "not a restoration; leave --test out"),
    ("evaluate unrolled-gaussians8 --degradation gray", "not a restoration; leave --degradation out"),
    ("generate unrolled-gaussians8 -o kept.png/x.png", "kept.png cannot be used (File exists); choose another place"),
    ("generate acgan-mnist --labels cat", "labels are numbers and ranges such as 0-9 or 3,1,4; 'cat' is not"),
    ("generate unrolled-gaussians8 --code 1", "has no latent codes"),
    ("generate acgan-mnist --code 1", "has no latent codes"),
    ("generate acgan-mnist --labels 0-99999999999", "this model has the labels 0-9"),
]


@pytest.mark.parametrize("line, says", BAD, ids=[line for line, _ in BAD])
def test_bad_input_is_one_line(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, says: str
) -> None:
    before = snapshot(place)
    assert call(line.split(), monkeypatch) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("tfgans: ") and says in error
    assert "\n" not in error, "more than one line"
    assert snapshot(place) == before


def test_a_full_disk_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "runs/a/history.csv")

    monkeypatch.setattr(cli, "app", full)
    assert call([], monkeypatch) == 2
    assert capsys.readouterr().err == "tfgans: runs/a/history.csv cannot be written: No space left on device\n"

    def absent() -> None:
        raise OSError(errno.ENOENT, "No such file or directory", "ours")

    monkeypatch.setattr(cli, "app", absent)
    with pytest.raises(FileNotFoundError):  # not the user's fault: a traceback
        call([], monkeypatch)


def test_list_tells_of_models_without_a_card_and_with_a_broken_one(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("fresh", "broken"):
        (place / "saved_models" / name).mkdir(parents=True)
        (place / "saved_models" / name / "saved_model.pb").write_bytes(b"")
    (place / "saved_models/broken/card.json").write_text("{")
    assert call(["list"], monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    others = [line for line in lines if line.startswith("other: ")]
    assert others[0].startswith("other: broken (saved_models/broken/card.json is not readable JSON")
    assert others[1].startswith("other: fresh (not measured yet")
    row = r"acgan-mnist +generates images of given labels +mnist +Fréchet distance 3\.2\d* +generate"
    assert any(re.fullmatch(row, line) for line in lines)
    assert any(re.match(r"unet_gan-inpaint-scenes +fills holes in pictures +scenes .* fill$", line) for line in lines)


def test_an_unknown_option_exits_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["train", "dcgan", "--stepz", "3"], monkeypatch) == 2
    assert "--stepz" in capsys.readouterr().err


def test_list_names_every_gan_and_recipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from tfgans import models

    assert call(["list"], monkeypatch) == 0
    printed = capsys.readouterr().out
    for name, (_, _, paper) in models.MODELS.items():
        assert name in printed and paper in printed
        assert all(key in printed for key in models.recipes(name))


def test_list_starts_at_once() -> None:
    code = "import sys; from tfgans import cli; sys.argv = ['tfgans', 'list']; cli.app(standalone_mode=False)"
    code += "; print(*sys.modules)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "mnist_report" in made.stdout and "tensorflow" not in made.stdout.split()
