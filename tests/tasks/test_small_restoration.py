"""The judge's accuracy on restored digits, and that of a classifier of the degraded ones."""

import dataclasses
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare

from tfgans import data, endpoint, metrics
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.inference.exported import Exported
from tfgans.recipe import Recipe
from tfgans.tasks import Subject
from tfgans.tasks.small_restoration import coarse, measure, sheet

N = 300
RECIPE = Recipe("mnist5k", {"image_shape": [28, 28, 1]}, {}, 1, 1, degradation="pool:7", crop=False, flip=False)


def subject(**options: Any) -> Subject:
    return Subject(RECIPE, **{"features": "judge:mnist", "n": N, **options})


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A model that repeats pixels, 7 times in each direction."""
    folder = tmp_path_factory.mktemp("squares") / "m"
    module = tf.Module()
    module.restore = tf.function(
        lambda images: tf.repeat(tf.repeat(images, 7, axis=1), 7, axis=2),
        input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32, "images")],
    )
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})
    return Exported(folder)


def test_scores_are_those_of_the_images(squares: Exported) -> None:
    protocol, rows = measure(squares, subject())
    assert protocol["n_images"] == {"mnist5k": N} and protocol["border"] == 0 and protocol["channel"] == "gray"
    assert {row.test for row in rows} == {"mnist5k"} and protocol["tests"] == ["mnist5k"]
    found = {(row.measure, row.of): row.values[0] for row in rows}
    test = data.load("mnist5k", "test")
    original = test.images[:N]
    small = original.reshape(N, 4, 7, 4, 7, 1).mean(axis=(2, 4)).round()
    made = small.repeat(7, axis=1).repeat(7, axis=2).astype(np.uint8)
    judge = load_features("judge:mnist")
    assert found["psnr", "model"] == pytest.approx(np.mean(metrics.psnr(made, original)), abs=0.02)
    read = judge.logits(made).argmax(axis=1)
    accuracy, real = found["judge_accuracy", "model"], found["judge_accuracy", "real"]
    assert accuracy == pytest.approx(np.mean(read == test.labels[:N]), abs=0.02)
    assert real > 0.98 > 0.8 > accuracy
    assert found["psnr", "bicubic"] > found["psnr", "model"], "smooth pictures are nearer to digits than squares are"
    assert found["frechet_distance", "model"] > 20 * found["frechet_distance", "train"]
    assert real > found["coarse_accuracy", "input"] > 0.8, "16 numbers say much of a digit"


def test_the_judge_is_that_of_the_data(squares: Exported) -> None:
    """mnist5k has none of its own; its images are read by that of mnist."""
    by_name, by_default = (measure(squares, subject(features=f, n=20)) for f in ("judge:mnist", None))
    assert by_name == by_default and by_default.protocol["features"] == "judge:mnist"


def test_coarse_images_are_those_of_the_degradation() -> None:
    images = np.random.default_rng(0).integers(0, 256, (260, 8, 8, 3), dtype=np.uint8)
    small = coarse(images, "pool:4")
    expected = images.reshape(260, 2, 4, 2, 4, 3).mean(axis=(2, 4))
    assert small.dtype == np.uint8 and np.abs(small - expected).max() <= 0.51
    noisy = coarse(images, "noise:0.1")
    assert np.array_equal(noisy[5], coarse(images[:6], "noise:0.1")[5]), "an image's noise depends on its number alone"
    assert not np.array_equal(noisy[0] - 1.0 * images[0], noisy[1] - 1.0 * images[1])


def test_the_sheet_shows_coarse_restored_and_original(squares: Exported) -> None:
    picture = sheet(squares, subject())
    rows = picture.shape[0] // 9
    assert picture.shape[1] // 10 in range(28, 34) and rows in range(28, 34)
    top, middle = picture[2:rows, 2:], picture[rows + 2 : 2 * rows, 2:]
    assert np.array_equal(top[:26, :26], middle[:26, :26]), "this model makes of a coarse image its squares"


def test_what_cannot_be_read(squares: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no judge"):
        measure(squares, subject(features="judge:nowhere"))
    monkeypatch.setattr("tfgans.tasks.small_restoration.load_features", lambda name: types.SimpleNamespace(n_classes=0))
    with pytest.raises(UserError, match="judge:NAME"):
        measure(squares, subject(features="inception"))


def test_what_is_not_enlarged_is_compared_with_the_input(tmp_path: Path) -> None:
    """A model that leaves the noise as it is."""
    images = endpoint.images(1)
    rules = Endpoint({"images": images}, {"images": images})
    same = Exported(declare(tmp_path / "m", {"restore": (lambda given: given, rules)}))
    recipe = dataclasses.replace(RECIPE, degradation="noise:0.1")
    rows = measure(same, Subject(recipe, features="judge:mnist", n=20)).rows
    found = {(row.measure, row.of): row.values[0] for row in rows}
    assert found["psnr", "model"] == found["psnr", "input"]
    assert np.isfinite(list(found.values())).all() and ("high_frequency", "model") not in found
