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
from tfgans.files import write_text
from tfgans.run import Run

FEWEST = 5  # checkpoints
QUALITY = "quality_over_time.csv"  # of a run, and beside its card
COLUMNS = ("seed", "step", "estimate", "frechet_distance")


def follow(run: Run, term: str, judge: Any, n: int, seed: int, data_dir: str | None) -> dict[str, Any]:
    """The Frechet distance in the judge's features of `n` samples of each checkpoint, and how it goes with a term.

    Returns {} of a run with fewer than FEWEST checkpoints; otherwise `quality_over_time`, a list of [step, value of the
    term, Frechet distance], and `quality_correlation`, the rank correlation of the last two.
    """
    recipe = run.config["recipe"]
    history = {int(row["step"]): row[term] for row in run.read_history()}
    steps = [step for step in run.steps() if step in history]
    if len(steps) < FEWEST:
        return {}
    test = data.load(recipe["dataset"], "test", data_dir=data_dir, image_shape=tuple(recipe["model"]["image_shape"]))
    real = judge.features(test.images[:n])
    rows = []
    for step in tqdm(steps, desc="checkpoints", leave=False):
        sample = tf.function(run.load(step).sample)
        parts = [sample(tf.constant(500), tf.constant(seed + i)).numpy() for i in range(0, n, 500)]
        seen = judge.features(np.concatenate(parts)[:n])
        rows.append([step, history[step], metrics.frechet_distance(real, seen)])
    _, values, distances = zip(*rows, strict=True)
    return {"quality_correlation": float(spearmanr(values, distances).statistic), "quality_over_time": rows}


def write_quality(folder: str | Path, seed: int, rows: list[list[float]]) -> None:
    """Keep [step, estimate, Frechet distance] of each checkpoint in a folder; without any, remove what is there."""
    if rows:
        _write(folder, [(seed, *row) for row in rows])
    else:
        (Path(folder) / QUALITY).unlink(missing_ok=True)


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
