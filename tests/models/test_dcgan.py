"""What the variants of the DCGAN and the cDCGAN change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans.models import cdcgan, dcgan


def kinds(network: keras.Model, kind: type) -> int:
    return sum(type(layer) is kind for layer in network.layers)


@pytest.mark.parametrize("leaky", [False, True])
def test_the_activations_of_the_generator(leaky: bool) -> None:
    network = dcgan.build_generator((28, 28, 1), 5, 4, leaky)
    assert (kinds(network, keras.layers.LeakyReLU), kinds(network, keras.layers.ReLU)) == ((3, 0) if leaky else (0, 3))


def test_the_shallow_discriminator() -> None:
    network = dcgan.build_shallow_discriminator((28, 28, 1), 4, 0.3)
    assert kinds(network, keras.layers.Conv2D) == kinds(network, keras.layers.Dropout) == 2
    assert network.count_params() == 16 * 4 + 4 + 16 * 4 * 8 + 8 + 7 * 7 * 8 + 1  # no batch normalization
    assert network(np.zeros((3, 28, 28, 1), np.float32)).shape == (3, 1)


def test_the_late_discriminator_sees_how_label_and_image_fit() -> None:
    network = cdcgan.build_late_discriminator((28, 28, 1), 10, 8, 0.3)
    assert kinds(network, keras.layers.Conv2D) == kinds(network, keras.layers.MaxPooling2D) == 2
    keras.utils.set_random_seed(0)
    images = tf.random.uniform((2, 28, 28, 1), -1, 1, seed=0)
    logits = {
        (i, label): float(network([images[i : i + 1], tf.constant([label])], training=False)[0, 0])
        for i in (0, 1)
        for label in (3, 7)
    }
    # a sum of a term of the image and a term of the label would give 0
    assert abs(logits[0, 3] - logits[0, 7] - logits[1, 3] + logits[1, 7]) > 1e-6
