"""What a training leaves behind while it goes: history, TensorBoard events, samples, checkpoints."""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfgans import data
from tfgans.adversarial import Adversarial
from tfgans.data.degrade import bicubic_up, degrade, pair
from tfgans.errors import Diverged
from tfgans.images import sheet, write_png
from tfgans.inference.exported import traversal
from tfgans.run import Run
from tfgans.training.environment import duration
from tfgans.training.setup import recipe_of

PREVIEW_SEED = 20140610  # of the fixed latents in the sample grids


class Recorder(keras.callbacks.Callback):
    """Keeps the run folder while `fit` goes: history, events, samples, checkpoints; stops on NaN and Ctrl-C."""

    def __init__(
        self, run: Run, model: Adversarial, source: data.ImageSet, start: int, steps: int, every: int, seconds: float
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

    Of points: many of them, over real ones.
    Of latent codes: categories as columns, the first continuous code rising down the rows. Of a restoration: a row of
    sources (enlarged to the targets' size), a row of restored images, a row of targets.
    """

    def __init__(self, model: Adversarial, source: data.ImageSet | None = None, degradation: str = "") -> None:
        seed = tf.constant(PREVIEW_SEED)
        points = source is not None and source.points
        self.real = (source.images[:1000] + 1) / 2 if source is not None and points else None
        if model.kind == "restoration":
            if source is None:
                raise ValueError("the preview of a restoration needs the images to restore")
            self.columns = min(6, len(source))
            self.sample = tf.function(_restorations(model, source, degradation, self.columns))
            return
        if model.kind == "conditional":
            self.columns = min(model.classes, 10)
            n = 1000 if points else 10 * self.columns
            labels = tf.constant([i % model.classes for i in range(n)], tf.int32)
            self.sample = tf.function(lambda: model.sample(labels, seed))
        elif model.kind == "codes":
            self.columns = min(model.categories, 10)
            rows = [tf.constant(codes[: self.columns]) for codes in traversal(model.categories, model.continuous)]
            sample = tf.function(model.sample)  # one seed for all rows: a column differs in its code alone
            self.sample = lambda: tf.concat([sample(codes, seed) for codes in rows], axis=0)
        else:
            self.columns = 10
            n = 1000 if points else 10 * self.columns
            self.sample = tf.function(lambda: model.sample(tf.constant(n), seed))

    def images(self) -> np.ndarray:
        """(rows * columns, h, w, c) in [0, 1]."""
        return self.sample().numpy()

    def picture(self) -> np.ndarray:
        return sheet(self.images(), self.columns, self.real)


def _restorations(model: Adversarial, source: data.ImageSet, degradation: str, n: int) -> Callable[[], tf.Tensor]:
    """() -> `n` sources, `n` restored images and `n` targets: float32 (3 n, h, w, c) in [0, 1], of the same crops."""
    crops = data.batches(
        source, n, seed=PREVIEW_SEED, steps=1, image_shape=model.image_shape, transform=pair(degradation)
    )
    poor, target = (next(iter(crops))[key] for key in ("source", "target"))
    shown = tf.broadcast_to(bicubic_up(poor, degrade(degradation).factor), tf.shape(target))
    return lambda: tf.concat([(shown + 1.0) / 2.0, model.restore((poor + 1.0) / 2.0), (target + 1.0) / 2.0], axis=0)
