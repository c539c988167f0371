"""Generative Adversarial Nets. Goodfellow et al. 2014, arXiv:1406.2661.

A generator with two hidden layers turns noise into images; a discriminator with two maxout layers distinguishes real
images from samples. Both are multilayer perceptrons, as in the paper's MNIST experiment.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import Maxout


def build_generator(image_shape: tuple[int, int, int], latent_dim: int, width: int) -> keras.Model:
    """(n, latent_dim) noise -> (n, h, w, c) images in [-1, 1]."""
    z = x = keras.Input((latent_dim,))
    for _ in range(2):
        x = layers.Dense(width, activation="relu")(x)
    x = layers.Dense(math.prod(image_shape), activation="tanh", dtype="float32")(x)
    return keras.Model(z, layers.Reshape(image_shape, dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], width: int, dropout: float) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) logits of being real. `width` maxout units have 5 pieces each."""
    image = keras.Input(image_shape)
    x = layers.Dropout(0.4 * dropout)(
        layers.Flatten()(image)
    )  # the authors' code: 0.2 on the input, 0.5 on hidden units
    for _ in range(2):
        x = layers.Dropout(dropout)(Maxout(width, pieces=5)(x))
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class GAN(Adversarial):
    """Algorithm 1 with k = 1, and the non-saturating generator loss that section 3 recommends."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        generator_width: int = 1200,
        discriminator_width: int = 240,
        dropout: float = 0.5,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.dropout = image_shape, latent_dim, dropout
        self.generator_width, self.discriminator_width = generator_width, discriminator_width
        self.generator = build_generator(image_shape, latent_dim, generator_width)
        self.discriminator = build_discriminator(image_shape, discriminator_width, dropout)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim))

    def fake(self, n: int) -> tf.Tensor:
        z = keras.random.uniform((n, self.latent_dim), -1.0, 1.0, seed=self.seed_generator)
        return self.generator(z, training=True)

    def discriminator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 1: -log D(x) - log(1 - D(G(z))), halved as binary cross-entropy over both."""
        on_real = self.discriminator(real, training=True)
        on_fake = self.discriminator(self.fake(real.shape[0]), training=True)
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        return {"d_loss": loss / 2}

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """Section 3: maximize log D(G(z)) rather than minimize log(1 - D(G(z)))."""
        on_fake = self.discriminator(self.fake(n), training=True)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real = batch["image"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real))
        self.minimize("g_optimizer", lambda: self.generator_loss(real.shape[0]))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1]; the same seed gives the same images."""
        z = tf.random.stateless_uniform((n, self.latent_dim), (seed, 0), -1.0, 1.0)
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return (self.generator(latents, training=False) + 1.0) / 2.0
