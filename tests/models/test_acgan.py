"""ACGAN: its losses against NumPy, and its two ways to take a label."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tiny import BATCH, batch_of, tiny

from tfgans import models
from tfgans.training.setup import build


def small(key: str, **changes: Any) -> Any:
    recipe = tiny(models.recipe("acgan", key))
    return build("acgan", dataclasses.replace(recipe, model={**recipe.model, "dropout": 0.0, **changes}), 7)


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.log1p(np.exp(-x))


def log_likelihood(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of each label, by the definition of the softmax."""
    return logits[np.arange(len(labels)), labels] - np.log(np.exp(logits).sum(axis=1))


@pytest.mark.parametrize("key", ["mnist", "mnist_survey"])
def test_losses_are_equations_2_and_3(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = small(key), batch_of(small(key), 0)
    labels = batch["label"].numpy()
    outcomes = 11 if key == "mnist_survey" else 10
    rng = np.random.default_rng(0)
    logits = {name: (rng.normal(size=(BATCH, 1)), rng.normal(size=(BATCH, outcomes))) for name in ("real", "fake")}
    assert [tuple(t.shape) for t in model.discriminator(batch["image"])] == [(BATCH, 1), (BATCH, outcomes)]

    def judge(images: tf.Tensor, training: bool) -> list[tf.Tensor]:
        given = "real" if np.array_equal(images, batch["image"]) else "fake"
        return [tf.constant(part, tf.float32) for part in logits[given]]

    monkeypatch.setattr(model, "discriminator", judge)
    read_as = np.full(BATCH, 10) if key == "mnist_survey" else labels  # generated images, by the discriminator
    d = model.discriminator_loss(batch["image"], batch["label"])
    source = log_sigmoid(logits["real"][0]).mean() + log_sigmoid(-logits["fake"][0]).mean()
    category = log_likelihood(logits["real"][1], labels).mean() + log_likelihood(logits["fake"][1], read_as).mean()
    assert float(d["d_loss"]) == pytest.approx(-source / 2, rel=1e-5)
    assert float(d["d_class_loss"]) == pytest.approx(-category / 2, rel=1e-5)
    g = model.generator_loss(batch["label"])
    assert float(g["g_loss"]) == pytest.approx(-log_sigmoid(logits["fake"][0]).mean(), rel=1e-5)
    assert float(g["g_class_loss"]) == pytest.approx(-log_likelihood(logits["fake"][1], labels).mean(), rel=1e-5)


def test_how_the_generator_takes_its_label() -> None:
    joined, multiplied = small("mnist"), small("mnist_survey")
    first = [model.generator.get_weights()[0].shape for model in (joined, multiplied)]
    assert first == [(110, 7 * 7 * 24), (10, 100)]  # a dense layer over noise and one-hot label; an embedding
    embedding = multiplied.generator.weights[0]
    assert "embedding" in embedding.path
    embedding.assign(np.eye(10, 100) * 2)  # label 3 keeps only the noise's entry 3, and doubles it
    labels = tf.constant([3, 3])
    z = np.random.default_rng(0).normal(size=(1, 100)).astype(np.float32)
    other = np.where(np.arange(100) == 3, z, 5.0).astype(np.float32)
    images = multiplied.generator([tf.constant(np.concatenate([z, other])), labels]).numpy()
    np.testing.assert_allclose(images[0], images[1], atol=1e-6)
