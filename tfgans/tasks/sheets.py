"""The picture beside a card: what a model makes, not selected."""

import numpy as np

from tfgans import data, models
from tfgans.data.points import MIXTURES
from tfgans.images import grid, sheet
from tfgans.inference.exported import Exported
from tfgans.run import Run
from tfgans.tasks.generation import SEED, tenths
from tfgans.tasks.restoration import restoration_sheet, restores, scaled_size, tests_of
from tfgans.tasks.small_restoration import READ, small_sheet


def sheet_of(model: Exported, run: Run, tests: list[str] | None = None, data_dir: str | None = None) -> np.ndarray:
    """Ten rows of ten samples, a column per label or category, where there are any.

    Of continuous codes a block each, the code going from -2 to 2 down the rows (figure 2 of the InfoGAN paper). Of a
    restoration crops of its test images; of points 2,000 samples over as many test points; of a model that draws
    on a canvas, ten samples and how they came about, from left to right.
    """
    config = run.config
    if restores(config) and config["recipe"]["dataset"] in READ:
        shape = tuple(config["recipe"]["model"]["image_shape"])
        return small_sheet(
            model, config["recipe"]["dataset"], config["recipe"]["degradation"], shape, data_dir or config["data_dir"]
        )
    if restores(config):
        return restoration_sheet(
            model,
            tests_of(config["recipe"]["dataset"], tests),
            config["recipe"]["degradation"],
            data_dir or config["data_dir"],
            scaled_size(config["recipe"]),
        )
    if model.codes:
        codes = range(model.codes - model.categories)
        return np.concatenate([grid(model.traverse(code=k, reach=2.0), model.categories) for k in codes], axis=1)
    if hasattr(models.model_class(config["gan"]), "canvases"):
        drawn = tenths(run.load(run.latest() or 0).canvases(10, SEED).numpy())
        return grid(np.concatenate(np.swapaxes(drawn, 0, 1)), 10)
    columns = min(config["recipe"]["model"].get("classes") or 10, 10)
    dataset, real, rows = config["recipe"]["dataset"], None, 10
    if dataset in MIXTURES:
        real, rows = (data.load(dataset, "test", limit=2_000).images + 1) / 2, 2_000 // columns
    labels = np.tile(np.arange(columns, dtype=np.int32), rows)
    return sheet(model.sample(n=len(labels), labels=labels, seed=SEED), columns, real)
