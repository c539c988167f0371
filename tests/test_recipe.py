"""Overrides and settings: what is accepted, converted and refused."""

import pytest
import yaml

from tfgans.errors import UserError
from tfgans.files import plain
from tfgans.recipe import Recipe, parse_settings

RECIPE = Recipe(
    dataset="mnist",
    model=dict(image_shape=(28, 28, 1), width=64, dropout=0.3, n_layers=0, bias=True, pretrain_steps=9),
    optimizers=dict(g_optimizer=dict(learning_rate=2e-4), d_optimizer=dict(learning_rate=1e-4, beta_1=0.5)),
    batch_size=64,
    steps=100,
    paper="none",
)


def test_override_reaches_every_kind_of_setting() -> None:
    made = RECIPE.override(
        parse_settings(
            [
                "steps=7",
                "width=8",
                "image_shape=[32, 32, 3]",
                "d_optimizer.learning_rate=1e-5",
                "dropout=0",
                "bias=false",
                "pretrain_steps=0",
                "dataset=cifar10",
            ]
        )
    )
    assert (made.steps, made.batch_size, made.dataset) == (7, 64, "cifar10")
    assert made.model == dict(image_shape=(32, 32, 3), width=8, dropout=0.0, n_layers=0, bias=False, pretrain_steps=0)
    assert isinstance(made.model["dropout"], float)
    assert made.optimizers["d_optimizer"] == dict(learning_rate=1e-5, beta_1=0.5)
    assert made.optimizers["g_optimizer"] == dict(learning_rate=2e-4)


def test_override_leaves_the_original() -> None:
    RECIPE.override({"width": 8, "d_optimizer.beta_1": 0.9, "steps": 1})
    assert RECIPE.model["width"] == 64 and RECIPE.optimizers["d_optimizer"]["beta_1"] == 0.5 and RECIPE.steps == 100


@pytest.mark.parametrize(
    "setting, says",
    [
        ("widht=8", "did you mean 'width'"),
        ("paper=x", "no setting 'paper'"),
        ("learning_rate=1", "g_optimizer.learning_rate"),
        ("width=wide", "'width' takes a value like 64, not 'wide'"),
        ("width=8.5", "not 8.5"),
        ("width=true", "not True"),
        ("width=", "not None"),
        ("width=0", "'width' must be at least 1, not 0"),
        ("batch_size=-1", "'batch_size' must be at least 1"),
        ("steps=0", "'steps' must be at least 1"),
        ("pretrain_steps=-1", "'pretrain_steps' must be at least 0"),
        ("dropout=much", "not 'much'"),
        ("bias=1", "not 1"),
        ("image_shape=[28, 28]", "not [28, 28]"),
        ("image_shape=[28, 28, gray]", "not 'gray'"),
        ("image_shape=[28, -28, 1]", "at least 1"),
        ("image_shape=28", "not 28"),
        ("dataset=5", "not 5"),
    ],
)
def test_override_refuses(setting: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        RECIPE.override(parse_settings([setting]))
    assert says in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("setting", ["width", "width: 8", "width=[1", "width={"])
def test_settings_that_cannot_be_read(setting: str) -> None:
    with pytest.raises(UserError, match="key=value|cannot be read"):
        parse_settings([setting])


def test_zero_stays_possible_where_the_recipe_has_it() -> None:
    assert RECIPE.override({"n_layers": 0}).model["n_layers"] == 0


def test_a_recipe_survives_yaml() -> None:
    fields = {name: plain(getattr(RECIPE, name)) for name in ("model", "optimizers")}
    again = RECIPE.override(yaml.safe_load(yaml.safe_dump(fields))["model"])
    assert again == RECIPE
