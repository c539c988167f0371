"""Auxiliary classifier GAN. Odena, Olah and Shlens 2016, arXiv:1610.09585.

The generator gets a class; the discriminator does not: one output predicts whether an image is real, another its class.
Both players maximize the accuracy of the class, for real and for generated images.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings

INIT = keras.initializers.RandomNormal(stddev=0.02)  # appendix A


def build_generator(shape: tuple[int, int, int], classes: int, latent_dim: int, width: int, embed: bool) -> keras.Model:
    """(n, latent_dim) noise and (n,) labels -> (n, h, w, c) images in [-1, 1]."""
    (height, wide, channels), times = shape, halvings(shape)
    start = (height >> times, wide >> times, width << (times - 1))
    z, label = keras.Input((latent_dim,)), keras.Input((), dtype="int32")
    told = layers.Embedding(classes, latent_dim) if embed else layers.CategoryEncoding(classes, output_mode="one_hot")
    x = (layers.Multiply if embed else layers.Concatenate)()([z, told(label)])
    x = layers.Dense(start[0] * start[1] * start[2], use_bias=False, kernel_initializer=INIT.clone())(x)
    x = layers.ReLU()(BatchNormalization()(layers.Reshape(start)(x)))
    for i, stride in zip(reversed(range(times)), [1] + [2] * times, strict=False):
        x = layers.Conv2DTranspose(width << i, 4, stride, "same", use_bias=False, kernel_initializer=INIT.clone())(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=INIT.clone())(x)
    return keras.Model([z, label], layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], outcomes: int, width: int, dropout: float) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) logits of being real and (n, outcomes) logits of the class."""
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0, kernel_initializer=INIT.clone())(x)
        x = layers.LeakyReLU(0.2)(x if i == 0 else BatchNormalization()(x))
    x = layers.Dropout(dropout)(layers.Flatten()(x))
    heads = [layers.Dense(units, kernel_initializer=INIT.clone(), dtype="float32")(x) for units in (1, outcomes)]
    return keras.Model(image, heads, name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class ACGAN(Adversarial):
    """Equations 2 and 3: the discriminator maximizes L_S + L_C, the generator L_C - L_S.

    With `embed` the noise is multiplied by the label's embedding instead of concatenated with the label. With
    `fake_class` the classifier has an additional class for generated images; the generator still aims at its own class.
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "d_class_loss", "g_loss", "g_class_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        classes: int = 10,
        latent_dim: int = 100,
        width: int = 64,
        dropout: float = 0.1,
        embed: bool = False,
        fake_class: bool = False,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.classes, self.latent_dim, self.width = image_shape, classes, latent_dim, width
        self.dropout, self.embed, self.fake_class = dropout, embed, fake_class
        self.generator = build_generator(image_shape, classes, latent_dim, width, embed)
        self.discriminator = build_discriminator(image_shape, classes + fake_class, width, dropout)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)
        self.cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape), "label": endpoint.label(n, self.classes)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(
            self.image_shape, endpoint.latents(self.latent_dim, normal=True), classes=self.classes
        )

    def fake(self, labels: tf.Tensor) -> tf.Tensor:
        z = keras.random.normal((labels.shape[0], self.latent_dim), seed=self.seed_generator)
        return self.generator([z, labels], training=True)

    def discriminator_loss(self, real: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """-L_S and -L_C, each halved: log-likelihoods of the correct source and of the correct class, for both."""
        on_real, real_class = self.discriminator(real, training=True)
        on_fake, fake_class = self.discriminator(self.fake(labels), training=True)
        read_as = tf.fill(tf.shape(labels), self.classes) if self.fake_class else labels
        source = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        category = self.cross_entropy(labels, real_class) + self.cross_entropy(read_as, fake_class)
        return {"d_loss": source / 2, "d_class_loss": category / 2}

    def generator_loss(self, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        """-L_C of the generated images, and -log D(G(c, z)) instead of L_S: the non-saturating loss."""
        on_fake, fake_class = self.discriminator(self.fake(labels), training=True)
        asked = self.cross_entropy(labels, fake_class)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake), "g_class_loss": asked}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real, labels = batch["image"], batch["label"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real, labels))
        self.minimize("g_optimizer", lambda: self.generator_loss(labels))
        return self.logs()

    def sample(self, labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per label; the same seed gives the same images."""
        z = tf.random.stateless_normal((tf.shape(labels)[0], self.latent_dim), (seed, 0))
        return self.generate(z, labels)

    def generate(self, latents: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d) and label (n,)."""
        return (self.generator([latents, labels], training=False) + 1.0) / 2.0
