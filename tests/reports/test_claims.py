"""Every branch of every verdict, on cards made up for it; and the ledger beside the cards that are there."""

import dataclasses
from typing import Any

import pytest
from reports.old_names import card

from tfgans import models
from tfgans.card import Card, Row
from tfgans.evaluation.seeds import read_list
from tfgans.files import ROOT
from tfgans.reports import comparisons, criteria, criteria_restoration, origin
from tfgans.reports import ledger as claims
from tfgans.reports.claims import CHAPTERS, Statement
from tfgans.reports.evidence import NOT_REPRODUCED, NOT_TESTED, PARTLY, REPRODUCED

EVEN = [0.1] * 10
UNEVEN = [0.3, 0.02] + [0.085] * 8
LOST = [0.0, 0.2] + [0.1] * 8
ONE = [0.95, 0.05] + [0.0] * 8


def classes(histogram: list[float], near: float, *more: list[float]) -> Card:
    n = 1 + len(more)
    return card(
        class_histogram=(histogram, *more), neighbour_largest_class=(near,) * n, neighbour_classes=(len(histogram),) * n
    )


@pytest.mark.parametrize(
    "made, expected",
    [
        (classes(ONE, 0.97), REPRODUCED),
        (classes(ONE, 0.97, ONE), REPRODUCED),
        (classes(ONE, 0.97, EVEN), PARTLY),  # one training of two collapsed
        (classes(ONE, 0.5), PARTLY),  # the judge sees one class, the neighbours more
        (classes(LOST, 0.2), PARTLY),
        (classes(UNEVEN, 0.3), NOT_REPRODUCED),
        (classes(EVEN, 0.1), NOT_REPRODUCED),
    ],
)
def test_one_mode(made: Card, expected: str) -> None:
    assert criteria.one_mode(made)[0] == expected


@pytest.mark.parametrize(
    "made, expected",
    [
        (classes(EVEN, 0.15, EVEN), REPRODUCED),
        (classes(EVEN, 0.25), PARTLY),  # even to the judge, not among the neighbours
        (classes(EVEN, 0.15, UNEVEN), PARTLY),
        (classes(EVEN, 0.15, LOST), NOT_REPRODUCED),
        (classes(ONE, 0.97), NOT_REPRODUCED),
    ],
)
def test_no_mode(made: Card, expected: str) -> None:
    assert criteria.no_mode(made)[0] == expected


def test_the_numbers_name_every_seed() -> None:
    assert criteria.no_mode(classes(EVEN, 0.15, UNEVEN))[1] == (
        "Largest class 10.0, 30.0%, smallest 10.0, 2.0% of the samples; nearest training images: 10, 10 classes, the "
        "largest with 15.0, 15.0% (2 seeds)."
    )


@pytest.mark.parametrize(
    "high, low, expected",
    [
        ((3.0, 4.0), (1.0, 2.0), REPRODUCED),
        ((3.0, 1.5), (1.0, 2.0), PARTLY),  # the means only
        ((3.0,), (1.0,), PARTLY),  # a single seed a side
        ((3.0,), (1.0, 2.0), PARTLY),
        ((1.0, 2.0), (3.0, 4.0), NOT_REPRODUCED),
        ((1.0,), (1.0,), NOT_REPRODUCED),
    ],
)
def test_order_of_two_models(high: tuple[float, ...], low: tuple[float, ...], expected: str) -> None:
    assert criteria.above(list(high), list(low)) == expected
    assert criteria.closer(card(frechet_distance=high), card(frechet_distance=low))[0] == expected
    assert criteria.fluctuates_more(card(loss_fluctuation=low), card("cdcgan", loss_fluctuation=high))[0] == expected
    assert criteria.decreases_more(card(loss_change=high), card("cdcgan", loss_change=low))[0] == expected
    assert criteria.lower_loss(card(loss_final=high), card("cdcgan", loss_final=low))[0] == expected


def test_losses_that_disagree_are_partly() -> None:
    losses = {"d_loss": {"final": [1.0, 1.0]}, "g_loss": {"final": [5.0, 5.0]}}
    dcgan, cdcgan = card(loss_final=(3.0, 3.0)), card("cdcgan", training_seeds=[0, 1], losses=losses)
    verdict, numbers = criteria.lower_loss(dcgan, cdcgan)
    assert verdict == PARTLY
    assert numbers == (
        "Last row: d_loss dcgan 3.000, 3.000, cdcgan 1.000, 1.000; g_loss dcgan 3.000, 3.000, cdcgan 5.000, 5.000 "
        "(2 seeds each)."
    )


@pytest.mark.parametrize(
    "distances, expected", [((1.0, 2.0), REPRODUCED), ((3.0, 4.0), PARTLY), ((6.0, 7.0), NOT_REPRODUCED)]
)
def test_much_closer_takes_half_the_distance(distances: tuple[float, float], expected: str) -> None:
    verdict, numbers = criteria.much_closer(card("gan", frechet_distance=(4.0, 5.0)), card(frechet_distance=distances))
    assert verdict == expected
    mean = f"{sum(distances) / 2:.2f} ± 0.71"
    assert numbers == f"Fréchet distance: dcgan {mean}, gan 4.50 ± 0.71; floor 0.50 (2 seeds each)."


@pytest.mark.parametrize(
    "distances, expected", [((1.0, 1.4), REPRODUCED), ((1.0, 1.8), PARTLY), ((1.0, 4.0), NOT_REPRODUCED)]
)
def test_steadier(distances: tuple[float, float], expected: str) -> None:
    assert criteria.steadier(card("gan", frechet_distance=(1.0, 2.0)), card(frechet_distance=distances))[0] == expected


def test_a_spread_takes_two_seeds() -> None:
    with pytest.raises(criteria.Untestable, match="two training seeds"):
        criteria.steadier(card(frechet_distance=(1.0,)), card(frechet_distance=(1.0, 2.0)))


@pytest.mark.parametrize(
    "accuracy, precision, label, real",
    [
        ((0.99, 0.96), (0.9, 0.8), REPRODUCED, REPRODUCED),
        ((0.99, 0.90), (0.9, 0.8), PARTLY, PARTLY),
        ((0.99, 0.96), (0.9, 0.5), REPRODUCED, PARTLY),
        ((0.12, 0.10), (0.1, 0.2), NOT_REPRODUCED, NOT_REPRODUCED),
    ],
)
def test_labels(accuracy: tuple[float, ...], precision: tuple[float, ...], label: str, real: str) -> None:
    made = card("cdcgan", label_accuracy=accuracy, precision=precision)
    assert criteria.obeys(made)[0] == label
    assert criteria.realistic(made)[0] == real


@pytest.mark.parametrize(
    "recall, expected", [((0.7, 0.5), REPRODUCED), ((0.7, 0.3), PARTLY), ((0.7, 0.05), NOT_REPRODUCED)]
)
def test_varied(recall: tuple[float, float], expected: str) -> None:
    assert criteria.varied(card("cdcgan", recall=recall))[0] == expected


def test_trainings_whose_rates_fall_differently_say_so() -> None:
    dcgan, cdcgan = card(loss_fluctuation=(0.1,)), card("cdcgan", loss_fluctuation=(0.2,), decay=0.5)
    assert criteria.fluctuates_more(dcgan, cdcgan)[1].endswith(
        "; learning rates fall over the last cdcgan 50%, dcgan 0% of the steps (1 seed each)."
    )
    assert "learning rates" not in criteria.fluctuates_more(dcgan, card("cdcgan", loss_fluctuation=(0.2,)))[1]


@pytest.mark.parametrize(
    "near, expected", [((5.0, 4.2), REPRODUCED), ((5.0, 3.0), PARTLY), ((0.1, 5.0), NOT_REPRODUCED)]
)
def test_not_memorized(near: tuple[float, float], expected: str) -> None:
    made = card("gan", neighbour_distance=near, neighbour_distance_real=(5.0, 5.0))
    assert criteria.not_memorized(made)[0] == expected


@pytest.mark.parametrize(
    "seconds, expected",
    [(1600.0, REPRODUCED), (800.0, REPRODUCED), (500.0, PARTLY), (6000.0, PARTLY), (150.0, NOT_REPRODUCED)],
)
def test_sixteen_times(seconds: float, expected: str) -> None:
    dcgan, cdcgan = card(train_seconds=[100.0]), card("cdcgan", train_seconds=[seconds])
    verdict, numbers = criteria.sixteen_times(dcgan, cdcgan)
    assert verdict == expected
    assert numbers.startswith(f"{seconds / 100:.1f} times: cdcgan ")


def test_seconds_of_an_epoch() -> None:
    made = card(train_seconds=[100.0, 200.0, 300.0], cores=[2, 1, 2], steps=600, batch_size=100)  # a pass over 60,000
    assert criteria.epoch_seconds(made, 2) == [100.0, 300.0] and criteria.epoch_seconds(made, 4) == []
    one, two = card(cores=[1]), card(cores=[2])
    with pytest.raises(criteria.Untestable, match="equally many cores"):
        criteria.sixteen_times(one, two)


def test_cards_of_different_protocols_are_not_compared() -> None:
    other = card(frechet_distance=(1.0,))
    other.protocol["n_real"] = 99
    with pytest.raises(criteria.Untestable, match="n_real"):
        criteria.closer(card(frechet_distance=(2.0,)), other)
    there = {"dcgan_report-mnist": card(), "cdcgan-mnist": card("cdcgan", machine={"cpu": "another"})}
    times = [c for c in claims.all_claims(there, "06_cdcgan") if "16 times" in c.statement]
    assert [c.numbers for c in times] == [
        "The cards to compare differ in their machine.",
        "No card yet of dcgan-mnist.",
    ]
    assert {c.verdict for c in times} == {NOT_TESTED}


def test_a_card_that_lacks_a_number_leaves_its_claim_untested() -> None:
    (obeyed, _) = claims.all_claims({"cgan-mnist": card("cgan")}, "05_cgan")
    assert (obeyed.verdict, obeyed.numbers) == (NOT_TESTED, "The card of cgan (mnist) has no label_accuracy.")


def test_without_cards_nothing_is_claimed() -> None:
    found = claims.all_claims({})
    assert {claim.verdict for claim in found} == {NOT_TESTED}
    listed = {each.card for each in read_list()}
    for claim in found:
        asked = [command.removeprefix("python -m tfgans.evaluation.seeds ") for command in claim.command.split("; ")]
        assert claim.criterion and asked and set(asked) <= listed, claim.statement
    assert len({(claim.statement, claim.setting, claim.chapter) for claim in found}) == len(found)


def test_the_settings_of_the_dcgan_are_kept_apart() -> None:
    made = {"dcgan_report-mnist": classes(ONE, 0.97), "dcgan-mnist": classes(EVEN, 0.15)}
    found = claims.all_claims(made, "06_cdcgan")[:2]
    assert [claim.verdict for claim in found] == [REPRODUCED, NOT_REPRODUCED]
    assert claims.table(found).splitlines() == [
        "| claim | DCGAN with the report's settings | DCGAN with decent settings |",
        "|---|---|---|",
        "| The DCGAN's images, and their neighbours, have one mode. | reproduced | not reproduced |",
    ]


def test_survivors_are_reproduced_under_every_setting() -> None:
    pair = {"dcgan_report-mnist": (5.0, 6.0), "dcgan-mnist": (3.0, 4.0), "cdcgan-mnist": (1.0, 2.0)}
    made = {name: card(name.split("-")[0], frechet_distance=values) for name, values in pair.items()}
    assert claims.survivors(claims.all_claims(made, "06_cdcgan")) == ["The cDCGAN's FID is better."]
    made["dcgan-mnist"] = card(frechet_distance=(0.5, 0.6))
    assert claims.survivors(claims.all_claims(made, "06_cdcgan")) == []


def test_commands_train_every_seed_of_the_card() -> None:
    made = {"dcgan_report-mnist": card(train_seconds=[1.0], training_seeds=[0, 1, 2], recipe="mnist_report")}
    claim = next(c for c in claims.all_claims(made, "06_cdcgan") if "16 times" in c.statement)
    assert claim.command.split("; tfgans evaluate")[0] == (
        "for s in 0 1 2; do tfgans train dcgan --recipe mnist_report --seed $s --run runs/dcgan_report-mnist-s$s; done"
    )


def test_commands_train_the_recipe_of_the_card() -> None:
    for name, made in claims.read_cards().items():
        words = claims._training(name, made).split("tfgans train ")[1].split()
        assert words[:3] == [made.gan, "--recipe", made.recipe], name


def test_commands_that_measure_again_give_what_the_claim_rests_on() -> None:
    """A SavedModel is there, and none of the metrics is one that only a run's checkpoints give."""
    made, of_runs = claims.read_cards(), {
        "nll_bound", "canvas_sharpness", "recognition_accuracy", "quality_correlation",
        "seam_contrast",
    }  # fmt: skip
    used: set[str] = set()

    class Watched(Card):
        def values(self, measure: str, *which: Any, **more: Any) -> list[float]:
            used.add(measure)
            return super().values(measure, *which, **more)

        def parts(self, measure: str, *which: Any, **more: Any) -> list[list[float]]:
            used.add(measure)
            return super().parts(measure, *which, **more)

    watched = {name: Watched(**vars(each)) for name, each in made.items()}
    for chapter, statements in CHAPTERS.items():
        for statement in statements:
            used.clear()
            command = claims.tested(statement, watched, chapter).command
            there = set(statement.needs) <= made.keys()
            assert used or not there or statement.retrain or not statement.chance, statement.text
            for name in statement.needs:
                if f"tfgans evaluate saved_models/{name}" in command and name in made:
                    assert (ROOT / "saved_models" / name / "saved_model.pb").exists(), name
                    assert not used & of_runs, statement.text


def test_a_card_says_what_its_recipe_says_and_where_its_training_departs() -> None:
    recipe = models.recipe("resgan")
    settings = dict(model=recipe.model, optimizers=recipe.optimizers, steps=recipe.steps, decay=recipe.decay)
    made = card("resgan", recipe="mnist", batch_size=32, **settings)
    assert origin.recipe_of(made) == recipe
    assert origin.deviations(made) == [*recipe.deviations, "Here batch_size is 32, not 64."]
    for unknown in (card("my_gan"), card("resgan", recipe="mine")):
        assert origin.recipe_of(unknown) is None and origin.deviations(unknown) == []


def test_departures_of_a_training_from_its_recipe() -> None:
    recipe = models.recipe("resgan")
    own = dict(recipe.model, class_weight=0.0)
    del own["enlarging"]  # came later
    made = dict(model=own, optimizers=recipe.optimizers, steps=recipe.steps, batch_size=32, decay=recipe.decay)
    assert recipe.departures(made) == ["Here batch_size is 32, not 64.", "Here class_weight is 0.0, not 2.0."]
    slow = {**recipe.optimizers, "d_optimizer": {"learning_rate": 1e-5, "beta_1": 0.5}}
    assert recipe.departures({**made, "batch_size": 64, "model": recipe.model, "optimizers": slow}) == [
        "Here d_optimizer.learning_rate is 1e-05, not 0.0002."
    ]


def test_commands_measure_a_restoration_as_its_card_did() -> None:
    weights = " --features squeezenet:weights/squeezenet_v1.1_imagenet.h5"
    protocol = {"degradation": "bicubic:4", "features": "squeezenet1.1 distance"}
    ledger = [  # its own test split is what `evaluate` takes anyway
        ("folder:data/photos", ["set5", "set14"], f" --test folder:data/set5 --test folder:data/set14{weights}"),
        ("folder:data/faces", ["faces"], weights),
    ]
    for dataset, tests, options in ledger:
        made = card("srgan", dataset=dataset, protocol={**protocol, "tests": tests})
        assert claims._protocol(made) == options
    assert claims._protocol(card()) == ""
    points = card("discogan", dataset="domains:gaussians5,gaussians10", protocol={"tests": ["gaussians5,gaussians10"]})
    assert claims._protocol(points) == ""
    digits = card("cyclegan", dataset="domains:mnist", protocol={"tests": ["mnist"], "asked_features": "judge:mnist"})
    assert claims._protocol(digits) == " --features judge:mnist"


def test_the_ledger_is_in_step_with_the_cards() -> None:
    written = (ROOT / "docs" / "CLAIMS.md").read_text(encoding="utf-8")
    assert written == claims.ledger(claims.read_cards()), "write it again with: python -m tfgans.reports"


# --- restorations -----------------------------------------------------------------------------------------------------


def restored(gan: str = "srgan", **values: tuple[float, ...]) -> Card:
    """A card over the test sets a and b: every metric is given as (on a, on b), of one training."""
    metrics = {}
    for name, pair in values.items():
        base, _, end = name.replace("_bicubic", "__bicubic").partition("__")
        end = f"_{end}" if end else ""
        metrics |= {f"{base}_{test}{end}": (value,) for test, value in zip("ab", pair, strict=True)}
    return card(gan, tests=("a", "b"), **metrics)


@pytest.mark.parametrize(
    "shares, expected", [((0.2, 0.5), REPRODUCED), ((0.2, 0.51), PARTLY), ((0.2, 1.0), NOT_REPRODUCED)]
)
def test_lost_detail(shares: tuple[float, float], expected: str) -> None:
    verdict, numbers = criteria_restoration.loses_detail(restored(high_frequency=shares))
    assert verdict == expected
    assert numbers == f"Share of the power 0.20 (a), {shares[1]:.2f} (b) (1 seed)."


@pytest.mark.parametrize(
    "shares, expected",
    [
        ((0.9, 0.7), REPRODUCED),
        ((0.9, 0.6), PARTLY),  # some edges are lost
        ((1.4, 0.7), PARTLY),  # more than there was
        ((0.9, 0.5), NOT_REPRODUCED),  # no more than without, on b
    ],
)
def test_kept_edges(shares: tuple[float, float], expected: str) -> None:
    without = restored(high_frequency=(0.4, 0.5))
    verdict, numbers = criteria_restoration.keeps_edges(without, restored(high_frequency=shares))
    assert verdict == expected
    assert f"{shares[0]:.2f} (a), {shares[1]:.2f} (b); without 0.40 (a), 0.50 (b)" in numbers


@pytest.mark.parametrize(
    "psnr, ssim, distance, expected",
    [
        ((29.0, 26.0), (0.8, 0.7), (0.1, 0.2), REPRODUCED),
        ((29.0, 28.0), (0.8, 0.7), (0.1, 0.2), PARTLY),  # PSNR is not lower on b
        ((29.0, 26.0), (0.8, 0.7), (0.1, 0.4), NOT_REPRODUCED),  # farther away on b
    ],
)
def test_sharper_at_a_price(psnr: Any, ssim: Any, distance: Any, expected: str) -> None:
    srresnet = restored(psnr=(31.0, 27.5), ssim=(0.9, 0.8), squeezenet_distance=(0.3, 0.3))
    srgan = restored(psnr=psnr, ssim=ssim, squeezenet_distance=distance)
    verdict, numbers = criteria_restoration.sharper_at_a_price(srresnet, srgan)
    assert verdict == expected
    assert numbers.startswith(
        f"SRGAN psnr 29.00 (a), {psnr[1]:.2f} (b); SRResNet psnr 31.00 (a), 27.50 (b); SRGAN ssim"
    )
    other = dataclasses.replace(srgan, protocol={**srgan.protocol, "degradation": "pool:4"})
    with pytest.raises(criteria.Untestable, match="degradation"):
        criteria_restoration.sharper_at_a_price(srresnet, other)


@pytest.mark.parametrize(
    "psnr, distance, expected",
    [
        ((27.1, 25.1), (0.1, 0.2), REPRODUCED),
        ((26.9, 25.1), (0.1, 0.2), PARTLY),
        ((29.0, 27.0), (0.1, 0.4), NOT_REPRODUCED),
    ],
)
def test_nearer_than_enlarging(psnr: Any, distance: Any, expected: str) -> None:
    made = restored(
        psnr=psnr,
        psnr_bicubic=(28.0, 26.0),
        squeezenet_distance=distance,
        squeezenet_distance_bicubic=(0.39, 0.39),
    )
    assert criteria_restoration.nearer_than_enlarging(made)[0] == expected


@pytest.mark.parametrize(
    "psnr, expected",
    [((25.0, 22.9), REPRODUCED), ((25.1, 22.9), PARTLY), ((28.0, 25.9), PARTLY), ((28.0, 26.1), NOT_REPRODUCED)],
)
def test_wrong_from_scratch(psnr: Any, expected: str) -> None:
    scratch = restored(psnr=psnr, psnr_bicubic=(28.0, 26.0))
    assert criteria_restoration.wrong_from_scratch(scratch, restored(psnr=(29.0, 26.0)))[0] == expected


@pytest.mark.parametrize(
    "says, expected", [((0.59, 0.41), REPRODUCED), ((0.7, 0.5), PARTLY), ((0.9, 0.5), NOT_REPRODUCED)]
)
def test_undecided(says: tuple[float, float], expected: str) -> None:
    losses = {term: {"final": [p]} for term, p in zip(("d_real", "d_fake"), says, strict=True)}
    assert criteria_restoration.undecided(card("srgan", losses=losses))[0] == expected


@pytest.mark.parametrize(
    "small, large, expected",
    [(0.4, 0.9, REPRODUCED), (0.5, 0.9, PARTLY), (0.4, 0.8, PARTLY), (0.9, 0.9, NOT_REPRODUCED)],
)
def test_small_writing(small: float, large: float, expected: str) -> None:
    shares = {8: small, 12: 0.6, 16: 0.8, 24: large}
    found = {f"letters_read_{h}px": (share,) for h, share in shares.items()}
    made = card("srgan", **found, **{f"{name}_bicubic": (0.1,) for name in found})
    assert criteria_restoration.small_writing_fails(made)[0] == expected


# --- the generation family --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "found, expected", [((0.9, 0.7), REPRODUCED), ((0.9, 0.69), PARTLY), ((0.9, 0.2), NOT_REPRODUCED)]
)
def test_a_loss_tells_quality(found: tuple[float, ...], expected: str) -> None:
    assert criteria.tells_quality(card("wgan", quality_correlation=found))[0] == expected


@pytest.mark.parametrize(
    "found, expected",
    [((0.96, 0.2, 0.95), REPRODUCED), ((0.86, 0.99, 0.5), PARTLY), ((0.8, 0.84, 0.99), NOT_REPRODUCED)],
)
def test_categories_become_digits_in_the_median(found: tuple[float, ...], expected: str) -> None:
    assert criteria.finds_classes(card("infogan", recognition_accuracy=found))[0] == expected


@pytest.mark.parametrize(
    "turns, widens, expected",
    [
        ([0.9, 0.0], [0.1, -0.6], REPRODUCED),
        ([0.9, 0.1], [0.7, 0.2], PARTLY),  # one code does both, the other neither
        ([0.0, 0.1], [0.2, -0.7], PARTLY),
        ([0.4, 0.1], [0.2, -0.4], NOT_REPRODUCED),
    ],
)
def test_what_codes_do(turns: list[float], widens: list[float], expected: str) -> None:
    for name, other in (("code_widens", "code_thickens"), ("code_thickens", "code_widens")):
        made = card("infogan", code_turns=(turns,), **{name: (widens,), other: ([0.0, 0.0],)})
        assert criteria.turns_and_widens(made)[0] == expected


@pytest.mark.parametrize(
    "made, expected", [([0.3, 0.3], REPRODUCED), ([0.5, 0.3], PARTLY), ([0.9, 0.4], NOT_REPRODUCED)]
)
def test_alike_within_a_class(made: list[float], expected: str) -> None:
    found = criteria.as_diverse(card("acgan", ms_ssim_within=(made,), ms_ssim_within_real=([0.2, 0.3],)))
    assert found[0] == expected and "of real images 0.25" in found[1]


@pytest.mark.parametrize(
    "found, expected", [((81.0, 82.0), REPRODUCED), ((81.0, 94.9), PARTLY), ((81.0, 95.1), NOT_REPRODUCED)]
)
def test_digits_explained(found: tuple[float, ...], expected: str) -> None:
    made = card("draw", nll_bound=found, model={"glimpses": 16})
    verdict, numbers = criteria.explains_digits(made)
    assert verdict == expected and numbers.endswith("nats, 16 glimpses (2 seeds).")


def test_attention_is_compared_at_equal_glimpses() -> None:
    without = card("draw", nll_bound=(98.0, 99.0), model={"glimpses": 16})
    for found, expected in (((96.0, 97.0), REPRODUCED), ((96.0, 98.5), PARTLY), ((99.0, 98.5), NOT_REPRODUCED)):
        assert criteria.attention_helps(without, card("draw", nll_bound=found, model={"glimpses": 16}))[0] == expected
    with pytest.raises(criteria.Untestable, match="glimpses"):
        criteria.attention_helps(without, card("draw", nll_bound=(90.0,), model={"glimpses": 64}))


@pytest.mark.parametrize(
    "sharp, expected",
    [
        ([0.5, 0.6, 0.6, 0.7, 0.9], REPRODUCED),
        ([0.5, 0.4, 0.6, 0.7, 0.9], PARTLY),
        ([0.5, 0.6, 0.9, 0.7, 0.8], PARTLY),
        ([0.9, 0.6, 0.6, 0.7, 0.8], NOT_REPRODUCED),
    ],
)
def test_canvases_sharpen(sharp: list[float], expected: str) -> None:
    verdict, numbers = criteria.sharpens(card("draw", canvas_sharpness=(sharp,)))
    assert verdict == expected and f"{sharp[0]:.2f} after a tenth, {sharp[4]:.2f} after half" in numbers


RING = {"modes": 8, "features_sha256": "", "split": "gaussians8 test", "n_real": 9, "n_fake": 9, "sample_seed": 1}


@pytest.mark.parametrize(
    "modes, good, dropped, covered",
    [
        ((8.0, 8.0, 8.0), (0.9, 0.95, 0.99), NOT_REPRODUCED, REPRODUCED),
        ((8.0, 8.0, 8.0), (0.89, 0.95, 0.99), NOT_REPRODUCED, PARTLY),
        ((8.0, 7.0, 8.0), (0.9, 0.95, 0.99), NOT_REPRODUCED, PARTLY),
        ((1.0, 2.0, 8.0), (0.9, 0.95, 0.99), NOT_REPRODUCED, NOT_REPRODUCED),
        ((1.0, 2.0, 7.0), (0.5, 0.95, 0.99), REPRODUCED, NOT_REPRODUCED),
        ((1.0, 2.0, 7.0), (0.49, 0.95, 0.99), PARTLY, NOT_REPRODUCED),  # of samples near no mode
    ],
)
def test_modes_of_a_ring(modes: tuple[float, ...], good: tuple[float, ...], dropped: str, covered: str) -> None:
    found = card("unrolled", modes=modes, high_quality=good, protocol=RING)
    assert criteria.drops_modes(found)[0] == dropped
    verdict, numbers = criteria.covers_modes(found)
    assert verdict == covered and f"of 8 modes, {100 * good[0]:.0f}, 95, 99% of" in numbers


def test_unrolling_keeps_more_modes() -> None:
    ahead = card("unrolled", modes=(8.0, 8.0), high_quality=(0.9, 0.9), protocol=RING)
    for modes, expected in (((1.0, 7.0), REPRODUCED), ((1.0, 8.0), PARTLY), ((8.0, 8.0), NOT_REPRODUCED)):
        plain = card("unrolled", modes=modes, high_quality=(0.9, 0.9), protocol=RING)
        assert criteria.keeps_more_modes(plain, ahead)[0] == expected


@pytest.mark.parametrize(
    "modes, kl, expected",
    [
        ((30, 65, 236, 327), (6.0, 5.0, 4.0, 3.0), REPRODUCED),
        ((30, 65, 236, 327), (6.0, 5.0, 5.5, 3.0), PARTLY),
        ((30, 65, 50, 327), (6.0, 5.0, 4.0, 3.0), PARTLY),
        ((30, 31, 236, 327), (6.0, 5.0, 4.0, 3.0), PARTLY),  # one seed of 0 steps has as many as one of 1 step
        ((30, 65, 236, 29), (6.0, 5.0, 4.0, 3.0), NOT_REPRODUCED),
        ((30, 65, 236, 327), (6.0, 5.0, 4.0, 6.5), NOT_REPRODUCED),
    ],
)
def test_more_modes_with_each_step(modes: tuple[int, ...], kl: tuple[float, ...], expected: str) -> None:
    cards = [
        card("unrolled", modes=(float(m), m + 1.0), kl_to_uniform=(k, k), model={"unroll": unroll})
        for unroll, m, k in zip((0, 1, 5, 10), modes, kl, strict=True)
    ]
    verdict, numbers = criteria.more_with_each(*cards)
    assert verdict == expected and numbers.startswith(f"unrolled 0 times {modes[0]}, {modes[0] + 1} modes, KL 6.00")


def test_another_loss_and_nothing_else() -> None:
    shares = dict(class_histogram=(EVEN,), neighbour_largest_class=(0.1,), neighbour_classes=(10,), decay=0.5)
    one = card("dcgan", frechet_distance=(10.0,), optimizers={"g": 1}, **shares)
    for distance, expected in ((12.0, REPRODUCED), (15.0, PARTLY), (21.0, NOT_REPRODUCED)):
        other = card("lsgan", frechet_distance=(distance,), optimizers={"g": 1}, **shares)
        assert criteria.only_another_loss(one, other)[0] == expected
    with pytest.raises(criteria.Untestable, match="optimizers"):
        criteria.only_another_loss(one, card("lsgan", frechet_distance=(9.0,), optimizers={"g": 2}, **shares))


def test_the_other_reading_of_the_acgan() -> None:
    paper = card("acgan", label_accuracy=(0.99,), frechet_distance=(10.0,))
    for accuracy, distance, expected in ((0.98, 11.0, REPRODUCED), (0.98, 20.0, PARTLY), (0.9, 5.0, NOT_REPRODUCED)):
        other = card("acgan", label_accuracy=(accuracy,), frechet_distance=(distance,))
        assert criteria.obeys_as_well(paper, other)[0] == expected


# --- restorations that a judge reads ----------------------------------------------------------------------------------


def five(own: float, others: tuple[float, ...]) -> list[Card]:
    """Cards whose losses and accuracy are, on average over the training, these."""
    terms = ("d_loss", "g_loss", "accuracy")
    losses = [{term: {"mean": [mean, mean]} for term in terms} for mean in (own, *others)]
    return [card(f"c{i}", training_seeds=[0, 1], losses=each) for i, each in enumerate(losses)]


@pytest.mark.parametrize("own, expected", [(0.95, REPRODUCED), (0.85, PARTLY), (0.75, NOT_REPRODUCED)])
def test_first_of_five(own: float, expected: str) -> None:
    others = (0.9, 0.8, 0.7, 0.6)
    verdict, numbers = criteria_restoration.highest_accuracy(*five(own, others))
    assert verdict == expected and numbers.startswith(f"accuracy: c0 {own:.3f}, {own:.3f}; c1 0.900, 0.900; c2 0.800")
    assert numbers.endswith("(2 seeds each).")


def test_first_of_five_in_every_pair_of_seeds() -> None:
    made = five(0.9, (0.8, 0.7, 0.6, 0.5))
    made[1].losses["accuracy"]["mean"] = [0.6, 0.95]  # below in the mean, above in one training
    assert criteria_restoration.highest_accuracy(*made)[0] == PARTLY
    made[4] = dataclasses.replace(made[4], dataset="cifar10")
    with pytest.raises(criteria.Untestable, match="dataset"):
        criteria_restoration.highest_accuracy(*made)


def test_lowest_loss_is_the_sum_of_both_players() -> None:
    verdict, numbers = criteria_restoration.lowest_loss(*five(0.5, (0.6, 0.7, 0.8, 0.9)))
    assert verdict == REPRODUCED and numbers.startswith("loss: c0 1.000, 1.000; c1 1.200, 1.200")


@pytest.mark.parametrize(
    "read, psnr, expected", [(0.9, 20.0, REPRODUCED), (0.9, 10.0, PARTLY), (0.1, 10.0, NOT_REPRODUCED)]
)
def test_restoring_best_takes_judge_and_psnr(read: float, psnr: float, expected: str) -> None:
    own = card("resgan", judge_accuracy=(read, read), psnr=(psnr, psnr), model={})
    others = [card("other", judge_accuracy=(0.5, 0.4), psnr=(15.0, 14.0), model={}) for _ in range(4)]
    assert criteria_restoration.restores_best(own, *others)[0] == expected


@pytest.mark.parametrize(
    "distance, psnr, expected", [(5.0, 20.0, REPRODUCED), (5.0, 10.0, PARTLY), (9.0, 10.0, NOT_REPRODUCED)]
)
def test_restoring_faces_best_takes_distance_and_psnr(distance: float, psnr: float, expected: str) -> None:
    own = card("resgan", ("faces",), frechet_distance_faces=(distance, distance), psnr_faces=(psnr, psnr))
    other = card("other", ("faces",), frechet_distance_faces=(7.0, 8.0), psnr_faces=(15.0, 14.0))
    assert criteria_restoration.restores_faces_best(own, other, other, other, other)[0] == expected
    own = card("resgan", ("faces",), frechet_distance_faces=(distance,), psnr_faces=(psnr,))  # one training
    worse = PARTLY if expected == REPRODUCED else expected
    assert criteria_restoration.restores_faces_best(own, other, other, other, other)[0] == worse


@pytest.mark.parametrize("read, expected", [(0.92, REPRODUCED), (0.90, PARTLY), (0.87, NOT_REPRODUCED)])
def test_restored_digits_are_read_like_coarse_ones(read: float, expected: str) -> None:
    made = card("resgan", judge_accuracy=(0.95, read), coarse_accuracy=(0.925, 0.925))
    assert criteria_restoration.read_as_well_as_coarse(made)[0] == expected


def test_losses_that_cross() -> None:
    def ends(d: tuple[float, ...], g: tuple[float, ...]) -> Card:
        both = (("d_loss", d), ("g_loss", g))
        return card("resgan", losses={name: {"first": [v[0]], "final": [v[1]]} for name, v in both})

    assert criteria_restoration.losses_cross(ends((0.5, 0.9), (0.7, 0.8)))[0] == REPRODUCED
    assert criteria_restoration.losses_cross(ends((0.5, 0.6), (0.7, 0.8)))[0] == NOT_REPRODUCED


def test_reading_and_detail() -> None:
    low, high = (
        card("resgan", judge_accuracy=(a, a), high_frequency=(a, a), parameters={"g_optimizer": n})
        for a, n in ((0.4, 1_500), (0.6, 3_000))
    )
    verdict, numbers = criteria_restoration.reads_better(low, high)
    assert verdict == REPRODUCED and numbers.endswith("Parameters of the generator: 3,000 and 1,500.")
    assert criteria_restoration.reads_better(high, low)[0] == NOT_REPRODUCED
    assert criteria_restoration.more_detailed(low, high)[0] == REPRODUCED


# --- colours and holes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made, expected", [((8.0, 7.0), REPRODUCED), ((8.0, 6.0), PARTLY), ((9.0, 4.0), NOT_REPRODUCED)]
)
def test_colourfulness_is_a_share_of_the_originals(made: tuple[float, ...], expected: str) -> None:
    assert criteria_restoration.colourful(restored(colourfulness=made, colourfulness__real=(10.0, 10.0)))[0] == expected


def test_one_network_for_both_tasks() -> None:
    networks = dict(part=64, width=32, discriminator_width=32, pooling=False, image_shape=[128, 128, 3])
    common = dict(optimizers={"g_optimizer": {}}, image_shape=[128, 128, 3], parameters={"g": 3, "d": 1_000})
    colorize = card("unet_gan", model=dict(networks, task="colorize", lambda_end=75.0), **common)
    inpaint = card("unet_gan", model=dict(networks, task="inpaint", lambda_end=300.0), **common)
    verdict, numbers = criteria_restoration.one_for_both(colorize, inpaint)
    assert verdict == REPRODUCED
    assert numbers == "Parameters of both players at 128 pixels: colorize 1,003, inpaint 1,003."
    wider = {"model": {**inpaint.settings["model"], "width": 48}}
    slower = {"optimizers": {"g_optimizer": {"learning_rate": 1e-4}}}
    for change in (wider, slower):
        other = dataclasses.replace(inpaint, settings={**inpaint.settings, **change})
        assert criteria_restoration.one_for_both(colorize, other)[0] == NOT_REPRODUCED


def test_what_is_more_colourful_and_what_fills_better() -> None:
    timid, bold, mixed = (restored(colourfulness=made) for made in ((5.0, 5.0), (6.0, 6.0), (6.0, 4.0)))
    assert criteria_restoration.more_colourful(timid, bold)[0] == REPRODUCED
    assert criteria_restoration.more_colourful(timid, mixed)[0] == PARTLY
    assert criteria_restoration.more_colourful(bold, timid)[0] == NOT_REPRODUCED
    for made, expected in (((20.0, 20.0), REPRODUCED), ((20.0, 16.0), PARTLY), ((20.0, 9.0), NOT_REPRODUCED)):
        filled = restored(hole_psnr=made, hole_psnr__mean=(10.0, 10.0), hole_psnr__biharmonic=(17.0, 17.0))
        assert criteria_restoration.fills_better(filled)[0] == expected


@pytest.mark.parametrize(
    "made, expected", [((18.0, 18.5), REPRODUCED), ((18.5, 17.9), PARTLY), ((19.0, 17.0), NOT_REPRODUCED)]
)
def test_what_fills_well_is_a_decibel_better(made: tuple[float, ...], expected: str) -> None:
    verdict, numbers = criteria_restoration.fills_well(restored(hole_psnr=made, hole_psnr__biharmonic=(17.0, 17.0)))
    assert verdict == expected
    assert numbers == f"PSNR {made[0]:.2f} (a), {made[1]:.2f} (b); biharmonic 17.00 (a), 17.00 (b) (1 seed)."


@pytest.mark.parametrize(
    "made, expected", [((4.0, 5.0), REPRODUCED), ((4.0, 2.0), PARTLY), ((2.0, 3.0), NOT_REPRODUCED)]
)
def test_what_is_sharper_in_holes(made: tuple[float, ...], expected: str) -> None:
    def filled(detail: tuple[float, ...]) -> Card:
        rows = [Row(test, "detail", "model", "hole", values=[value]) for test, value in zip("ab", detail, strict=True)]
        return card(
            tests=("a", "b"), measurements=[*rows, *(Row(x, "detail", "real", "hole", values=[9.0]) for x in "ab")]
        )

    verdict, numbers = criteria_restoration.sharper_in_holes(filled((3.0, 3.0)), filled(made))
    assert verdict == expected
    assert numbers.endswith("with L2 alone 3.00 (a), 3.00 (b); of the originals 9.00 (a), 9.00 (b) (1 seed each).")


def test_equally_good_is_near() -> None:
    one = restored(colourfulness=(10.0, 10.0), psnr=(20.0, 20.0))
    for colour, psnr, expected in ((10.5, 20.4, REPRODUCED), (10.5, 20.9, PARTLY), (14.0, 20.0, NOT_REPRODUCED)):
        other = restored(colourfulness=(10.0, colour), psnr=(20.0, psnr))
        assert criteria_restoration.equally_good(one, other)[0] == expected


def test_faster_and_cheaper() -> None:
    def l1(mean: float, final: float) -> Card:
        return card("unet_gan", ("scenes",), losses={"l1": {"mean": [mean], "final": [final]}})

    assert criteria_restoration.further_by_then(l1(0.2, 0.1), l1(0.15, 0.09))[0] == REPRODUCED
    assert criteria_restoration.further_by_then(l1(0.2, 0.1), l1(0.15, 0.11))[0] == PARTLY
    assert criteria_restoration.further_by_then(l1(0.2, 0.1), l1(0.25, 0.11))[0] == NOT_REPRODUCED
    small, large = (card(parameters={"g_optimizer": n}, train_seconds=[float(n)]) for n in (10, 20))
    assert criteria_restoration.cheaper_in_parts(large, small)[0] == REPRODUCED
    assert criteria_restoration.cheaper_in_parts(small, large)[0] == NOT_REPRODUCED
    seams = [card(seam_contrast=(value,)) for value in (1.0, 1.1, 1.02)]
    assert criteria_restoration.incoherent_parts(seams[0], seams[1])[0] == REPRODUCED
    assert criteria_restoration.incoherent_parts(seams[0], seams[2])[0] == PARTLY
    assert criteria_restoration.incoherent_parts(seams[1], seams[0])[0] == NOT_REPRODUCED


# --- tables -----------------------------------------------------------------------------------------------------------


def test_table_1() -> None:
    measures = {
        "judge_accuracy": (0.8, 0.9),
        "psnr": (13.0, 14.0),
        "ssim": (0.5, 0.5),
        "frechet_distance": (12.0, 12.0),
    }
    losses = {"d_loss": {"mean": [0.5, 0.7]}, "g_loss": {"mean": [1.0, 1.2]}, "accuracy": {"mean": [0.9, 0.7]}}
    resgan = card("resgan", ("mnist",), **measures, classes=10, losses=losses)
    seen = dict(psnr_faces=(20.0,), ssim_faces=(0.6,), frechet_distance_faces=(9.0,))
    faces = card("coarse_gan", ("faces",), **seen, classes=0, losses={term: {"mean": [1.0]} for term in losses})
    text = comparisons.table_1({"resgan-mnist": resgan, "coarse_gan_wgan-faces": faces})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert rows[2] == [
        *["mnist", "ResGAN", "1.70 / 80.0 ± 14.1", "1.98 / 93.8", "85.0 ± 7.1", "13.50 ± 0.71", "0.500 ± 0.000"],
        *["12.0 ± 0.0", "2"],
    ]
    assert rows[3] == ["faces", "WGAN", "2.00 / –", "", "", "20.00", "0.600", "9.0", "1"] and len(rows) == 4


def test_every_ablation_has_its_row() -> None:
    short = [key for key in models.recipes("unet_gan") if key.startswith("ablation_")]
    assert [f"ablation_{name}" for name in comparisons.CHANGES] == short
    seen = dict(colourfulness_scenes=(20.0,), colourfulness_scenes_real=(30.0,), psnr_scenes=(24.0,))
    facts = {"losses": {"l1": {"mean": [0.2], "final": [0.1]}}, "parameters": {"g_optimizer": 1234}}
    made = card("unet_gan", ("scenes",), **seen, **facts, train_seconds=[90.0])
    text = comparisons.ablations({"unet_gan_pooling-scenes": made})
    assert text.splitlines()[-1] == (
        "| max-pooling in place of strides | 20.0 | 30.0 | 24.00 |  |  | 0.2000 | 0.1000 |  | 1,234 | 1.5 | 2 |"
    )


@pytest.mark.parametrize("seeds, chance, expected", [(1, True, PARTLY), (2, True, REPRODUCED), (1, False, REPRODUCED)])
def test_one_training_a_side_does_not_reproduce_a_comparison(seeds: int, chance: bool, expected: str) -> None:
    both = {name: card(training_seeds=list(range(n))) for name, n in (("a-mnist", 2), ("b-mnist", seeds))}
    test = lambda *cards: (REPRODUCED, "")  # noqa: E731
    statement = Statement("source", "text", tuple(both), test, chance=chance)
    assert claims.tested(statement, both, "chapter").verdict == expected
    alone = Statement("source", "text", ("b-mnist",), test)
    assert claims.tested(alone, both, "chapter").verdict == REPRODUCED
