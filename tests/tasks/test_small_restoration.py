"""What a judge reads in restored digits, and a reader of the coarse ones."""

import numpy as np
import pytest
import tensorflow as tf

from tfgans import data, metrics
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.inference.exported import Exported
from tfgans.tasks.small_restoration import coarse, measure_small, small_sheet

N = 300


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
    result = measure_small(squares, "mnist5k", "pool:7", "judge:mnist", N)
    found, protocol = result["metrics"], result["protocol"]
    assert protocol["n_images"] == {"mnist5k": N} and protocol["border"] == 0 and protocol["channel"] == "gray"
    test = data.load("mnist5k", "test")
    original = test.images[:N]
    small = original.reshape(N, 4, 7, 4, 7, 1).mean(axis=(2, 4)).round()
    made = small.repeat(7, axis=1).repeat(7, axis=2).astype(np.uint8)
    judge = load_features("judge:mnist")
    assert found["psnr"] == pytest.approx(np.mean(metrics.psnr(made, original)), abs=0.02)
    read = judge.logits(made).argmax(axis=1)
    assert found["judge_accuracy"] == pytest.approx(np.mean(read == test.labels[:N]), abs=0.02)
    assert found["judge_accuracy_real"] > 0.98 > 0.8 > found["judge_accuracy"]
    assert found["psnr_bicubic"] > found["psnr"], "smooth pictures are nearer to digits than squares are"
    assert found["frechet_distance"] > 20 * found["frechet_floor"]
    assert found["judge_accuracy_real"] > found["coarse_accuracy"] > 0.8, "16 numbers say much of a digit"


def test_coarse_images_are_those_of_the_degradation() -> None:
    images = np.random.default_rng(0).integers(0, 256, (260, 8, 8, 3), dtype=np.uint8)
    small = coarse(images, "pool:4")
    expected = images.reshape(260, 2, 4, 2, 4, 3).mean(axis=(2, 4))
    assert small.dtype == np.uint8 and np.abs(small - expected).max() <= 0.51
    noisy = coarse(images, "noise:0.1")
    assert np.array_equal(noisy[5], coarse(images[:6], "noise:0.1")[5]), "an image's noise depends on its number alone"
    assert not np.array_equal(noisy[0] - 1.0 * images[0], noisy[1] - 1.0 * images[1])


def test_the_sheet_shows_coarse_restored_and_original(squares: Exported) -> None:
    sheet = small_sheet(squares, "mnist5k", "pool:7", (28, 28, 1))
    rows = sheet.shape[0] // 9
    assert sheet.shape[1] // 10 in range(28, 34) and rows in range(28, 34)
    top, middle = sheet[2:rows, 2:], sheet[rows + 2 : 2 * rows, 2:]
    assert np.array_equal(top[:26, :26], middle[:26, :26]), "this model makes of a coarse image its squares"


def test_what_cannot_be_read(squares: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no judge"):
        measure_small(squares, "mnist5k", "pool:7", "judge:nowhere", N)
    monkeypatch.setattr("tfgans.tasks.small_restoration.load_features", lambda name: object())
    with pytest.raises(UserError, match="judge:NAME"):
        measure_small(squares, "mnist5k", "pool:7", "inception", N)
