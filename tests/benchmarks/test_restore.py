"""The tiles of the other ways cover a picture, and make of an enlargement without borders the same as without tiles."""

import numpy as np
import pytest

from tfgans.files import ROOT


@pytest.mark.parametrize("sides", [(100, 170), (160, 400)])
def test_tiles_of_a_plain_enlargement_are_the_enlarged_picture(sides: tuple[int, int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import restore
    pixels = np.random.default_rng(0).integers(0, 256, (*sides, 3), np.uint8)
    largest = []

    def enlarged(images: np.ndarray) -> np.ndarray:
        largest.append(max(images.shape[1:3]))
        return images.repeat(4, axis=1).repeat(4, axis=2)

    made = restore.tiled(enlarged, pixels)
    assert (made == pixels.repeat(4, axis=0).repeat(4, axis=1)).all()
    assert len(largest) > 1 and max(largest) <= restore.TILE + 2 * restore.EDGE
