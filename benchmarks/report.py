"""Turns, tables and sections of docs/BENCHMARKS.md, for the commands in this folder.

A command keeps its rows in runs/benchmarks/COMMAND.json and writes its section of the page after each row, so that a
run that is cut off keeps its rows, and a later one on the same machine adds to them.
"""

import importlib.metadata
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "BENCHMARKS.md"
RESULTS = ROOT / "runs" / "benchmarks"


# --- time -------------------------------------------------------------------------------------------------------------


def timed(step: Any, count: int) -> float:
    """Seconds of a step, the mean of `count`. A step is called, and waited for at the end."""
    began = time.perf_counter()
    for _ in range(count):
        step()
    step.wait()
    return (time.perf_counter() - began) / count


def turns(steps: Mapping[str, Any], seconds: float, rounds: int) -> dict[str, list[float]]:
    """Seconds of each step, one value a round: A B A B, so that a busy moment does not decide.

    A turn has as many steps as fit into `seconds`, at least one. A first step of each does not count.
    """
    counts = {}
    for what, step in steps.items():
        timed(step, 1)
        counts[what] = max(1, int(seconds / timed(step, 1))) if seconds else 1
    took: dict[str, list[float]] = {what: [] for what in steps}
    for _ in range(rounds):
        for what, step in steps.items():
            took[what].append(timed(step, counts[what]))
    return took


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The median and the quartiles below and above it."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return middle, low, high


def spread(values: list[float], form: str = "{:.2f}") -> str:
    """The median with its quartiles, such as "1.52 (1.48-1.55)"."""
    middle, low, high = (form.format(each) for each in quartiles(values))
    return middle if low == high else f"{middle} ({low}-{high})"


def ratios(values: list[float], base: list[float]) -> list[float]:
    """Of the values to those of the same round."""
    return [a / b for a, b in zip(values, base, strict=True)]


# --- the page ---------------------------------------------------------------------------------------------------------


def host() -> str:
    """The processor and its cores that this process may use."""
    cpu = platform.machine()
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        cpu = re.search(r"model name\s*: (.*)", text)[1]  # type: ignore[index]
    except (OSError, TypeError):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cpu}, {cores} cores"


def described(*packages: str) -> str:
    """The machine, the versions of these packages as far as they are installed, and the load now, in one line."""
    software = [f"Python {platform.python_version()}"]
    for package in packages:
        try:
            software.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    load = f" The load average was {os.getloadavg()[1]:.1f} at first." if hasattr(os, "getloadavg") else ""
    return f"{host()}; {', '.join(software)}.{load}"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def keep(
    command: str,
    title: str,
    facts: dict[str, Any],
    rows: dict[str, Any],
    lines: Callable[[dict[str, Any], dict[str, Any]], list[str]],
    page: Path = TABLE,
    results: Path = RESULTS,
) -> None:
    """Add rows to what the command measured on this machine, and write its section, `lines(facts, rows)`."""
    path, machine = results / f"{command}.json", host()
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    all_rows = {**found.get(machine, {}).get("rows", {}), **rows}
    found[machine] = {"facts": facts, "rows": all_rows}
    write(path, json.dumps(found, indent=1) + "\n")
    text = page.read_text(encoding="utf-8") if page.is_file() else "# Benchmarks\n"
    body = "\n".join(lines(facts, all_rows))
    write(page, with_section(text, f"{title}: {machine}", body, f"benchmarks/{command}.py"))


def with_section(text: str, title: str, body: str, command: str) -> str:
    """The text with the section of this title in the place of the old one, or at its end."""
    begin, end = f"<!-- {title}: written by {command} -->", "<!-- end -->"
    made = f"{begin}\n## {title}\n\n{body}\n{end}\n"
    head, found, tail = text.partition(begin)
    if not found:
        return f"{text.rstrip()}\n\n{made}"
    return head + made + tail.partition(f"{end}\n")[2]


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
