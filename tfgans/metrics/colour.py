"""Colourfulness and hues of images."""

import numpy as np
from skimage.color import rgb2lab


def _rgb(images: np.ndarray) -> np.ndarray:
    """uint8 or float in [0, 1], (n, h, w, 3) -> float64 in [0, 1]. Raises ValueError for other images."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"images must have shape (n, h, w, 3), not {images.shape}")
    images = images / 255.0 if images.dtype == np.uint8 else images.astype(np.float64)
    if not (images.min() >= -1e-3 and images.max() <= 1.001):
        raise ValueError(f"images must lie in [0, 1], not in [{images.min():.3g}, {images.max():.3g}]")
    return images


def colourfulness(images: np.ndarray) -> np.ndarray:
    """(n, h, w, 3), uint8 or float in [0, 1] -> (n,): 0 for gray images, about 15 slightly, 60 quite colourful.

    Hasler and Suesstrunk 2003 (doi:10.1117/12.477378), the metric M3 of section 7, on values of 0 to 255.
    """
    red, green, blue = np.moveaxis(255.0 * _rgb(images), -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])  # (2, n, h, w)
    spread = np.sqrt(opponents.var(axis=(2, 3)).sum(axis=0))
    return spread + 0.3 * np.sqrt((opponents.mean(axis=(2, 3)) ** 2).sum(axis=0))


def green_blue_share(images: np.ndarray, least: float = 10.0) -> np.ndarray:
    """(n, h, w, 3) -> (n,): the share of green or blue among pixels with a chroma of at least `least`; NaN if none.

    Green and blue are the hues nearer to -a and -b of Lab than to +a (red) and +b (yellow): 135 to 315 degrees.
    """
    lab = rgb2lab(_rgb(images))
    coloured = np.hypot(lab[..., 1], lab[..., 2]) >= least
    cold = coloured & (lab[..., 1] + lab[..., 2] < 0)
    counts = coloured.sum(axis=(1, 2))
    return np.where(counts > 0, cold.sum(axis=(1, 2)) / np.maximum(counts, 1), np.nan)


def vivid_chroma(
    images: np.ndarray, originals: np.ndarray, side: int = 16, vivid: float = 30.0, flat: float = 4.0
) -> tuple[np.ndarray, np.ndarray]:
    """The chroma of images, divided by that of the originals, where these are vivid: in flat blocks, and in others.

    Args:
        images, originals: (n, h, w, 3), uint8 or float in [0, 1].
        side: of the blocks, in pixels; the rest at the right and the bottom is left out.
        vivid: the least mean chroma (of Lab) of the blocks that count.
        flat: the largest standard deviation of the lightness (0 to 100) of a block with low contrast.

    Returns:
        Two of (n,); NaN where an image has no such block.
    """

    def blocks(images: np.ndarray) -> np.ndarray:
        lab = rgb2lab(_rgb(images))
        n, rows, columns = len(lab), lab.shape[1] // side, lab.shape[2] // side
        cut = lab[:, : rows * side, : columns * side].reshape(n, rows, side, columns, side, 3)
        return cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows * columns, side * side, 3)

    def chroma(lab: np.ndarray) -> np.ndarray:
        return np.hypot(lab[..., 1], lab[..., 2]).mean(axis=-1)

    made, real = blocks(images), blocks(originals)
    counted, low = chroma(real) >= vivid, real[..., 0].std(axis=-1) <= flat
    shares = []
    for own in (counted & low, counted & ~low):
        kept = np.where(own, chroma(made), 0).sum(axis=1), np.where(own, chroma(real), 0).sum(axis=1)
        shares.append(np.where(own.any(axis=1), kept[0] / np.maximum(kept[1], 1e-9), np.nan))
    return shares[0], shares[1]


def seam_contrast(images: np.ndarray, part: int) -> np.ndarray:
    """(n, h, w, c) -> (n,): the mean step from pixel to pixel across the borders of parts, divided by that elsewhere.

    About 1 if parts of `part` pixels a side fit together as well as any neighbours. NaN for flat images.
    """
    images = np.asarray(images, np.float64)
    if not 0 < part < min(images.shape[1:3]):
        raise ValueError(f"parts of {part} pixels have no border in images of {images.shape[1]}x{images.shape[2]}")
    across, within = [], []
    for axis in (1, 2):
        steps = np.moveaxis(np.abs(np.diff(images, axis=axis)), axis, 1)
        border = np.arange(1, steps.shape[1] + 1) % part == 0
        across.append(steps[:, border].reshape(len(images), -1))
        within.append(steps[:, ~border].reshape(len(images), -1))
    usual = np.concatenate(within, axis=1).mean(axis=1)
    return np.concatenate(across, axis=1).mean(axis=1) / np.where(usual > 0, usual, np.nan)
