"""Distances between the features of generated and real images. All but the Frechet distance are TensorFlow GAN's.

All functions take NumPy arrays of shape (n, d), one row per image, and work in float64.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from tfgans.metrics.tfgan_bridge import classifier_metrics


def _rows(name: str, array: np.ndarray) -> np.ndarray:
    """`array` as float64 of shape (n, d), n >= 2 and finite; raises ValueError otherwise."""
    array = np.asarray(array, np.float64)
    if array.ndim != 2 or len(array) < 2:
        raise ValueError(f"{name} must have shape (n, d) with n >= 2, not {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array


def _pair(real: np.ndarray, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real, fake = _rows("real_features", real), _rows("fake_features", fake)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"features of {real.shape[1]} and {fake.shape[1]} values cannot be compared")
    return real, fake


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences TensorFlow's advice on TF-GAN's code, which we cannot change, in the middle of a table."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def frechet_distance(real_features: np.ndarray, fake_features: np.ndarray) -> float:
    """Frechet distance between the Gaussians fitted to both sets: |m - m'|^2 + Tr(C + C' - 2 (C C')^(1/2)), 0 at best.

    Heusel et al. 2017 (arXiv:1706.08500), eq. 6. Biased: it falls as n grows, so compare only scores of equal n.

    With C = R^T R, C C' has the nonzero eigenvalues of the symmetric R C' R^T. The trace of its root is the sum of
    their roots.

    Args:
        real_features: (n, d).
        fake_features: (m, d).
    """
    real, fake = _pair(real_features, fake_features)
    r = _root(real - real.mean(0))
    centred = fake - fake.mean(0)
    other = centred.T @ centred / (len(fake) - 1)
    eigenvalues = np.maximum(np.linalg.eigvalsh(r @ other @ r.T), 0.0)  # rounding makes some slightly negative
    means = np.sum((real.mean(0) - fake.mean(0)) ** 2)
    return float(means + np.sum(r**2) + np.trace(other) - 2.0 * np.sum(np.sqrt(eigenvalues)))


def _root(centred: np.ndarray) -> np.ndarray:
    """R, upper triangular, with R^T R the covariance of centred features (n, d).

    A Cholesky factor takes half the time of a QR decomposition, which also finds roots of near-singular covariances.
    """
    try:
        r = np.linalg.cholesky(centred.T @ centred / (len(centred) - 1)).T
        if r.diagonal().min() > 1e-5 * r.diagonal().max():
            return r
    except np.linalg.LinAlgError:
        pass
    return np.linalg.qr(centred, mode="r") / np.sqrt(len(centred) - 1)


def frechet_floor(train_features: np.ndarray, test_features: np.ndarray) -> float:
    """The score of perfect images: the Frechet distance of as many training images from the test images.

    Uses the first len(test) training images, because the bias of the distance depends on n.

    Args:
        train_features: (n, d), in no particular order; n >= len(test_features).
        test_features: (m, d), of the images that generated ones are compared with.
    """
    if len(train_features) < len(test_features):
        raise ValueError(
            f"a floor for {len(test_features)} images needs as many training images: {len(train_features)}"
        )
    return frechet_distance(test_features, train_features[: len(test_features)])


def frechet_bias(features: np.ndarray, n: int, seed: int = 0) -> float:
    """The Frechet distance between two samples of `n` from one Gaussian, fitted to `features` (m, d): the score of a
    perfect generator. It falls with n and grows with d.
    """
    spread = np.sqrt(np.maximum(np.linalg.eigvalsh(np.cov(_rows("features", features), rowvar=False)), 0.0))
    one, other = np.random.default_rng(seed).normal(size=(2, n, len(spread))) * spread
    return frechet_distance(one, other)


def kernel_distance(
    real_features: np.ndarray, fake_features: np.ndarray, *, block: int = 1024, seed: int = 0
) -> tuple[float, float]:
    """Kernel distance, the unbiased squared MMD under k(x, y) = (x.y / d + 1)^3, and its standard error.

    Binkowski et al. 2018 (arXiv:1801.01401), section 4; estimated in blocks of at most `block` images. Unbiased, so it
    may be slightly below 0. The standard error comes from the spread over blocks; with a single block it is NaN.

    Args:
        real_features: (n, d).
        fake_features: (m, d).
        block: the largest block; the cost grows with its square.
        seed: of the shuffle. The block estimator needs both sets in random order, but folders are sorted by class.
    """
    real, fake = _pair(real_features, fake_features)
    rng = np.random.default_rng(seed)
    real, fake = (tf.constant(rng.permutation(features)) for features in (real, fake))
    with _quiet():
        mean, error = classifier_metrics().kernel_classifier_distance_and_std_from_activations(real, fake, block)
    return float(mean), float(error)


def classifier_score(logits: np.ndarray) -> float:
    """exp(E[KL(p(y|x) || p(y))]) of a classifier's logits: 1 at worst, the number of classes at best.

    Salimans et al. 2016 (arXiv:1606.03498), section 4. With Inception's logits it is the Inception score. It ignores
    real images: one sharp image of each class has the best score.

    Args:
        logits: (n, classes), before the softmax.
    """
    return float(classifier_metrics().classifier_score_from_logits(_rows("logits", logits)))
