"""A toy for paired translation: two convolutions, and a discriminator that sees source and target."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans.adversarial import Adversarial
from tfgans.endpoint import Array, Endpoint, images, number


def build_generator(channels: int, width: int) -> keras.Model:
    """(n, h, w, c) in [-1, 1] -> (n, h, w, c) in [-1, 1]; sides are multiples of 4."""
    x = image = keras.Input((None, None, channels))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 4, 4)(x))
    x = layers.Conv2DTranspose(width, 4, 4)(x)
    x = layers.Conv2D(channels, 1)(layers.Concatenate()([x, image]))
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(channels: int, width: int) -> keras.Model:
    """(n, h, w, 2 c) -> (n, h / 4, w / 4, 1) logits of being a real pair."""
    pair = keras.Input((None, None, 2 * channels))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 4, 4)(pair))
    return keras.Model(pair, layers.Conv2D(1, 1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="toys")
class Paired(Adversarial):
    """A conditional GAN with an L1 loss."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss", "l1")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        width: int = 8,
        l1_weight: float = 10.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.width, self.l1_weight = image_shape, width, l1_weight
        self.generator = build_generator(image_shape[2], width)
        self.discriminator = build_discriminator(image_shape[2], width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, Array]:
        return {key: Array((n, *self.image_shape)) for key in ("source", "target")}

    def endpoints(self) -> dict[str, Endpoint]:
        channels = self.image_shape[2]
        return {
            "translate": Endpoint(
                {"images": images(channels), "seed": number()}, {"images": images(channels)}, multiple=4
            )
        }

    def judged(self, source: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        return self.discriminator(tf.concat([source, image], -1), training=True)

    def generator_loss(self, source: tf.Tensor, target: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        made = self.generator(source, training=True)
        on_made = self.judged(source, made)
        l1 = self.l1_weight * tf.reduce_mean(tf.abs(target - made))
        return {"g_loss": self.bce(tf.ones_like(on_made), on_made), "l1": l1}, made

    def discriminator_loss(self, source: tf.Tensor, target: tf.Tensor, made: tf.Tensor) -> dict[str, tf.Tensor]:
        on_target, on_made = self.judged(source, target), self.judged(source, made)
        loss = self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)
        return {"d_loss": loss / 2}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        source, target = batch["source"], batch["target"]
        made = self.minimize("g_optimizer", lambda: self.generator_loss(source, target))
        self.minimize("d_optimizer", lambda: self.discriminator_loss(source, target, tf.stop_gradient(made)))
        return self.logs()

    def translate(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images in [0, 1] -> (n, h, w, c) in [0, 1]."""
        return (self.generator(2.0 * images - 1.0, training=False) + 1.0) / 2.0
