"""The headline of a card: its main measure, with a reference."""

from statistics import fmean
from typing import NamedTuple

from tfgans.card import Card
from tfgans.names import cell, distance
from tfgans.reports.origin import recipe_of


class Headline(NamedTuple):
    """A measure's name, its value over the training seeds, and its reference: the floor, the input, the paper."""

    measure: str
    value: str
    reference: str


def headline(card: Card) -> Headline:
    """The first measure of a card's task. Without one the value is empty."""
    return _OF_TASK[card.task](card)


def _joined(**parts: str) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in parts.items() if value)


def _paper(card: Card, measure: str, test: str | None = None, digits: int = 2, scale: float = 1.0) -> str:
    recipe = recipe_of(card)
    value = recipe.reported_value(measure, test) if recipe else None
    return "" if value is None else f"{scale * value:.{digits}f}"


def _generation(card: Card) -> Headline:
    floors = card.values("frechet_distance", "train")  # one a seed, each of other training images
    floor = cell([fmean(floors)]) if floors else ""
    return Headline("Fréchet distance", cell(card.values("frechet_distance")), _joined(floor=floor))


def _mode_coverage(card: Card) -> Headline:
    sure = card.values("sure_modes")  # of digits: the judge reads one in every picture
    measure = "modes read with confidence" if sure else "modes found"
    return Headline(measure, cell(sure or card.values("modes"), 1), f"{card.protocol['modes']:,} in the data")


def _restoration(card: Card) -> Headline:
    test = card.protocol["tests"][0]
    if filled := card.values("psnr", "model", test, "hole"):
        mean, smooth = (cell(card.values("psnr", of, test, "hole")) for of in ("mean_fill", "biharmonic"))
        return Headline("PSNR in the hole (dB)", cell(filled), _joined(filled_with_the_mean=mean, biharmonic=smooth))
    beside = {of: cell(card.values("psnr", of, test)) for of in ("bicubic", "input")}
    return Headline(
        f"PSNR on {test} (dB)",
        cell(card.values("psnr", "model", test)),
        _joined(**beside, paper=_paper(card, "psnr", test)),
    )


def _small_restoration(card: Card) -> Headline:
    beside = {of: cell(card.values("judge_accuracy", of), 1, 100) for of in ("bicubic", "real")}
    return Headline(
        "accuracy of the judge (%)",
        cell(card.values("judge_accuracy"), 1, 100),
        _joined(bicubic=beside["bicubic"], originals=beside["real"]),
    )


def _paired(card: Card) -> Headline:
    if read := card.values("pixel_accuracy"):
        paper = _paper(card, "pixel_accuracy", card.protocol["tests"][0], 1, 100)
        return Headline("pixel accuracy (%)", cell(read, 1, 100), _joined(paper=paper))
    given = cell(card.values("l1", "input"), 3)
    return Headline("L1 to the target", cell(card.values("l1"), 3), _joined(input=given))


def _unpaired(card: Card) -> Headline:
    (test,) = card.protocol["tests"]
    if kept := card.values("class_kept", "model", test, None, "b_to_a"):
        return Headline("digits kept, b to a (%)", cell(kept, 1, 100), "")
    if read := card.values("pixel_accuracy", "model", test, None, "a_to_b"):
        paper = _paper(card, "pixel_accuracy", test, 1, 100)
        return Headline("pixel accuracy, a to b (%)", cell(read, 1, 100), _joined(paper=paper))
    made, floor, given = (
        distance(card.values("frechet_distance", of, test, None, "a_to_b")) for of in ("model", "train", "input")
    )
    if made:
        return Headline("Fréchet distance, a to b", made, _joined(floor=floor, input=given))
    made, floor, given = (
        distance(card.values("kernel_distance", of, test, None, "a_to_b")) for of in ("model", "train", "input")
    )
    return Headline("kernel distance, a to b", made, _joined(floor=floor, input=given))


def _points(card: Card) -> Headline:
    (test,) = card.protocol["tests"]
    found = card.values("modes", "model", test, None, "a_to_b")
    return Headline("modes found, a to b", cell(found, 1), f"{card.protocol['modes']['b']} in the data")


def _joint(card: Card) -> Headline:
    if agreed := card.values("pixel_agreement"):
        others = cell(card.values("pixel_agreement", "shuffled"), 1, 100)
        return Headline("pixels of a pair that agree (%)", cell(agreed, 1, 100), _joined(other_pairs=others))
    if same := card.values("same_class"):
        return Headline("pairs of the same class (%)", cell(same, 1, 100), "")
    if read := card.values("label_accuracy"):
        return Headline("label accuracy (%)", cell(read, 1, 100), "")
    floor = distance(card.values("kernel_distance", "train", where="b"))
    made = distance(card.values("kernel_distance", where="b"))
    return Headline("kernel distance of b", made, _joined(floor=floor))


_OF_TASK = {
    "generation": _generation,
    "mode_coverage": _mode_coverage,
    "restoration": _restoration,
    "small_restoration": _small_restoration,
    "paired_translation": _paired,
    "unpaired_translation": _unpaired,
    "point_translation": _points,
    "joint_generation": _joint,
}
