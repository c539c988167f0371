"""What a run stands on: absolute paths, the same images, the same classes."""

import dataclasses
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfgans import data, models
from tfgans.data import fingerprint as prints
from tfgans.data.load import absolute
from tfgans.errors import UserError
from tfgans.evaluation.card_builder import facts
from tfgans.files import write_yaml
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.recipe import Recipe
from tfgans.reports.run_page import write_report
from tfgans.run import Run
from tfgans.training import provenance
from tfgans.training.train import resume, train

SMALL = {"image_shape": [8, 8, 1], "generator_width": 16, "discriminator_width": 16, "batch_size": 4, "steps": 1}


def noise(folder: Path, classes: list[str], each: int = 12) -> Path:
    """A folder of class folders with images of noise."""
    rng = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(each):
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(folder / name / f"{i}.png")
    return folder


def begun(name: str, dataset: str, **more: Any) -> Run:
    """A run of one step that is said to have two."""
    run = train(name, settings=dict(SMALL), dataset=dataset, precision="float32", jit="off", **more)
    assert run is not None
    run.update_config(recipe={**run.config["recipe"], "steps": 2})
    return run


def test_classes_are_in_natural_order_and_named_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [str(i) for i in range(1, 12)]
    monkeypatch.chdir(tmp_path)
    source = data.load(f"folder:{noise(tmp_path / 'digits', names, 4)}", "all", image_shape=(8, 8, 1))
    assert source.class_names == tuple(names)
    assert source.labels is not None
    assert [names[k] for k in source.labels] == [name.split("/")[0] for name in source.names]
    noise(tmp_path / "pets", ["dogs", "cats"])
    run = begun("cgan", "folder:pets")
    assert run.config["class_names"] == ["cats", "dogs"]
    assert "0 cats, 1 dogs" in write_report(run.path).read_text()
    card = facts([run])
    assert card.class_names == ["cats", "dogs"] and card.dataset == "folder:pets" == card.settings["dataset"]
    assert Exported(export_run(run.path, tmp_path / "model")).class_names == ["cats", "dogs"]


def test_a_run_goes_on_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere/pets").mkdir(parents=True)
    pets = noise(tmp_path / "pets", ["cats", "dogs"])
    monkeypatch.chdir(tmp_path)
    run = begun("gan", "folder:pets", run_dir="run", data_dir="tfds")
    assert run.config["recipe"]["dataset"] == f"folder:{pets}" and run.config["typed"] == {"dataset": "folder:pets"}
    assert run.config["data_dir"] == str(tmp_path / "tfds")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resume("../run").latest() == 2


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda pets: Image.new("L", (8, 8)).save(pets / "cats/3.png"), r"1 changed \(cats/3.png\)"),
        (lambda pets: (pets / "dogs/3.png").rename(pets / "dogs/three.png"), r"1 added \(.*\), 1 removed \(dogs/3.png"),
        (
            lambda pets: [(pets / f"cats/{i}.png").unlink() for i in range(4)],
            r"removed \(cats/.*\.\.\.\); restore them",
        ),
        (lambda pets: shutil.move(pets, pets.with_name("gone")), "no longer exists; write its new path into"),
    ],
)
def test_resume_refuses_other_images_and_names_them(tmp_path: Path, change: Any, says: str) -> None:
    pets = noise(tmp_path / "pets", ["cats", "dogs"])
    files = {f"{kind}/{i}.png" for kind in ("cats", "dogs") for i in range(12)}
    held_out = {name for name in files if data.folder.held_out(Path(name))}
    assert not held_out & {"cats/3.png", "dogs/3.png", "cats/0.png", "cats/1.png", "cats/2.png"}
    run = begun("gan", f"folder:{pets}", run_dir=tmp_path / "run")
    change(pets)
    with pytest.raises(UserError, match=says) as error:
        resume(run.path)
    assert "\n" not in str(error.value) and run.latest() == 1


def test_a_run_of_before_keeps_its_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Older versions sorted 1, 10, 2 and kept no fingerprint."""
    names = ["1", "2", "10"]
    folder = f"folder:{noise(tmp_path / 'digits', names)}"
    run = begun("cgan", folder, run_dir=tmp_path / "run")
    recipe = provenance.located(models.recipe("cgan"))[0]
    source = data.load(folder, image_shape=(8, 8, 1))
    assert source.labels is not None and provenance.same_source(run, recipe, source) is source
    config = {key: value for key, value in run.config.items() if key != "fingerprint"}
    write_yaml(run.path / "config.yaml", {**config, "class_names": ["1", "10", "2"]})
    old = provenance.same_source(run, recipe, source)
    assert old.class_names == ("1", "10", "2")
    assert [old.class_names[k] for k in old.labels] == [names[k] for k in source.labels]
    assert "older version" in capsys.readouterr().err
    write_yaml(run.path / "config.yaml", {**config, "class_names": ["1", "2", "3"]})
    with pytest.raises(UserError, match="now has the classes 1, 2, 10, the run has 1, 2, 3"):
        provenance.same_source(run, recipe, source)
    write_yaml(run.path / "config.yaml", {**config, "images": 99})
    with pytest.raises(UserError, match="the run began with 99"):
        provenance.same_source(run, recipe, source)


def test_fingerprints(tmp_path: Path) -> None:
    pets = noise(tmp_path / "pets", ["cats", "dogs"])
    found = prints.fingerprint(data.load(f"folder:{pets}", "all"))
    assert len(found) == 24 and found["cats/0.png"][0] == (pets / "cats/0.png").stat().st_size
    (tmp_path / "x.json").write_text(prints.to_text({**found, "\udcff \n.png": [1, "a"]}))
    assert prints.from_file(tmp_path / "x.json") == {**found, "\udcff \n.png": [1, "a"]}
    small = data.load(f"folder:{pets}", "all", limit=2, image_shape=(4, 4, 1))
    assert prints.fingerprint(small.subset(np.array([1]))) == {"dogs/0.png": found["dogs/0.png"]}
    digits = data.load("mnist5k", limit=20)
    whole = prints.fingerprint(digits)
    assert list(whole) == ["mnist5k"] and whole["mnist5k"][0] == 20
    other = prints.fingerprint(dataclasses.replace(digits, labels=digits.labels[::-1].copy()))
    assert prints.differences(whole, other) == "1 changed (mnist5k)" and prints.digest(whole) != prints.digest(other)
    pair = data.load_domains(f"domains:{pets}", roles={"a": "cats", "b": "dogs"}, image_shape=(8, 8, 1), minimum=1)
    assert set(prints.fingerprint(pair)) < set(found)
    two = data.load_domains(f"domains:mnist5k,folder:{pets}", image_shape=(8, 8, 1), limit=3)
    names = set(prints.fingerprint(two))
    assert (
        "mnist5k/mnist5k" in names and len(names) == 4 and {name.split("/")[0] for name in names} == {"mnist5k", "pets"}
    )


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("TFDS_DATA_DIR", "tfds")
    (tmp_path / "a,b").mkdir()
    here = os.getcwd()
    for name, pairing, expected in (
        ("mnist:3.0.1", "", "mnist:3.0.1"),
        ("folder:x/../y/", "", f"folder:{here}/y"),
        ("folder:~/x", "", "folder:/home/me/x"),
        ("pairs:x", "", f"pairs:{here}/x"),
        ("pairs:a,b", "", f"pairs:{here}/a,b"),
        ("domains:mnist, folder:usps", "", f"domains:mnist,folder:{here}/usps"),
        ("domains:mnist", "halves", "domains:mnist"),
        ("domains:folder:x", "halves", f"domains:folder:{here}/x"),
    ):
        assert absolute(name, pairing) == expected
    assert provenance.data_dir_of(None) == f"{here}/tfds" and provenance.data_dir_of("gs://x") == "gs://x"
    model = {"content": "squeezenet:~/w.h5", "start": "saved_models/x", "width": 8}
    made, typed = provenance.located(Recipe("folder:p", model, {}, 1, 1, palette="mine.txt"))
    assert made.model == {"content": "squeezenet:/home/me/w.h5", "start": f"{here}/saved_models/x", "width": 8}
    assert (made.dataset, made.palette) == (f"folder:{here}/p", f"{here}/mine.txt")
    config = {"recipe": {"dataset": made.dataset, "palette": made.palette, "model": made.model}, "typed": typed}
    assert provenance.as_typed(config) == {"dataset": "folder:p", "palette": "mine.txt", "model": model}
    made, typed = provenance.located(Recipe("mnist", {}, {}, 1, 1, image_palette="mine.txt"))
    assert made.image_palette == f"{here}/mine.txt" and typed == {"image_palette": "mine.txt"}
    for content in ("none", "vgg54", "vgg54:random"):
        same = Recipe("mnist", {"content": content, "start": ""}, {}, 1, 1, palette="facades")
        assert provenance.located(same) == (same, {})


def test_another_content_network_is_other_data(tmp_path: Path) -> None:
    weights = tmp_path / "weights.h5"
    weights.write_bytes(b"one")
    recipe = Recipe("mnist5k", {"content": f"squeezenet:{weights}"}, {}, 1, 1)
    digits = data.load("mnist5k", limit=2)
    before = provenance.standing_on(recipe, digits)
    weights.write_bytes(b"two")
    assert prints.differences(before, provenance.standing_on(recipe, digits)) == f"1 changed ({weights})"
