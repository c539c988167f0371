"""Turns alternate; tables and sections hold what was measured and leave the rest of the page as it is."""

from pathlib import Path
from typing import Any

import pytest

from tfgans.files import ROOT


@pytest.fixture(scope="module")
def report() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        import report

        yield report


class Step:
    """Notes each call in `calls`, and takes a second of `clock` for it."""

    def __init__(self, name: str, seconds: float, calls: list[str], clock: list[float]) -> None:
        self.name, self.seconds, self.calls, self.clock = name, seconds, calls, clock

    def __call__(self) -> None:
        self.calls.append(self.name)
        self.clock[0] += self.seconds

    def wait(self) -> None:
        self.clock[0] += 0.5


def test_steps_take_turns_as_long_as_asked(report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    clock = [0.0]
    monkeypatch.setattr(report.time, "perf_counter", lambda: clock[0])
    steps = {name: Step(name, seconds, calls, clock) for name, seconds in (("a", 0.5), ("b", 3.5))}
    took = report.turns(steps, 2.0, 3)
    assert "".join(calls) == "aabb" + 3 * "aab"  # two warm-ups; then two of 0.5 s and a waiting fit into 2 s, or one
    assert took == {"a": [0.75] * 3, "b": [4.0] * 3}


def test_a_spread_is_the_median_with_quartiles(report: Any) -> None:
    assert report.spread([4.0, 1.0, 3.0, 2.0, 5.0], "{:.0f}") == "3 (2-4)"
    assert report.spread([2.0]) == "2.00" == report.spread([2.0, 2.0])
    assert report.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]


def test_a_section_takes_the_place_of_the_old_one_alone(report: Any) -> None:
    text = report.with_section("# Benchmarks\n\nMeasured so.\n", "CPU", "first", "x.py")
    both = report.with_section(text, "GPU", "other", "x.py")
    again = report.with_section(both, "CPU", "second", "x.py")
    assert again == both.replace("first", "second") and "Measured so." in again and "other" in again


def test_rows_of_an_earlier_run_on_this_machine_stay(report: Any, tmp_path: Path) -> None:
    def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
        return [facts["machine"], *report.table(["name", "value"], [[name, str(row)] for name, row in rows.items()])]

    page = tmp_path / "page.md"
    page.write_text("# Benchmarks\n\nText.\n")
    for name, value in (("a", 1), ("b", 2), ("a", 3)):
        report.keep("command", "What", {"machine": f"m{value}"}, {name: value}, lines, page, tmp_path / "results")
    text = page.read_text()
    assert "Text." in text and "m3" in text and "m1" not in text
    assert "| name | value |\n| --- | --- |\n| a | 3 |\n| b | 2 |" in text
