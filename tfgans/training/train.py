"""Training from a recipe and a seed into a run folder, and exact resumption of an interrupted run."""

import contextlib
import math
import sys
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfgans import data, models
from tfgans.adversarial import Adversarial
from tfgans.data.fingerprint import digest, to_text
from tfgans.data.pipeline import Part
from tfgans.errors import UserError
from tfgans.files import plain, write_text
from tfgans.recipe import PRECISIONS, Recipe
from tfgans.run import Run
from tfgans.tasks import task_of
from tfgans.training import strategy as strategies
from tfgans.training.autotune import candidates, choose_mode
from tfgans.training.budget import check_minutes, within
from tfgans.training.callbacks import Recorder
from tfgans.training.environment import commit, machine
from tfgans.training.profile import describe
from tfgans.training.provenance import data_dir_of, located, standing_on, training_source
from tfgans.training.setup import (
    batches,
    build,
    check_batches,
    facts_of,
    fit_classes,
    inputs_of,
    load_source,
    native_shape,
    network_of,
    recipe_of,
)

FORMAT = 2  # version of runs whose checkpoints hold schedules of learning rates
# fields of the recipe in config.yaml; those of the second tuple only if set
FIELDS = ("dataset", "model", "optimizers", "batch_size", "steps", "decay", "keep", "degradation", "crop", "flip")
OPTIONAL = ("pairing", "sets", "palette", "load_shape", "image_palette", "segmenter", "shapes", "shrink_jpeg")


def train(
    name: str,
    *,
    recipe_key: str | None = None,
    settings: dict[str, Any] | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    download: bool = False,
    run_dir: str | Path | None = None,
    seed: int = 0,
    precision: str = "auto",
    jit: str = "auto",
    dry_run: bool = False,
    every: int | None = None,
    minutes: float | None = None,
    strategy: str = "none",
) -> Run | None:
    """Train a GAN, given by name or as a Python file, from its recipe.

    Returns None after a dry run, and in workers other than the first, which write nothing.

    A `precision` of "auto" is the recipe's, or float32 if the processor lacks the instructions; if the recipe has none,
    modes are timed (`choose_mode`). The run folder is named after the recipe; with another data set, after the data
    set, and also after the recipe if it is not the first one. `every` is the number of steps between checkpoints (and
    rows of the history), by default a twentieth of the run. `minutes` sets the number of steps from the measured time
    of a step; the stages of a model keep their shares. `strategy` is "mirrored" for all devices of this machine, or
    "multiworker" for several machines; each device gets an equal part of every batch.

    Raises:
        UserError: bad settings, an absent data set, an existing run folder.
        Diverged: a loss became NaN or infinite.
    """
    if precision not in (*PRECISIONS, "auto"):
        raise UserError(f"--precision takes {', '.join(PRECISIONS)} or auto, not '{precision}'")
    if jit not in ("on", "off", "auto"):
        raise UserError(f"--jit takes on, off or auto, not '{jit}'")
    if not 0 <= seed < 2**31:
        raise UserError(f"--seed takes 0 to {2**31 - 1}, not {seed}")
    if every is not None and every < 1:
        raise UserError(f"--every must be at least 1, not {every}")
    if strategy != "none" and (minutes is not None or jit == "on"):
        raise UserError(f"--strategy is not for {'--jit on' if minutes is None else '--minutes; choose --steps'}")
    scope = strategies.begin("none" if dry_run else strategy)
    writes = strategies.is_chief(scope)
    name, first = models.canonical(name), models.default(name)
    recipe_key = recipe_key or first
    recipe = _checked(name, recipe_key)
    settings = dict(settings or {})
    if minutes is not None:
        check_minutes(minutes, settings)
    if dataset is None and isinstance(settings.get("dataset"), str):
        dataset = settings.pop("dataset")
    if dataset and dataset != recipe.dataset:
        settings["dataset"] = dataset
        crops = recipe.degradation or data.is_domains(dataset)  # then image_shape is the shape of the crops
        if "image_shape" in recipe.model and not crops:
            settings.setdefault("image_shape", native_shape(dataset, data_dir, download))
    recipe = recipe.override(settings)
    named, data_dir = recipe.dataset, data_dir_of(data_dir)
    recipe, typed = located(recipe)
    network_of(name, recipe)  # before the data are read: the settings may be unsuitable
    what = recipe_key
    if "dataset" in settings:
        what = named if recipe_key == first else f"{recipe_key}-{named}"
    run_dir = Path(run_dir or Path("runs") / f"{models.label(name)}-{what.replace(':', '-').replace('/', '-')}-s{seed}")
    if not dry_run and writes and run_dir.exists():
        Run(run_dir).refuse_existing()  # before the data are read
    source = load_source(recipe, data_dir, download)
    recipe = fit_classes(name, recipe, source)
    began = time.perf_counter()
    timings: dict[str, float] = {}
    if strategy == "none":
        mode, timings = choose_mode(name, recipe, source, seed, precision, jit, 60 * minutes if minutes else None)
    else:
        mode = candidates(recipe, source.points, precision, "off")[0]  # workers' timings would differ
    strategies.check(scope, recipe, mode[0])
    if minutes is not None:
        recipe = within(minutes, began, name, recipe, source, seed, mode)
    if dry_run:
        describe(name, recipe, source, mode, timings)
        return None
    config = {
        "format": FORMAT,
        "gan": name,
        "recipe": {
            field: plain(value)
            for field in (*FIELDS, *OPTIONAL)
            if (value := getattr(recipe, field)) or field in FIELDS
        },
        "recipe_key": recipe_key,
        "typed": typed,
        **({"minutes": minutes} if minutes else {}),
        **({"strategy": strategy} if strategy != "none" else {}),
        "data_dir": data_dir,
        "seed": seed,
        "precision": mode[0],
        "jit_compile": mode[1],
        "mode_timings_ms": timings,
        "every": every or max(1, recipe.steps // 20),
        "images": len(source),
        "fingerprint": digest(found := standing_on(recipe, source)),
        "command": "tfgans " + " ".join(sys.argv[1:]),
        "commit": commit(),
        "machine": machine(),
        "seconds": 0.0,
    }
    with scope.scope():
        model = build(name, recipe, seed, *mode)  # before the folder: the data may not fit the model
    check_batches(name, model, recipe, batches(recipe, source, seed, model.group, 0, 1))
    endpoints = model.endpoints()
    config |= {"task": task_of(endpoints, recipe), "endpoints": inputs_of(endpoints), **facts_of(source)}
    config["parameters"] = {
        player: sum(math.prod(w.shape) for w in model.weights_of(player)) for player in model.players
    }
    if not writes:
        _follow(config, source, model, 0, scope)
        return None
    run = Run.create(run_dir, config)
    with run.alone():
        write_text(run.images, to_text(found))
        _fit(run, source, model, 0, scope)
    return run


def _checked(name: str, key: str) -> Recipe:
    """The recipe with names and types checked against the model and the optimizers."""
    recipe = models.recipe(name, key)
    try:
        return recipe.checked(models.model_class(name))
    except UserError as error:
        raise UserError(f"{models.label(name)}, recipe '{key}': {error}") from None


def resume(path: str | Path, data_dir: str | None = None, strategy: str | None = None) -> Run | None:
    """Continue from the last complete checkpoint, to the same weights as an uninterrupted run.

    `strategy` is that of the run by default. Returns None in workers other than the first.

    Raises:
        UserError: no run, or nothing left to do.
    """
    run = Run.open(path)
    strategy = strategy or run.config.get("strategy", "none")
    scope = strategies.begin(strategy)
    if not strategies.is_chief(scope):
        _continue(run, data_dir, scope)
        return None
    with run.alone():
        if strategy != run.config.get("strategy", "none"):
            run.update_config(strategy=strategy)
        _continue(run, data_dir, scope)
    return run


def _continue(run: Run, data_dir: str | None, scope: tf.distribute.Strategy) -> None:
    config = run.config
    if config.get("format") != FORMAT:
        raise UserError(
            f"{run.path} was made by an older version, and its learning rates would no longer fall; "
            "evaluate or export it, or start a new training"
        )
    recipe = recipe_of(config)
    start = run.latest() or 0
    if start >= recipe.steps:
        raise UserError(
            f"{run.path} is finished ({start} of {recipe.steps} steps); 'tfgans evaluate {run.path}' measures it"
        )
    strategies.check(scope, recipe, config["precision"])
    source = training_source(run, recipe, data_dir)
    writes = strategies.is_chief(scope)
    if writes:
        _prepare(run, start)
    keras.config.set_dtype_policy(config["precision"])
    with scope.scope():
        if start:
            model = run.load(start)
        else:
            model = build(config["gan"], recipe, config["seed"], config["precision"], config["jit_compile"])
    if writes:
        _fit(run, source, model, start, scope)
    else:
        _follow(config, source, model, start, scope)


def _prepare(run: Run, start: int) -> None:
    """Make the folder ready for continuing from step `start`."""
    for path in run.set_aside(start):
        print(f"skipped a damaged checkpoint: {path}", file=sys.stderr)
    began, now = run.config.get("machine", {}).get("onednn"), machine()["onednn"]
    if began is not None and began != now:
        print(
            f"{run.path} began {'with' if began else 'without'} oneDNN and goes on {'with' if now else 'without'} it, "
            f"so the last bits will differ; TF_ENABLE_ONEDNN_OPTS={int(began)} keeps them",
            file=sys.stderr,
        )
    run.update_config(machine=machine())  # the number of cores may have changed


def _fit(run: Run, source: data.ImageSet, model: Adversarial, start: int, scope: tf.distribute.Strategy) -> None:
    config = run.config
    recipe = recipe_of(config)
    recorder = Recorder(run, model, source, start, recipe.steps, config["every"], config["seconds"])
    alone = not strategies.has_workers(scope)  # otherwise the others would not stop: Ctrl-C ends this one at once
    with recorder.interruptible() if alone else contextlib.nullcontext():
        _steps(config, source, model, start, scope, recorder)
    if recorder.interrupted and recorder.step < recipe.steps:
        print(f"stopped and saved at step {recorder.step}; continue with: tfgans resume {run.path}", file=sys.stderr)
        raise KeyboardInterrupt


def _follow(
    config: dict[str, Any], source: data.ImageSet, model: Adversarial, start: int, scope: tf.distribute.Strategy
) -> None:
    """Train with the first worker, which records."""
    _steps(config, source, model, start, scope, strategies.Follower(start, config["every"]))


def _steps(
    config: dict[str, Any],
    source: data.ImageSet,
    model: Adversarial,
    start: int,
    scope: tf.distribute.Strategy,
    callback: keras.callbacks.Callback,
) -> None:
    """The steps from `start` to the end of the run."""
    recipe, seed = recipe_of(config), config["seed"]
    steps = recipe.steps - start

    def make(part: Part, steps: int | None = None) -> tf.data.Dataset:
        return batches(recipe, source, seed, model.group, start, steps, part)

    strategies.fit(scope, model, make, steps, callback)
