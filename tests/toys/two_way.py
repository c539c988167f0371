"""A toy for unpaired translation: two generators and two discriminators, cycles, and a pool of earlier images."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans.adversarial import Adversarial
from tfgans.endpoint import Array, Endpoint, images
from tfgans.layers import ImagePool


def build_generator(channels: int, width: int, name: str) -> keras.Model:
    """(n, h, w, c) in [-1, 1] -> (n, h, w, c) in [-1, 1]."""
    image = keras.Input((None, None, channels))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 3, padding="same")(image))
    x = layers.Conv2D(channels, 1)(layers.Concatenate()([x, image]))
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name=name)


def build_discriminator(channels: int, width: int, name: str) -> keras.Model:
    """(n, h, w, c) -> (n, h / 4, w / 4, 1): near 1 for real images."""
    image = keras.Input((None, None, channels))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(width, 4, 4)(image))
    return keras.Model(image, layers.Conv2D(1, 1, dtype="float32")(x), name=name)


@keras.saving.register_keras_serializable(package="toys")
class TwoWay(Adversarial):
    """Least squares and cycles, in both directions at once."""

    players = {
        "g_optimizer": ("generator_ab", "generator_ba"),
        "d_optimizer": ("discriminator_a", "discriminator_b"),
    }
    terms = ("d_loss", "g_loss", "cycle_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (32, 32, 3),
        width: int = 8,
        cycle_weight: float = 10.0,
        pool: int = 8,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.width, self.cycle_weight, self.pool = image_shape, width, cycle_weight, pool
        channels = image_shape[2]
        self.generator_ab = build_generator(channels, width, "generator_ab")
        self.generator_ba = build_generator(channels, width, "generator_ba")
        self.discriminator_a = build_discriminator(channels, width, "discriminator_a")
        self.discriminator_b = build_discriminator(channels, width, "discriminator_b")
        self.pool_a, self.pool_b = ImagePool(pool), ImagePool(pool)
        for each in (self.pool_a, self.pool_b):
            each.build((None, *image_shape))

    def batch_spec(self, n: int) -> dict[str, Array]:
        return {key: Array((n, *self.image_shape)) for key in ("a", "b")}

    def endpoints(self) -> dict[str, Endpoint]:
        channels = self.image_shape[2]
        one = Endpoint({"images": images(channels)}, {"images": images(channels)}, largest=256)
        return {"a_to_b": one, "b_to_a": one}

    def generator_losses(self, a: tf.Tensor, b: tf.Tensor) -> tuple[dict[str, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        made_b, made_a = self.generator_ab(a, training=True), self.generator_ba(b, training=True)
        on_a = self.discriminator_a(made_a, training=True)
        on_b = self.discriminator_b(made_b, training=True)
        back_a, back_b = self.generator_ba(made_b, training=True), self.generator_ab(made_a, training=True)
        cycle = tf.reduce_mean(tf.abs(a - back_a)) + tf.reduce_mean(tf.abs(b - back_b))
        adversarial = tf.reduce_mean((on_a - 1.0) ** 2) + tf.reduce_mean((on_b - 1.0) ** 2)
        return {"g_loss": adversarial, "cycle_loss": self.cycle_weight * cycle}, (made_a, made_b)

    def discriminator_loss(self, reals: tuple[tf.Tensor, ...], fakes: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        loss = tf.constant(0.0)
        for judge, real, fake in zip((self.discriminator_a, self.discriminator_b), reals, fakes, strict=True):
            loss += tf.reduce_mean((judge(real, training=True) - 1.0) ** 2) / 2
            loss += tf.reduce_mean(judge(fake, training=True) ** 2) / 2
        return {"d_loss": loss}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        a, b = batch["a"], batch["b"]
        made_a, made_b = self.minimize("g_optimizer", lambda: self.generator_losses(a, b))
        pools = ((self.pool_a, made_a), (self.pool_b, made_b))
        fakes = tuple(each.exchange(tf.stop_gradient(made), self.seed_generator) for each, made in pools)
        self.minimize("d_optimizer", lambda: self.discriminator_loss((a, b), fakes))
        return self.logs()

    def a_to_b(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of a in [0, 1] -> as b, in [0, 1]."""
        return (self.generator_ab(2.0 * images - 1.0, training=False) + 1.0) / 2.0

    def b_to_a(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images of b in [0, 1] -> as a, in [0, 1]."""
        return (self.generator_ba(2.0 * images - 1.0, training=False) + 1.0) / 2.0
