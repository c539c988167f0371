"""A classifier trained on given images, tested on others."""

from typing import Any

import keras
import numpy as np
import pytest

from tfgans.tasks import classified

RNG = np.random.default_rng(0)


def halves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gray images, uint8 (n, 28, 28, 1), of two classes: the left or the right half is bright."""
    labels = np.arange(n, dtype=np.int32) % 2
    images = RNG.integers(0, 90, (n, 28, 28, 1))
    images[labels == 0, :, :14] += 150
    images[labels == 1, :, 14:] += 150
    return images.astype(np.uint8), labels


def linear(setting: Any, precision: str) -> keras.Model:
    images = keras.Input(setting.image_shape)
    flat = keras.layers.Flatten()(images)
    return keras.Model(images, [keras.layers.Dense(setting.n_classes)(flat), flat])


def test_the_score_is_the_accuracy_on_real_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classified, "network_of", linear)
    images, labels = halves(1024)
    sets = {"model": (images / np.float32(255), labels), "real": (images, 1 - labels)}
    own, wrong = classified.scores("mnist", sets, halves(100), "mnist")
    assert (own.measure, own.of, own.test, wrong.of) == ("classification_accuracy_score", "model", "mnist", "real")
    assert own.values[0] is not None and own.values[0] > 0.95
    assert wrong.values[0] is not None and wrong.values[0] < 0.05  # labels of the other class
