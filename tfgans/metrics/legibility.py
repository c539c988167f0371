"""Legibility of small letters after a restoration: a page of random letters is degraded, restored and read."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHJKLMNPRSTUVXYZ23456789"  # without similar ones
HEIGHTS = (8, 12, 16, 24)  # of capital letters, in pixels of the original
ROWS, COLUMNS = 12, 20
SHIFTS = 4  # positions of a letter in each direction: all phases of shrinking by 4


def page(height: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Black letters on white: uint8 (h, w, 3), the index of each letter (ROWS, COLUMNS), and its shift (..., 2)."""
    rng = np.random.default_rng(seed)
    letters = rng.integers(0, len(LETTERS), (ROWS, COLUMNS))
    shifts = rng.integers(0, SHIFTS, (ROWS, COLUMNS, 2))
    cell = cell_of(height)
    sheet = np.empty((ROWS * cell, COLUMNS * cell), np.uint8)
    drawn = templates(height)
    for i, j in np.ndindex(ROWS, COLUMNS):
        sheet[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell] = drawn[(*shifts[i, j], letters[i, j])]
    return np.repeat(sheet[..., None], 3, axis=-1), letters, shifts


def cell_of(height: int) -> int:
    """The side of a letter's square: a multiple of 4."""
    return -(-(height * 3 // 2 + SHIFTS) // 4) * 4


def templates(height: int) -> np.ndarray:
    """Every letter at every shift, uint8 (SHIFTS, SHIFTS, letters, cell, cell), in Pillow's font."""
    font = ImageFont.load_default(height / 0.7)  # capitals are about 0.7 of the font's size
    cell = cell_of(height)
    drawn = np.empty((SHIFTS, SHIFTS, len(LETTERS), cell, cell), np.uint8)
    for dy, dx, k in np.ndindex(SHIFTS, SHIFTS, len(LETTERS)):
        picture = Image.new("L", (cell, cell), 255)
        ImageDraw.Draw(picture).text(((cell - SHIFTS) / 2 + dx, cell - 4 - dy), LETTERS[k], 0, font, anchor="ms")
        drawn[dy, dx, k] = np.asarray(picture)
    return drawn


def read(image: np.ndarray, height: int, shifts: np.ndarray) -> np.ndarray:
    """The letters of a page as read by an ideal observer who knows their positions: at each position, the letter whose
    template correlates best. (h, w, c), any range -> indices (ROWS, COLUMNS)."""
    cell, found = cell_of(height), np.empty((ROWS, COLUMNS), int)
    gray, drawn = image.astype(np.float64).mean(axis=-1), _standard(templates(height).astype(np.float64))
    for i, j in np.ndindex(ROWS, COLUMNS):
        seen = _standard(gray[i * cell : (i + 1) * cell, j * cell : (j + 1) * cell])
        found[i, j] = (drawn[tuple(shifts[i, j])] * seen).sum(axis=(1, 2)).argmax()
    return found


def _standard(pictures: np.ndarray) -> np.ndarray:
    pictures = pictures - pictures.mean(axis=(-2, -1), keepdims=True)
    return pictures / np.maximum(np.sqrt((pictures**2).sum(axis=(-2, -1), keepdims=True)), 1e-9)


def letters_read(versions: Callable[[np.ndarray], Sequence[np.ndarray]], height: int) -> list[float]:
    """The share of letters of that height read correctly in each version of a page (uint8, of its size)."""
    sheet, letters, shifts = page(height)
    return [float(np.mean(read(version, height, shifts) == letters)) for version in versions(sheet)]
