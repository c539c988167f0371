"""Mixtures of Gaussians in the plane: data whose modes can be counted without a classifier.

A point is an "image" of shape (1, 1, 2): its two coordinates, divided by `extent` so that they lie in [-1, 1]. It is
float32, because 8 bits would be coarser than the Gaussians are wide.
"""

import math
from dataclasses import dataclass

import numpy as np

from tfgans.data.image_set import ImageSet
from tfgans.errors import UserError

SHAPE = (1, 1, 2)
SIZES = {"train": 100_000, "test": 10_000}


@dataclass(frozen=True)
class Mixture:
    """A mixture of round Gaussians with equal weights."""

    means: np.ndarray  # float64 (modes, 2)
    sigma: float
    extent: float  # the coordinate stored as 1

    def coordinates(self, samples: np.ndarray) -> np.ndarray:
        """Samples of an exported model, (n, 1, 1, 2) in [0, 1], as points in the plane, (n, 2)."""
        return (2.0 * samples.reshape(-1, 2).astype(np.float64) - 1.0) * self.extent


def _ring(modes: int, radius: float) -> np.ndarray:
    angles = 2.0 * math.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _grid(side: int, step: float) -> np.ndarray:
    line = step * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)


MIXTURES = {
    "gaussians8": Mixture(_ring(8, 2.0), 0.02, 4.0),  # Metz et al. 2016, arXiv:1611.02163, appendix A
    "gaussians25": Mixture(_grid(5, 2.0), 0.05, 5.0),  # as in Srivastava et al. 2017, arXiv:1705.07761, and later
    "gaussians5": Mixture(_ring(5, 2.0), 0.1, 4.0),  # Kim et al. 2017, arXiv:1703.05192, section 3.1: from five modes
    "gaussians10": Mixture(_ring(10, 2.0), 0.1, 4.0),  # to ten
}


def load_points(name: str, split: str, image_shape: tuple[int, int, int] | None, limit: int | None) -> ImageSet:
    """The points of a mixture, labelled by Gaussian. The Gaussians alternate: 0, 1, ... 7, 0, ...

    Raises:
        UserError: a split other than train and test, or a shape other than (1, 1, 2).
    """
    if split not in SIZES:
        raise UserError(f"'{name}' has no split '{split}'; it has {', '.join(SIZES)}")
    if image_shape is not None and tuple(image_shape) != SHAPE:
        raise UserError(f"'{name}' holds points, images of shape {list(SHAPE)}, not {list(image_shape)}")
    mixture, n = MIXTURES[name], SIZES[split]
    labels = np.arange(n) % len(mixture.means)
    noise = np.random.default_rng(list(SIZES).index(split)).standard_normal((n, 2))
    points = (mixture.means[labels] + mixture.sigma * noise) / mixture.extent
    chosen = np.arange(n)[:limit]  # evenly spaced points might come from a few Gaussians
    return ImageSet(
        name,
        points[chosen].astype(np.float32).ravel(),
        np.tile(np.array(SHAPE, np.int64), (len(chosen), 1)),
        labels[chosen].astype(np.int32),
        tuple(map(str, range(len(mixture.means)))),
        encoding="points",
    )
