"""Verdicts on claims about restorations, as in `tfgans.reports.criteria`."""

import functools
import statistics
from collections.abc import Callable

from tfgans.card import Card
from tfgans.reports.evidence import (
    NOT_REPRODUCED,
    REPRODUCED,
    above,
    comparable,
    graded,
    listed,
    loss,
    metric,
    seeds,
)

# restorations: on each of the test sets of the card


def on_tests(card: Card, name: str, of: str = "model", where: str | None = None) -> dict[str, list[float]]:
    """Test set -> the value of each training seed."""
    return {test: metric(card, name, of, test, where) for test in card.protocol.get("tests", [])}


def _each(label: str, found: dict[str, list[float]], digits: int = 2) -> str:
    return f"{label} {', '.join(f'{listed(numbers, digits)} ({test})' for test, numbers in found.items())}"


def loses_detail(card: Card) -> tuple[str, str]:
    """The power of restored images at the frequencies that shrinking removed, over the originals'. Reproduced: at most
    half on every test set. Partly: less than the originals' on every one."""
    found = on_tests(card, "high_frequency")
    shares = [share for numbers in found.values() for share in numbers]
    return graded(max(shares) <= 0.5, max(shares) < 1.0), f"{_each('Share of the power', found)} ({seeds(card)})."


def keeps_edges(srresnet: Card, srgan: Card) -> tuple[str, str]:
    """The power of restored images at the frequencies that shrinking removed, where edges and texture are, over the
    originals'. Reproduced: on every test set it is above that without the content loss, and between 0.7 and 1.3.
    Partly: above."""
    comparable(srresnet, srgan, ("degradation", "tests"))
    low, high = on_tests(srresnet, "high_frequency"), on_tests(srgan, "high_frequency")
    near = all(0.7 <= share <= 1.3 for shares in high.values() for share in shares)
    more = _all_above(high, low)
    numbers = f"{_each('Share of the power', high)}; {_each('without', low)} ({seeds(srgan, srresnet)})."
    return graded(more and near, more), numbers


def _all_above(high: dict[str, list[float]], low: dict[str, list[float]]) -> bool:
    return all(min(high[test]) > max(low[test]) for test in high)


def sharper_at_a_price(srresnet: Card, srgan: Card) -> tuple[str, str]:
    """Reproduced: on every test set PSNR and SSIM are lower and the distance to the originals in SqueezeNet features is
    shorter (which the SRGAN was trained on: it is favoured). Partly: the distance is shorter."""
    comparable(srresnet, srgan, ("features_sha256", "degradation", "tests"))
    parts = {}
    for name in ("psnr", "ssim", "squeezenet_distance"):
        parts[name] = _all_above(on_tests(srresnet, name), on_tests(srgan, name))
    numbers = "; ".join(
        _each(f"{label} {name}", on_tests(card, name), digits)
        for name, digits in (("psnr", 2), ("ssim", 4), ("squeezenet_distance", 3))
        for label, card in (("SRGAN", srgan), ("SRResNet", srresnet))
    )
    return graded(all(parts.values()), parts["squeezenet_distance"]), f"{numbers} ({seeds(srgan, srresnet)})."


def nearer_than_enlarging(card: Card) -> tuple[str, str]:
    """Trained with both losses. Reproduced: on every test set nearer to the originals in SqueezeNet features than
    bicubic enlargement, and not below it by more than 1 dB of PSNR. Partly: nearer."""
    made, plain = on_tests(card, "squeezenet_distance"), on_tests(card, "squeezenet_distance", "bicubic")
    psnr, plain_psnr = on_tests(card, "psnr"), on_tests(card, "psnr", "bicubic")
    near = _all_above(plain, made)
    kept = all(min(psnr[test]) >= max(plain_psnr[test]) - 1.0 for test in psnr)
    numbers = "; ".join(
        [_each("Distance", made, 3), _each("bicubic", plain, 3), _each("psnr", psnr), _each("bicubic", plain_psnr)]
    )
    return graded(near and kept, near), f"{numbers} ({seeds(card)})."


def wrong_from_scratch(scratch: Card, srgan: Card) -> tuple[str, str]:
    """As many adversarial steps with and without pre-training. Reproduced: without it, PSNR is below that of bicubic
    enlargement on every test set, by at least 3 dB. Partly: it is below the pre-trained one's on every test set."""
    comparable(scratch, srgan, ("features_sha256", "degradation", "tests"))
    made, plain, trained = on_tests(scratch, "psnr"), on_tests(scratch, "psnr", "bicubic"), on_tests(srgan, "psnr")
    wrong = all(max(made[test]) <= min(plain[test]) - 3.0 for test in made)
    numbers = "; ".join([_each("PSNR", made), _each("pre-trained", trained), _each("bicubic", plain)])
    return graded(wrong, _all_above(trained, made)), f"{numbers} ({seeds(scratch, srgan)})."


def undecided(card: Card) -> tuple[str, str]:
    """What D says at the end of training, as probabilities, of photographs and of restored images. Reproduced: both are
    between 0.4 and 0.6 in every training. Partly: between 0.25 and 0.75."""
    real, fake = (loss(card, term, "final") for term in ("d_real", "d_fake"))
    spread = max(abs(p - 0.5) for p in real + fake)
    numbers = f"Of photographs {listed(real)}, of restored images {listed(fake)} ({seeds(card)})."
    return graded(spread <= 0.1, spread <= 0.25), numbers


def small_writing_fails(card: Card) -> tuple[str, str]:
    """Random capitals, shrunk by 4 and restored, read by a reader that knows all 30 and their places. Reproduced: less
    than half of those 8 pixels high are read right, and nine in ten of those 24 pixels high. Partly: fewer small ones
    than large ones."""
    heights = (8, 12, 16, 24)
    found, plain = (
        {f"{h} px": metric(card, "letters_read", of, where=f"{h} px") for h in heights} for of in ("model", "bicubic")
    )
    small, large = found["8 px"], found["24 px"]
    numbers = f"{_each('Share read', found)}; {_each('bicubic', plain)} ({seeds(card)})."
    return graded(max(small) < 0.5 and min(large) >= 0.9, max(small) < min(large)), numbers


# colours and holes


def one_for_both(colorize: Card, inpaint: Card) -> tuple[str, str]:
    """Reproduced: the two cards have the same networks, but for the channels in and out, and optimizers. (Weights of
    losses and lengths of stages may differ.)"""
    networks = ("part", "width", "discriminator_width", "pooling", "image_shape")
    same = [{name: card.settings["model"][name] for name in networks} for card in (colorize, inpaint)]
    counts = [f"{card.settings['model']['task']} {sum(card.parameters.values()):,}" for card in (colorize, inpaint)]
    both = same[0] == same[1] and colorize.settings["optimizers"] == inpaint.settings["optimizers"]
    return graded(both, False), f"Parameters of both players at {colorize.image_shape[0]} pixels: {', '.join(counts)}."


def colourful(card: Card) -> tuple[str, str]:
    """Colourfulness of restored images over that of the originals. Reproduced: at least 0.7 on every test set. Partly:
    0.5."""
    made, real = on_tests(card, "colourfulness"), on_tests(card, "colourfulness", "real")
    shares = {test: [a / b for a, b in zip(made[test], real[test], strict=True)] for test in made}
    least = min(share for each in shares.values() for share in each)
    return graded(least >= 0.7, least >= 0.5), f"{_each('Share of the colourfulness', shares)} ({seeds(card)})."


def more_colourful(timid: Card, bold: Card) -> tuple[str, str]:
    """Colourfulness of restored images is higher on every test set; partly: on some."""
    comparable(timid, bold, ("degradation", "tests", "steps"))
    low, high = on_tests(timid, "colourfulness"), on_tests(bold, "colourfulness")
    beaten = [min(high[test]) > max(low[test]) for test in high]
    numbers = f"{_each('Colourfulness', high)}; {_each('without', low)} ({seeds(bold, timid)})."
    return graded(all(beaten), any(beaten)), numbers


def equally_good(one: Card, other: Card) -> tuple[str, str]:
    """On every test set, colourfulness differs by at most a tenth and PSNR by at most 0.5 dB. Partly: twice that."""
    comparable(one, other, ("degradation", "tests", "steps"))
    apart, numbers = [], []
    for name, allowed in (("colourfulness", None), ("psnr", 0.5)):
        a, b = on_tests(one, name), on_tests(other, name)
        for test in a:
            x, y = statistics.fmean(a[test]), statistics.fmean(b[test])
            apart.append(abs(x - y) / (allowed or 0.1 * max(x, y)))
            numbers.append(f"{name} {x:.2f} and {y:.2f} ({test})")
    return graded(max(apart) <= 1, max(apart) <= 2), f"{'; '.join(numbers)} ({seeds(one, other)})."


def further_by_then(slow: Card, fast: Card) -> tuple[str, str]:
    """The L1 distance on training images is lower on average over the training, and at its end; partly: one of the
    two."""
    comparable(slow, fast, ("steps", "degradation"))
    parts, numbers = [], []
    for when in ("mean", "final"):
        low, high = loss(fast, "l1", when), loss(slow, "l1", when)
        parts.append(max(low) < min(high))
        numbers.append(f"{when} {listed(low, 4)}, without {listed(high, 4)}")
    return graded(all(parts), any(parts)), f"L1: {'; '.join(numbers)} ({seeds(fast, slow)})."


def cheaper_in_parts(whole: Card, parts: Card) -> tuple[str, str]:
    """Fewer parameters of the generator, and less wall time for as many steps on equally many cores; partly: one of the
    two."""
    comparable(whole, parts, ("steps", "machine", "cores"))
    count = [card.parameters["g_optimizer"] for card in (parts, whole)]
    seconds = [statistics.fmean(card.train_seconds) for card in (parts, whole)]
    cheaper = [count[0] < count[1], seconds[0] < seconds[1]]
    return graded(all(cheaper), any(cheaper)), (
        f"{count[0]:,} parameters and {seconds[0]:.0f} s; of whole images {count[1]:,} and {seconds[1]:.0f} s."
    )


def incoherent_parts(whole: Card, parts: Card) -> tuple[str, str]:
    """The step of colour from pixel to pixel across the borders of parts over that elsewhere, in restored test images.
    Reproduced: at least 0.05 above that at the same places without partition. Partly: above it."""
    with_seams, without = metric(parts, "seam_contrast"), metric(whole, "seam_contrast")
    more = min(with_seams) - max(without)
    numbers = f"Contrast at the borders {listed(with_seams, 3)}, of whole images {listed(without, 3)}"
    return graded(more >= 0.05, more > 0), f"{numbers} ({seeds(parts, whole)})."


def blue_and_green(card: Card) -> tuple[str, str]:
    """Of the coloured pixels more are blue or green than in the originals, on every test set; partly: on some."""
    made, real = on_tests(card, "green_blue"), on_tests(card, "green_blue", "real")
    more = [min(made[test]) > max(real[test]) for test in made]
    return graded(all(more), any(more)), f"{_each('Share', made)}; {_each('of the originals', real)} ({seeds(card)})."


def fills_better(card: Card) -> tuple[str, str]:
    """PSNR inside the hole is higher than that of filling it with the image's mean and than that of biharmonic
    inpainting, on every test set; partly: than that of the mean."""
    names = {"model": "PSNR", "mean_fill": "mean", "biharmonic": "biharmonic"}
    found = {of: on_tests(card, "psnr", of, "hole") for of in names}
    parts = [_all_above(found["model"], found[of]) for of in ("mean_fill", "biharmonic")]
    numbers = "; ".join(_each(name, found[of]) for of, name in names.items())
    return graded(all(parts), parts[0]), f"{numbers} ({seeds(card)})."


def fills_well(card: Card) -> tuple[str, str]:
    """PSNR inside the hole is at least 1 dB higher than that of biharmonic inpainting on every test set. Partly: it is
    higher."""
    found = {of: on_tests(card, "psnr", of, "hole") for of in ("model", "biharmonic")}
    apart = [min(found["model"][test]) - max(found["biharmonic"][test]) for test in found["model"]]
    numbers = f"{_each('PSNR', found['model'])}; {_each('biharmonic', found['biharmonic'])}"
    return graded(min(apart) >= 1.0, min(apart) > 0.0), f"{numbers} ({seeds(card)})."


def sharper_in_holes(alone: Card, joint: Card) -> tuple[str, str]:
    """The energy of fine detail inside the hole is higher on every test set; partly: on some."""
    comparable(alone, joint, ("degradation", "tests", "steps"))
    low, high = (on_tests(each, "detail", where="hole") for each in (alone, joint))
    beaten = [min(high[test]) > max(low[test]) for test in high]
    real = on_tests(joint, "detail", "real", "hole")
    numbers = f"{_each('Detail', high)}; {_each('with L2 alone', low)}; {_each('of the originals', real)}"
    return graded(all(beaten), any(beaten)), f"{numbers} ({seeds(joint, alone)})."


# restorations of small images, which a judge reads


def highest_accuracy(resgan: Card, *others: Card) -> tuple[str, str]:
    """In the report's way: accuracy of the classifier that was trained beside or inside the discriminator, on restored
    training images, averaged over the training. Higher than that of each of the four; partly: than three."""
    every, beaten, numbers = _against("accuracy", 1, resgan, others, lambda card: loss(card, "accuracy", "mean"))
    return graded(every, beaten >= len(others) - 1), numbers


def lowest_loss(resgan: Card, *others: Card) -> tuple[str, str]:
    """In the report's way: the losses averaged over the training, of which it does not say what they sum; here that is
    the adversarial losses of both players. Lower than that of each of the four; partly: than three. (A critic's loss is
    on another scale, and may be negative. The sum rewards weak discriminators: one that guesses gives 0.69 + 0.69, a
    strong one 0.14 and 2.5 of the generator.)"""

    def total(card: Card) -> list[float]:
        both = (loss(card, term, "mean") for term in ("d_loss", "g_loss"))
        return [sum(pair) for pair in zip(*both, strict=True)]

    every, beaten, numbers = _against("loss", -1, resgan, others, total)
    return graded(every, beaten >= len(others) - 1), numbers


def restores_best(resgan: Card, *others: Card) -> tuple[str, str]:
    """On restored test images, higher than each of the four both in the accuracy of an independent judge and in PSNR;
    partly: in one of the two."""
    return _in_both(resgan, others, ("judge", 1, "judge_accuracy"), ("PSNR", 1, "psnr"))


def restores_faces_best(resgan: Card, *others: Card) -> tuple[str, str]:
    """On restored test faces, which have no classes to be read: a lower distance of their features (kernel distance
    where all cards have it, else Fréchet distance, which of so few is biased) and a higher PSNR than each of the four;
    partly: one of the two."""
    unbiased = all(card.values("kernel_distance") for card in (resgan, *others))
    distance = ("kernel", -1, "kernel_distance") if unbiased else ("Fréchet", -1, "frechet_distance")
    return _in_both(resgan, others, distance, ("PSNR", 1, "psnr"))


def _in_both(first: Card, others: tuple[Card, ...], *measures: tuple[str, int, str]) -> tuple[str, str]:
    for card in others:
        comparable(first, card, ("features_sha256", "tests", "border"))
    found = [
        _against(label, sign, first, others, functools.partial(metric, name=name)) for label, sign, name in measures
    ]
    every, counts, numbers = zip(*found, strict=True)
    return graded(all(every), any(count == len(others) for count in counts)), " ".join(numbers)


def _against(
    label: str, sign: int, first: Card, others: tuple[Card, ...], of: Callable[[Card], list[float]]
) -> tuple[bool, int, str]:
    """Whether the first one lies above all others (below, with a sign of -1) in every pair of training seeds; above how
    many in the mean; and the numbers."""
    own, rest = of(first), [of(card) for card in others]
    found = []
    for card, each in zip(others, rest, strict=True):
        comparable(first, card, ("dataset", "degradation"))
        found.append(above(own, each) if sign > 0 else above(each, own))
    names = [card.settings["model"].get("variant", card.gan) for card in others]
    listing = "; ".join(f"{name} {listed(each, 3)}" for name, each in zip(names, rest, strict=True))
    numbers = f"{label}: {first.gan} {listed(own, 3)}; {listing} ({seeds(first, *others)})."
    return set(found) == {REPRODUCED}, len(found) - found.count(NOT_REPRODUCED), numbers


def read_as_well_as_coarse(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, the judge reads restored test images at most 1 point worse than a network that
    learnt to read the coarse images, which is the information there is. Partly: 5 points."""
    read, line = metric(card, "judge_accuracy"), metric(card, "coarse_accuracy", "input")
    below = max(b - a for a, b in zip(read, line, strict=True))
    numbers = (
        f"The judge reads {listed(read, 1, 100)}%; coarse images are read in {100 * line[0]:.1f}% ({seeds(card)})."
    )
    return graded(below <= 0.01, below <= 0.05), numbers


def reads_better(without: Card, resgan: Card) -> tuple[str, str]:
    """The judge's accuracy on restored test images is higher."""
    comparable(without, resgan, ("features_sha256", "degradation", "tests"))
    low, high = metric(without, "judge_accuracy"), metric(resgan, "judge_accuracy")
    sizes = " and ".join(f"{card.parameters['g_optimizer']:,}" for card in (resgan, without))
    return above(high, low), (
        f"The judge reads {listed(high, 1, 100)}%, without it {listed(low, 1, 100)}% ({seeds(resgan, without)}). "
        f"Parameters of the generator: {sizes}."
    )


def losses_cross(card: Card) -> tuple[str, str]:
    """Reproduced: in every training, the player whose adversarial loss is the lower one in the first row of the history
    is not the one in the last row. Partly: in some."""
    rows = [[loss(card, term, when) for term in ("d_loss", "g_loss")] for when in ("first", "final")]
    (d_first, g_first), (d_last, g_last) = rows
    crossed = [(a < b) != (c < d) for a, b, c, d in zip(d_first, g_first, d_last, g_last, strict=True)]
    numbers = f"d_loss {listed(d_first)} to {listed(d_last)}, g_loss {listed(g_first)} to {listed(g_last)}"
    return graded(all(crossed), any(crossed)), f"{numbers} ({seeds(card)})."


def more_detailed(ten: Card, hundred: Card) -> tuple[str, str]:
    """The power of restored test images at the frequencies that pooling removed, over the originals'; higher for
    CIFAR-100."""
    comparable(ten, hundred, ("degradation",))
    low, high = metric(ten, "high_frequency"), metric(hundred, "high_frequency")
    return above(high, low), f"CIFAR-100 {listed(high)}, CIFAR-10 {listed(low)} ({seeds(hundred, ten)})."
