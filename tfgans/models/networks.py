"""Networks for image translation: a U-Net and PatchGANs. Isola et al. 2016, arXiv:1611.07004, section 6.1.

Also a generator of residual blocks with mirrored borders, after Johnson et al. 2016, arXiv:1603.08155.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from tfgans.errors import UserError
from tfgans.inference.onednn import has_onednn
from tfgans.layers import BatchNormalization

KERNEL = keras.initializers.RandomNormal(stddev=0.02)  # section 6.2
SCALE = keras.initializers.RandomNormal(mean=1.0, stddev=0.02)  # of batch normalization, as in the authors' code
RESIDUAL_NORM = "instance"
NORMS = ("batch", "instance", "none")
PATCHES = {16: 1, 34: 2, 70: 3, 142: 4, 286: 5}  # pixels a side that an output sees -> convolutions of stride 2


@keras.saving.register_keras_serializable(package="tfgans")
class Conv2D(layers.Conv2D):
    """Keras's convolution. With oneDNN a batch of one image is computed as two images of half the height.

    For a single image TensorFlow makes oneDNN use a slower kernel (benchmarks/single_image.py).
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        shape = tuple(inputs.shape)
        if shape[0] == 1 and None not in shape and has_onednn() and not tf.config.list_physical_devices("GPU"):
            return halved(inputs, kernel, self.strides[0], self.padding)
        return super().convolution_op(inputs, kernel)


def halved(image: tf.Tensor, kernel: tf.Tensor, stride: int, padding: str) -> tf.Tensor:
    """The convolution of (1, h, w, c), whose output rows are computed in two halves."""
    size, (_, *sides, _) = kernel.shape[0], image.shape
    if padding == "same":
        around = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in sides]
        sides = [side + pad for side, pad in zip(sides, around, strict=True)]
    else:
        around = [0, 0]
    rows, columns = ((side - size) // stride + 1 for side in sides)
    half = -(-rows // 2)
    begin, needed = half * stride, (half - 1) * stride + size
    (top, bottom), horizontal = ((pad // 2, pad - pad // 2) for pad in around)
    bottom += max(begin + needed - sides[0], 0)  # an odd number of rows
    image = tf.pad(image, ((0, 0), (top, bottom), horizontal, (0, 0)))
    halves = [tf.slice(image, (0, first, 0, 0), (1, needed, -1, -1)) for first in (0, begin)]  # [:] has a slow gradient
    y = tf.reshape(tf.nn.conv2d(tf.concat(halves, 0), kernel, stride, "VALID"), (1, 2 * half, columns, -1))
    return tf.slice(y, (0, 0, 0, 0), (1, rows, -1, -1))


@keras.saving.register_keras_serializable(package="tfgans")
class InstanceNormalization(layers.GroupNormalization):
    """Normalizes each channel of each image to mean 0 and variance 1. Ulyanov et al. 2016, arXiv:1607.08022.

    Maps of one pixel become exactly 0, so do not normalize them. A single image is a batch: TensorFlow's fused batch
    normalization takes less time.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"groups": -1, "epsilon": 1e-5, "center": False, "scale": False, **kwargs})

    def call(self, inputs: Any) -> Any:
        if inputs.shape[0] != 1:
            return super().call(inputs)
        channels = inputs.shape[-1]
        return tf.compat.v1.nn.fused_batch_norm(
            inputs, tf.ones(channels), tf.zeros(channels), epsilon=self.epsilon, is_training=True
        )[0]


def normalized(x: Any, norm: str) -> Any:
    """A map with the normalization of this name, one of NORMS. Raises UserError for another name."""
    if norm not in NORMS:
        raise UserError(f"norm must be {', '.join(NORMS)}, not '{norm}'")
    if norm == "batch":
        return BatchNormalization(epsilon=1e-5, gamma_initializer=SCALE.clone())(x)
    return InstanceNormalization()(x) if norm == "instance" else x


def convolution(x: Any, filters: int, norm: str, kernel: int = 4, stride: int = 2, padding: str = "same") -> Any:
    """A convolution and its normalization, or a bias without normalization."""
    x = Conv2D(filters, kernel, stride, padding, use_bias=norm == "none", kernel_initializer=KERNEL.clone())(x)
    return normalized(x, norm)


def transposed(x: Any, filters: int, norm: str, kernel: int = 4) -> Any:
    """A transposed convolution that doubles the sides, and its normalization, or a bias without normalization."""
    own: dict[str, Any] = dict(use_bias=norm == "none", kernel_initializer=KERNEL.clone())
    return normalized(layers.Conv2DTranspose(filters, kernel, 2, "same", **own)(x), norm)


@keras.saving.register_keras_serializable(package="tfgans")
class ReflectionPadding(layers.Layer):
    """Pads (n, h, w, c) by `pad` pixels on each side, mirrored without the edge pixel: c b | a b c | b a.

    Both sides must be longer than `pad`.
    """

    def __init__(self, pad: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pad = pad

    def call(self, x: Any) -> Any:
        return tf.pad(x, ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)), "REFLECT")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *(side and side + 2 * self.pad for side in shape[1:3]), shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pad": self.pad}


def reflected(x: Any, filters: int, norm: str, kernel: int) -> Any:
    """A size-preserving convolution with an odd kernel on a map with mirrored borders, and its normalization."""
    return convolution(ReflectionPadding(kernel // 2)(x), filters, norm, kernel, 1, "valid")


def residual_block(x: Any, norm: str) -> Any:
    """A map plus two convolutions of 3x3 of it; no ReLU after the sum. Johnson 2016, arXiv:1603.08155."""
    y = layers.ReLU()(reflected(x, x.shape[-1], norm, 3))
    return layers.Add()([x, reflected(y, x.shape[-1], norm, 3)])


def build_residual(given: int, width: int, downsamplings: int, blocks: int, name: str, outputs: int = 0) -> keras.Model:
    """(n, h, w, given) -> the last feature map, (n, h, w, width), or (n, h, w, outputs) in [-1, 1].

    Zhu et al. 2017, arXiv:1703.10593, section 7.2; Wang et al. 2017, arXiv:1711.11585, appendix A. c7s1-width,
    d2width, ..., residual blocks, ..., uwidth, and with `outputs` c7s1-outputs; h and w are multiples of
    2 ** downsamplings.
    """
    image = x = keras.Input((None, None, given))
    x = layers.ReLU()(reflected(x, width, RESIDUAL_NORM, 7))
    for i in range(downsamplings):
        x = layers.ReLU()(convolution(x, width << (i + 1), RESIDUAL_NORM, kernel=3))
    for _ in range(blocks):
        x = residual_block(x, RESIDUAL_NORM)
    for i in reversed(range(downsamplings)):
        x = layers.ReLU()(transposed(x, width << i, RESIDUAL_NORM, kernel=3))
    return keras.Model(image, painted(x, outputs) if outputs else x, name=name)


def painted(x: Any, channels: int) -> Any:
    """A feature map as an image in [-1, 1], float32."""
    return layers.Activation("tanh", dtype="float32")(reflected(x, channels, "none", 7))


def levels_of(height: int, width: int) -> int:
    """How often a U-Net halves images of this size: until the shorter side is 1 pixel. 128 -> 7, 256 -> 8.

    Raises:
        UserError: a side cannot be halved that often.
    """
    levels = min(height, width).bit_length() - 1
    if levels < 2 or height % (1 << levels) or width % (1 << levels):
        raise UserError(
            f"a U-Net halves images until the shorter side is one pixel, but those of {height}x{width} do not halve so "
            "often; use sides such as 64, 128, 256 or 512"
        )
    return levels


def build_unet(
    given: int,
    made: int,
    width: int,
    levels: int,
    *,
    skips: bool = True,
    dropout: float = 0.5,
    norm: str = "batch",
    name: str = "generator",
) -> keras.Model:
    """(n, h, w, given) -> (n, h, w, made) in [-1, 1]; h and w are multiples of 2 ** levels. Section 6.1.1.

    Filters double with each level up to 8 times `width`. The first map and the innermost one, of one pixel in training,
    are not normalized. The first three maps of the decoder have dropout. Without `skips` there are no skip connections.
    """
    filters = [width * min(1 << i, 8) for i in range(levels)]
    image = x = keras.Input((None, None, given))
    maps = []
    for i in range(levels):
        x = convolution(layers.LeakyReLU(0.2)(x) if i else x, filters[i], norm if 0 < i < levels - 1 else "none")
        maps.append(x)
    for i in reversed(range(levels - 1)):
        x = transposed(layers.ReLU()(x), filters[i], norm)
        if i >= levels - 4 and dropout:
            x = layers.Dropout(dropout)(x)
        if skips:
            x = layers.Concatenate()([x, maps[i]])
    x = transposed(layers.ReLU()(x), made, "none")
    return keras.Model(image, layers.Activation("tanh", dtype="float32")(x), name=name)


def build_patchgan(
    channels: int, width: int, patch: int = 70, *, norm: str = "batch", bias: bool = True, name: str = "discriminator"
) -> keras.Model:
    """(n, h, w, channels) -> (n, h', w', 1) logits, each for a patch of patch x patch pixels. Section 6.1.2.

    Images of 256 pixels have 30x30 patches of 70. `patch` is 1 (a PixelGAN), 16, 34, 70, 142 or 286. Without `bias` the
    outputs have none: it cancels in a Wasserstein critic's loss.

    Raises:
        UserError: another patch.
    """
    image = x = keras.Input((None, None, channels))
    if patch == 1:
        x = layers.LeakyReLU(0.2)(convolution(x, width, "none", kernel=1, stride=1))
        x = layers.LeakyReLU(0.2)(convolution(x, 2 * width, norm, kernel=1, stride=1))
    elif patch in PATCHES:
        for i in range(PATCHES[patch]):
            x = layers.LeakyReLU(0.2)(convolution(x, width * min(1 << i, 8), norm if i else "none"))
        x = convolution(layers.ZeroPadding2D(1)(x), width * min(1 << PATCHES[patch], 8), norm, 4, 1, "valid")
        x = layers.ZeroPadding2D(1)(layers.LeakyReLU(0.2)(x))
    else:
        raise UserError(f"patch must be 1, {', '.join(map(str, PATCHES))}, not {patch}")
    kernel = 1 if patch == 1 else 4
    x = Conv2D(1, kernel, use_bias=bias, kernel_initializer=KERNEL.clone(), dtype="float32")(x)
    return keras.Model(image, x, name=name)


def patches_of(side: int, patch: int) -> int:
    """The number of a PatchGAN's outputs along a side; zero or negative if the image is too small."""
    if patch == 1:
        return side
    for _ in range(PATCHES[patch]):
        side = -(-side // 2)
    return side - 2


def check_patch(height: int, width: int, patch: int) -> None:
    """Raises UserError if a PatchGAN with such patches has no output for images of this size."""
    if patch in PATCHES and patches_of(min(height, width), patch) < 1:
        raise UserError(f"patches of {patch} pixels are too large for images of {height}x{width}; set a smaller patch")
