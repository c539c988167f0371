"""Least squares GAN. Mao et al. 2016, arXiv:1611.04076.

The discriminator is a regression with targets 1 for images and 0 for samples. A sample that it takes for real by a wide
margin is still pulled towards the images, where cross-entropy has no gradient left.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings
from tfgans.models.dcgan import build_generator

INIT = keras.initializers.RandomNormal(stddev=0.02)  # of the DCGAN paper, section 4

A, B, C = 0.0, 1.0, 1.0  # section 3.2: targets for samples, for images, and for the generator


def build_discriminator(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) real numbers: near B for images, near A for samples."""
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0, kernel_initializer=INIT.clone())(x)
        if i > 0:
            x = BatchNormalization()(x)
        x = layers.LeakyReLU(0.2)(x)
    value = layers.Dense(1, kernel_initializer=INIT.clone(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(image, value, name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class LSGAN(Adversarial):
    """Equation 2: a DCGAN with squares instead of logarithms."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 64,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.width = image_shape, latent_dim, width
        self.generator = build_generator(image_shape, latent_dim, width)
        self.discriminator = build_discriminator(image_shape, width)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim, normal=True))

    def fake(self, n: int) -> tf.Tensor:
        z = keras.random.normal((n, self.latent_dim), seed=self.seed_generator)
        return self.generator(z, training=True)

    def discriminator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 2, first line: ((D(x) - b)^2 + (D(G(z)) - a)^2) / 2."""
        on_real = self.discriminator(real, training=True)
        on_fake = self.discriminator(self.fake(real.shape[0]), training=True)
        return {"d_loss": (tf.reduce_mean((on_real - B) ** 2) + tf.reduce_mean((on_fake - A) ** 2)) / 2}

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """Equation 2, second line: (D(G(z)) - c)^2 / 2."""
        on_fake = self.discriminator(self.fake(n), training=True)
        return {"g_loss": tf.reduce_mean((on_fake - C) ** 2) / 2}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real = batch["image"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real))
        self.minimize("g_optimizer", lambda: self.generator_loss(real.shape[0]))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1]; the same seed gives the same images."""
        z = tf.random.stateless_normal((n, self.latent_dim), (seed, 0))
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return (self.generator(latents, training=False) + 1.0) / 2.0
