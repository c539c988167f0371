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


def test_ious_of_the_classes() -> None:
    found = np.array([[2, 1, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(metrics.class_ious(found), [2 / 4, 2 / 4, np.nan])
    assert metrics.mean_iou(found) == 0.5


# --- instances --------------------------------------------------------------------------------------------------------


def test_instances_by_hand() -> None:
    true = np.array([[1, 1, 7, 7], [0, 0, 0, 0], [3, 3, 3, 0]], np.uint16)
    made = np.array([[5, 5, 5, 0], [0, 0, 0, 0], [2, 2, 0, 2]])
    # IoU: of 1 and 5 it is 2/3; of 3 and 2 it is 2/4, which is not above a half; of 7 and 5 it is 1/4
    assert metrics.instances_found(made, true).tolist() == [True, False, False]
    assert metrics.instances_touching(true).tolist() == [True, False, True]
    assert metrics.instances_touching(np.array([[4, 0], [0, 9]])).tolist() == [True, True], "diagonally"
    assert metrics.instances_found(0 * made, true).tolist() == [False] * 3, "nothing was made"
    assert metrics.instances_found(made, 0 * true).size == metrics.instances_touching(0 * true).size == 0
    with pytest.raises(ValueError, match="equal sizes"):
        metrics.instances_found(made[:2], true)


def test_nuclei_that_touch_are_cut_apart() -> None:
    """Two discs of one radius, a third by itself, one that the border cuts, and one of a single pixel."""
    y, x = np.mgrid[:48, :64]
    true = np.zeros((48, 64), int)
    for i, (row, column, radius) in enumerate([(20, 14, 8), (20, 28, 8), (30, 52, 6), (44, 30, 9), (2, 60, 0)], 1):
        true[((y - row) ** 2 + (x - column) ** 2 <= radius**2) & (true == 0)] = i
    mask = true > 0
    found = metrics.components(mask)
    assert found.max() == 5 and not found[~mask].any() and found[mask].all()
    assert metrics.instances_found(found, true).all()
    one = np.where(mask & (x < 40) & (y < 35), 1, 0)  # two discs uncut: of 385 pixels the first has 197, the second 188
    assert metrics.instances_touching(true).tolist() == [True, True, False, False, False]
    assert metrics.instances_found(one, true).tolist() == [True, False, False, False, False]
    assert metrics.components(np.zeros((5, 5), bool)).tolist() == np.zeros((5, 5)).tolist()
