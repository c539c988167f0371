"""Conditional deep convolutional GAN, as in Bohnstedt's report "Generation of Real Looking Images Using GANs".

Noise and label each pass a dense and a reshape layer and are concatenated before the upsampling; in the discriminator
the label passes dense layers, is reshaped to a plane, and is concatenated with the image. LeakyReLU throughout, dropout
in the discriminator, and two generator steps for each discriminator step, which holds the discriminator back.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings


def build_generator(image_shape: tuple[int, int, int], classes: int, latent_dim: int, width: int) -> keras.Model:
    """(n, latent_dim) noise and (n,) labels -> (n, h, w, c) images in [-1, 1]."""
    height, wide, channels = image_shape
    times = halvings(image_shape)
    h, w, deep = height >> times, wide >> times, width << (times - 1)
    z, label = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(classes, output_mode="one_hot")(label)
    # a quarter of the channels carry the label
    x = layers.Reshape((h, w, deep - deep // 4))(layers.Dense(h * w * (deep - deep // 4), use_bias=False)(z))
    y = layers.Reshape((h, w, deep // 4))(layers.Dense(h * w * (deep // 4), use_bias=False)(one_hot))
    x = layers.LeakyReLU(0.2)(BatchNormalization()(layers.Concatenate()([x, y])))
    for i in reversed(range(times)):
        stride = 1 if i == times - 1 else 2
        x = layers.Conv2DTranspose(width << i, 4, stride, "same", use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same")(x)
    return keras.Model([z, label], layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], classes: int, width: int, dropout: float) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] and (n,) labels -> (n, 1) logits of being a real image of that label."""
    height, wide, _ = image_shape
    image, label = keras.Input(image_shape), keras.Input((), dtype="int32")
    one_hot = layers.CategoryEncoding(classes, output_mode="one_hot")(label)
    plane = layers.Reshape((height, wide, 1))(layers.Dense(height * wide)(layers.Dense(50)(one_hot)))
    x = layers.Concatenate()([image, plane])
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0)(x)
        x = layers.LeakyReLU(0.2)(x if i == 0 else BatchNormalization()(x))
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    return keras.Model([image, label], layers.Dense(1, dtype="float32")(x), name="discriminator")


def build_late_discriminator(
    image_shape: tuple[int, int, int], classes: int, width: int, dropout: float
) -> keras.Model:
    """The same as the report has it: the image passes two convolutions and two pooling layers, the label two dense
    layers, before they are concatenated. A dense layer follows; without it no logit would depend on how they fit."""
    image, label = keras.Input(image_shape), keras.Input((), dtype="int32")
    x = image
    for i in range(2):
        x = layers.MaxPooling2D()(layers.LeakyReLU(0.2)(layers.Conv2D(width << i, 4, padding="same")(x)))
    y = layers.CategoryEncoding(classes, output_mode="one_hot")(label)
    for _ in range(2):
        y = layers.LeakyReLU(0.2)(layers.Dense(2 * width)(y))
    x = layers.Concatenate()([layers.Dropout(dropout)(layers.Flatten()(x)), y])
    x = layers.Dropout(dropout)(layers.LeakyReLU(0.2)(layers.Dense(4 * width)(x)))
    return keras.Model([image, label], layers.Dense(1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class CDCGAN(Adversarial):
    """Equations 5 and 6 of the report."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        width: int = 64,
        dropout: float = 0.3,
        generator_steps: int = 2,
        late: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`late`: where the label joins the image in the discriminator, see `build_late_discriminator`."""
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.classes, self.latent_dim, self.width = image_shape, classes, latent_dim, width
        self.dropout, self.generator_steps, self.late = dropout, generator_steps, late
        self.generator = build_generator(image_shape, classes, latent_dim, width)
        build = build_late_discriminator if late else build_discriminator
        self.discriminator = build(image_shape, classes, width, dropout)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape), "label": endpoint.label(n, self.classes)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        latents = endpoint.latents(self.latent_dim, normal=True)
        return endpoint.generator(self.image_shape, latents, classes=self.classes)

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.generator_steps if player == "g_optimizer" else 1}

    def fake(self, labels: tf.Tensor) -> tf.Tensor:
        z = keras.random.normal((labels.shape[0], self.latent_dim), seed=self.seed_generator)
        return self.generator([z, labels], training=True)

    def discriminator_loss(self, real: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 5: -log D(x, y) - log(1 - D(G(z, y), y)), halved."""
        on_real = self.discriminator([real, labels], training=True)
        on_fake = self.discriminator([self.fake(labels), labels], training=True)
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        return {"d_loss": loss / 2}

    def generator_loss(self, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 6: -log D(G(z, y), y)."""
        on_fake = self.discriminator([self.fake(labels), labels], training=True)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real, labels = batch["image"], batch["label"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real, labels))
        for _ in range(self.generator_steps):
            self.minimize("g_optimizer", lambda: self.generator_loss(labels))
        return self.logs()

    def sample(self, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per label; the same seed gives the same images."""
        z = tf.random.stateless_normal((tf.shape(labels)[0], self.latent_dim), (seed, 0))
        return self.generate(z, labels)

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d) and label (n,)."""
        return (self.generator([latents, labels], training=False) + 1.0) / 2.0
