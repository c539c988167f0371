"""Measurable properties of digits, and the effect of continuous codes on them: slant, stroke width, digit width."""

import numpy as np
from scipy.stats import spearmanr


def slant(images: np.ndarray) -> np.ndarray:
    """How far strokes lean to the right, in pixels per pixel upwards, (n,), for images (n, h, w, c), bright on dark.

    The slope of the ink's centre line: the covariance of its columns and rows over the variance of its rows. An image
    without ink, or with a single row of it, has 0.
    """
    return _moments(images)[0]


def width(images: np.ndarray) -> np.ndarray:
    """The width of digits in pixels, (n,): the deviation of the ink's columns from its centre line."""
    lean, rows, columns = _moments(images)
    return np.sqrt(np.maximum(columns - lean**2 * rows, 0.0))


def stroke_width(images: np.ndarray) -> np.ndarray:
    """The width of strokes in pixels, (n,): twice the ink over the length of its outline. Black images have 0.

    The outline's length is the total variation: the sum of the gradient's magnitude, by differences to the next pixel.
    The amount of ink alone would also grow with the size of the digit.
    """
    ink = np.pad(np.asarray(images, np.float64).mean(axis=-1), ((0, 0), (1, 1), (1, 1)))
    down, right = (np.diff(ink, axis=axis)[:, : ink.shape[1] - 1, : ink.shape[2] - 1] for axis in (1, 2))
    outline = np.hypot(down, right).sum(axis=(1, 2))
    return 2 * ink.sum(axis=(1, 2)) / np.maximum(outline, 1e-12)


def _moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The slant of the ink, and the variances of its rows and of its columns, each (n,)."""
    ink = np.asarray(images, np.float64).mean(axis=-1)
    rows, columns = np.mgrid[: ink.shape[1], : ink.shape[2]]
    mass = np.maximum(ink.sum(axis=(1, 2)), 1e-12)
    row, column = ((ink * place).sum(axis=(1, 2)) / mass for place in (rows, columns))
    up, right = row[:, None, None] - rows, columns - column[:, None, None]
    tall, wide, both = ((ink * product).sum(axis=(1, 2)) / mass for product in (up**2, right**2, up * right))
    return np.where(tall > 1e-9, both / np.maximum(tall, 1e-12), 0.0), tall, wide


def sharpness(images: np.ndarray) -> np.ndarray:
    """Steps of brightness between neighbouring pixels divided by the total brightness, (n,), of (n, h, w, c) images.

    A blurred spot and a sharp stroke may have the same amount of ink, but the stroke has steeper edges. Black images
    have 0.
    """
    x = np.asarray(images, np.float64)
    steps = np.abs(np.diff(x, axis=1)).sum(axis=(1, 2, 3)) + np.abs(np.diff(x, axis=2)).sum(axis=(1, 2, 3))
    return steps / np.maximum(x.sum(axis=(1, 2, 3)), 1e-12)


def code_effects(codes: np.ndarray, categories: np.ndarray, images: np.ndarray) -> dict[str, list[float]]:
    """Rank correlation, in [-1, 1], of each continuous code with slant ("turns"), stroke width ("thickens") and digit
    width ("widens").

    Computed within each category, because digits differ in all of them, and averaged over categories.

    Args:
        codes: (n, k) continuous codes. categories: (n,). images: (n, h, w, c), bright on dark.
    """
    effects = {"turns": slant(images), "thickens": stroke_width(images), "widens": width(images)}
    groups = [categories == c for c in np.unique(categories)]

    def correlation(code: np.ndarray, effect: np.ndarray) -> float:
        # identical images have no ranks
        return float(spearmanr(code, effect).statistic) if np.ptp(effect) > 0 else 0.0

    return {
        name: [
            float(np.mean([correlation(codes[own, k], effect[own]) for own in groups])) for k in range(codes.shape[1])
        ]
        for name, effect in effects.items()
    }
