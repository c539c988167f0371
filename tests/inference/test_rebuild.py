"""Exports made again from their own weights."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans.errors import UserError
from tfgans.files import ROOT
from tfgans.inference import rebuild as rebuilding
from tfgans.inference.exported import Exported
from tfgans.inference.rebuild import rebuild, size

SAVED = ROOT / "saved_models"


@pytest.mark.parametrize("name", [pytest.param("draw-mnist", marks=pytest.mark.slow), "unrolled-gaussians8"])
def test_a_rebuilt_model_gives_the_same_images(tmp_path: Path, name: str) -> None:
    """Of DRAW two variables share name and shape; a wrong pairing gives other images."""
    folder = rebuild(SAVED / name, tmp_path / "m")
    rebuilt, there = Exported(folder), Exported(SAVED / name)
    assert rebuilt.declaration["gan"] == name.split("-")[0]
    assert np.abs(rebuilt.sample(n=20, seed=1) - there.sample(n=20, seed=1)).max() < 1.5 / 255
    kinds = {v.dtype for v in rebuilt.model.weights if v.shape.rank > 1}
    assert kinds == {tf.float16} and 0 < size(folder) < 1.1 * size(SAVED / name)
    shutil.copy(SAVED / name / "card.json", folder)
    again = rebuild(folder, tmp_path / "again")
    assert np.array_equal(Exported(again).sample(n=5), rebuilt.sample(n=5)), "rounded twice is rounded once"


def test_weights_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folder = SAVED / "draw-mnist"
    card = json.loads((folder / "card.json").read_text())
    keras.config.set_dtype_policy("float32")
    model, saved = rebuilding.build(card), tf.saved_model.load(str(folder))
    rebuilding.take(model, saved, str(folder))
    assert rebuilding.makes_the_same(model, saved)
    twins = [v for v in model.variables if v.path.endswith("start_256")]
    one, other = (v.numpy() for v in twins)
    twins[0].assign(other), twins[1].assign(one)
    assert not rebuilding.makes_the_same(model, saved)


def test_what_cannot_be_rebuilt(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no SavedModel with a card"):
        rebuild(tmp_path)
    shutil.copytree(SAVED / "unrolled-gaussians8", tmp_path / "m")
    card = json.loads((tmp_path / "m/card.json").read_text())
    card["settings"]["model"]["generator_width"] = 64
    (tmp_path / "m/card.json").write_text(json.dumps(card))
    before = (tmp_path / "m/saved_model.pb").read_bytes()
    with pytest.raises(UserError, match="another generator"):
        rebuild(tmp_path / "m")
    assert (tmp_path / "m/saved_model.pb").read_bytes() == before
