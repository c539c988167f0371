"""Conditional GAN. Mirza and Osindero 2014, arXiv:1411.1784.

Noise and label enter the generator through separate layers, followed by a joint layer; image and label are combined in
the same way in a maxout discriminator. Sizes are those of section 4.1 (MNIST).
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import Maxout


def build_generator(
    image_shape: tuple[int, int, int], classes: int, latent_dim: int, width: int, dropout: float
) -> keras.Model:
    """(n, latent_dim) noise and (n,) labels -> (n, h, w, c) images in [-1, 1]."""
    z, label = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(classes, output_mode="one_hot")(label)
    x = layers.Dropout(dropout)(layers.Dense(width // 6, activation="relu")(z))
    y = layers.Dropout(dropout)(layers.Dense(width - width // 6, activation="relu")(one_hot))
    x = layers.Dense(width, activation="relu")(layers.Concatenate()([x, y]))
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(math.prod(image_shape), activation="tanh", dtype="float32")(x)
    return keras.Model([z, label], layers.Reshape(image_shape, dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], classes: int, width: int, dropout: float) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] and (n,) labels -> (n, 1) logits of being a real image of that label."""
    image, label = keras.Input(image_shape), keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(classes, output_mode="one_hot")(label)
    x = layers.Dropout(dropout)(Maxout(width, pieces=5)(layers.Flatten()(image)))
    y = layers.Dropout(dropout)(Maxout(max(width // 5, 1), pieces=5)(one_hot))
    x = layers.Dropout(dropout)(Maxout(width, pieces=4)(layers.Concatenate()([x, y])))
    return keras.Model([image, label], layers.Dense(1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class CGAN(Adversarial):
    """Equation 2: the two-player game of the GAN with both players conditioned on y."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        generator_width: int = 1200,
        discriminator_width: int = 240,
        generator_dropout: float = 0.0,
        discriminator_dropout: float = 0.5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.classes, self.latent_dim = image_shape, classes, latent_dim
        self.generator_width, self.discriminator_width = generator_width, discriminator_width
        self.generator_dropout, self.discriminator_dropout = generator_dropout, discriminator_dropout
        self.generator = build_generator(image_shape, classes, latent_dim, generator_width, generator_dropout)
        self.discriminator = build_discriminator(image_shape, classes, discriminator_width, discriminator_dropout)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape), "label": endpoint.label(n, self.classes)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim), classes=self.classes)

    def fake(self, labels: tf.Tensor) -> tf.Tensor:
        z = keras.random.uniform((labels.shape[0], self.latent_dim), -1.0, 1.0, seed=self.seed_generator)
        return self.generator([z, labels], training=True)

    def discriminator_loss(self, real: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """-log D(x | y) - log(1 - D(G(z | y) | y)), halved."""
        on_real = self.discriminator([real, labels], training=True)
        on_fake = self.discriminator([self.fake(labels), labels], training=True)
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        return {"d_loss": loss / 2}

    def generator_loss(self, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """-log D(G(z | y) | y)."""
        on_fake = self.discriminator([self.fake(labels), labels], training=True)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real, labels = batch["image"], batch["label"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real, labels))
        self.minimize("g_optimizer", lambda: self.generator_loss(labels))
        return self.logs()

    def sample(self, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per label; the same seed gives the same images."""
        z = tf.random.stateless_uniform((tf.shape(labels)[0], self.latent_dim), (seed, 0), -1.0, 1.0)
        return self.generate(z, labels)

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d) and label (n,)."""
        return (self.generator([latents, labels], training=False) + 1.0) / 2.0
