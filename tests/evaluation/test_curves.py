"""Plots of a history: their panels and scales."""

import io

import pytest
from PIL import Image

from tfgans.evaluation.curves import draw_curves, logarithmic


def width(terms: dict[str, float]) -> int:
    rows = [{"step": step, **terms, "images_per_second": 9.0, "seconds": 1.0} for step in (10.0, 20.0, 30.0)]
    return Image.open(io.BytesIO(draw_curves(rows))).width


def test_losses_and_other_terms_have_a_panel_each() -> None:
    both = width({"d_loss": 0.5, "g_loss": 1.0, "d_real": 0.6})
    assert width({"d_loss": 0.5, "g_loss": 1.0}) < 0.6 * both
    assert width({"accuracy": 0.5}) < 0.6 * both


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 21.0], False),  # at most 20 times the median
        ([1.0, 1.0, 21.0], True),
        ([0.0, 1.0, 1.0, 21.0], True),  # a term that has not begun
        ([-1.0, 1.0, 1.0, 90.0], False),  # negative values have no logarithm
        ([0.0, 0.0], False),
    ],
)
def test_a_scale_is_logarithmic_where_values_would_vanish(values: list[float], expected: bool) -> None:
    assert logarithmic(values) is expected
