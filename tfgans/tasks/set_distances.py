"""Sets of images compared by their features, and how far a number of images carries.

A Frechet distance is biased: sets of n images of the same kind have one above 0, the larger the fewer there are of
them. So all sets, the floor's too, are brought to the same n; fewer than TIMES n features get none; and fewer than FEW
times as many are warned of, with how large the bias is. A kernel distance has no bias.
"""

import sys
from typing import Any

import numpy as np

from tfgans import metrics
from tfgans.card import Row
from tfgans.tasks import row

TIMES = 2  # images for each feature, at least: with fewer than one, the covariance has not even full rank
FEW = 10  # images for each feature, below which the bias is told


def frechet_rows(real: np.ndarray, sets: dict[str, np.ndarray], what: str, **place: Any) -> list[Row]:
    """The Frechet distance of each set of features (m, d) from the real ones (n, d), all of as many images.

    None where the smallest set has fewer than TIMES d; that, and the bias of few, is said on stderr.
    """
    d, least = real.shape[1], min(len(each) for each in (real, *sets.values()))
    if least < TIMES * d:
        print(
            f"{what}: {least} images are too few for a Frechet distance in {d} features, which takes {TIMES * d}; "
            "the kernel distance can be read",
            file=sys.stderr,
        )
        return []
    real = some(real, least)
    found = {of: metrics.frechet_distance(real, some(each, least)) for of, each in sets.items()}
    if least < FEW * d:
        bias = metrics.frechet_bias(real, least)
        share = bias / np.trace(np.cov(real, rowvar=False))
        print(
            f"{what}: two sets of {least} images of the same kind have a Frechet distance of about {bias:.3g} in {d} "
            f"features ({100 * share:.0f}% of their variance); read it beside the floor, and the kernel distance first",
            file=sys.stderr,
        )
    return [row("frechet_distance", value, of, **place) for of, value in found.items()]


def kernel_rows(real: np.ndarray, sets: dict[str, np.ndarray], **place: Any) -> list[Row]:
    """The kernel distance of each set of features from the real ones."""
    return [row("kernel_distance", metrics.kernel_distance(real, each)[0], of, **place) for of, each in sets.items()]


def some(features: np.ndarray, n: int) -> np.ndarray:
    """`n` rows, drawn at random where there are more: sets may be sorted by class."""
    if n == len(features):
        return features
    return features[np.sort(np.random.default_rng(0).permutation(len(features))[:n])]
