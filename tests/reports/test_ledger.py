"""The ledger: statements as data, their verdicts, the commands that check them again, and the document."""

import pytest
import yaml
from reports.old_names import card

from tfgans import models
from tfgans.card import Card
from tfgans.data import catalogue
from tfgans.evaluation.seeds import read_list
from tfgans.files import ROOT
from tfgans.reports import ledger, origin
from tfgans.reports.listing import data_of
from tfgans.reports.relations import FAILS, HOLDS, NOT_TESTED, UNDECIDED, Outcome


def by_name(chapter: str, cards: dict[str, Card]) -> dict[tuple[str, str], ledger.Claim]:
    return {(claim.statement, claim.setting): claim for claim in ledger.all_claims(cards, chapter)}


# -- the data ----------------------------------------------------------------------------------------------------------


def test_the_five_sources_are_complete() -> None:
    """151 statements were counted in the sources; none may get lost."""
    found = {row["id"] for chapter in ledger.chapters() for row in ledger.statements(chapter) if "id" in row}
    ends = {"R": 38, "U": 36, "S": 23, "V": 23, "B": 31}
    assert found == {f"{letter}{number}" for letter, end in ends.items() for number in range(1, end + 1)}


def test_each_statement_has_a_source_and_tests_or_a_reason() -> None:
    sources = yaml.safe_load((ledger.FOLDER / "sources.yaml").read_text(encoding="utf-8"))
    known = {"id", "source", "statement", "about", "reported", "tests", "note", *ledger.REASONS}
    for chapter in ledger.chapters():
        for row in ledger.statements(chapter):
            assert set(row) <= known and row["source"] in sources, row
            assert sum(key in row for key in ("tests", *ledger.REASONS)) == 1, row["statement"]


def test_each_card_that_is_named_is_asked_for() -> None:
    listed = {each.card for each in read_list()}
    for chapter in ledger.chapters():
        for row in ledger.statements(chapter):
            assert set(ledger.needed(row.get("tests", []))) <= listed, row["statement"]


def test_a_statement_for_each_setting() -> None:
    rows = [row for row in ledger.statements("20_unrolled") if "about" in row]
    assert rows == []
    found = [row for row in ledger.statements("19_resgan") if row.get("id") == "R28"]
    assert [row["about"] for row in found] == ["mnist", "cifar10", "cifar100"]
    assert found[1]["tests"][0]["card"] == "resgan-cifar10"
    assert found[1]["tests"][0]["than"][0] == "coarse_gan_gan-cifar10"


# -- verdicts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "verdicts, expected",
    [
        ([HOLDS, HOLDS], HOLDS),
        ([HOLDS, UNDECIDED], UNDECIDED),
        ([NOT_TESTED, HOLDS], NOT_TESTED),
        ([FAILS, NOT_TESTED], FAILS),  # one test that fails is enough
        ([UNDECIDED, FAILS], FAILS),
    ],
)
def test_all_tests_of_a_statement_must_hold(verdicts: list[str], expected: str) -> None:
    assert ledger.verdict_of([Outcome(verdict, "") for verdict in verdicts]) == expected


def test_without_cards_nothing_is_claimed() -> None:
    found = ledger.all_claims({})
    assert {claim.verdict for claim in found} == {NOT_TESTED, ledger.UNTESTABLE, ledger.IMPLEMENTED}
    assert not any(claim.pairs for claim in found)


def test_two_settings_and_what_survives_both() -> None:
    pair = {"dcgan_report-mnist": (5.0, 6.0), "dcgan-mnist": (3.0, 4.0), "cdcgan-mnist": (1.0, 2.0)}
    made = {name: card(name.split("-")[0], frechet_distance=values) for name, values in pair.items()}
    claims = ledger.all_claims(made, "06_cdcgan")
    assert ledger.survivors(claims) == ["The cDCGAN's FID is better than the DCGAN's."]
    first = [claim for claim in claims if "FID is better" in claim.statement]
    assert ledger.verdict_table(first).splitlines() == [
        "| statement | with the report's step sizes | with settings that work |",
        "|---|---|---|",
        "| The cDCGAN's FID is better than the DCGAN's. | holds | holds |",
    ]
    assert [claim.agree for claim in first] == ["4 of 4", "4 of 4"]
    made["dcgan-mnist"] = card(frechet_distance=(0.5, 0.6))
    assert ledger.survivors(ledger.all_claims(made, "06_cdcgan")) == []


def test_a_comparison_lists_the_settings_that_differ() -> None:
    model = {"width": 64, "dropout": 0.0}
    made = {
        "dcgan-mnist": card(frechet_distance=(3.0, 4.0), model=model),
        "cdcgan-mnist": card("cdcgan", frechet_distance=(1.0, 2.0), model={**model, "dropout": 0.1}, decay=0.5),
    }
    claim = by_name("06_cdcgan", made)["The cDCGAN's FID is better than the DCGAN's.", "with settings that work"]
    assert claim.numbers.endswith("<br>Settings that differ: model.dropout, decay.")


# -- commands ----------------------------------------------------------------------------------------------------------


def test_commands_train_every_seed_of_the_card() -> None:
    made = card(training_seeds=[0, 1, 2], recipe="mnist_report")
    assert ledger.train_again("dcgan_report-mnist", made).split("; tfgans evaluate")[0] == (
        "for s in 0 1 2; do tfgans train dcgan --recipe mnist_report --seed $s --run runs/dcgan_report-mnist-s$s; done"
    )


def test_the_data_of_each_card_is_in_the_catalogue() -> None:
    for name, made in ledger.read_cards().items():
        assert set(data_of(made).split(", ")) <= catalogue.entries().keys(), name


def test_commands_measure_where_there_is_a_model() -> None:
    for name, made in ledger.read_cards().items():
        there = (ROOT / "saved_models" / name / "saved_model.pb").is_file()
        assert bool(ledger.measure_again(name, made)) is there
        assert ("--no-model" in ledger.train_again(name, made)) is not there


def test_commands_measure_a_restoration_as_its_card_did() -> None:
    weights = " --features squeezenet:weights/squeezenet_v1.1_imagenet.h5"
    protocol = {"degradation": "bicubic:4", "features": "squeezenet1.1 distance"}
    wanted = [  # its own test split is what `evaluate` takes anyway
        ("folder:data/photos", ["set5", "set14"], f" --test folder:data/set5 --test folder:data/set14{weights}"),
        ("folder:data/faces", ["faces"], weights),
    ]
    for dataset, tests, options in wanted:
        made = card("srgan", dataset=dataset, protocol={**protocol, "tests": tests})
        assert ledger._protocol(made) == options
    assert ledger._protocol(card()) == ""
    points = card("discogan", dataset="domains:gaussians5,gaussians10", protocol={"tests": ["gaussians5,gaussians10"]})
    assert ledger._protocol(points) == ""
    digits = card("cyclegan", dataset="domains:mnist", protocol={"tests": ["mnist"], "asked_features": "judge:mnist"})
    assert ledger._protocol(digits) == " --features judge:mnist"


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


# -- the document ------------------------------------------------------------------------------------------------------


def test_the_document_is_in_step_with_the_cards() -> None:
    written = (ROOT / "docs" / "CLAIMS.md").read_text(encoding="utf-8")
    assert written == ledger.ledger(ledger.read_cards()), "write it again with: python -m tfgans.reports"


def test_the_document_counts_what_it_lists() -> None:
    claims = ledger.all_claims(ledger.read_cards())
    text = ledger.ledger(ledger.read_cards())
    assert f"{len(claims)} statements: " in text
    for verdict in ledger.VERDICTS:
        count = sum(claim.verdict == verdict for claim in claims)
        assert f"{count} {verdict}" in text and text.count(f" | {verdict} | ") == count
