"""Sets of features: how few give no Frechet distance, and how large the bias of few is."""

import numpy as np
import pytest

from tfgans import metrics
from tfgans.tasks.set_distances import frechet_rows, kernel_rows

D = 8


def features(n: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)) * np.arange(1, D + 1) ** 0.5 + shift


def test_too_few_images_have_no_frechet_distance(capsys: pytest.CaptureFixture[str]) -> None:
    sets = {"model": features(2 * D - 1, 1), "train": features(40, 2)}
    assert frechet_rows(features(40, 0), sets, "faces", test="faces") == []
    assert (
        "faces: 15 images are too few for a Frechet distance in 8 features, which needs 16" in capsys.readouterr().err
    )
    rows = kernel_rows(features(40, 0), sets, test="faces")
    assert [(row.measure, row.of, row.test) for row in rows] == [
        ("kernel_distance", "model", "faces"),
        ("kernel_distance", "train", "faces"),
    ]


def test_the_floor_has_as_many_images_as_the_score(capsys: pytest.CaptureFixture[str]) -> None:
    """Samples of the real distribution score about as the floor does, though there are ten times as many of them."""
    real, floor = features(4000, 0), features(60, 2)
    model, train = frechet_rows(real, {"model": features(4000, 1), "train": floor}, "x", test="x")
    assert (model.of, train.of) == ("model", "train")
    assert 0.5 < model.values[0] / train.values[0] < 2
    told = capsys.readouterr().err
    bias = metrics.frechet_bias(real, 60)
    assert 0.5 < model.values[0] / bias < 2 and "two sets of 60 images" in told
    share = 100 * bias / np.arange(1, D + 1).sum()
    (percent,) = (word for word in told.split() if word.endswith("%"))
    assert float(percent.strip("(%")) == pytest.approx(share, rel=0.4)
    assert frechet_rows(real, {"model": features(4000, 1)}, "x", test="x")[0].values[0] < 0.2
    assert capsys.readouterr().err == ""


def test_sorted_sets_are_drawn_from() -> None:
    real = np.concatenate([features(500, 0, shift=-3), features(500, 1, shift=3)])  # sorted by class
    other = np.random.default_rng(0).permutation(real)[:200]
    (row,) = frechet_rows(real, {"model": other}, "x", test="x")
    assert row.values[0] < 5
