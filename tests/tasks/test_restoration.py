"""What restorations are measured by, and how that reaches cards and tables."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from reports import old_names
from tiny import another_seed

from tfgans import card as cards
from tfgans import data, models
from tfgans.data.degrade import bicubic_up, degrade
from tfgans.errors import UserError
from tfgans.evaluation.evaluate import evaluate, spoiled
from tfgans.inference.blend import export_blend
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.metrics import colourfulness, psnr, ssim
from tfgans.metrics import legibility as writing
from tfgans.models.warm_start import interpolate, paired
from tfgans.recipe import Recipe
from tfgans.reports import tables
from tfgans.run import Run
from tfgans.tasks import Measured, Subject, label, restoration
from tfgans.tasks.restoration import CROP, measure, of_training_images, sheet
from tfgans.tasks.restoration_scores import image_scores
from tfgans.training.train import train


def subject(tests: list[str], degradation: str, scaled: tuple[int, int] | None = None, **options: Any) -> Subject:
    """Test sets, and what a recipe says of them: images are scaled, or keep their sizes."""
    model = {"image_shape": [*(scaled or (32, 32)), 3]}
    recipe = Recipe("photos", model, {}, 1, 1, degradation=degradation, crop=scaled is None)
    return Subject(recipe, tests=tests, **options)


def by_test(measured: Measured) -> dict[tuple[str, ...], float]:
    """(test, measure, of), and where if it is a part -> value."""
    return {(row.test, row.measure, row.of, *filter(None, [row.where])): row.values[0] for row in measured.rows}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two folders of smooth pictures, whose sides are not all multiples of 4."""
    folder = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)
    for name, sizes in (("first", [(130, 150), (133, 141)]), ("second", [(64, 80)])):
        (folder / name).mkdir()
        for i, (height, width) in enumerate(sizes):
            coarse = Image.fromarray(rng.integers(0, 256, (height // 6, width // 6, 3), dtype=np.uint8))
            coarse.resize((width, height), Image.Resampling.BICUBIC).save(folder / name / f"{i}.png")
    return [f"folder:{folder / name}" for name in ("first", "second")]


@pytest.fixture(scope="module")
def enlarging(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model that repeats pixels."""
    folder = tmp_path_factory.mktemp("enlarging") / "m"
    module = tf.Module()
    module.restore = tf.function(
        lambda images: tf.repeat(tf.repeat(images, 4, axis=1), 4, axis=2),
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "images")],
    )
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})
    return Exported(folder)


def test_scores_are_those_of_the_images(enlarging: Exported, sets: list[str]) -> None:
    result = measure(enlarging, subject(sets, "pool:4"))
    assert result.protocol == {
        "degradation": "pool:4",
        "tests": ["first", "second"],
        "border": 4,
        "n_images": {"first": 2, "second": 1},
        "channel": "Y",
    }
    values: dict[str, list[float]] = {"psnr": [], "ssim": []}
    for i in range(2):
        original = np.asarray(Image.open(Path(sets[0].removeprefix("folder:")) / f"{i}.png"))
        original = original[: len(original) // 4 * 4, : original.shape[1] // 4 * 4]
        height, width = original.shape[:2]
        small = original.reshape(height // 4, 4, width // 4, 4, 3).mean(axis=(1, 3)).round()
        made = small.repeat(4, axis=0).repeat(4, axis=1).astype(np.uint8)
        values["psnr"].append(psnr(made[None], original[None], border=4, y_channel=True)[0])
        values["ssim"].append(ssim(made[None], original[None], border=4, y_channel=True)[0])
    found = by_test(result)
    assert found["first", "psnr", "model"] == pytest.approx(np.mean(values["psnr"]), abs=0.02)
    assert found["first", "ssim", "model"] == pytest.approx(np.mean(values["ssim"]), abs=0.001)
    bicubic = found["first", "psnr", "bicubic"]
    assert bicubic > found["first", "psnr", "model"], "smooth pictures: bicubic is better than squares"
    assert not [key for key in found if "distance" in key[1]]
    fine = [found["first", "high_frequency", of] for of in ("model", "bicubic")]
    assert fine[0] > 10 * fine[1], "squares have sharp edges"
    read = [found["letters", "letters_read", "model", f"{height} px"] for height in (8, 24)]
    assert read[0] < 0.5 and read[1] > 0.95


def test_the_border_is_as_wide_as_the_factor() -> None:
    rng = np.random.default_rng(0)
    image, original = rng.integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    for factor in (2, 8):
        expected = psnr(image[None], original[None], border=factor, y_channel=True)[0]
        assert image_scores(image, original, factor)["psnr"] == pytest.approx(expected)
    assert np.isfinite(image_scores(image[:12, :12], original[:12, :12], 8)["ssim"]), "what is small keeps 11 pixels"


def test_letters_are_read_where_they_are_clear() -> None:
    written, letters, shifts = writing.page(12)
    assert written.shape == (12 * 24, 20 * 24, 3) and written.min() == 0 and len(np.unique(letters)) == 30
    rows = np.flatnonzero((written[..., 0] < 128).any(axis=1))
    assert rows[0] < 24, "the first row of cells holds letters"
    other = writing.page(12, seed=1)
    assert (writing.read(written, 12, shifts) == letters).all()
    assert (writing.read(other[0], 12, other[2]) == other[1]).all()
    assert (writing.read(255 - 0.3 * (255.0 - written), 12, shifts) == letters).all(), "faint, but clear"
    noise = np.random.default_rng(0).uniform(0, 255, written.shape)
    assert writing.letters_read(lambda page: [page, noise], 12)[0] == 1
    assert writing.letters_read(lambda page: [page, noise], 12)[1] < 0.15, "of 30 letters, by chance"


def save(folder: Path, restore: Any, channels: int) -> Exported:
    module = tf.Module()
    spec = tf.TensorSpec((None, None, None, channels), tf.float32, "images")
    module.restore = tf.function(restore, input_signature=[spec])
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})
    return Exported(folder)


def test_a_hole_is_measured_inside(sets: list[str], tmp_path: Path) -> None:
    white = save(tmp_path / "m", lambda images: tf.ones_like(images), 3)
    result = measure(white, subject(sets[:1], "mask:24"))
    assert result.protocol["border"] == 0 and result.protocol["channel"] == "RGB"
    found, values = by_test(result), []
    for i in range(2):
        original = np.asarray(Image.open(Path(sets[0].removeprefix("folder:")) / f"{i}.png")) / 255.0
        spoiled = degrade("mask:24")(2 * original.astype(np.float32) - 1, tf.constant([0, i])).numpy()
        inside = original[(np.abs(spoiled) < 1e-6).all(-1)]
        assert len(inside) >= 24 * 24
        values.append(-10 * np.log10(((1 - inside) ** 2).mean()))
    inside = found["first", "psnr", "model", "hole"]
    assert inside == pytest.approx(np.mean(values), abs=0.01)
    assert found["first", "l2", "model", "hole"] == pytest.approx(np.mean(10 ** (-0.1 * np.array(values))), rel=0.01)
    assert found["first", "l1", "model", "hole"] ** 2 < found["first", "l2", "model", "hole"]
    assert found["first", "detail", "model", "hole"] == 0.0 < found["first", "detail", "real", "hole"]
    assert found["first", "psnr", "biharmonic", "hole"] > inside, "smooth pictures"
    assert found["first", "psnr", "mean_fill", "hole"] > inside, "white is further off than the mean"
    given, made = (found["first", "psnr", of] for of in ("input", "model"))
    assert given > made, "what was given was right but for the hole"


def test_colours_are_measured_against_the_originals(sets: list[str], tmp_path: Path) -> None:
    orange = save(tmp_path / "m", lambda images: images * [1.0, 0.7, 0.4], 1)
    assert orange.colours
    found = by_test(measure(orange, subject(sets[:1], "lightness")))
    originals = [np.asarray(Image.open(Path(sets[0].removeprefix("folder:")) / f"{i}.png")) for i in range(2)]
    expected = np.mean([colourfulness(image[None])[0] for image in originals])
    assert found["first", "colourfulness", "real"] == pytest.approx(expected)
    assert found["first", "colourfulness", "model"] > 10
    assert found["first", "green_blue", "model"] == 0 < found["first", "green_blue", "real"] < 1
    assert found["first", "psnr", "input"] < 40
    Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(tmp_path / "gray.png")
    gray = measure(orange, subject([f"folder:{tmp_path}"], "lightness"))
    name, found = tmp_path.name.lower(), by_test(gray)
    assert (name, "psnr", "input") not in found and (name, "green_blue", "real") not in found
    assert found[name, "colourfulness", "real"] == 0 and gray.protocol["n_images"] == {name: 1}
    assert sheet(orange, subject(sets[:1], "lightness")).shape[-1] == 3


def test_what_cannot_be_measured(enlarging: Exported, sets: list[str]) -> None:
    with pytest.raises(UserError, match="same name"):
        measure(enlarging, subject([sets[0], sets[0]], "bicubic:4"))
    with pytest.raises(UserError, match="squeezenet:PATH"):
        measure(enlarging, subject(sets, "bicubic:4", features="judge:mnist"))
    with pytest.raises(UserError, match="no folder"):
        measure(enlarging, subject(["folder:nowhere"], "bicubic:4"))
    with pytest.raises(UserError, match="128x128"):
        sheet(enlarging, subject(sets[1:], "bicubic:4"))


def test_sheet_has_three_rows(enlarging: Exported, sets: list[str]) -> None:
    picture = sheet(enlarging, subject(sets, "bicubic:4"))
    assert picture.shape == (3 * (CROP + 2) + 2, 2 * (CROP + 2) + 2, 3)  # the second set is too small to show


def test_images_are_scaled_as_in_training(enlarging: Exported, sets: list[str]) -> None:
    scaled = subject(sets, "pool:4", scaled=(32, 48))
    result = measure(enlarging, scaled)
    assert result.protocol["scaled"] == [32, 48]
    assert not any(row.measure == "letters_read" for row in result.rows), "which are larger"
    original = data.load(sets[1], "all", image_shape=(32, 48, 3), minimum=1).images
    small = original.reshape(1, 8, 4, 12, 4, 3).mean(axis=(2, 4)).round()
    made = small.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)
    expected = psnr(made, original, border=4, y_channel=True)[0]
    assert by_test(result)["second", "psnr", "model"] == pytest.approx(expected, abs=0.02)
    picture = sheet(enlarging, scaled)
    assert picture.shape == (3 * (32 + 2) + 2, 3 * (32 + 2) + 2, 3), "all three images"


def test_training_images_are_measured_like_test_images(enlarging: Exported, sets: list[str]) -> None:
    scaled = subject(sets[:1], "pool:4", scaled=(32, 48))
    tested = {(row.measure, row.of): row.values[0] for row in measure(enlarging, scaled).rows}
    images = restoration.test_images(enlarging, restoration.tests_of(scaled)[0], None, (32, 48))
    rows = of_training_images(enlarging, images, list(range(len(images))), "pool:4", "photos")
    assert {(row.measure, row.of): row.values[0] for row in rows} == {
        (measure, of): tested[measure, of] for measure, of in (("psnr", "model"), ("psnr", "bicubic"))
    }
    assert {(row.test, row.where) for row in rows} == {("photos", "training images")}


def test_label() -> None:
    assert label("folder:/some/where/Set5/") == "set5" and label("photos") == "photos"
    assert label("domains:mnist,folder:data/USPS") == "mnist,usps"


SETTINGS: dict[str, Any] = dict(
    image_shape=[32, 32, 3], width=4, blocks=1, discriminator_width=4, content="none", pretrain_steps=2, steps=4
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    settings = {**SETTINGS, "batch_size": 2, "dataset": "photos"}
    run = train("srgan", settings=settings, precision="float32", jit="off", run_dir=folder / "0")
    assert run is not None
    return [run.path, another_seed(run, folder / "1", 1).path]


def test_card_of_a_restoration(
    runs: list[Path], sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "saved_models" / "srgan-test"
    evaluate(runs, card=folder, tests=sets)
    card = cards.read_card(folder)
    assert card is not None and card.task == "restoration"
    singles = [json.loads((run / "metrics.json").read_text())["measurements"] for run in runs]
    singles = [{(row["measure"], row["test"], row["of"]): row["values"] for row in rows} for rows in singles]
    psnr = card.values("psnr", test="first")
    assert psnr == [single["psnr", "first", "model"][0] for single in singles]
    assert card.values("psnr", "bicubic", "first") == singles[0]["psnr", "first", "bicubic"]
    assert card.endpoints == {"restore": ["images"]} and card.protocol["degradation"] == "bicubic:4"
    assert Image.open(folder / "samples.png").size == (2 * 130 + 2, 3 * 130 + 2)

    again = {(row.measure, row.test, row.of): row.values for row in evaluate([folder], tests=sets).rows}
    assert again["psnr", "second", "model"] == pytest.approx(singles[0]["psnr", "second", "model"], abs=1e-3)
    with pytest.raises(UserError, match="--test folder:PATH"):
        evaluate([folder])
    # where a judge reads it, without --test: the test images of what it was trained on, in the features of its card
    asked: list[Subject] = []
    monkeypatch.setattr(
        "tfgans.tasks.small_restoration.measure", lambda model, subject: asked.append(subject) or Measured({}, [])
    )
    protocol, settings = card.protocol | {"features": "judge:a"}, card.settings | {"dataset": "cifar10"}
    read = dataclasses.replace(card, task="small_restoration", dataset="cifar10", protocol=protocol, settings=settings)
    cards.write_card(folder, read)
    evaluate([folder], n=7)
    assert asked == [Subject(Recipe.from_dict(settings), features="judge:a", n=7)]
    assert (asked[0].recipe.dataset, asked[0].recipe.degradation, asked[0].tests) == ("cifar10", "bicubic:4", None)
    cards.write_card(folder, card)
    line = next(line for line in tables.results_table().splitlines() if "srgan-test" in line)
    assert "| first (2, bicubic:4) |" in line and f"{sum(psnr) / 2:.2f} ±" in line
    recipe = dataclasses.replace(
        models.recipe("srgan"),
        reported=(
            {"measure": "psnr", "test": "first", "value": 29.4},
            {"measure": "ssim", "test": "first", "value": 0.8472},
        ),
    )
    monkeypatch.setattr("tfgans.models.recipe", lambda *which: recipe)
    line = next(line for line in tables.results_table().splitlines() if "srgan-test" in line)
    assert (line.split(" | ")[4], line.split(" | ")[7]) == ("29.40", "0.8472")


def test_tests_are_spoiled_by_another_degradation(runs: list[Path], sets: list[str], tmp_path: Path) -> None:
    """What compression leaves is worse to enlarge, always by the same amount; also of a model without a card."""
    folder, found = tmp_path / "m", {}
    export_run(runs[0], folder)
    for spec in ("bicubic:4", "bicubic:4+jpeg:10", "bicubic:4+noise:0-0.1"):
        made = evaluate([folder], tests=sets[:1], degradation=spec)
        assert made.protocol["degradation"] == spec
        found[spec] = by_test(made)["first", "psnr", "bicubic"]
        again = evaluate([runs[0]], tests=sets[:1], degradation=spec)
        assert by_test(again)["first", "psnr", "bicubic"] == found[spec]
        assert by_test(again)["first", "psnr", "model"] == pytest.approx(by_test(made)["first", "psnr", "model"])
    assert max(found, key=lambda spec: found[spec]) == "bicubic:4"
    originals = [np.asarray(Image.open(Path(sets[0].removeprefix("folder:")) / f"{i}.png")) for i in range(2)]
    expected = []
    for original in originals:
        original = original[: len(original) // 4 * 4, : original.shape[1] // 4 * 4]
        poor = degrade("bicubic:4+jpeg:10")(tf.constant(original / 127.5 - 1, tf.float32), tf.constant([0, 0]))
        plain = np.round((np.asarray(bicubic_up(poor, 4)) + 1) * 127.5).astype(np.uint8)
        expected.append(psnr(plain[None], original[None], border=4, y_channel=True)[0])
    assert found["bicubic:4+jpeg:10"] == pytest.approx(np.mean(expected), abs=0.01)
    for spec, says in (
        ("bicubic:2", "shrinks by 2, but m enlarges by 4"),
        ("bicubic:4+gray", "makes images of 1 channels, but m takes 3"),
        ("bicubic:4+jpg:75", 'no degradation "jpg"'),
    ):
        with pytest.raises(UserError, match=says):
            evaluate([folder], tests=sets[:1], degradation=spec)
    with pytest.raises(UserError, match="no card.json"):
        evaluate([folder], degradation="bicubic:4")
    with pytest.raises(UserError, match="leave --degradation out"):
        spoiled(dataclasses.replace(Recipe("mnist", {}, {}, 1, 1)), "gray")


def test_a_blend_lies_between_two_models(runs: list[Path], tmp_path: Path) -> None:
    ours, theirs = (Run.open(run) for run in runs)
    models_of = [run.load(run.latest() or 0).generator for run in (ours, theirs)]
    place = export_blend(runs[0], runs[1], 0.25, tmp_path / "m")
    saved: Any = tf.saved_model.load(str(place))
    pairs = paired(models_of[0].weights, list(saved.weights), "m")
    order = [v.path for v in models_of[0].weights]
    moved = set()
    for own, blended in pairs:
        i = order.index(own.path)
        a, b = (model.weights[i].numpy() for model in models_of)
        np.testing.assert_allclose(blended.numpy(), 0.25 * a + 0.75 * b, rtol=1e-3, atol=1e-4)
        moved |= {own.path.split("/")[-1]} if np.abs(a - b).max() > 1e-6 else set()
    assert {"kernel", "moving_mean", "moving_variance"} <= moved, "statistics, too"
    assert Exported(place).task == "restoration"
    images = np.random.default_rng(0).uniform(size=(1, 8, 8, 3)).astype(np.float32)
    own = Exported(export_run(runs[0], tmp_path / "own")).restore(images)
    for alpha, (one, other) in ((1.0, runs), (0.0, runs[::-1])):
        whole = Exported(export_blend(one, other, alpha, tmp_path / f"{alpha:g}")).restore(images)
        np.testing.assert_allclose(whole, own, atol=1e-6)


def test_blends_that_are_none(runs: list[Path], tmp_path: Path) -> None:
    for alpha in (-0.1, 1.5):
        with pytest.raises(UserError, match="from 0 .* to 1"):
            export_blend(runs[0], runs[1], alpha, tmp_path / "m")
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UserError, match="has the card of another model"):
        export_blend(runs[0], runs[1], 0.5, tmp_path)
    with pytest.raises(UserError, match="there is no SavedModel at nowhere"):
        export_blend(runs[0], "nowhere", 0.5, tmp_path / "m")
    one, other = (keras.layers.Dense(width) for width in (2, 3))
    for layer in (one, other):
        layer.build((None, 4))
    with pytest.raises(UserError, match="a and b are not of the same network") as caught:
        interpolate(one.weights, other.weights, 0.5, "a and b")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_the_table_of_repairs_leaves_blank_what_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"psnr": 24.5, "psnr_source": 20.0, "hole_psnr": 18.25, "hole_psnr_mean": 13.0}
    protocol = {"tests": ["first"], "n_images": {"first": 1_200}, "degradation": "mask:32:0"}
    rows = [row for name, value in values.items() for row in old_names.rows(name, [value], ["first"])]
    made = old_names.card("my_gan", ("first",), measurements=rows, protocol=protocol)
    cards.write_card(tmp_path / "saved_models" / "filler-test", made)
    assert "filler-test" not in tables.results_table()  # a card without a model: only compared with, in the ledger
    (tmp_path / "saved_models" / "filler-test" / "saved_model.pb").touch()
    lines = tables.results_table().splitlines()
    (at,) = (i for i, line in enumerate(lines) if "filler-test" in line)
    head = next(
        line for line in reversed(lines[:at]) if line.startswith("| model")
    )  # the columns are those of all cards
    names, cells = ([cell.strip() for cell in line.split("|")[2:-1]] for line in (head, lines[at]))
    filled = [(name, cell) for name, cell in zip(names, cells, strict=True) if cell]
    assert filled == [
        ("images", "first (1,200, mask:32:0)"),
        ("PSNR dB", "24.50"),
        ("input", "20.00"),
        ("PSNR in the hole dB", "18.25"),
        ("filled with the mean", "13.00"),
        ("seeds", "1"),
    ]
    assert names.index("input") == names.index("PSNR dB") + 1  # the PSNR of the input, not its colourfulness
    assert names.index("filled with the mean") == names.index("PSNR in the hole dB") + 1


def test_what_a_judge_reads_has_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"psnr": 13.62, "psnr_bicubic": 12.32, "judge_accuracy": 0.839, "frechet_distance": 11.96}
    protocol = {"tests": ["mnist"], "n_images": {"mnist": 10_000}, "degradation": "pool:7"}
    rows = [row for name, value in values.items() for row in old_names.rows(name, [value], ["mnist"])]
    made = old_names.card("my_gan", ("mnist",), measurements=rows, protocol=protocol, task="small_restoration")
    cards.write_card(tmp_path / "saved_models" / "reader-test", made)
    (tmp_path / "saved_models" / "reader-test" / "saved_model.pb").touch()
    (line,) = (line for line in tables.results_table().splitlines() if "reader-test" in line)
    assert line.split("card.json) ")[1] == "| pool:7 | 13.62 | 12.32 | 83.9 |  |  |  | 11.96 |  | 1 | 10,000 |"


def test_a_run_is_measured_on_its_own_test_images(runs: list[Path]) -> None:
    measured = evaluate(runs[:1])
    assert measured.protocol["tests"] == ["photos"] and measured.protocol["n_images"] == {"photos": 2}
    assert Run.open(runs[0]).config["recipe"]["dataset"] == "photos"
