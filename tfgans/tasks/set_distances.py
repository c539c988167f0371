"""Comparing sets of images by their features, and the reliability of the results for small sets.

The Frechet distance is biased: two sets of n images of the same kind have a distance above 0, which is larger for
smaller n. So all sets, including the floor's, are reduced to the same n. Sets with fewer than TIMES n images per
feature get no distance, and sets with fewer than FEW get a warning with the bias. A kernel distance is unbiased.
"""

import sys
from typing import Any

import numpy as np

from tfgans import metrics
from tfgans.card import Row
from tfgans.tasks import row

TIMES = 2  # least images per feature: below one, the covariance does not even have full rank
FEW = 10  # images per feature, below which a warning gives the bias


def frechet_rows(real: np.ndarray, sets: dict[str, np.ndarray], what: str, **place: Any) -> list[Row]:
    """The Frechet distance of each set of features (m, d) from the real ones (n, d), all of as many images.

    It is None if the smallest set has fewer than TIMES d images; this, and the bias of small sets, go to stderr.
    """
    d, least = real.shape[1], min(len(each) for each in (real, *sets.values()))
    if least < TIMES * d:
        print(
            f"{what}: {least} images are too few for a Frechet distance in {d} features, which needs {TIMES * d}; "
            "use the kernel distance",
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
            f"features ({100 * share:.0f}% of their variance); prefer the kernel distance",
            file=sys.stderr,
        )
    return [row("frechet_distance", value, of, **place) for of, value in found.items()]


def kernel_rows(real: np.ndarray, sets: dict[str, np.ndarray], **place: Any) -> list[Row]:
    """The kernel distance of each set of features from the real ones."""
    return [row("kernel_distance", metrics.kernel_distance(real, each)[0], of, **place) for of, each in sets.items()]


def some(features: np.ndarray, n: int) -> np.ndarray:
    """`n` rows, drawn at random if there are more, because sets may be sorted by class."""
    if n == len(features):
        return features
    return features[np.sort(np.random.default_rng(0).permutation(len(features))[:n])]
