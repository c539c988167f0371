"""`python -m tfgans.reports` writes the README's tables and docs/CLAIMS.md from the cards; `--check` finds drift."""

import sys

from tfgans.files import ROOT, write_text
from tfgans.reports.ledger import ledger, read_cards
from tfgans.reports.tables import with_table


def documents() -> dict[str, str]:
    """Path below the checkout -> the text that the cards give it."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return {"README.md": with_table(readme), "docs/CLAIMS.md": ledger(read_cards())}


def main(arguments: list[str]) -> int:
    made = documents()
    if "--check" not in arguments:
        for name, text in made.items():
            write_text(ROOT / name, text)
        return 0
    drifted = [name for name, text in made.items() if (ROOT / name).read_text(encoding="utf-8") != text]
    for name in drifted:
        print(f"{name} is not what the cards give; write it again with: python -m tfgans.reports", file=sys.stderr)
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
