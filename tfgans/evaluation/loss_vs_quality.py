"""Whether a loss tells how good the samples are: its history beside the Frechet distance of each checkpoint's samples.

The claim of the WGAN paper (section 4.2, figures 3 and 4). A class whose loss is said to tell names the term as
`estimate`; its recipe keeps every checkpoint (`keep`).
"""

from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import spearmanr
from tqdm import tqdm

from tfgans import data, metrics
from tfgans.card import Row
from tfgans.features import load_features
from tfgans.files import write_csv
from tfgans.run import Run
from tfgans.tasks import SAMPLE_SEED, Subject, judge_of, row

FEWEST = 5  # checkpoints
CURVE = "quality_over_time.csv"  # beside metrics.json, and beside a card


def follow(run: Run, term: str, subject: Subject) -> list[Row]:
    """The rank correlation of a term with the Frechet distance of a quarter of `n` samples, over the checkpoints.

    The curve goes to CURVE in the run's folder: step, the term's value and the distance of that checkpoint. Returns
    no row for a run with fewer than FEWEST checkpoints, nor where the features are not those of a judge.
    """
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
    lines = []
    for step in tqdm(steps, desc="checkpoints", leave=False):
        sample = tf.function(run.load(step).sample)
        parts = [sample(tf.constant(500), tf.constant(SAMPLE_SEED + i)).numpy() for i in range(0, n, 500)]
        seen = judge.features(np.concatenate(parts)[:n])
        distance = metrics.frechet_distance(real, seen)
        lines.append({"step": step, "estimate": history[step], "frechet_distance": distance})
    write_csv(run.path / CURVE, lines)
    values, distances = zip(*((line["estimate"], line["frechet_distance"]) for line in lines), strict=True)
    return [row("quality_correlation", spearmanr(values, distances).statistic, test=subject.label)]
