"""Write notebooks/NN_name.ipynb from every NN_name.py, with a Colab badge and an installing cell before it.

`--check` writes nothing and exits with 1 if a notebook is out of step. Do not edit notebooks by hand.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from tfgans.files import write_text

REPOSITORY = "https://github.com/tfgans/tfgans"
BRANCH = "main"
HERE = Path(__file__).parent
BADGE = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({url})"
INSTALL = f"""\
# Installs the suite where it is absent, as in Colab. Trained models and their cards are downloaded when needed.
import importlib.util
import os

if importlib.util.find_spec("tfgans") is None:
    source = os.environ.get("TFGANS_SOURCE", "git+{REPOSITORY}")
    %pip install --quiet {{source}}"""


def chapters(folder: Path = HERE) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def notebook(chapter: Path) -> str:
    """The text of a chapter's notebook; the same chapter always gives the same text."""
    cells: list[Any] = jupytext.read(chapter, fmt="py:percent").cells
    colab = REPOSITORY.replace("https://github.com", "https://colab.research.google.com/github")
    url = f"{colab}/blob/{BRANCH}/chapters/notebooks/{chapter.stem}.ipynb"
    cells = [nbformat.v4.new_markdown_cell(BADGE.format(url=url)), nbformat.v4.new_code_cell(INSTALL), *cells]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i:03d}"  # nbformat draws random ones
        cell["metadata"] = {}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    book["nbformat_minor"] = 5
    nbformat.validate(book)
    return nbformat.writes(book).rstrip("\n") + "\n"


def out_of_step(folder: Path = HERE) -> list[Path]:
    """Notebooks that differ from their chapter, are absent, or have lost their chapter."""
    wanted = {folder / "notebooks" / f"{chapter.stem}.ipynb": notebook(chapter) for chapter in chapters(folder)}
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return wrong + sorted(set((folder / "notebooks").glob("*.ipynb")) - set(wanted))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a notebook is out of step")
    if parser.parse_args().check:
        wrong = out_of_step()
        for path in wrong:
            print(f"{path.relative_to(HERE)} is out of step; run: python chapters/make_notebooks.py", file=sys.stderr)
        return 1 if wrong else 0
    for chapter in chapters():
        write_text(HERE / "notebooks" / f"{chapter.stem}.ipynb", notebook(chapter))
    return 0


if __name__ == "__main__":
    sys.exit(main())
