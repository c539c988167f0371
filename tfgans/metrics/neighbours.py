"""Precision and recall, which separate quality from variety, and nearest neighbours, which reveal memorization.

All functions take NumPy arrays of features, (n, d), one row per image.
"""

from typing import NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

BLOCK = 1000  # rows of a distance matrix held at once: 80 MB against 10,000 others


class PrecisionRecall(NamedTuple):
    """Both in [0, 1], 1 at best."""

    precision: float  # share of generated images that lie among real ones: quality
    recall: float  # share of real images that lie among generated ones: variety


class Neighbours(NamedTuple):
    """The nearest neighbours of n queries."""

    indices: np.ndarray  # (n, k) int, into the training set, nearest first
    distances: np.ndarray  # (n, k) float, Euclidean
    n_classes: int | None  # the number of classes among the (n, k) neighbours; None without labels


def _squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, d), (m, d) -> (n, m), never negative, as |a|^2 + |b|^2 - 2 a.b: a matrix product instead of n m d steps."""
    squares = (rows**2).sum(1)[:, None] + (others**2).sum(1)[None] - 2 * rows @ others.T
    return np.maximum(squares, 0)


def _blocks(n: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def _squared_radii(features: np.ndarray, k: int) -> np.ndarray:
    """(n,): the squared distance of each row to its k-th nearest other row."""
    radii = np.empty(len(features))
    for block in _blocks(len(features)):
        squares = _squared_distances(features[block], features)
        squares[np.arange(len(squares)), np.arange(block.start, block.stop)] = np.inf  # no row is its own neighbour
        radii[block] = np.partition(squares, k - 1, axis=1)[:, k - 1]
    return radii


def _covered(features: np.ndarray, centres: np.ndarray, squared_radii: np.ndarray) -> float:
    """The share of `features` inside at least one of the balls."""
    inside = [
        (_squared_distances(features[block], centres) <= squared_radii).any(1) for block in _blocks(len(features))
    ]
    return float(np.concatenate(inside).mean())


def precision_recall(real_features: np.ndarray, fake_features: np.ndarray, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall: Kynkaanniemi et al. 2019 (arXiv:1904.06991), eq. 1 and 2.

    Each set is represented by the union of balls around its features, each reaching to the k-th nearest feature of its
    own set. Precision is the share of fake features inside the real union, recall of real features inside the fake one.

    Args:
        real_features: (n, d), n > k.
        fake_features: (m, d), m > k; m = n for comparable scores.
        k: 3 in the paper.
    """
    real, fake = np.asarray(real_features, np.float64), np.asarray(fake_features, np.float64)
    if real.ndim != 2 or fake.ndim != 2 or real.shape[1] != fake.shape[1]:
        raise ValueError(f"features must have shapes (n, d) and (m, d), not {real.shape} and {fake.shape}")
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(f"k={k} neighbours need more than k features, and k >= 1: {len(real)} real, {len(fake)} fake")
    centre = real.mean(0)  # far from 0, |a|^2 + |b|^2 - 2 a.b would lose precision
    real, fake = real - centre, fake - centre
    return PrecisionRecall(
        precision=_covered(fake, real, _squared_radii(real, k)),
        recall=_covered(real, fake, _squared_radii(fake, k)),
    )


def nearest_neighbours(
    features: np.ndarray, train_features: np.ndarray, train_labels: np.ndarray | None = None, k: int = 1
) -> Neighbours:
    """The k training images nearest to each image. Distances near 0 mean that the generator memorizes.

    Args:
        features: (n, d), of generated images.
        train_features: (m, d), m >= k.
        train_labels: (m,), to count the classes among the neighbours; missing classes mean lost modes.
    """
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(train_features)
    distances, indices = search.kneighbors(features)
    n_classes = None if train_labels is None else len(np.unique(np.asarray(train_labels)[indices]))
    return Neighbours(indices, distances, n_classes)
