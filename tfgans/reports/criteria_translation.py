"""Verdicts on claims about translations, as in `tfgans.reports.criteria`."""

import itertools
import statistics
from collections.abc import Sequence

from tfgans.card import Card
from tfgans.reports.evidence import (
    NOT_REPRODUCED,
    PARTLY,
    REPRODUCED,
    Untestable,
    above,
    comparable,
    graded,
    listed,
    metric,
    seeds,
)

LENGTH = ("dataset", "steps", "batch_size")


def on_way(card: Card, name: str, direction: str | None, of: str = "model", where: str | None = None) -> list[float]:
    """The value of each training seed in one direction. Untestable where the card lacks it."""
    found = card.values(name, of, where=where, direction=direction)
    if not found:
        raise Untestable(f"The card of {card.gan} ({card.recipe}) has no {name}")
    return found * len(card.training_seeds) if len(found) == 1 else found


def _worst(verdicts: Sequence[str]) -> str:
    return max(verdicts, key=(REPRODUCED, PARTLY, NOT_REPRODUCED).index)


def _both(first: str, second: str) -> str:
    """Of two parts: reproduced where both are, not where neither is."""
    if first == second:
        return first
    return PARTLY


# --- pairs ------------------------------------------------------------------------------------------------------------


def labels_by_losses(cgan: Card, both: Card, l1: Card) -> tuple[str, str]:
    """The share of pixels of the right class, of label maps made of test photographs: L1 alone above L1 with a cGAN,
    that above a cGAN alone. Partly: in the means."""
    comparable(l1, both, LENGTH)
    comparable(both, cgan, LENGTH)
    a, b, c = (metric(card, "pixel_accuracy") for card in (l1, both, cgan))
    numbers = f"L1 {listed(a, 1, 100)}%, L1 + cGAN {listed(b, 1, 100)}%, cGAN {listed(c, 1, 100)}%"
    return _worst([above(a, b), above(b, c)]), f"{numbers} ({seeds(l1, both, cgan)})."


def photos_by_losses(l1: Card, both: Card) -> tuple[str, str]:
    """The share of pixels that a segmenter reads right in photographs made of test label maps is higher with a cGAN
    than with L1 alone."""
    comparable(l1, both, (*LENGTH, "segmenter_sha256"))
    low, high, real = (
        metric(l1, "pixel_accuracy"),
        metric(both, "pixel_accuracy"),
        metric(both, "pixel_accuracy", "real"),
    )
    numbers = (
        f"L1 + cGAN {listed(high, 1, 100)}%, L1 {listed(low, 1, 100)}%, true photographs {listed(real[:1], 1, 100)}%"
    )
    return above(high, low), f"{numbers} ({seeds(both, l1)})."


def skips_help(without: Card, skips: Card) -> tuple[str, str]:
    """In as many steps, translations of test images are nearer to the true ones (L1), and a segmenter reads more of
    their pixels right; partly: one of the two."""
    comparable(without, skips, LENGTH)
    far, near = metric(without, "l1"), metric(skips, "l1")
    low, high = metric(without, "pixel_accuracy"), metric(skips, "pixel_accuracy")
    numbers = f"L1 {listed(near, 3)}, without {listed(far, 3)}; read {listed(high, 1, 100)}%, {listed(low, 1, 100)}%"
    return _both(above(far, near), above(high, low)), f"{numbers} ({seeds(skips, without)})."


def l1_keeps_the_whole(cgan: Card, both: Card) -> tuple[str, str]:
    """Of translated test images, averaged over blocks of 16x16 pixels, the L1 distance from the true ones is lower with
    the L1 loss than without."""
    comparable(cgan, both, LENGTH)
    far, near = metric(cgan, "coarse_l1"), metric(both, "coarse_l1")
    return above(far, near), f"L1 of blocks {listed(near, 3)}, cGAN alone {listed(far, 3)} ({seeds(both, cgan)})."


def d_keeps_detail(l1: Card, both: Card) -> tuple[str, str]:
    """The energy of fine detail of translated test images is nearer to that of the true ones with the discriminator
    than with L1 alone."""
    comparable(l1, both, LENGTH)
    real = statistics.fmean(metric(both, "detail", "real"))
    found = [metric(card, "detail") for card in (l1, both)]
    off, near = ([abs(value - real) for value in values] for values in found)
    numbers = f"Detail {listed(found[1], 1)}, L1 alone {listed(found[0], 1)}, true photographs {real:.1f}"
    return above(off, near), f"{numbers} ({seeds(both, l1)})."


def patches_of_70(one: Card, sixteen: Card, seventy: Card, whole: Card) -> tuple[str, str]:
    """Table 3: a segmenter reads most pixels right in photographs made with patches of 70 pixels; fewer with 16, with
    the whole image and with single pixels. Partly: more than with single pixels."""
    for card in (one, sixteen, whole):
        comparable(card, seventy, (*LENGTH, "segmenter_sha256"))
    own = metric(seventy, "pixel_accuracy")
    rest = {name: metric(card, "pixel_accuracy") for name, card in (("1", one), ("16", sixteen), ("whole", whole))}
    verdicts = [above(own, each) for each in rest.values()]
    numbers = f"70 pixels {listed(own, 1, 100)}%; {'; '.join(f'{k} {listed(v, 1, 100)}%' for k, v in rest.items())}"
    partly = PARTLY if verdicts[0] != NOT_REPRODUCED else NOT_REPRODUCED
    verdict = _worst(verdicts)
    return (partly if verdict == NOT_REPRODUCED else verdict), f"{numbers} ({seeds(seventy, one, sixteen, whole)})."


def better_than_pix2pix(pix2pix: Card, hd: Card) -> tuple[str, str]:
    """On the same images, a lower kernel distance from the true photographs, and a higher mean IoU by the segmenter;
    partly: one of the two."""
    comparable(pix2pix, hd, ("dataset", "features_sha256", "segmenter_sha256"))
    far, near = metric(pix2pix, "kernel_distance"), metric(hd, "kernel_distance")
    low, high = metric(pix2pix, "mean_iou"), metric(hd, "mean_iou")
    numbers = f"Kernel distance {listed(near, 3)}, Pix2pix {listed(far, 3)}; IoU {listed(high, 3)}, {listed(low, 3)}"
    return _both(above(far, near), above(high, low)), f"{numbers} ({seeds(hd, pix2pix)})."


def nearer_photos(without: Card, full: Card) -> tuple[str, str]:
    """In as many steps, the kernel distance of photographs made of test label maps from true ones is lower."""
    comparable(without, full, (*LENGTH, "features_sha256"))
    far, near = metric(without, "kernel_distance"), metric(full, "kernel_distance")
    return above(far, near), f"Kernel distance {listed(near, 3)}, without {listed(far, 3)} ({seeds(full, without)})."


def separates_touching(without: Card, full: Card) -> tuple[str, str]:
    """Of the objects that touch another, the share that a segmenter finds apart in photographs made of test maps is
    higher with the map of their boundaries."""
    comparable(without, full, (*LENGTH, "segmenter_sha256"))
    low, high = (metric(card, "instances_found", where="touching") for card in (without, full))
    return above(high, low), f"Apart {listed(high, 1, 100)}%, without {listed(low, 1, 100)}% ({seeds(full, without)})."


# --- pairs from noise ------------------------------------------------------------------------------------------------


def pixels_agree(card: Card) -> tuple[str, str]:
    """The share of pixels in which the b of a pair agrees with the degradation of its a, both halved into light and
    dark. Reproduced: at least the paper's (0.952 of edges, 0.967 of negatives) less 0.02 in every training. Partly:
    more than with the b of another pair."""
    found, others = metric(card, "pixel_agreement"), metric(card, "pixel_agreement", "shuffled")
    least = {"edges": 0.952, "negative": 0.967}[card.settings["degradation"]] - 0.02
    numbers = f"Agreement {listed(found, 3)}, with others {listed(others, 3)} ({seeds(card)})."
    return graded(min(found) >= least, min(found) > max(others)), numbers


def same_digit(card: Card) -> tuple[str, str]:
    """The judge reads the same digit in both images of a pair; a rotation is undone first. Reproduced: in at least 85%
    of the pairs in every training. Partly: in 50% (by chance it would be 10%)."""
    found = metric(card, "same_class")
    return graded(min(found) >= 0.85, min(found) >= 0.5), f"{listed(found, 1, 100)}% of the pairs ({seeds(card)})."


def sharing_couples(*cards: Card) -> tuple[str, str]:
    """From none of the generators' layers shared to all but the output, the agreement of pixels rises with each step.
    Partly: it is higher with all than with none."""
    found = [metric(card, "pixel_agreement") for card in cards]
    verdicts = [above(high, low) for low, high in itertools.pairwise(found)]
    counts = [card.settings["model"]["shared_generator_layers"] for card in cards]
    numbers = "; ".join(f"{n} shared {listed(values, 3)}" for n, values in zip(counts, found, strict=True))
    verdict = _worst(verdicts)
    if verdict == NOT_REPRODUCED and above(found[-1], found[0]) != NOT_REPRODUCED:
        verdict = PARTLY
    return verdict, f"{numbers} ({seeds(*cards)})."


def adapts(source_only: Card, card: Card) -> tuple[str, str]:
    """The accuracy of a classifier on test images of b, whose labels it never saw, is higher than that of one that
    learnt on a alone."""
    low, high = (metric(each, "label_accuracy", where="b") for each in (source_only, card))
    return above(
        high, low
    ), f"{listed(high, 1, 100)}%, from a alone {listed(low, 1, 100)}% ({seeds(card, source_only)})."


# --- without pairs ----------------------------------------------------------------------------------------------------


def keeps_classes(*cards: Card) -> tuple[str, str]:
    """The judge reads the digit that an image was made of, wherever it can: after the translation there (a negative or
    a rotation is undone first), after that back to plain digits, and after the round trip. Reproduced: in at least 90%
    for two of the three tasks. Partly: for one."""
    good, numbers = 0, []
    for card in cards:
        ways = [("there", "a_to_b", None), ("back", "b_to_a", None), ("round trip", "round_trip", "a")]
        found = {name: card.values("class_kept", where=where, direction=way) for name, way, where in ways}
        found = {name: values for name, values in found.items() if values}
        if not found:
            raise Untestable(f"The card of {card.gan} ({card.recipe}) has no class_kept")
        good += min(min(values) for values in found.values()) >= 0.9
        listing = ", ".join(f"{name} {listed(values, 1, 100)}%" for name, values in found.items())
        numbers.append(f"{card.settings['degradation']}: {listing}")
    return graded(good >= 2, good == 1), f"{'; '.join(numbers)} ({seeds(*cards)})."


def becomes_the_other(card: Card) -> tuple[str, str]:
    """The kernel distance of translated test images of a from those of b is at most half of the images' own. Partly: it
    is lower."""
    made, own = on_way(card, "kernel_distance", "a_to_b"), on_way(card, "kernel_distance", "a_to_b", "input")
    floor = on_way(card, "kernel_distance", "a_to_b", "train")
    shares = [x / y for x, y in zip(made, own, strict=True)]
    numbers = f"Kernel distance {listed(made, 3)}, untranslated {listed(own[:1], 3)}, floor {listed(floor[:1], 3)}"
    return graded(max(shares) <= 0.5, max(shares) < 1.0), f"{numbers} ({seeds(card)})."


def labels_without_pairs(card: Card) -> tuple[str, str]:
    """The share of pixels of the right class, of label maps made of test photographs. Reproduced: at least the paper's
    58%. Partly: 45%; the paper has 45% of CoGAN and 85% of Pix2pix, which sees the pairs."""
    found = on_way(card, "pixel_accuracy", "a_to_b")
    return graded(min(found) >= 0.58, min(found) >= 0.45), f"{listed(found, 1, 100)}% ({seeds(card)})."


def keeps_modes_apart(none: Card, one: Card, both: Card) -> tuple[str, str]:
    """Points of five Gaussians are translated to a ring of ten. Reproduced: in every training of DiscoGAN the mode that
    a point reaches identifies its source mode for at least 95% of the points, and in every training of the two others
    for fewer. Partly: for more than the others in the mean."""
    return _of_modes("source_identified", 0.95, 100, "% identified", none, one, both)


def reaches_all_modes(none: Card, one: Card, both: Card) -> tuple[str, str]:
    """Points of five Gaussians are translated to a ring of ten. Reproduced: in every training of DiscoGAN they reach
    all ten, and in every training of the two others fewer. Partly: more than the others in the mean."""
    return _of_modes("modes", 10, 1, " modes", none, one, both)


def _of_modes(name: str, least: float, scale: float, unit: str, *cards: Card) -> tuple[str, str]:
    found = [on_way(card, name, "a_to_b") for card in cards]
    names = ("GANs alone", "one reconstruction", "DiscoGAN")
    numbers = "; ".join(f"{each} {listed(own, 0, scale)}{unit}" for each, own in zip(names, found, strict=True))
    good = min(found[2]) >= least and max(found[0] + found[1]) < min(found[2])
    more = all(statistics.fmean(found[2]) > statistics.fmean(each) for each in found[:2])
    return graded(good, more), f"{numbers} ({seeds(*cards)})."


def hides_its_source(card: Card) -> tuple[str, str]:
    """The L1 distance of test images of a from what becomes of them there and back. Reproduced: with noise of 0.03 on
    the image between, it is at least twice what it is without. Partly: 1.2 times."""
    plain = on_way(card, "l1", "round_trip", where="a exact")
    noisy = {c: on_way(card, "l1", "round_trip", where=f"a {c}") for c in ("noise:0.01", "noise:0.03", "jpeg:75")}
    factors = [x / y for x, y in zip(noisy["noise:0.03"], plain, strict=True)]
    numbers = f"L1 {listed(plain, 3)}; {'; '.join(f'{change} {listed(each, 3)}' for change, each in noisy.items())}"
    return graded(min(factors) >= 2.0, max(factors) >= 1.2), f"{numbers} ({seeds(card)})."
