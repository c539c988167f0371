"""Comparing label maps and instances with the true ones. The measures of Long et al. 2015 (arXiv:1411.4038, section 5),
as in pix2pix."""

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.feature import peak_local_max
from skimage.measure import label
from skimage.segmentation import watershed


def confusion(made: np.ndarray, true: np.ndarray, n_classes: int) -> np.ndarray:
    """Pixels by true class (rows) and predicted class (columns): int64 (n_classes, n_classes + 1).

    Both are ids of the same shape. Pixels whose true id is not below `n_classes` (void) do not count; predicted ids
    beyond that are wrong and counted in the last column.
    """
    made, true = np.asarray(made).ravel(), np.asarray(true).ravel()
    if made.shape != true.shape:
        raise ValueError(f"label maps must have equal sizes, not {made.size} and {true.size} pixels")
    known = (true >= 0) & (true < n_classes)
    made, true = made[known].astype(np.int64), true[known].astype(np.int64)
    made = np.where((made >= 0) & (made < n_classes), made, n_classes)
    counts = np.bincount(true * (n_classes + 1) + made, minlength=n_classes * (n_classes + 1))
    return counts.reshape(n_classes, n_classes + 1)


def pixel_accuracy(confusion: np.ndarray) -> float:
    """The share of pixels with the correct class."""
    return float(np.diagonal(confusion).sum() / max(1, confusion.sum()))


def class_ious(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, float64 (n_classes,); NaN for classes that do not occur."""
    right, total = np.diagonal(confusion), confusion.sum(axis=1)
    union = total + confusion[:, : len(confusion)].sum(axis=0) - right
    return np.where(total > 0, right / np.maximum(union, 1), np.nan)


def class_accuracy(confusion: np.ndarray) -> float:
    """The share of correct pixels of each class, averaged over the classes that occur."""
    total = confusion.sum(axis=1)
    return float((np.diagonal(confusion)[total > 0] / total[total > 0]).mean())


def mean_iou(confusion: np.ndarray) -> float:
    """Intersection over union, averaged over the classes that occur."""
    return float(np.nanmean(class_ious(confusion)))


def components(mask: np.ndarray) -> np.ndarray:
    """Components of a mask, separated where they touch: bool (h, w) -> int32 (h, w), 0 outside the mask.

    A watershed of the distance to the mask's border, starting from its maxima, which are at least 3 pixels apart after
    blurring with a sigma of 0.5: of sigmas from 0 to 1.5 and 1 to 5 pixels this finds about the most nuclei in
    true masks of DSB 2018's training images, at 128 and at 256 pixels a side.
    """
    parts = label(mask, connectivity=1)
    inner = np.pad(np.asarray(mask, bool), 1, mode="edge")  # objects cut by the image have no border there
    distance = gaussian_filter(distance_transform_edt(inner)[1:-1, 1:-1], 0.5)
    summits = peak_local_max(distance, min_distance=2, labels=parts, exclude_border=False)
    markers = np.zeros(parts.shape, np.int32)
    markers[tuple(summits.T)] = np.arange(1, len(summits) + 1)
    return watershed(-distance, markers, mask=parts > 0).astype(np.int32)


def instances_found(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Whether each true instance has its own component with an IoU above 0.5: bool (instances,), by ascending id.

    `made` and `true` are ids, (h, w) each; 0 is background. Above 0.5 a component matches at most one instance.
    """
    if np.shape(made) != np.shape(true):
        raise ValueError(f"maps must have equal sizes, not {np.shape(made)} and {np.shape(true)}")
    ids, row = np.unique(true, return_inverse=True)
    own, column = np.unique(made, return_inverse=True)
    both = np.bincount(row.ravel() * len(own) + column.ravel(), minlength=len(ids) * len(own))
    both = both.reshape(len(ids), len(own))
    iou = both / (both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both)
    return (iou[ids != 0][:, own != 0] > 0.5).any(axis=1)


def instances_touching(true: np.ndarray) -> np.ndarray:
    """Whether each instance of a map (h, w) touches another, also diagonally: bool (instances,), by ascending id."""
    true = np.asarray(true)
    touching: list[np.ndarray] = []
    pairs = [
        (true[:, 1:], true[:, :-1]),
        (true[1:], true[:-1]),
        (true[1:, 1:], true[:-1, :-1]),
        (true[1:, :-1], true[:-1, 1:]),
    ]
    for one, other in pairs:
        at = (one != other) & (one != 0) & (other != 0)
        touching += [one[at], other[at]]
    return np.isin(np.setdiff1d(true, [0]), np.concatenate(touching))


def share_found(masks: np.ndarray, instances: np.ndarray) -> tuple[float, float]:
    """The share of the instances of all maps that have their own component in masks, and the share of touching ones.

    `masks`: bool (n, h, w), split into `components`. `instances`: ids (n, h, w). NaN if there are no such instances.
    """
    found, touching = [np.zeros(0, bool)], [np.zeros(0, bool)]
    for mask, true in zip(masks, instances, strict=True):
        found.append(instances_found(components(mask), true))
        touching.append(instances_touching(true))
    every, some = np.concatenate(found), np.concatenate(touching)
    return (float(every.mean()) if every.size else np.nan, float(every[some].mean()) if some.any() else np.nan)
