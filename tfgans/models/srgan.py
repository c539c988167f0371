"""SRGAN, super-resolution by 4. Ledig et al. 2016, arXiv:1609.04802.

A residual generator (SRResNet) is first trained with a pixel loss, then against a discriminator that tells its images
from photographs, with a content loss in the features of a frozen network. Residual blocks are the paper's, figure 4:
Conv-BN-PReLU-Conv-BN-sum. The report that the recipe "document" follows has a second PReLU before the sum; it is left
out here, as in the paper: what a block adds should be free to be negative.
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
from tfgans.recipe import Recipe

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
    """One slope for each channel, whatever the image's size."""
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
    for i in range(8):  # 64, 64, 128, 128, ... 512, 512 filters; every second one halves the image
        x = layers.Conv2D(width << (i // 2), 3, 1 + i % 2, "same", use_bias=i == 0)(x)
        if i > 0:
            x = BatchNormalization()(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.LeakyReLU(0.2)(layers.Dense(16 * width)(layers.Flatten()(x)))
    return keras.Model(image, layers.Dense(1, dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class SRGAN(Adversarial):
    """`pretrain_steps` steps with the pixel loss alone, then adversarial ones. Sections 2.2 and 3.2.

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
        content network see crops that are `shift` pixels smaller, at random places: see `crops`. `start`: the folder
        of an exported SRGAN or SRResNet whose weights a fresh generator takes over.
        """
        if image_shape[0] % FACTOR or image_shape[1] % FACTOR:
            raise UserError(f"the sides of image_shape must be multiples of {FACTOR}, not {tuple(image_shape)}")
        if pixel not in ("mse", "l1"):
            raise UserError(f"pixel is mse or l1, not '{pixel}'")
        if content != "none" and image_shape[2] != 3:
            raise UserError(f"'{content}' compares colour images; give gray ones --set content=none")
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
        # a function, whose network Keras does not see: neither trained nor saved
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
        """The same crop of each of them, another for each example: strided networks weigh some pixels more than others,
        and shall not always weigh the same ones more."""
        found = list(images)
        if self.shift:
            for axis, side in zip((1, 2), self.image_shape, strict=False):
                first = keras.random.randint((tf.shape(images[0])[0], 1), 0, self.shift, seed=self.seed_generator)
                pixels = first + tf.range(side - self.shift)
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
        """Equation 2. Tracks what D says, as probabilities: `d_real` of photographs and `d_fake` of G's images."""
        target, made = self.crops(target, made)
        on_target = self.discriminator(target, training=True)
        on_made = self.discriminator(made, training=True)
        self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_target)), "d_fake": tf.reduce_mean(tf.sigmoid(on_made))})
        return {"d_loss": self.bce(tf.ones_like(on_target), on_target) + self.bce(tf.zeros_like(on_made), on_made)}

    # -- steps ------------------------------------------------------------------------------------------------------

    def pretrain(self, batch: dict[str, tf.Tensor]) -> None:
        """SRResNet: the pixel loss alone."""
        source, target = batch["source"], batch["target"]
        self.minimize(
            "pretrain_optimizer",
            lambda: {"pixel_loss": self.pixel_loss(target, self.generator(source, training=True))},
        )

    def compete(self, batch: dict[str, tf.Tensor]) -> None:
        """One step of G and one of D. Both see the same images of G, which are made once."""
        source, target = batch["source"], batch["target"]

        def losses() -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            made = self.generator(source, training=True)
            return self.generator_losses(target, made), made

        made = self.minimize("g_optimizer", losses)
        self.minimize("d_optimizer", lambda: self.discriminator_loss(target, tf.stop_gradient(made)))

    def restore(self, images: tf.Tensor) -> tf.Tensor:
        """(n, h, w, c) images in [0, 1] -> (n, 4 h, 4 w, c) in [0, 1]."""
        return tf.clip_by_value((self.generator(images * 2.0 - 1.0, training=False) + 1.0) / 2.0, 0.0, 1.0)

    def begin(self) -> None:
        if self.start:
            take_weights(self.generator, self.start)


MODEL = dict(
    image_shape=(96, 96, 3),
    width=64,
    blocks=16,
    discriminator_width=64,
    pixel="mse",
    content="vgg54",
    pixel_weight=0.0,
    content_weight=1.0,
    shift=0,
    adversarial_weight=1e-3,
    pretrain_steps=1_000_000,
    pretrain_decay=0.0,
    drop_at=0,
    start="",
)
PHOTOS = dict(
    MODEL,
    discriminator_width=32,
    pixel="l1",
    content="squeezenet:weights/squeezenet_v1.1_imagenet.h5",
    pixel_weight=0.25,
    content_weight=0.05,
    shift=8,
    pretrain_steps=16_000,
    pretrain_decay=0.8,
)
PHOTOS_RATES = dict(
    pretrain_optimizer=dict(learning_rate=5e-4),
    g_optimizer=dict(learning_rate=1e-4),
    d_optimizer=dict(learning_rate=1e-4),
)
FEW_PHOTOS = (
    "Trained on 256 photographs, nine tenths of yang91 and bsd200, in place of 350,000 of ImageNet; sources in [-1, 1]."
)
PRETRAINING = (
    "Pre-training with the mean absolute in place of the mean squared difference, and with Adam from 5e-4 in place of "
    "1e-4, falling linearly over the last 80%; 16,000 steps in place of 1,000,000."
)
COMPETING = (
    "3,000 adversarial steps in place of 200,000; a discriminator of half the width.",
    "Content loss: the squeezenet distance in place of VGG19's features, whose weights could not be had. It is also "
    "the distance on this card, which therefore favours this model.",
    "That distance is 0.39 between Set5 and its bicubic enlargement: times 0.05 it has the size that the paper scales "
    "VGG19's loss to. It hardly sees brightness and contrast, nor a faint grid of the 4 x 4 pixels made of one: "
    "0.25 times the pixel loss goes with it.",
    "D and the content network see crops at random places, 8 pixels smaller: both have strides.",
)
PAPER = "arXiv:1609.04802"
REPORTED = {"psnr_set5": 29.40, "ssim_set5": 0.8472, "psnr_set14": 26.02, "ssim_set14": 0.7397}

RECIPES = {
    "photos": Recipe(
        dataset="folder:data/photos",
        model=PHOTOS,
        optimizers=PHOTOS_RATES,
        batch_size=16,
        steps=19_000,
        paper=PAPER,
        decay=0.08,  # the second half of the adversarial stage
        degradation="bicubic:4",
        reported=REPORTED,
        deviations=(FEW_PHOTOS, PRETRAINING, *COMPETING),
    ),
    # the first stage alone
    "srresnet": Recipe(
        dataset="folder:data/photos",
        model=dict(PHOTOS, content="none"),
        optimizers=PHOTOS_RATES,
        batch_size=16,
        steps=16_000,
        paper=PAPER,
        degradation="bicubic:4",
        reported={"psnr_set5": 32.05, "ssim_set5": 0.9019, "psnr_set14": 28.49, "ssim_set14": 0.8184},
        deviations=(FEW_PHOTOS, PRETRAINING),
    ),
    # the second stage alone: what the paper and the report warn of
    "scratch": Recipe(
        dataset="folder:data/photos",
        model=dict(PHOTOS, pretrain_steps=0),
        optimizers=PHOTOS_RATES,
        batch_size=16,
        steps=3_000,
        paper=PAPER,
        decay=0.5,
        degradation="bicubic:4",
        deviations=(FEW_PHOTOS, "No pre-training.", *COMPETING),
    ),
    # section 3.2; weeks on two cores
    "paper": Recipe(
        dataset="folder:data/imagenet",
        model=dict(MODEL, drop_at=1_100_000),
        optimizers=dict(PHOTOS_RATES, pretrain_optimizer=dict(learning_rate=1e-4)),
        batch_size=16,
        steps=1_200_000,
        paper=PAPER,
        degradation="bicubic:4",
        reported=REPORTED,
        deviations=("Sources in [-1, 1] in place of [0, 1].",),
    ),
    # of the report on Places-205 and Stanford Dogs
    "document": Recipe(
        dataset="folder:data/places",
        model=dict(MODEL, image_shape=(256, 256, 3), pretrain_steps=5_000),
        optimizers={player: dict(learning_rate=1e-3, beta_1=0.97) for player in SRGAN.players},
        batch_size=1,
        steps=25_000,
        paper=f"{PAPER} (report: SRGAN in TensorFlow on Places-205 and Stanford Dogs)",
        degradation="bicubic:4",
        deviations=(
            "One PReLU in a residual block, as in the paper, in place of two.",
            "VGG19 in place of VGG16, and the learning rate (TensorFlow's default): the report is not explicit.",
        ),
    ),
}
