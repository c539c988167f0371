"""Images as arrays: conversion to 8 bits, grids, PNG files."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfgans.files import whole


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] to 0..255, rounded."""
    return (np.clip(np.asarray(images, np.float32), 0, 1) * 255 + 0.5).astype(np.uint8)


def grid(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """(n, h, w, c) images in [0, 1] -> one uint8 picture (H, W, c), row by row, on white."""
    images = to_uint8(images)
    n, h, w, c = images.shape
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, c), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = gap + (i // columns) * (h + gap), gap + (i % columns) * (w + gap)
        sheet[y : y + h, x : x + w] = image
    return sheet


BLUE, ORANGE, GRAY = (31, 78, 160), (255, 178, 102), (205, 205, 205)
COLOURS = np.array(  # of modes; neighbours differ
    [
        (31, 119, 180),
        (255, 127, 14),
        (44, 160, 44),
        (214, 39, 40),
        (148, 103, 189),
        (140, 86, 75),
        (227, 119, 194),
        (90, 90, 90),
        (188, 189, 34),
        (23, 190, 207),
    ],
    np.uint8,
)


def scatter(
    samples: np.ndarray, real: np.ndarray | None = None, size: int = 320, labels: np.ndarray | None = None
) -> np.ndarray:
    """Points (n, 1, 1, 2) in [0, 1] -> a picture (size, size, 3) in uint8: samples in blue over real points.

    With `labels`, int (n,), the samples have ten colours in turn, and real points are gray.
    """
    picture = np.full((size, size, 3), 255, np.uint8)
    above: Any = BLUE if labels is None else COLOURS[labels % len(COLOURS)]
    for points, colour in ((real, ORANGE if labels is None else GRAY), (samples, above)):
        if points is not None:
            x, y = (np.clip(points.reshape(-1, 2), 0, 1) * (size - 3) + 0.5).astype(int).T
            for i in range(9):
                picture[size - 3 - y + i // 3, x + i % 3] = colour
    return picture


def sheet(images: np.ndarray, columns: int, real: np.ndarray | None = None) -> np.ndarray:
    """Samples (n, h, w, c) in [0, 1] as one picture: a grid of images, or a scatter plot of points."""
    return scatter(images, real) if images.shape[1:] == (1, 1, 2) else grid(images, columns)


def write_png(path: str | Path, picture: np.ndarray, scale: int = 1) -> None:
    """Write a uint8 picture (H, W, 1 or 3); `scale` repeats each pixel."""
    picture = picture[..., 0] if picture.shape[-1] == 1 else picture
    image = Image.fromarray(picture)
    with whole(path) as temporary:
        image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST).save(
            temporary, format="PNG"
        )
