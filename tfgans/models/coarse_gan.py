"""The baselines of ResGAN: GAN, DCGAN, WGAN and CGAN that restore the same coarse images.

They are those of table 1 of the report on ResGAN (see resgan.py), which does not describe how these restore images.
Here each takes the coarse image as input instead of noise, and they differ as in their papers: GAN has dense layers;
the others are convolutional; WGAN has a critic with clipped weights and several updates a step; CGAN's discriminator
also gets the coarse image. None has skip connections, or a classifier in its loss.
"""

import functools
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization, halvings

VARIANTS = ("gan", "dcgan", "wgan", "cgan")
CLIP = 0.01  # of WGAN


def build_dense_generator(image_shape: tuple[int, int, int], factor: int, width: int) -> keras.Model:
    """(n, h / factor, w / factor, c) coarse images in [-1, 1] -> (n, h, w, c) in [-1, 1]."""
    height, wide, channels = image_shape
    coarse = keras.Input((height // factor, wide // factor, channels))
    x = layers.Flatten()(coarse)
    for _ in range(2):
        x = layers.Dense(width * 16, activation="relu")(x)
    x = layers.Reshape(image_shape)(layers.Dense(height * wide * channels)(x))
    return keras.Model(coarse, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_generator(image_shape: tuple[int, int, int], factor: int, width: int) -> keras.Model:
    """The same with DCGAN's transposed convolutions."""
    height, wide, channels = image_shape
    times = halvings(image_shape)
    h, w, deep = height >> times, wide >> times, width << (times - 1)
    coarse = keras.Input((height // factor, wide // factor, channels))
    x = layers.Dense(h * w * deep, use_bias=False)(layers.Flatten()(coarse))
    x = layers.ReLU()(BatchNormalization()(layers.Reshape((h, w, deep))(x)))
    for i in reversed(range(times - 1)):
        x = layers.Conv2DTranspose(width << i, 4, 2, "same", use_bias=False)(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same")(x)
    return keras.Model(coarse, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_judge(image_shape: tuple[int, int, int], width: int, outputs: int, dense: bool, name: str) -> keras.Model:
    """(n, h, w, c) images -> (n, outputs): the discriminator, the critic, or the observing classifier.

    A critic's weights of 0.01 give small activations, which the 1e-3 that Keras adds to their variance would dominate.
    """
    epsilon = 1e-5 if name == "critic" else 1e-3
    image = x = keras.Input(image_shape)
    if dense:
        x = layers.Flatten()(x)
        for _ in range(2):
            x = layers.LeakyReLU(0.2)(layers.Dense(width * 8)(x))
    else:
        for i in range(halvings(image_shape)):
            x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0)(x)
            x = layers.LeakyReLU(0.2)(x if i == 0 else BatchNormalization(epsilon=epsilon)(x))
        x = layers.Flatten()(x)
    bias = name != "critic"  # the gradient of a critic's bias would cancel
    return keras.Model(image, layers.Dense(outputs, use_bias=bias, dtype="float32")(x), name=name)


@keras.saving.register_keras_serializable(package="tfgans")
class CoarseGAN(Adversarial):
    """One of four GANs, chosen by `variant`. `classifier` is trained on real images only to observe: "accuracy" is the
    share of restored images that it classifies correctly. It influences no other network."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",), "c_optimizer": ("classifier",)}
    terms = ("d_loss", "g_loss", "pixel_loss", "class_loss", "accuracy")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        factor: int = 7,
        classes: int = 10,
        variant: str = "dcgan",
        width: int = 48,
        critic_steps: int = 1,
        pixel_weight: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`critic_steps` updates of the discriminator, each on a fresh batch, precede one of the generator."""
        if variant not in VARIANTS:
            raise UserError(f"variant must be {', '.join(VARIANTS)}, not '{variant}'")
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.factor, self.classes, self.variant = image_shape, factor, classes, variant
        self.width, self.critic_steps, self.pixel_weight = width, critic_steps, pixel_weight
        self.group = critic_steps
        dense = variant == "gan"
        self.generator = (build_dense_generator if dense else build_generator)(image_shape, factor, width)
        seen = (*image_shape[:2], image_shape[2] * (2 if variant == "cgan" else 1))
        name = "critic" if variant == "wgan" else "discriminator"
        self.discriminator = build_judge(seen, width, 1, dense, name)
        if classes:
            self.classifier = build_judge(image_shape, width // 2, classes, False, "classifier")
        else:  # nothing to classify
            self.players = {player: networks for player, networks in self.players.items() if player != "c_optimizer"}
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        source = (*self.source_size(), self.image_shape[2])
        spec = {"source": endpoint.image(n, source), "target": endpoint.image(n, self.image_shape)}
        return spec | ({"label": endpoint.label(n, self.classes)} if self.classes else {})

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        size, (height, wide, channels) = self.source_size(), self.image_shape
        given, made = endpoint.images(channels, (None, *size)), endpoint.images(channels, (None, height, wide))
        return {"restore": endpoint.Endpoint({"images": given}, {"images": made}, scale=self.factor, size=size)}

    def source_size(self) -> tuple[int, int]:
        return self.image_shape[0] // self.factor, self.image_shape[1] // self.factor

    def updates(self, player: str) -> dict[int, int]:
        return {0: self.critic_steps if player == "d_optimizer" else 1}

    # -- losses -----------------------------------------------------------------------------------------------------

    def judged(self, image: tf.Tensor, source: tf.Tensor) -> tf.Tensor:
        """The discriminator's output for images; for CGAN, together with their sources."""
        if self.variant == "cgan":
            enlarged = tf.repeat(tf.repeat(source, self.factor, 1), self.factor, 2)
            image = tf.concat([image, enlarged], -1)
        return self.discriminator(image, training=True)

    def discriminator_loss(self, source: tf.Tensor, target: tf.Tensor) -> dict[str, tf.Tensor]:
        on_target = self.judged(target, source)
        on_made = self.judged(self.generator(source, training=True), source)
        if self.variant == "wgan":
            return {"d_loss": tf.reduce_mean(on_made) - tf.reduce_mean(on_target)}
        return {
            "d_loss": (self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)) / 2
        }

    def generator_loss(self, source: tf.Tensor, target: tf.Tensor, labels: tf.Tensor | None) -> dict[str, tf.Tensor]:
        made = self.generator(source, training=True)
        on_made = self.judged(made, source)
        g_loss = -tf.reduce_mean(on_made) if self.variant == "wgan" else self.bce(tf.ones_like(on_made), on_made)
        if labels is not None and self.classes:
            read = tf.argmax(self.classifier(made, training=False), -1, output_type=tf.int32)
            self.track({"accuracy": tf.reduce_mean(tf.cast(read == labels, tf.float32))})
        else:
            self.track({"accuracy": tf.constant(0.0), "class_loss": tf.constant(0.0)})
        return {"g_loss": g_loss, "pixel_loss": self.pixel_weight * tf.reduce_mean(tf.abs(target - made))}

    def classifier_loss(self, target: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self.classifier(target, training=True)
        return {"class_loss": tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))}

    def train_step(self, batches: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        sources, targets, labels = batches["source"], batches["target"], batches.get("label")
        for source, target in zip(tf.unstack(sources), tf.unstack(targets), strict=True):
            self.minimize("d_optimizer", functools.partial(self.discriminator_loss, source, target))
            if self.variant == "wgan":
                for weight in self.discriminator.trainable_variables:
                    weight.assign(tf.clip_by_value(weight, -CLIP, CLIP))
        last = None if labels is None else labels[-1]
        if last is not None and self.classes:
            self.minimize("c_optimizer", lambda: self.classifier_loss(targets[-1], last))
        self.minimize("g_optimizer", lambda: self.generator_loss(sources[-1], targets[-1], last))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def restore(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h / factor, w / factor, c) coarse images in [0, 1] -> (n, h, w, c) in [0, 1]."""
        return (self.generator(images * 2.0 - 1.0, training=False) + 1.0) / 2.0
