"""An exported model: TensorFlow alone loads it, it holds each weight once, and nothing else is replaced by it."""

import json
import subprocess
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare
from PIL import Image
from reports.old_names import card
from tiny import tiny, tiny_model

import tfgans
from tfgans import card as cards
from tfgans import endpoint, models
from tfgans.adversarial import Adversarial
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.features.judges import load_judge
from tfgans.files import ROOT
from tfgans.inference.export import export
from tfgans.inference.exported import Exported, find
from tfgans.inference.generate import generate
from tfgans.inference.labels import parse_labels
from tfgans.models.warm_start import take_weights

ALONE = """
import sys
sys.modules["tfgans"] = sys.modules["keras"] = None  # importing either fails
import numpy as np, tensorflow as tf
made, plain, labelled, judge = sys.argv[1], *(tf.saved_model.load(path) for path in sys.argv[2:])
np.savez(
    made,
    plain=plain.sample(6, 3),
    again=plain.sample(n=tf.constant(6), seed=tf.constant(3)),
    other=plain.sample(6, 4),
    labelled=labelled.sample([0, 1, 2, 2], 3),
    signature=plain.signatures["sample"](n=tf.constant(6), seed=tf.constant(3))["output_0"],
    logits=judge.logits(plain.sample(6, 3)),
)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An unconditional and a conditional model."""
    folder = tmp_path_factory.mktemp("exported")
    return export(tiny_model("dcgan", "mnist"), folder / "plain"), export(tiny_model("cgan", "mnist"), folder / "cgan")


def test_tensorflow_alone_draws_the_same_images(exported: tuple[Path, Path], tmp_path: Path) -> None:
    made = tmp_path / "made.npz"
    judge = load_judge("mnist")
    command = [sys.executable, "-c", ALONE, made, *exported, judge.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(made) as drawn:
        assert drawn["plain"].shape == (6, 28, 28, 1) and drawn["plain"].dtype == np.float32
        assert np.array_equal(drawn["plain"], drawn["again"])
        assert np.array_equal(drawn["plain"], drawn["signature"])
        assert not np.array_equal(drawn["plain"], drawn["other"])
        assert drawn["labelled"].shape == (4, 28, 28, 1) and drawn["logits"].shape == (6, 10)
        np.testing.assert_allclose(judge.logits(drawn["plain"]), drawn["logits"], rtol=1e-4, atol=1e-5)
        # to the last bit where graphs are optimized as they are there (see adversarial.py)
        ours = tf.config.optimizer.get_experimental_options()
        tf.config.optimizer.set_experimental_options({"dependency_optimization": True, "remapping": True})
        try:
            here = [tf.saved_model.load(str(path)) for path in exported]
            assert np.array_equal(drawn["plain"], here[0].sample(6, 3).numpy())
            assert np.array_equal(drawn["labelled"], here[1].sample([0, 1, 2, 2], 3).numpy())
        finally:
            tf.config.optimizer.set_experimental_options(ours)


def test_each_weight_is_stored_once(exported: tuple[Path, Path]) -> None:
    for path, name in zip(exported, ("dcgan", "cgan"), strict=True):
        own = tiny_model(name, "mnist").generator.weights
        needed = sum(int(np.prod(v.shape)) * (2 if len(v.shape) > 1 else 4) for v in own)
        stored = sum(file.stat().st_size for file in (path / "variables").iterdir())
        assert needed <= stored < needed + 8_000
        weights = tf.saved_model.load(str(path)).weights
        assert sorted(v.name.split(":")[0] for v in weights) == sorted(v.path for v in own)
        for v in weights:
            assert v.dtype == (tf.float16 if v.shape.rank > 1 else tf.float32), v.name


def test_exported_samples_in_blocks(exported: tuple[Path, Path]) -> None:
    plain, labelled = Exported(exported[0]), Exported(exported[1])
    assert (plain.conditional, labelled.conditional) == (False, True)
    assert list(plain.endpoints["sample"].inputs) == ["n", "seed"] and labelled.classes == 10
    assert (plain.declaration["gan"], plain.task) == ("dcgan", "")
    drawn = plain.sample(n=501, seed=2)
    assert drawn.shape == (501, 28, 28, 1)
    assert len(np.unique(drawn.reshape(501, -1), axis=0)) == 501, "two blocks drew the same latents"
    assert np.array_equal(drawn, plain.sample(n=501, seed=2))
    assert plain.sample(n=2, seed=2**31 - 1).shape == (2, 28, 28, 1), "a large seed"
    with pytest.raises(UserError, match="pass labels"):
        labelled.sample(n=3)


def test_export_replaces_only_a_model(exported: tuple[Path, Path], tmp_path: Path) -> None:
    model = tiny_model("gan", "mnist")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds files that are not a model's .such as thesis.txt"):
        export(model, tmp_path / "notes")
    assert (tmp_path / "notes/thesis.txt").read_text() == "years of work"
    folder = export(model, tmp_path / "model")
    first = folder.joinpath("saved_model.pb").read_bytes()
    (folder / "card.json").write_text("{}")
    (folder / "pages").mkdir()
    (folder / "pages/one.txt").write_text("one")
    (tmp_path / ".old-model").mkdir()  # left by an export that was killed
    (tmp_path / ".old-model/x").write_text("")
    export(tiny_model("dcgan", "mnist"), folder)
    assert folder.joinpath("saved_model.pb").read_bytes() != first
    assert (folder / "card.json").read_text() == "{}" and (folder / "pages/one.txt").read_text() == "one"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "notes"], "something was left behind"


class Scales(Adversarial):
    """`restore` multiplies by 1.001; `translate` does so with dropout, to each image alone."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed=seed)
        self.network = keras.Sequential(
            [keras.layers.Input((None, None, 3)), keras.layers.Conv2D(3, 1, use_bias=False), keras.layers.Dropout(0.5)]
        )
        self.network.layers[0].kernel.assign(1.001 * np.eye(3)[None, None])

    def endpoints(self) -> dict[str, Endpoint]:
        images = {"images": endpoint.images(3)}
        return {
            "translate": Endpoint({**images, "seed": endpoint.number()}, images, multiple=4),
            "restore": Endpoint(
                images, {"images": endpoint.images(3), "bright": endpoint.images(1)}, tiles=True, tile=64
            ),
        }

    def restore(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        made = self.network(images, training=False)
        return {"images": made, "bright": tf.reduce_max(made, -1, keepdims=True)}

    def translate(self, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        (state,) = self._seed_states()[-1:]

        def alone(image: tf.Tensor) -> tf.Tensor:
            value = tf.cast(tf.stack([seed, 0]), state.dtype)
            with keras.StatelessScope(state_mapping=[(state, value)]):
                return self.network(image[None], training=True)[0]

        return tf.map_fn(alone, images)


class Counts(Scales):
    """A model whose endpoint changes a weight."""

    def restore(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        kernel = self.network.layers[0].kernel
        kernel.assign(kernel * 2.0)
        return super().restore(images)


def test_declared_endpoints_are_exported_in_half_precision(tmp_path: Path) -> None:
    model = Scales()
    folder = export(model, tmp_path / "m", gan="scales", task="translation", domains=["day", "night"])
    assert model.network.layers[0].kernel.dtype == "float32" and isinstance(
        model.network.layers[0].kernel._value, tf.Variable
    ), "the model has its own weights again"
    exported = Exported(folder)
    assert exported.declaration == {
        "gan": "scales",
        "task": "translation",
        "domains": ["day", "night"],
        "endpoints": model.endpoints(),
    }
    assert exported.task == "translation" and list(exported.model.signatures) == [
        "translate",
        "restore",
        "serving_default",
    ]
    serving = exported.model.signatures["serving_default"].structured_input_signature[1]
    assert set(serving) == {"images", "seed"}
    images = np.random.default_rng(0).random((2, 5, 6, 3), dtype=np.float32)
    made = exported.restore(images)
    np.testing.assert_allclose(made["images"], np.float32(np.float16(1.001)) * images, rtol=1e-6)
    assert not np.allclose(made["images"], 1.001 * images, rtol=1e-5), "kernels are rounded"
    assert made["bright"].shape == (2, 5, 6, 1)


def test_an_endpoint_with_a_scope_of_its_own_reads_the_stored_weights(tmp_path: Path) -> None:
    exported = Exported(export(Scales(), tmp_path / "m"))
    (weight,) = exported.model.weights
    assert weight.dtype == tf.float16
    images = np.ones((3, 8, 8, 3), np.float32)
    made = exported.translate(images, seed=4)
    assert np.unique(made) == pytest.approx([0.0, 2 * float(np.float16(1.001))]), "dropout"
    assert np.array_equal(made, exported.translate(images, seed=4))
    assert not np.array_equal(made, exported.translate(images, seed=5))
    np.testing.assert_array_equal(made[0], exported.translate(images[:1], seed=4)[0])
    np.testing.assert_array_equal(made[1], exported.translate(images, seed=4)[2], "no neighbour matters")


def test_an_endpoint_that_changes_a_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the endpoint 'restore' changes variables"):
        export(Counts(), tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_exports_in_half_and_in_full_precision_warm_a_network(exported: tuple[Path, Path], tmp_path: Path) -> None:
    trained = tiny_model("dcgan", "mnist").generator
    full = tf.Module()
    full.weights = [tf.Variable(v.value, name=v.path) for v in trained.weights]
    tf.saved_model.save(full, str(tmp_path / "full"))
    for folder, atol in ((tmp_path / "full", 0), (exported[0], 1e-3)):
        fresh = models.model_class("dcgan")(**tiny(models.recipe("dcgan", "mnist")).model, seed=1).generator
        take_weights(fresh, str(folder))
        for own, wanted in zip(fresh.weights, trained.weights, strict=True):
            np.testing.assert_allclose(own.numpy(), wanted.numpy(), atol=atol)


def test_a_declaration_reads_with_tensorflow_alone(exported: tuple[Path, Path]) -> None:
    declared = json.loads(tf.saved_model.load(str(exported[1])).declaration.numpy())
    assert declared["gan"] == "cgan" and declared["endpoints"]["sample"]["inputs"]["labels"]["high"] == 10


def test_a_model_of_two_domains_is_drawn_side_by_side(tmp_path: Path) -> None:
    def sample(n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        noise = tf.random.stateless_uniform((n, 8, 8, 3), (seed, 0))
        return {"a": noise, "b": 1.0 - noise[..., :1]}

    inputs = {"n": endpoint.number(), "seed": endpoint.number()}
    rules = Endpoint(inputs, {"a": endpoint.images(3), "b": endpoint.images(1)})
    model = declare(tmp_path / "m", {"sample": (sample, rules)})
    made = Exported(model).sample(n=501, seed=2)
    assert made["a"].shape == (501, 8, 8, 3) and made["b"].shape == (501, 8, 8, 1)
    folder = generate(model, n=2, output=tmp_path / "drawn")
    assert sorted(p.name for p in folder.iterdir()) == ["00000-a.png", "00000-b.png", "00001-a.png", "00001-b.png"]
    grid = generate(model, n=4, output=tmp_path / "grid.png")
    with Image.open(grid) as picture:
        assert picture.size == (2 * (4 * 10 + 2), 2 * (2 * 10 + 2))


def test_export_refuses_another_precision(tmp_path: Path) -> None:
    model = tiny_model("gan", "mnist", "mixed_bfloat16")
    with pytest.raises(ValueError, match="float32"):
        export(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_generate_writes_a_grid_and_a_folder(exported: tuple[Path, Path], tmp_path: Path) -> None:
    grid = generate(exported[0], n=9, seed=1, output=tmp_path / "grid.png")
    with Image.open(grid) as picture:
        assert picture.size == (2 * (3 * 30 + 2), 2 * (3 * 30 + 2))  # 3 x 3 of 28 pixels, gaps of 2, doubled
    folder = generate(exported[1], n=2, labels="7,3", seed=1, output=tmp_path / "folder")
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["00000-label7.png", "00001-label3.png", "00002-label7.png", "00003-label3.png"]
    expected = Exported(exported[1]).sample(labels=np.array([7, 3, 7, 3]), seed=1)
    for name, image in zip(names, expected, strict=True):
        with Image.open(folder / name) as picture:
            assert np.abs(np.asarray(picture) / 255 - image[..., 0]).max() <= 0.5001 / 255
    (folder / "notes.png").write_text("mine")
    generate(exported[1], n=1, labels="7", output=folder, force=True)
    assert sorted(p.name for p in folder.iterdir()) == ["00000-label7.png", "notes.png"]
    same = generate(exported[0], n=9, seed=1, output=tmp_path / "again.png")
    assert same.read_bytes() == grid.read_bytes()
    with pytest.raises(UserError, match="exists"):
        generate(exported[0], output=grid)
    everything = generate(exported[1], n=1, output=tmp_path / "all")
    assert len(list(everything.iterdir())) == 10, "an export knows its classes without a card"
    (everything / "00010-category3.png").write_bytes(b"of an earlier call")
    generate(exported[1], n=1, labels="1", output=everything, force=True)
    assert [p.name for p in everything.iterdir()] == ["00000-label1.png"]
    with pytest.raises(UserError, match="labels 0-9, not 10"):
        generate(exported[1], labels="10", output=tmp_path / "x.png")
    with pytest.raises(UserError, match="takes no labels"):
        generate(exported[0], labels="1", output=tmp_path / "x.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.png", "all", "folder", "grid.png"]


def test_an_export_that_does_not_say_its_classes(tmp_path: Path) -> None:
    module = tf.Module()
    signature = [tf.TensorSpec((None,), tf.int32, "labels"), tf.TensorSpec((), tf.int32, "seed")]

    def sample(labels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.ones((tf.shape(labels)[0], 8, 8, 1)) * tf.cast(seed, tf.float32)

    module.sample = tf.function(sample, input_signature=signature)
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"sample": module.sample.get_concrete_function()})
    with pytest.raises(UserError, match="does not declare its number of labels; give --labels"):
        generate(tmp_path / "m", output=tmp_path / "x.png")
    made = generate(tmp_path / "m", n=1, labels="40,7", output=tmp_path / "x")
    assert sorted(p.name for p in made.iterdir()) == ["00000-label40.png", "00001-label7.png"]
    cards.write_card(tmp_path / "m", card("my_gan", classes=3))
    assert Exported(tmp_path / "m").classes == 3


def test_labels() -> None:
    assert parse_labels("0-3,7, 9") == [0, 1, 2, 3, 7, 9]
    assert parse_labels("2", classes=3) == [2]
    for text in ("", "a", "3-1", "1-", "-1", "1,,2", "1.5"):
        with pytest.raises(UserError, match="labels are numbers"):
            parse_labels(text)
    with pytest.raises(UserError, match="labels 0-2, not 3"):
        parse_labels("0-3", classes=3)


def test_labels_by_name() -> None:
    names = ("cat", "dog", "T-shirt, white", "Ant")
    for text, expected in {
        "cat,dog": [0, 1],
        "dog, 0,2-3": [1, 0, 2, 3],
        "T-shirt, white,ANT": [2, 3],
        "cat-T-shirt, white": [0, 1, 2],
        "1-Ant": [1, 2, 3],
    }.items():
        assert parse_labels(text, 4, names) == expected, text
    for text, says in {
        "cta": "has no label 'cta'; did you mean cat",
        "bird,cat": r"has no label 'bird'; it has 0-3 \(cat, dog, T-shirt, white, Ant\)",
        "4": r"the labels 0-3 \(cat, .*\), not 4",
        "dog-cat": "no label 'dog-cat'",
        "": "no label ''",
    }.items():
        with pytest.raises(UserError, match=says):
            parse_labels(text, 4, names)


def test_classes_that_are_named_by_numbers_are_asked_for_by_name() -> None:
    names = [str(i) for i in range(1, 12)]
    assert parse_labels("1,11", 11, names) == [0, 10] and parse_labels("2-4,10-11", 11, names) == [1, 2, 3, 9, 10]
    assert parse_labels("007", 2, ["007", "7"]) == [0] and parse_labels("7", 2, ["007", "7"]) == [1]
    with pytest.raises(UserError, match="no label '0'; it has 1, 2, 3"):
        parse_labels("0", 11, names)
    assert parse_labels("0-2", 3, ["0", "1", "2"]) == [0, 1, 2]


def test_an_export_refuses_labels_that_it_does_not_have(tmp_path: Path) -> None:
    names = [f"class{i}" for i in range(9)] + ["last"]
    folder = export(tiny_model("cgan", "mnist"), tmp_path / "cgan", class_names=names)
    model = Exported(folder)
    by_number = model.sample(labels=[9, 0], seed=1)
    np.testing.assert_array_equal(model.sample(labels=["last", "Class0"], seed=1), by_number)
    np.testing.assert_array_equal(tfgans.load(folder).sample(labels=["last", 0], seed=1), by_number)
    for wrong, says in ((10, "not 10"), (-1, "not -1"), ("lst", "did you mean last"), (1.5, "not 1.5")):
        for ask in (model.sample, tfgans.load(folder).sample):
            with pytest.raises(UserError, match=says):
                ask(labels=[0, wrong])
    latents = np.zeros((1, *model.endpoints["generate"].inputs["latents"].shape[1:]), np.float32)
    with pytest.raises(UserError, match="not 10"):
        model.generate(latents, np.array([10]))
    alone = tf.saved_model.load(str(folder))
    for labels in ([10], [0, -1]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="this model has the labels 0-9"):
            alone.sample(tf.constant(labels), tf.constant(0))
    made = generate(folder, n=1, labels="last,class2-class3", output=tmp_path / "drawn")
    assert sorted(p.name for p in made.iterdir()) == ["00000-label9.png", "00001-label2.png", "00002-label3.png"]
    with pytest.raises(UserError, match="did you mean last"):
        generate(folder, labels="lats", output=tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_find_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no SavedModel"):
        find(tmp_path)


def test_several_outputs_come_in_the_declared_order() -> None:
    """Whatever order the loaded function returns them in, which differs from process to process."""
    exported = Exported(ROOT / "saved_models" / "cogan-negative")
    ones, zeros = tf.ones((2, 28, 28, 1)), tf.zeros((2, 28, 28, 1))
    for returned in ({"a": ones, "b": zeros}, {"b": zeros, "a": ones}):
        exported.model = types.SimpleNamespace(sample=lambda n, seed, returned=returned: returned)
        made = exported.call("sample", 2, 0)
        assert list(made) == ["a", "b"] and made["a"].min() == 1.0 and made["b"].max() == 0.0
