"""Unrolled GAN. Metz, Poole, Pfau and Sohl-Dickstein 2016, arXiv:1611.02163.

The generator is judged by the discriminator as it will be `unroll` updates later. These updates undo the gain of moving
all samples to one mode, and the generator's gradient passes through them.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial, HoldThenLinear
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization

POINT = (1, 1, 2)  # see tfgans.data.points
EXTENT = 4.0  # a stored coordinate of 1 in `gaussians8`: points are divided by 4 as in the paper's discriminator
Weights = list[tf.Tensor]


def orthogonal() -> keras.initializers.Initializer:
    return keras.initializers.Orthogonal(0.8)


def build_generator(image_shape: tuple[int, int, int], latent_dim: int, width: int) -> keras.Model:
    """(n, latent_dim) noise -> (n, h, w, c): points by two hidden layers, images in [-1, 1] by convolutions."""
    z = x = keras.Input((latent_dim,))
    if image_shape == POINT:
        for _ in range(2):
            x = layers.Dense(width, activation="relu", kernel_initializer=orthogonal())(x)
        x = layers.Dense(2, kernel_initializer=orthogonal(), dtype="float32")(x)
        return keras.Model(z, layers.Rescaling(1 / EXTENT, dtype="float32")(layers.Reshape(POINT)(x)), name="generator")
    # appendix on the 1000-class MNIST: 4x4x64, channels halve while sides double
    height, wide, channels = image_shape
    if height % 4 or wide % 4:
        raise UserError(f"images of {height}x{wide} cannot be unrolled; use sides that are multiples of 4")
    start = (math.ceil(height / 8), math.ceil(wide / 8))
    x = layers.Dense(start[0] * start[1] * width, use_bias=False)(x)
    x = layers.ReLU()(BatchNormalization()(layers.Reshape((*start, width))(x)))
    # the first one gives 2 start, or 2 start - 1 for the odd 7 = 28 / 4
    odd = (height // 4 - 2 * start[0] + 1, wide // 4 - 2 * start[1] + 1)
    for i, extra in enumerate([odd, (1, 1), (1, 1)], start=1):
        x = layers.Conv2DTranspose(max(1, width >> i), 3, 2, "same", output_padding=extra, use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.Conv2D(channels, 3, padding="same")(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """(n, h, w, c) in [-1, 1] -> (n, 1) logits of being real. Without randomness: unrolling calls it as a function."""
    image = x = keras.Input(image_shape)
    if image_shape == POINT:
        x = layers.Dense(width, activation="relu", kernel_initializer=orthogonal())(layers.Flatten()(x))
        logit = layers.Dense(1, kernel_initializer=orthogonal(), dtype="float32")(x)
        return keras.Model(image, logit, name="discriminator")
    for i in range(3):
        x = layers.Conv2D(width << i, 3, 2, "same", use_bias=False)(x)
        x = layers.LeakyReLU(0.3)(layers.BatchNormalization()(x))  # Keras's, not the fused one: differentiated twice
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class UnrolledGAN(Adversarial):
    """Section 2, with updates of Adam instead of plain gradient steps; `unroll` = 0 is the plain GAN.

    `saturating`: the generator minimizes f itself, as in appendix A; otherwise -log D(G(z)).
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "g_loss")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = POINT,
        latent_dim: int = 256,
        generator_width: int = 128,
        discriminator_width: int = 128,
        unroll: int = 10,
        saturating: bool = True,
        unroll_rate: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`unroll_rate` is the learning rate of the unrolled updates; 0 stands for D's own rate before it falls."""
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim = image_shape, latent_dim
        self.generator_width, self.discriminator_width = generator_width, discriminator_width
        self.unroll, self.saturating, self.unroll_rate = unroll, saturating, unroll_rate
        self.generator = build_generator(image_shape, latent_dim, generator_width)
        self.discriminator = build_discriminator(image_shape, discriminator_width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim, normal=True))

    def fake(self, n: int) -> tf.Tensor:
        z = keras.random.normal((n, self.latent_dim), seed=self.seed_generator)
        return self.generator(z, training=True)

    def judge(self, weights: Weights, images: tf.Tensor) -> tf.Tensor:
        """The discriminator's logits (n, 1) for these weights; its own weights and state do not change."""
        state = [tf.convert_to_tensor(v) for v in self.discriminator.non_trainable_variables]
        return self.discriminator.stateless_call(weights, state, images, training=True)[0]

    def minus_f(self, weights: Weights, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        """The objective as a loss: -log D(x) - log(1 - D(G(z))), for a discriminator with these weights."""
        on_real, on_fake = self.judge(weights, real), self.judge(weights, fake)
        return self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)

    def adam(self) -> Any:
        """D's optimizer. Raises UserError if `unrolled` does not implement its updates."""
        adam: Any = getattr(self.d_optimizer, "inner_optimizer", self.d_optimizer)  # of a LossScaleOptimizer
        plain = {"weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "amsgrad", "use_ema"}
        if type(adam) is not keras.optimizers.Adam or any(getattr(adam, each) for each in plain):
            raise UserError(
                "unrolling reproduces the updates of plain Adam; leave other settings of d_optimizer at their defaults"
            )
        return adam

    def look_ahead(self) -> tf.Tensor:
        """The learning rate of the unrolled updates. It does not fall with D's: otherwise the generator would look less
        and less far ahead, become that of the plain GAN, and rotate."""
        schedule = self.adam()._learning_rate
        rate = schedule.rate if isinstance(schedule, HoldThenLinear) else schedule
        return tf.convert_to_tensor(self.unroll_rate or rate)

    def unrolled(self, real: tf.Tensor, fake: tf.Tensor) -> Weights:
        """The discriminator's weights after `unroll` updates on this batch, as a function of `fake`.

        The updates are Adam's, starting from the state of `d_optimizer`, written out so that they can be
        differentiated, with the learning rate of `look_ahead`.
        """
        weights = [tf.convert_to_tensor(w) for w in self.weights_of("d_optimizer")]
        if not self.unroll:
            return weights
        adam, rate = self.adam(), self.look_ahead()
        beta_1, beta_2, done = adam.beta_1, adam.beta_2, tf.cast(adam.iterations, tf.float32)
        means = [tf.convert_to_tensor(m) for m in adam._momentums]
        squares = [tf.convert_to_tensor(v) for v in adam._velocities]
        scale = self.d_optimizer.scale_loss(tf.constant(1.0))
        for k in range(1, self.unroll + 1):
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = scale * self.minus_f(weights, real, fake)
            gradients = [g / scale for g in tape.gradient(loss, weights)]
            scaled = rate * tf.sqrt(1.0 - beta_2 ** (done + k)) / (1.0 - beta_1 ** (done + k))
            means = [m + (1.0 - beta_1) * (g - m) for m, g in zip(means, gradients, strict=True)]
            squares = [v + (1.0 - beta_2) * (g**2 - v) for v, g in zip(squares, gradients, strict=True)]
            # a weight that never had a gradient: the root has no derivative at 0
            roots = [tf.sqrt(tf.maximum(v, 1e-30)) + adam.epsilon for v in squares]
            weights = [w - scaled * m / root for w, m, root in zip(weights, means, roots, strict=True)]
        return weights

    def discriminator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """-f for the current weights."""
        on_real = self.discriminator(real, training=True)
        on_fake = self.discriminator(self.fake(real.shape[0]), training=True)
        return {"d_loss": self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)}

    def generator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """f_K, the objective at the unrolled discriminator, which itself depends on the samples."""
        fake = self.fake(real.shape[0])
        weights = self.unrolled(real, fake)
        if self.saturating:
            return {"g_loss": -self.minus_f(weights, real, fake)}
        on_fake = self.judge(weights, fake)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real = batch["image"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real))
        self.minimize("g_optimizer", lambda: self.generator_loss(real))
        return self.logs()

    def sample(self, n: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """`n` images or points in [0, 1]; the same seed gives the same ones."""
        z = tf.random.stateless_normal((n, self.latent_dim), (seed, 0))
        return self.generate(z)

    def generate(self, latents: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d)."""
        return tf.clip_by_value((self.generator(latents, training=False) + 1.0) / 2.0, 0.0, 1.0)  # points have no tanh
