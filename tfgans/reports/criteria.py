"""Verdicts on claims, each a pure function of cards; its docstring is the criterion that the ledger prints."""

import itertools
import statistics

from tfgans.card import Card
from tfgans.metrics.names import cell
from tfgans.reports.evidence import (
    NOT_REPRODUCED,
    PARTLY,
    PROTOCOL,
    REPRODUCED,
    Untestable,
    above,
    comparable,
    each_part,
    epoch_seconds,
    graded,
    listed,
    loss,
    metric,
    seeds,
)


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
    histograms, near = each_part(card, "class_share", "class"), metric(card, "neighbour_largest_class")
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
    near, real = (metric(card, "neighbour_distance", of) for of in ("model", "real"))
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
    found = [f"{card.gan} {cell(card.values('frechet_distance'))}" for card in (better, worse)]
    floor = statistics.fmean(metric(better, "frechet_distance", "train"))
    return above(*pair), f"Fréchet distance: {', '.join(found)}; floor {floor:.2f} ({seeds(better, worse)})."


def much_closer(worse: Card, better: Card) -> tuple[str, str]:
    """Its Fréchet distance, in the judge's features, is lower; reproduced takes half of the other's mean besides."""
    verdict, numbers = closer(worse, better)
    low, high = (statistics.fmean(metric(card, "frechet_distance")) for card in (better, worse))
    return graded(verdict == REPRODUCED and low <= high / 2, low < high), numbers


def only_another_loss(logarithms: Card, squares: Card) -> tuple[str, str]:
    """Both cards have the same data, optimizers, batch size, number of steps and decay. Reproduced: and no class is
    lost (see `no_mode`) and the Fréchet distance is at most 1.25 times that of the other. Partly: at most 2 times."""
    comparable(logarithms, squares, (*PROTOCOL, "dataset", "optimizers", "batch_size", "steps", "decay"))
    low, high = (statistics.fmean(metric(card, "frechet_distance")) for card in (logarithms, squares))
    covered, numbers = no_mode(squares)
    numbers = f"{high / low:.2f} times the distance ({seeds(squares, logarithms)}). {numbers}"
    return graded(covered == REPRODUCED and high <= 1.25 * low, high <= 2 * low), numbers


def tells_quality(card: Card) -> tuple[str, str]:
    """Over the checkpoints of a training, the rank correlation of the critic's estimate of the Wasserstein distance
    with the Fréchet distance of the samples. Reproduced: at least 0.7 in every training, and where it was measured at
    least 0.3 of their changes from checkpoint to checkpoint without the trend of these. Partly: 0.3. (Both fall with
    time, so that the first alone says little: the step's number has -1.)"""
    found, changes = metric(card, "quality_correlation"), card.values("quality_change_correlation_detrended")
    numbers = f"Rank correlation {listed(found)}" + (f", of detrended changes {listed(changes)}" if changes else "")
    both = min(found) >= 0.7 and min(changes, default=1.0) >= 0.3
    return graded(both, min(found) >= 0.3), f"{numbers} ({seeds(card)})."


def finds_classes(card: Card) -> tuple[str, str]:
    """Each category stands for one digit, in the best way; the share of test digits whose category the model reads is
    that of their class. Reproduced: at least 95% in the median training. Partly: 85%."""
    found = metric(card, "recognition_accuracy")
    middle = statistics.median(found)
    numbers = f"{listed(found, 1, 100)}% of test digits, median {100 * middle:.1f}% ({seeds(card)})."
    return graded(middle >= 0.95, middle >= 0.85), numbers


def turns_and_widens(card: Card) -> tuple[str, str]:
    """Rank correlation, within categories, of each continuous code with the slant of the strokes, and with the width of
    the digit or of its strokes. Reproduced: in every training one code has at least 0.5, of either sign, with slant,
    and another one with a width. Partly: one of the two has, in every training."""
    full, half, numbers = [], [], []
    columns = [each_part(card, f"code_{name}", "code") for name in ("turns", "widens", "thickens")]
    for turns, widens, thickens in zip(*columns, strict=True):
        turning, broad, heavy = ({k for k, r in enumerate(each) if abs(r) >= 0.5} for each in (turns, widens, thickens))
        full.append(any(a != b for a in turning for b in broad | heavy))
        half.append(bool(turning | broad | heavy))
        numbers.append(f"slant {listed(turns)}, digit's width {listed(widens)}, strokes' {listed(thickens)}")
    return graded(all(full), all(half)), f"Of codes 0 and 1: {'; '.join(numbers)} ({seeds(card)})."


def as_diverse(card: Card) -> tuple[str, str]:
    """MS-SSIM over pairs of images of a class (1: all alike), the mean over classes. Reproduced: in every training at
    most 0.1 above that of real test images. Partly: 0.2."""
    made, real = (each_part(card, "ms_ssim_within", "class", of) for of in ("model", "real"))
    above_real = [statistics.fmean(a) - statistics.fmean(b) for a, b in zip(made, real, strict=True)]
    numbers = f"{listed([statistics.fmean(a) for a in made])}, of real images {statistics.fmean(real[0]):.2f}"
    return graded(max(above_real) <= 0.1, max(above_real) <= 0.2), f"MS-SSIM {numbers} ({seeds(card)})."


def obeys_as_well(paper: Card, other: Card) -> tuple[str, str]:
    """Reproduced: the judge reads the label asked for in at least 95% of the samples of both, and the Fréchet distance
    is at most 1.25 times that of the other. Partly: the former."""
    comparable(paper, other, PROTOCOL)
    accuracy = [min(metric(card, "label_accuracy")) for card in (other, paper)]
    low, high = (statistics.fmean(metric(card, "frechet_distance")) for card in (paper, other))
    numbers = f"Read as asked for: {listed(accuracy, 1, 100)}%; Fréchet distance {high:.2f} against {low:.2f}"
    obeyed = min(accuracy) >= 0.95
    return graded(obeyed and high <= 1.25 * low, obeyed), f"{numbers} ({seeds(other, paper)})."


def explains_digits(card: Card) -> tuple[str, str]:
    """The bound on -log p of the binarized test digits. Reproduced: at most 82 nats in every training, a nat above the
    paper's 80.97 with 64 glimpses. Partly: 95."""
    found = metric(card, "nll_bound")
    numbers = f"{listed(found)} nats, {card.settings['model']['glimpses']} glimpses"
    return graded(max(found) <= 82, max(found) <= 95), f"{numbers} ({seeds(card)})."


def attention_helps(without: Card, attentive: Card) -> tuple[str, str]:
    """The bound on -log p is lower with attention, for as many glimpses. See above for pairs of training seeds."""
    comparable(without, attentive, PROTOCOL)
    if without.settings["model"]["glimpses"] != attentive.settings["model"]["glimpses"]:
        raise Untestable("The two have not equally many glimpses")
    high, low = (metric(card, "nll_bound") for card in (without, attentive))
    numbers = f"{listed(low)} nats with, {listed(high)} without, {attentive.settings['model']['glimpses']} glimpses"
    return above(high, low), f"{numbers} ({seeds(attentive, without)})."


def sharpens(card: Card) -> tuple[str, str]:
    """Steps of brightness between neighbouring pixels over all brightness, after each tenth of the glimpses, mean of
    500 canvases. Reproduced: in every training the last canvas has the most and the first the least. Partly: the last
    has more than the first."""
    found = each_part(card, "canvas_sharpness", "tenth")
    numbers = "; ".join(f"{each[0]:.2f} after a tenth, {each[4]:.2f} after half, {each[-1]:.2f}" for each in found)
    full = all(each[-1] == max(each) and each[0] == min(each) for each in found)
    return graded(full, all(each[-1] > each[0] for each in found)), f"{numbers} at the end ({seeds(card)})."


def drops_modes(card: Card) -> tuple[str, str]:
    """A mode counts as covered when a sample lies within three sigma of it. Reproduced: some mode is lost in every
    training, though at least half of the samples lie that near one. Partly: lost, by samples that may lie near none."""
    found = metric(card, "modes")
    lost = all(modes < card.protocol["modes"] for modes in found)
    return graded(lost and min(metric(card, "high_quality")) >= 0.5, lost), _coverage(card, found)


def covers_modes(card: Card) -> tuple[str, str]:
    """Reproduced: in every training all modes are covered, and at least 90% of the samples lie within three sigma of
    one. Partly: all modes are covered in most trainings."""
    found = metric(card, "modes")
    whole = [modes == card.protocol["modes"] for modes in found]
    good = min(metric(card, "high_quality")) >= 0.9
    return graded(all(whole) and good, sum(whole) > len(whole) / 2), _coverage(card, found)


def _coverage(card: Card, found: list[float]) -> str:
    good = listed(metric(card, "high_quality"), 0, 100)
    return f"{listed(found, 0)} of {card.protocol['modes']} modes, {good}% of the samples near one ({seeds(card)})."


def keeps_more_modes(plain: Card, ahead: Card) -> tuple[str, str]:
    """More modes are covered with unrolling than without. See above for pairs of training seeds."""
    comparable(plain, ahead, PROTOCOL)
    high, low = (metric(card, "modes") for card in (ahead, plain))
    return above(high, low), f"{listed(high, 0)} modes with, {listed(low, 0)} without ({seeds(ahead, plain)})."


def more_with_each(*cards: Card) -> tuple[str, str]:
    """Cards by growing number of unrolled steps (the paper, with 0, 1, 5 and 10: 30.6, 65.4, 236.4, 327.2 modes).
    Reproduced: each covers more modes, and is nearer to uniform in KL divergence, than the one before. Partly: the last
    against the first."""
    for card in cards[1:]:
        comparable(cards[0], card, PROTOCOL)
    modes, kl = ([metric(card, name) for card in cards] for name in ("modes", "kl_to_uniform"))
    more = [above(b, a) for a, b in itertools.pairwise(modes)] + [above(a, b) for a, b in itertools.pairwise(kl)]
    grown = NOT_REPRODUCED not in (above(modes[-1], modes[0]), above(kl[0], kl[-1]))
    numbers = "; ".join(
        f"unrolled {card.settings['model']['unroll']} times {listed(a, 0)} modes, KL {listed(b)} nats"
        for card, a, b in zip(cards, modes, kl, strict=True)
    )
    return graded(set(more) == {REPRODUCED}, grown), f"{numbers} ({seeds(*cards)})."


def steadier(restless: Card, steady: Card) -> tuple[str, str]:
    """Reproduced: the standard deviation of its Fréchet distance over training seeds is at most half of the other's.
    Partly: it is smaller. (A deviation over few seeds is itself uncertain.)"""
    comparable(restless, steady, PROTOCOL)
    pair = [metric(card, "frechet_distance") for card in (steady, restless)]
    if min(map(len, pair)) < 2:
        raise Untestable("A deviation takes at least two training seeds a side")
    low, high = map(statistics.stdev, pair)
    numbers = f"Deviation over training seeds: {steady.gan} {low:.3g}, {restless.gan} {high:.3g}"
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
        pair = [loss(card, term, what) for card in (high, low)]
        verdicts.add(above(*pair))
        numbers.append(f"{term} {high.gan} {listed(pair[0], 3)}, {low.gan} {listed(pair[1], 3)}")
    if high.settings.get("decay", 0) != low.settings.get("decay", 0):
        falls = [f"{card.gan} {100 * card.settings.get('decay', 0):.0f}%" for card in (high, low)]
        numbers.append(f"learning rates fall over the last {', '.join(falls)} of the steps")
    return verdicts.pop() if len(verdicts) == 1 else PARTLY, f"{label}: {'; '.join(numbers)} ({seeds(high, low)})."


def sixteen_times(dcgan: Card, cdcgan: Card) -> tuple[str, str]:
    """Reproduced: 8 to 32 times. Partly: 4 to 64 times. Wall time of whole trainings on the same machine and equally
    many cores of it, which may have done other work beside them: hence wide bounds. The report gives no sizes of
    layers; ours are equally wide."""
    comparable(dcgan, cdcgan, ("machine", "dataset"))
    shared = set(dcgan.cores) & set(cdcgan.cores)
    if not shared:
        raise Untestable("No two trainings of these cards ran on equally many cores")
    slow, fast = epoch_seconds(cdcgan, max(shared)), epoch_seconds(dcgan, max(shared))
    ratio = statistics.fmean(slow) / statistics.fmean(fast)
    return graded(8 <= ratio <= 32, 4 <= ratio <= 64), (
        f"{ratio:.1f} times: cdcgan {listed(slow, 1)} s, dcgan {listed(fast, 1)} s per epoch, in {cdcgan.precision} "
        f"and {dcgan.precision}, on {max(shared)} cores ({len(slow)} and {len(fast)} trainings)."
    )
