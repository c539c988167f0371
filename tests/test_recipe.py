"""Recipes: how they are read, checked and changed; those of the registry, of a file of one's own, and of the cards."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tfgans import models
from tfgans.card import read_card
from tfgans.errors import UserError
from tfgans.evaluation.seeds import read_list
from tfgans.files import ROOT, plain, write_yaml
from tfgans.recipe import Recipe, load, parse_settings, read_recipes
from tfgans.run import Run

RECIPE = Recipe(
    dataset="mnist",
    model=dict(image_shape=(28, 28, 1), width=64, dropout=0.3, n_layers=0, bias=True, pretrain_steps=9),
    optimizers=dict(g_optimizer=dict(learning_rate=2e-4), d_optimizer=dict(learning_rate=1e-4, beta_1=0.5)),
    batch_size=64,
    steps=100,
)
CARDS = {each.card: each.recipe for each in read_list() if (each.folder / "card.json").exists()}
EVERY = [(gan, key) for gan in models.MODELS for key in models.recipes(gan)]


# -- settings ----------------------------------------------------------------------------------------------------------


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
        ("decay=2", "from 0 to 1, not 2"),
        ("g_optimizer.learning_rate=0", "'g_optimizer.learning_rate' must be above 0"),
        ("pretrain_steps=-1", "'pretrain_steps' must be at least 0"),
        ("dropout=much", "not 'much'"),
        ("bias=1", "not 1"),
        ("bias=off", "not 'off'"),
        ("image_shape=[28, 28]", "not [28, 28]"),
        ("image_shape=[28, 28, gray]", "not 'gray'"),
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


# -- reading -----------------------------------------------------------------------------------------------------------


def test_numbers_are_read_as_people_write_them() -> None:
    numbers = load("[2e-4, 1E5, 1e+3, .5, 1., -3, 19_000, 4_081.5, 0, +7, .inf]")
    expected = [2e-4, 1e5, 1e3, 0.5, 1.0, -3, 19_000, 4081.5, 0, 7, float("inf")]
    assert numbers == expected and list(map(type, numbers)) == list(map(type, expected))
    texts = "off on yes no n 1:30 2020-01-01 bicubic:4 none 12e . 007 1_e".split()
    assert load(f"[{', '.join(texts)}]") == texts
    assert load("[true, False, ~, null, '2e-4']") == [True, False, None, None, "2e-4"]


def test_a_recipe_survives_yaml() -> None:
    fields = {name: plain(getattr(RECIPE, name)) for name in ("dataset", "model", "optimizers", "batch_size", "steps")}
    assert Recipe.from_dict(load(yaml.safe_dump(fields))) == RECIPE


BASE = {"dataset": "mnist", "model": {}, "optimizers": {}, "batch_size": 4, "steps": 8}


def test_from_dict_makes_tuples_and_flat_texts() -> None:
    made = Recipe.from_dict(
        {
            **BASE,
            "model": {"image_shape": [1, 1, 2]},
            "shapes": {"a": [64, 64, 3]},
            "load_shape": 286,
            "sets": {"source": ["label", "instance"], "target": "image"},
            "reported": [{"measure": "psnr", "test": "set5", "value": 29.4}, {"measure": "modes", "value": 1}],
            "deviations": ["one", ["two", ["three"]]],
        }
    )
    assert made.model == {"image_shape": (1, 1, 2)} and made.deviations == ("one", "two", "three")
    assert made.shapes == {"a": (64, 64, 3)} and made.load_shape == 286
    assert made.sets == {"source": ("label", "instance"), "target": "image"}
    assert made.reported_value("psnr", "set5") == 29.4 and made.reported_value("modes") == 1
    assert made.reported_value("psnr") is None and made.reported_value("psnr", "set5") == 29.4
    assert made.reported_value("modes") == 1


@pytest.mark.parametrize(
    "fields, says",
    [
        ({"stps": 3}, "no key 'stps'; did you mean 'steps'?"),
        ({"steps": 0}, "'steps' must be at least 1, not 0"),
        ({"steps": 1.5}, "'steps' takes a whole number, not 1.5"),
        ({"batch_size": True}, "'batch_size' takes a whole number, not True"),
        ({"decay": 1.5}, "from 0 to 1, not 1.5"),
        ({"crop": "off"}, "'crop' takes true or false, not 'off'"),
        ({"model": [3]}, "'model' takes a mapping, not (3,)"),
        ({"optimizers": {"g_optimizer": 1e-4}}, "'optimizers.g_optimizer' takes a mapping, not 0.0001"),
        ({"optimizers": {"g_optimizer": {"learning_rate": "fast"}}}, "must be above 0, not fast"),
        ({"precision": "bfloat16"}, "'precision' must be float32, mixed_bfloat16, mixed_float16, not 'bfloat16'"),
        ({"pairing": "random"}, "'pairing' must be aligned, shuffled, halves, not 'random'"),
        ({"reported": [{"measure": "psnr"}]}, "a measure and a value"),
        ({"reported": [{"metric": "psnr", "value": 1}]}, "no key of 'reported' 'metric'"),
        ({"deviations": [3]}, "must be texts, not 3"),
        ({"dataset": None}, "'dataset' takes a text, not None"),
    ],
)
def test_from_dict_refuses(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as error:
        Recipe.from_dict({**BASE, **fields})
    assert says in str(error.value) and "\n" not in str(error.value)


def test_from_dict_misses_what_has_no_default() -> None:
    with pytest.raises(UserError, match="'batch_size' is missing"):
        Recipe.from_dict({name: value for name, value in BASE.items() if name != "batch_size"})


@pytest.mark.parametrize(
    "text, says", [("a: [", "cannot be read"), ("", "contains no recipe"), ("a: 3", "recipe 'a': ")]
)
def test_files_that_hold_no_recipe(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "gan.yaml").write_text(text)
    with pytest.raises(UserError, match=says) as error:
        read_recipes(tmp_path / "gan.yaml")
    assert "\n" not in str(error.value)


# -- signatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, says",
    [
        ({"model": {"widht": 3}}, "no argument of DCGAN 'widht'; did you mean 'width'?"),
        ({"model": {"width": 3.5}}, "'width' takes a whole number, not 3.5"),
        ({"model": {"dropout": "much"}}, "'dropout' takes a number, not 'much'"),
        ({"model": {"image_shape": (28, 28)}}, "'image_shape' takes a value like tuple[int, int, int], not (28, 28)"),
        ({"model": {"seed": 3}}, "no argument of DCGAN 'seed'"),
        ({"optimizers": {"e_optimizer": {}}}, "no player of DCGAN 'e_optimizer'; did you mean"),
        ({"optimizers": {"g_optimizer": {"name": "adma"}}}, "'g_optimizer.name': Keras has no optimizer 'adma'"),
        (
            {"optimizers": {"g_optimizer": {"beta1": 0.5}}},
            "no argument of Keras's Adam 'beta1'; did you mean 'beta_1'?",
        ),
        ({"optimizers": {"g_optimizer": {"beta_1": "low"}}}, "'g_optimizer.beta_1' takes a number, not 'low'"),
    ],
)
def test_names_and_types_are_those_of_the_signatures(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as error:
        Recipe.from_dict({**BASE, **change}, models.model_class("dcgan"))
    assert says in str(error.value) and "\n" not in str(error.value)


def test_whole_numbers_become_floats_where_the_signature_has_floats() -> None:
    made = Recipe.from_dict({**BASE, "model": {"dropout": 0, "width": 3}}, models.model_class("dcgan")).model
    assert made == {"dropout": 0.0, "width": 3} and isinstance(made["dropout"], float)


@pytest.mark.parametrize("gan", models.MODELS)
def test_every_recipe_fits_its_model(gan: str) -> None:
    for key, recipe in {**models.recipes(gan), "tiny": models.tiny(gan)}.items():
        checked = recipe.checked(models.model_class(gan))
        assert checked == recipe, key
        numbers = [*recipe.model.values(), *(v for each in recipe.optimizers.values() for v in each.values())]
        made = [*checked.model.values(), *(v for each in checked.optimizers.values() for v in each.values())]
        assert list(map(type, numbers)) == list(map(type, made)), f"{key}: write floats as floats"
        assert recipe.paper and recipe.deviations, key


@pytest.mark.parametrize("gan, key", EVERY)
def test_tiny_recipes_keep_what_sets_a_recipe_apart(gan: str, key: str) -> None:
    recipe, tiny, usual = models.recipe(gan, key), models.tiny(gan, key), models.recipe(gan)
    assert tiny.batch_size <= 4 and tiny.steps <= 8 and tiny.model.keys() == recipe.model.keys()
    changed = {name for name, value in models.tiny(gan).model.items() if value != usual.model[name]}
    for name, value in recipe.model.items():
        if name not in changed and name != "start":  # a model that tests do not have
            assert tiny.model[name] == value, name
        elif isinstance(value, (int, float)):
            assert tiny.model[name] <= value, name
    assert tiny.optimizers == recipe.optimizers


def test_listing_models_and_recipes_loads_no_tensorflow() -> None:
    code = "import sys; from tfgans.reports.listing import lines; list(lines()); print(*sys.modules)"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"tensorflow", "keras", "tfgans.models.gan"} & set(made.stdout.split())


# -- cards -------------------------------------------------------------------------------------------------------------

DEPARTED = {  # trainings that are not those of their recipes
    # the second stage alone, from the exported first one
    "srgan-photos": {"steps", "decay", "pretrain_steps", "start"},
    "srresnet-photos": {"pixel_weight"},  # which nothing uses before the second stage
}


@pytest.mark.parametrize("name, key", CARDS.items())
def test_a_card_was_trained_with_its_recipe(name: str, key: str) -> None:
    card: Any = read_card(ROOT / "saved_models" / name)
    assert card.recipe == key
    recipe = models.recipe(card.gan, key)
    departures = recipe.departures(card.settings)
    print("\n".join(departures))
    assert {sentence.split()[1] for sentence in departures} == DEPARTED.get(name, set())
    here = {recipe.precision} | ({"float32"} if recipe.precision == "mixed_bfloat16" else set())  # by the processor
    assert set(card.precision.split(", ")) <= here and card.dataset == recipe.dataset
    assert set(card.settings["model"]) <= set(recipe.model)


# -- a GAN of one's own ------------------------------------------------------------------------------------------------

OWN = """
from tfgans.models.gan import GAN

class Mine(GAN):
    def __init__(self, image_shape: tuple[int, int, int] = (8, 8, 1), level: float = 1.0, seed: int = 0, **kwargs):
        super().__init__(image_shape, 4, 8, 8, seed=seed, **kwargs)
        self.level = level
"""
RECIPES = """
first: &first
  dataset: folder:{pictures}
  batch_size: 4
  steps: 4
  model: {{image_shape: [8, 8, 1], level: 1}}
  optimizers:
    g_optimizer: &adam {{learning_rate: 1e-3}}
    d_optimizer: *adam
bright:
  <<: *first
  model: {{image_shape: [8, 8, 1], level: 2}}
tiny: {{<<: *first, steps: 2}}
"""


@pytest.fixture
def own(tmp_path: Path, pictures: Path) -> Path:
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "mine.yaml").write_text(RECIPES.format(pictures=pictures))
    return tmp_path / "mine.py"


def test_a_gan_may_be_a_file(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own.parent)
    made = models.model_class("mine.py")
    assert made.__name__ == "Mine" and models.model_class(str(own)) is made
    assert list(models.recipes("mine.py")) == ["first", "bright"] and models.tiny(str(own)).steps == 2
    assert models.recipe("mine.py", "bright").model["level"] == 2 and models.label(str(own)) == "mine"


def test_a_run_of_a_file_goes_on_from_elsewhere(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tfgans.inference.export import export_run
    from tfgans.training.train import resume, train

    monkeypatch.chdir(own.parent)
    run = train("mine.py", seed=3, precision="float32", jit="off", every=2)
    assert run is not None and run.path == Path("runs/mine-first-s3") and run.config["gan"] == str(own)
    assert run.config["recipe"]["model"]["level"] == 1.0
    path = run.path.resolve()
    run.update_config(recipe={**run.config["recipe"], "steps": 6})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for name in [name for name in sys.modules if name.startswith("mine_")]:
        monkeypatch.delitem(sys.modules, name)  # as in another process
    assert resume(path).latest() == 6 and type(Run(path).load(6)).__name__ == "Mine"
    assert export_run(path).name.startswith("mine-")


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda own: own.unlink(), "there is no file"),
        (lambda own: own.with_suffix(".yaml").unlink(), "there is no file"),
        (lambda own: own.write_text("from tfgans.models.gan import GAN"), "it defines none"),
        (lambda own: own.write_text(OWN + "class Other(Mine):\n    pass\n"), "it defines several: Mine, Other"),
        (lambda own: own.write_text("class Mine("), "cannot be imported"),
        (lambda own: own.write_text("import nowhere_to_be_found"), "cannot be imported: No module"),
        (lambda own: own.with_suffix(".yaml").write_text("first: {stps: 4}"), "mine.yaml, recipe 'first': there is no"),
        (lambda own: own.with_suffix(".yaml").write_text("tiny: {}"), "'dataset' is missing"),
        (lambda own: _edit(own, "level: 1}", "lvel: 1}"), "recipe 'first': there is no argument of Mine 'lvel'; did"),
        (lambda own: _edit(own, "level: 1}", "level: high}"), "'level' takes a number, not 'high'"),
        (lambda own: _edit(own, "g_optimizer:", "e_optimizer:"), "no player of Mine 'e_optimizer'; did you mean"),
        (
            lambda own: _edit(own, "    d_optimizer: *adam", ""),
            "mine cannot be built with these settings: Mine takes the",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(own: Path, tmp_path: Path, change: Any, says: str) -> None:
    from tfgans.training.train import train

    change(own)
    with pytest.raises(UserError) as error:
        train(str(own), run_dir=tmp_path / "run", precision="float32", jit="off")
    assert says in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def _edit(own: Path, old: str, new: str) -> None:
    path = own.with_suffix(".yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# -- the package -------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_every_recipe_and_data_file(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: pip builds in the folder itself
    shutil.copytree(ROOT / "tfgans", source / "tfgans", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", tmp_path]
    subprocess.run([sys.executable, "-m", "pip", "wheel", source, *options], check=True, timeout=300)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    for path in ("py.typed", "data/catalogue.yaml", "inference/models.json"):
        assert (tmp_path / "site/tfgans" / path).is_file(), path
    code = "from tfgans import models; print(models.__file__, *(k for g in models.MODELS for k in models.recipes(g)))"
    made = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path / "site"
    ).stdout.split()
    assert Path(made[0]).is_relative_to(tmp_path / "site") and made[1:] == [key for _, key in EVERY]


def test_what_is_written_is_read_as_the_same_type(tmp_path: Path) -> None:
    value = {"commit": "53e5597", "plus": "1e+5", "rate": 2e-5, "steps": 100, "off": "off", "none": None}
    write_yaml(tmp_path / "config.yaml", value)
    assert load((tmp_path / "config.yaml").read_text()) == value
