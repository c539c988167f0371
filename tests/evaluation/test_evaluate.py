"""What is measured, how seeds are joined on a card, and the pages that are made from it."""

import dataclasses
import json
import re
import shutil
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import another_seed

from tfgans import card as cards
from tfgans import data
from tfgans.errors import UserError
from tfgans.evaluation.card_builder import more_seeds
from tfgans.evaluation.evaluate import evaluate
from tfgans.evaluation.folders import evaluate_folders
from tfgans.features import load_features
from tfgans.files import ROOT
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.recipe import Recipe
from tfgans.reports import tables
from tfgans.reports.run_page import write_report
from tfgans.run import Run
from tfgans.tasks import Subject
from tfgans.tasks.generation import measure, measure_run
from tfgans.training.train import train

RECIPE = Recipe("mnist5k", {"image_shape": [28, 28, 1]}, {}, 1, 1)


class Reciter:
    """Stands in for a conditional SavedModel: returns given images."""

    conditional, categories = True, 0

    def __init__(self, images: np.ndarray) -> None:
        self.images = images

    def sample(self, n: int, labels: np.ndarray, seed: int) -> np.ndarray:
        assert len(labels) == n
        return self.images[:n].astype(np.float32) / 255


@pytest.fixture(scope="module")
def judge() -> Any:
    return load_features("judge:mnist")


def test_real_images_score_best_and_a_single_image_worst(judge: Any) -> None:
    test = data.load("mnist5k", "test")
    best = measure(Reciter(test.images), Subject(RECIPE, features="judge:mnist"))  # type: ignore[arg-type]
    assert best.protocol["n_real"] == best.protocol["n_fake"] == len(test) == 500
    assert {row.test for row in best.rows} == {"mnist5k"}
    found = {(row.measure, row.of): row.values[0] for row in best.rows}
    assert found["frechet_distance", "model"] == pytest.approx(0, abs=1e-3)
    assert found["frechet_distance", "train"] > 1  # few images: the floor is far from 0
    assert found["precision", "model"] == found["recall", "model"] == 1
    read = judge.logits(test.images).argmax(1)
    assert found["label_accuracy", "model"] == np.mean(read == test.labels) > 0.98
    assert found["neighbour_distance", "model"] == pytest.approx(found["neighbour_distance", "real"])
    assert found["neighbour_classes", "model"] == 10
    assert found["smallest_class", "model"] == pytest.approx(0.1, abs=0.01)
    shares = [row.values[0] for row in best.rows if row.measure == "class_share"]
    np.testing.assert_allclose(shares, np.bincount(read, minlength=10) / 500)

    one = np.repeat(test.images[:1], len(test), axis=0)
    rows = measure(Reciter(one), Subject(RECIPE, features="judge:mnist", n=300)).rows  # type: ignore[arg-type]
    worst = {(row.measure, row.of): row.values[0] for row in rows}
    assert worst["frechet_distance", "model"] > 10 * worst["frechet_distance", "train"]
    assert worst["neighbour_classes", "model"] == 1 and worst["neighbour_largest_class", "model"] == 1
    assert worst["smallest_class", "model"] == 0
    assert worst["kl_to_uniform", "model"] == pytest.approx(np.log(10))
    assert worst["recall", "model"] < 0.1


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three seeds of a tiny cGAN and one run with other settings, on a folder with enough images to be scored."""
    folder = tmp_path_factory.mktemp("runs")
    pictures = tmp_path_factory.mktemp("digits")
    digits = data.load("mnist5k", "train", limit=300)
    for i, image in enumerate(digits.images):
        (pictures / str(i % 3)).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(pictures / str(i % 3) / f"{i:03d}.png")
    settings = {"generator_width": 96, "discriminator_width": 12, "batch_size": 4, "image_shape": [28, 28, 1]}
    options: dict[str, Any] = dict(dataset=f"folder:{pictures}", precision="float32", jit="off")
    first = train("cgan", settings={**settings, "steps": 2}, run_dir=folder / "0", **options)
    longer = train("cgan", settings={**settings, "steps": 3}, run_dir=folder / "3", seed=3, **options)
    assert first is not None and longer is not None
    return [first.path, *(another_seed(first, folder / str(seed), seed).path for seed in (1, 2)), longer.path]


def measured(run: Path) -> dict[tuple[str, str], list[float]]:
    """(measure, of) -> values of what metrics.json holds; of classes the last one."""
    rows = json.loads((run / "metrics.json").read_text())["measurements"]
    return {(row["measure"], row["of"]): row["values"] for row in rows}


def test_updating_the_card_of_a_model(runs: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cgan-pictures"
    evaluate(runs[:1], card=folder, features="judge:mnist")
    card = cards.read_card(folder)
    assert card is not None
    kept = cards.Row(card.measurements[0].test, "nll_bound", "model", None, None, [98.0])  # needs the run
    rows = [dataclasses.replace(row, values=[-1.0]) for row in card.measurements if row.measure != "recall"]
    cards.write_card(folder, dataclasses.replace(card, measurements=[*rows, kept], kernels="float32"))
    evaluate([folder], update=True)
    assert cards.read_card(folder) == dataclasses.replace(card, measurements=[*card.measurements, kept])

    other = dataclasses.replace(card, protocol={**card.protocol, "features": "judge:cifar10"})
    cards.write_card(folder, other)
    with pytest.raises(UserError, match="has the features judge:cifar10, and these measurements judge:mnist"):
        evaluate([folder], update=True, features="judge:mnist")
    several = dataclasses.replace(card, training_seeds=[1, 0])
    cards.write_card(folder, several)
    with pytest.raises(UserError, match="covers 2 trainings, of which the model is one, and lacks no measure"):
        evaluate([folder], update=True)
    lacking = [row for row in card.measurements if row.measure != "recall"]
    cards.write_card(folder, dataclasses.replace(several, measurements=lacking))
    evaluate([folder], update=True)
    updated = cards.read_card(folder)
    assert updated is not None and updated.measurements[:-1] == lacking
    assert updated.measurements[-1].values == [None, *card.values("recall")] and updated.exported_seed == 0
    assert updated.values("recall") == updated.per_seed("recall") == card.values("recall")
    (folder / "card.json").unlink()
    with pytest.raises(UserError, match="no card to update"):
        evaluate([folder], update=True)
    with pytest.raises(UserError, match="takes a SavedModel"):
        evaluate(runs[:1], update=True)


def test_card_over_seeds(runs: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "cgan-pictures"
    evaluate(runs[:2], card=folder, features="judge:mnist")
    card = cards.read_card(folder)
    distances = [value for run in runs[:2] for value in measured(run)["kernel_distance", "model"]]
    assert card is not None and card.values("kernel_distance") == distances and len(distances) == 2
    # no training changes the floor
    assert card.values("kernel_distance", "train") == measured(runs[0])["kernel_distance", "train"]
    assert card.training_seeds == [0, 1] and card.exported_seed == 0 and card.task == "generation"
    assert card.classes == 3
    assert card.endpoints == {"sample": ["labels", "seed"], "generate": ["latents", "labels"]}
    assert card.settings == Run.open(runs[0]).config["recipe"]
    assert card.kernels == "float16"  # of the exported model, which is what was measured
    assert card.protocol["features_sha256"] == load_features("judge:mnist").sha256
    assert (folder / "samples.png").stat().st_size > 0

    weights = (folder / "variables" / "variables.data-00000-of-00001").read_bytes()
    evaluate(runs[2:3], card=folder, add=True, features="judge:mnist")
    more = cards.read_card(folder)
    assert more is not None and more.training_seeds == [0, 1, 2] and len(more.commands) == len(more.cores) == 3
    assert more.values("kernel_distance") == [*distances, *measured(runs[2])["kernel_distance", "model"]]
    assert more.values("kernel_distance", "train") == card.values("kernel_distance", "train")
    assert len(more.loss("d_loss", "final")) == len(more.train_seconds) == 3
    assert (folder / "variables" / "variables.data-00000-of-00001").read_bytes() == weights

    rows = [dataclasses.replace(row, values=row.values[:1]) for row in card.measurements]
    new = dataclasses.replace(card, training_seeds=[7], commit="5678", measurements=rows)

    def older(**settings: Any) -> cards.Card:
        return dataclasses.replace(card, commit="1234", settings={**card.settings, **settings})

    def without(argument: str) -> dict[str, Any]:
        return {name: value for name, value in card.settings["model"].items() if name != argument}

    half = dataclasses.replace(older(model=without("latent_dim")), precision="mixed_bfloat16")
    joined = more_seeds(half, new, folder)  # latent_dim had its default, 100
    assert joined.commit == "1234, 5678" and joined.training_seeds == [0, 1, 7]
    assert joined.precision == "mixed_bfloat16, float32"
    assert joined.settings["model"] == card.settings["model"]
    for old, field in (  # the default of generator_width is not 96
        (older(model=without("generator_width")), "model"),
        (older(decay=0.25), "decay"),
        (dataclasses.replace(card, protocol={**card.protocol, "n_real": 9}), "protocol"),
    ):
        with pytest.raises(UserError, match=f"another {field}"):
            more_seeds(old, new, folder)
    with pytest.raises(UserError, match="were measured alike: recall; evaluate them again"):
        more_seeds(card, dataclasses.replace(new, measurements=[r for r in rows if r.measure != "recall"]), folder)
    lacking = dataclasses.replace(card, measurements=[r for r in card.measurements if r.measure != "recall"])
    later = next(r for r in more_seeds(lacking, new, folder).measurements if r.measure == "recall")
    assert later.values == [None, None, card.values("recall")[0]]
    part = dataclasses.replace(rows[0], where="a part that was added later", values=[3.0])
    joined = more_seeds(card, dataclasses.replace(new, measurements=[*rows, part]), folder)
    assert joined.measurements[-1].values == [None, None, 3.0]

    numbers = tmp_path / "ablation"
    evaluate(runs[2:3], card=numbers, model=False, features="judge:mnist")
    assert sorted(p.name for p in numbers.iterdir()) == ["card.json", "curves.png", "samples.png"]
    assert getattr(cards.read_card(numbers), "training_seeds", None) == [2]

    before = (folder / "card.json").read_bytes()
    with pytest.raises(UserError, match="holds a model"):
        evaluate(runs[:1], card=folder, model=False, features="judge:mnist")
    with pytest.raises(UserError, match="covers the seeds"):
        evaluate(runs[:1], card=folder, add=True, features="judge:mnist")
    with pytest.raises(UserError, match="another steps"):
        evaluate(runs[3:], card=folder, add=True, features="nothing")  # before anything is measured
    with pytest.raises(UserError, match="has no judge; use another network: .tfgans evaluate RUN --features"):
        evaluate(runs[:1])
    with pytest.raises(UserError, match="leave --test out"):
        evaluate(runs[:1], features="judge:mnist", tests=["mnist5k"])
    (tmp_path / "diary").mkdir()
    (tmp_path / "diary/today.txt").write_text("mine")
    with pytest.raises(
        UserError, match="files that are not a model's .such as today.txt.; choose another folder with --c"
    ):
        evaluate(runs[:1], card=tmp_path / "diary", features="nothing")
    with pytest.raises(UserError, match="not a run of the same recipe"):
        evaluate([runs[0], runs[3]], features="judge:mnist")
    with pytest.raises(UserError, match="--card"):
        evaluate(runs[:1], add=True)
    others = shutil.copytree(folder, tmp_path / "others")
    cards.write_card(others, dataclasses.replace(card, gan="dcgan"))
    kept = {path: path.read_bytes() for path in others.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="another model .gan dcgan.; choose another folder"):
        evaluate(runs[:1], card=others, features="judge:mnist")
    assert kept == {path: path.read_bytes() for path in others.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="no card.json yet"):
        evaluate(runs[:1], card=tmp_path / "absent", add=True)
    for text, said in (("[]", "not readable JSON"), ('{"gan": "cgan"}', "lacks recipe"), ("{}", "names its data")):
        odd = shutil.copytree(folder, tmp_path / said)
        (odd / "card.json").write_text(text)
        with pytest.raises(UserError, match=said):
            evaluate([odd])
    with pytest.raises(UserError, match="scores need at least 16"):
        evaluate(runs[:1], features="judge:mnist", n=3)
    assert (folder / "card.json").read_bytes() == before


def test_saved_model_scores_as_its_run(runs: list[Path], tmp_path: Path) -> None:
    written = evaluate(runs[:1], card=tmp_path / "m", features="judge:mnist")
    again = evaluate([tmp_path / "m"])
    assert [row.key for row in again.rows] == [row.key for row in written.rows]
    for first, second in zip(written.rows, again.rows, strict=True):
        assert second.values == pytest.approx(first.values, rel=1e-5, abs=1e-6), first.key


def test_a_class_of_a_single_image_has_no_pairs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "saved_models/acgan-mnist", tmp_path / "m")
    card = cards.read_card(tmp_path / "m")
    assert card is not None
    settings = {**card.settings, "dataset": "mnist5k"}
    cards.write_card(tmp_path / "m", dataclasses.replace(card, dataset="mnist5k", settings=settings))
    # of ten classes that take turns
    few, enough = ([row.measure for row in evaluate([tmp_path / "m"], n=n).rows] for n in (16, 20))
    assert "label_accuracy" in few and "ms_ssim_within" not in few
    assert enough.count("ms_ssim_within") == 20  # of samples and of real images


def test_samples_come_in_blocks_of_their_own_seeds(runs: list[Path], tmp_path: Path) -> None:
    model = Exported(export_run(runs[0], tmp_path / "m"))
    images = model.sample(labels=np.zeros(600, np.int32), seed=3)
    assert images.shape == (600, 28, 28, 1)
    assert len(np.unique(images.reshape(600, -1), axis=0)) == 600
    np.testing.assert_array_equal(images[:500], model.sample(labels=np.zeros(500, np.int32), seed=3))


def test_report_is_one_page_with_everything(runs: list[Path]) -> None:
    evaluate(runs[:1], features="judge:mnist")
    page = write_report(runs[0]).read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert page.count("data:image/png;base64,") >= 4  # samples, three moments, curves
    assert f"{measured(runs[0])['kernel_distance', 'model'][0]:.4g}" in page
    assert "Kernel distance (0 is best), of training images: the floor" in page
    assert "learning_rate" in page


class Few:
    """A network of four features."""

    name, sha256, n_classes, image_shape = "few", "0", 0, (28, 28, 1)

    def __init__(self, judge: Any) -> None:
        self.judge = judge

    def features(self, images: np.ndarray) -> np.ndarray:
        return self.judge.features(images) @ np.random.default_rng(0).normal(size=(128, 4))


def test_folders(
    pictures: Path,
    tmp_path: Path,
    judge: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    same = evaluate_folders(pictures, pictures, "judge:mnist")
    found = {(row.measure, row.of): row.values for row in same["measurements"]}
    assert "30 images are too few for a Frechet distance in 128 features" in capsys.readouterr().err
    assert next(iter(found)) == ("kernel_distance", "model") and ("frechet_distance", "model") not in found
    assert same["protocol"]["n_real"] == same["protocol"]["n_fake"] == 60
    assert found["precision", "model"] == [1.0]
    monkeypatch.setattr("tfgans.evaluation.folders.load_features", lambda name: Few(judge))
    rows = evaluate_folders(pictures, pictures, "judge:mnist")["measurements"]
    found = {(row.measure, row.of): row.values for row in rows}
    # the same images, half of which are compared with another half as the floor is: no better than real ones
    assert 0.05 < found["frechet_distance", "model"][0] / found["frechet_distance", "real"][0] <= 1.5
    with pytest.raises(UserError, match="no folder"):
        evaluate_folders(pictures, tmp_path / "absent", "judge:mnist")
    few = tmp_path / "few"
    few.mkdir()
    for i in range(5):
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(few / f"{i}.png")
    for real, fake in ((pictures, few), (few, pictures)):
        with pytest.raises(UserError, match="few holds 5 images; scores need at least 16"):
            evaluate_folders(real, fake, "judge:mnist")


def test_readme_table_is_that_of_the_cards() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert tables.with_table(readme) == readme, "run python -m tfgans.reports"


class Knowing:
    """Stands in for the model of a checkpoint: it counts white pixels and knows all labels."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels, self.read = labels, 0

    def bound(self, images: Any, seed: Any) -> Any:
        assert images.shape[1:] == (28, 28, 1)
        return tf.reduce_sum(images, axis=(1, 2, 3))

    def canvases(self, n: int, seed: int) -> Any:
        """64 glimpses: black pixels, of which glimpse t leaves a white column every 64 - t."""
        drawn = np.zeros((64, n, 28, 28, 1))
        for t in range(64):
            drawn[t, :, :, :: min(64 - t, 28)] = 1
        return tf.constant(drawn)

    def recognize(self, images: np.ndarray) -> Any:
        self.read += len(images)
        return tf.constant((self.labels[self.read - len(images) : self.read] + 3) % 10)  # under names of its own


def test_what_only_the_model_can_say() -> None:
    test = data.load("mnist5k", "test")

    def measured_by(*abilities: str, batch: int = 200) -> list[cards.Row]:
        model = Knowing(test.labels)
        able = types.SimpleNamespace(**{name: getattr(model, name) for name in abilities})
        run: Any = types.SimpleNamespace(latest=lambda: 7, load={7: able}.__getitem__)
        return measure_run(run, None, Subject(RECIPE), batch=batch)  # type: ignore[arg-type]

    bound, *sharp = measured_by("bound", "canvases")
    white = test.images.sum(axis=(1, 2, 3)) / 255
    assert (bound.measure, bound.test) == ("nll_bound", "mnist5k")
    # binarized by brightness: on the average as many white pixels as there was light
    assert bound.values == [pytest.approx(white.mean(), abs=4 * (784 / 4 / len(test)) ** 0.5)]
    assert [bound, *sharp] == measured_by("bound", "canvases", batch=500)
    # at glimpses 6, 13, ... 64: a column at the border has one edge, one inside two; the last canvas is white
    assert [(row.measure, row.where) for row in sharp] == [("canvas_sharpness", f"tenth {k}") for k in range(1, 11)]
    assert [row.values for row in sharp[:5]] == [[1.0]] * 5 and sharp[-1].values == [0.0]
    (read,) = measured_by("recognize")
    assert (read.measure, read.values) == ("recognition_accuracy", [1.0])
    assert measured_by() == []
