"""Similarity of images within a class, which the ACGAN paper uses to detect collapsed classes."""

import numpy as np
import tensorflow as tf

SCALES = (0.0448, 0.2856, 0.3001)  # the first weights of Wang et al. 2003; 28 pixels halve twice before 7 are left
WINDOW = 7


def ms_ssim_within(images: np.ndarray, labels: np.ndarray, pairs: int = 200) -> np.ndarray:
    """The mean multi-scale SSIM of random pairs of images within each class, (classes,), ascending by label.

    1 means that all images of the class are the same. Odena et al. 2016, arXiv:1610.09585, section 4.2, use 100 pairs
    of 128x128 images and five scales; smaller images have room for three, whose weights are normalized to 1.

    Args:
        images: (n, h, w, c), uint8 or float in [0, 1], at least 28 pixels a side.
        labels: (n,), at least two of each class.
    """
    images = np.asarray(images)
    if min(images.shape[1:3]) < 4 * WINDOW:
        raise ValueError(f"images need at least {4 * WINDOW} pixels a side, not {images.shape[1:3]}")
    scale = 255.0 if images.dtype == np.uint8 else 1.0
    rng = np.random.default_rng(0)
    found = []
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        if len(own) < 2:
            raise ValueError(f"class {label} has a single image and no pair to compare")
        first = rng.integers(len(own), size=pairs)
        second = (first + rng.integers(1, len(own), size=pairs)) % len(own)
        a, b = (tf.constant(images[own[chosen]], tf.float32) / scale for chosen in (first, second))
        weights = tuple(weight / sum(SCALES) for weight in SCALES)
        found.append(float(tf.reduce_mean(tf.image.ssim_multiscale(a, b, 1.0, weights, filter_size=WINDOW))))
    return np.array(found)
