"""Metrics of a classifier's predictions for generated images: class frequencies and accuracy."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def class_histogram(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """The number of images of each class, (n_classes,) int64, from labels (n,) in 0 .. n_classes - 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or (labels.size and not 0 <= labels.min() <= labels.max() < n_classes):
        raise ValueError(f"labels must have shape (n,) and lie in 0 .. {n_classes - 1}")
    return np.bincount(labels, minlength=n_classes)


def kl_to_uniform(histogram: np.ndarray) -> float:
    """KL(p || uniform) = sum p log(p K) in nats: 0 if all K classes are equally frequent, log K for a single class.

    The measure of the stacked-MNIST test (Metz et al. 2017, arXiv:1611.02163, section 3.3), for uniform real classes.

    Args:
        histogram: (K,) counts or shares; their sum must be positive.
    """
    counts = np.asarray(histogram, np.float64)
    if counts.ndim != 1 or counts.min() < 0 or counts.sum() <= 0:
        raise ValueError("a histogram needs counts, at least one of them above 0")
    p = counts / counts.sum()
    p_present = p[p > 0]  # p log p is 0 at 0
    return float(max(0.0, (p_present * np.log(p_present * len(p))).sum()))  # rounding may give negative values


def label_accuracy(found: np.ndarray, wanted: np.ndarray) -> float:
    """The share, in [0, 1], of labels (n,) that agree: of classifier and condition, or within pairs."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if found.shape != wanted.shape or found.ndim != 1 or not len(found):
        raise ValueError(f"labels must have the same shape (n,), n >= 1, not {found.shape} and {wanted.shape}")
    return float((found == wanted).mean())


def category_accuracy(categories: np.ndarray, labels: np.ndarray) -> float:
    """The share, in [0, 1], of examples whose category matches their label, under the best one-to-one assignment of
    categories to labels: for categories (n,) without names.
    """
    categories, labels = np.asarray(categories), np.asarray(labels)
    if categories.shape != labels.shape or categories.ndim != 1 or not len(labels):
        raise ValueError(f"both must have the same shape (n,), n >= 1, not {categories.shape} and {labels.shape}")
    together = np.zeros((categories.max() + 1, labels.max() + 1), np.int64)
    np.add.at(together, (categories, labels), 1)
    matched = linear_sum_assignment(together, maximize=True)
    return float(together[matched].sum() / len(labels))
