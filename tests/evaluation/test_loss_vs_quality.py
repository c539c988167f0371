"""Measures over a training, within a class, and of what a code does."""

import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity

from tfgans import data, metrics
from tfgans.evaluation import loss_vs_quality as over_time
from tfgans.recipe import Recipe
from tfgans.tasks import Subject


def bars(shears: np.ndarray, width: int = 2) -> np.ndarray:
    """Images (n, 28, 28, 1) of a bar 20 rows high that leans `shear` columns to the right for each row upwards."""
    images = np.zeros((len(shears), 28, 28, 1), np.float32)
    for image, shear in zip(images, shears, strict=True):
        for row in range(4, 24):
            left = round(14 + shear * (14 - row)) - width // 2
            image[row, left : left + width] = 1.0
    return images


def test_slant_is_the_shear() -> None:
    shears = np.array([-0.5, 0.0, 0.25, 0.5])
    np.testing.assert_allclose(metrics.slant(bars(shears)), shears, atol=0.02)
    np.testing.assert_allclose(metrics.slant((255 * bars(shears)).astype(np.uint8)), shears, atol=0.02)
    flat = np.zeros((2, 28, 28, 1), np.float32)
    flat[1, 14, 4:20] = 1
    assert metrics.slant(flat).tolist() == [0.0, 0.0]


def test_width_is_that_of_the_upright_digit() -> None:
    """A bar of k columns has the deviation sqrt((k^2 - 1) / 12), however it leans (but for rounding to pixels)."""
    for columns in (2, 6, 10):
        found = metrics.width(bars(np.array([0.0, 0.5]), width=columns))
        np.testing.assert_allclose(found, ((columns**2 - 1) / 12) ** 0.5, atol=0.12)


def test_stroke_width_by_hand() -> None:
    """A line of w pixels across an image of 0.8: its outline's two sides and, within, one corner at its end."""
    images = np.zeros((4, 12, 12, 1))
    images[1, 4:6] = 0.8  # length 12, width 2: the outline is 2 x 12 long, and both ends 2 each less the corner
    images[2, :, 3:8] = 0.8
    images[3, 2:10, 2:10] = 0.3  # a square of 8: 4 x 8, but for the corner
    corner = 2**0.5 - 2
    expected = [0, 2 * 24 / (2 * 12 + 2 * 2 + corner), 2 * 60 / (2 * 12 + 2 * 5 + corner), 128 / (32 + corner)]
    np.testing.assert_allclose(metrics.stroke_width(images), expected)


def test_sharpness_by_hand() -> None:
    images = np.zeros((3, 5, 6, 1))
    images[1, 2, 1:5] = 0.5  # a line: above, below, and both ends
    images[2, 1:4, 1:5] = 1 / 6  # as much ink, spread: around it, from 12 pixels
    np.testing.assert_allclose(metrics.sharpness(images), [0, (8 + 2) * 0.5 / 2, (8 + 6) / 6 / 2])


def test_effects_of_codes() -> None:
    """The first code turns, the second thickens; the category does both, which must not count."""
    rng = np.random.default_rng(0)
    codes, categories = rng.uniform(-1, 1, (60, 2)), np.repeat([0, 1, 2], 20)
    images = np.concatenate(
        [
            bars(np.array([0.3 * turn + 0.3 * (c - 1)]), width=2 * c + 3 + round(2 * thick))
            for (turn, thick), c in zip(codes, categories, strict=True)
        ]
    )
    found = metrics.code_effects(codes, categories, images)
    assert found["turns"][0] > 0.95 and abs(found["turns"][1]) < 0.4
    assert found["widens"][1] > 0.85 and abs(found["widens"][0]) < 0.4
    assert found["thickens"][1] > 0.85 and abs(found["thickens"][0]) < 0.4
    same = metrics.code_effects(codes, categories, np.ones_like(images))
    assert same == {"turns": [0.0, 0.0], "thickens": [0.0, 0.0], "widens": [0.0, 0.0]}


def test_alikeness_within_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    one, labels = rng.uniform(0, 1, (1, 28, 28, 1)), np.repeat([3, 7], 10)
    images = np.concatenate([np.repeat(one, 10, axis=0), rng.uniform(0, 1, (10, 28, 28, 1))])
    same, different = metrics.ms_ssim_within(images, labels)
    assert same == pytest.approx(1.0) and abs(different) < 0.2
    digits = data.load("mnist5k", "test")
    assert 0.1 < metrics.ms_ssim_within(digits.images, digits.labels).mean() < 0.6
    with pytest.raises(ValueError, match="28 pixels"):
        metrics.ms_ssim_within(images[:, :20], labels)
    with pytest.raises(ValueError, match="no pair"):
        metrics.ms_ssim_within(images, np.array([1] * 19 + [2]))
    # with a single scale it is the mean SSIM of the pairs, which scikit-image computes too
    monkeypatch.setattr("tfgans.metrics.diversity.SCALES", (1.0,))
    two = digits.images[np.flatnonzero(digits.labels == 4)[:2]]
    expected = structural_similarity(
        *two[..., 0], win_size=7, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, truncate=2.0
    )
    found = metrics.ms_ssim_within(two, np.array([4, 4]))[0]
    assert found == pytest.approx(expected, abs=0.02)


class Judge:
    """Its features are an image's first three pixels."""

    n_classes = 10

    def features(self, images: np.ndarray) -> np.ndarray:
        images = images / 255.0 if images.dtype == np.uint8 else images
        return images.reshape(len(images), -1)[:, :3].astype(np.float64)


def run_with(folder: Path, distances: list[float], losses: list[float]) -> Any:
    """A run whose checkpoint k makes uniform noise that is lighter by distances[k]."""

    def load(step: int) -> Any:
        return types.SimpleNamespace(
            sample=lambda n, seed: tf.random.stateless_uniform((n, 28, 28, 1), (seed, 0)) * 0.1 + distances[step]
        )

    rows = [{"step": float(i), "d": loss} for i, loss in enumerate(losses)]
    return types.SimpleNamespace(
        path=folder,
        config={"seed": 3},
        read_history=lambda: rows,
        steps=lambda: list(range(len(distances))),
        load=load,
    )


def test_a_loss_that_tells_of_quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(Recipe("mnist5k", {"image_shape": [28, 28, 1]}, {}, 1, 1), n=400)  # of which a quarter is drawn
    monkeypatch.setattr(over_time, "load_features", lambda name: Judge())
    distances = [0.9, 0.6, 0.7, 0.3, 0.1]  # digits are black at the corner
    losses = [9.0, 6.0, 7.0, 3.0, 1.0]
    found = {row.key[:3]: row.values for row in over_time.follow(run_with(tmp_path, distances, losses), "d", subject)}
    assert found["mnist5k", "quality_correlation", "model"] == [pytest.approx(1.0)]
    assert found["mnist5k", "quality_correlation", "step"] == [pytest.approx(-0.9)]  # what any falling series has
    assert found["mnist5k", "quality_change_correlation", "model"] == [pytest.approx(0.8)]
    seeds, steps, estimates, scores = zip(*over_time.read_quality(tmp_path), strict=True)
    assert seeds == (3,) * 5 and steps == (0, 1, 2, 3, 4) and estimates == tuple(losses)
    np.testing.assert_allclose(scores, [3 * (d + 0.05) ** 2 for d in distances], atol=0.1)
    turned = over_time.follow(run_with(tmp_path, distances, [1.0, 3.0, 7.0, 6.0, 9.0]), "d", subject)
    assert {row.key[1:3]: row.values for row in turned}["quality_correlation", "model"] == [pytest.approx(-0.7)]
    assert over_time.follow(run_with(tmp_path, distances[:4], [1.0] * 4), "d", subject) == []
    assert over_time.read_quality(tmp_path) == [], "measured anew, without a curve"
    monkeypatch.setattr(Judge, "n_classes", 0)  # another network than a judge
    assert over_time.follow(run_with(tmp_path, distances, losses), "d", subject) == []


def test_two_falling_series_are_told_from_one_that_follows_the_other() -> None:
    rng = np.random.default_rng(0)
    steps = np.arange(1, 200)
    distances = 100 / steps + np.cumsum(rng.normal(size=199)) * 1e-3
    alone = 7 / steps + np.cumsum(rng.normal(size=199)) * 1e-4  # falls as well, and knows nothing of the other
    found = over_time.correlations(alone, distances)
    assert found["quality_correlation"] > 0.95 and found["quality_change_correlation"] > 0.5
    assert abs(found["quality_change_correlation_detrended"]) < 0.3
    follows = over_time.correlations(np.sqrt(distances), distances)
    assert min(follows.values()) > 0.95
    assert set(over_time.correlations([1.0] * 9, distances[:9]).values()) == {0.0}


def test_curves_of_runs_are_kept_beside_a_card(tmp_path: Path) -> None:
    runs = []
    for seed in (3, 4, 5):
        runs.append(types.SimpleNamespace(path=tmp_path / str(seed)))
        over_time.write_quality(runs[-1].path, seed, [[10, 0.5 + seed, 1 / 3]] if seed < 5 else [])
    card: Any = tmp_path / "card"
    over_time.add_quality(card, runs[:1])
    assert (card / over_time.QUALITY).read_text().splitlines()[0] == "seed,step,estimate,frechet_distance"
    over_time.add_quality(card, runs[1:])  # of further seeds
    assert over_time.read_quality(card) == [(3, 10, 3.5, 1 / 3), (4, 10, 4.5, 1 / 3)]
    assert over_time.read_quality(runs[2].path) == []
    over_time.write_quality(runs[0].path, 3, [])
    assert over_time.read_quality(runs[0].path) == []
