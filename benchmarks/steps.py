"""Training steps as `tfgans train` runs them, timed beside their twins in PyTorch and a loop of `train_on_batch`.

    python benchmarks/steps.py                            # all of them, into docs/BENCHMARKS.md
    python benchmarks/steps.py dcgan-mnist srgan-photos   # these
    python benchmarks/steps.py --check                    # parameters and first losses only

A step is Keras's train function of the compiled model, on one batch of noise that stays. Its twins (twins_torch.py)
have the same weights, batch and mathematics: eager, eager with images channels last, and compiled by `torch.compile`;
in bfloat16, too, if the processor has it. The number of each network's weights and their shapes must be equal, and so
must the losses of the first step, to 1e-4 in float32: what our step draws at random is given to the twins. The loop is
DCGAN as Keras's examples of 2018 have it: `predict`, two `train_on_batch` of the discriminator, and one of a model of
both networks, with Keras's own layers.

All take turns. Ratios are to our step in the same round, medians with quartiles over the rounds. The peak is the best
rate of a few single convolutions of 3x3, in TensorFlow or PyTorch, at the start of the same run.
"""

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from report import ROOT, TABLE, described, keep, quartiles, ratios, spread, table, timed, turns

sys.path.insert(0, str(ROOT))
import tfgans.training  # noqa: F401  # isort: skip  (first: it turns oneDNN on, which TensorFlow reads once)
import keras
import numpy as np
import tensorflow as tf
from keras.src.backend import random as backend_random
from train_step import TrainStep
from xla_steps import TOLERANCE, first_step, noise, short, told

from tfgans import models
from tfgans.errors import UserError
from tfgans.features.squeezenet import DISTANCE_LAYERS, FLOOR, USUAL, squeezenet
from tfgans.layers import BatchNormalization
from tfgans.recipe import Recipe
from tfgans.training.environment import has_bfloat16, usable_precision
from tfgans.training.profile import count_flops
from tfgans.training.setup import batch_signature, build

CASES = {  # GAN, recipe, stage of the training
    "dcgan-mnist": ("dcgan", "mnist", "step"),
    "wgan_gp-mnist": ("wgan_gp", "mnist", "step"),
    "srgan-srresnet": ("srgan", "srresnet", "pretrain"),
    "srgan-photos": ("srgan", "photos", "compete"),
    "pix2pix-facades": ("pix2pix", "facades", "step"),
    "cyclegan-horse2zebra": ("cyclegan", "horse2zebra", "step"),
}
OURS = "tfgans"


# --- the step of tfgans -----------------------------------------------------------------------------------------------


class Ours(TrainStep):
    """The step of a new model of a recipe.

    Attributes:
        about, values: The description of the step for its twin (`twins_torch.Twin`).
        gflop: Floating-point operations of the step, as `tfgans train --dry-run` counts them.
    """

    def __init__(self, gan: str, recipe: Recipe, stage: str, precision: str) -> None:
        model = build(gan, recipe, 0, precision)
        begun = 0
        for name, steps in model.stages:
            if name == stage:
                break
            begun += steps or 0
        self.changes = {"steps_done": begun} if model.stages else {}
        drawn = noise(model, recipe.batch_size)
        batch = {key: tf.constant(value) for key, value in drawn.items()}
        owners = (model, *model.metrics, *(getattr(model, player) for player in model.players))
        variables = {id(v): v for owner in owners for v in owner.variables}.values()
        self.fresh = [(v, v.numpy()) for v in variables]

        networks = dict.fromkeys(name for names in model.players.values() for name in names)
        self.values = {f"batch {key}": value for key, value in drawn.items()}
        for name in networks:
            weights = getattr(model, name).trainable_variables
            self.values |= {f"{name} {i}": weight.numpy() for i, weight in enumerate(weights)}
        self.about: dict[str, Any] = {
            "precision": precision,
            "model": recipe.model,
            "optimizers": recipe.optimizers,
            "networks": {name: [key for key in self.values if key.startswith(f"{name} ")] for name in networks},
        }
        kind, _, place = str(recipe.model.get("content", "")).partition(":")
        if kind == "squeezenet":
            self.about["floors"] = {layer: FLOOR * USUAL[layer] for layer in DISTANCE_LAYERS}
            for weight in squeezenet(place, DISTANCE_LAYERS).weights:
                self.values["content " + weight.path.replace("/", " ")] = weight.numpy()
        self.restart(self.changes)
        with recorded() as draws:
            logs = model.train_step(batch)
        self.values |= {f"draw {i}": value for i, value in enumerate(draws)}
        logs = {term: float(value) for term, value in logs.items()}
        self.about["stages"] = [{"name": stage, "changes": self.changes, "logs": logs}]

        step = getattr(model, stage) if model.stages else model.train_step
        signature = batch_signature(model, recipe.batch_size)
        self.gflop = count_flops(tf.function(step).get_concrete_function(signature)) / 1e9
        self.parameters = sum(self.values[key].size for keys in self.about["networks"].values() for key in keys)
        self.images = recipe.batch_size * (model.group or 1)
        self.restart(self.changes)
        super().__init__(model, drawn)

    def restart(self, changes: dict[str, int]) -> None:
        """Back to the variables of a fresh model, at the start of the stage."""
        for variable, value in self.fresh:
            variable.assign(changes.get(variable.name, value))


@contextmanager
def recorded() -> Iterator[list[np.ndarray]]:
    """A list that gets all that models draw meanwhile: random numbers, and masks of dropout."""
    found: list[np.ndarray] = []

    def kept(draw: Callable[..., Any]) -> Callable[..., Any]:
        def drawn(*args: Any, **kwargs: Any) -> Any:
            made = draw(*args, **kwargs)
            found.append(made.numpy())
            return made

        return drawn

    own = backend_random.dropout

    def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> Any:
        mask = own(tf.ones_like(inputs), rate, noise_shape, seed)
        found.append(tf.cast(mask, tf.float32).numpy())
        return inputs * mask

    with ExitStack() as patches:
        for name in ("normal", "uniform", "randint"):
            patches.enter_context(mock.patch.object(keras.random, name, kept(getattr(keras.random, name))))
        patches.enter_context(mock.patch.object(backend_random, "dropout", dropout))
        yield found


class Loop:
    """DCGAN's step as a loop over `train_on_batch`, with Keras's own batch normalization."""

    def __init__(self, ours: Ours, recipe: Recipe) -> None:
        def plain(layer: keras.Layer) -> keras.Layer:
            kind = keras.layers.BatchNormalization if isinstance(layer, BatchNormalization) else type(layer)
            return kind.from_config(layer.get_config())

        networks = (ours.model.generator, ours.model.discriminator)
        self.generator, self.discriminator = (keras.models.clone_model(each, clone_function=plain) for each in networks)
        loss, adam = keras.losses.BinaryCrossentropy(from_logits=True), recipe.optimizers
        self.discriminator.compile(loss=loss, optimizer=keras.optimizers.Adam(**adam["d_optimizer"]))
        self.real, self.latent_dim = ours.values["batch image"], recipe.model["latent_dim"]
        self.rng = np.random.default_rng(0)
        self.ones, self.zeros = np.ones((len(self.real), 1)), np.zeros((len(self.real), 1))
        self.discriminator.train_on_batch(self.real, self.ones)  # traced before it is frozen
        self.discriminator.trainable = False
        z = keras.Input((self.latent_dim,))
        self.both = keras.Model(z, self.discriminator(self.generator(z)))
        self.both.compile(loss=loss, optimizer=keras.optimizers.Adam(**adam["g_optimizer"]))

    def latents(self) -> np.ndarray:
        return self.rng.normal(size=(len(self.real), self.latent_dim)).astype(np.float32)

    def __call__(self) -> None:
        made = self.generator.predict(self.latents(), verbose=0)
        self.discriminator.train_on_batch(self.real, self.ones)
        self.discriminator.train_on_batch(made, self.zeros)
        self.both.train_on_batch(self.latents(), self.ones)

    def wait(self) -> None:
        pass


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def torch_steps(name: str, ours: Ours) -> dict[str, Any]:
    """The twins of a step, by mode."""
    try:
        from twins import TWINS
    except ImportError as error:
        print(f"without PyTorch: {error}; pip install -e .[benchmarks]", file=sys.stderr)
        return {}
    twin, found = TWINS[name], {}
    precisions = ("float32", "mixed_bfloat16") if has_bfloat16() else ("float32",)
    for precision in precisions:
        about = {**ours.about, "precision": precision}
        what = "" if len(precisions) == 1 else f" {short(precision)}"
        found[f"eager{what}"] = twin(about, ours.values, compiled=False, channels_last=False)
        found[f"eager, channels last{what}"] = twin(about, ours.values, compiled=False)
        found[f"compiled{what}"] = twin(about, ours.values, compiled=True)
    return found


def torch_gflop(step: Any) -> float:
    """Of one step, as PyTorch counts."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    counter.mod_tracker = mock.MagicMock(parents=["Global"])  # counting by module fails within gradient penalties
    with counter:
        step()
    return counter.get_total_flops() / 1e9


class Convolution:
    """A convolution of 3x3 in TensorFlow or PyTorch, as a step."""

    def __init__(self, package: str, dtype: str, n: int, side: int, channels: int) -> None:
        self.gflop = 2 * 9 * channels**2 * n * side**2 / 1e9
        images = np.random.default_rng(0).normal(size=(n, side, side, channels)).astype(np.float32)
        kernel = np.full((3, 3, channels, channels), 0.01, np.float32)
        if package == "torch":
            import torch

            x, k = (torch.from_numpy(each).to(getattr(torch, dtype)) for each in (images, kernel))
            x, k = x.permute(0, 3, 1, 2), k.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
            self.run: Callable[[], Any] = lambda: torch.nn.functional.conv2d(x, k, padding=1)
        else:
            function = tf.function(lambda x, k: tf.nn.conv2d(x, k, 1, "SAME"))
            given = [tf.cast(each, dtype) for each in (images, kernel)]
            self.run = lambda: function(*given)

    def __call__(self) -> None:
        self.run()

    def wait(self) -> None:
        pass


def convolution_peak(dtype: str, seconds: float = 0.3) -> float:
    """GFLOP/s of the fastest of a few convolutions."""
    packages = ["tensorflow", *["torch"] * (importlib.util.find_spec("torch") is not None)]
    found = []
    for package in packages:
        for n, side, channels in ((16, 24, 64), (4, 96, 64), (16, 32, 128), (8, 32, 256)):
            step = Convolution(package, dtype, n, side, channels)
            timed(step, 1)
            count = max(1, int(seconds / timed(step, 1)))
            found.append(step.gflop / min(timed(step, count) for _ in range(3)))
    return max(found)


# --- the command ------------------------------------------------------------------------------------------------------


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The row of a step. `wrong` are the modes with other losses, `failed` those that did not run, with the reason."""
    gan, key, stage = CASES[name]
    recipe = (models.tiny if options.tiny else models.recipe)(gan, key)
    precision = "float32" if options.check else usable_precision(recipe.precision or "float32")
    ours = Ours(gan, recipe, stage, precision)
    steps: dict[str, Any] = {OURS: ours, **torch_steps(name, ours)}
    if options.check:
        steps = {what: step for what, step in steps.items() if not what.startswith("compiled")}
    row: dict[str, Any] = {"images": ours.images, "gflop": ours.gflop, "parameters": ours.parameters}
    row |= {"precision": precision, "errors": {}, "compiling": {}, "failed": {}, "wrong": []}
    for what, step in list(steps.items()):
        try:
            row["compiling"][what], row["errors"][what] = first_step(step, stage)
            if "torch_gflop" not in row and what.startswith("eager"):
                row["torch_gflop"] = torch_gflop(step)
        except Exception as error:  # of many types; the other modes may run
            row["failed"][what] = told(error)
            del steps[what]
        else:
            float32 = step.about["precision"] == ours.about["precision"] == "float32"
            if float32 and not row["errors"][what] <= TOLERANCE:  # NaN is wrong
                row["wrong"].append(what)
    if not options.check:
        if gan == "dcgan":
            steps["train_on_batch"] = Loop(ours, recipe)
        row["seconds"] = turns(steps, options.seconds, options.rounds)
    return row


def report(name: str, row: dict[str, Any]) -> None:
    """What was found, on the terminal."""
    counted = f", {row['torch_gflop']:.1f} in PyTorch" if "torch_gflop" in row else ""
    print(f"{name}: {row['parameters']:,} parameters, {row['gflop']:.1f} GFLOP{counted}")
    for what, error in row["errors"].items():
        print(f"  {what:24} losses differ by {error:.1e}{' (too much)' if what in row['wrong'] else ''}")
    for what, reason in row["failed"].items():
        print(f"  {what:24} failed: {reason}")
    for what, values in row.get("seconds", {}).items():
        print(f"  {what:24} {spread([1000 * value for value in values], '{:.1f}')} ms")
    sys.stdout.flush()


def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The section of the page."""
    modes = dict.fromkeys(what for row in rows.values() for what in row["seconds"] if what != OURS)
    last = [what for what in modes if what == "train_on_batch"]
    modes = [*(what for what in modes if what not in last), *last]
    times, checks = [], []
    for name, row in rows.items():
        took = row["seconds"]
        own = took[OURS]
        cells = [name, str(row["images"]), f"{row['gflop']:.1f}", spread([1000 * each for each in own], "{:.0f}")]
        cells.append(f"{row['gflop'] / quartiles(own)[0] / row['peak']:.0%}")
        cells += [spread(ratios(took[what], own)) if what in took else "" for what in modes]
        times.append(cells)
        errors = [f"{row['errors'][what]:.0e}" if what in row["errors"] else "" for what in modes if what not in last]
        flops = f"{row['torch_gflop'] / row['gflop']:.3f}" if "torch_gflop" in row else ""
        checks.append([name, f"{row['parameters']:,}", flops, *errors])
    peaks = " to ".join(f"{each(row['peak'] for row in rows.values()):.0f}" for each in (min, max))
    heads = [what if what in last else f"PyTorch {what}" for what in modes]
    return [
        facts["machine"],
        "",
        f"A step of tfgans in milliseconds, in {facts['precision']}, and the time of the others as a multiple of it in "
        "the same round: the median, with quartiles in parentheses. A multiple above 1 means that tfgans is faster. "
        f"The peak is the best of a few convolutions in the same run: {peaks} GFLOP/s.",
        "",
        *table(["step", "images", "GFLOP", "tfgans, ms", "of the peak", *heads], times),
        "",
        "Parameters are equal by construction; FLOPs are PyTorch's count divided by ours; the other columns show how "
        "far the losses of the first step are from ours, relative.",
        "",
        *table(["step", "parameters", "FLOPs", *[head for head in heads if head not in last]], checks),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)} (default: all)")
    parser.add_argument("--check", action="store_true", help="compare parameters and losses, and time nothing")
    parser.add_argument("--tiny", action="store_true", help="at the size of the tests")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each step (default: 3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn (default: 1)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no other GAN after so long")
    parser.add_argument("--page", type=Path, default=TABLE, metavar="FILE", help="default: docs/BENCHMARKS.md")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in CASES]
    if unknown:
        parser.error(f"there is no step {', '.join(unknown)}; choose of {', '.join(CASES)}")
    tf.get_logger().setLevel("ERROR")  # without advice against many models in one process
    until, wrong, facts, peak = time.monotonic() + 60 * options.minutes, 0, {}, 0.0
    if not options.check:
        precision = "bfloat16" if has_bfloat16() else "float32"
        facts = {"machine": described("tensorflow", "keras", "torch"), "precision": precision}
        peak = convolution_peak(precision)
    for name in options.names or CASES:
        if time.monotonic() > until:
            print(f"{options.minutes:g} minutes are over before {name}")
            break
        try:
            row = measured(name, options)
        except UserError as error:  # such as absent weights of a content network
            print(f"{name}: {error}")
            wrong += 1
            continue
        report(name, row)
        wrong += bool(row["wrong"] or (options.check and row["failed"]))
        if not options.check:
            row["peak"] = peak
            keep("steps", "Training steps beside PyTorch", facts, {name: row}, lines, options.page)
        keras.backend.clear_session()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
