"""sRGB and CIE L*a*b* for colourization: a gray picture provides L, a and b are predicted."""

import functools

import numpy as np
import tensorflow as tf

# sRGB primaries to CIE XYZ and the white point D65 at 2 degrees, as in scikit-image.
XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
WHITE = np.array([0.95047, 1.0, 1.08883])


@functools.cache
def xyz_matrices() -> tuple[np.ndarray, np.ndarray]:
    forward = (XYZ / WHITE[:, None]).T
    return forward.astype(np.float32), np.linalg.inv(forward).astype(np.float32)


def rgb_to_lab(images: tf.Tensor) -> tf.Tensor:
    """sRGB in [-1, 1] to CIE L*a*b*, shape (..., 3): L in [0, 100], a and b in about [-110, 110]. Differentiable."""
    x, y, z = tf.unstack(_root(tf.tensordot(_linear(images), xyz_matrices()[0], 1)), axis=-1)
    return tf.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], -1)


def gray_to_l(images: tf.Tensor) -> tf.Tensor:
    """The L of gray pixels in [-1, 1], of any shape, taken as three equal channels."""
    return 116.0 * _root(_linear(images)) - 16.0


# maximum(): the branch that `where` does not select must have a finite gradient, too.


def _linear(images: tf.Tensor) -> tf.Tensor:
    rgb = (images + 1.0) / 2.0
    return tf.where(rgb > 0.04045, ((tf.maximum(rgb, 0.04) + 0.055) / 1.055) ** 2.4, rgb / 12.92)


def _root(xyz: tf.Tensor) -> tf.Tensor:
    return tf.where(xyz > 0.008856, tf.maximum(xyz, 0.008) ** (1 / 3), 7.787 * xyz + 16 / 116)


def lab_to_rgb(images: tf.Tensor) -> tf.Tensor:
    """CIE L*a*b*, shape (..., 3), to sRGB in [-1, 1]. Colours outside sRGB are clipped. Differentiable."""
    lightness, a, b = tf.unstack(images, axis=-1)
    y = (lightness + 16.0) / 116.0
    root = tf.stack([y + a / 500.0, y, tf.maximum(y - b / 200.0, 0.0)], -1)
    xyz = tf.where(root > 0.2068966, root**3, (root - 16 / 116) / 7.787)
    linear = tf.tensordot(xyz, xyz_matrices()[1], 1)
    rgb = tf.where(linear > 0.0031308, 1.055 * tf.maximum(linear, 0.003) ** (1 / 2.4) - 0.055, linear * 12.92)
    return tf.clip_by_value(rgb, 0.0, 1.0) * 2.0 - 1.0


def lightness(images: tf.Tensor) -> tf.Tensor:
    """The gray with the same L as each pixel: (..., 1 or 3) in [-1, 1] -> (..., 1). Differentiable."""
    return images if images.shape[-1] == 1 else lab_to_rgb(rgb_to_lab(images) * [1.0, 0.0, 0.0])[..., :1]
