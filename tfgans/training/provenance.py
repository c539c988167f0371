"""The data that a run depends on: where they are, and whether they are unchanged."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tfgans import data
from tfgans.data import fingerprint as prints
from tfgans.data import palettes
from tfgans.data.folder import stamp
from tfgans.data.load import absolute
from tfgans.errors import UserError
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.training.setup import load_source


def located(recipe: Recipe) -> tuple[Recipe, dict[str, str]]:
    """The recipe with absolute paths, which do not depend on the working folder, and the original ones by setting."""
    now: dict[str, Any] = {"dataset": absolute(recipe.dataset, recipe.pairing)}
    colours = {"palette": recipe.palette, "image_palette": recipe.image_palette}
    now |= {name: path_of(place) for name, place in colours.items() if place and place not in palettes.NAMES}
    model = {}
    start = recipe.model.get("start")
    if start and isinstance(start, str):
        model["start"] = path_of(start)
    network, _, place = str(recipe.model.get("content", "")).partition(":")
    if place and place != "random":
        model["content"] = f"{network}:{path_of(place)}"
    before = {"dataset": recipe.dataset, **colours, **recipe.model}
    typed = {name: before[name] for name, value in {**now, **model}.items() if before[name] != value}
    return dataclasses.replace(recipe, model={**recipe.model, **model}, **now), typed


def path_of(place: str) -> str:
    """An absolute path, with ~ expanded."""
    return os.path.abspath(os.path.expanduser(place))


def data_dir_of(data_dir: str | None) -> str | None:
    """The absolute path of TensorFlow Datasets' data, as a run stores it; None for the default place."""
    place = data_dir or os.environ.get("TFDS_DATA_DIR")
    return path_of(str(place)) if place and "://" not in str(place) else place


def as_typed(config: dict[str, Any]) -> dict[str, Any]:
    """The recipe of config.yaml with the paths as typed, because cards do not contain paths of a machine."""
    recipe, typed = config["recipe"], config.get("typed") or {}
    own = {name: value for name, value in typed.items() if name in recipe}
    model = {name: value for name, value in typed.items() if name in recipe["model"]}
    return {**recipe, **own, "model": {**recipe["model"], **model}}


def standing_on(recipe: Recipe, source: Any) -> prints.Fingerprint:
    """The fingerprint of a training's data: its images, and the files that its settings name."""
    places = [recipe.palette, str(recipe.model.get("content", "")).partition(":")[2]]
    files = {place: list(stamp(Path(place))) for place in places if os.path.isabs(place)}
    return {**prints.fingerprint(source), **files}


def training_source(run: Run, recipe: Recipe, data_dir: str | None) -> Any:
    """The training images of a run to be resumed. Raises UserError if they are not those that it began with."""
    kept = run.config["data_dir"]
    if kept and "://" not in kept and not os.path.isdir(kept):
        kept = None  # moved: use TFDS_DATA_DIR
    try:
        source = load_source(recipe, data_dir or kept)
    except UserError as error:
        if "there is no folder" not in str(error):
            raise
        place = run.path / "config.yaml"
        raise UserError(f"{recipe.dataset} no longer exists; write its new path into {place}") from error
    return same_source(run, recipe, source)


def same_source(run: Run, recipe: Recipe, source: Any) -> Any:
    """`source` with its classes in the order of the run.

    Raises UserError if its images are not those that the run began with.
    """
    config = run.config
    again = "restore them, or start a new training"
    if "fingerprint" not in config:  # an older version
        if len(source) != config["images"]:
            raise UserError(
                f"{source.name} now has {len(source)} images, the run began with {config['images']}; {again}"
            )
        print(f"{run.path} is from an older version, so its images cannot be checked", file=sys.stderr)
    else:
        found = standing_on(recipe, source)
        if prints.digest(found) != config["fingerprint"]:
            other = prints.differences(prints.from_file(run.images) or {}, found) if run.images.is_file() else ""
            raise UserError(f"{source.name} is not what the run began with: {other or 'the hash differs'}; {again}")
    then, now = config.get("class_names") or [], list(source.class_names)
    if then == now:
        return source
    if "fingerprint" in config or sorted(then) != sorted(now) or not isinstance(source, data.ImageSet):
        raise UserError(f"{source.name} now has the classes {', '.join(now)}, the run has {', '.join(then)}; {again}")
    assert source.labels is not None
    numbers = np.array([then.index(name) for name in now], np.int32)  # older versions sorted 10 before 2
    return dataclasses.replace(source, labels=numbers[source.labels], class_names=tuple(then))
