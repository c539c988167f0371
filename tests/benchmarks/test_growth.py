"""The table of growth shows where the time grows faster than the work."""

import pytest

from tfgans.files import ROOT


def test_times_are_compared_for_equal_work() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import growth
    sizes = {"seconds": [0.1, 0.4, 2.4], "work": [1.0, 4.0, 16.0], "memory": [700.0, 800.0, 1200.0]}
    points = [dict(zip(sizes, each, strict=True)) for each in zip(*sizes.values(), strict=True)]
    assert growth.faster_than_work(points) == ["", "1.00", "1.50"]
    text = "\n".join(growth.lines({"machine": "m"}, {"size": {"at": [32, 64, 128], "points": points}}))
    assert "| pixels a side, batches of 16 | 128 | 2400.0 | 16.00 | 1,200 | 1.50 |" in text
