"""Training: a recipe and a seed in, a run folder out; and the exact continuation of one that was stopped."""

import functools
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

import tfgans
from tfgans import data, models
from tfgans.adversarial import Adversarial
from tfgans.data.degrade import bicubic_up, degrade, pair
from tfgans.errors import UserError
from tfgans.files import grid, plain, write_png
from tfgans.recipe import Recipe
from tfgans.run import Run

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
FIELDS = (
    "dataset",
    "model",
    "optimizers",
    "batch_size",
    "steps",
    "decay",
    "degradation",
)  # of the recipe, in config.yaml
PREVIEW_SEED = 20140610  # of the fixed latents in the sample grids


class Diverged(Exception):
    """A loss became NaN or infinite; the message names the step, the term and the last good checkpoint."""


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
) -> Run | None:
    """Train a GAN from its recipe; None after a dry run.

    `every` is the number of steps between checkpoints (and rows of the history); a twentieth of the run by default.

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
    recipe = models.recipe(name, recipe_key)
    settings = dict(settings or {})
    if dataset is None and isinstance(settings.get("dataset"), str):
        dataset = settings.pop("dataset")
    if dataset and dataset != recipe.dataset:
        settings["dataset"] = dataset
        if "image_shape" in recipe.model and not recipe.degradation:  # whose image_shape is the crop
            settings.setdefault("image_shape", _image_shape(dataset, data_dir, download))
    recipe = recipe.override(settings)
    _check_degradation(name, recipe)
    run_dir = Path(run_dir or Path("runs") / f"{name}-{recipe.dataset.replace(':', '-').replace('/', '-')}-s{seed}")
    if not dry_run and run_dir.exists():
        Run(run_dir).refuse_existing()  # now rather than after the data were read
    source = load_source(recipe, data_dir, download)
    recipe = _fit_classes(name, recipe, source)
    mode, timings = choose_mode(name, recipe, source, seed, precision, jit)
    if dry_run:
        describe(name, recipe, source, mode, timings)
        return None
    config = {
        "gan": name,
        "recipe": {field: plain(getattr(recipe, field)) for field in FIELDS},
        "recipe_key": recipe_key or next(iter(models.module(name).RECIPES)),
        "data_dir": data_dir,
        "seed": seed,
        "precision": mode[0],
        "jit_compile": mode[1],
        "mode_timings_ms": timings,
        "every": every or max(1, recipe.steps // 20),
        "images": len(source),
        "command": "tfgans " + " ".join(sys.argv[1:]),
        "commit": commit(),
        "machine": machine(),
        "seconds": 0.0,
    }
    model = build(name, recipe, seed, *mode)  # before the folder: settings may not make a model
    run = Run.create(run_dir, config)
    _fit(run, source, model, start=0)
    return run


def resume(path: str | Path, data_dir: str | None = None) -> Run:
    """Go on from the last whole checkpoint, to the weights that an uninterrupted run would have reached.

    Raises:
        UserError: no run there, or nothing left to do.
    """
    run = Run.open(path)
    config = run.config
    recipe = recipe_of(config)
    start = run.latest() or 0
    if start >= recipe.steps:
        raise UserError(f"{path} is finished ({start} of {recipe.steps} steps); 'tfgans evaluate {path}' measures it")
    source = load_source(recipe, data_dir or config["data_dir"])
    if len(source) != config["images"]:
        raise UserError(
            f"{recipe.dataset} now has {len(source)} images, the run began with {config['images']}; restore them"
        )
    for path in run.set_aside(start):
        print(f"damaged, not loaded: {path}", file=sys.stderr)
    keras.config.set_dtype_policy(config["precision"])
    if start:
        model = run.load(start)
    else:
        model = build(config["gan"], recipe, config["seed"], config["precision"], config["jit_compile"])
    _fit(run, source, model, start)
    return run


def recipe_of(config: dict[str, Any]) -> Recipe:
    """The recipe of a run, from its config.yaml."""
    base = models.recipe(config["gan"], config["recipe_key"])
    fields = dict(config["recipe"])
    fields["model"] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields["model"].items()}
    return Recipe(**fields, paper=base.paper, reported=base.reported, deviations=base.deviations)


def build(name: str, recipe: Recipe, seed: int, precision: str = "float32", jit_compile: bool = False) -> Adversarial:
    """A fresh compiled model. Every weight and every later random number follows from `seed`."""
    keras.config.set_dtype_policy(precision)
    keras.utils.set_random_seed(seed)
    optimizers = {}
    try:
        model = models.model_class(name)(**recipe.model, seed=seed)
        for player, arguments in recipe.optimizers.items():
            arguments = dict(arguments)
            optimizers[player] = keras.optimizers.get(
                {"class_name": arguments.pop("name", "adam"), "config": {"name": player, **arguments}}
            )
    except ValueError as error:  # such as a dropout of 2
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "ValueError")
        raise UserError(f"{name} cannot be built with these settings: {reason}") from error
    model.compile(jit_compile=jit_compile, **optimizers)
    return model


def _image_shape(dataset: str, data_dir: str | None, download: bool) -> tuple[int, ...]:
    """The shape to train on when another data set than the recipe's is given: its own where that can be generated."""
    if not dataset.startswith("folder:"):
        shape = tuple(data.load(dataset, "train", data_dir=data_dir, download=download, limit=1).image(0).shape)
        if shape[0] == shape[1] and shape[0] in (28, 32, 48, 64, 96, 128):
            return shape
    return (64, 64, 3)


def load_source(recipe: Recipe, data_dir: str | None = None, download: bool = False) -> data.Source:
    """The training images of a recipe; with a degradation whole ones, as large as the crops or larger."""
    shape: Any = recipe.model.get("image_shape")
    crops = bool(recipe.degradation)
    source = data.load(
        recipe.dataset, "train", data_dir=data_dir, image_shape=shape, download=download, keep_size=crops
    )
    return _large_enough(source, shape) if crops else source


def _large_enough(source: data.Source, shape: tuple[int, int, int]) -> data.Source:
    """Without the images that are smaller than the crops, which are counted on stderr (`load` counts a folder's)."""
    large = (source.shapes[:, :2] >= shape[:2]).all(axis=1)
    if not large.any():
        raise UserError(
            f"{source.name}: none of {len(source)} images is as large as the crops of {shape[0]}x{shape[1]}; "
            "make the crops smaller with --set image_shape=[HEIGHT,WIDTH,CHANNELS]"
        )
    if large.all():
        return source
    small = len(source) - int(large.sum())
    print(
        f"{source.name}: {small} of {len(source)} images are smaller than the crops of {shape[0]}x{shape[1]}, left out",
        file=sys.stderr,
    )
    return source.subset(np.flatnonzero(large))


def _check_degradation(name: str, recipe: Recipe) -> None:
    """Raises UserError where the degradation does not shrink by what the model enlarges by, or is none."""
    model = models.model_class(name)
    if model.kind != "restoration":
        return
    if not recipe.degradation:
        raise UserError(f"'{name}' restores what a degradation spoils; name one with --set degradation=bicubic:4")
    factor = degrade(recipe.degradation).factor
    if factor != model.factor:
        raise UserError(f"'{recipe.degradation}' shrinks by {factor}, but '{name}' enlarges by {model.factor}")


def _fit_classes(name: str, recipe: Recipe, source: data.Source) -> Recipe:
    """Give a conditional model as many classes as the data have."""
    if models.model_class(name).kind != "conditional":
        return recipe
    if source.labels is None:
        raise UserError(
            f"'{name}' needs labels and {recipe.dataset} has none; put the images into one folder per class"
        )
    classes = max(len(source.class_names), int(source.labels.max()) + 1)
    return recipe.override({"classes": classes}) if "classes" in recipe.model else recipe


def batches(
    recipe: Recipe, source: data.Source, seed: int, group: int | None, start: int, steps: int
) -> tf.data.Dataset:
    """The batches of steps `start` to `start + steps` of a run."""
    options: dict[str, Any] = {}
    if recipe.degradation:
        options = dict(
            image_shape=recipe.model["image_shape"], crop="random", flip=True, transform=pair(recipe.degradation)
        )
    return data.batches(source, recipe.batch_size, seed=seed, start=start, steps=steps, group=group, **options)


# -- precision and compile mode -------------------------------------------------------------------------------------


def choose_mode(
    name: str, recipe: Recipe, source: data.Source, seed: int, precision: str, jit: str, rounds: int = 8
) -> tuple[tuple[str, bool], dict[str, float]]:
    """The fastest of the allowed modes on this machine, and the time of a step in each, in milliseconds.

    The modes take turns and each keeps its fastest step, so that a busy moment does not decide. Plain float32 is left
    only for a gain of 5%.
    """
    gpu = bool(tf.config.list_physical_devices("GPU"))
    precisions = [precision] if precision != "auto" else ["float32", "mixed_float16" if gpu else "mixed_bfloat16"]
    modes = [(p, j) for p in precisions for j in ([False, True] if jit == "auto" else [jit == "on"])]
    if len(modes) == 1:
        return modes[0], {}
    print(f"timing {len(modes)} modes: {', '.join(map(mode_name, modes))}", file=sys.stderr, flush=True)
    steps: dict[tuple[str, bool], Callable[[], float]] = {}
    for mode in modes:
        model = build(name, recipe, seed, *mode)
        batch = next(iter(batches(recipe, source, seed, model.group, 0, 1)))
        step = tf.function(model.train_step, jit_compile=mode[1])
        steps[mode] = functools.partial(_timed, step, batch)
        steps[mode]()  # traces and compiles
    best = dict.fromkeys(modes, float("inf"))
    for _ in range(rounds):
        for mode in modes:
            best[mode] = min(best[mode], steps[mode]())
    chosen = min(modes, key=lambda mode: best[mode] * (1.0 if mode == modes[0] else 1.05))
    keras.backend.clear_session()
    return chosen, {mode_name(mode): round(1000 * best[mode], 2) for mode in modes}


def _timed(step: Callable[..., dict[str, tf.Tensor]], batch: dict[str, tf.Tensor]) -> float:
    """The seconds of one step, until its logs are numbers."""
    began = time.perf_counter()
    _ = {k: float(v) for k, v in step(batch).items()}
    return time.perf_counter() - began


def mode_name(mode: tuple[str, bool]) -> str:
    return f"{mode[0]}{' XLA' if mode[1] else ''}"


def describe(name: str, recipe: Recipe, source: data.Source, mode: tuple[str, bool], timings: dict[str, float]) -> None:
    """Print what a run would be: parameters, FLOPs and time of a step, and the whole."""
    model = build(name, recipe, 0, *mode)
    batch = next(iter(batches(recipe, source, 0, model.group, 0, 1)))
    step = tf.function(model.train_step, jit_compile=mode[1])
    flops = count_flops(tf.function(model.train_step).get_concrete_function(batch))
    if mode_name(mode) in timings:
        seconds = timings[mode_name(mode)] / 1000
    else:
        _timed(step, batch)  # traces and compiles
        seconds = min(_timed(step, batch) for _ in range(5))
    for player, networks in model.players.items():
        count = sum(int(np.prod(w.shape)) for w in model.weights_of(player))
        print(f"{player:20} {count:>12,} parameters ({', '.join(networks)})")
    print(f"{'data':20} {len(source):>12,} images of {recipe.dataset}, batches of {recipe.batch_size}")
    print(f"{'step':20} {flops / 1e9:>12,.4g} GFLOP, {1000 * seconds:.1f} ms in {mode_name(mode)}")
    for other, milliseconds in timings.items():
        print(f"{'':20} {milliseconds:>12,.1f} ms in {other}")
    print(f"{'run':20} {recipe.steps:>12,} steps, about {duration(seconds * recipe.steps)}")


def count_flops(function: Any) -> int:
    """Floating-point operations of the matrix products and convolutions in a concrete function, both directions."""
    total, graphs = 0, [function.graph]
    graphs += [f.graph for f in getattr(function.graph, "_functions", {}).values() if hasattr(f, "graph")]
    for graph in graphs:
        for op in _executed(graph):
            if op.type in ("MatMul", "BatchMatMulV2"):
                inner = op.inputs[0].shape[-2 if op.get_attr(_transposed(op)) else -1]
                total += 2 * (op.outputs[0].shape.num_elements() or 0) * (inner or 0)
            elif op.type.startswith("Conv2D"):
                # kernel elements x positions of the smaller map: the same count forward and in both gradients
                kernel = op.outputs[0].shape if op.type.endswith("Filter") else None
                if op.type == "Conv2D":
                    kernel, small = op.inputs[1].shape, op.outputs[0].shape
                elif op.type == "Conv2DBackpropInput":
                    kernel, small = op.inputs[1].shape, op.inputs[2].shape
                else:
                    small = op.inputs[2].shape
                positions = (small[0] or 0) * (small[1] or 0) * (small[2] or 0)
                total += 2 * positions * ((kernel.num_elements() if kernel is not None else 0) or 0)
    return total


def _executed(graph: Any) -> list[tf.Operation]:
    """What TensorFlow keeps of a traced graph: its outputs, its effects, and what they need."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    waiting += [op for op in graph.get_operations() if op.op_def and op.op_def.is_stateful and not op.outputs]
    found: dict[str, tf.Operation] = {}
    while waiting:
        op = waiting.pop()
        if op.name not in found:
            found[op.name] = op
            waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    return list(found.values())


def _transposed(op: tf.Operation) -> str:
    return "transpose_a" if op.type == "MatMul" else "adj_x"


# -- the run --------------------------------------------------------------------------------------------------------


def _fit(run: Run, source: data.Source, model: Adversarial, start: int) -> None:
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


class Recorder(keras.callbacks.Callback):
    """Keeps the run folder while `fit` goes: history, events, samples, checkpoints; stops on NaN and Ctrl-C."""

    def __init__(
        self, run: Run, model: Adversarial, source: data.Source, start: int, steps: int, every: int, seconds: float
    ):
        super().__init__()
        self.run, self.step, self.steps, self.every = run, start, steps, every
        self.interrupted = False
        self.recipe = recipe_of(run.config)
        self.preview = Preview(model, source, self.recipe.degradation)
        self.rows = [row for row in run.read_history() if row["step"] <= start]  # later ones will be made again
        self.began = time.perf_counter() - seconds
        self.events = tf.summary.create_file_writer(str(run.path / "events"))
        self.bar = tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty())
        self.marked = (start, time.perf_counter())
        self.source = source
        self.images_per_step = self.recipe.batch_size * (model.group or 1)

    def interruptible(self) -> "Interruptible":
        return Interruptible(self)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.step == 0:
            self._picture()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        # from the step alone, so that a resumed run has the same rates
        left = (self.steps - self.step) / (self.steps * self.recipe.decay) if self.recipe.decay else 1.0
        for player, arguments in self.recipe.optimizers.items():
            factor = min(left, 1.0) * self.model.rate(player, self.step)
            if factor < 1.0:
                getattr(self.model, player).learning_rate = arguments["learning_rate"] * factor

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        values = {term: float(value) for term, value in (logs or {}).items()}
        self.step += 1
        for term, value in values.items():
            if not np.isfinite(value):
                self._diverged(f"{term} became {value}")
        self.bar.update()
        if self.step % self.every == 0 or self.step == self.steps:
            self._record(values)
        elif self.step % 10 == 0:
            self.bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()}, refresh=False)
        if self.interrupted and self.step < self.steps:
            if self.step % self.every:
                self._check_weights()
                self._save()
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        self.bar.close()
        self.events.close()

    def _record(self, values: dict[str, float]) -> None:
        now = time.perf_counter()
        rate = (self.step - self.marked[0]) * self.images_per_step / max(now - self.marked[1], 1e-9)
        self.rows.append({"step": self.step, **values, "images_per_second": rate, "seconds": now - self.began})
        with self.events.as_default(step=self.step):
            for term, value in values.items():
                tf.summary.scalar(term, value)
            tf.summary.scalar("images_per_second", rate)
        losses = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
        left = (self.steps - self.step) * self.images_per_step / rate
        tqdm.write(
            f"step {self.step}/{self.steps}  {losses}  {rate:.0f} images/s  {duration(left)} left", file=sys.stderr
        )
        self._check_weights()
        self._picture()
        self._save()
        self.model.reset_metrics()
        self.marked = (self.step, time.perf_counter())

    def _picture(self) -> None:
        picture = self.preview.picture()
        write_png(self.run.samples / f"step-{self.step:08d}.png", picture)
        with self.events.as_default(step=self.step):
            tf.summary.image("samples", picture[None])

    def _diverged(self, what: str) -> None:
        self.bar.close()
        good = self.run.latest()
        where = self.run.checkpoint(good) if good else "none was written"
        raise Diverged(f"{what} at step {self.step}; the last good checkpoint: {where}")

    def _check_weights(self) -> None:
        # a finite loss may have had an infinite gradient, and nothing can go on from a checkpoint of such weights
        for player in self.model.players:
            for weight in self.model.weights_of(player):
                if not np.isfinite(keras.ops.convert_to_numpy(weight).astype(np.float32)).all():
                    self._diverged(f"{weight.path} is no longer finite after the update of {player}")

    def _save(self) -> None:
        # the history first: rows past the checkpoint are dropped on resume, missing ones would not come back
        self.run.write_history(self.rows)
        self.run.update_config(seconds=round(time.perf_counter() - self.began, 1))
        self.run.save(self.model, self.step)


class Interruptible:
    """While this is entered, the first Ctrl-C (or SIGTERM) asks the recorder to save and stop; the second one kills."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __enter__(self) -> None:
        self.handlers = {s: signal.signal(s, self.ask) for s in (signal.SIGINT, signal.SIGTERM)}

    def ask(self, number: int, frame: FrameType | None) -> None:
        self.recorder.interrupted = True
        self.restore()

    def restore(self) -> None:
        for number, handler in self.handlers.items():
            signal.signal(number, handler)

    def __exit__(self, *error: Any) -> None:
        self.restore()


class Preview:
    """The same latents (and labels) at every call: a grid that shows the training's progress.

    Of a restoration: a row of sources (enlarged to the targets' size), a row of restored images, a row of targets.
    """

    def __init__(self, model: Adversarial, source: data.Source | None = None, degradation: str = "") -> None:
        seed = tf.constant(PREVIEW_SEED)
        if model.kind == "restoration":
            if source is None:
                raise ValueError("the preview of a restoration needs the images to restore")
            self.columns = min(6, len(source))
            self.sample = tf.function(_restorations(model, source, degradation, self.columns))
            return
        if model.kind == "conditional":
            self.columns = min(model.classes, 10)
            labels = tf.constant([i % model.classes for i in range(10 * self.columns)], tf.int32)
            self.sample = tf.function(lambda: model.sample(labels, seed))
        else:
            self.columns = 10
            self.sample = tf.function(lambda: model.sample(tf.constant(10 * self.columns), seed))

    def images(self) -> np.ndarray:
        """(rows * columns, h, w, c) in [0, 1]."""
        return self.sample().numpy()

    def picture(self) -> np.ndarray:
        return grid(self.images(), self.columns)


def _restorations(model: Adversarial, source: data.Source, degradation: str, n: int) -> Callable[[], tf.Tensor]:
    """() -> `n` sources, `n` restored images and `n` targets: float32 (3 n, h, w, c) in [0, 1], of the same crops."""
    crops = data.batches(
        source, n, seed=PREVIEW_SEED, steps=1, image_shape=model.image_shape, transform=pair(degradation)
    )
    poor, target = (next(iter(crops))[key] for key in ("source", "target"))
    shown = tf.broadcast_to(bicubic_up(poor, degrade(degradation).factor), tf.shape(target))
    return lambda: tf.concat([(shown + 1.0) / 2.0, model.restore((poor + 1.0) / 2.0), (target + 1.0) / 2.0], axis=0)


# -- facts ----------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """3725 -> "1h02m"; 185 -> "3m05s"."""
    minutes, seconds = divmod(int(round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def machine() -> dict[str, Any]:
    """What the numbers were made on."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "tfgans": tfgans.__version__,
    }


def commit() -> str | None:
    """The commit of the checkout this package runs from, with "+" where files differ from it."""
    root = Path(tfgans.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    try:
        name = subprocess.run(
            ["git", "-C", root, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "tfgans"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return name.stdout.strip() + ("+" if dirty.stdout.strip() else "")
