"""Whether the images of generated pairs belong together, by a regressor of real pairs: of depth, for example."""

from typing import Any

import keras
import numpy as np

from tfgans.card import Row
from tfgans.models.networks import build_unet
from tfgans.tasks import row

WIDTH, BATCH, EPOCHS = 16, 32, 30
LEVELS = 4  # of the U-Net
RATE = 1e-3  # Adam's


def regressor(a: np.ndarray, b: np.ndarray, epochs: int = EPOCHS, width: int = WIDTH) -> keras.Model:
    """A U-Net that predicts b of a, trained with the mean absolute error on real pairs and their mirror images.

    Args:
        a, b: uint8 (n, h, w, c), pairs.

    Returns:
        A model of images as `_prepared` returns them.
    """
    keras.utils.set_random_seed(0)
    network = build_unet(a.shape[-1], b.shape[-1], width, LEVELS, dropout=0.0)
    network.compile(keras.optimizers.Adam(RATE), "mae")
    given, wanted = (_prepared(np.concatenate([each, each[:, :, ::-1]])) for each in (a, b))
    network.fit(given, wanted, BATCH, epochs, verbose=0)
    return network


def read_pairs(network: Any, pairs: dict[str, tuple[np.ndarray, np.ndarray]], **place: str) -> list[Row]:
    """`regressor_l1` of pairs by the kind `of`: the mean absolute difference of b, in [0, 1], from b predicted of a.

    `of` shuffled: the b of the "model"'s next pair.
    """
    a, b = pairs["model"]
    pairs = {**pairs, "shuffled": (a, np.roll(b, 1, axis=0))}
    rows = []
    for of, (a, b) in pairs.items():
        errors = np.abs(network.predict(_prepared(a), BATCH, verbose=0) - _prepared(b))
        rows.append(row("regressor_l1", errors[:, : b.shape[1], : b.shape[2]].mean() / 2, of, **place))
    return rows


def _prepared(images: np.ndarray) -> np.ndarray:
    """uint8 as float32 in [-1, 1], with the last row and column repeated up to sides that the U-Net halves."""
    more = [(0, -side % (1 << LEVELS)) for side in images.shape[1:3]]
    return np.pad(images.astype(np.float32) / 127.5 - 1, ((0, 0), *more, (0, 0)), "edge")
