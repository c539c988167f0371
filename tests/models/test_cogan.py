"""CoGAN: its networks against counts by hand, which layers are shared, its losses, the classifier of both domains."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny import batch_of, go_on

from tfgans import models
from tfgans.errors import UserError
from tfgans.inference.export import export_run
from tfgans.inference.exported import Exported
from tfgans.models.cogan import CoGAN, build_discriminators, build_generators, sides_of
from tfgans.recipe import Recipe
from tfgans.tasks import Subject, joint_generation
from tfgans.training.setup import batches, build, fit_classes, load_source
from tfgans.training.train import train

GRAY, COLOURS = (28, 28, 1), (28, 28, 3)


def small(**changes: Any) -> Recipe:
    recipe = models.tiny("cogan")
    return dataclasses.replace(recipe, model={**recipe.model, **changes})


def parameters(network: Any) -> int:
    return sum(int(np.prod(w.shape)) for w in network.trainable_weights)


def noise(*shape: int, seed: int = 0) -> tf.Tensor:
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32))


# --- networks ---------------------------------------------------------------------------------------------------------


def test_maps_are_halved_rounding_up() -> None:
    for side, maps in ((28, [4, 7, 14, 28]), (32, [4, 8, 16, 32]), (64, [4, 8, 16, 32, 64]), (16, [4, 8, 16])):
        assert sides_of(side, side) == [(each, each) for each in maps]
    assert sides_of(28, 60) == [(4, 8), (7, 15), (14, 30), (28, 60)]


def test_the_networks_have_the_papers_size() -> None:
    """Table 1 of the supplement, with a slope a channel in each PReLU."""
    filters = [1024, 512, 256, 128]
    trunk = 100 * 16 * 1024 + sum(9 * a * b for a, b in zip(filters, filters[1:], strict=False)) + 3 * sum(filters)
    output = 36 * 128 + 1
    generators = build_generators([GRAY, GRAY], 100, width=128, shared=4)
    assert parameters(generators) == trunk + 2 * output
    assert parameters(build_generators([GRAY, COLOURS], 100, 128, 0)) == 2 * trunk + output + 3 * 36 * 128 + 3
    first, rest = 25 * 20 + 20, 25 * 20 * 50 + 50 + 16 * 50 * 500 + 500 + 500 + 500 + 1
    assert [parameters(each) for each in build_discriminators([GRAY, GRAY], 20, shared=3)] == [first + rest] * 2


def test_dense_networks_share_all_but_the_pixels() -> None:
    """Four hidden layers of 32 units with a slope each, in the generators; 100 units in the discriminators."""
    hidden = 10 * 32 + 3 * 32 * 32 + 4 * (2 + 1) * 32
    made = build_generators([GRAY, GRAY], 10, width=1, shared=4, dense=True)
    assert parameters(made) == hidden + 2 * (32 * 784 + 784)
    assert parameters(build_generators([GRAY, GRAY], 10, 1, 0, dense=True)) == 2 * (hidden + 32 * 784 + 784)
    assert [tuple(each.shape) for each in made(noise(3, 10))] == [(3, *GRAY)] * 2
    one, two = build_discriminators([GRAY, GRAY], 4, shared=3, dense=True)
    rest = 2 * (100 * 100 + 100) + 100 + 100 + 1
    assert [parameters(one), parameters(two)] == [784 * 100 + 100 + rest] * 2
    shared = {id(w) for w in one.trainable_weights} & {id(w) for w in two.trainable_weights}
    assert len(shared) == len(one.trainable_weights) - 2, "all but the kernel and bias of the first layer"


@pytest.mark.parametrize("side", [16, 28, 32, 64])
def test_images_of_other_sizes_and_channels(side: int) -> None:
    shapes = [(side, side, 3), (side, side + 4, 1)]
    made = build_generators([(side, side + 4, 3), shapes[1]], 5, width=2, shared=1)(noise(2, 5))
    assert [tuple(each.shape) for each in made] == [(2, side, side + 4, 3), (2, side, side + 4, 1)]
    for discriminator, image in zip(build_discriminators([made[0].shape[1:], shapes[1]], 4, 1), made, strict=True):
        logits, hidden = discriminator(image)
        assert logits.shape == (2, 1) and hidden.shape == (2, 100)


@pytest.mark.parametrize("generator_layers", range(5))
@pytest.mark.parametrize("discriminator_layers", [0, 3])
def test_as_many_layers_are_shared_as_asked_for(generator_layers: int, discriminator_layers: int) -> None:
    """The images of one noise depend on as many common weights; so do the two discriminators."""
    model = build(
        "cogan",
        small(shared_generator_layers=generator_layers, shared_discriminator_layers=discriminator_layers),
        0,
    )
    weights, z = model.generators.trainable_variables, noise(2, 10)
    with tf.GradientTape(persistent=True) as tape:
        a, b = (tf.reduce_sum(each * noise(*each.shape)) for each in model.generators(z, training=True))
    of_a, of_b = ([g is not None for g in tape.gradient(each, weights)] for each in (a, b))
    both = sum(x and y for x, y in zip(of_a, of_b, strict=True))
    assert both == 4 * generator_layers, "a kernel, two of the normalization, the slopes"
    assert sum(of_a) == sum(of_b) == 4 * 4 + 2 and all(x or y for x, y in zip(of_a, of_b, strict=True))
    one, two = ({id(w) for w in each.trainable_variables} for each in (model.discriminator_a, model.discriminator_b))
    assert len(one & two) == {0: 0, 3: 2 + 3 + 2}[discriminator_layers] and len(one) == len(two) == 9
    assert len(model.weights_of("d_optimizer")) == 18 - len(one & two)


def test_a_shared_weight_moves_once() -> None:
    """By the learning rate in the first step of Adam, however many networks have it."""
    recipe = small()
    model = build("cogan", recipe, 0)
    before = {id(w): w.numpy() for w in model.trainable_variables}
    model.train_step(batch_of(model, 0))
    for player in model.players:
        for weight in model.weights_of(player):
            moved = np.abs(weight.numpy() - before[id(weight)])
            assert 0 < moved.max() <= 2.01e-4, weight.path


# --- losses -----------------------------------------------------------------------------------------------------------


def crossentropy(logits: np.ndarray, real: bool) -> float:
    return float(np.mean(np.log1p(np.exp(-logits if real else logits))))


def test_losses_are_those_of_the_equations() -> None:
    model = build("cogan", small(classes=3, class_weight=2.0, agreement_weight=0.5), 0)
    batch = {"a": noise(4, 28, 28, 1, seed=1), "b": noise(4, 28, 28, 1, seed=2), "a_label": tf.constant([0, 2, 1, 2])}
    losses, made = model.generator_loss(noise(4, 10))
    for image, again in zip(made, model.generators(noise(4, 10), training=True), strict=True):
        np.testing.assert_allclose(image, again, atol=1e-6)
    networks = (model.discriminator_a, model.discriminator_b)
    outputs = [net(image) for net, image in zip(networks, made, strict=True)]
    on_made, hidden = [each[0].numpy() for each in outputs], [each[1].numpy() for each in outputs]
    on_real = [net(batch[side])[0].numpy() for net, side in zip(networks, ("a", "b"), strict=True)]
    assert float(losses["g_loss"]) == pytest.approx(sum(crossentropy(x, True) for x in on_made), rel=1e-5)
    found = {term: float(value) for term, value in model.discriminator_loss(batch, made).items()}
    wanted = sum(crossentropy(x, True) for x in on_real) + sum(crossentropy(x, False) for x in on_made)
    assert found["d_loss"] == pytest.approx(wanted, rel=1e-5)
    read = model.classifier(networks[0](batch["a"])[1]).numpy()
    likely = read[range(4), [0, 2, 1, 2]] - np.log(np.exp(read).sum(-1))
    assert found["class_loss"] == pytest.approx(-2.0 * likely.mean(), rel=1e-5)
    distance = ((hidden[0] - hidden[1]) ** 2).sum(-1).mean() / 2
    assert found["agreement_loss"] == pytest.approx(0.5 * distance, rel=1e-4)
    logs = {term: float(value) for term, value in model.logs().items()}
    sigmoid = [[np.mean(1 / (1 + np.exp(-x))) for x in each] for each in (on_real, on_made)]
    assert (logs["d_real"], logs["d_fake"]) == pytest.approx(tuple(map(np.mean, sigmoid)), rel=1e-5)


def test_without_labels_and_weights_the_game_is_all() -> None:
    model = build("cogan", small(), 0)
    logs = {term: float(value) for term, value in model.train_step(batch_of(model, 0)).items()}
    assert logs["class_loss"] == logs["agreement_loss"] == 0 and logs["g_loss"] > 0
    assert set(model.batch_spec(4)) == {"a", "b"} and set(model.endpoints()) == {"sample", "generate"}


def test_without_an_adversary_only_the_classifier_of_a_learns() -> None:
    model = build("cogan", small(classes=3, adversarial=False), 0)
    before = {id(w): w.numpy() for w in model.trainable_variables}
    go_on(model, 0, graph=False)
    moved = {key for key, w in ((id(w), w) for w in model.trainable_variables) if (w.numpy() != before[key]).any()}
    hidden = [w for w in model.discriminator_a.trainable_variables if w.shape != (100, 1) and w.shape != (1,)]
    assert moved == {id(w) for w in [*hidden, *model.classifier.trainable_variables]}
    assert model.updates("g_optimizer") == {} and model.updates("d_optimizer") == {0: 1}
    images = (noise(3, 28, 28, 1) + 1.0) / 2.0
    np.testing.assert_array_equal(model.classify_a(images), model.classify_b(images))


def test_arguments_that_make_no_model() -> None:
    for wrong, says in (
        (dict(shared_generator_layers=5), "shared_generator_layers must be from 0 to 4"),
        (dict(shared_discriminator_layers=4), "shared_discriminator_layers must be from 0 to 3"),
        (dict(image_shape=(12, 28, 1)), "12x28 are too small"),
        (dict(adversarial=False), "it needs classes"),
        (dict(adversarial=False, classes=10, b_channels=3), "a and b alike"),
    ):
        with pytest.raises(UserError, match=says):
            CoGAN(**small(**wrong).model)
    assert CoGAN(**small(image_shape=(64, 64, 3), b_channels=1, shared_generator_layers=5).model).b_shape == (64, 64, 1)


# --- data, endpoints and measurements ---------------------------------------------------------------------------------


def bar(level: int, upright: bool) -> Image.Image:
    """A bar through the middle, upright or lying: two classes that anybody tells apart."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[(slice(None), slice(10, 18)) if upright else (slice(10, 18), slice(None))] = level
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Light bars, and dark ones under the same class names in another set."""
    folder, rng = tmp_path_factory.mktemp("bars"), np.random.default_rng(0)
    for name, (low, high) in (("light", (150, 256)), ("dark", (60, 120))):
        for split in ("train", "test"):
            for i in range(20):
                place = folder / name / split / ("upright" if i % 2 else "lying")
                place.mkdir(parents=True, exist_ok=True)
                bar(int(rng.integers(low, high)), bool(i % 2)).save(place / f"{i}.png")
    return folder


def test_labels_of_a_alone_are_learnt_and_of_both_measured(bars: Path, tmp_path: Path) -> None:
    """A classifier of light bars, which learnt without an adversary, reads dark ones too: bars are that easy."""
    recipe = models.recipe("cogan", "usps_source_only")
    dataset = f"domains:folder:{bars / 'light'},folder:{bars / 'dark'}"
    settings = {"steps": 30, "batch_size": 8, "width": 4, "discriminator_width": 8}
    options: dict[str, Any] = dict(precision="float32", jit="off", run_dir=tmp_path / "run", every=30)
    run = train("cogan", recipe_key="usps_source_only", dataset=dataset, settings=settings, **options)
    assert run is not None and run.config["recipe"]["model"]["classes"] == 2, "as many as a has"
    exported = Exported(export_run(run.path, tmp_path / "model"))
    rules = exported.endpoints["classify_b"]
    assert rules.outputs["classes"].encoding == "probabilities" and rules.size == (28, 28)
    read = exported.call("classify_b", np.zeros((3, 28, 28, 1), np.float32))
    assert read.shape == (3, 2)
    np.testing.assert_allclose(read.sum(-1), 1, atol=1e-5)
    found = joint_generation.measure(exported, Subject(Recipe.from_dict(run.config["recipe"])))
    accuracy = {row.where: row.values[0] for row in found.rows if row.measure == "label_accuracy"}
    assert accuracy.keys() == {"a", "b"} and min(accuracy.values()) > 0.9
    assert (found.protocol["n_classified_a"], found.protocol["n_classified_b"]) == (20, 20)

    source = load_source(dataclasses.replace(recipe, dataset=dataset))
    fitted = fit_classes("cogan", dataclasses.replace(recipe, dataset=dataset), source)
    batch = next(iter(batches(fitted, source, 0, None, 0, 1)))
    assert batch["a_label"].shape == (recipe.batch_size,) and batch["a_label"].dtype == tf.int32
    gan_alone = dataclasses.replace(models.recipe("cogan"), dataset=dataset, pairing="", degradation="")
    assert fit_classes("cogan", gan_alone, source).model["classes"] == 0, "the labels are there and not asked for"


def test_colours_and_depths(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, shape in (("image", (64, 64, 3)), ("depth", (64, 64))):
        (tmp_path / "set" / "train" / name).mkdir(parents=True)
        for i in range(16):
            pixels = rng.integers(0, 255, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / "train" / name / f"{i}.png")
    recipe = models.tiny("cogan", "nyuv2")
    recipe = dataclasses.replace(recipe, dataset=f"domains:{tmp_path / 'set'}")
    model = build("cogan", recipe, 0)
    batch = next(iter(batches(recipe, load_source(recipe), 0, None, 0, 1)))
    assert {key: tuple(each.shape) for key, each in batch.items()} == {
        key: array.shape for key, array in model.batch_spec(recipe.batch_size).items()
    }
    assert batch["a"].shape[-1] == 3 and batch["b"].shape[-1] == 1
    assert all(np.isfinite(float(value)) for value in model.train_step(batch).values())
    drawn = model.sample(tf.constant(2), tf.constant(0))
    assert drawn["a"].shape == (2, 64, 64, 3) and drawn["b"].shape == (2, 64, 64, 1)


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_ablations_change_what_they_name() -> None:
    recipes = models.recipes("cogan")
    for usual, prefix, changes in (
        ("edges", "edges_shared_", {"shared_generator_layers"}),
        ("edges", "edges_discriminators_", {"shared_discriminator_layers"}),
        ("usps", "usps_source_only", {"adversarial", "agreement_weight"}),
        ("usps_to_mnist", "usps_to_mnist_source_only", {"adversarial", "agreement_weight"}),
    ):
        first, others = recipes[usual], {key: own for key, own in recipes.items() if key.startswith(prefix)}
        assert others
        for key, own in others.items():
            assert {name for name, value in own.model.items() if value != first.model[name]} <= changes, key
            for name in ("dataset", "sets", "pairing", "degradation", "steps", "batch_size", "optimizers"):
                assert getattr(own, name) == getattr(first, name), key
    shared = [recipes[f"edges_shared_{k}"].model["shared_generator_layers"] for k in range(4)]
    assert shared == [0, 1, 2, 3] and recipes["edges"].model["shared_generator_layers"] == 4
    assert not any(own.flip for key, own in recipes.items() if key != "nyuv2"), "digits are not mirrored"
    paper = recipes["edges_paper"]
    assert (paper.steps, paper.batch_size, paper.model["width"]) == (25_000, 128, 128)
