"""Batches of the input pipelines beside the training steps that take them: how many times as fast they are.

    python benchmarks/input.py                          # into docs/BENCHMARKS.md
    python benchmarks/input.py cyclegan:emoji           # of these recipes, GAN[:RECIPE][@DATASET]

Recipes whose data are absent are left out. Batches are drawn as `tfgans train` draws them, but nothing else runs
meanwhile, and the step is on one batch that stays. The two take turns.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from report import ROOT, TABLE, described, keep, quartiles, ratios, spread, table, turns

sys.path.insert(0, str(ROOT))
import tfgans.training  # noqa: F401  # isort: skip  (first: it turns oneDNN on, which TensorFlow reads once)
import keras
from train_step import TrainStep

from tfgans import models
from tfgans.errors import UserError
from tfgans.training.environment import usable_precision
from tfgans.training.setup import batches, build, fit_classes, load_source

PHOTOS = "folder:data/yang91,data/bsd200"
NAMES = (
    "dcgan:mnist",
    f"srgan:srresnet@{PHOTOS}",
    f"srgan:srresnet_real@{PHOTOS}",
    "pix2pix:facades",
    "cyclegan:horse2zebra",
)
DRAWN = 1_000_000  # batches at most


class Batches:
    """The batches of a recipe, one after the other, as a step."""

    def __init__(self, *arguments: Any) -> None:
        self.batches = iter(batches(*arguments, 0, DRAWN))

    def __call__(self) -> None:
        self.last = next(self.batches)

    def wait(self) -> None:
        pass


def measured(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The seconds of a batch and of a step. Raises UserError if the data are absent."""
    name, _, dataset = name.partition("@")
    gan, _, key = name.partition(":")
    recipe = models.recipe(gan, key or models.default(gan))
    recipe = recipe.override({"dataset": dataset} if dataset else {})
    source = load_source(recipe)
    recipe = fit_classes(gan, recipe, source)
    model = build(gan, recipe, 0, usable_precision(recipe.precision or "float32"))
    drawn = Batches(recipe, source, 0, model.group)
    drawn()
    steps = {"batch": drawn, "step": TrainStep(model, drawn.last)}
    details = f"{recipe.batch_size} of {recipe.dataset}" + (f", {recipe.degradation}" if recipe.degradation else "")
    return {"details": details, **turns(steps, options.seconds, options.rounds)}


def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The section of the page."""
    cells = []
    for name, row in rows.items():
        took = [spread([1000 * value for value in row[what]], "{:.1f}") for what in ("batch", "step")]
        cells.append([name, row["details"], *took, spread(ratios(row["step"], row["batch"]), "{:.0f}")])
    return [facts["machine"], "", *table(["recipe", "batch", "batch, ms", "step, ms", "times as fast"], cells)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="RECIPE")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn (default: 1)")
    parser.add_argument("--page", type=Path, default=TABLE, metavar="FILE", help="default: docs/BENCHMARKS.md")
    options = parser.parse_args()
    facts = {"machine": described("tensorflow", "keras")}
    for name in options.names:
        try:
            row = measured(name, options)
        except UserError as error:
            print(f"{name}: {error}", flush=True)
            continue
        times = (1000 * quartiles(row[what])[0] for what in ("batch", "step"))
        print(name, *(f"{time:.1f} ms" for time in times), flush=True)
        keep("input", "Batches beside steps", facts, {name.partition("@")[0]: row}, lines, options.page)
        keras.backend.clear_session()


if __name__ == "__main__":
    main()
