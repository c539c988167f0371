"""Fitting colours of a given lightness into sRGB."""

import numpy as np

from tfgans.data.colour import WHITE, XYZ

STEPS = 12  # bisections: chroma to 1/4000
OUTSIDE = 1e-5  # of linear light, tolerated for rounding
TO_RGB = np.linalg.inv((XYZ / WHITE[:, None]).T)


def tinted(lightness: np.ndarray, a_b: np.ndarray) -> np.ndarray:
    """sRGB in [0, 1], float32 (..., 3), of an L (..., 1) and the a and b (..., 2) of Lab.

    Colours outside sRGB lose chroma until they fit, so they keep their L; black and white have no chroma. (Clipping
    the channels would brighten black and turn white gray.)
    """
    lightness, a_b = lightness.astype(np.float64), a_b.astype(np.float64)
    linear = _linear(lightness, a_b)
    outside = ~_inside(linear)
    if outside.any():
        level, wanted = lightness[outside], a_b[outside]
        low, high = np.zeros(len(level)), np.ones(len(level))
        for _ in range(STEPS):
            middle = (low + high) / 2
            good = _inside(_linear(level, middle[:, None] * wanted))
            low, high = np.where(good, middle, low), np.where(good, high, middle)
        linear[outside] = _linear(level, low[:, None] * wanted)
    linear = linear.clip(0, 1)
    srgb = np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 0.003) ** (1 / 2.4) - 0.055, linear * 12.92)
    return srgb.astype(np.float32)


def _linear(lightness: np.ndarray, a_b: np.ndarray) -> np.ndarray:
    """Linear sRGB, which may lie outside [0, 1], of a colour in Lab."""
    y = (lightness + 16) / 116
    root = np.concatenate([y + a_b[..., :1] / 500, y, y - a_b[..., 1:] / 200], axis=-1)
    xyz = np.where(root > 0.2068966, root**3, (root - 16 / 116) / 7.787)
    return xyz @ TO_RGB


def _inside(linear: np.ndarray) -> np.ndarray:
    return np.asarray(((linear >= -OUTSIDE) & (linear <= 1 + OUTSIDE)).all(axis=-1))
