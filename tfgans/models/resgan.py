"""ResGAN: restoration of extremely coarse images, with a classifier inside the discriminator.

"Generative Adversarial Network based on Resnet for Conditional Image Restoration" (report). The coarse image is the
generator's input and is also passed around its layers, enlarged to each scale; the skip connection and the output of
the layers are concatenated, not added. The discriminator predicts from one trunk whether an image is real and
its class.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization, Bilinear, halvings


def strides(factor: int) -> list[int]:
    """The prime factors of an enlargement, largest first: 7 -> [7], 8 -> [2, 2, 2], 6 -> [3, 2]."""
    found, p = [], 2
    while factor > 1:
        while factor % p == 0:
            found.append(p)
            factor //= p
        p += 1
    return found[::-1]


def unit(x: Any, y: Any, join: str) -> Any:
    """Joins a skip connection and the layers' output: section 2.2.2. For adding, both must have the same width. With
    "none" there is no skip connection."""
    if join == "none":
        return y
    if join == "concat":
        return layers.Concatenate()([x, y])
    if x.shape[-1] != y.shape[-1]:
        x = layers.Conv2D(y.shape[-1], 1, use_bias=False)(x)
    return layers.Add()([x, y])


def block(x: Any, filters: int, join: str) -> Any:
    """Two convolutions with a skip connection."""
    y = x
    for _ in range(2):
        y = layers.LeakyReLU(0.2)(BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)))
    return unit(x, y, join)


def build_generator(
    channels: int, factor: int, width: int, blocks: int, join: str, enlarging: str = "nearest"
) -> keras.Model:
    """(n, h, w, c) coarse images in [-1, 1], any h and w -> (n, factor h, factor w, c) in [-1, 1]. Figure 2."""

    def enlarged(scale: int) -> Any:
        return (Bilinear if enlarging == "bilinear" else layers.UpSampling2D)(scale)(coarse)

    coarse = keras.Input((None, None, channels))
    steps = strides(factor)
    filters, scale = width << len(steps), 1
    x = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 3, padding="same")(coarse))
    for _ in range(blocks):
        x = block(x, filters, join)
    for stride in steps:
        filters, scale = filters // 2, scale * stride
        x = layers.Conv2DTranspose(filters, max(4, stride), stride, "same", use_bias=False)(x)
        if stride < 4:  # overlapping windows leave a checkerboard (Kinoshita and Kiya 2020)
            x = layers.AveragePooling2D(2, 1, "same")(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
        x = block(unit(enlarged(scale), x, join), filters, join)
    x = layers.Conv2D(channels, 3, padding="same")(x)
    if join == "add":  # equation 9: the layers add what the coarse image lacks
        x = layers.Add()([enlarged(factor), x])
    return keras.Model(coarse, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], classes: int, width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> [(n, 1) logits of being real, (n, classes) logits of their classes]; without
    classes only the first, not in a list. Figure 1."""
    image = x = keras.Input(image_shape)
    for i in range(halvings(image_shape) + 1):
        x = layers.Conv2D(width << i, 4, 2, "same", use_bias=i == 0)(x)
        x = layers.LeakyReLU(0.2)(x if i == 0 else BatchNormalization()(x))
    x = layers.Flatten()(x)
    heads = [layers.Dense(units, dtype="float32")(x) for units in (1, classes) if units]
    return keras.Model(image, heads, name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class ResGAN(Adversarial):
    """Equations 4 to 8. Labels are classes, int32 (n,), or with `attributes` independent of each other, 0 or 1, int32
    (n, classes); with `classes` 0 there are no labels and no classifier."""

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("d_loss", "d_class_loss", "g_loss", "g_class_loss", "pixel_loss", "accuracy", "accuracy_real")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (28, 28, 1),
        factor: int = 7,
        classes: int = 10,
        attributes: bool = False,
        width: int = 32,
        blocks: int = 2,
        discriminator_width: int = 48,
        join: str = "concat",
        enlarging: str = "nearest",
        adversarial_weight: float = 1.0,
        class_weight: float = 1.0,
        smoothing: float = 0.0,
        pixel_weight: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`factor` is the enlargement, `join` "concat", "add" or "none", `enlarging` "nearest" or "bilinear"; G's loss
        is the sum of `adversarial_weight` times the adversarial one, `class_weight` times the classifier's and
        `pixel_weight` times the mean absolute difference from the original. A share `smoothing` of the classifier's
        targets is spread evenly over the classes, for both players."""
        if join not in ("concat", "add", "none"):
            raise UserError(f"join must be concat, add or none, not '{join}'")
        if enlarging not in ("nearest", "bilinear"):
            raise UserError(f"enlarging must be nearest or bilinear, not '{enlarging}'")
        if image_shape[0] % factor or image_shape[1] % factor:
            raise UserError(f"the sides of image_shape must be multiples of the factor {factor}, not {image_shape[:2]}")
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.factor, self.classes, self.attributes = image_shape, factor, classes, attributes
        self.enlarging = enlarging
        self.width, self.blocks, self.discriminator_width, self.join = width, blocks, discriminator_width, join
        self.adversarial_weight, self.class_weight = adversarial_weight, class_weight
        self.smoothing, self.pixel_weight = smoothing, pixel_weight
        self.generator = build_generator(image_shape[2], factor, width, blocks, join, enlarging)
        self.discriminator = build_discriminator(image_shape, classes, discriminator_width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        height, wide, channels = self.image_shape
        source = (height // self.factor, wide // self.factor, channels)
        spec = {"source": endpoint.image(n, source), "target": endpoint.image(n, self.image_shape)}
        if self.attributes and self.classes:
            spec["label"] = endpoint.Array((n, self.classes), "int32", 0, 2, "label")
        elif self.classes:
            spec["label"] = endpoint.label(n, self.classes)
        return spec

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        images = {"images": endpoint.images(self.image_shape[2])}
        return {"restore": endpoint.Endpoint(images, images, scale=self.factor, tiles=True, tile=160, margin=24)}

    # -- losses -----------------------------------------------------------------------------------------------------

    def judged(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """D's logits for images: of being real, and of their classes, if there is a classifier."""
        outputs = self.discriminator(images, training=True)
        return tuple(outputs) if self.classes else (outputs, None)  # Keras returns a single output bare

    def class_loss(self, labels: tf.Tensor | None, logits: tf.Tensor | None) -> tf.Tensor:
        """Cross-entropy in nats, of the classes or the mean over attributes; 0 without a classifier."""
        if labels is None or logits is None:
            return tf.constant(0.0)
        targets = tf.cast(labels, tf.float32) if self.attributes else tf.one_hot(labels, self.classes)
        targets = (1 - self.smoothing) * targets + self.smoothing / (2 if self.attributes else self.classes)
        if self.attributes:
            return self.bce(targets, logits)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))

    def accuracy(self, labels: tf.Tensor | None, logits: tf.Tensor | None) -> tf.Tensor:
        """The share of correctly classified images, or attributes; 0 without a classifier."""
        if labels is None or logits is None:
            return tf.constant(0.0)
        if self.attributes:
            right = (logits > 0) == (labels > 0)
        else:
            right = tf.argmax(logits, -1, output_type=tf.int32) == labels
        return tf.reduce_mean(tf.cast(right, tf.float32))

    def discriminator_loss(self, target: tf.Tensor, made: tf.Tensor, labels: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Equations 6 and 7. The classifier is trained on real images only."""
        on_target, seen = self.judged(target)
        on_made, _ = self.judged(made)
        self.track({"accuracy_real": self.accuracy(labels, seen)})
        loss = self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)
        return {"d_loss": loss / 2, "d_class_loss": self.class_weight * self.class_loss(labels, seen)}

    def generator_loss(self, target: tf.Tensor, made: tf.Tensor, labels: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Equation 8, non-saturating: restored images should look real and be classified correctly."""
        on_made, seen = self.judged(made)
        self.track({"accuracy": self.accuracy(labels, seen)})
        return {
            "g_loss": self.adversarial_weight * self.bce(tf.ones_like(on_made), on_made),
            "g_class_loss": self.class_weight * self.class_loss(labels, seen),
            "pixel_loss": self.pixel_weight * tf.reduce_mean(tf.abs(target - made)),
        }

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        source, target, labels = batch["source"], batch["target"], batch.get("label")

        def losses() -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            made = self.generator(source, training=True)
            return self.generator_loss(target, made, labels), made

        made = self.minimize("g_optimizer", losses)
        self.minimize("d_optimizer", lambda: self.discriminator_loss(target, tf.stop_gradient(made), labels))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def restore(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) coarse images in [0, 1] -> (n, factor h, factor w, c) in [0, 1]."""
        return (self.generator(images * 2.0 - 1.0, training=False) + 1.0) / 2.0
