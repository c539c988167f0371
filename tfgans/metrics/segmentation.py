"""Label maps beside the true ones. The measures of Long et al. 2015 (arXiv:1411.4038, section 5), as in pix2pix."""

import numpy as np


def confusion(made: np.ndarray, true: np.ndarray, n_classes: int) -> np.ndarray:
    """Pixels by true class (rows) and class made (columns): int64 (n_classes, n_classes + 1).

    Both are ids of any equal shape. Pixels whose true id is not below `n_classes` (void) do not count; an id made
    beyond that is wrong; the last column counts those.
    """
    made, true = np.asarray(made).ravel(), np.asarray(true).ravel()
    if made.shape != true.shape:
        raise ValueError(f"label maps of equal sizes are compared, not {made.size} and {true.size} pixels")
    known = (true >= 0) & (true < n_classes)
    made, true = made[known].astype(np.int64), true[known].astype(np.int64)
    made = np.where((made >= 0) & (made < n_classes), made, n_classes)
    counts = np.bincount(true * (n_classes + 1) + made, minlength=n_classes * (n_classes + 1))
    return counts.reshape(n_classes, n_classes + 1)


def pixel_accuracy(confusion: np.ndarray) -> float:
    """The share of pixels whose class is right."""
    return float(np.diagonal(confusion).sum() / max(1, confusion.sum()))


def class_accuracy(confusion: np.ndarray) -> float:
    """The mean over the classes that occur of the share of their pixels that is right."""
    total = confusion.sum(axis=1)
    return float((np.diagonal(confusion)[total > 0] / total[total > 0]).mean())


def mean_iou(confusion: np.ndarray) -> float:
    """The mean over the classes that occur of intersection over union."""
    right, total = np.diagonal(confusion), confusion.sum(axis=1)
    n_classes = len(confusion)
    union = total + confusion[:, :n_classes].sum(axis=0) - right
    return float((right[total > 0] / union[total > 0]).mean())
