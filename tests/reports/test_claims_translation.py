"""Every branch of the verdicts on translations, on cards made up for it."""

from typing import Any

import pytest
from reports.old_names import card

from tfgans.card import Card, Row
from tfgans.reports import comparisons
from tfgans.reports import criteria_translation as to
from tfgans.reports.evidence import NOT_REPRODUCED, PARTLY, REPRODUCED, Untestable

HIGH, LOW, MIXED = (0.8, 0.9), (0.6, 0.7), (0.65, 0.9)


def made(*rows: tuple[str, str, str | None, str | None, tuple[float, ...]], **fields: Any) -> Card:
    """A card of rows: measure, of, direction, where, values."""
    own = [Row("x", name, of, where, direction, list(values)) for name, of, direction, where, values in rows]
    n = max(len(row.values) for row in own)
    protocol = {"segmenter_sha256": "ef", "features_sha256": "ab"}
    return card(**{"measurements": own, "training_seeds": list(range(n)), "protocol": protocol, **fields})


def plain(name: str, values: tuple[float, ...], of: str = "model", where: str | None = None) -> Any:
    return (name, of, None, where, values)


@pytest.mark.parametrize(
    "l1, both, cgan, expected",
    [
        ((0.9, 0.85), (0.8, 0.7), (0.6, 0.5), REPRODUCED),
        ((0.9, 0.75), (0.8, 0.7), (0.6, 0.5), PARTLY),
        ((0.6, 0.5), (0.8, 0.7), (0.4, 0.3), NOT_REPRODUCED),
    ],
)
def test_label_maps_by_losses(l1: Any, both: Any, cgan: Any, expected: str) -> None:
    cards = [made(plain("pixel_accuracy", values)) for values in (cgan, both, l1)]
    assert to.labels_by_losses(*cards)[0] == expected
    assert to.labels_by_losses(*cards)[1].startswith(f"L1 {100 * l1[0]:.1f}, ")
    with pytest.raises(Untestable, match="differ in their steps"):
        shorter = made(plain("pixel_accuracy", cgan), steps=1)
        to.labels_by_losses(shorter, *cards[1:])


@pytest.mark.parametrize("high, expected", [(HIGH, REPRODUCED), (MIXED, PARTLY), ((0.5, 0.6), NOT_REPRODUCED)])
def test_one_measure(high: Any, expected: str) -> None:
    """Higher, or lower, in every pair of seeds; in the means."""
    real = plain("pixel_accuracy", (0.95,), "real")
    assert (
        to.photos_by_losses(made(plain("pixel_accuracy", LOW)), made(plain("pixel_accuracy", high), real))[0]
        == expected
    )
    for name, test in (("coarse_l1", to.l1_keeps_the_whole), ("kernel_distance", to.nearer_photos)):
        assert test(made(plain(name, high)), made(plain(name, LOW)))[0] == expected
    parts = (made(plain("instances_found", values, where="touching")) for values in (LOW, high))
    assert to.separates_touching(*parts)[0] == expected


@pytest.mark.parametrize(
    "both, expected", [((9.0, 12.0), REPRODUCED), ((9.0, 17.0), PARTLY), ((17.0, 18.0), NOT_REPRODUCED)]
)
def test_detail_may_be_too_much(both: Any, expected: str) -> None:
    """L1 alone has 4 and 5 of 10."""
    verdict, numbers = to.d_keeps_detail(
        made(plain("detail", (4.0, 5.0))), made(plain("detail", both), plain("detail", (10.0,), "real"))
    )
    assert verdict == expected and numbers.startswith(f"Detail {both[0]:.1f}, ")


@pytest.mark.parametrize(
    "far, low, expected", [(HIGH, LOW, REPRODUCED), (HIGH, HIGH, PARTLY), (LOW, HIGH, NOT_REPRODUCED)]
)
def test_two_measures(far: Any, low: Any, expected: str) -> None:
    """A distance of 0.65 and 0.68, an accuracy of 0.75 and 0.78, beside others."""
    near, high = ((0.55, 0.58), (0.75, 0.78))
    for test, distance, accuracy in (
        (to.skips_help, "l1", "pixel_accuracy"),
        (to.better_than_pix2pix, "kernel_distance", "mean_iou"),
    ):
        worse = tuple(0.5 for _ in far) if expected == NOT_REPRODUCED else far
        one = made(plain(distance, worse), plain(accuracy, low))
        other = made(plain(distance, near), plain(accuracy, high))
        assert test(one, other)[0] == expected


@pytest.mark.parametrize(
    "one, sixteen, whole, expected",
    [
        (LOW, LOW, LOW, REPRODUCED),
        (LOW, MIXED, LOW, PARTLY),
        (LOW, (0.95, 0.97), LOW, PARTLY),
        ((0.95, 0.97), LOW, LOW, NOT_REPRODUCED),
    ],
)
def test_sizes_of_patches(one: Any, sixteen: Any, whole: Any, expected: str) -> None:
    cards = [made(plain("pixel_accuracy", values)) for values in (one, sixteen, HIGH, whole)]
    assert to.patches_of_70(*cards)[0] == expected


def kept(there: tuple[float, ...] | None, round_trip: tuple[float, ...]) -> Card:
    rows = [("class_kept", "model", "round_trip", "a", round_trip), ("class_kept", "model", "b_to_a", None, (0.97,))]
    rows += [("class_kept", "model", "a_to_b", None, there)] if there else []
    found = made(*rows)
    found.settings["degradation"] = "edges"
    return found


def test_classes_are_kept_in_two_tasks_of_three() -> None:
    good, bad, unread = kept((0.95, 0.9), (0.99,)), kept((0.95, 0.89), (0.99,)), kept(None, (0.99,))
    assert to.keeps_classes(good, bad, unread)[0] == REPRODUCED
    assert to.keeps_classes(good, bad, bad)[0] == PARTLY
    assert to.keeps_classes(bad, bad, bad)[0] == NOT_REPRODUCED
    assert "edges: there 95.0, 90.0%, back 97.0%, round trip 99.0%" in to.keeps_classes(good)[1]
    with pytest.raises(Untestable, match="no class_kept"):
        to.keeps_classes(made(plain("l1", (1.0,))))


@pytest.mark.parametrize(
    "found, expected", [((1.0, 2.0), REPRODUCED), ((1.0, 3.9), PARTLY), ((1.0, 4.0), NOT_REPRODUCED)]
)
def test_horses_become_zebras(found: Any, expected: str) -> None:
    rows = [("kernel_distance", of, "a_to_b", None, values) for of, values in (("model", found), ("input", (4.0,)))]
    assert to.becomes_the_other(made(*rows, ("kernel_distance", "train", "a_to_b", None, (0.1,))))[0] == expected


@pytest.mark.parametrize(
    "found, expected", [((0.6, 0.58), REPRODUCED), ((0.6, 0.45), PARTLY), ((0.4,), NOT_REPRODUCED)]
)
def test_label_maps_without_pairs(found: Any, expected: str) -> None:
    assert to.labels_without_pairs(made(("pixel_accuracy", "model", "a_to_b", None, found)))[0] == expected


@pytest.mark.parametrize("noisy, expected", [((0.2, 0.3), REPRODUCED), ((0.1, 0.12), PARTLY), ((0.1,), NOT_REPRODUCED)])
def test_noise_between_spoils_the_way_back(noisy: Any, expected: str) -> None:
    changes = {"exact": (0.1,) * len(noisy), "noise:0.01": noisy, "noise:0.03": noisy, "jpeg:75": noisy}
    rows = [("l1", "model", "round_trip", f"a {change}", values) for change, values in changes.items()]
    assert to.hides_its_source(made(*rows))[0] == expected


def test_translators_beside_each_other() -> None:
    good = kept((0.95, 0.9), (0.99,))
    good.settings.update(steps=30, batch_size=100)
    lines = comparisons.translators({"cyclegan-edges": good, "dcgan-mnist": card()}).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| digits, edges | CycleGAN | 92.5 ± 3.5 | 97.0 | 99.0 |") and "| 3,000 |" in lines[2]


@pytest.mark.parametrize(
    "found, edges, negative",
    [
        ((0.95, 0.96), REPRODUCED, REPRODUCED),
        ((0.94, 0.96), REPRODUCED, PARTLY),
        ((0.7, 0.96), NOT_REPRODUCED, NOT_REPRODUCED),
    ],
)
def test_pixels_of_a_pair(found: Any, edges: str, negative: str) -> None:
    """With others they agree in 0.8."""
    made_of = made(plain("pixel_agreement", found), plain("pixel_agreement", (0.8, 0.8), "shuffled"))
    for degradation, expected in (("edges", edges), ("negative", negative)):
        made_of.settings["degradation"] = degradation
        assert to.pixels_agree(made_of)[0] == expected


@pytest.mark.parametrize("found, expected", [((0.9, 0.85), REPRODUCED), ((0.9, 0.5), PARTLY), ((0.4,), NOT_REPRODUCED)])
def test_the_same_digit_in_both(found: Any, expected: str) -> None:
    assert to.same_digit(made(plain("same_class", found)))[0] == expected


@pytest.mark.parametrize(
    "agreements, expected",
    [
        (((0.5, 0.6), (0.7, 0.75), (0.9, 0.95)), REPRODUCED),
        (((0.5,), (0.7,), (0.9,)), PARTLY),  # a single seed a side
        (((0.5, 0.6), (0.95, 0.97), (0.9, 0.91)), PARTLY),  # most in the middle
        (((0.9, 0.95), (0.7, 0.75), (0.5, 0.6)), NOT_REPRODUCED),
    ],
)
def test_shared_layers(agreements: Any, expected: str) -> None:
    cards = [
        made(plain("pixel_agreement", values), model={"shared_generator_layers": n})
        for n, values in zip((0, 2, 4), agreements, strict=True)
    ]
    verdict, numbers = to.sharing_couples(*cards)
    assert verdict == expected and numbers.startswith(f"0 shared {agreements[0][0]:.3f}")


@pytest.mark.parametrize("high, expected", [(HIGH, REPRODUCED), (MIXED, PARTLY), ((0.5, 0.6), NOT_REPRODUCED)])
def test_adaptation(high: Any, expected: str) -> None:
    cards = [made(plain("label_accuracy", values, where="b")) for values in (LOW, high)]
    assert to.adapts(*cards)[0] == expected


@pytest.mark.parametrize(
    "none, one, both, expected",
    [
        (LOW, LOW, (1.0, 0.95), REPRODUCED),
        (LOW, (0.6, 1.0), (1.0, 0.95), PARTLY),
        (LOW, LOW, (0.9, 0.8), PARTLY),
        (LOW, (0.9, 0.95), (0.9, 0.8), NOT_REPRODUCED),
    ],
)
def test_modes_that_are_kept_apart(none: Any, one: Any, both: Any, expected: str) -> None:
    cards = [made(("source_identified", "model", "a_to_b", None, values)) for values in (none, one, both)]
    verdict, numbers = to.keeps_modes_apart(*cards)
    assert verdict == expected and f"DiscoGAN {100 * both[0]:.0f}, {100 * both[1]:.0f}% identified" in numbers


@pytest.mark.parametrize(
    "both, expected", [((10.0, 10.0), REPRODUCED), ((10.0, 9.0), PARTLY), ((5.0, 5.0), NOT_REPRODUCED)]
)
def test_modes_that_are_reached(both: Any, expected: str) -> None:
    cards = [made(("modes", "model", "a_to_b", None, values)) for values in ((5.0, 6.0), (5.0, 5.0), both)]
    assert to.reaches_all_modes(*cards)[0] == expected
