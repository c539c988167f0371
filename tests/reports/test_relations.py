"""Tests as data: what a value reads, when a relation holds, and what is not compared."""

from typing import Any

import pytest
from reports.old_names import card

from tfgans.card import Card, Row
from tfgans.reports import relations
from tfgans.reports.relations import FAILS, HOLDS, NOT_TESTED, UNDECIDED, Value, outcomes


def one(test: dict[str, Any], **cards: Card) -> relations.Outcome:
    (found,) = outcomes(test, cards)
    return found


def rows(*values: tuple[str, str, str | None, tuple[float, ...]], **fields: Any) -> Card:
    """A card of rows: measure, of, where, values."""
    own = [Row("x", name, of, where, None, list(each)) for name, of, where, each in values]
    return card(**{"measurements": own, "training_seeds": list(range(max(len(row.values) for row in own))), **fields})


# -- relations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "high, low, verdict, true, pairs",
    [
        ((3.0, 4.0), (1.0, 2.0), HOLDS, 4, 4),
        ((3.0, 1.5), (1.0, 2.0), UNDECIDED, 3, 4),  # one pair disagrees
        ((3.0,), (1.0,), UNDECIDED, 1, 1),  # one training a side
        ((3.0,), (1.0, 2.0), UNDECIDED, 2, 2),
        ((1.0, 2.0), (3.0, 4.0), FAILS, 0, 4),
        ((1.0,), (3.0, 4.0), UNDECIDED, 0, 2),
    ],
)
def test_every_pair_of_two_cards(
    high: tuple[float, ...], low: tuple[float, ...], verdict: str, true: int, pairs: int
) -> None:
    made = {"a": card(psnr=high), "b": card(psnr=low)}
    found = one({"card": "a", "measure": "psnr", "relation": "higher", "than": "b"}, **made)
    assert (found.verdict, found.true, found.pairs) == (verdict, true, pairs)
    found = one({"card": "b", "measure": "psnr", "relation": "lower", "than": "a"}, **made)
    assert (found.verdict, found.true, found.pairs) == (verdict, true, pairs)


@pytest.mark.parametrize(
    "values, verdict", [((0.95, 0.97), HOLDS), ((0.95, 0.9), UNDECIDED), ((0.9, 0.8), FAILS), ((0.97,), UNDECIDED)]
)
def test_a_number_to_reach(values: tuple[float, ...], verdict: str) -> None:
    test = {"card": "a", "measure": "label_accuracy", "relation": "at least", "than": 0.95}
    assert one(test, a=card(label_accuracy=values)).verdict == verdict


def test_another_value_of_the_same_card_is_compared_seed_by_seed() -> None:
    """5 beside 4 and 2 beside 1, although 2 is lower than 4."""
    made = rows(("psnr", "model", None, (5.0, 2.0)), ("psnr", "bicubic", None, (4.0, 1.0)))
    found = one({"card": "a", "measure": "psnr", "relation": "higher", "than": {"of": "bicubic"}}, a=made)
    assert (found.verdict, found.true, found.pairs) == (HOLDS, 2, 2)
    assert found.numbers == "PSNR (dB): 5, 2 (a) > 4, 1 (bicubic)"


@pytest.mark.parametrize(
    "times, plus, verdict", [(1.0, 0.0, HOLDS), (0.5, 0.0, FAILS), (1.0, -3.0, FAILS), (0.5, 1.0, HOLDS)]
)
def test_times_and_plus_change_the_right_side(times: float, plus: float, verdict: str) -> None:
    test = {"card": "a", "measure": "psnr", "relation": "lower", "than": "b", "times": times, "plus": plus}
    assert one(test, a=card(psnr=(2.0, 2.1)), b=card(psnr=(4.0, 4.0))).verdict == verdict


def test_a_list_asks_for_each_and_each_test_set_counts() -> None:
    test = {"card": "a", "measure": "psnr", "relation": "higher", "than": ["b", "c"]}
    made = {"a": card(psnr=(3.0, 3.0)), "b": card(psnr=(2.0, 2.0)), "c": card(psnr=(4.0, 4.0))}
    assert [each.verdict for each in outcomes(test, made)] == [HOLDS, FAILS]
    both = card("srgan", ("set5", "set14"), psnr_set5=(30.0, 31.0), psnr_set14=(20.0, 21.0))
    test = {"card": "a", "measure": "psnr", "test": "each", "relation": "at least", "than": 25}
    assert [each.verdict for each in outcomes(test, {"a": both})] == [HOLDS, FAILS]


@pytest.mark.parametrize(
    "of, verdict", [((1.0, 2.2, 3.4), HOLDS), ((1.0, 1.7, 2.4), UNDECIDED), ((1.0, 1.1, 1.2), FAILS)]
)
def test_a_deviation_is_clearly_lower_where_it_is_half(of: tuple[float, ...], verdict: str) -> None:
    """0.5 beside 1.2, 0.7 and 0.1."""
    test = {"card": "a", "measure": "psnr", "seeds": "deviation", "relation": "lower", "than": "b"}
    assert one(test, a=card(psnr=(2.0, 2.5, 3.0)), b=card(psnr=of)).verdict == verdict


def test_a_deviation_takes_three_seeds() -> None:
    test = {"card": "a", "measure": "psnr", "seeds": "deviation", "relation": "lower", "than": "b"}
    found = one(test, a=card(psnr=(2.0, 2.5)), b=card(psnr=(1.0, 2.0, 3.0)))
    assert found.verdict == NOT_TESTED and "2 training seeds decides nothing" in found.numbers


def test_chance_does_not_decide_a_setting() -> None:
    test = {"card": "a", "setting": "model.width", "relation": "equal", "than": "b"}
    assert one(test, a=card(model={"width": 4}), b=card(model={"width": 4})).verdict == HOLDS
    assert one(test, a=card(model={"width": 4}), b=card(model={"width": 8})).verdict == FAILS


# -- values ------------------------------------------------------------------------------------------------------------


CASES: list[tuple[dict[str, Any], list[float]]] = [
    ({"measure": "psnr"}, [5.0, 2.0]),
    ({"measure": "psnr", "of": "bicubic"}, [4.0, 4.0]),  # one number, whatever the seed
    ({"measure": "psnr", "where": "hole"}, [1.0, 3.0]),
    ({"measure": "psnr", "over": {"of": "bicubic"}}, [1.25, 0.5]),
    ({"measure": "psnr", "minus": {"of": "bicubic"}}, [1.0, -2.0]),
    ({"measure": "psnr", "apart": {"of": "bicubic"}}, [1.0, 2.0]),
    ({"measure": "psnr", "seeds": "mean"}, [3.5]),
    ({"measure": "code_turns", "part": "code", "take": "largest"}, [0.5, 0.4]),
    ({"measure": "code_turns", "part": "code", "take": "strongest"}, [0.9, 0.4]),
    ({"measure": "code_turns", "part": "code", "take": "last"}, [-0.9, 0.4]),
    ({"loss": "d_loss final"}, [0.1, 0.2]),
    ({"loss": "d_loss+g_loss final"}, [1.1, 2.2]),
    ({"setting": "steps"}, [600.0, 600.0]),
    ({"parameters": "g_optimizer"}, [7.0, 7.0]),
    ({"parameters": "all"}, [10.0, 10.0]),
    ({"seconds": "training"}, [30.0, 60.0]),
    ({"seconds": "epoch"}, [30.0, 60.0]),  # 600 steps of 100 images are one pass
]


@pytest.mark.parametrize("spec, expected", CASES)
def test_values(spec: dict[str, Any], expected: list[float]) -> None:
    made = rows(
        ("psnr", "model", None, (5.0, 2.0)),
        ("psnr", "bicubic", None, (4.0,)),
        ("psnr", "model", "hole", (1.0, 3.0)),
        ("code_turns", "model", "code 0", (0.5, 0.1)),
        ("code_turns", "model", "code 1", (-0.9, 0.4)),
        losses={"d_loss": {"final": [0.1, 0.2]}, "g_loss": {"final": [1.0, 2.0]}},
        parameters={"g_optimizer": 7, "d_optimizer": 3},
        train_seconds=[30.0, 60.0],
        steps=600,
        batch_size=100,
    )
    assert Value("a", **spec).read({"a": made}) == pytest.approx(expected)
    assert Value("a", **spec).name()


@pytest.mark.parametrize(
    "spec, reason",
    [
        ({"card": "b", "measure": "psnr"}, "no card of b yet"),
        ({"card": "a", "measure": "ssim"}, "the card a has no ssim"),
    ],
)
def test_what_is_not_there_is_not_tested(spec: dict[str, Any], reason: str) -> None:
    found = one({**spec, "relation": "higher", "than": 1}, a=card(psnr=(1.0,)))
    assert found.verdict == NOT_TESTED and found.numbers.endswith(reason) and found.pairs == 0


# -- what can be compared ----------------------------------------------------------------------------------------------


def test_cards_of_different_protocols_are_not_compared() -> None:
    other = card(psnr=(1.0, 2.0))
    other.protocol["n_real"] = 99
    test = {"card": "a", "measure": "psnr", "relation": "higher", "than": "b"}
    found = one(test, a=card(psnr=(2.0, 3.0)), b=other)
    assert found.verdict == NOT_TESTED and "a and b differ in their n_real" in found.numbers
    assert one({**test, "alike": []}, a=card(psnr=(2.0, 3.0)), b=other).verdict == UNDECIDED


def test_equal_settings_are_asked_for_by_name() -> None:
    test = {"card": "a", "measure": "psnr", "relation": "higher", "than": "b", "equal": ["steps"]}
    made = {"a": card(psnr=(2.0, 3.0), steps=10), "b": card(psnr=(1.0, 1.0), steps=20)}
    assert "differ in their steps" in one(test, **made).numbers
    assert one({**test, "equal": ["batch_size"]}, **made).verdict == HOLDS


def test_settings_that_differ() -> None:
    optimizers = {"g_optimizer": {"learning_rate": 1e-4}}
    first = card(model={"width": 4}, optimizers=optimizers, steps=10)
    second = card(model={"width": 8, "dropout": 0.1}, optimizers=optimizers, steps=10, precision="mixed_bfloat16")
    assert relations.departures(first, second) == ["model.width", "precision", "model.dropout"]
    assert relations.departures(first, first) == []


def test_numbers_as_text() -> None:
    assert relations.listed([0.12345, 26.0, 1234.5]) == "0.123, 26, 1,234"
