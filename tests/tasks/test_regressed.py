"""Pairs that a regressor of real pairs reads."""

import numpy as np
import pytest

from tfgans.tasks.regressed import read_pairs, regressor


class Negative:
    """A regressor whose answer is the negative."""

    def predict(self, images: np.ndarray, batch_size: int, verbose: int) -> np.ndarray:
        return -images[..., :1]


def test_pairs_are_compared_with_what_is_predicted_of_a() -> None:
    a = np.zeros((2, 4, 4, 3), np.uint8)
    a[1] = 255
    b = np.full((2, 4, 4, 1), 51, np.uint8)
    b[0] = 204
    found = {row.of: row.values[0] for row in read_pairs(Negative(), {"model": (a, b), "real": (a, 255 - a[..., :1])})}
    assert found == {
        "model": pytest.approx(51 / 255, abs=1e-6),
        "real": pytest.approx(0, abs=1e-6),
        "shuffled": pytest.approx(204 / 255, abs=1e-6),
    }


def test_a_regressor_learns_from_pairs() -> None:
    levels = np.random.default_rng(0).integers(0, 256, (48, 1, 1, 3))
    a = np.broadcast_to(levels, (48, 8, 8, 3)).astype(np.uint8)
    b = 255 - a[..., :1]
    network = regressor(a[:32], b[:32], epochs=60, width=4)
    found = {row.of: row.values[0] for row in read_pairs(network, {"model": (a[32:], b[32:])})}
    assert found["model"] < 0.15 < 0.2 < found["shuffled"]
