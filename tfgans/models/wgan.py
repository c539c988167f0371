"""Wasserstein GAN. Arjovsky, Chintala and Bottou 2017, arXiv:1701.07875.

A critic replaces the discriminator: a real function. Its mean over images minus its mean over samples, maximized over
functions of bounded slope, is the Wasserstein distance between the two. Clipping its weights bounds the slope.
"""

from functools import partial
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings
from tfgans.models.dcgan import build_generator

INIT = keras.initializers.RandomNormal(stddev=0.02)  # of the DCGAN paper, section 4


def build_critic(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) real numbers with an arbitrary zero: the last layer has no bias.

    Weights of 0.01 give small activations, which the 1e-3 that Keras adds to their variance would dominate.
    """
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0, kernel_initializer=INIT.clone())(x)
        if i > 0:
            x = BatchNormalization(epsilon=1e-5)(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Flatten()(x)
    score = layers.Dense(1, use_bias=False, kernel_initializer=INIT.clone(), dtype="float32")(x)
    return keras.Model(image, score, name="critic")


@keras.saving.register_keras_serializable(package="tfgans")
class WGAN(Adversarial):
    """Algorithm 1: `n_critic` critic steps, each on its own batch and followed by clipping, per generator step.

    `distance` is the critic's estimate of the Wasserstein distance, up to the factor by which its slope exceeds 1
    (section 4): a loss that indicates the quality of the samples.
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("critic",)}
    terms = ("d_loss", "distance", "g_loss")
    estimate = "distance"

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 64,
        n_critic: int = 5,
        clip: float = 0.01,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.width = image_shape, latent_dim, width
        self.n_critic, self.clip = n_critic, clip
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
        """Equation 3, with the sign of a loss: E f(G(z)) - E f(x)."""
        on_real = self.critic(real, training=True)
        on_fake = self.critic(self.fake(real.shape[0]), training=True)
        distance = tf.reduce_mean(on_real) - tf.reduce_mean(on_fake)
        self.track({"distance": distance})
        return {"d_loss": -distance}

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """-E f(G(z)), whose gradient is that of theorem 3."""
        return {"g_loss": -tf.reduce_mean(self.critic(self.fake(n), training=True))}

    def clip_weights(self) -> None:
        for weight in self.weights_of("d_optimizer"):
            weight.assign(tf.clip_by_value(tf.convert_to_tensor(weight), -self.clip, self.clip))

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        reals = batch["image"]  # (n_critic, n, h, w, c)
        for i in range(self.n_critic):
            self.minimize("d_optimizer", partial(self.critic_loss, reals[i]))
            self.clip_weights()
        self.minimize("g_optimizer", lambda: self.generator_loss(reals.shape[1]))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1]; the same seed gives the same images."""
        z = tf.random.stateless_normal((n, self.latent_dim), (seed, 0))
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return (self.generator(latents, training=False) + 1.0) / 2.0
