"""Holes: where their windows lie, what of them is taken, and what is not touched."""

from typing import Any

import numpy as np
import pytest
from inference_models import photograph

from tfgans import endpoint
from tfgans.endpoint import Array, Endpoint
from tfgans.inference import holes
from tfgans.inference.tiling import Pictures

MASKS = Array((None, None, None, 1), "bool", 0, 1, "mask")


class Centres:
    """A model that paints the middle of its window, 16 pixels a side, blue and all else white; it remembers all."""

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []
        self.masks: list[np.ndarray] = []

    def __call__(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        self.images += list(images)
        self.masks += list(masks)
        made = np.ones((*images.shape[:3], 3), np.float32)
        top, left = (side // 2 - 8 for side in images.shape[1:3])
        made[:, top : top + 16, left : left + 16] = [0, 0, 1]
        return made


def filling(model: Any, **rules: Any) -> Pictures:
    inputs = {"images": endpoint.images(3), "masks": MASKS}
    return Pictures(Endpoint(inputs, {"images": endpoint.images(3)}, **{"size": (32, 32), "hole": 16, **rules}), model)


@pytest.mark.parametrize("top, left", [(30, 41), (0, 0), (0, 50), (48, 75), (44, 3)])
def test_the_window_lies_around_the_hole(top: int, left: int) -> None:
    """Also at the edges, where it is mirrored: the middle of the window covers the hole."""
    pixels, mask = photograph(64, 91), np.zeros((64, 91), bool)
    mask[top : top + 16, left : left + 16] = True
    model = Centres()
    made = filling(model).apply(pixels, mask)
    np.testing.assert_array_equal(made[mask], np.broadcast_to([0, 0, 255], (256, 3)))
    np.testing.assert_array_equal(made[~mask], pixels[~mask])
    (image,), (seen,) = model.images, model.masks
    assert image.shape == (32, 32, 3) and seen.dtype == bool and seen[8:24, 8:24].all()
    beyond = [(max(0, 8 - top), max(0, top + 24 - 64)), (max(0, 8 - left), max(0, left + 24 - 91)), (0, 0)]
    mirrored = np.pad(pixels, beyond, mode="symmetric")
    first, across = max(0, top - 8), max(0, left - 8)
    np.testing.assert_allclose(image, mirrored[first : first + 32, across : across + 32] / np.float32(255))


def test_a_small_hole_at_an_edge_has_more_of_the_picture_around_it() -> None:
    mask = np.zeros((64, 64), bool)
    mask[0:4, 30:34] = True
    model = Centres()
    filling(model).apply(photograph(64, 64), mask)
    (seen,) = model.masks
    np.testing.assert_array_equal(np.argwhere(seen[..., 0])[[0, -1], 0], [4, 11])  # 8 rows: the hole and its mirror


def test_holes_are_filled_one_by_one_unless_one_window_covers_several() -> None:
    pixels, mask = photograph(100, 200), np.zeros((100, 200), bool)
    mask[20:30, 20:30] = mask[30:33, 30:33] = True  # touch at a corner: one hole
    mask[24:27, 14:17] = True  # 3 pixels away: not in the middle of its window
    mask[60:64, 100:104] = mask[60:64, 106:108] = True  # two holes in one middle
    model = Centres()
    made = filling(model).apply(pixels, mask)
    assert len(model.images) == 3
    assert sorted(int(seen.sum()) for seen in model.masks) == [24, 115, 118], (
        "each sees what of all holes is in its window"
    )
    np.testing.assert_array_equal(made[mask], np.broadcast_to([0, 0, 255], (mask.sum(), 3)))
    np.testing.assert_array_equal(made[~mask], pixels[~mask])


def test_a_larger_hole_is_filled_in_a_smaller_picture() -> None:
    pixels, mask = photograph(200, 160), np.zeros((200, 160), bool)
    mask[50:110, 40:90] = True
    model = Centres()
    pictures = filling(model)
    made = pictures.apply(pixels, mask)
    assert "a hole 60 pixels wide; the model fills up to 16" in pictures.note(pixels, mask)
    (seen,) = model.masks
    rows = np.argwhere(seen[..., 0])
    assert 13 <= np.ptp(rows[:, 0]) + 1 <= 18 and seen.sum() < 18 * 17
    assert (np.abs(made[mask].astype(int) - [0, 0, 255]) <= 1).mean() > 0.95
    np.testing.assert_array_equal(made[~mask], pixels[~mask])


def test_without_a_size_the_model_sees_the_whole_picture() -> None:
    pixels, mask = photograph(50, 61), np.zeros((50, 61), bool)
    mask[3:5, 3:5] = mask[40:48, 50:60] = True
    model = Centres()
    made = filling(model, size=None, hole=None, multiple=8).apply(pixels, mask)
    assert [image.shape for image in model.images] == [(56, 64, 3)]
    np.testing.assert_array_equal(made[~mask], pixels[~mask])
    assert (made[mask] == 255).all()


def test_without_a_size_windows_are_four_holes_wide() -> None:
    pixels, mask = photograph(50, 300), np.zeros((50, 300), bool)
    mask[20:26, 200:206] = mask[30:34, 10:14] = True
    model = Centres()
    made = filling(model, size=None, hole=16, multiple=8).apply(pixels, mask)
    assert [image.shape for image in model.images] == [(56, 64, 3)] * 2
    np.testing.assert_array_equal(made[~mask], pixels[~mask])


@pytest.mark.parametrize("top, left", [(0, 0), (4, 280), (48, 150), (20, 60)])
def test_without_a_size_windows_lie_inside_the_picture(top: int, left: int) -> None:
    """Such a model was trained with holes anywhere, and never with mirrored ones."""
    pixels, mask = photograph(64, 300), np.zeros((64, 300), bool)
    mask[top : top + 16, left : left + 16] = True
    model = Centres()
    filling(model, size=None, hole=16).apply(pixels, mask)
    (image,), (seen,) = model.images, model.masks
    first = min(max(0, left + 8 - 32), 300 - 64)
    np.testing.assert_allclose(image, pixels[:, first : first + 64] / np.float32(255))
    assert seen.sum() == 256


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_picture_smaller_than_the_window_and_of_one_channel(dtype: Any) -> None:
    pixels = photograph(12, 20, 1)[..., None]
    pixels = pixels if dtype == np.uint8 else (pixels / 255).astype(dtype)
    mask = np.zeros((12, 20), bool)
    mask[4:8, 9:13] = True
    made = filling(Centres()).apply(pixels, mask)
    assert made.dtype == dtype and made.shape == pixels.shape
    np.testing.assert_array_equal(made[~mask], pixels[~mask])
    assert made[mask] == pytest.approx(29 if dtype == np.uint8 else 0.114)  # the luma of blue


def test_the_note_is_about_the_largest_hole() -> None:
    mask = np.zeros((40, 40), bool)
    assert holes.note(mask, 8) == ""
    mask[1:9, 1:9] = True
    assert holes.note(mask, 8) == "" and holes.note(mask, None) == ""
    mask[20, 10:25] = True
    assert holes.note(mask, 8).startswith("has a hole 15 pixels wide; the model fills up to 8")
