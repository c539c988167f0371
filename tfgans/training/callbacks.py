"""Callbacks that record a training: history, TensorBoard events, samples, checkpoints."""

import dataclasses
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfgans import data, tasks
from tfgans.adversarial import Adversarial
from tfgans.errors import Diverged
from tfgans.images import write_png
from tfgans.run import Run
from tfgans.training.environment import duration
from tfgans.training.setup import batches, recipe_of

SELDOM = 10.0  # seconds between progress lines without a terminal, such as in log files


class Recorder(keras.callbacks.Callback):
    """Writes the run folder during `fit`: history, events, samples, checkpoints; stops on NaN and Ctrl-C."""

    def __init__(
        self,
        run: Run,
        model: Adversarial,
        source: data.ImageSet | data.Domains,
        start: int,
        steps: int,
        every: int,
        seconds: float,
    ):
        super().__init__()
        self.run, self.step, self.steps, self.every = run, start, steps, every
        self.interrupted = False
        self.recipe, self.source = recipe_of(run.config), source
        self.tracked = [variable.numpy() for variable in model.metrics_variables]
        self.preview = tasks.get(run.config["task"]).preview(model, self.examples, self.recipe)
        self.rows = [row for row in run.read_history() if row["step"] <= start]  # later ones will be repeated
        self.began = time.perf_counter() - seconds
        self.events = tf.summary.create_file_writer(os.fsencode(run.path / "events"))
        self.bar = tqdm(total=steps, initial=start, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty())
        self.marked = (start, time.perf_counter())
        self.written = -SELDOM  # time of the last progress line
        self.images_per_step = self.recipe.batch_size * (model.group or 1)

    def examples(self, n: int) -> dict[str, tf.Tensor]:
        """A batch of `n` training examples, the same at each call."""
        few = dataclasses.replace(self.recipe, batch_size=n)
        return next(iter(batches(few, self.source, tasks.PREVIEW_SEED, None, 0, 1)))

    def interruptible(self) -> "Interruptible":
        return Interruptible(self)

    def on_train_begin(self, logs: Any = None) -> None:
        if self.step == 0:
            self._picture()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        # `fit` has reset the means, and a run that was stopped continues in the middle of a row
        for variable, value in zip(self.model.metrics_variables, self.tracked, strict=True):
            variable.assign(value)

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
        if not self.bar.disable or now - self.written >= SELDOM or self.step == self.steps:
            losses = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
            left = (self.steps - self.step) * self.images_per_step / rate
            tqdm.write(
                f"step {self.step}/{self.steps}  {losses}  {rate:.0f} images/s  {duration(left)} left", file=sys.stderr
            )
            self.written = now
        self._check_weights()
        self._picture()
        self.model.reset_metrics()
        self._save()
        self.marked = (self.step, time.perf_counter())

    def _picture(self) -> None:
        picture = self.preview()
        write_png(self.run.samples / f"step-{self.step:08d}.png", picture)
        with self.events.as_default(step=self.step):
            tf.summary.image("samples", picture[None])

    def _diverged(self, what: str) -> None:
        self.bar.close()
        good = self.run.latest()
        where = self.run.checkpoint(good) if good else "none was written"
        raise Diverged(f"{what} at step {self.step}; the last good checkpoint: {where}")

    def _check_weights(self) -> None:
        # a finite loss may have an infinite gradient, and no training can continue from such weights
        # a large one makes Adam's second moment infinite, and its weight never changes again
        for player in self.model.players:
            for weight in [*self.model.weights_of(player), *getattr(self.model, player).variables]:
                if not np.isfinite(keras.ops.convert_to_numpy(weight).astype(np.float32)).all():
                    self._diverged(f"{weight.path} is no longer finite after the update of {player}")

    def _save(self) -> None:
        # the history first: rows past the checkpoint are dropped on resume, but missing ones would be lost
        self.run.write_history(self.rows)
        self.run.update_config(seconds=round(time.perf_counter() - self.began, 1))
        self.run.save(self.model, self.step)


class Interruptible:
    """In this context, the first Ctrl-C (or SIGTERM) makes the recorder save and stop; the second one kills."""

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
