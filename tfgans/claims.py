"""The ledger: each claim of the sources that the suite has tested, its verdict, and the command that checks it again.

Verdicts are pure functions of the cards in saved_models/; the docstring of such a function is the criterion that the
ledger prints. `python -m tfgans.claims` writes docs/CLAIMS.md.
"""

import dataclasses
import inspect
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfgans.cards import ROOT, cell, read_card
from tfgans.files import write_text

REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTED = "reproduced", "partly", "not reproduced", "not tested yet"
VERDICTS = (REPRODUCED, PARTLY, NOT_REPRODUCED, NOT_TESTED)
Card = dict[str, Any]
Cards = dict[str, Card]
Test = Callable[..., tuple[str, str]]  # cards -> verdict, numbers

GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661"
RADFORD = "Radford et al. 2015, Unsupervised Representation Learning with DCGANs, arXiv:1511.06434"
MIRZA = "Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784"
BOHNSTEDT = "Bohnstedt, Generation of Real Looking Images Using GANs"
VARIANTS = "Variant GAN, a survey page"

MNIST_TRAIN = 60_000  # images of an epoch
RECIPES = {"dcgan_report-mnist": "dcgan --recipe mnist_report"}  # what trains a card, where it is not the default
ORDER = (
    "Where two models are compared, *reproduced* means true of every pair of their training seeds, with at least two "
    "seeds a side; *partly* true of the means only, or of single seeds; *not reproduced* not true of the means."
)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of a source, tested. `setting` tells apart what was tested under several."""

    source: str
    statement: str
    verdict: str
    numbers: str
    command: str
    chapter: str
    criterion: str
    setting: str = ""


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement of a source and how it is tested: `test(*cards)` of the cards that it `needs`.

    `retrain`: the numbers are of the trainings themselves; measuring the saved model does not give them again.
    """

    source: str
    text: str
    needs: tuple[str, ...]
    test: Test
    setting: str = ""
    retrain: bool = False

    def claim(self, cards: Cards, chapter: str) -> Claim:
        absent = [name for name in self.needs if not cards.get(name)]
        try:
            if absent:
                raise Untestable(f"No card yet of {' and '.join(absent)}")
            verdict, numbers = self.test(*(cards[name] for name in self.needs))
        except Untestable as reason:
            verdict, numbers = NOT_TESTED, f"{reason}."
        command = "; ".join((_training if self.retrain else _measuring)(name, cards) for name in self.needs)
        criterion = " ".join(inspect.cleandoc(self.test.__doc__ or "").split())
        return Claim(self.source, self.text, verdict, numbers, command, chapter, criterion, self.setting)


class Untestable(Exception):
    """The cards cannot decide a claim; the message says why."""


def _measuring(name: str, cards: Cards) -> str:
    return f"tfgans evaluate saved_models/{name}"


def _training(name: str, cards: Cards) -> str:
    numbers = " ".join(map(str, cards.get(name, {}).get("training_seeds", [0])))
    what = RECIPES.get(name, name.split("-")[0])
    return (
        f"for s in {numbers}; do tfgans train {what} --seed $s --run runs/{name}-s$s; done; "
        f"tfgans evaluate runs/{name}-s* --card saved_models/{name}"
    )


# -- what cards hold ---------------------------------------------------------------------------------------------------


def values(card: Card, *path: str) -> list[Any]:
    """The value of each training seed: `values(card, "metrics", "recall")`. Untestable where the card lacks it."""
    found: Any = card
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict) or not found.get("values"):
        raise Untestable(f"The card of {card['gan']} ({card['recipe']}) has no {'.'.join(path)}")
    return found["values"]


def metric(card: Card, name: str) -> list[Any]:
    return values(card, "metrics", name)


def comparable(first: Card, second: Card, keys: tuple[str, ...]) -> None:
    """Untestable where the two cards, or their protocols, differ in one of the keys."""
    for key in keys:
        if first.get(key, first["protocol"].get(key)) != second.get(key, second["protocol"].get(key)):
            raise Untestable(f"The cards to compare differ in their {key}")


PROTOCOL = ("features_sha256", "split", "n_real", "n_fake", "sample_seed")


def listed(numbers: list[float], digits: int = 2, scale: float = 1.0) -> str:
    """[0.5, 0.25] -> "0.50, 0.25": the value of each seed."""
    return ", ".join(f"{scale * number:.{digits}f}" for number in numbers)


def seeds(*cards: Card) -> str:
    """ "3 seeds", "1 seed", "3 and 1 seeds": how many trainings the numbers rest on, card by card."""
    counts = [len(card["training_seeds"]) for card in cards]
    if len(set(counts)) == 1:
        return f"{counts[0]} seed{'s' * (counts[0] != 1)}{' each' * (len(counts) > 1)}"
    return f"{' and '.join(map(str, counts))} seeds"


def epoch_seconds(card: Card) -> list[float]:
    """Wall seconds of a pass over MNIST, of each seed: checkpoints and sample pictures included."""
    epochs = card["steps"] * card["batch_size"] / MNIST_TRAIN
    return [seconds / epochs for seconds in values(card, "train_seconds")]


def above(high: list[float], low: list[float]) -> str:
    """Whether one group of values lies above another, in the sense of ORDER."""
    if min(high) > max(low) and min(len(high), len(low)) > 1:
        return REPRODUCED
    return PARTLY if statistics.fmean(high) > statistics.fmean(low) else NOT_REPRODUCED


def graded(reproduced: bool, partly: bool) -> str:
    return REPRODUCED if reproduced else PARTLY if partly else NOT_REPRODUCED


# -- tests: each docstring is the criterion ----------------------------------------------------------------------------


def one_mode(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, one class holds at least 90% of the samples, as the judge reads them, and at
    least 90% of their nearest training images. Partly: a training lost a class (under 1%; an even share is 10%)."""
    largest, smallest, near, numbers = _classes(card)
    return graded(min(largest) >= 0.9 and min(near) >= 0.9, min(smallest) < 0.01), numbers


def no_mode(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, each class holds 5% to 20% (an even share is 10%) of the samples, as the judge
    reads them, and none more than 20% of their nearest training images. Partly: every class has at least 1%. A
    conditional model is asked for all labels evenly: for it this follows where labels are obeyed."""
    largest, smallest, near, numbers = _classes(card)
    return graded(min(smallest) >= 0.05 and max(largest + near) <= 0.2, min(smallest) >= 0.01), numbers


def _classes(card: Card) -> tuple[list[float], list[float], list[float], str]:
    histograms, near = metric(card, "class_histogram"), metric(card, "neighbour_largest_class")
    largest, smallest = [max(h) for h in histograms], [min(h) for h in histograms]
    return (
        largest,
        smallest,
        near,
        f"Largest class {listed(largest, 1, 100)}%, smallest {listed(smallest, 1, 100)}% of the samples; nearest "
        f"training images: {listed(metric(card, 'neighbour_classes'), 0)} classes, the largest with "
        f"{listed(near, 1, 100)}% ({seeds(card)}).",
    )


def not_memorized(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, samples lie on average at least 0.8 times as far from their nearest training image
    as real test images do (in pixels). Partly: 0.5 times. A blurred sample lies nearer than a sharp one without being a
    copy, and a noisy one farther."""
    near, real = metric(card, "neighbour_distance"), metric(card, "neighbour_distance_real")
    ratios = [a / b for a, b in zip(near, real, strict=True)]
    numbers = f"Mean distance {listed(near)}, of real test images {listed(real)}: {listed(ratios)} times"
    return graded(min(ratios) >= 0.8, min(ratios) >= 0.5), f"{numbers} ({seeds(card)})."


def obeys(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, the judge reads the label asked for in at least 95% of the samples. Partly: in 50%
    (by chance it would be 10%)."""
    accuracy = metric(card, "label_accuracy")
    numbers = f"The judge reads the label asked for in {listed(accuracy, 1, 100)}% of the samples ({seeds(card)})."
    return graded(min(accuracy) >= 0.95, min(accuracy) >= 0.5), numbers


def realistic(card: Card) -> tuple[str, str]:
    """A judge stands in for the eye. Reproduced: in every training, it reads the label asked for in at least 95% of the
    samples, and precision (the share of samples that lie among real images) is at least 0.7. Partly: one of the two."""
    precision, (verdict, numbers) = metric(card, "precision"), obeys(card)
    parts = [verdict == REPRODUCED, min(precision) >= 0.7]
    return graded(all(parts), any(parts)), f"{numbers} Precision {listed(precision)}."


def varied(card: Card) -> tuple[str, str]:
    """A histogram of classes does not see a class whose samples are all alike; recall (the share of real images that
    lie among samples) does. Reproduced: it is at least 0.5 in every training. Partly: 0.1."""
    recall = metric(card, "recall")
    return graded(min(recall) >= 0.5, min(recall) >= 0.1), f"Recall {listed(recall)} ({seeds(card)})."


def closer(worse: Card, better: Card) -> tuple[str, str]:
    """Its Fréchet distance, in the judge's features, is lower. (A conditional model is asked for the test images' own
    labels; an unconditional one has to find their shares by itself.)"""
    comparable(worse, better, PROTOCOL)
    pair = [metric(card, "frechet_distance") for card in (worse, better)]
    found = [f"{card['gan']} {cell(card['metrics']['frechet_distance'])}" for card in (better, worse)]
    floor = statistics.fmean(metric(better, "frechet_floor"))
    return above(*pair), f"Fréchet distance: {', '.join(found)}; floor {floor:.2f} ({seeds(better, worse)})."


def much_closer(worse: Card, better: Card) -> tuple[str, str]:
    """Its Fréchet distance, in the judge's features, is lower; reproduced takes half of the other's mean besides."""
    verdict, numbers = closer(worse, better)
    low, high = (statistics.fmean(metric(card, "frechet_distance")) for card in (better, worse))
    return graded(verdict == REPRODUCED and low <= high / 2, low < high), numbers


def steadier(restless: Card, steady: Card) -> tuple[str, str]:
    """Reproduced: the standard deviation of its Fréchet distance over training seeds is at most half of the other's.
    Partly: it is smaller. (A deviation over few seeds is itself uncertain.)"""
    comparable(restless, steady, PROTOCOL)
    pair = [metric(card, "frechet_distance") for card in (steady, restless)]
    if min(map(len, pair)) < 2:
        raise Untestable("A deviation takes at least two training seeds a side")
    low, high = map(statistics.stdev, pair)
    numbers = f"Deviation over training seeds: {steady['gan']} {low:.3g}, {restless['gan']} {high:.3g}"
    return graded(low <= high / 2, low < high), f"{numbers} ({seeds(steady, restless)})."


def fluctuates_more(dcgan: Card, cdcgan: Card) -> tuple[str, str]:
    """The mean absolute change of a loss from row to row of the history (a twentieth of the training each) over its
    second half is larger. Two parts, the losses of discriminator and generator; partly where they differ. Learning
    rates that fall calm a loss: the numbers say where the two trainings differ in that."""
    return _both_losses(cdcgan, dcgan, "fluctuation", "Mean change from row to row")


def decreases_more(dcgan: Card, cdcgan: Card) -> tuple[str, str]:
    """The change of a loss over the second half of training is lower. Two parts, the losses of discriminator and
    generator; partly where they differ. Learning rates that fall change a loss: the numbers say where the two trainings
    differ in that."""
    return _both_losses(dcgan, cdcgan, "change", "Change over the second half")


def lower_loss(dcgan: Card, cdcgan: Card) -> tuple[str, str]:
    """The last row of the history is lower. Two parts, the losses of discriminator and generator; partly where they
    differ."""
    return _both_losses(dcgan, cdcgan, "final", "Last row")


def _both_losses(high: Card, low: Card, what: str, label: str) -> tuple[str, str]:
    verdicts, numbers = set(), []
    for term in ("d_loss", "g_loss"):
        pair = [values(card, "losses", term, what) for card in (high, low)]
        verdicts.add(above(*pair))
        numbers.append(f"{term} {high['gan']} {listed(pair[0], 3)}, {low['gan']} {listed(pair[1], 3)}")
    if high.get("decay", 0) != low.get("decay", 0):
        falls = [f"{card['gan']} {100 * card.get('decay', 0):.0f}%" for card in (high, low)]
        numbers.append(f"learning rates fall over the last {', '.join(falls)} of the steps")
    return verdicts.pop() if len(verdicts) == 1 else PARTLY, f"{label}: {'; '.join(numbers)} ({seeds(high, low)})."


def sixteen_times(dcgan: Card, cdcgan: Card) -> tuple[str, str]:
    """Reproduced: 8 to 32 times. Partly: 4 to 64 times. Wall time of whole trainings on the same machine, which may
    have done other work beside them: hence wide bounds. The report gives no sizes of layers; ours are equally wide.
    Not valid yet: of the present cards the DCGAN was trained on one core and the cDCGAN on two, busy ones."""
    comparable(dcgan, cdcgan, ("machine", "dataset"))
    slow, fast = epoch_seconds(cdcgan), epoch_seconds(dcgan)
    ratio = statistics.fmean(slow) / statistics.fmean(fast)
    return graded(8 <= ratio <= 32, 4 <= ratio <= 64), (
        f"{ratio:.1f} times: cdcgan {listed(slow, 1)} s, dcgan {listed(fast, 1)} s per epoch, in {cdcgan['precision']} "
        f"and {dcgan['precision']} ({seeds(cdcgan, dcgan)})."
    )


# -- the statements, chapter by chapter --------------------------------------------------------------------------------

SETTINGS = {"the report's settings": "dcgan_report-mnist", "decent settings": "dcgan-mnist"}  # of chapter 6's DCGAN


def against_both(text: str, test: Test, retrain: bool = False) -> list[Statement]:
    """A statement of the report about DCGAN and cDCGAN, under both settings of the DCGAN."""
    return [
        Statement(BOHNSTEDT, text, (name, "cdcgan-mnist"), test, setting, retrain) for setting, name in SETTINGS.items()
    ]


CHAPTERS: dict[str, list[Statement]] = {
    "01_gan": [
        Statement(GOODFELLOW, "Fair random draws show all digits (figure 2a).", ("gan-mnist",), no_mode),
        Statement(GOODFELLOW, "The training set is not memorized (figure 2).", ("gan-mnist",), not_memorized),
    ],
    "02_dcgan": [
        Statement(RADFORD, "The guidelines give stable training: no collapse.", ("dcgan-mnist",), no_mode),
        Statement(VARIANTS, "DCGAN greatly improves a GAN's results.", ("gan-mnist", "dcgan-mnist"), much_closer),
        Statement(VARIANTS, "DCGAN greatly improves its stability.", ("gan-mnist", "dcgan-mnist"), steadier),
    ],
    "05_cgan": [
        Statement(MIRZA, "Digits are generated conditioned on class labels.", ("cgan-mnist",), obeys),
        Statement(MIRZA, "Samples cover all ten classes (figure 2).", ("cgan-mnist",), no_mode),
    ],
    "06_cdcgan": [
        *(
            Statement(BOHNSTEDT, "The DCGAN's images, and their neighbours, have one mode.", (name,), one_mode, setting)
            for setting, name in SETTINGS.items()
        ),
        Statement(BOHNSTEDT, "The cDCGAN's images, and their neighbours, have none.", ("cdcgan-mnist",), no_mode),
        Statement(BOHNSTEDT, "A cDCGAN generates realistic handwritten digits.", ("cdcgan-mnist",), realistic),
        Statement(BOHNSTEDT, "A cDCGAN introduces enough variance (question 2).", ("cdcgan-mnist",), varied),
        *against_both("The cDCGAN's FID is better.", closer),
        *against_both("The cDCGAN's losses fluctuate more.", fluctuates_more, retrain=True),
        *against_both("The cDCGAN's losses decrease more within the final epochs.", decreases_more, retrain=True),
        # the report: "the overall loss for cDCGAN is lower than cDCGAN"
        *against_both("The cDCGAN's losses are lower than [the DCGAN's].", lower_loss, retrain=True),
        *against_both(
            "The cDCGAN costs 16 times the time per epoch: 53.02 s, not 3.32 s.", sixteen_times, retrain=True
        ),
    ],
}


# -- the ledger --------------------------------------------------------------------------------------------------------


def all_claims(cards: Cards, chapter: str | None = None) -> list[Claim]:
    """The claims of one chapter, or of all in their order."""
    wanted = CHAPTERS if chapter is None else [chapter]
    return [statement.claim(cards, name) for name in wanted for statement in CHAPTERS[name]]


def read_cards(folder: Path = ROOT / "saved_models") -> Cards:
    """Name -> card of everything in the checkout's saved_models/."""
    return {path.parent.name: read_card(path.parent) for path in sorted(folder.glob("*/card.json"))}


def table(claims: list[Claim]) -> str:
    """A row per statement; a column per setting, where there are several: what survives a change of settings."""
    settings = list(dict.fromkeys(claim.setting for claim in claims if claim.setting)) or [""]
    lines = [f"| claim | {' | '.join(s or 'verdict' for s in settings)} |", "|---" * (1 + len(settings)) + "|"]
    for statement in dict.fromkeys(claim.statement for claim in claims):
        found = {claim.setting: claim.verdict for claim in claims if claim.statement == statement}
        lines.append(f"| {statement} | {' | '.join(found.get(s, found.get('', '')) for s in settings)} |")
    return "\n".join(lines)


def survivors(claims: list[Claim]) -> list[str]:
    """The statements that were tested under several settings and reproduced under each of them."""
    verdicts: dict[str, list[str]] = {}
    for claim in claims:
        if claim.setting:
            verdicts.setdefault(claim.statement, []).append(claim.verdict)
    return [statement for statement, found in verdicts.items() if set(found) == {REPRODUCED}]


def ledger(cards: Cards) -> str:
    """The text of docs/CLAIMS.md."""
    claims = all_claims(cards)
    counts = ", ".join(f"{sum(c.verdict == verdict for c in claims)} {verdict}" for verdict in VERDICTS)
    lines = [
        "# Claims of the sources, tested",
        "",
        "Generated by `python -m tfgans.claims` from the cards in `saved_models/`; the tests fail when it has drifted.",
        "Numbers are listed for each training seed. `tfgans evaluate` measures the exported training seed again; with",
        "`--card` it writes the card anew, over all of them. Cards hold the protocol of every score.",
        "",
        ORDER,
        "",
        f"{len(claims)} tests: {counts}.",
    ]
    for chapter in CHAPTERS:
        own = [claim for claim in claims if claim.chapter == chapter]
        lines += ["", f"## [{chapter}](../chapters/{chapter}.py)", "", table(own)]
        for claim in own:
            lines += [
                "",
                f"### {claim.statement}{f' (DCGAN: {claim.setting})' if claim.setting else ''}",
                "",
                f"**{claim.verdict.capitalize()}.** {claim.numbers}",
                "",
                f"* Source: {claim.source}",
                f"* Criterion: {claim.criterion}",
                f"* Check again: `{claim.command}`",
            ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write_text(ROOT / "docs" / "CLAIMS.md", ledger(read_cards()))
