"""What every GAN of the registry must do, at tiny width: a new one is tested by its line there."""

import dataclasses
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny import (
    BATCH,
    STEPS,
    all_players,
    batch_of,
    cases,
    differences,
    distinct_cases,
    first_cases,
    go_on,
    marks,
    state,
    tiny,
    tiny_model,
    usual_cases,
)

from tfgans import models
from tfgans.inference.export import ENDPOINTS, export, signatures_of
from tfgans.training.setup import build

SHARDS = 2  # of the recipes: each trains and continues its own, in a worker of its own


def shard_of(name: str, key: str) -> int:
    return cases().index((name, key)) * SHARDS // len(cases())


def sharded(name: str, key: str, *marks: pytest.MarkDecorator) -> Any:
    return pytest.param(name, key, marks=[pytest.mark.xdist_group(f"recipes {shard_of(name, key)}"), *marks])


EVERY = pytest.mark.parametrize("name, key", [sharded(*case, *marks(*case)) for case in cases()])
SEVERAL = pytest.mark.parametrize("name, key", [sharded(*case, *marks(*case)) for case in distinct_cases()])
DISTINCT = pytest.mark.parametrize("name, key", [pytest.param(*case, marks=marks(*case)) for case in distinct_cases()])
FIRST = pytest.mark.parametrize("name, key", first_cases())


@dataclasses.dataclass
class Trained:
    """A model after STEPS steps, what it gave then, and its file."""

    model: Any
    logs: dict[str, float]
    counts: dict[str, float]  # how often each term was tracked
    path: Path
    uninterrupted: dict[str, np.ndarray]  # the state after as many steps more
    exported: Path | None  # in float32
    drawn: dict[str, np.ndarray]  # what its endpoints gave when it was exported


class Zoo:
    """Trains a shard of the recipes when a test first asks for one; alike ones (at tiny width) share a model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trained: dict[str, Trained] = {}

    def get(self, name: str, key: str, precision: str = "float32") -> Trained:
        if self.alike(name, key, precision) not in self.trained:
            for case in usual_cases():
                if shard_of(*case) == shard_of(name, key):
                    self.train(*case, "float32")
            self.train(name, key, precision)
        return self.trained[self.alike(name, key, precision)]

    def alike(self, name: str, key: str, precision: str) -> str:
        small = tiny(models.recipe(name, key))
        return repr((name, precision, small.model, small.optimizers))

    def train(self, name: str, key: str, precision: str) -> None:
        alike = self.alike(name, key, precision)
        if alike in self.trained:
            return
        keras.config.set_dtype_policy("float32")
        model = tiny_model(name, key, precision)
        logs = go_on(model, 0)
        counts = {term: float(tracker.count) for term, tracker in model.trackers.items()}
        path = self.folder / f"{name}-{key}-{precision}.keras"
        model.save(path)
        exported = export(model, path.with_suffix("")) if precision == "float32" else None
        drawn = images(model, model) if exported else {}  # before the weights move on
        go_on(model, STEPS)
        self.trained[alike] = Trained(model, logs, counts, path, state(model), exported, drawn)

    def continuation(self, trained: Trained) -> list[np.ndarray]:
        """The state that a fresh process reached from the file; one process for all that were trained till now."""
        result = trained.path.with_suffix(".npz")
        if not result.exists():
            script = Path(__file__).parents[1] / "tiny.py"
            done = subprocess.run([sys.executable, script, self.folder], capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-3000:]
        with np.load(result) as arrays:
            return [arrays[str(i)] for i in range(len(arrays))]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return Zoo(tmp_path_factory.mktemp("zoo"))


def images(source: Any, model: Any, seed: int = 5) -> dict[str, np.ndarray]:
    """What each endpoint of the model's kind gives, of `source`: the model itself or what was exported."""
    rng = np.random.default_rng(0)
    made = {}
    for name, signature in signatures_of(model).items():
        inputs = []
        for argument, spec in signature.items():
            if argument in ("n", "seed"):
                value = np.asarray(3 if argument == "n" else seed)
            elif spec.dtype.is_integer:
                value = np.arange(3)
            else:
                sides = [side // model.factor for side in model.image_shape[:2]]
                image = (*sides, model.source_channels)
                shape = image if spec.shape.rank == 4 else spec.shape[1:]
                value = rng.uniform(0, 1, (3, *shape))
            inputs.append(tf.constant(value.astype(spec.dtype.as_numpy_dtype)))
        for i, image in enumerate(tf.nest.flatten(getattr(source, name)(*inputs))):
            made[f"{name} {i}"] = image.numpy()
    return made


@DISTINCT
def test_minimize_moves_its_player_and_no_other(name: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ablation = tiny_model(name, key), not models.has_tiny(name, key)  # which may leave a part out
    weights = {id(w): w for w in model.trainable_variables}
    owned = {player: {id(w) for w in model.weights_of(player)} for player in model.players}
    assert set().union(*owned.values()) == set(weights), "a trainable weight belongs to no player"
    minimize, called = model.minimize, []

    def watched(player: str, losses: Any) -> None:
        before = {key: w.numpy() for key, w in weights.items()}
        minimize(player, losses)
        moved = {key for key, w in weights.items() if not np.array_equal(w.numpy(), before[key])}
        stray = [weights[key].path for key in moved - owned[player]]
        still = [weights[key].path for key in owned[player] - moved]
        assert not stray and (not still or ablation), f"{player} moved {stray} and did not move {still}"
        called.append(player)

    monkeypatch.setattr(model, "minimize", watched)
    for i in range(all_players(model)):
        model.train_step(batch_of(model, i))
    assert set(called) == set(model.players) or ablation


@EVERY
def test_every_term_is_logged_and_finite(zoo: Zoo, name: str, key: str) -> None:
    trained = zoo.get(name, key)
    assert tuple(trained.logs) == trained.model.terms
    assert all(math.isfinite(value) for value in trained.logs.values()), trained.logs
    least = STEPS + 1 - all_players(trained.model)  # of a term that waits for the second stage
    ablation = not models.has_tiny(name, key)  # which may leave a part out
    assert all(count >= least or ablation for count in trained.counts.values()), (
        f"a term was not tracked: {trained.counts}"
    )


@EVERY
def test_a_fresh_process_continues_to_the_same_bits(zoo: Zoo, name: str, key: str) -> None:
    trained = zoo.get(name, key)
    continued = dict(zip(trained.uninterrupted, zoo.continuation(trained), strict=True))
    assert differences(trained.uninterrupted, continued) == []


@pytest.mark.parametrize(
    "name, key", [sharded(*case, *[pytest.mark.slow] * (i != 1)) for i, case in enumerate(first_cases())]
)
def test_a_fresh_process_continues_in_bfloat16_to_the_same_bits(zoo: Zoo, name: str, key: str) -> None:
    trained = zoo.get(name, key, "mixed_bfloat16")
    continued = dict(zip(trained.uninterrupted, zoo.continuation(trained), strict=True))
    assert differences(trained.uninterrupted, continued) == []


@SEVERAL
def test_the_export_gives_the_same_images(zoo: Zoo, name: str, key: str) -> None:
    trained = zoo.get(name, key)
    loaded = tf.saved_model.load(str(trained.exported))
    drawn = images(loaded, trained.model)
    assert drawn.keys() == trained.drawn.keys()
    for endpoint, image in drawn.items():
        assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
        assert image.std() > 0
        np.testing.assert_allclose(image, trained.drawn[endpoint], atol=1e-5, err_msg=endpoint)
    if "seed" in next(iter(ENDPOINTS[trained.model.kind].values())):
        again, other = images(loaded, trained.model), images(loaded, trained.model, seed=6)
        assert all(np.array_equal(again[endpoint], drawn[endpoint]) for endpoint in drawn)
        assert all(not np.array_equal(other[endpoint], drawn[endpoint]) for endpoint in drawn)


@EVERY
def test_the_config_gives_the_same_model(zoo: Zoo, name: str, key: str) -> None:
    recipe, model = tiny(models.recipe(name, key)), zoo.get(name, key).model
    config = json.loads(json.dumps(model.get_config()))  # as a file keeps it
    again = type(model).from_config(config)
    assert again.get_config() == model.get_config()
    assert {k: v for k, v in again.get_config().items() if k != "seed"} == recipe.model, "an argument the recipe hides"
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
    for player, arguments in recipe.optimizers.items():
        optimizer = getattr(model, player)
        assert optimizer.__class__.__name__.lower() == arguments.get("name", "adam").lower()
        assert optimizer.get_config()["learning_rate"] == pytest.approx(arguments["learning_rate"])


def first_losses(monkeypatch: pytest.MonkeyPatch, name: str, key: str, precision: str, jit: bool) -> dict[str, float]:
    """The logs of a first step whose noise is the same in every mode: XLA and bfloat16 draw other random numbers."""
    calls = iter(range(1_000_000))

    def wave(shape: Any) -> tf.Tensor:
        count = tf.reduce_prod(tf.convert_to_tensor(shape))
        return tf.reshape(tf.sin(2.3 * tf.cast(tf.range(count), tf.float32) + next(calls)), shape)

    monkeypatch.setattr(keras.random, "normal", lambda shape, *args, **kwargs: 1.4 * wave(shape))
    monkeypatch.setattr(
        keras.random,
        "uniform",
        lambda shape, minval=0.0, maxval=1.0, **kwargs: minval + (maxval - minval) * (1 + wave(shape)) / 2,
    )
    recipe = tiny(models.recipe(name, key))
    quiet = {argument: 0.0 for argument in recipe.model if "dropout" in argument}
    model = build(name, dataclasses.replace(recipe, model={**recipe.model, **quiet}), 7, precision, jit)
    before = [w.numpy() for w in model.trainable_variables]
    logs = go_on(model, 0, steps=all_players(model))
    assert all(w.dtype == "float32" and np.isfinite(w.numpy()).all() for w in model.trainable_variables)
    moved = [not np.array_equal(w.numpy(), old) for w, old in zip(model.trainable_variables, before, strict=True)]
    assert (
        all(moved) or precision == "mixed_float16" or not models.has_tiny(name, key)
    )  # whose first scale of the loss may overflow: no step then
    lower = {layer.compute_dtype for layer in model._flatten_layers()}
    assert precision.removeprefix("mixed_") in lower
    return logs


LIKE_DCGAN = ("lsgan", "cdcgan", "acgan", "wgan", "resgan", "coarse_gan")  # to XLA; `-m slow` has them all


@FIRST
def test_bfloat16_and_xla_compute_like_float32(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    exact = first_losses(monkeypatch, name, key, "float32", False)
    rounded = first_losses(monkeypatch, name, key, "mixed_bfloat16", False)
    xla = exact if name in LIKE_DCGAN else first_losses(monkeypatch, name, key, "float32", True)
    for term, value in exact.items():
        assert xla[term] == pytest.approx(value, rel=1e-3, abs=1e-4), term
        assert rounded[term] == pytest.approx(value, rel=0.05, abs=0.02), term


@pytest.mark.slow
@EVERY
def test_every_mode_computes_like_float32(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    exact = first_losses(monkeypatch, name, key, "float32", False)
    for precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        for jit in (False, True):
            logs = first_losses(monkeypatch, name, key, precision, jit)
            for term, value in exact.items():
                if "accuracy" in term:  # a share of a few images: rounding may tip one
                    continue
                assert logs[term] == pytest.approx(value, rel=0.05, abs=0.02), (term, precision, jit)


def test_compile_wants_every_player() -> None:
    name = next(iter(models.MODELS))
    model = models.model_class(name)(**tiny(models.recipe(name)).model)
    with pytest.raises(ValueError, match="takes the optimizers"):
        model.compile(g_optimizer="adam")


def test_batches_are_grouped() -> None:
    class Grouped:
        kind, group, image_shape = "unconditional", 3, (28, 28, 1)

    assert batch_of(Grouped(), 0)["image"].shape == (3, BATCH, 28, 28, 1)
