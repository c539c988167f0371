"""The catalogue of data sets: it holds all that recipes and cards name, and finds what is not as recorded."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tfgans import cli, data, models
from tfgans.data import catalogue
from tfgans.data.catalogue import Entry, Part, check, entries, entry, measure, places_of, state
from tfgans.data.command import table, users
from tfgans.data.fingerprint import digest, fingerprint
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.recipe import Recipe

PLACES = {each.place for each in entries().values()}
RECIPES = [(gan, key) for gan in models.MODELS for key in models.recipes(gan)]


# -- the facts ---------------------------------------------------------------------------------------------------------


def test_every_data_set_of_a_recipe_is_in_the_catalogue() -> None:
    named = {place: f"{gan} {key}" for gan, key in RECIPES for place in places_of(models.recipe(gan, key))}
    assert {place: who for place, who in named.items() if place not in PLACES} == {}
    assert len(named) > 25


def test_every_data_set_of_a_card_is_in_the_catalogue() -> None:
    cards = [json.loads(path.read_text(encoding="utf-8")) for path in ROOT.glob("saved_models/*/card.json")]
    named = {place for card in cards for place in places_of(Recipe(card["dataset"], {}, {}, 1, 1))}
    assert named and named <= PLACES


def test_every_entry_is_used_and_says_where_it_comes_from() -> None:
    for each in entries().values():
        assert each.place in users() or each.also, each.name
        assert each.computed or ((each.source or each.copy) and each.licence), each.name
        assert all(re.fullmatch(r"https?://[^\s,]+", url) for url in each.source), each.name
        assert each.layout or each.parts or each.computed or each.package or each.length, each.name
        for part in each.parts.values():
            assert part.images > 0 and (each.tfds or re.fullmatch(r"\d+(-\d+)? x \d+(-\d+)?", part.size)), each.name
            assert each.tfds or re.fullmatch("[0-9a-f]{32}", part.fingerprint), each.name


def test_places_of_a_recipe() -> None:
    def places(dataset: str, **model: str) -> list[str]:
        return places_of(Recipe(dataset, model, {}, 1, 1))

    assert places("domains:mnist,folder:data/usps") == ["mnist", "data/usps"]
    assert places("folder:data/a,data/b", content="squeezenet:weights/w.h5") == ["data/a", "data/b", "weights/w.h5"]
    assert places("pairs:data/facades", content="vgg54") == ["data/facades"]


def test_names_and_places_find_an_entry() -> None:
    assert entry("usps") is entry("data/usps/") is entry("folder:data/usps") is entry("domains:data/usps")
    with pytest.raises(UserError, match="no data set 'facade'; did you mean facades"):
        entry("facade")


# -- what is there -----------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Entry:
    """An entry whose data set is in the working folder, as recorded: four and two images in two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for split, n in (("train", 4), ("val", 2)):
        for i in range(n):
            path = tmp_path / f"data/toy/{split}/class{i % 2}/{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (10 + i, 12), dtype=np.uint8)).save(path)
    parts = {split: measure(Path("data/toy"), split) for split in ("train", "val")}
    toy = Entry("toy", "noise", "data/toy", source=("https://example.org",), licence="none", parts=parts)
    monkeypatch.setattr(catalogue, "entries", lambda: {"toy": toy})
    return toy


def test_a_copy_is_measured(copy: Entry) -> None:
    assert [(part.images, part.size) for part in copy.parts.values()] == [(4, "12 x 10-13"), (2, "12 x 10-11")]
    report = check(copy)
    assert report.problem == "" and report.lines[0].startswith("train: 4 images, 12 x 10-13, fingerprint ")
    assert state(copy) == "yes"


def test_a_fingerprint_is_that_of_a_run(copy: Entry) -> None:
    images = data.load("folder:data/toy", "train", minimum=1)
    assert copy.parts["train"].fingerprint == digest(fingerprint(images))


def _remove(root: Path) -> None:
    (root / "train/class1/3.png").unlink()


def _resize(root: Path) -> None:
    Image.new("L", (16, 16)).save(root / "train/class1/3.png")


def _repaint(root: Path) -> None:
    Image.new("L", (12, 13)).save(root / "train/class1/3.png")


def _rename(root: Path) -> None:
    (root / "train/class1/3.png").rename(root / "train/class1/4.png")


def _add(root: Path) -> None:
    (root / "test").mkdir()


def _lose(root: Path) -> None:
    (root / "val").rename(root / "other")


@pytest.mark.parametrize(
    "change, says, here",
    [
        (_remove, "train holds 3 images, not 4", "differs"),
        (_resize, "train holds images of 12-16 x 10-16, not 12 x 10-13", "yes"),
        (_repaint, "train holds as many images of these sizes, but others", "yes"),
        (_rename, "train holds as many images of these sizes, but others, or under other names", "yes"),
        (_add, "test is not recorded", "differs"),
        (_lose, "val is absent", "differs"),
    ],
)
def test_what_differs_is_named(copy: Entry, change, says: str, here: str) -> None:
    change(Path("data/toy"))
    report = check(replace(copy, different="mend it"))
    assert report.problem == f"data/toy is not as the catalogue records it: {report.problem.split(': ')[1]}"
    assert says in report.problem and report.problem.endswith("(mend it)") and "\n" not in report.problem
    assert state(copy) == here


def test_pixels_outlast_another_compression(copy: Entry) -> None:
    files, pixels = (measure(Path("data/toy"), "train", each) for each in (False, True))
    path = Path("data/toy/train/class0/0.png")
    before = path.read_bytes()
    Image.open(path).save(path, compress_level=0)
    assert path.read_bytes() != before
    assert measure(Path("data/toy"), "train", True) == pixels
    assert measure(Path("data/toy"), "train").fingerprint != files.fingerprint


def test_splits_of_tfds_are_read_from_their_description(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    each = Entry("toy", "", "toy", tfds="toy", parts={"train": Part(70), "test": Part(10)})
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert state(each) == "no" and "--download" in check(each).problem
    (tmp_path / "toy/1.0.0").mkdir(parents=True)
    info = {"splits": [dict(name="train", shardLengths=["30", "40"]), dict(name="test", shardLengths=["10"])]}
    (tmp_path / "toy/1.0.0/dataset_info.json").write_text(json.dumps(info))
    assert state(each) == state(each, str(tmp_path)) == "yes"
    assert check(each).lines == ("train: 70 images", "test: 10 images") and not check(each).problem
    assert "test holds 10 images, not 11" in check(replace(each, parts={**each.parts, "test": Part(11)})).problem


def test_a_file_is_compared_by_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    each = Entry("toy", "", "weights/toy.h5", length=3, fingerprint="cf4ab791c62b8d2b2109c90275287816")
    assert "there is no file weights/toy.h5" in check(each).problem and state(each) == "no"
    Path("weights").mkdir()
    Path("weights/toy.h5").write_bytes(b"abc")
    assert check(each).problem == "" and state(each) == "yes"
    Path("weights/toy.h5").write_bytes(b"xyz")
    assert "as many bytes, but others" in check(each).problem
    Path("weights/toy.h5").write_bytes(b"abcd")
    assert "it has 4 bytes, not 3" in check(each).problem and state(each) == "differs"


# -- the command -------------------------------------------------------------------------------------------------------


def call(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["tfgans", "data", *arguments])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_an_absent_data_set_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(["facades"], monkeypatch) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("tfgans: there is no folder data/facades") and printed.err.count("\n") == 1
    assert "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz" in printed.out
    assert "pix2pix (facades" in printed.out and "train: 400 images, 512 x 256" in printed.out


def test_what_is_there_ends_with_0(copy: Entry, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert call(["toy"], monkeypatch) == 0
    assert "here:       val: 2 images, 12 x 10-11, fingerprint" in capsys.readouterr().out
    _remove(Path("data/toy"))
    assert call(["toy"], monkeypatch) == 2
    printed = capsys.readouterr()
    assert "here:       train: 3 images" in printed.out and printed.err.count("\n") == 1


def test_the_table_lists_every_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    here = {line.split()[0]: line.split()[1] for line in table() if not line.startswith(" ")}
    assert list(here)[1:] == list(entries())
    assert here["gaussians8"] == here["mnist5k"] == "yes"
    assert here["mnist"] == here["facades"] == here["squeezenet"] == here["imagenet"] == "no"
    assert max(map(len, table())) <= 120
