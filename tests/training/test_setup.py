"""What is checked before a training: settings, degradations, and batches against what the model declares."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfgans import data, models
from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.training.profile import step_flops
from tfgans.training.setup import batch_signature, batches, build, check_batches, network_of


def test_batches_that_do_not_fit_the_model() -> None:
    digits = data.load("mnist5k", "train", limit=20)
    recipe = dataclasses.replace(models.recipe("cgan"), dataset="mnist5k", batch_size=4)
    model = network_of("cgan", recipe)
    check_batches("cgan", model, recipe, batches(recipe, digits, 0, None, 0, 1))
    for source, says in (
        (dataclasses.replace(digits, labels=None), "'cgan' needs 'label' in its batches; mnist5k has image"),
        (data.load("photos", "train", image_shape=(28, 28, 3), limit=4), r"needs 'image' as float32 \(4, 28, 28, 1\)"),
        (dataclasses.replace(digits, labels=np.zeros((20, 3), np.int32)), r"has int32 \(4, 3\)"),
    ):
        if source.labels is None and source is not digits and "image'" in says:
            source = dataclasses.replace(source, labels=np.zeros(len(source), np.int32))
        with pytest.raises(UserError, match=says) as error:
            check_batches("cgan", model, recipe, batches(recipe, source, 0, None, 0, 1))
        assert "\n" not in str(error.value)


def test_grouped_batches() -> None:
    recipe = dataclasses.replace(models.recipe("wgan"), dataset="mnist5k", batch_size=4)
    model, digits = network_of("wgan", recipe), data.load("mnist5k", "train", limit=20)
    assert batch_signature(model, 4) == {"image": tf.TensorSpec((5, 4, 28, 28, 1), tf.float32)}
    check_batches("wgan", model, recipe, batches(recipe, digits, 0, 5, 0, 1))
    with pytest.raises(UserError, match="needs 'image'"):
        check_batches("wgan", model, recipe, batches(recipe, digits, 0, None, 0, 1))


def test_a_restoration_needs_a_degradation_that_fits() -> None:
    recipe = models.recipe("resgan")
    for degradation, says in (
        ("", "choose a degradation with --set degradation"),
        ("pool:4", "'pool:4' shrinks by 4, but 'resgan' enlarges by 7"),
    ):
        with pytest.raises(UserError, match=says):
            network_of("resgan", dataclasses.replace(recipe, degradation=degradation))
    network_of("dcgan", models.recipe("dcgan"))


def test_keras_is_what_layers_are_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is configured to; and where another backend was loaded before, that is said."""
    strange = {"backend": "torch", "image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}
    (tmp_path / "keras.json").write_text(json.dumps(strange))
    code = (
        "import tfgans.layers, keras; layer = keras.layers.Conv2D(5, 3); layer.build((None, 8, 9, 2));"
        "c = keras.config;"
        "print(c.backend(), layer.data_format, layer.kernel.shape, layer.kernel.dtype, c.floatx(), c.epsilon())"
    )
    env = {**os.environ, "KERAS_BACKEND": "jax", "KERAS_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tensorflow channels_last (3, 3, 2, 5) float32 float32 1e-07"
    monkeypatch.setattr(keras.config, "backend", lambda: "torch")
    with pytest.raises(
        UserError, match="loaded with the backend 'torch' before tfgans, .* set KERAS_BACKEND=tensorflow"
    ):
        network_of("gan", models.recipe("gan"))


def test_settings_that_make_no_model() -> None:
    recipe = models.recipe("gan")
    with pytest.raises(UserError, match="gan cannot be built with these settings"):
        network_of("gan", dataclasses.replace(recipe, model={**recipe.model, "dropout": 2.0}))
    without = {**recipe.optimizers, "d_optimizer": {"beta_1": 0.5}}
    with pytest.raises(UserError, match="no 'd_optimizer.learning_rate'"):
        build("gan", dataclasses.replace(recipe, optimizers=without), 0)


def test_a_model_declares_its_batches_and_endpoints() -> None:
    with pytest.raises(UserError, match=r"Adversarial has no method endpoints\(\)"):
        Adversarial().endpoints()
    with pytest.raises(UserError, match=r"Adversarial has no method batch_spec\(n\)"):
        Adversarial().batch_spec(1)


def test_flops_need_no_data_and_are_those_of_the_dearest_stage() -> None:
    small = dict(image_shape=(16, 16, 3), part=8, width=4, discriminator_width=4)
    found = {}
    for steps in (1, 2, 3):
        recipe = models.recipe("unet_gan")
        model = {**recipe.model, **small, "early_discriminator_steps": steps}
        found[steps] = step_flops(build("unet_gan", dataclasses.replace(recipe, model=model), 0), 4)
    assert found[1] < found[2] and found[3] - found[2] == found[2] - found[1], "as many more as D has updates more"
