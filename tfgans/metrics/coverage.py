"""Coverage of known modes of the data by a generator. All functions take NumPy arrays."""

from typing import NamedTuple

import numpy as np


class Coverage(NamedTuple):
    """Coverage of a mixture of k Gaussians by n samples."""

    modes: int  # Gaussians nearest to at least one sample of high quality
    high_quality: float  # share of samples, in [0, 1], that lie within `within` sigma of their nearest mean
    nearest: np.ndarray  # (n,) int, the nearest mean of each sample


def mode_coverage(points: np.ndarray, means: np.ndarray, sigma: float, within: float = 3.0) -> Coverage:
    """Modes covered and share of high quality, as defined by Srivastava et al. 2017 (arXiv:1705.07761), section 4.

    For the mixture's own points 1 - exp(-within^2 / 2) are of high quality: 0.989 within 3 sigma.

    Args:
        points: (n, d), n >= 1, finite.
        means: (k, d), of isotropic Gaussians with standard deviation `sigma`.
    """
    points, means = np.asarray(points, np.float64), np.asarray(means, np.float64)
    if points.ndim != 2 or points.shape[1:] != means.shape[1:] or not len(points):
        raise ValueError(f"points must have shape (n, {means.shape[1]}), n >= 1, not {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError("points has values that are not finite")
    distances = np.linalg.norm(points[:, None] - means[None], axis=-1)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) <= within * sigma
    return Coverage(len(np.unique(nearest[good])), float(good.mean()), nearest)


def source_identified(reached: np.ndarray, sources: np.ndarray) -> float:
    """The share of points whose source mode can be identified from the mode that they reach, in [0, 1].

    The guess for each reached mode is the source of most of its points. The share is 1 if no mode is reached from two
    sources, and one over the number of sources, if equally frequent, if all reach the same mode.

    Args:
        reached: (n,) int, n >= 1, the modes that points were translated to.
        sources: (n,) int, their source modes.
    """
    reached, sources = np.asarray(reached), np.asarray(sources)
    if reached.ndim != 1 or reached.shape != sources.shape or not len(reached):
        raise ValueError(f"modes must have shape (n,), n >= 1, not {reached.shape} and {sources.shape}")
    counts = np.zeros((reached.max() + 1, sources.max() + 1), np.int64)
    np.add.at(counts, (reached, sources), 1)
    return float(counts.max(axis=1).sum() / len(reached))


def stacked_digits(read: np.ndarray) -> np.ndarray:
    """The modes 0 .. 999 of images with a digit in each channel: (n, 3) digits -> (n,) int, 100 r + 10 g + b."""
    read = np.asarray(read)
    if read.ndim != 2 or read.shape[1] != 3 or (read.size and not 0 <= read.min() <= read.max() <= 9):
        raise ValueError(f"digits must have shape (n, 3) and lie in 0 .. 9, not {read.shape}")
    return read @ np.array([100, 10, 1])
