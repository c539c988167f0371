"""Does a loss indicate sample quality? Its history is compared with the Frechet distance at each checkpoint.

The claim of the WGAN paper (section 4.2, figures 3 and 4). A class with such a loss names the term as `estimate`; its
recipe keeps every checkpoint (`keep`).

In a training that improves, both fall with time, as any two such series do: even the step number has a rank
correlation of -1 with the distance. Therefore the changes from checkpoint to checkpoint are correlated too, and once
more with their own trend removed, because both slow down.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr
from tqdm import tqdm

from tfgans import data, metrics
from tfgans.card import Row
from tfgans.features import load_features
from tfgans.files import write_text
from tfgans.run import Run
from tfgans.tasks import SAMPLE_SEED, Subject, judge_of, row

FEWEST = 5  # checkpoints
QUALITY = "quality_over_time.csv"  # in a run's folder, and beside its card
CORRELATIONS = ("quality_correlation", "quality_change_correlation", "quality_change_correlation_detrended")
COLUMNS = ("seed", "step", "estimate", "frechet_distance")


def follow(run: Run, term: str, subject: Subject) -> list[Row]:
    """The rank correlations of a term with the Frechet distance of a quarter of `n` samples over the checkpoints: see
    `correlations`. The generator's loss is added if it is another term.

    The curve is written to QUALITY in the run's folder: step, the term's value and the distance at each checkpoint.
    Returns no rows for a run with fewer than FEWEST checkpoints, or if the features are not those of a judge.
    """
    (run.path / QUALITY).unlink(missing_ok=True)  # of an earlier measurement
    losses = {int(line["step"]): line for line in run.read_history()}
    history = {step: line[term] for step, line in losses.items()}
    steps = [step for step in run.steps() if step in history]
    if len(steps) < FEWEST:
        return []
    judge: Any = load_features(subject.features or judge_of(subject.recipe.dataset))
    if not judge.n_classes:
        return []
    dataset, n = subject.recipe.dataset, subject.n // 4
    test = data.load(dataset, "test", data_dir=subject.data_dir, image_shape=subject.image_shape)
    real = judge.features(test.images[:n])
    curve: list[list[float]] = []
    for step in tqdm(steps, desc="checkpoints", leave=False):
        sample = tf.function(run.load(step).sample)
        parts = [sample(tf.constant(500), tf.constant(SAMPLE_SEED + i)).numpy() for i in range(0, n, 500)]
        seen = judge.features(np.concatenate(parts)[:n])
        curve.append([step, history[step], metrics.frechet_distance(real, seen)])
    write_quality(run.path, run.config["seed"], curve)
    times, values, distances = zip(*curve, strict=True)
    rows = [row("quality_correlation", spearmanr(times, distances).statistic, "step", test=subject.label)]
    series = {"model": values}
    if term != "g_loss" and "g_loss" in losses[steps[0]]:
        series["g_loss"] = tuple(losses[step]["g_loss"] for step in steps)
    for of, each in series.items():
        rows += [row(name, value, of, test=subject.label) for name, value in correlations(each, distances).items()]
    return rows


def correlations(values: Sequence[float], distances: Sequence[float]) -> dict[str, float]:
    """Rank correlations of two series, of their changes, and of the changes given time.

    The last is the partial correlation, (r - s t) / sqrt((1 - s^2) (1 - t^2)), where s and t are the correlations of
    the changes with time. For a series without changes it is 0.
    """
    one, other = np.diff(values), np.diff(distances)

    def rank(a: Any, b: Any) -> float:
        return float(spearmanr(a, b).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0

    r, s, t = rank(one, other), rank(np.arange(len(one)), one), rank(np.arange(len(other)), other)
    left = np.sqrt((1 - s**2) * (1 - t**2))
    detrended = float((r - s * t) / left) if left > 1e-6 else 0.0
    return dict(zip(CORRELATIONS, (rank(values, distances), r, detrended), strict=True))


def write_quality(folder: str | Path, seed: int, curve: list[list[float]]) -> None:
    """Write [step, estimate, Frechet distance] of each checkpoint to a folder."""
    _write(folder, [(seed, *point) for point in curve])


def read_quality(folder: str | Path) -> list[tuple[float, ...]]:
    """Rows of COLUMNS; none if there is no such file."""
    path = Path(folder) / QUALITY
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [tuple(float(row[column]) for column in COLUMNS) for row in csv.DictReader(file)]


def add_quality(folder: str | Path, runs: list[Run]) -> None:
    """Append the rows of runs to those in a card's folder."""
    rows = [row for place in (folder, *(run.path for run in runs)) for row in read_quality(place)]
    if rows:
        _write(folder, rows)


def _write(folder: str | Path, rows: list[Any]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((int(seed), int(step), repr(float(loss)), repr(float(score))) for seed, step, loss, score in rows)
    write_text(Path(folder) / QUALITY, text.getvalue())
