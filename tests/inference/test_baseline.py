"""Every export gives the images that it gave when it was measured, to one level of 255."""

import numpy as np
import pytest
from baseline import FILE, exports, images


def test_every_export_has_a_baseline() -> None:
    with np.load(FILE) as kept:
        assert sorted(kept) == exports() and len(kept) > 0


@pytest.mark.parametrize("name", exports())
def test_an_export_gives_the_images_of_the_baseline(name: str) -> None:
    with np.load(FILE) as kept:
        expected = kept[name].astype(int)
    made = images(name).astype(int)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() <= 1
    assert (made != expected).mean() < 0.03
