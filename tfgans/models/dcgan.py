"""Deep convolutional GAN. Radford, Metz and Chintala 2015, arXiv:1511.06434.

Guidelines of section 3: strided and transposed convolutions instead of pooling, batch normalization in both networks
(except at the generator's output and the discriminator's input), no hidden dense layers, ReLU and tanh in the
generator, LeakyReLU in the discriminator.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings

INIT = keras.initializers.RandomNormal(stddev=0.02)  # section 4


def build_generator(image_shape: tuple[int, int, int], latent_dim: int, width: int, leaky: bool = False) -> keras.Model:
    """(n, latent_dim) noise -> (n, h, w, c) images in [-1, 1]. `leaky`: LeakyReLU in place of ReLU."""

    def activated(x: Any) -> Any:
        return (layers.LeakyReLU(0.2) if leaky else layers.ReLU())(BatchNormalization()(x))

    height, wide, channels = image_shape
    times = halvings(image_shape)
    start = (height >> times, wide >> times, width << (times - 1))
    z = keras.Input((latent_dim,))
    x = layers.Dense(start[0] * start[1] * start[2], use_bias=False, kernel_initializer=INIT.clone())(z)
    x = activated(layers.Reshape(start)(x))
    for i in reversed(range(times)):
        stride = 1 if i == times - 1 else 2
        x = layers.Conv2DTranspose(width << i, 4, stride, "same", use_bias=False, kernel_initializer=INIT.clone())(x)
        x = activated(x)
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=INIT.clone())(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], width: int, dropout: float) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) logits of being real."""
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0, kernel_initializer=INIT.clone())(x)
        if i > 0:
            x = BatchNormalization()(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    logit = layers.Dense(1, kernel_initializer=INIT.clone(), dtype="float32")(x)
    return keras.Model(image, logit, name="discriminator")


def build_shallow_discriminator(image_shape: tuple[int, int, int], width: int, dropout: float) -> keras.Model:
    """The same with two convolutions, each followed by LeakyReLU and dropout, as in Bohnstedt's report."""
    image = x = keras.Input(image_shape)
    for i in range(2):
        x = layers.Conv2D(width << i, 4, 2, "same", kernel_initializer=INIT.clone())(x)
        x = layers.Dropout(dropout)(layers.LeakyReLU(0.2)(x))
    logit = layers.Dense(1, kernel_initializer=INIT.clone(), dtype="float32")(layers.Flatten()(x))
    return keras.Model(image, logit, name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class DCGAN(Adversarial):
    """Alternating updates with the non-saturating loss; `generator_steps` > 1 holds the discriminator back."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 100,
        width: int = 64,
        dropout: float = 0.0,
        generator_steps: int = 1,
        leaky: bool = False,
        shallow: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`leaky` is the generator's, `shallow` the discriminator's: see `build_shallow_discriminator`."""
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim, self.width = image_shape, latent_dim, width
        self.dropout, self.generator_steps = dropout, generator_steps
        self.leaky, self.shallow = leaky, shallow
        self.generator = build_generator(image_shape, latent_dim, width, leaky)
        build = build_shallow_discriminator if shallow else build_discriminator
        self.discriminator = build(image_shape, width, dropout)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim, normal=True))

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.generator_steps if player == "g_optimizer" else 1}

    def fake(self, n: int) -> tf.Tensor:
        z = keras.random.normal((n, self.latent_dim), seed=self.seed_generator)
        return self.generator(z, training=True)

    def discriminator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """-log D(x) - log(1 - D(G(z))), halved; real and fake images are normalized as separate batches."""
        on_real = self.discriminator(real, training=True)
        on_fake = self.discriminator(self.fake(real.shape[0]), training=True)
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        return {"d_loss": loss / 2}

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """-log D(G(z))."""
        on_fake = self.discriminator(self.fake(n), training=True)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real = batch["image"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real))
        for _ in range(self.generator_steps):
            self.minimize("g_optimizer", lambda: self.generator_loss(real.shape[0]))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images in [0, 1]; the same seed gives the same images."""
        z = tf.random.stateless_normal((n, self.latent_dim), (seed, 0))
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return (self.generator(latents, training=False) + 1.0) / 2.0
