"""The run folder: the configuration, checkpoints, history and samples of a training."""

import contextlib
import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tfgans.errors import UserError
from tfgans.files import whole, write_text, write_yaml
from tfgans.recipe import load

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

KEEP = 3  # checkpoints kept by default
CONTENT = {"metadata.json", "config.json", "model.weights.h5"}  # of a .keras file
# errors of zipfile for damaged files, depending on the position of the damage
DAMAGED = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError, zlib.error, struct.error)


class Run:
    """`runs/<name>/`: config.yaml, images.json (the fingerprint), checkpoints/, history.csv, samples/, events/,
    metrics.json, report.html."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"
        self.history = self.path / "history.csv"
        self.images = self.path / "images.json"

    @classmethod
    def create(cls, path: str | Path, config: dict[str, Any]) -> "Run":
        """A new run. Raises UserError if the folder is not empty or cannot be written."""
        run = cls(path)
        run.refuse_existing()
        try:
            write_yaml(run.path / "config.yaml", config)
        except OSError as error:
            raise UserError(f"{path} cannot be written ({error.strerror}); choose another folder with --run") from error
        return run

    def refuse_existing(self) -> None:
        """Raises UserError if the folder is not empty."""
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            hint = f"continue it with 'tfgans resume {self.path}', or " if (self.path / "config.yaml").exists() else ""
            raise UserError(f"{self.path} exists and is not overwritten; {hint}choose another folder with --run")

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """An existing run. Raises UserError if there is none."""
        run = cls(path)
        if not (run.path / "config.yaml").is_file():
            raise UserError(f"{path} is not a run folder (it has no config.yaml); 'tfgans train' makes one")
        try:
            config = run.config
            whole_config = isinstance(config, dict) and {"gan", "recipe", "recipe_key", "seed"} <= config.keys()
            needed = {"dataset", "model", "optimizers", "batch_size", "steps"}
            whole_config = whole_config and isinstance(config["recipe"], dict) and needed <= config["recipe"].keys()
        except (yaml.YAMLError, UnicodeDecodeError):
            whole_config = False
        if not whole_config:
            raise UserError(f"{path}/config.yaml is damaged or no run's configuration; restore it, or start anew")
        return run

    @property
    def config(self) -> dict[str, Any]:
        return load((self.path / "config.yaml").read_text(encoding="utf-8"))

    def update_config(self, **values: Any) -> None:
        write_yaml(self.path / "config.yaml", {**self.config, **values})

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A lock that no other process can hold at the same time; the system releases it when the process ends.

        Raises UserError if another process holds it. Windows has no such lock: there, nothing separates two processes.
        """
        with open(self.path / ".lock", "w") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise UserError(f"another process is training {self.path}; stop it or wait for it") from error
            yield

    # -- checkpoints ------------------------------------------------------------------------------------------------

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}.keras"

    def save(self, model: Any, step: int) -> Path:
        """Write a checkpoint completely, then delete the oldest."""
        path = self.checkpoint(step)
        with whole(path) as temporary:
            model.save(temporary)
        for old in self.steps()[: -self.config["recipe"].get("keep", KEEP)]:
            self.checkpoint(old).unlink()
        return path

    def steps(self) -> list[int]:
        """The steps of the existing checkpoints, ascending."""
        found = (re.fullmatch(r"step-(\d{8})\.keras", p.name) for p in self.checkpoints.glob("step-*.keras"))
        return sorted(int(match[1]) for match in found if match)

    def latest(self) -> int | None:
        """The step of the newest complete checkpoint; damaged ones are skipped."""
        for step in reversed(self.steps()):
            try:
                with zipfile.ZipFile(self.checkpoint(step)) as archive:
                    if archive.testzip() is None and CONTENT <= set(archive.namelist()):
                        return step
            except DAMAGED:
                continue
        return None

    def set_aside(self, start: int) -> list[Path]:
        """Prepare to continue from step `start`: rename newer, damaged checkpoints, so that they are neither counted
        nor lost, and remove files that were being written when the run was killed."""
        for folder in (self.path, self.checkpoints, self.samples):
            for unfinished in folder.glob(".tmp-*"):
                unfinished.unlink()
        aside = []
        for step in self.steps():
            if step > start:
                path = self.checkpoint(step)
                aside.append(path.rename(path.with_name(path.name + ".damaged")))
        return aside

    def load(self, step: int) -> Any:
        """The compiled model of a checkpoint, with optimizers and random state."""
        import keras

        from tfgans import models

        models.module(self.config["gan"])  # registers the class
        return keras.models.load_model(self.checkpoint(step))

    # -- history ----------------------------------------------------------------------------------------------------

    def read_history(self) -> list[dict[str, float]]:
        if not self.history.exists():
            return []
        with open(self.history, newline="", encoding="utf-8") as file:
            return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]

    def write_history(self, rows: list[dict[str, float]]) -> None:
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: int(v) if k == "step" else f"{v:.6g}" for k, v in row.items()} for row in rows)
        write_text(self.history, text.getvalue())
