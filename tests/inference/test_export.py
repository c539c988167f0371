"""An exported model: TensorFlow alone loads it, it holds each weight once, and nothing else is replaced by it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from reports.old_names import card
from tiny import tiny_model

from tfgans import card as cards
from tfgans.errors import UserError
from tfgans.inference.export import export
from tfgans.inference.exported import Exported, find
from tfgans.inference.generate import generate, parse_labels

ALONE = """
import sys
sys.modules["tfgans"] = sys.modules["keras"] = None  # importing either fails
import numpy as np, tensorflow as tf
plain, labelled = (tf.saved_model.load(path) for path in sys.argv[1:3])
np.savez(
    sys.argv[3],
    plain=plain.sample(6, 3),
    again=plain.sample(n=tf.constant(6), seed=tf.constant(3)),
    other=plain.sample(6, 4),
    labelled=labelled.sample([0, 1, 2, 2], 3),
    signature=plain.signatures["sample"](n=tf.constant(6), seed=tf.constant(3))["output_0"],
)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An unconditional and a conditional model."""
    folder = tmp_path_factory.mktemp("exported")
    return export(tiny_model("dcgan", "mnist"), folder / "plain"), export(tiny_model("cgan", "mnist"), folder / "cgan")


def test_tensorflow_alone_draws_the_same_images(exported: tuple[Path, Path], tmp_path: Path) -> None:
    made = tmp_path / "made.npz"
    done = subprocess.run([sys.executable, "-c", ALONE, *exported, made], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(made) as drawn:
        assert drawn["plain"].shape == (6, 28, 28, 1) and drawn["plain"].dtype == np.float32
        assert np.array_equal(drawn["plain"], drawn["again"])
        assert np.array_equal(drawn["plain"], drawn["signature"])
        assert not np.array_equal(drawn["plain"], drawn["other"])
        assert drawn["labelled"].shape == (4, 28, 28, 1)
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
        needed = 4 * tiny_model(name, "mnist").generator.count_params()
        stored = sum(file.stat().st_size for file in (path / "variables").iterdir())
        assert needed <= stored < needed + 8_000
        shapes = [tuple(v.shape) for v in tf.saved_model.load(str(path)).weights]
        assert sum(int(np.prod(shape)) * 4 for shape in shapes) == needed


def test_exported_samples_in_blocks(exported: tuple[Path, Path]) -> None:
    plain, labelled = Exported(exported[0]), Exported(exported[1])
    assert (plain.conditional, labelled.conditional) == (False, True)
    assert plain.endpoints == {"sample": ["n", "seed"]}
    drawn = plain.sample(n=501, seed=2)
    assert drawn.shape == (501, 28, 28, 1)
    assert len(np.unique(drawn.reshape(501, -1), axis=0)) == 501, "two blocks drew the same latents"
    assert np.array_equal(drawn, plain.sample(n=501, seed=2))
    assert plain.sample(n=2, seed=2**31 - 1).shape == (2, 28, 28, 1), "a large seed"
    with pytest.raises(UserError, match="which labels"):
        labelled.sample(n=3)


def test_export_replaces_only_a_model(exported: tuple[Path, Path], tmp_path: Path) -> None:
    model = tiny_model("gan", "mnist")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds other things than a model .such as thesis.txt"):
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


def test_export_refuses_another_precision(tmp_path: Path) -> None:
    model = tiny_model("gan", "mnist", "mixed_bfloat16")
    with pytest.raises(ValueError, match="float32"):
        export(model, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_generate_writes_a_grid_and_a_folder(exported: tuple[Path, Path], tmp_path: Path) -> None:
    from PIL import Image

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
    with pytest.raises(UserError, match="does not say how many labels it has; give --labels"):
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


def test_find_names_the_place(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no SavedModel"):
        find(tmp_path)
