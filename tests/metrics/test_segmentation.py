"""Accuracies and IoU by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, jaccard_score

from tfgans import metrics


def test_by_hand() -> None:
    true = np.array([[0, 0, 0, 1], [1, 1, 2, 2]])
    made = np.array([[0, 0, 1, 1], [1, 0, 1, 9]])  # one id beyond the classes
    found = metrics.confusion(made, true, 3)
    assert found.tolist() == [[2, 1, 0, 0], [1, 2, 0, 0], [0, 1, 0, 1]]
    assert metrics.pixel_accuracy(found) == 4 / 8
    assert metrics.class_accuracy(found) == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert metrics.mean_iou(found) == pytest.approx((2 / 4 + 2 / 5 + 0) / 3)


def test_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(0, 5, (3, 20, 30, 1))
    made = np.where(rng.random(true.shape) < 0.6, true, rng.integers(0, 5, true.shape))
    found = metrics.confusion(made, true, 5)
    assert metrics.pixel_accuracy(found) == pytest.approx(accuracy_score(true.ravel(), made.ravel()))
    assert metrics.class_accuracy(found) == pytest.approx(balanced_accuracy_score(true.ravel(), made.ravel()))
    assert metrics.mean_iou(found) == pytest.approx(jaccard_score(true.ravel(), made.ravel(), average="macro"))


def test_void_and_absent_classes_do_not_count() -> None:
    true, made = np.array([0, 0, 255, 3]), np.array([0, 1, 2, 3])
    found = metrics.confusion(made, true, 5)
    assert found.sum() == 3
    assert metrics.class_accuracy(found) == (0.5 + 1) / 2 and metrics.mean_iou(found) == (0.5 + 1) / 2
    with pytest.raises(ValueError, match="equal sizes"):
        metrics.confusion(made, true[:2], 5)
