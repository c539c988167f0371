"""InfoGAN: what its codes' losses are, who learns from them, and how codes reach pictures, commands and scores."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import norm
from tiny import BATCH, batch_of, tiny

from tfgans import metrics, models
from tfgans.errors import UserError
from tfgans.images import grid
from tfgans.inference.export import export
from tfgans.inference.exported import Exported, traversal
from tfgans.inference.generate import generate
from tfgans.tasks import SAMPLE_SEED, Subject, generation
from tfgans.training.setup import build

RNG = np.random.default_rng(0)


def small(**changes: Any) -> Any:
    recipe = tiny(models.recipe("infogan"))
    return build("infogan", dataclasses.replace(recipe, model={**recipe.model, **changes}), 7)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(export(small(), tmp_path_factory.mktemp("exported") / "infogan"))


def test_information_is_the_log_likelihood_of_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small(category_weight=2.0, continuous_weight=0.5)
    logits, mean = (RNG.normal(size=(BATCH, size)).astype(np.float32) for size in (10, 2))
    category, place = np.array([3, 0, 9, 3]), RNG.uniform(-1, 1, (BATCH, 2)).astype(np.float32)
    monkeypatch.setattr(model, "recognition", lambda features, training: (logits, mean))
    codes = tf.constant(np.concatenate([np.eye(10, dtype=np.float32)[category], place], axis=1))
    loss = model.information_loss(tf.zeros((BATCH, 12)), codes)

    of_category = logits[range(BATCH), category] - np.log(np.exp(logits).sum(axis=1))
    of_place = norm.logpdf(place, mean, 1.0).sum(axis=1)
    assert float(loss["category_loss"]) == pytest.approx(-2.0 * (of_category.mean() + np.log(10)), rel=1e-5)
    assert float(loss["continuous_loss"]) == pytest.approx(-0.5 * (of_place.mean() + 2 * np.log(2)), rel=1e-5)
    assert float(model.logs()["category_information"]) == pytest.approx(of_category.mean() + np.log(10), rel=1e-5)


def test_a_code_that_is_read_surely_is_worth_its_entropy(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a code that is not read at all is worth nothing: the bound's two ends."""
    model, codes, nothing = small(), np.zeros((BATCH, 12), np.float32), np.zeros((BATCH, 2), np.float32)
    codes[:, 4] = 1
    for sure, expected in ((50.0, np.log(10)), (0.0, 0.0)):
        answer = (np.float32(sure) * codes[:, :10], nothing)
        monkeypatch.setattr(model, "recognition", lambda *_, answer=answer, **__: answer)
        model.reset_metrics()
        model.information_loss(tf.zeros((BATCH, 12)), tf.constant(codes))
        assert float(model.logs()["category_information"]) == pytest.approx(expected, abs=1e-5)


def test_the_codes_come_from_their_prior() -> None:
    images, codes = small().fake(600)
    codes = codes.numpy()
    assert images.shape == (600, 28, 28, 1) and codes.shape == (600, 12)
    assert np.array_equal(codes[:, :10].sum(axis=1), np.ones(600)) and set(np.unique(codes[:, :10])) == {0.0, 1.0}
    assert codes[:, :10].sum(axis=0).min() > 35  # of 60 expected; 4 deviations of a binomial count are 29
    assert np.abs(codes[:, 10:]).max() <= 1 and codes[:, 10:].std() == pytest.approx(3**-0.5, abs=0.03)


def test_q_shares_the_trunk_and_both_players_move_for_the_information() -> None:
    model, real = small(), batch_of(small(), 0)["image"]
    of_d, of_g = model.weights_of("d_optimizer"), model.weights_of("g_optimizer")
    trunk, q = model.trunk.trainable_variables, model.recognition.trainable_variables
    assert {id(w) for w in trunk + q} <= {id(w) for w in of_d} and not {id(w) for w in q} & {id(w) for w in of_g}
    with tf.GradientTape(persistent=True) as tape:
        d_terms, g_terms = model.discriminator_loss(real), model.generator_loss(BATCH)
    for term in ("category_loss", "continuous_loss"):
        for gradient in tape.gradient(d_terms[term], trunk) + tape.gradient(g_terms[term], of_g):
            assert gradient is not None and float(tf.reduce_max(tf.abs(gradient))) > 0
        assert all(g is None for g in tape.gradient(d_terms[term], model.discriminator.trainable_variables))
    assert all(g is None for g in tape.gradient(d_terms["d_loss"], q)), "Q's head has no part in telling real from fake"


def test_q_alone_sees_through_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    for loss in ("discriminator_loss", "generator_loss"):
        clear, noisy = small(noise=0.0), small(noise=3.0)
        real = batch_of(clear, 0)["image"]
        a, b = (getattr(m, loss)(BATCH if loss[0] == "g" else real) for m in (clear, noisy))
        played = loss[0] + "_loss"
        assert float(a[played]) == float(b[played]), "D sees the same images"
        assert float(a["continuous_loss"]) != float(b["continuous_loss"])
    assert clear.read_from(real, real) is real
    monkeypatch.setattr(noisy, "trunk", lambda images, training: images)
    images = tf.zeros((50, 28, 28, 1))
    added = noisy.read_from(images, images).numpy()
    assert added.mean() == pytest.approx(0.0, abs=0.06) and added.std() == pytest.approx(3.0, abs=0.05)


def test_matching_of_categories_and_labels() -> None:
    # category 0 draws four 7s; category 1 two 7s and one 2; category 2 three 2s: 1 must take what is left, or nothing
    categories = np.array([0] * 4 + [1] * 3 + [2] * 3)
    labels = np.array([7] * 4 + [7, 7, 2] + [2] * 3)
    assert metrics.category_accuracy(categories, labels) == pytest.approx(7 / 10)
    assert metrics.category_accuracy(9 - labels, labels) == 1.0, "any naming of the categories will do"
    # greedy takes the 5 (0 -> 0) and leaves 1 -> 1 with 0: 5; the best is 4 + 4
    table = {(0, 0): 5, (0, 1): 4, (1, 0): 4}
    pairs = np.array([pair for pair, count in table.items() for _ in range(count)])
    assert metrics.category_accuracy(pairs[:, 0], pairs[:, 1]) == pytest.approx(8 / 13)
    with pytest.raises(ValueError, match="same shape"):
        metrics.category_accuracy(categories, labels[1:])


def test_the_score_finds_the_categories_that_were_drawn(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that reads the category, and one time in five the next one."""
    n = 100
    asked = exported.prior(n, SAMPLE_SEED)[:, :10].argmax(axis=1)
    read = np.where(np.arange(n) % 5 == 0, (asked + 1) % 10, asked)

    class Judge:
        name = dataset = sha256 = "stub"
        n_classes = 10

        def features(self, images: np.ndarray) -> np.ndarray:
            return images.reshape(len(images), -1)[:, 300:310] + RNG.normal(0, 1e-3, (len(images), 10))

        def logits(self, images: np.ndarray) -> np.ndarray:
            return 9.0 * np.eye(10, dtype=np.float32)[(read + 4) % 10]

    monkeypatch.setattr(generation, "load_features", lambda name: Judge())
    recipe = dataclasses.replace(models.recipe("infogan"), dataset="mnist5k")
    rows = generation.measure(exported, Subject(recipe, n=n)).rows
    assert next(row for row in rows if row.measure == "category_accuracy").values == [pytest.approx(0.8)]


def test_traversal() -> None:
    codes = traversal(10, 2, rows=3, code=1)
    assert codes.shape == (3, 10, 12)
    np.testing.assert_array_equal(codes[1, :, :10], np.eye(10))
    np.testing.assert_array_equal(codes[:, 4, 10:], [[0, -1], [0, 0], [0, 1]])
    np.testing.assert_array_equal(traversal(10, 2, rows=2, reach=2.0)[:, 4, 10:], [[-2, 0], [2, 0]])
    with pytest.raises(UserError, match="continuous codes 0-1, not 2"):
        traversal(10, 2, code=2)


def test_an_exported_model_draws_codes_from_the_prior(exported: Exported) -> None:
    assert (exported.codes, exported.categories, exported.conditional) == (12, 10, False)
    codes = exported.prior(600, seed=3)
    assert codes.shape == (600, 12) and np.array_equal(codes, exported.prior(600, seed=3))
    assert np.array_equal(np.unique(codes[:, :10].argmax(1)), np.arange(10))
    assert -1 <= codes[:, 10:].min() < -0.9 and 0.9 < codes[:, 10:].max() <= 1
    drawn = exported.sample(n=600, seed=3)
    assert drawn.shape == (600, 28, 28, 1)
    assert np.array_equal(drawn, exported.sample(codes=codes, seed=3))


def test_generate_and_previews_have_a_column_per_category(exported: Exported, tmp_path: Path) -> None:
    from PIL import Image

    with Image.open(generate(exported.path, n=3, output=tmp_path / "all.png")) as picture:
        assert picture.size == (2 * (10 * 30 + 2), 2 * (3 * 30 + 2))
    folder = generate(exported.path, n=2, labels="7,3", code=1, output=tmp_path / "folder")
    names = [f"{i:05d}-category{c}.png" for i, c in enumerate((7, 3, 7, 3))]
    assert sorted(p.name for p in folder.iterdir()) == names
    row = traversal(10, 2, rows=2, code=1)[1, [7, 3]]
    expected = exported.sample(codes=row, seed=0)
    with Image.open(folder / names[3]) as picture:
        assert np.abs(np.asarray(picture) / 255 - expected[1, ..., 0]).max() <= 0.5001 / 255
    with pytest.raises(UserError, match="labels 0-9, not 12"):
        generate(exported.path, labels="12", output=tmp_path / "x.png")

    columns, draw = generation.preview_samples(small(), 10)
    assert columns == 10 and draw().shape == (100, 28, 28, 1)
    assert np.array_equal(draw(), draw())
    drawn = generation.sheet(exported, Subject(models.recipe("infogan")))
    height, wide = grid(draw(), columns).shape[:2]
    assert drawn.shape[:2] == (height, 2 * wide), "a block for each continuous code"
    ends = exported.sample(codes=traversal(10, 2, rows=2, code=1, reach=2.0)[1], seed=0)
    assert np.array_equal(grid(ends, 10)[2:-2], drawn[-30:-2, wide:])
