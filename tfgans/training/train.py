"""Training: a recipe and a seed in, a run folder out; and the exact continuation of one that was stopped."""

import math
import sys
import time
from pathlib import Path
from typing import Any

import keras

from tfgans import data, models
from tfgans.adversarial import Adversarial
from tfgans.data.fingerprint import digest, to_text
from tfgans.errors import UserError
from tfgans.files import plain, write_text
from tfgans.recipe import PRECISIONS, Recipe
from tfgans.run import Run
from tfgans.tasks import task_of
from tfgans.training.autotune import choose_mode
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

FORMAT = 2  # of runs whose checkpoints hold learning rates that fall by themselves
# of the recipe, in config.yaml; the second ones where they are set
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
) -> Run | None:
    """Train a GAN, a name or the path of a Python file, from its recipe; None after a dry run.

    With `precision` "auto" it is the recipe's, or float32 where the processor lacks its instructions; where the recipe
    has none, modes are timed (`choose_mode`).
    A run's folder is named after the recipe; where the data set is another than the recipe's, after that, and after the
    recipe too if it is not the first.
    `every` is the number of steps between checkpoints (and rows of the history); a twentieth of the run by default.
    `minutes` decides on the number of steps, from what a step takes here; the stages of a model keep their shares.

    Raises:
        UserError: bad settings, an absent data set, a run folder that exists.
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
        crops = recipe.degradation or data.is_domains(dataset)  # then image_shape is that of the crops
        if "image_shape" in recipe.model and not crops:
            settings.setdefault("image_shape", native_shape(dataset, data_dir, download))
    recipe = recipe.override(settings)
    named, data_dir = recipe.dataset, data_dir_of(data_dir)
    recipe, typed = located(recipe)
    network_of(name, recipe)  # before the data are read: settings may not make a model
    what = recipe_key
    if "dataset" in settings:
        what = named if recipe_key == first else f"{recipe_key}-{named}"
    run_dir = Path(run_dir or Path("runs") / f"{models.label(name)}-{what.replace(':', '-').replace('/', '-')}-s{seed}")
    if not dry_run and run_dir.exists():
        Run(run_dir).refuse_existing()  # now rather than after the data were read
    source = load_source(recipe, data_dir, download)
    recipe = fit_classes(name, recipe, source)
    began = time.perf_counter()
    mode, timings = choose_mode(name, recipe, source, seed, precision, jit, 60 * minutes if minutes else None)
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
    model = build(name, recipe, seed, *mode)  # before the folder: the data may not fit it
    check_batches(name, model, recipe, batches(recipe, source, seed, model.group, 0, 1))
    endpoints = model.endpoints()
    config |= {"task": task_of(endpoints, recipe), "endpoints": inputs_of(endpoints), **facts_of(source)}
    config["parameters"] = {
        player: sum(math.prod(w.shape) for w in model.weights_of(player)) for player in model.players
    }
    run = Run.create(run_dir, config)
    with run.alone():
        write_text(run.images, to_text(found))
        _fit(run, source, model, start=0)
    return run


def _checked(name: str, key: str) -> Recipe:
    """A recipe whose names and types are those of the model and of the optimizers."""
    recipe = models.recipe(name, key)
    try:
        return recipe.checked(models.model_class(name))
    except UserError as error:
        raise UserError(f"{models.label(name)}, recipe '{key}': {error}") from None


def resume(path: str | Path, data_dir: str | None = None) -> Run:
    """Go on from the last whole checkpoint, to the weights that an uninterrupted run would have reached.

    Raises:
        UserError: no run there, or nothing left to do.
    """
    run = Run.open(path)
    with run.alone():
        _continue(run, data_dir)
    return run


def _continue(run: Run, data_dir: str | None) -> None:
    config = run.config
    if config.get("format") != FORMAT:
        raise UserError(
            f"{run.path} was made by an older version, and its learning rates would not fall any more; "
            "it can be evaluated and exported, to continue train anew"
        )
    recipe = recipe_of(config)
    start = run.latest() or 0
    if start >= recipe.steps:
        raise UserError(
            f"{run.path} is finished ({start} of {recipe.steps} steps); 'tfgans evaluate {run.path}' measures it"
        )
    source = training_source(run, recipe, data_dir)
    for path in run.set_aside(start):
        print(f"damaged, not loaded: {path}", file=sys.stderr)
    began, now = config.get("machine", {}).get("onednn"), machine()["onednn"]
    if began is not None and began != now:
        print(
            f"{run.path} began {'with' if began else 'without'} oneDNN and goes on {'with' if now else 'without'} it, "
            f"to other last bits; TF_ENABLE_ONEDNN_OPTS={int(began)} keeps them",
            file=sys.stderr,
        )
    run.update_config(machine=machine())  # it may go on with other cores than it began with
    keras.config.set_dtype_policy(config["precision"])
    if start:
        model = run.load(start)
    else:
        model = build(config["gan"], recipe, config["seed"], config["precision"], config["jit_compile"])
    _fit(run, source, model, start)


def _fit(run: Run, source: data.ImageSet, model: Adversarial, start: int) -> None:
    config = run.config
    recipe = recipe_of(config)
    steps = recipe.steps - start
    recorder = Recorder(run, model, source, start, recipe.steps, config["every"], config["seconds"])
    dataset = batches(recipe, source, config["seed"], model.group, start, steps)
    with recorder.interruptible():
        model.fit(dataset, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[recorder])
    if recorder.interrupted and recorder.step < recipe.steps:
        print(f"stopped and saved at step {recorder.step}; continue with: tfgans resume {run.path}", file=sys.stderr)
        raise KeyboardInterrupt
