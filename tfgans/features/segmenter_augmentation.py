"""Augmentation of photographs and label maps for training segmenters."""

import numpy as np
import tensorflow as tf

from tfgans.features.segmenter_networks import Segmentation


def crops(
    images: tf.Tensor, maps: tf.Tensor, seed: tf.Tensor, setting: Segmentation, image_shape: tuple[int, int, int]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Random crops of images and their maps, zoomed and mirrored together, independently for each image.

    Args:
        images: float32 (n, h, w, 3).
        maps: uint8 (n, h, w, 1); resampled by the nearest pixel.
        seed: int32 (2,); the same seed gives the same crops.
        image_shape: (h, w, 3).

    Returns:
        (n, crop, crop, 3) and (n, crop, crop, 1); an image smaller than the crop is mirrored outwards.
    """
    seeds = iter(tf.unstack(tf.random.experimental.stateless_split(seed, 5)))
    n, crop = tf.shape(images)[0], setting.crop

    def draw(low: float, high: float) -> tf.Tensor:
        return tf.random.stateless_uniform([n], next(seeds), low, high)

    zoom = tf.exp(draw(np.log(setting.zoom[0]), np.log(setting.zoom[1])))

    def axis(size: int, flipped: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Slope and offset from a pixel of the crop to a pixel of the image; 0 is the centre of the first."""
        first = (size - zoom * crop) * draw(0.0, 1.0)
        slope = tf.where(flipped, -zoom, zoom)
        return slope, tf.where(flipped, first + zoom * (crop - 0.5), first + zoom * 0.5) - 0.5

    x, x0 = axis(image_shape[1], draw(0.0, 1.0) < 0.5)
    y, y0 = axis(image_shape[0], (draw(0.0, 1.0) < 0.5) & (not setting.upright))
    zero = tf.zeros([n])
    transforms = tf.stack([x, zero, x0, zero, y, y0, zero, zero], axis=1)

    def cut(values: tf.Tensor, interpolation: str) -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=values,
            transforms=transforms,
            output_shape=(crop, crop),
            interpolation=interpolation,
            fill_mode="REFLECT",
            fill_value=0.0,
        )

    return cut(images, "BILINEAR"), cut(maps, "NEAREST")


def jitter(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Changes of light, colour, sharpness and noise for training a segmenter; each leaves out a quarter of the images.

    Images: float32 (n, h, w, 3) in [0, 1], of equal sides; the same seed gives the same changes.
    """
    seeds = iter(tf.unstack(tf.random.experimental.stateless_split(seed, 11)))
    n, side = tf.shape(images)[0], tf.shape(images)[1]

    def draw(low: float, high: float, channels: int = 1) -> tf.Tensor:
        return tf.random.stateless_uniform([n, 1, 1, channels], next(seeds), low, high)

    def sometimes(new: tf.Tensor, old: tf.Tensor, share: float = 0.75) -> tf.Tensor:
        return tf.where(draw(0.0, 1.0) < share, new, old)

    gray = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = sometimes(gray + (images - gray) * draw(0.5, 1.4), images)
    images = sometimes(images * draw(0.9, 1.1, 3) * draw(0.75, 1.25) + draw(-0.1, 0.1), images)
    coarse = tf.cast(tf.cast(side, tf.float32) * tf.random.stateless_uniform([], next(seeds), 0.5, 1.0), tf.int32)
    blurred = tf.image.resize(tf.image.resize(images, [coarse, coarse]), [side, side])
    images = sometimes(blurred, images, 0.25)
    noise = tf.random.stateless_normal(tf.shape(images), next(seeds)) * draw(0.0, 0.05)
    return tf.clip_by_value(sometimes(images + noise, images, 0.25), 0.0, 1.0)
