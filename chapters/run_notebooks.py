"""Run notebooks at full size and write them with their outputs to runs/notebooks/: `make notebooks-run`.

Notebooks that ran without an error are skipped until their source changes, so the command can be stopped and called
again.
"""

import argparse
import asyncio
import hashlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tfgans.files import ROOT, write_text

SOURCES = ROOT / "chapters" / "notebooks"
OUTPUTS = ROOT / "runs" / "notebooks"
KEY = "tfgans_source"  # metadata of a notebook that ran: what it was made from


def source_of(path: Path) -> str:
    """A hash of a notebook and of the size it runs at."""
    return hashlib.sha256(path.read_bytes() + os.environ.get("TFGANS_SMOKE", "0").encode()).hexdigest()


def has_run(path: Path, output: Path) -> bool:
    if not output.is_file():
        return False
    return nbformat.read(output, as_version=4).metadata.get(KEY) == source_of(path)


def run(path: Path, output: Path) -> str:
    """Run a notebook and write it with its outputs. Returns "", or the failing cell and its error in one line."""
    book: Any = nbformat.read(path, as_version=4)
    source = source_of(path)
    output.parent.mkdir(parents=True, exist_ok=True)
    place = {"metadata": {"path": str(output.parent)}}
    client = NotebookClient(book, timeout=None, resources=place, on_notebook_start=leave_signals)
    failure = ""
    try:
        client.execute()
        book.metadata[KEY] = source
    except CellExecutionError as error:
        number = next(i for i, cell in enumerate(book.cells) if any(each.output_type == "error" for each in made(cell)))
        failure = f"cell {number}: {error.ename}: {' '.join(error.evalue.split())[:300]}"
    except DeadKernelError:
        failure = "the kernel died, as when there is not enough memory"
    write_text(output, nbformat.writes(book) + "\n")
    return failure


def leave_signals(notebook: Any) -> None:
    """Let Ctrl-C end this program: nbclient's handlers end the kernel alone, and the next notebook would follow."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(number)


def made(cell: Any) -> list[Any]:
    """The outputs of a cell; texts have none."""
    return cell.get("outputs", [])


def main(arguments: list[str] | None = None, sources: Path = SOURCES, outputs: Path = OUTPUTS) -> int:
    there = {path.stem: path for path in sorted(sources.glob("*.ipynb"))}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"such as {next(iter(there))}; all by default")
    names = parser.parse_args(arguments).names
    unknown = [name for name in names if name not in there]
    if unknown:
        parser.error(f"there is no notebook {', '.join(unknown)} in {sources}")
    failed = 0
    for name in names or there:
        output = outputs / f"{name}.ipynb"
        if has_run(there[name], output):
            print(f"{name}: has run, see {output}", flush=True)
            continue
        start = time.monotonic()
        failure = run(there[name], output)
        failed += bool(failure)
        print(f"{name}: {failure or 'ok'} ({time.monotonic() - start:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
