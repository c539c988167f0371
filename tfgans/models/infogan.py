"""InfoGAN: interpretable codes without labels. Chen et al. 2016, arXiv:1606.03657.

The generator's input is noise and a few codes: one category and some continuous numbers. A second output of the
discriminator, Q, predicts the codes from the image; its accuracy gives a lower bound on the mutual information of codes
and image, which generator and Q maximize. The meaning of a code is not given: that categories become digits is learnt.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.layers import BatchNormalization, halvings


def build_generator(image_shape: tuple[int, int, int], inputs: int, width: int, dense_width: int) -> keras.Model:
    """(n, inputs) noise and codes -> (n, h, w, c) images in [-1, 1]. Table 1 of appendix C.1."""
    height, wide, channels = image_shape
    times = halvings(image_shape)
    start = (height >> times, wide >> times, width << (times - 1))
    z = x = keras.Input((inputs,))
    for units in (dense_width, math.prod(start)):
        x = layers.ReLU()(BatchNormalization()(layers.Dense(units, use_bias=False)(x)))
    x = layers.Reshape(start)(x)
    for i in reversed(range(times - 1)):
        x = layers.Conv2DTranspose(width << i, 4, 2, "same", use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same")(x)
    return keras.Model(z, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_trunk(image_shape: tuple[int, int, int], width: int, dense_width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, dense_width) features, which D and Q share."""
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape)):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0)(x)
        x = layers.LeakyReLU(0.01)(x if i == 0 else BatchNormalization()(x))
    x = layers.Dense(dense_width, use_bias=False)(layers.Flatten()(x))
    return keras.Model(image, layers.LeakyReLU(0.01)(BatchNormalization()(x)), name="trunk")


def build_discriminator(features: int) -> keras.Model:
    """(n, features) of the trunk -> (n, 1) logits of being real."""
    x = keras.Input((features,))
    return keras.Model(x, layers.Dense(1, dtype="float32")(x), name="discriminator")


def build_recognition(features: int, categories: int, continuous: int, width: int) -> keras.Model:
    """Q. (n, features) of the trunk -> (n, categories) logits and (n, continuous) means."""
    x = features_in = keras.Input((features,))
    x = layers.LeakyReLU(0.01)(BatchNormalization()(layers.Dense(width, use_bias=False)(x)))
    outputs = [layers.Dense(units, dtype="float32")(x) for units in (categories, continuous)]
    return keras.Model(features_in, outputs, name="recognition")


@keras.saving.register_keras_serializable(package="tfgans")
class InfoGAN(Adversarial):
    """Equation 6: min over G and Q, max over D of V(D, G) - lambda L_I(G, Q).

    Q consists of the trunk, which it shares with D, and a head; it is trained in D's step, as in the authors' code. L_I
    is the sum for the category and for the continuous codes; each has its own lambda.
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("trunk", "discriminator", "recognition")}
    terms = ("d_loss", "g_loss", "category_loss", "continuous_loss", "category_information")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        latent_dim: int = 62,
        categories: int = 10,
        continuous: int = 2,
        width: int = 64,
        dense_width: int = 512,
        recognition_width: int = 128,
        category_weight: float = 1.0,
        continuous_weight: float = 1.0,
        noise: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`noise` is the standard deviation of noise added to Q's input images in training."""
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.latent_dim = image_shape, latent_dim
        self.categories, self.continuous = categories, continuous
        self.width, self.dense_width, self.recognition_width = width, dense_width, recognition_width
        self.category_weight, self.continuous_weight, self.noise = category_weight, continuous_weight, noise
        self.generator = build_generator(image_shape, latent_dim + categories + continuous, width, dense_width)
        self.trunk = build_trunk(image_shape, width, dense_width)
        self.discriminator = build_discriminator(dense_width)
        self.recognition = build_recognition(dense_width, categories, continuous, recognition_width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        return {"image": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        shape = (None, self.categories + self.continuous)
        codes = endpoint.Array(shape, encoding="codes", categories=self.categories)
        return endpoint.generator(self.image_shape, endpoint.latents(self.latent_dim), codes=codes)

    def fake(self, n: int) -> tuple[tf.Tensor, tf.Tensor]:
        """Images, and their codes (n, categories + continuous), sampled from the prior."""
        drawn = keras.random.uniform((n,), 0.0, float(self.categories), seed=self.seed_generator)
        category = tf.one_hot(tf.cast(drawn, tf.int32), self.categories)
        rest = keras.random.uniform((n, self.continuous + self.latent_dim), -1.0, 1.0, seed=self.seed_generator)
        inputs = tf.concat([category, tf.cast(rest, tf.float32)], axis=1)
        return self.generator(inputs, training=True), inputs[:, : self.categories + self.continuous]

    def read_from(self, fake: tf.Tensor, features: tf.Tensor) -> tf.Tensor:
        """Q's input features: of the images as D sees them, or of the same images with noise."""
        if not self.noise:
            return features
        noise = keras.random.normal(fake.shape, seed=self.seed_generator, dtype="float32")
        return self.trunk(fake + self.noise * noise, training=True)

    def information_loss(self, features: tf.Tensor, codes: tf.Tensor) -> dict[str, tf.Tensor]:
        """-lambda L_I, equation 5: L_I = log Q(c | x), the mean over images, plus the codes' entropy, in nats.

        Q is a softmax for the category and a factored Gaussian for continuous codes (section 6), with deviation 1 as in
        the authors' code: its part is half the squared error and a constant.
        """
        logits, mean = self.recognition(features, training=True)
        category, continuous = codes[:, : self.categories], codes[:, self.categories :]
        log_q = -tf.nn.softmax_cross_entropy_with_logits(category, logits)
        found = tf.reduce_mean(log_q) + math.log(self.categories)
        log_q = -tf.reduce_sum((continuous - mean) ** 2 / 2 + math.log(2 * math.pi) / 2, axis=1)
        place = tf.reduce_mean(log_q) + self.continuous * math.log(2.0)  # a uniform number in [-1, 1] has log 2 nats
        self.track({"category_information": found})
        return {"category_loss": -self.category_weight * found, "continuous_loss": -self.continuous_weight * place}

    def discriminator_loss(self, real: tf.Tensor) -> dict[str, tf.Tensor]:
        """-log D(x) - log(1 - D(G(z, c))), halved; and Q's loss."""
        fake, codes = self.fake(real.shape[0])
        on_real = self.discriminator(self.trunk(real, training=True))
        features = self.trunk(fake, training=True)
        on_fake = self.discriminator(features)
        loss = self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)
        return {"d_loss": loss / 2, **self.information_loss(self.read_from(fake, features), codes)}

    def generator_loss(self, n: int) -> dict[str, tf.Tensor]:
        """-log D(G(z, c)), and the information loss."""
        fake, codes = self.fake(n)
        features = self.trunk(fake, training=True)
        on_fake = self.discriminator(features)
        information = self.information_loss(self.read_from(fake, features), codes)
        return {"g_loss": self.bce(tf.ones_like(on_fake), on_fake), **information}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        real = batch["image"]
        self.minimize("d_optimizer", lambda: self.discriminator_loss(real))
        self.minimize("g_optimizer", lambda: self.generator_loss(real.shape[0]))
        return self.logs()

    def recognize(self, images: tf.Tensor) -> tf.Tensor:
        """The category, int64 (n,), that Q predicts for images (n, h, w, c) in [0, 1]."""
        logits, _ = self.recognition(self.trunk(2.0 * images - 1.0, training=False), training=False)
        return tf.argmax(logits, axis=1)

    def sample(self, codes: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per code: the category, one-hot, then the continuous codes, in [-1, 1] in training."""
        z = tf.random.stateless_uniform((tf.shape(codes)[0], self.latent_dim), (seed, 0), -1.0, 1.0)
        return self.generate(z, codes)

    def generate(self, latents: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
        """One image in [0, 1] per row of latents (n, d) and codes (n, c)."""
        return (self.generator(tf.concat([codes, latents], axis=1), training=False) + 1.0) / 2.0
