"""What a continuous code does to digits: does it turn them, does it thicken them?"""

import numpy as np
from scipy.stats import spearmanr


def slant(images: np.ndarray) -> np.ndarray:
    """How far strokes lean to the right, in pixels per pixel upwards, (n,), from images (n, h, w, c), bright on dark.

    The slope of the ink's centre line: the covariance of its columns and rows over the variance of its rows. An image
    without ink, or with a single row of it, has 0.
    """
    ink = np.asarray(images, np.float64).mean(axis=-1)
    rows, columns = np.mgrid[: ink.shape[1], : ink.shape[2]]
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-12)
    row, column = ((ink * place).sum(axis=(1, 2)) / mass for place in (rows, columns))
    up, right = row[:, None, None] - rows, columns - column[:, None, None]
    variance = (ink * up**2).sum(axis=(1, 2))
    covariance = (ink * up * right).sum(axis=(1, 2))
    return np.where(variance > 1e-9 * mass, covariance / np.maximum(variance, 1e-12), 0.0)


def code_effects(codes: np.ndarray, categories: np.ndarray, images: np.ndarray) -> dict[str, list[float]]:
    """Rank correlation, in [-1, 1], of each continuous code with slant ("turns") and with ink ("thickens").

    Within each category, as digits differ in both; then the mean over categories.

    Args:
        codes: (n, k) continuous codes. categories: (n,). images: (n, h, w, c), bright on dark.
    """
    effects = {"turns": slant(images), "thickens": np.asarray(images, np.float64).mean(axis=(1, 2, 3))}
    groups = [categories == c for c in np.unique(categories)]

    def correlation(code: np.ndarray, effect: np.ndarray) -> float:
        # images that are all alike have no ranks
        return float(spearmanr(code, effect).statistic) if np.ptp(effect) > 0 else 0.0

    return {
        name: [
            float(np.mean([correlation(codes[own, k], effect[own]) for own in groups])) for k in range(codes.shape[1])
        ]
        for name, effect in effects.items()
    }
