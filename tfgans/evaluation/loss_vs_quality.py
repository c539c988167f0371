"""Whether a loss tells how good the samples are: its history beside the Frechet distance of each checkpoint's samples.

The claim of the WGAN paper (section 4.2, figures 3 and 4). A class whose loss is said to tell names the term as
`estimate`; its recipe keeps every checkpoint (`keep`).
"""

import csv
import io
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
QUALITY = "quality_over_time.csv"  # of a run, and beside its card
COLUMNS = ("seed", "step", "estimate", "frechet_distance")


def follow(run: Run, term: str, subject: Subject) -> list[Row]:
    """The rank correlation of a term with the Frechet distance of a quarter of `n` samples, over the checkpoints.

    The curve goes to QUALITY in the run's folder: step, the term's value and the distance of that checkpoint. Returns
    no row for a run with fewer than FEWEST checkpoints, nor where the features are not those of a judge.
    """
    (run.path / QUALITY).unlink(missing_ok=True)  # of an earlier measurement
    history = {int(line["step"]): line[term] for line in run.read_history()}
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
    _, values, distances = zip(*curve, strict=True)
    return [row("quality_correlation", spearmanr(values, distances).statistic, test=subject.label)]


def write_quality(folder: str | Path, seed: int, curve: list[list[float]]) -> None:
    """Keep [step, estimate, Frechet distance] of each checkpoint in a folder."""
    _write(folder, [(seed, *point) for point in curve])


def read_quality(folder: str | Path) -> list[tuple[float, ...]]:
    """Rows of COLUMNS; none where there is no such file."""
    path = Path(folder) / QUALITY
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [tuple(float(row[column]) for column in COLUMNS) for row in csv.DictReader(file)]


def add_quality(folder: str | Path, runs: list[Run]) -> None:
    """Add the rows of runs to those in a card's folder."""
    rows = [row for place in (folder, *(run.path for run in runs)) for row in read_quality(place)]
    if rows:
        _write(folder, rows)


def _write(folder: str | Path, rows: list[Any]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((int(seed), int(step), repr(float(loss)), repr(float(score))) for seed, step, loss, score in rows)
    write_text(Path(folder) / QUALITY, text.getvalue())
