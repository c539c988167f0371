"""Context encoders: predicting a missing region from its surroundings. Pathak et al. 2016, arXiv:1604.07379.

An encoder halves the picture down to a small map, a channel-wise fully-connected layer propagates information between
all positions of that map, and a decoder enlarges it to a picture again, of which only the missing region is used. The
L2 loss learns its colours, and an adversary, which gets the prediction without the context, its texture.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans import endpoint
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.layers import BatchNormalization
from tfgans.models.missing_region import REGIONS, MissingRegion

CONNECTIONS = ("channelwise", "full")
MAP = 4  # pixels a side of the smallest map
INIT = keras.initializers.RandomNormal(stddev=0.02)

Terms = dict[str, tf.Tensor]


@keras.saving.register_keras_serializable(package="tfgans")
class ChannelwiseDense(layers.Layer):
    """A fully-connected layer inside each feature map, without any connection between maps. Section 3.1.

    (n, h, w, m) -> (n, h, w, m), with m (h w)^2 weights: m n^4 for m maps of n x n instead of m^2 n^4 for a full layer.
    """

    def build(self, shape: tuple[int | None, ...]) -> None:
        _, height, width, maps = shape
        if height is None or width is None or maps is None:
            raise ValueError(f"maps must have a known size, not {tuple(shape)}")
        places = height * width
        initializer = keras.initializers.RandomNormal(stddev=places**-0.5)
        self.kernel = self.add_weight(shape=(maps, places, places), initializer=initializer, name="kernel")

    def call(self, x: Any) -> Any:
        flat = tf.reshape(x, (-1, self.kernel.shape[1], x.shape[-1]))
        return tf.reshape(tf.einsum("npm,mpq->nqm", flat, tf.cast(self.kernel, x.dtype)), tf.shape(x))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape


def widths(side: int, width: int) -> list[int]:
    """The filters at each halving of `side` down to MAP: for 128 width, width, 2 width, 4 width, 8 width."""
    times = (side // MAP).bit_length() - 1
    return [width * (8 >> min(i, 3)) for i in reversed(range(times))]


def halved(x: Any, side: int, width: int) -> Any:
    """4x4 convolutions of stride 2 down to MAP pixels a side; the first one is not normalized."""
    for i, filters in enumerate(widths(side, width)):
        x = layers.Conv2D(filters, 4, 2, "same", use_bias=i == 0, kernel_initializer=INIT.clone())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x) if i else x)
    return x


def build_generator(image_shape: tuple[int, int, int], width: int, connection: str, units: int) -> keras.Model:
    """(n, h, w, c) images in [-1, 1], holes at the mean colour -> (n, h, w, c) in [-1, 1]. Sections 3.1 and 5.1.

    `connection` joins encoder and decoder: "channelwise" is `ChannelwiseDense` and a 1x1 convolution, which mixes the
    maps; "full" is a bottleneck of `units` maps of one pixel.
    """
    side, _, channels = image_shape
    *rest, deepest = widths(side, width)
    image = keras.Input(image_shape)
    x = halved(image, side, width)
    if connection == "channelwise":
        x = layers.LeakyReLU(0.2)(BatchNormalization()(ChannelwiseDense()(x)))
        x = layers.Conv2D(deepest, 1, use_bias=False, kernel_initializer=INIT.clone())(x)
    else:
        x = layers.Conv2D(units, MAP, use_bias=False, kernel_initializer=INIT.clone())(x)
        x = layers.LeakyReLU(0.2)(BatchNormalization()(x))
        x = layers.Conv2DTranspose(deepest, MAP, use_bias=False, kernel_initializer=INIT.clone())(x)
    x = layers.ReLU()(BatchNormalization()(x))
    for filters in reversed(rest):
        x = layers.Conv2DTranspose(filters, 4, 2, "same", use_bias=False, kernel_initializer=INIT.clone())(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=INIT.clone())(x)
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name="generator")


def build_discriminator(side: int, channels: int, width: int) -> keras.Model:
    """(n, side, side, c) regions in [-1, 1] -> (n, 1) logits of being real, by convolutions only. Section 5.1."""
    region = keras.Input((side, side, channels))
    x = layers.Conv2D(1, MAP, kernel_initializer=INIT.clone(), dtype="float32")(halved(region, side, width))
    return keras.Model(region, layers.Flatten(dtype="float32")(x), name="discriminator")


@keras.saving.register_keras_serializable(package="tfgans")
class ContextEncoder(Adversarial):
    """One update of G on the joint loss of section 3.2, then one of D on G's images.

    "l2" is the unweighted mean squared difference in the hole, of images in [-1, 1].
    """

    players = {"g_optimizer": ("generator",), "d_optimizer": ("discriminator",)}
    terms = ("l2", "reconstruction_loss", "adversarial_loss", "d_loss", "d_real", "d_fake")

    def __init__(
        self,
        image_shape: tuple[int, int, int] = (128, 128, 3),
        region: str = "center",
        hole: int = 64,
        width: int = 64,
        discriminator_width: int = 64,
        connection: str = "channelwise",
        units: int = 4000,
        overlap: int = 7,
        overlap_weight: float = 10.0,
        reconstruction_weight: float = 0.999,
        adversarial_weight: float = 0.001,
        mean_colour: tuple[float, float, float] = (0.485, 0.458, 0.408),
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        """`region` is the missing region (section 3.3): "center", a square of `hole` pixels a side in the middle, or
        "random", several blocks anywhere, the largest of which has the side `hole`.

        `overlap` pixels around holes are also predicted, with the weight `overlap_weight` in the reconstruction loss
        (section 5.1). `adversarial_weight` 0 omits that loss and D's updates. `mean_colour`, in [0, 1], replaces holes
        in the generator's input. `connection` and `units`: see `build_generator`.
        Raises UserError for an unknown region or connection, for images that are not square or do not halve down to MAP
        pixels, and for a hole that does not fit.
        """
        side = image_shape[0]
        for name, value, known in (("region", region, REGIONS), ("connection", connection, CONNECTIONS)):
            if value not in known:
                raise UserError(f"{name} must be {' or '.join(known)}, not '{value}'")
        if image_shape[1] != side or side & (side - 1) or side < 4 * MAP or image_shape[2] != 3:
            raise UserError(
                f"context_encoder fills square colour images whose side is a power of two, at least {4 * MAP}, "
                f"not of {image_shape[0]}x{image_shape[1]}x{image_shape[2]}"
            )
        if hole + 2 * overlap > side:
            raise UserError(f"a hole of {hole} with {overlap} pixels around it does not fit into images of {side}")
        if region == "center" and (hole & (hole - 1) or hole < 2 * MAP):
            raise UserError(f"a central hole must be a power of two, at least {2 * MAP}, not {hole}")
        super().__init__(seed=seed, **kwargs)
        self.image_shape, self.region, self.hole = image_shape, region, hole
        self.width, self.discriminator_width = width, discriminator_width
        self.connection, self.units = connection, units
        self.overlap, self.overlap_weight = overlap, overlap_weight
        self.reconstruction_weight, self.adversarial_weight = reconstruction_weight, adversarial_weight
        self.mean_colour = mean_colour
        self.area = MissingRegion(region, side, hole)
        self.generator = build_generator(image_shape, width, connection, units)
        judged = hole if region == "center" else side
        self.discriminator = build_discriminator(judged, image_shape[2], discriminator_width)
        self.bce = keras.losses.BinaryCrossentropy(from_logits=True)

    def batch_spec(self, n: int) -> dict[str, endpoint.Array]:
        image = endpoint.image(n, self.image_shape)
        mask = endpoint.Array((n, *self.image_shape[:2], 1), "bool", 0, 1, "mask")
        return {"source": image, "target": image, "mask": mask}

    def endpoints(self) -> dict[str, endpoint.Endpoint]:
        height, width, channels = self.image_shape
        images = endpoint.images(channels, (None, height, width))
        masks = endpoint.Array((None, height, width, 1), "bool", 0, 1, "mask")
        given = {"images": images, "masks": masks}
        return {"fill": endpoint.Endpoint(given, {"images": images}, size=(height, width), hole=self.hole)}

    def updates(self, player: str) -> dict[int, int]:
        return {0: 1} if player == "g_optimizer" or self.adversarial_weight else {}

    # -- losses -----------------------------------------------------------------------------------------------------

    def given(self, images: tf.Tensor, missing: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1] with the mean colour in the missing region. Section 4."""
        return tf.where(missing, tf.constant(self.mean_colour, images.dtype) * 2.0 - 1.0, images)

    def weights_in(self, missing: tf.Tensor) -> tf.Tensor:
        """The weight of each pixel in the reconstruction loss, (n, h, w, 1): 1 if it is missing, `overlap_weight`
        within `overlap` pixels of that, and 0 elsewhere; with random blocks 1, because D then gets the whole image."""
        near, reach = tf.cast(missing, tf.float32), 2 * self.overlap + 1
        for size in ((reach, 1), (1, reach)):
            near = tf.nn.max_pool2d(near, size, 1, "SAME")
        known = tf.where(near > 0.0, self.overlap_weight, 0.0 if self.region == "center" else 1.0)
        return tf.where(missing, 1.0, known)

    def reconstruction_loss(self, target: tf.Tensor, made: tf.Tensor, missing: tf.Tensor) -> Terms:
        """Equation 1 times lambda_rec: the weighted mean of squared differences over all pixels that count."""
        errors, weights = tf.reduce_mean(tf.square(target - made), -1, keepdims=True), self.weights_in(missing)
        hole = tf.cast(missing, tf.float32)
        self.track({"l2": tf.reduce_sum(hole * errors) / tf.reduce_sum(hole)})
        counted = tf.reduce_sum(tf.cast(weights > 0.0, tf.float32))
        return {"reconstruction_loss": self.reconstruction_weight * tf.reduce_sum(weights * errors) / counted}

    def adversarial_loss(self, made: tf.Tensor) -> Terms:
        """lambda_adv times the adversarial loss of section 3.2, non-saturating: -log D(F)."""
        judged = self.discriminator(self.area.shown(made), training=True)
        return {"adversarial_loss": self.adversarial_weight * self.bce(tf.ones_like(judged), judged)}

    def generator_loss(self, given: tf.Tensor, target: tf.Tensor, missing: tf.Tensor) -> tuple[Terms, tf.Tensor]:
        """The terms of the joint loss of section 3.2, and the generated images."""
        made = self.generator(given, training=True)
        terms = self.reconstruction_loss(target, made, missing)
        return terms | (self.adversarial_loss(made) if self.adversarial_weight else {}), made

    def discriminator_loss(self, target: tf.Tensor, made: tf.Tensor) -> Terms:
        """Section 3.2: -log D(x) - log(1 - D(F)). `d_real` and `d_fake` are D's mean probabilities of x and of F."""
        on_real = self.discriminator(self.area.shown(target), training=True)
        on_fake = self.discriminator(self.area.shown(made), training=True)
        self.track({"d_real": tf.reduce_mean(tf.sigmoid(on_real)), "d_fake": tf.reduce_mean(tf.sigmoid(on_fake))})
        return {"d_loss": self.bce(tf.ones_like(on_real), on_real) + self.bce(tf.zeros_like(on_fake), on_fake)}

    def train_step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        target, missing = batch["target"], self.area.missing(batch["mask"])
        given = self.given(batch["source"], missing)
        made = tf.stop_gradient(self.minimize("g_optimizer", lambda: self.generator_loss(given, target, missing)))
        if self.adversarial_weight:
            self.minimize("d_optimizer", lambda: self.discriminator_loss(target, made))
        return self.logs()

    # -- use --------------------------------------------------------------------------------------------------------

    def fill(self, images: tf.Tensor, masks: tf.Tensor) -> tf.Tensor:
        """Images (n, h, w, 3) in [0, 1] and masks (n, h, w, 1), True in the hole -> (n, h, w, 3) in [0, 1].

        The size is `image_shape`; known pixels stay. A model of central holes does not see the middle, and fills it and
        the overlap around it; holes farther out get the mean colour.
        """
        made = self.generator(self.given(images * 2.0 - 1.0, self.area.missing(masks)), training=False)
        made = tf.clip_by_value((made + 1.0) / 2.0, 0.0, 1.0)
        if self.region == "center":
            made = tf.where(tf.constant(self.area.middle(self.overlap)), made, tf.constant(self.mean_colour))
        return tf.where(masks, made, images)
