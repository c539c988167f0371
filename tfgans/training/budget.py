"""Training for a number of minutes: choosing the number of steps."""

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

MEASURED = 0.02  # share of the time for measuring steps
KEPT = 0.05  # share of the time for samples and checkpoints


def check_minutes(minutes: float, settings: dict[str, Any]) -> None:
    """Raises UserError if the settings already determine the number of steps."""
    if not 0 < minutes < float("inf"):
        raise UserError(f"--minutes must be above 0, not {minutes}")
    given = [name for name in ("steps", *STEPS) if settings.get(name)]
    if given:
        raise UserError(f"--minutes determines '{given[0]}'; leave one of them out")


def within(
    minutes: float,
    began: float,
    name: str,
    recipe: Recipe,
    source: data.ImageSet | data.Domains,
    seed: int,
    mode: tuple[str, bool],
) -> Recipe:
    """The recipe with as many steps as fit into the given minutes after `began` (a `time.perf_counter`).

    The cost of a step is measured, for models with stages in each stage. All stages and the falls of learning rates
    are scaled in proportion.
    """
    start, measured = time.perf_counter(), MEASURED * 60 * minutes
    model = build(name, recipe, seed, *mode)
    stages = stages_of(model, recipe)
    seconds = step_seconds(model, recipe, source, seed, mode[1], measured / len(stages))
    keras.backend.clear_session()
    now = time.perf_counter()
    again = max(0.0, now - start - measured)  # building and tracing, which the training repeats
    left = (1 - KEPT) * 60 * minutes - (now - began) - again
    whole = sum(each * count for each, (_, count) in zip(seconds, stages, strict=True))
    recipe = recipe.scaled(max(1, int(recipe.steps * left / whole)))
    print(f"{recipe.steps} steps fit into {duration(60 * minutes)}", file=sys.stderr, flush=True)
    return recipe
