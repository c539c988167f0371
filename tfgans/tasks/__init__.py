"""The tasks of models. Each task is a module here with the functions

* `measure(model, subject) -> Measured`: an exported model on test data;
* `measure_run(run, model, subject) -> list[Row]`: measurements that need checkpoints. Their measures are named in
  `OF_RUNS`, but for those `where` a tenth of a training is;
* `sheet(model, subject, run) -> uint8 picture`: samples for the card, not selected;
* `preview(model, examples, recipe) -> () -> uint8 picture`: the same inputs at each call, for samples/ of a run;
* `features_of(card) -> str | None`: the features to measure in again if none are given;
* `table(cards) -> lines of Markdown`: of docs/RESULTS.md; `SHOWS_ALL` whether also of cards without a model.

`task_of` determines the task of a model when it is trained; config.yaml, SavedModel and card store it.
"""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from tfgans.card import Row
from tfgans.data.points import MIXTURES
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError
from tfgans.features.judge_networks import JUDGES
from tfgans.recipe import Recipe

TASKS = (
    "generation",
    "mode_coverage",
    "restoration",
    "small_restoration",
    "paired_translation",
    "unpaired_translation",
    "point_translation",
    "joint_generation",
)
STACKED = "stacked_mnist"
JUDGED_BY = {"mnist5k": "mnist", STACKED: "mnist"}  # data sets scored by the judge of another one
SAMPLE_SEED = 1  # of the measured samples; never used in training or previews
PREVIEW_SEED = 20140610  # of the fixed inputs in the sample grids
FEWEST = 16  # images whose features can be compared as a set

Examples = Callable[[int], dict[str, tf.Tensor]]  # n -> a batch of n training examples, the same at each call


class Measured(NamedTuple):
    """Measurements and their protocol."""

    protocol: dict[str, Any]
    rows: list[Row]


@dataclasses.dataclass(frozen=True)
class Subject:
    """The data that a model is measured on: those of its recipe, or `tests`."""

    recipe: Recipe
    data_dir: str | None = None
    tests: list[str] | None = None  # folder:PATH or names of data sets
    features: str | None = None  # None: the task's default
    n: int = 10_000

    @property
    def image_shape(self) -> tuple[int, int, int]:
        height, width, channels = self.recipe.model["image_shape"]
        return height, width, channels

    @property
    def label(self) -> str:
        """The name of the test data in rows."""
        return label(self.tests[0] if self.tests else self.recipe.dataset)

    def without_tests(self) -> None:
        """Raises UserError if test sets are given, for tasks that are only measured on their own data."""
        if self.tests:
            raise UserError("this model is not a restoration; leave --test out")


def label(dataset: str) -> str:
    """The name of a data set in rows: the last part of its path, or its name; both names for domains:ONE,OTHER."""
    return ",".join(Path(part.split(":")[-1]).name.lower() for part in dataset.split(","))


def row(measure: str, value: float, of: str = "model", **place: Any) -> Row:
    """A measurement of one training; `place` is its test, where and direction."""
    return Row(
        **{"test": None, "where": None, "direction": None, **place}, measure=measure, of=of, values=[float(value)]
    )


def get(name: str) -> Any:
    """The module of a task. Raises UserError for an unknown name."""
    if name not in TASKS:
        raise UserError(f"there is no task '{name}'; there are: {', '.join(TASKS)}")
    return importlib.import_module(f"tfgans.tasks.{name}")


def task_of(endpoints: dict[str, Endpoint], recipe: Recipe) -> str:
    """The task of a model with these endpoints, trained by this recipe."""
    if "translate" in endpoints:
        return "paired_translation"
    if "a_to_b" in endpoints:
        made = endpoints["a_to_b"].outputs.values()
        return "point_translation" if any(each.encoding == "points" for each in made) else "unpaired_translation"
    if "fill" in endpoints:
        return "restoration"
    if "restore" in endpoints:
        read = recipe.dataset in JUDGES and not recipe.crop and not endpoints["restore"].keeps_lightness
        return "small_restoration" if read else "restoration"
    if set(endpoints["sample"].outputs) == {"a", "b"}:
        return "joint_generation"
    points = any(each.encoding == "points" for each in endpoints["sample"].outputs.values())
    return "mode_coverage" if points or recipe.dataset in (*MIXTURES, STACKED) else "generation"


def judge_of(dataset: str) -> str:
    """The judge that scores a data set's images. Raises UserError for a folder, which has none."""
    if ":" in dataset:
        raise UserError(
            f"{dataset} has no judge; use another network: 'tfgans evaluate RUN --features squeezenet:PATH', "
            "or inception"
        )
    return f"judge:{JUDGED_BY.get(dataset, dataset)}"
