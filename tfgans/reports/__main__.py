"""`python -m tfgans.reports` writes the documents that are made from the cards: README's table, docs/RESULTS.md,
docs/CLAIMS.md and the pages in docs/gans/; and tfgans/inference/models.json, by which models are downloaded.

`--check` writes nothing, and exits with 1 where a document has drifted; `--csv` prints all cards as one table.
"""

import argparse
import csv
import sys

from tfgans.card import measured
from tfgans.files import ROOT, write_text
from tfgans.reports.gan_page import pages
from tfgans.reports.ledger import ledger, read_cards
from tfgans.reports.model_files import model_files
from tfgans.reports.tables import results, with_table

COLUMNS = ("card", "gan", "recipe", "dataset", "test", "measure", "of", "where", "direction", "seed", "value")


def documents() -> dict[str, str]:
    """Path below the checkout -> the text that the cards give it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cards = read_cards()
    return {
        "README.md": with_table(readme),
        "docs/RESULTS.md": results(),
        "docs/CLAIMS.md": ledger(cards),
        **pages(cards),
        "tfgans/inference/models.json": model_files(),
    }


def all_values() -> list[tuple[object, ...]]:
    """Every number of all cards, a row of COLUMNS each; what no training changes has no seed."""
    rows: list[tuple[object, ...]] = []
    for name, card in measured().items():
        for row in card.measurements:
            seeds = card.training_seeds if row.of == "model" or len(row.values) > 1 else [None]
            for seed, value in zip(seeds, row.values, strict=True):
                rows.append((name, card.gan, card.recipe, card.dataset, *row.key, seed, value))
    return rows


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tfgans.reports", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a document has drifted")
    parser.add_argument("--csv", action="store_true", help="print all cards as one table")
    options = parser.parse_args(arguments)
    if options.csv:
        csv.writer(sys.stdout, lineterminator="\n").writerows([COLUMNS, *all_values()])
        return 0
    made = documents()
    if not options.check:
        for name, text in made.items():
            write_text(ROOT / name, text)
        return 0
    drifted = [
        name
        for name, text in made.items()
        if not (ROOT / name).is_file() or (ROOT / name).read_text(encoding="utf-8") != text
    ]
    for name in drifted:
        print(f"{name} is not what the cards give; write it again with: python -m tfgans.reports", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
