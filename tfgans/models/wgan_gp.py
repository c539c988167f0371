"""Wasserstein GAN with a gradient penalty. Gulrajani et al. 2017, arXiv:1704.00028.

The best critic has slope 1 almost everywhere between images and samples (proposition 1). Instead of clipping weights,
the loss pulls the norm of the critic's gradient towards 1 at random points between the two.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import halvings
from tfgans.models.dcgan import build_generator


def build_critic(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) real numbers with an arbitrary zero: the last layer has no bias.

    Section 4: no batch normalization, because it would make an example's gradient depend on the others.
    """
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.LeakyReLU(0.2)(layers.Conv2D(width << i, 4, 2, "same")(x))
    score = layers.Dense(1, use_bias=False, dtype="float32")(layers.Flatten()(x))
    return keras.Model(image, score, name="critic")


@keras.saving.register_keras_serializable(package="tfgans")
class WGANGP(Adversarial):
    """Algorithm 1. `distance` is the critic's estimate of the Wasserstein distance: E D(x) - E D(G(z))."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("critic",)}
    terms = ("d_loss", "gradient_penalty", "distance", "g_loss")
    estimate = "distance"

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 64,
        n_critic: int = 5,
        penalty: float = 10.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.width = image_shape, latent_dim, width
        self.n_critic, self.penalty = n_critic, penalty
        self.group = n_critic
        self.generator = build_generator(image_shape, latent_dim, width)
        self.critic = build_critic(image_shape, width)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim, normal=True))

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.n_critic if player == "d_optimizer" else 1}

    def fake(self, n: int) -> tf.Tensor:
        z = keras.random.normal((n, self.latent_dim), seed=self.seed_generator)
        return self.generator(z, training=True)

    def critic_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 3: E D(G(z)) - E D(x) + penalty E (|grad D(x^)| - 1)^2."""
        fake = self.fake(real.shape[0])
        distance = tf.reduce_mean(self.critic(real, training=True)) - tf.reduce_mean(self.critic(fake, training=True))
        self.track({"distance": distance})
        return {"d_loss": -distance, "gradient_penalty": self.penalty * self.slope_loss(real, fake)}

    def slope_loss(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """E (|grad D(x^)| - 1)^2 at a uniformly drawn point on the line between each image and a sample."""
        epsilon = keras.random.uniform((real.shape[0], 1, 1, 1), seed=self.seed_generator)
        between = epsilon * real + (1.0 - epsilon) * fake
        with tf.GradientTape() as tape:
            tape.watch(between)
            score = self.critic(between, training=True)
        gradient = tf.cast(tape.gradient(score, between), tf.float32)
        squares = tf.reduce_sum(gradient**2, axis=(1, 2, 3))
        norm = tf.sqrt(tf.maximum(squares, 1e-12))  # the root has no derivative at 0
        return tf.reduce_mean((norm - 1.0) ** 2)

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """-E D(G(z))."""
        return {"g_loss": -tf.reduce_mean(self.critic(self.fake(n), training=True))}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        reals = batch["image"]  # (n_critic, n, h, w, c)
        for i in range(self.n_critic):
            self.minimize("d_optimizer", partial(self.critic_loss, reals[i]))
        self.minimize("g_optimizer", lambda: self.generator_loss(reals.shape[1]))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1]; the same seed gives the same images."""
        z = tf.random.stateless_normal((n, self.latent_dim), (seed, 0))
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return (self.generator(latents, training=False) + 1.0) / 2.0
