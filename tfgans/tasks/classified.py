"""Whether a classifier can be trained on generated images: the classification accuracy score (Ravuri and Vinyals 2019,
arXiv:1905.10887)."""

import keras
import numpy as np

from tfgans.card import Row
from tfgans.features.judge_networks import network_of, setting_of
from tfgans.tasks import row

BATCH, EPOCHS, RATE = 128, 5, 1e-3  # of Adam
FEWEST = 5_000  # images
MOMENTUM = (
    0.9  # of batch normalization: with 0.99 the moving statistics lag behind 400 steps (95%, not 98.6%, on MNIST)
)


def classification_accuracy(
    dataset: str, images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> float:
    """The accuracy on test images of a new classifier, which has the network of the data set's judge.

    Args:
        dataset: one that has a judge.
        images, labels: float32 (n, h, w, c) in [0, 1] and (n,), what it is trained on.
        test_images, test_labels: the same of real images.
    """
    keras.utils.set_random_seed(0)
    network = network_of(setting_of(dataset), "float32")
    classifier = keras.Model(network.inputs, network.outputs[0])
    for layer in classifier.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(RATE), loss)
    classifier.fit(images, labels, BATCH, EPOCHS, verbose=0)
    read = classifier.predict(test_images, BATCH, verbose=0).argmax(axis=1)
    return float(np.mean(read == test_labels))


def scores(
    dataset: str,
    sets: dict[str, tuple[np.ndarray, np.ndarray]],
    test: tuple[np.ndarray, np.ndarray],
    name: str,
) -> list[Row]:
    """`classification_accuracy_score` of sets of images and labels, uint8 or float32 in [0, 1], by the kind `of`."""
    images, labels = _float(test[0]), test[1]
    return [
        row(
            "classification_accuracy_score",
            classification_accuracy(dataset, _float(own), own_labels, images, labels),
            of,
            test=name,
        )
        for of, (own, own_labels) in sets.items()
    ]


def _float(images: np.ndarray) -> np.ndarray:
    return images.astype(np.float32) / 255 if images.dtype == np.uint8 else images
