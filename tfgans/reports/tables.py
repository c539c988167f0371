"""The README's tables of results, from the cards: each task's table, and the gallery of samples."""

import re

from tfgans.card import judges, measured, saved
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.tasks import TASKS, get

BEGIN, END = "<!-- results: written by python -m tfgans.reports -->", "<!-- end of results -->"


def results_table() -> str:
    """The results of all models as Markdown."""
    every, kept = measured(), saved()
    tables = [task.table(every if task.SHOWS_ALL else kept) for task in map(get, TASKS)]
    tables.insert(1, _gallery())
    read = [
        f"{name} ({100 * card['test_accuracy']:.2f}% {'of the pixels ' * ('palette' in card)}on test)"
        for name, card in judges().items()
    ]
    note = f"Features and labels: {', '.join(read)}. The floor is real training images scored in the same way."
    return "\n\n".join("\n".join(lines) for lines in [*tables, [note]] if lines)


def _gallery(columns: int = 3) -> list[str]:
    """The sheets of what generates, under their names; nothing where there are none."""
    shown = [name for name, card in saved().items() if "sample" in card.endpoints]
    shown = [name for name in shown if (ROOT / "saved_models" / name / "samples.png").is_file()]
    if not shown:
        return []
    lines = ["|" + " |" * columns, "|" + "---|" * columns]
    for i in range(0, len(shown), columns):
        row = shown[i : i + columns]
        lines += [
            f"| {' | '.join(cells + [''] * (columns - len(row)))} |"
            for cells in (row, [f"![{name}](saved_models/{name}/samples.png)" for name in row])
        ]
    note = (
        "*Not selected. Labels and categories are columns; InfoGAN's continuous codes go from -2 to 2 down the rows, a "
        "block each; DRAW's canvas fills from left to right; points (blue) lie over real ones (orange).*"
    )
    return [*lines, "", note]


def with_table(readme: str) -> str:
    """The README's text with the table between its markers made anew."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(readme):
        raise UserError(f"README.md has lost its markers {BEGIN} and {END}; put them back")
    return pattern.sub(lambda _: f"{BEGIN}\n{results_table()}\n{END}", readme)
