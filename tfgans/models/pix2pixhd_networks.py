"""Networks of Pix2PixHD: both generators and the discriminators. Wang et al. 2017, arXiv:1711.11585, appendix A."""

import keras
from keras import layers

from tfgans.errors import UserError
from tfgans.models.networks import (
    build_patchgan,
    convolution,
    painted,
    patches_of,
    reflected,
    residual_block,
    transposed,
)

NORM = "instance"


def check_arguments(
    image_shape: tuple[int, int, int],
    label_classes: int,
    downsamplings: int,
    enhancer: bool,
    scales: int,
    patch: int,
    content: str,
) -> None:
    """Raises UserError for unsuitable arguments of `Pix2PixHD`."""
    smallest = (2 if enhancer else 1) << downsamplings
    if downsamplings < 1 or not 1 <= scales <= 3:
        raise UserError("downsamplings must be at least 1, and scales 1, 2 or 3")
    if min(image_shape[:2]) < 2 * smallest or any(side % smallest for side in image_shape[:2]):
        raise UserError(
            f"with downsamplings={downsamplings} sides must be multiples of {smallest}, at least {2 * smallest}, not "
            f"{image_shape[0]}x{image_shape[1]}"
        )
    judged = min(image_shape[:2]) // (2 if enhancer else 1) >> (scales - 1)
    if patches_of(judged, patch) < 1:
        raise UserError(
            f"the last of {scales} discriminators judges images of {judged} pixels, too few for patches of "
            f"{patch}; set a smaller patch, or fewer scales"
        )
    if content != "none" and image_shape[2] != 3:
        raise UserError(f"'{content}' compares colour images; for gray ones use --set content=none")
    if not label_classes:
        raise UserError("pix2pixhd takes label maps; set their palette")


def build_head(width: int, channels: int) -> keras.Model:
    """The end of G1, which G2 does not use: (n, h, w, width) -> (n, h, w, channels) in [-1, 1]."""
    features = keras.Input((None, None, width))
    return keras.Model(features, painted(features, channels), name="head")


def build_enhancer(given: int, width: int, blocks: int, channels: int) -> keras.Model:
    """G2: the input, (n, 2 h, 2 w, given), and G1's last map, (n, h, w, width) -> (n, 2 h, 2 w, channels).

    Section 3.2 and appendix A, from c7s1-width/2 on.
    """
    image, features = keras.Input((None, None, given)), keras.Input((None, None, width))
    x = layers.ReLU()(reflected(image, width // 2, NORM, 7))
    x = layers.Add()([layers.ReLU()(convolution(x, width, NORM, kernel=3)), features])
    for _ in range(blocks):
        x = residual_block(x, NORM)
    x = layers.ReLU()(transposed(x, width // 2, NORM, kernel=3))
    return keras.Model([image, features], painted(x, channels), name="local_enhancer")


def build_discriminators(channels: int, width: int, patch: int, scales: int) -> keras.Model:
    """(n, h, w, channels) -> for each scale the maps of a PatchGAN: one after each LeakyReLU, then its logits.

    Section 3.3: the discriminators are identical; the second judges the image at half its size, the third at a quarter.
    """
    image = x = keras.Input((None, None, channels))
    found = []
    for k in range(scales):
        x = layers.AveragePooling2D(2)(x) if k else x
        judge = build_patchgan(channels, width, patch, norm=NORM, name=f"discriminator_{k + 1}")
        maps = [layer.output for layer in judge.layers if isinstance(layer, layers.LeakyReLU)]
        found.append(list(keras.Model(judge.input, [*maps, judge.output], name=judge.name)(x)))
    return keras.Model(image, found, name="discriminators")
