"""Label maps beside the true ones. The measures of Long et al. 2015 (arXiv:1411.4038, section 5), as in pix2pix; and
instances beside the true ones."""

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter
from skimage.feature import peak_local_max
from skimage.measure import label
from skimage.segmentation import watershed


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


def class_ious(confusion: np.ndarray) -> np.ndarray:
    """Intersection over union of each class, float64 (n_classes,); NaN of those that do not occur."""
    right, total = np.diagonal(confusion), confusion.sum(axis=1)
    union = total + confusion[:, : len(confusion)].sum(axis=0) - right
    return np.where(total > 0, right / np.maximum(union, 1), np.nan)


def class_accuracy(confusion: np.ndarray) -> float:
    """The mean over the classes that occur of the share of their pixels that is right."""
    total = confusion.sum(axis=1)
    return float((np.diagonal(confusion)[total > 0] / total[total > 0]).mean())


def mean_iou(confusion: np.ndarray) -> float:
    """The mean over the classes that occur of intersection over union."""
    return float(np.nanmean(class_ious(confusion)))


def components(mask: np.ndarray) -> np.ndarray:
    """Parts of a mask, those that touch cut apart: bool (h, w) -> int32 (h, w), 0 outside the mask.

    A watershed of the distance to the mask's border, from its summits. Summits are at least 3 pixels apart, of
    distances blurred with a sigma of 0.5: of sigmas from 0 to 1.5 and 1 to 5 pixels that finds about the most nuclei in
    true masks of DSB 2018's training images, of 128 and of 256 pixels a side.
    """
    parts = label(mask, connectivity=1)
    inner = np.pad(np.asarray(mask, bool), 1, mode="edge")  # what goes on beyond the image has no border there
    distance = gaussian_filter(distance_transform_edt(inner)[1:-1, 1:-1], 0.5)
    summits = peak_local_max(distance, min_distance=2, labels=parts, exclude_border=False)
    markers = np.zeros(parts.shape, np.int32)
    markers[tuple(summits.T)] = np.arange(1, len(summits) + 1)
    return watershed(-distance, markers, mask=parts > 0).astype(np.int32)


def instances_found(made: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Which true instances have a component of their own, with an IoU above 0.5: bool (instances,), by ascending id.

    `made` and `true` are ids, (h, w) each, and 0 is no instance. Above 0.5 a component matches one instance at most.
    """
    if np.shape(made) != np.shape(true):
        raise ValueError(f"maps of equal sizes are compared, not {np.shape(made)} and {np.shape(true)}")
    ids, row = np.unique(true, return_inverse=True)
    own, column = np.unique(made, return_inverse=True)
    both = np.bincount(row.ravel() * len(own) + column.ravel(), minlength=len(ids) * len(own))
    both = both.reshape(len(ids), len(own))
    iou = both / (both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both)
    return (iou[ids != 0][:, own != 0] > 0.5).any(axis=1)


def instances_touching(true: np.ndarray) -> np.ndarray:
    """Which instances of a map (h, w) are next to another one, diagonally too: bool (instances,), by ascending id."""
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
    """The share of the instances of all maps that have a component of their own in masks, and that of those that touch.

    `masks`: bool (n, h, w), cut into `components`. `instances`: ids (n, h, w). NaN where there are no such instances.
    """
    found, touching = [np.zeros(0, bool)], [np.zeros(0, bool)]
    for mask, true in zip(masks, instances, strict=True):
        found.append(instances_found(components(mask), true))
        touching.append(instances_touching(true))
    every, some = np.concatenate(found), np.concatenate(touching)
    return (float(every.mean()) if every.size else np.nan, float(every[some].mean()) if some.any() else np.nan)
