"""The mode to train in, what a step costs, and how many steps fit into a time."""

import dataclasses
import json
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from tfgans import data, models
from tfgans.errors import UserError
from tfgans.files import cache_folder
from tfgans.recipe import Recipe
from tfgans.training import autotune, budget, environment, profile
from tfgans.training.autotune import candidates, choose_mode
from tfgans.training.environment import duration, has_bfloat16, machine
from tfgans.training.profile import count_flops, guessed_flops, step_flops
from tfgans.training.setup import build
from tfgans.training.train import resume, train

GAN = {"image_shape": [28, 28, 1], "generator_width": 12, "discriminator_width": 12, "batch_size": 4}
FOUR = [(p, j) for p in ("float32", "mixed_float16") for j in (False, True)]


def plain_mode(pictures: Path, **more: Any) -> dict[str, Any]:
    return {"dataset": f"folder:{pictures}", "precision": "float32", "jit": "off", **more}


def undecided(steps: int = 100_000) -> Recipe:
    return dataclasses.replace(models.tiny("gan"), precision="", steps=steps)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time that training modules read; it passes when a test says so."""
    now = [0.0]
    for module in (autotune, budget):
        monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    yield now


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TFGANS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def digits(pictures: Path) -> data.ImageSet:
    return data.load(f"folder:{pictures}", image_shape=(28, 28, 1))


# -- which modes there are -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "precision, jit, named, has, gpu, expected",
    [
        ("auto", "auto", "", True, False, [("float32", False), ("mixed_bfloat16", False)]),
        ("auto", "auto", "", False, False, [("float32", False)]),  # bfloat16 is not even tried
        ("auto", "auto", "mixed_bfloat16", True, False, [("mixed_bfloat16", False)]),
        ("auto", "auto", "mixed_bfloat16", False, False, [("float32", False)]),
        ("auto", "on", "mixed_bfloat16", True, False, [("mixed_bfloat16", True)]),
        ("mixed_bfloat16", "auto", "", False, False, [("mixed_bfloat16", False)]),  # who asks for it gets it
        ("auto", "auto", "", False, True, FOUR),
        ("float32", "auto", "", False, True, FOUR[:2]),
    ],
)
def test_modes_that_are_worth_a_try(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    precision: str,
    jit: str,
    named: str,
    has: bool,
    gpu: bool,
    expected: list[Any],
) -> None:
    for module in (autotune, environment):
        monkeypatch.setattr(module, "has_bfloat16", lambda: has)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind] if gpu else [])
    recipe = dataclasses.replace(undecided(), precision=named)
    assert candidates(recipe, False, precision, jit) == expected
    warned = (precision, named, has) == ("auto", "mixed_bfloat16", False)
    line = "this processor has no instructions for bfloat16: training in float32\n"
    assert capsys.readouterr().err == (line if warned else "")
    assert {p for p, _ in candidates(recipe, True, "auto", jit)} == {"float32"}, "points"


@pytest.mark.parametrize(
    "flags, expected",
    [("avx512f avx512_bf16 fma", True), ("amx_bf16 amx_tile", True), ("asimd bf16", True), ("avx2 avx512f", False)],
)
def test_instructions_for_bfloat16(tmp_path: Path, flags: str, expected: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"model name : some\nflags : fpu {flags}\n")
    assert has_bfloat16(tmp_path / "cpuinfo") is expected and not has_bfloat16(tmp_path / "absent")


# -- which is the fastest ------------------------------------------------------------------------------------------


class Machine:
    """Steps that take so many seconds, by mode, and models `building` seconds; `calls` are the modes of all steps."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, clock: list[float], seconds: list[float], building: float = 1.0
    ) -> None:
        self.seconds, self.building, self.clock = dict(zip(FOUR, seconds, strict=True)), building, clock
        self.calls: list[Any] = []
        self.built: list[Any] = []
        monkeypatch.setattr(autotune, "candidates", lambda *_: FOUR)
        monkeypatch.setattr(autotune, "network_of", lambda *_: None)
        monkeypatch.setattr(autotune, "guessed_flops", lambda *_: 1e12)
        monkeypatch.setattr(autotune, "timeable", lambda model, batch_size, flops: batch_size)
        monkeypatch.setattr(autotune, "batches", lambda *_: [{}])
        monkeypatch.setattr(autotune.tf, "function", lambda step, jit_compile: step)
        monkeypatch.setattr(autotune, "build", self.build)
        monkeypatch.setattr(autotune, "timed", self.timed)

    def build(self, name: str, recipe: Recipe, seed: int, *mode: Any) -> Any:
        self.clock[0] += self.building
        self.built.append(mode)
        return types.SimpleNamespace(train_step=mode, group=None)

    def timed(self, mode: Any, given: Any) -> float:
        self.calls.append(mode)
        took = self.seconds[mode] * (3 if len(self.calls) % 7 == 0 else 1)  # the machine is busy now and then
        self.clock[0] += took
        return took


@pytest.mark.parametrize(
    "seconds, chosen",
    [
        ([0.100, 0.101, 0.060, 0.090], FOUR[2]),
        ([0.100, 0.080, 0.090, 0.090], FOUR[1]),
        ([0.100, 0.097, 0.098, 0.096], FOUR[0]),  # not worth leaving plain float32
    ],
)
def test_auto_takes_the_fastest_mode_and_remembers_it(
    monkeypatch: pytest.MonkeyPatch,
    clock: list[float],
    digits: data.ImageSet,
    seconds: list[float],
    chosen: Any,
) -> None:
    here = Machine(monkeypatch, clock, seconds)
    mode, timings = choose_mode("gan", undecided(), digits, 0, "auto", "auto")
    assert mode == chosen
    assert list(timings) == ["float32", "float32 XLA", "mixed_float16", "mixed_float16 XLA"]
    assert timings == pytest.approx(dict(zip(timings, [1000 * each for each in seconds], strict=True)))
    calls = len(here.calls)
    assert choose_mode("gan", undecided(), digits, 1, "auto", "auto") == (mode, timings)
    assert len(here.calls) == calls, "not timed again"
    wider = dataclasses.replace(undecided(), model={**undecided().model, "generator_width": 16})
    choose_mode("gan", wider, digits, 0, "auto", "auto")
    assert len(here.calls) > calls, "another network is"


def test_a_mode_that_is_twice_as_slow_is_out_after_one_step(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], digits: data.ImageSet
) -> None:
    here = Machine(monkeypatch, clock, [0.1, 0.15, 6.4, 0.12])
    assert choose_mode("gan", undecided(), digits, 0, "auto", "auto")[0] == FOUR[0]
    assert here.calls.count(FOUR[2]) == 2  # the first one traces
    assert here.calls.count(FOUR[1]) == here.calls.count(FOUR[3]) == 1 + autotune.ROUNDS


@pytest.mark.parametrize("seconds", [None, 300.0])
def test_timing_takes_a_twentieth_of_the_training_at_most(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], digits: data.ImageSet, seconds: float | None
) -> None:
    here = Machine(monkeypatch, clock, [0.3] * 4, building=4.0)
    steps = 1_000 if seconds is None else 10
    choose_mode("gan", undecided(steps), digits, 0, "auto", "auto", seconds)
    assert 1.0 < clock[0] <= 0.05 * 300
    assert here.built[0] == FOUR[0] and len(here.built) < 4 and not (cache_folder() / "modes.json").exists()


def test_a_short_training_is_not_timed_at_all(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], digits: data.ImageSet
) -> None:
    here = Machine(monkeypatch, clock, [0.3] * 4)
    assert choose_mode("gan", undecided(4), digits, 0, "auto", "auto") == (FOUR[0], {})
    assert not here.built and clock[0] == 0.0


def test_a_damaged_cache_is_written_anew(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], digits: data.ImageSet
) -> None:
    Machine(monkeypatch, clock, [0.1, 0.2, 0.06, 0.2])
    path = cache_folder() / "modes.json"
    for damaged in ("{", "[]", '{"a": 1}'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(damaged)
        assert choose_mode("gan", undecided(), digits, 0, "auto", "auto")[0] == FOUR[2]
        assert "mixed_float16" in {each["mode"] for each in json.loads(path.read_text()).values() if each != 1}


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("TFGANS_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "tfgans"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tfgans"


def test_the_chosen_mode_is_recorded_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    monkeypatch.setattr("tfgans.training.train.choose_mode", lambda *_: (("mixed_bfloat16", False), {"float32": 1.5}))
    run = train("gan", settings={**GAN, "steps": 2}, run_dir=tmp_path / "run", **plain_mode(pictures))
    assert run is not None
    assert run.config["precision"] == "mixed_bfloat16" and run.config["jit_compile"] is False
    assert run.config["mode_timings_ms"] == {"float32": 1.5}
    assert run.config["machine"]["onednn"] is machine()["onednn"]
    keras.config.set_dtype_policy("mixed_bfloat16")
    assert run.load(2).generator.layers[1].compute_dtype == "bfloat16"


# -- oneDNN --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, own, expected",
    [("train", None, "1"), ("resume", None, "1"), ("train", "0", "0"), ("restore", None, None), ("generate", "1", "1")],
)
def test_training_turns_onednn_on_where_the_user_has_not_decided(
    monkeypatch: pytest.MonkeyPatch, command: str, own: str | None, expected: str | None
) -> None:
    """Before TensorFlow is loaded, which reads it then."""
    code = f"""
import os, types
from tfgans import cli
cli._import_tensorflow = lambda: print(os.environ.get("TF_ENABLE_ONEDNN_OPTS"))
cli._before(types.SimpleNamespace(invoked_subcommand="{command}"))
"""
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if own:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", own)
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout == f"{expected}\n"


# -- what a step costs ---------------------------------------------------------------------------------------------


def gan_step_flops(n: int = 4, width: int = 12, latent: int = 100, pixels: int = 784, pieces: int = 5) -> int:
    """Of a step of the GAN, by hand: one discriminator and one generator update of n examples."""

    def product(a: int, b: int) -> int:
        return 2 * n * a * b

    generator = product(latent, width) + product(width, width) + product(width, pixels)
    discriminator = product(pixels, pieces * width) + product(width, pieces * width) + product(width, 1)
    # forward twice, the gradients of all weights and of the inputs of all but the first layer, twice
    first = generator + 2 * (3 * discriminator - product(pixels, pieces * width))
    # back through the discriminator to its input, without gradients of its weights
    second = generator + 2 * discriminator + 2 * generator - product(latent, width)
    return first + second


def test_dry_run_prints_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(profile, "timed", lambda step, batch: 0.25)
    settings = {**GAN, "steps": 14_400}
    assert train("gan", settings=settings, dry_run=True, **plain_mode(pictures)) is None
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    generator = 100 * 12 + 12 + 12 * 12 + 12 + 12 * 784 + 784
    discriminator = 784 * 60 + 60 + 12 * 60 + 60 + 12 + 1
    assert f" {generator:,} parameters (generator)" in lines["g_optimizer"]
    assert f" {discriminator:,} parameters (discriminator)" in lines["d_optimizer"]
    printed = float(lines["step"].split()[1])
    assert printed == pytest.approx(gan_step_flops() / 1e9, rel=1e-3)
    assert "250.0 ms in float32" in lines["step"]
    assert "14,400 steps, about 1h00m" in lines["run"]
    assert list(tmp_path.iterdir()) == []


def test_dry_run_counts_what_each_stage_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    built: list[Any] = []
    build = profile.build
    monkeypatch.setattr(profile, "step_flops", lambda *_: 10**9)  # of three stages it takes seconds
    monkeypatch.setattr(profile, "build", lambda *given: built.append(build(*given)) or built[-1])
    monkeypatch.setattr(profile, "timed", lambda *_: 0.5 if int(built[-1].steps_done) < 3_600 else 2.0)
    settings = dict(steps=5_400, pretrain_steps=3_600, image_shape=[32, 32, 3], part=16, width=4, discriminator_width=4)
    assert train("unet_gan", dataset="photos", settings=settings, dry_run=True, precision="float32", jit="off") is None
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "500.0 and then 2000.0 and then 2000.0 ms in float32" in lines["step"]
    assert "5,400 steps, about 1h30m" in lines["run"]  # 3,600 of half a second, 1,800 of two


def test_a_dry_run_of_huge_batches_times_small_ones(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = []
    monkeypatch.setattr(profile, "timed", lambda step, batches: given.append(next(batches)["image"].shape[0]) or 0.5)
    settings = {**GAN, "batch_size": 100_000, "steps": 10}
    train("gan", settings=settings, dry_run=True, **plain_mode(pictures))
    lines = capsys.readouterr().out.splitlines()
    part = int(profile.LARGEST_BATCH / (4 * 784))
    assert set(given) == {part}
    assert f"{gan_step_flops(100_000) / 1e9:.4g}"[:3] in lines[3].split()[1]
    assert f"{500 * 100_000 / part:.1f} ms in float32" in lines[3]
    assert lines[4].split() == f"not timed: 100,000 images are too many; scaled up from steps with {part:,}".split()


def test_how_many_examples_a_step_is_timed_with() -> None:
    model = build("gan", undecided(), 0)
    assert profile.timeable(model, 128, 1e9) == 128
    assert profile.timeable(model, 128, 4 * profile.LARGEST_STEP) == 32
    assert profile.timeable(model, 128, 1e30) == 1


@pytest.mark.parametrize("name", ["gan", "dcgan"])
def test_flops_are_guessed_from_below(name: str) -> None:
    model = build(name, models.tiny(name), 0)
    counted, guessed = step_flops(model, 4), guessed_flops(model, 4)
    assert counted / 6 < guessed < counted


def test_flops_of_convolutions() -> None:
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, 2, "same")(image)
    net = keras.Model(image, keras.layers.Conv2DTranspose(4, 4, 2, "same")(x))

    @tf.function
    def step(images: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(net(images) ** 2)
        return tape.gradient(loss, [v.value for v in net.trainable_variables])

    down = 2 * (2 * 4 * 4) * (3 * 3 * 3 * 5)  # two images, 4 x 4 positions
    up = 2 * (2 * 4 * 4) * (4 * 4 * 4 * 5)
    # forward; the gradients of both kernels; the gradient of the input of the second layer only
    assert count_flops(step.get_concrete_function(tf.zeros((2, 8, 8, 3)))) == 2 * down + 3 * up


def test_flops_of_a_loop_count_every_pass() -> None:
    weights = tf.Variable(tf.ones((4, 4)))

    @tf.function
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            y = tf.while_loop(lambda _: True, lambda y: (y @ weights,), (x,), maximum_iterations=5)[0]
            loss = tf.reduce_sum(tf.cond(tf.reduce_sum(y) > 0.0, lambda: y @ weights, lambda: y))
        return tape.gradient(loss, weights)

    product = 2 * 3 * 4 * 4
    # forward, and the gradients of both factors; five passes of the loop and one branch
    assert count_flops(step.get_concrete_function(tf.ones((3, 4)))) == 3 * (5 + 1) * product


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59.4, 185, 3725, 90_000)] == ["0s", "59s", "3m05s", "1h02m", "25h00m"]


# -- a time in place of a number of steps --------------------------------------------------------------------------


def test_steps_that_fit_into_a_time(monkeypatch: pytest.MonkeyPatch, clock: list[float], digits: data.ImageSet) -> None:
    recipe = dataclasses.replace(models.tiny("unet_gan"), steps=1_000)
    recipe = dataclasses.replace(recipe, model={**recipe.model, "pretrain_steps": 500, "early_steps": 100})

    def measured(model: Any, recipe: Recipe, source: Any, seed: int, jit: bool, at_least: float) -> list[float]:
        clock[0] += len(stages) * at_least + 8.0  # the stages' steps, and until the first one
        return [0.1, 0.9, 0.4]

    monkeypatch.setattr(budget, "step_seconds", measured)
    stages = (("pretrain", 500), ("early", 100), ("compete", None))
    monkeypatch.setattr(budget, "build", lambda *_: types.SimpleNamespace(stages=stages))
    clock[0] = 50.0
    made = budget.within(20, 40.0, "unet_gan", recipe, digits, 0, ("float32", False))
    left = 0.95 * 1_200 - (10 + 24 + 8) - 8
    assert made.steps == int(1_000 * left / (500 * 0.1 + 100 * 0.9 + 400 * 0.4))
    assert made.model["pretrain_steps"] == round(500 * made.steps / 1_000)
    assert made.model["early_steps"] == round(100 * made.steps / 1_000)
    assert made.model["early_discriminator_steps"] == recipe.model["early_discriminator_steps"]
    assert budget.within(0.01, 50.0, "unet_gan", recipe, digits, 0, ("float32", False)).steps == 1


def test_a_run_of_so_many_minutes_keeps_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: Path
) -> None:
    monkeypatch.setattr(budget, "step_seconds", lambda *_: [0.1])
    monkeypatch.setattr(budget.time, "perf_counter", lambda: 0.0)
    settings = {name: value for name, value in GAN.items()}
    run = train("gan", settings=settings, minutes=0.01, run_dir=tmp_path / "run", **plain_mode(pictures))
    assert run is not None
    assert run.config["minutes"] == 0.01 and run.config["recipe"]["steps"] == 5 == run.latest()  # of 0.57 s
    assert run.config["every"] == 1
    for step in (4, 5):
        run.checkpoint(step).unlink()
    monkeypatch.setattr(budget, "step_seconds", lambda *_: pytest.fail("measured again"))
    assert resume(run.path).latest() == 5


@pytest.mark.parametrize(
    "minutes, settings, says",
    [
        (5, {"steps": 10}, "--minutes determines 'steps'; leave one of them out"),
        (5, {"pretrain_steps": 10}, "--minutes determines 'pretrain_steps'"),
        (0, {}, "--minutes must be above 0, not 0"),
        (float("nan"), {}, "--minutes must be above 0"),
    ],
)
def test_a_time_and_a_number_of_steps_exclude_each_other(
    tmp_path: Path, minutes: float, settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        train("srgan", recipe_key="srresnet", settings=settings, minutes=minutes, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    budget.check_minutes(5, {"pretrain_steps": 0, "start": "x"})  # no such stage
