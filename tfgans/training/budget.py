"""Training for so many minutes: the number of steps that fit into a time."""

import sys
import time
from typing import Any

import keras

from tfgans import data
from tfgans.errors import UserError
from tfgans.recipe import STEPS, Recipe
from tfgans.training.environment import duration
from tfgans.training.profile import stages_of, step_seconds
from tfgans.training.setup import build

MEASURED = 0.02  # of the time, to measure steps
KEPT = 0.05  # of the time, for samples and checkpoints


def check_minutes(minutes: float, settings: dict[str, Any]) -> None:
    """Raises UserError where the settings leave the time nothing to decide on."""
    if not 0 < minutes < float("inf"):
        raise UserError(f"--minutes must be above 0, not {minutes}")
    given = [name for name in ("steps", *STEPS) if settings.get(name)]
    if given:
        raise UserError(f"--minutes decides on '{given[0]}'; leave one of the two out")


def within(
    minutes: float,
    began: float,
    name: str,
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    mode: tuple[str, bool],
) -> Recipe:
    """The recipe with as many steps as end at `began` (of `time.perf_counter`) and so many minutes.

    What a step costs is measured, of models with stages in each. All stages become longer or shorter in proportion, and
    with them what learning rates do.
    """
    start, measured = time.perf_counter(), MEASURED * 60 * minutes
    model = build(name, recipe, seed, *mode)
    stages = stages_of(model, recipe)
    seconds = step_seconds(model, recipe, source, seed, mode[1], measured / len(stages))
    keras.backend.clear_session()
    now = time.perf_counter()
    again = max(0.0, now - start - measured)  # to build and to trace, which the training does once more
    left = (1 - KEPT) * 60 * minutes - (now - began) - again
    whole = sum(each * count for each, (_, count) in zip(seconds, stages, strict=True))
    recipe = recipe.scaled(max(1, int(recipe.steps * left / whole)))
    print(f"{recipe.steps} steps fit into {duration(60 * minutes)}", file=sys.stderr, flush=True)
    return recipe
