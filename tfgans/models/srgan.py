"""SRGAN: super-resolution by 4. Ledig et al. 2016, arXiv:1609.04802.

A residual generator (SRResNet) is first trained with a pixel loss, then against a discriminator that distinguishes its
images from photographs, with a content loss in the features of a frozen network. Residual blocks are the paper's,
figure 4: Conv-BN-PReLU-Conv-BN-sum. The report that the recipe "document" follows has a second PReLU before the sum; it
is omitted here, as in the paper: a block should be able to add negative values.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial, Fall
from tfgans.errors import UserError
from tfgans.features.content import content_distance
from tfgans.layers import BatchNormalization
from tfgans.models.warm_start import take_weights

FACTOR = 4


@keras.saving.register_keras_serializable(package="tfgans")
class PixelShuffle(layers.Layer):
    """(n, h, w, 4 c) -> (n, 2 h, 2 w, c): channel (2 dy + dx) c + k becomes channel k of the pixel at (dy, dx).

    Shi et al. 2016, arXiv:1609.05158, in TensorFlow's order of channels.
    """

    def call(self, x: Any) -> Any:
        return tf.nn.depth_to_space(x, 2)

    def compute_output_shape(self, shape: Any) -> Any:
        n, h, w, c = shape
        return (n, h and 2 * h, w and 2 * w, c // 4)


def prelu(x: Any) -> Any:
    """A PReLU with one slope per channel, for any image size."""
    return layers.PReLU(shared_axes=[1, 2])(x)


def build_generator(channels: int, width: int, blocks: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1], any h and w -> (n, 4 h, 4 w, c), not bounded. Figure 4, above."""
    image = keras.Input((None, None, channels))
    x = head = prelu(layers.Conv2D(width, 9, padding="same")(image))
    for _ in range(blocks):
        y = prelu(BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x)))
        y = BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(y))
        x = layers.Add()([x, y])
    x = BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
    x = layers.Add()([x, head])
    for _ in range(int(math.log2(FACTOR))):
        x = prelu(PixelShuffle()(layers.Conv2D(4 * width, 3, padding="same")(x)))
    x = layers.Conv2D(channels, 9, padding="same")(x)  # in float32 it would take a third of a step's time
    return keras.Model(image, layers.Activation("linear", dtype="float32")(x), name="generator")


def build_discriminator(image_shape: tuple[int, int, int], width: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1] -> (n, 1) logits of being a photograph. Figure 4, below."""
    image = x = keras.Input(image_shape)
    for i in range(8):  # 64, 64, 128, 128, ... 512, 512 filters; every second layer halves the image
        x = layers.Conv2D(width << (i // 2), 3, 1 + i % 2, "same", use_bias=i == 0)(x)
        if i > 0:
            x = BatchNormalization()(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(16 * width)(layers.Flatten()(x)))
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")


def row_by_row(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """A convolution "same" with an odd kernel in float32, as a sum of shifted convolutions with each of its rows.

    All rows are one convolution with many filters. Processors multiply by three filters as slowly as by many, and some
    of oneDNN's kernels require more than three (`benchmarks/onednn.py`).
    """
    height, width, channels, filters = kernel.shape
    rows = tf.reshape(tf.transpose(tf.cast(kernel, x.dtype), (1, 2, 0, 3)), (1, width, channels, height * filters))
    made = tf.cast(tf.nn.conv2d(x, rows, 1, "SAME"), tf.float32)
    made = tf.pad(made, ((0, 0), (height // 2, height // 2), (0, 0), (0, 0)))
    shifted = [row[:, i : i + tf.shape(x)[1]] for i, row in enumerate(tf.split(made, height, axis=-1))]
    return tf.add_n(shifted) + tf.cast(bias, tf.float32)


@keras.saving.register_keras_serializable(package="tfgans")
class SRGAN(Adversarial):
    """`pretrain_steps` steps with the pixel loss only, then adversarial ones. Sections 2.2 and 3.2.

    Losses are logged as they are minimized, times their weights.
    """

    players = {
        "pretrain_optimizer": ("generator",),
        "g_optimizer": ("generator",),
        "d_optimizer": ("discriminator",),
    }
    terms = ("pixel_loss", "content_loss", "adversarial_loss", "d_loss", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (96, 96, 3),
        width: int = 64,
        blocks: int = 16,
        discriminator_width: int = 64,
        pixel: str = "mse",
        content: str = "vgg54",
        pixel_weight: float = 0.0,
        content_weight: float = 1.0,
        shift: int = 0,
        adversarial_weight: float = 1e-3,
        pretrain_steps: int = 1_000_000,
        pretrain_decay: float = 0.0,
        drop_at: int = 0,
        start: str = "",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`image_shape` is that of the targets in training. `pretrain_decay` is the share of pre-training, at its end,
        over which its learning rate falls to 0; from step `drop_at` on (0: never) the other two rates are a tenth.
        G's loss in the adversarial stage is content + adversarial + pixel loss, each times its weight. D and the
        content network get random crops that are `shift` pixels smaller: see `crops`. `start`: the folder of an
        exported SRGAN or SRResNet whose weights initialize a new generator.
        """
        if image_shape[0] % FACTOR or image_shape[1] % FACTOR:
            raise UserError(f"the sides of image_shape must be multiples of {FACTOR}, not {tuple(image_shape)}")
        if pixel not in ("mse", "l1"):
            raise UserError(f"pixel must be mse or l1, not '{pixel}'")
        if content != "none" and image_shape[2] != 3:
            raise UserError(f"'{content}' compares colour images; for gray ones use --set content=none")
        super().__init__(seed=seed, stages=(("pretrain", pretrain_steps), ("compete", None)), **kwargs)
        self.image_shape, self.width, self.blocks = image_shape, width, blocks
        self.discriminator_width = discriminator_width
        self.pixel, self.content = pixel, content
        self.pixel_weight, self.content_weight, self.shift = pixel_weight, content_weight, shift
        self.adversarial_weight = adversarial_weight
        self.pretrain_steps, self.pretrain_decay, self.drop_at = pretrain_steps, pretrain_decay, drop_at
        self.start = start
        self.generator = build_generator(image_shape[2], width, blocks)
        height, wide, channels = image_shape
        self.discriminator = build_discriminator((height - shift, wide - shift, channels), discriminator_width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)
        # a function, which hides the network from Keras: it is neither trained nor saved
        self.content_distance = content_distance(content)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        height, wide, channels = self.image_shape
        source = (height // FACTOR, wide // FACTOR, channels)
        return {"source": endpoint.image(n, source), "target": endpoint.image(n, self.image_shape)}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        images = {"images": endpoint.images(self.image_shape[2])}
        return {"restore": endpoint.Endpoint(images, images, scale=FACTOR, tiles=True, tile=160, margin=24)}

    def updates(self, player: str) -> dict[int, int]:
        return {0 if player == "pretrain_optimizer" else self.pretrain_steps: 1}

    def falls(self, player: str) -> tuple[Fall, ...]:
        if player == "pretrain_optimizer":
            length = self.pretrain_steps * self.pretrain_decay
            return ((self.pretrain_steps, length, 0.0),) if length else ()
        return ((self.drop_at, 0, 0.1),) if self.drop_at else ()

    # -- losses -----------------------------------------------------------------------------------------------------

    def pixel_loss(self, target: tf.Tensor, made: tf.Tensor) -> tf.Tensor:
        """Equation 4, or the mean absolute difference."""
        difference = target - made
        return tf.reduce_mean(tf.abs(difference) if self.pixel == "l1" else tf.square(difference))

    def crops(self, *images: tf.Tensor) -> list[tf.Tensor]:
        """The same crop of all of them, random for each example, because strided networks weigh some pixels more than
        others, and should not always favour the same ones.

        Crops begin 0 to `shift` pixels from the edge, at 0 and at `shift` half as often: no position modulo `shift`,
        the stride, is favoured, and every pixel is covered.
        """
        found = list(images)
        if self.shift:
            for axis, side in zip((1, 2), self.image_shape, strict=False):
                half = keras.random.randint((tf.shape(images[0])[0], 1), 0, 2 * self.shift, seed=self.seed_generator)
                pixels = (half + 1) // 2 + tf.range(side - self.shift)
                found = [tf.gather(image, pixels, axis=axis, batch_dims=1) for image in found]
        return found

    def generator_losses(self, target: tf.Tensor, made: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 3: content, and -log D(G(source)) for G's images, equation 6."""
        pixel = self.pixel_loss(target, made)
        target, made = self.crops(target, made)
        on_made = self.discriminator(made, training=True)
        content = pixel if self.content_distance is None else self.content_distance(target, made)
        losses = {
            "content_loss": self.content_weight * content,
            "adversarial_loss": self.adversarial_weight * self.bce(tf.ones_like(on_made), on_made),
        }
        if self.pixel_weight:
            return {**losses, "pixel_loss": self.pixel_weight * pixel}
        self.track({"pixel_loss": pixel})
        return losses

    def discriminator_loss(self, target: tf.Tensor, made: tf.Tensor) -> dict[str, tf.Tensor]:
        """Equation 2. Tracks D's probabilities: `d_real` for photographs and `d_fake` for G's images."""
        target, made = self.crops(target, made)
        on_target = self.discriminator(target, training=True)
        on_made = self.discriminator(made, training=True)
        self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_target)), "d_fake": tf.reduce_mean(tf.sigmoid(on_made))})
        return {"d_loss": self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)}

    # -- steps ------------------------------------------------------------------------------------------------------

    def pretrain(self, batch: dict[str, tf.Tensor]) -> None:
        """SRResNet: only the pixel loss."""

        def losses() -> dict[str, tf.Tensor]:
            return {"pixel_loss": self.pixel_loss(batch["target"], self.generator(batch["source"], training=True))}

        self.minimize("pretrain_optimizer", losses)

    def compete(self, batch: dict[str, tf.Tensor]) -> None:
        """One step of G and one of D on the same images of G, which are generated once."""
        source, target = batch["source"], batch["target"]

        def losses() -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            made = self.generator(source, training=True)
            return self.generator_losses(target, made), made

        made = self.minimize("g_optimizer", losses)
        self.minimize("d_optimizer", lambda: self.discriminator_loss(target, tf.stop_gradient(made)))

    def restore(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images in [0, 1] -> (n, 4 h, 4 w, c) in [0, 1]."""
        *_, last, _ = self.generator.layers
        features = keras.Model(self.generator.input, last.input)(images * 2.0 - 1.0, training=False)
        return tf.clip_by_value((row_by_row(features, last.kernel, last.bias) + 1.0) / 2.0, 0.0, 1.0)

    def begin(self) -> None:
        if self.start:
            take_weights(self.generator, self.start)
