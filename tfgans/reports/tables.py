"""README's table of headline results and docs/RESULTS.md, from the cards."""

import re

from tfgans import models
from tfgans.card import Card, judges, measured, saved
from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.reports.headlines import headline
from tfgans.reports.listing import data_of
from tfgans.tasks import TASKS, get

BEGIN, END = "<!-- results: written by python -m tfgans.reports -->", "<!-- end of results -->"
SECTIONS = {  # task -> title and caption of its table in docs/RESULTS.md
    "generation": (
        "Generated images",
        "Each model is scored on 10,000 samples against the 10,000 test images, unless the last column differs. The "
        "floor is the Fréchet distance of real training images that the judge has not seen; a perfect generator would "
        "reach it. Label accuracy is the share of samples in which the judge reads the requested label. The smallest "
        "class is the share of the rarest digit; 10% would be even.",
    ),
    "mode_coverage": (
        "Mode coverage",
        "The data of these models have a known number of modes. On the mixtures of Gaussians a mode counts as found "
        "when a sample lies within three standard deviations of it. On stacked MNIST the judge reads the three digits "
        "of each sample, and each combination that it reads counts. The judge reads a digit in any picture, so samples "
        "that are not digits count, too: look at the sample sheets below.",
    ),
    "restoration": (
        "Super-resolution, colourization and inpainting",
        "PSNR and SSIM compare the result with the original. Bicubic enlargement, the degraded input and simple ways "
        "of filling a hole are scored in the same way. PSNR and SSIM of super-resolution are of the luma channel. "
        "Where no floor is given, a Fréchet distance can only be compared with that of the input.",
    ),
    "small_restoration": (
        "Restoration of very small images",
        "Accuracy is the share of restored images in which the judge reads the right class; the judge was trained on "
        "the originals. The classifier of the column before the Fréchet distance was trained on the degraded images "
        "themselves and shows how much information they hold.",
    ),
    "paired_translation": (
        "Translation learnt from pairs",
        "L1 is the mean absolute difference from the target, of images in [0, 1]. A segmenter reads the label maps.",
    ),
    "unpaired_translation": (
        "Translation learnt without pairs",
        "The true partners of the test images are known and were hidden in training.",
    ),
    "point_translation": (
        "Translation between mixtures of Gaussians",
        "A mode of the source is identified when the mode that its points reach determines it. The round trip is the "
        "mean absolute difference after both translations.",
    ),
    "joint_generation": (
        "Pairs of images of two domains",
        "f is the known map between the domains: of a pair that belongs together, f(a) agrees with b.",
    ),
}
SHEETS = (
    "The samples were not selected. Labels and categories are columns. InfoGAN's continuous codes go from -2 to 2 down "
    "the rows, one block for each code. DRAW's canvas fills from left to right. Generated points are blue, real points "
    "orange. Sheets of restorations show the input or its bicubic enlargement, the result and the original."
)


def headline_table() -> str:
    """A row for each GAN that has a card, and the names of those that have none."""
    kept, every = saved(), measured()
    lines = ["| GAN | model | data | measure | result | reference | seeds |", "|---" * 7 + "|"]
    absent = []
    for gan in models.MODELS:
        page = f"[{models.title(gan)}](docs/gans/{gan}.md)"
        name = first_card(gan, kept) or first_card(gan, every)
        if name is None:
            absent.append(page)
            continue
        card = every[name]
        measure, value, reference = headline(card)
        model = f"[{name}](saved_models/{name}/card.json)" + " (card only)" * (name not in kept)
        lines.append(
            f"| {page} | {model} | {data_of(card)} | {measure} | {value} | {reference} | {len(card.training_seeds)} |"
        )
    if absent:
        lines += ["", f"No measured model yet: {', '.join(absent)}."]
    return "\n".join(lines)


def first_card(gan: str, cards: dict[str, Card]) -> str | None:
    """The card of the first of a GAN's recipes that has one."""
    order = list(models.recipes(gan))
    own = [(order.index(card.recipe), name) for name, card in cards.items() if card.gan == gan and card.recipe in order]
    return min(own)[1] if own else None


def results_table() -> str:
    """The tables of all tasks as Markdown, each under its title and caption, and the sample sheets."""
    every, kept = measured(), saved()
    parts = []
    for task in TASKS:
        module, (title, caption) = get(task), SECTIONS[task]
        lines = module.table(every if module.SHOWS_ALL else kept)
        if lines:
            parts += [f"## {title}", caption, "\n".join(lines)]
    read = [
        f"{name} ({100 * card['test_accuracy']:.2f}% {'of the pixels ' * ('palette' in card)}on test images)"
        for name, card in judges().items()
    ]
    if read:
        parts += ["## Judges", f"Features and labels come from {', '.join(read)}."]
    if sheets := _gallery(kept):
        parts += ["## Sample sheets", SHEETS, "\n".join(sheets)]
    return "\n\n".join(parts)


def results() -> str:
    """The text of docs/RESULTS.md."""
    head = (
        "# Results\n\n"
        "Generated by `python -m tfgans.reports` from the cards in `saved_models/`; a test fails when it has drifted.\n"
        "Numbers are means ± standard deviations over training seeds. A single seed has no deviation. The cards hold "
        "more:\ncommands, the machine, training times and every score; `python -m tfgans.reports --csv` prints all of "
        "them as one table.\n"
        "[LIMITATIONS.md](LIMITATIONS.md) lists what does not work, [CLAIMS.md](CLAIMS.md) which claims of the papers "
        "hold.\n\n"
    )
    return head + results_table().replace("](saved_models/", "](../saved_models/") + "\n"


def _gallery(kept: dict[str, Card], columns: int = 3) -> list[str]:
    """The sample sheets of all models under their names; nothing where there are none."""
    shown = [name for name in kept if (ROOT / "saved_models" / name / "samples.png").is_file()]
    if not shown:
        return []
    lines = ["|" + " |" * columns, "|" + "---|" * columns]
    for i in range(0, len(shown), columns):
        row = shown[i : i + columns]
        lines += [
            f"| {' | '.join(cells + [''] * (columns - len(row)))} |"
            for cells in (row, [f"![{name}](saved_models/{name}/samples.png)" for name in row])
        ]
    return lines


def with_table(readme: str) -> str:
    """README's text with the table between its markers made anew."""
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(readme):
        raise UserError(f"README.md has lost its markers {BEGIN} and {END}; put them back")
    return pattern.sub(lambda _: f"{BEGIN}\n{headline_table()}\n{END}", readme)
