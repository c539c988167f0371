"""What every GAN of the registry must do, at tiny width: a new one is tested by its line there."""

import dataclasses
import json
import math
import subprocess
import sys
from collections.abc import Iterable
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
    put_back,
    state,
    tiny,
    tiny_model,
)

from tfgans import models
from tfgans.endpoint import Array, Endpoint
from tfgans.inference.export import export
from tfgans.training.setup import build

SHARDS = 2  # of the GANs: each trains and continues its own, in a worker of its own


def each_case(zoo: bool, default: Iterable[str], *more: str) -> list[Any]:
    """Parameters of a test: (GAN, recipe, *more), the first recipe of each in `default` as it is, all others slow."""
    parameters, seen = [], set()
    for name, key in cases():
        marks = [] if name in default and name not in seen else [pytest.mark.slow]
        if zoo:
            marks.append(pytest.mark.xdist_group(f"zoo {list(models.MODELS).index(name) % SHARDS}"))
        parameters.append(pytest.param(name, key, *more, marks=marks))
        seen.add(name)
    return parameters


def cases_of(zoo: bool, default: Iterable[str] = models.MODELS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name, key", each_case(zoo, default))


def in_both(float32: Iterable[str], bfloat16: Iterable[str]) -> pytest.MarkDecorator:
    """Cases of the zoo in two precisions."""
    default = {"float32": float32, "mixed_bfloat16": bfloat16}
    parameters = [case for precision, names in default.items() for case in each_case(True, names, precision)]
    return pytest.mark.parametrize("name, key, precision", parameters)


EACH = cases_of(zoo=False)
OF_ZOO = cases_of(zoo=True)


@dataclasses.dataclass
class Trained:
    """A model after STEPS steps, what it gave then, and its file."""

    model: Any
    logs: dict[str, float]
    counts: dict[str, float]  # how often each term was tracked
    path: Path
    saved: dict[str, np.ndarray]  # the state that the file holds
    uninterrupted: dict[str, np.ndarray]  # the state after as many steps more
    exported: Path | None  # in float32
    made: dict[str, list[np.ndarray]]  # what its endpoints gave when it was exported


class Zoo:
    """Trains a recipe when a test first asks for it; alike ones (at tiny width) share a model."""

    def __init__(self, folder: Path, continued: set[tuple[str, str, str]]) -> None:
        self.folder, self.continued = folder, continued
        self.trained: dict[str, Trained] = {}

    def get(self, name: str, key: str, precision: str = "float32") -> Trained:
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
        saved = state(model)
        exported = export(model, path.with_suffix("")) if precision == "float32" else None
        made = outputs(model, model) if exported else {}  # before the weights move on
        go_on(model, STEPS)
        self.trained[alike] = Trained(model, logs, counts, path, saved, state(model), exported, made)

    def continuation(self, trained: Trained) -> list[np.ndarray]:
        """The state that a fresh process reached from the file; one process for all of `continued` that are trained."""
        result = trained.path.with_suffix(".npz")
        if not result.exists():
            wanted = {self.alike(*case) for case in self.continued}
            paths = [each.path for key, each in self.trained.items() if key in wanted]
            waiting = [path for path in paths if not path.with_suffix(".npz").exists()]
            script = Path(__file__).parents[1] / "tiny.py"
            done = subprocess.run([sys.executable, script, *waiting], capture_output=True, text=True, timeout=600)
            assert done.returncode == 0, done.stderr[-3000:]
        with np.load(result) as arrays:
            return [arrays[str(i)] for i in range(len(arrays))]


@pytest.fixture(scope="module")
def zoo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    name = test_a_fresh_process_continues_to_the_same_bits.__name__
    continued = [item.callspec.params for item in request.session.items if item.originalname == name]
    return Zoo(tmp_path_factory.mktemp("zoo"), {(each["name"], each["key"], each["precision"]) for each in continued})


N, SIDE = 3, 8  # examples given to an endpoint, and pixels where it takes any size


def inputs_of(endpoint: Endpoint, seed: int) -> dict[str, np.ndarray]:
    """Noise for an endpoint."""
    rng, given = np.random.default_rng(0), {}
    for name, array in endpoint.inputs.items():
        if array.encoding == "number":
            given[name] = np.asarray(seed if name == "seed" else N, array.dtype)
        else:
            shape = (N, *(SIDE * endpoint.multiple if side is None else side for side in array.shape[1:]))
            given[name] = dataclasses.replace(array, shape=shape).noise(rng)
    return given


def call(source: Any, name: str, inputs: Iterable[np.ndarray]) -> list[np.ndarray]:
    made = getattr(source, name)(*(tf.constant(each) for each in inputs))
    return [each.numpy() for each in tf.nest.flatten(made)]


def outputs(source: Any, model: Any, seed: int = 5) -> dict[str, list[np.ndarray]]:
    """What each of the model's endpoints gives, of `source`: the model itself or what was exported."""
    return {
        name: call(source, name, inputs_of(endpoint, seed).values())
        for name, endpoint in model.endpoints().items()
        if hasattr(source, name)
    }


@EACH
def test_minimize_moves_its_player_and_no_other(name: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, ablation = tiny_model(name, key), not models.has_tiny(name, key)  # which may leave a part out
    weights = {id(w): w for w in model.trainable_variables}
    owned = {player: {id(w) for w in model.weights_of(player)} for player in model.players}
    assert set().union(*owned.values()) == set(weights), "a trainable weight belongs to no player"
    minimize, called = model.minimize, []

    def watched(player: str, losses: Any) -> Any:
        before = {key: w.numpy() for key, w in weights.items()}
        made = minimize(player, losses)
        moved = {key for key, w in weights.items() if not np.array_equal(w.numpy(), before[key])}
        stray = [weights[key].path for key in moved - owned[player]]
        still = [weights[key].path for key in owned[player] - moved]
        assert not stray and (not still or ablation), f"{player} moved {stray} and did not move {still}"
        called.append(player)
        return made

    monkeypatch.setattr(model, "minimize", watched)
    for i in range(all_players(model)):
        model.train_step(batch_of(model, i))
    assert set(called) == set(model.players) or ablation


@in_both(float32=models.MODELS, bfloat16=["dcgan"])
def test_every_term_is_logged_and_finite(zoo: Zoo, name: str, key: str, precision: str) -> None:
    trained = zoo.get(name, key, precision)
    assert tuple(trained.logs) == trained.model.terms
    assert all(math.isfinite(value) for value in trained.logs.values()), trained.logs
    least = STEPS + 1 - all_players(trained.model)  # of a term that waits for the second stage
    ablation = not models.has_tiny(name, key)  # which may leave a part out
    assert all(count >= least or ablation for count in trained.counts.values()), (
        f"a term was not tracked: {trained.counts}"
    )


@in_both(float32=models.MODELS, bfloat16=["dcgan"])
def test_a_loaded_model_continues_to_the_same_bits(zoo: Zoo, name: str, key: str, precision: str) -> None:
    """Beside the one that was saved, operation by operation; as graphs, in a process of its own, the next test."""
    trained = zoo.get(name, key, precision)
    keras.config.set_dtype_policy(precision)
    loaded = keras.models.load_model(trained.path)
    assert differences(trained.saved, state(loaded)) == []
    put_back(trained.model, trained.saved)
    for model in (trained.model, loaded):
        go_on(model, STEPS, steps=1, graph=False)
    assert differences(state(trained.model), state(loaded)) == []
    assert differences(trained.saved, state(loaded)), "nothing moved"


# a killed `tfgans train` goes on exactly in tests/training/test_train.py, and two GANs more in tests/test_toys.py
@in_both(float32=["wgan"], bfloat16=[])
def test_a_fresh_process_continues_to_the_same_bits(zoo: Zoo, name: str, key: str, precision: str) -> None:
    trained = zoo.get(name, key, precision)
    continued = dict(zip(trained.uninterrupted, zoo.continuation(trained), strict=True))
    assert differences(trained.uninterrupted, continued) == []


@OF_ZOO
def test_the_export_gives_the_same_images(zoo: Zoo, name: str, key: str) -> None:
    trained = zoo.get(name, key)
    loaded = tf.saved_model.load(str(trained.exported))
    made = outputs(loaded, trained.model)
    again, other = outputs(loaded, trained.model), outputs(loaded, trained.model, seed=6)
    for endpoint, images in made.items():
        for image, expected in zip(images, trained.made[endpoint], strict=True):
            assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
            assert image.std() > 0
            np.testing.assert_allclose(image, expected, atol=0.5 / 255, err_msg=endpoint)  # kernels may be float16
        if "seed" in trained.model.endpoints()[endpoint].inputs:
            assert all(map(np.array_equal, images, again[endpoint]))
            assert not any(map(np.array_equal, images, other[endpoint]))


@OF_ZOO
def test_an_endpoint_is_what_it_declares_and_changes_nothing(zoo: Zoo, name: str, key: str) -> None:
    """Shapes and ranges; no variable moves; an image does not depend on its neighbours."""
    model = zoo.get(name, key).model
    before = state(model)
    for method, endpoint in model.endpoints().items():
        inputs = inputs_of(endpoint, seed=5)
        made = call(model, method, inputs.values())
        assert len(made) == len(endpoint.outputs)
        for image, declared in zip(made, endpoint.outputs.values(), strict=True):
            assert image.dtype == declared.dtype and len(image) == N
            assert all(side in (None, real) for side, real in zip(declared.shape, image.shape, strict=True))
            assert declared.low <= image.min() and image.max() <= declared.high
            if "images" in inputs and declared.encoding != "probabilities":
                assert image.shape[1:3] == tuple(endpoint.scale * side for side in inputs["images"].shape[1:3])
        if any(array.encoding == "number" for array in endpoint.inputs.values()):
            continue  # what is drawn depends on how many
        for i in range(N):
            alone = call(model, method, [each[i : i + 1] for each in inputs.values()])
            for one, image in zip(alone, made, strict=True):
                np.testing.assert_allclose(one[0], image[i], atol=1e-5, err_msg=method)
    assert differences(before, state(model)) == []


@OF_ZOO
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
        rate = optimizer.get_config()["learning_rate"]
        rate = rate["config"]["rate"] if isinstance(rate, dict) else rate
        assert rate == pytest.approx(arguments["learning_rate"])


def first_losses(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str, precision: str, jit: bool, graph: bool = True
) -> dict[str, float]:
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
    logs = go_on(model, 0, steps=all_players(model), graph=graph)
    assert all(w.dtype == "float32" and np.isfinite(w.numpy()).all() for w in model.trainable_variables)
    moved = [not np.array_equal(w.numpy(), old) for w, old in zip(model.trainable_variables, before, strict=True)]
    assert (
        all(moved) or precision == "mixed_float16" or not models.has_tiny(name, key)
    )  # whose first scale of the loss may overflow: no step then
    lower = {layer.compute_dtype for layer in model._flatten_layers()}
    assert precision.removeprefix("mixed_") in lower
    return logs


@cases_of(zoo=False, default=["dcgan", "wgan_gp", "srgan"])
def test_bfloat16_computes_like_float32(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    exact = first_losses(monkeypatch, name, key, "float32", jit=False, graph=False)
    rounded = first_losses(monkeypatch, name, key, "mixed_bfloat16", jit=False, graph=False)
    for term, value in exact.items():
        if "accuracy" not in term:  # a share of a few images: rounding may tip one
            assert rounded[term] == pytest.approx(value, rel=0.05, abs=0.02), term


@cases_of(zoo=False, default=["dcgan"])
def test_xla_computes_like_float32(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    exact = first_losses(monkeypatch, name, key, "float32", False)
    xla = first_losses(monkeypatch, name, key, "float32", True)
    for term, value in exact.items():
        assert xla[term] == pytest.approx(value, rel=1e-3, abs=1e-4), term


@cases_of(zoo=False, default=[])
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
        group = 3

        def batch_spec(self, n: int) -> dict[str, Array]:
            return {"image": Array((n, 28, 28, 1))}

    assert batch_of(Grouped(), 0)["image"].shape == (3, BATCH, 28, 28, 1)


# --- every example of a batch counts, and counts alike ----------------------------------------------------------------

MANY = 6  # examples: a size that no other axis of a batch or of its noise has
NOT_DIFFERENTIABLE = ("draw",)  # it draws bits from its images
ALIKE = pytest.mark.parametrize(
    "name, key",
    [
        pytest.param(*case, marks=[] if case in first_cases() else [pytest.mark.slow])
        for case in dict.fromkeys([*first_cases(), *distinct_cases()])
    ],
)


def losses_of_a_batch(
    monkeypatch: pytest.MonkeyPatch, name: str, key: str, order: np.ndarray, looked_at: bool = False
) -> tuple[list[tuple[str, dict[str, float], dict[str, np.ndarray]]], set[str]]:
    """Player, terms and, with `looked_at`, the norm of the gradient at each example of each array of the batch, for
    each time that a player's losses are computed; no weight moves. `order` permutes examples and their noise. Beside
    it, with `looked_at`, the arrays of the batch that have gradients."""
    recipe = tiny(models.recipe(name, key))
    quiet = {argument: 0.0 for argument in recipe.model if "dropout" in argument}
    model = build(name, dataclasses.replace(recipe, model={**recipe.model, **quiet}), 7)
    rng, found = np.random.default_rng(0), []
    taped: dict[str, tf.Tensor] = {}
    tape = tf.GradientTape(persistent=True)

    def permuted(array: np.ndarray) -> tf.Tensor:
        axis = array.shape.index(MANY) if MANY in array.shape else None
        return tf.constant(array if axis is None else np.take(array, order, axis).copy())

    def noise(draw: Any) -> Any:
        def drawn(shape: Any, *args: Any, **options: Any) -> tf.Tensor:
            return permuted(np.asarray(draw([int(side) for side in shape], *args)))

        return drawn

    def random(shape: Any, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    monkeypatch.setattr(keras.random, "normal", noise(lambda shape, *_: rng.normal(size=shape).astype(np.float32)))
    monkeypatch.setattr(keras.random, "uniform", noise(random))
    monkeypatch.setattr(
        keras.random, "randint", noise(lambda shape, low, high: rng.integers(low, high, shape, "int32"))
    )

    def watched(player: str, losses: Any) -> Any:
        terms = losses()
        terms, made = terms if isinstance(terms, tuple) else (terms, None)
        norms, loss = {}, sum(terms.values())
        if looked_at:
            with tape.stop_recording():
                for array, value in taped.items():
                    gradient = tape.gradient(loss, value)
                    if gradient is not None:
                        rows = np.moveaxis(gradient.numpy(), value.shape.as_list().index(MANY), 0)
                        norms[array] = np.linalg.norm(rows.reshape(MANY, -1), axis=1)
        found.append((player, {term: float(value) for term, value in terms.items()}, norms))
        return made

    monkeypatch.setattr(model, "minimize", watched)
    batches = []
    for _ in range(model.group or 1):
        batches.append({name: permuted(array.noise(rng)) for name, array in model.batch_spec(MANY).items()})
    batch = {
        name: tf.stack([each[name] for each in batches]) if model.group else batches[0][name] for name in batches[0]
    }
    with tape:
        for each, array in batch.items():
            if looked_at and array.dtype == tf.float32:
                tape.watch(array)
                taped[each] = array
        for _ in range(all_players(model)):
            model.train_step(batch)
    return found, set(taped)


@ALIKE
def test_every_example_of_a_batch_counts_and_counts_alike(monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    """Losses do not depend on the order of a batch; in those that look at an array of the batch, each example has a
    gradient of a like size."""
    with monkeypatch.context() as patch:
        straight, arrays = losses_of_a_batch(patch, name, key, np.arange(MANY), looked_at=True)
    with monkeypatch.context() as patch:
        turned, _ = losses_of_a_batch(patch, name, key, np.array([3, 5, 0, 4, 2, 1]))
    assert [player for player, *_ in straight] == [player for player, *_ in turned] and straight
    for (player, terms, _), (_, again, _) in zip(straight, turned, strict=True):
        assert again == pytest.approx(terms, rel=1e-3, abs=1e-5), player
    seen: set[str] = set()
    for player, terms, norms in straight:
        for array, each in norms.items():
            assert each.min() > 0.2 * each.max() or not each.any(), f"{player} {list(terms)} by {array}: {each}"
            seen |= {array} if each.any() else set()
    assert arrays <= seen or name in NOT_DIFFERENTIABLE, f"no loss looks at {arrays - seen}"
