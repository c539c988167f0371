"""The queue of trainings: what it takes next, how it goes on, and that it lists every card."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tfgans import models
from tfgans.card import read_card, write_card
from tfgans.errors import UserError
from tfgans.evaluation import seeds
from tfgans.evaluation.seeds import Wanted, read_list, taken, work
from tfgans.files import ROOT, write_yaml
from tfgans.run import Run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(seeds, "ROOT", tmp_path)
    (tmp_path / "saved_models" / "digits").mkdir(parents=True)
    return tmp_path


def card_of(root: Path, training_seeds: list[int], **settings: Any) -> None:
    card: Any = read_card(ROOT / "saved_models" / "dcgan-mnist")
    made = dataclasses.replace(card, training_seeds=training_seeds, settings={**card.settings, **settings})
    write_card(root / "saved_models" / "digits", made)


DIGITS = Wanted("digits", "dcgan", "mnist", 3)


def test_the_next_seed_is_the_first_that_the_card_lacks(root: Path) -> None:
    assert DIGITS.next_seed() == 0, "no card"
    card_of(root, [0, 2])
    assert DIGITS.next_seed() == 1
    card_of(root, [0, 1, 2])
    assert DIGITS.next_seed() is None
    card_of(root, [0, 1, 2], steps=7)
    assert DIGITS.next_seed() == 0, "settings that the recipe no longer has"


def test_commands_train_go_on_and_add(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, evaluate = DIGITS.commands(0)
    assert train == "train dcgan --recipe mnist --seed 0 --run runs/digits-s0".split()
    assert evaluate == "evaluate runs/digits-s0 --card saved_models/digits".split()
    bare = dataclasses.replace(DIGITS, model=False, evaluate=("--features", "judge:mnist"))
    assert bare.commands(0)[1][4:] == ["--features", "judge:mnist", "--no-model"]
    recipe = dataclasses.asdict(models.recipe("dcgan", "mnist"))
    config = {"gan": "dcgan", "recipe": recipe, "recipe_key": "mnist", "seed": 2}
    write_yaml(root / "runs" / "digits-s2" / "config.yaml", config)
    monkeypatch.setattr(Run, "latest", lambda run: 9_379)
    train, evaluate = bare.commands(2)
    assert train == ["resume", "runs/digits-s2"] and evaluate[4:] == ["--features", "judge:mnist", "--add"]
    monkeypatch.setattr(Run, "latest", lambda run: 9_380)
    assert bare.commands(2) == [evaluate], "it has ended, but was not measured"
    write_yaml(root / "runs" / "digits-s2" / "config.yaml", {**config, "recipe": {**recipe, "steps": 7}})
    with pytest.raises(UserError, match="runs/digits-s2 has other settings: Here steps is 7, not 9380. Delete it"):
        DIGITS.commands(2)


def test_it_trains_until_nothing_lacks_and_passes_over_failures(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def run(arguments: list[str]) -> int:
        done.append(" ".join(arguments[:2]))
        if arguments[0] == "evaluate":
            card_of(root, [*range(int(arguments[1][-1]) + 1)])
        return 1 if arguments[1] == "wgan" else 0

    monkeypatch.setattr(seeds, "run_tfgans", run)
    broken = Wanted("broken", "wgan", "mnist", 1)
    assert work([broken, dataclasses.replace(DIGITS, seeds=2)]) == 1
    trained = ["train dcgan", "evaluate runs/digits-s0", "train dcgan", "evaluate runs/digits-s1"]
    assert done == ["train wgan", *trained]
    assert work([DIGITS], only=["other"]) == 0 and len(done) == 5


def test_a_card_that_cannot_be_made_does_not_stop_the_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(seeds, "run_tfgans", lambda arguments: done.append(arguments[0]) or 0)
    config = {"gan": "dcgan", "recipe": {**dataclasses.asdict(models.recipe("dcgan", "mnist")), "steps": 7}}
    write_yaml(root / "runs" / "digits-s0" / "config.yaml", {**config, "recipe_key": "mnist", "seed": 0})
    assert work([DIGITS, Wanted("unwritten", "dcgan", "mnist", 1)]) == 2
    assert done == ["train", "evaluate"], "once: its card lacks the seed still"


def test_two_processes_take_different_cards(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "run_tfgans", lambda arguments: pytest.fail("taken by another"))
    with taken("digits") as first, taken("digits") as second:
        assert first and not second
        assert work([DIGITS]) == 0


@pytest.mark.parametrize(
    "text", ["digits: 5", "digits: {gan: dcgan}", "[", "digits: {gan: dcgan, recipe: x, seeds: 1}"]
)
def test_a_list_that_cannot_be_read_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seeds.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_list(path)
    assert "\n" not in str(error.value)


def test_the_list_names_every_card() -> None:
    cards = {path.parent.name for path in (ROOT / "saved_models").glob("*/card.json")}
    listed = {each.card: each for each in read_list()}
    assert {name for name in cards if not name.startswith("judge-")} <= set(listed)
    for name in cards & set(listed):
        card: Any = read_card(ROOT / "saved_models" / name)
        has_model = (ROOT / "saved_models" / name / "saved_model.pb").exists()
        assert (card.gan, has_model) == (listed[name].gan, listed[name].model), name
