"""Cards: rows by their key, damaged files, what old names became, and all of them as one table."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import pytest
from reports.old_names import card

from tfgans import card as cards
from tfgans.card import Card, Row
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.names import cell, distance, label, lines, summary
from tfgans.reports import __main__ as documents
from tfgans.tasks import TASKS

SAVED = ROOT / "saved_models"


def test_values_are_found_by_their_key() -> None:
    made = [
        Row("set5", "psnr", values=[1.0, 2.0]),
        Row("set14", "psnr", values=[3.0, 4.0]),
        Row("set5", "psnr", "bicubic", values=[5.0]),
        Row("set5", "psnr", where="hole", values=[6.0, 7.0]),
        Row("set5", "l1", direction="a_to_b", values=[8.0, 9.0]),
        Row("set5", "share", where="class 0", values=[0.1, 0.2]),
        Row("set5", "share", where="class 1", values=[0.9, 0.8]),
        Row("set5", "share", "real", "class 0", values=[0.5]),
    ]
    found = card(training_seeds=[4, 7], measurements=made)
    assert found.values("psnr", test="set14") == [3.0, 4.0] and found.values("psnr", where="hole") == [6.0, 7.0]
    assert found.values("psnr", "bicubic") == [5.0] and found.per_seed("psnr", "bicubic") == [5.0, 5.0]
    assert found.values("l1") == [] == found.values("psnr", "real") and found.values("l1", direction="a_to_b") == [8, 9]
    assert found.parts("share", "class") == [[0.1, 0.9], [0.2, 0.8]]
    assert found.parts("share", "class", "real") == [[0.5], [0.5]] and found.parts("share", "code") == []
    with pytest.raises(ValueError, match="set5, set14: choose one"):
        found.values("psnr")


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = card("cdcgan", class_histogram=([0.25, 0.75], [0.5, 0.5]), loss_final=(1.0, 2.0))
    path = cards.write_card(tmp_path, made)
    assert cards.read_card(tmp_path) == made
    text = path.read_text(encoding="utf-8")
    assert text.count("class_share") == 2 and max(map(len, text.splitlines())) <= cards.WIDTH  # a row is a line
    assert cards.read_card(tmp_path / "absent") is None and cards.read_card(SAVED / "judge-mnist") is None
    assert {"judge-mnist", "judge-cifar10"} <= cards.judges().keys() and not cards.measured().keys() & cards.judges()
    del (stored := json.loads(text))["kernels"]
    path.write_text(json.dumps({**stored, "of_a_later_version": 1}))
    assert cards.read_card(tmp_path) == made and made.kernels == "float32"


@pytest.mark.parametrize(
    "text, said",
    [
        ("{", "not readable JSON"),
        ("[]", "not readable JSON"),
        ('{"gan": "dcgan"}', "lacks recipe, task, dataset"),
        ("row", "a measurement that is not a row"),
    ],
)
def test_a_damaged_card_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    if text == "row":
        text = json.dumps(dataclasses.asdict(card()) | {"measurements": [{"name": "psnr"}]})
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(UserError, match=f"card.json .*{said}.*write it again with 'tfgans evaluate'") as raised:
        cards.read_card(tmp_path)
    assert "\n" not in str(raised.value)


def test_tasks_of_the_cards() -> None:
    tasks = {name: made.task for name, made in cards.measured().items()}
    assert {"generation", "mode_coverage", "restoration", "small_restoration"} <= set(tasks.values()) <= set(TASKS)
    assert {name for name, task in tasks.items() if task == "mode_coverage"} == {n for n in tasks if "unrolled" in n}
    small = {f"{gan}-{data}" for gan in ("resgan", "coarse_gan_wgan") for data in ("mnist", "cifar10", "cifar100")}
    assert {tasks[name] for name in small} == {"small_restoration"}
    assert (
        tasks["resgan-faces"] == tasks["unet_gan-inpaint-scenes"] == "restoration"
        and tasks["gan-mnist"] == "generation"
    )


def test_mean_and_deviation() -> None:
    assert summary([1.0, 2.0, 6.0]) == (3.0, pytest.approx(7**0.5)) and summary([4.0]) == (4.0, None)
    assert cell([0.5, 0.7], 1, 100) == "60.0 ± 14.1" and cell([]) == "" and cell([2.0]) == "2.00"
    assert cell([-0.0001]) == "0.00" and cell([-0.4]) == "-0.40"
    found = [distance([value]) for value in (1428.27, -8.9044, 22.885, 0.0684)]
    assert (
        found == ["1428", "-8.904", "22.89", "0.068"]
        and distance([100.26, 99.0]) == "99.6 ± 0.9"
        and distance([]) == ""
    )


def test_rows_have_readable_names() -> None:
    assert label(Row("a", "psnr", "biharmonic", "hole")) == "PSNR (dB), in the hole, of biharmonic filling"
    assert label(Row("a", "letters_read", "bicubic", "8 px"), test=True) == (
        "Share of small letters that can be read, 8 px, of bicubic enlargement (a)"
    )
    assert label(Row("a", "cycle_l1", direction="a_to_b")) == "Cycle l1, a to b"
    made = card(class_histogram=([0.0, 1.0], [0.0, 0.8]), code_turns=([0.9, -0.1], [-0.9, 0.3]), modes=(8.0, 7.0))
    shown = dict(lines(made.measurements))
    assert shown["Share of each class, by the judge"] == "0.00  0.90"
    # another training has other codes: these are not averaged
    assert shown["Rank correlation of each continuous code with the slant of the strokes"] == "0.90  -0.10; -0.90  0.30"
    assert shown["Modes covered"] == "7.5 ± 0.71"
    assert shown["Fréchet distance (0 is best), of training images: the floor"] == "0.5"


def test_all_cards_as_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert documents.main(["--csv"]) == 0
    found = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert tuple(found[0]) == documents.COLUMNS
    own = [row for row in found if row["card"] == "resgan-mnist" and row["measure"] == "psnr"]
    resgan = cards.read_card(SAVED / "resgan-mnist")
    assert isinstance(resgan, Card)
    assert [float(row["value"]) for row in own] == [*resgan.values("psnr"), *resgan.values("psnr", "bicubic")]
    assert [row["seed"] for row in own] == ["0", "1", "2", ""] and own[-1]["of"] == "bicubic"


def test_a_document_that_has_drifted_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert documents.main(["--check"]) == 0
    monkeypatch.setattr(documents, "ROOT", tmp_path)
    monkeypatch.setattr(documents, "documents", lambda: {"README.md": "new", "docs/CLAIMS.md": "same"})
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/CLAIMS.md").write_text("same")
    assert documents.main(["--check"]) == 1  # absent
    (tmp_path / "README.md").write_text("old")
    assert documents.main(["--check"]) == 1 and (tmp_path / "README.md").read_text() == "old"
    assert capsys.readouterr().err.count("README.md is not what the cards give") == 2
    assert documents.main([]) == 0 and (tmp_path / "README.md").read_text() == "new"
