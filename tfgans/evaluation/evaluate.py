"""Measuring runs and SavedModels. All numbers on cards come from here."""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

from tfgans import card as cards
from tfgans import models, tasks
from tfgans.card import SAMPLES, Card, Row
from tfgans.errors import UserError
from tfgans.evaluation.card_builder import check_same, declared, facts, joined, losses_of, more_seeds, unmeasured
from tfgans.evaluation.curves import CURVES, draw_curves
from tfgans.evaluation.loss_vs_quality import CORRELATIONS, QUALITY, add_quality, follow
from tfgans.files import whole, write_json
from tfgans.images import write_png
from tfgans.inference.export import export_run, refuse_other
from tfgans.inference.exported import Exported, find
from tfgans.names import lines
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import Measured, Subject
from tfgans.training.setup import recipe_of


def evaluate(
    paths: list[Path],
    *,
    card: str | Path | None = None,
    add: bool = False,
    update: bool = False,
    model: bool = True,
    features: str | None = None,
    n: int | None = None,
    data_dir: str | None = None,
    tests: list[str] | None = None,
    degradation: str | None = None,
) -> Measured:
    """Measure runs of one GAN (one per training seed) or one SavedModel; restorations on the images of `tests`.

    `degradation` replaces the recipe's; each image is always degraded in the same way.

    Each run gets a metrics.json. With `card`, the first run is exported to that folder with a card of all runs; without
    `model`, only the card and its samples are written, for example for ablations. With `add`, the runs are added to the
    existing card as further seeds, and its model stays. A SavedModel is measured by its card's protocol, and its card
    is changed only with `update`: see `remeasure`.

    Raises:
        UserError: neither a run nor a SavedModel, runs of different recipes, no features to measure in.
    """
    if add and card is None:
        raise UserError("--add needs --card, the card to which these runs are added")
    there = cards.read_card(card) if card is not None else None
    if add and there is None:
        raise UserError(f"{card} has no card.json yet; leave --add out")
    if card is not None and not model and not add and (Path(card) / "saved_model.pb").exists():
        raise UserError(
            f"{card} holds a model, which --no-model would leave with a card of other runs; choose another folder"
        )
    if not paths[0].is_dir() or (paths[0] / "saved_model.pb").is_file():
        saved = find(paths[0])
        if len(paths) > 1 or card is not None:
            raise UserError(f"{saved} is a SavedModel: measure it alone and without --card, which takes runs")
        measure = remeasure if update else evaluate_saved
        return measure(saved, features=features, n=n, data_dir=data_dir, tests=tests, degradation=degradation)
    if update:
        raise UserError("--update takes a SavedModel; runs write a card with --card")
    runs = [Run.open(path) for path in paths]
    for run in runs:
        if (run.config["gan"], run.config["recipe"]) != (runs[0].config["gan"], runs[0].config["recipe"]):
            raise UserError(f"{run.path} is not a run of the same recipe as {runs[0].path}; evaluate it separately")
    if card is not None and not add:
        _same_kind(there, facts(runs[:1]), card)
        if model:
            refuse_other(Path(card), "--card")
    if add and there is not None:
        check_same(there, facts(runs), str(card))
    if len({run.config["seed"] for run in runs}) < len(runs):
        raise UserError("two of these runs have the same seed; a card takes each training seed only once")
    n = SAMPLES if n is None else n
    options: dict[str, Any] = dict(features=features, n=n, data_dir=data_dir, tests=tests, degradation=degradation)
    measured = [evaluate_run(path, **options) for path in paths]
    rows = joined([(1, each.rows) for each in measured])
    if card is not None:
        written = dataclasses.replace(
            facts(runs), protocol=measured[0].protocol, measurements=rows, losses=losses_of(runs), kernels="float16"
        )
        if add and there is not None:
            written = more_seeds(there, written, card)
        else:
            subject = subject_of(runs[0], **options)
            with tempfile.TemporaryDirectory() as folder:
                place = export_run(paths[0], card if model else Path(folder) / "model", force=True)
                Path(card).mkdir(parents=True, exist_ok=True)
                picture = tasks.get(written.task).sheet(Exported(place), subject, runs[0])
                write_png(Path(card) / "samples.png", picture)
            with whole(Path(card) / CURVES) as place:
                place.write_bytes(draw_curves(runs[0].read_history()))
            (Path(card) / QUALITY).unlink(missing_ok=True)
        cards.write_card(card, written)
        add_quality(card, runs)
        rows = written.measurements
    return Measured(measured[0].protocol, rows)


def _same_kind(there: Card | None, own: Card, card: str | Path) -> None:
    """Raises UserError if a model to be replaced is not of the run's GAN, recipe and data set."""
    if there is None:
        return
    pairs = [(name, getattr(there, name), getattr(own, name)) for name in ("gan", "recipe", "dataset")]
    other = [f"{name} {one}" for name, one, another in pairs if one != another]
    if other:
        raise UserError(f"{card} has a card of another model ({', '.join(other)}); choose another folder, or delete it")


def subject_of(
    run: Run,
    features: str | None,
    n: int,
    data_dir: str | None,
    tests: list[str] | None,
    degradation: str | None = None,
) -> Subject:
    """The data that a run is measured on."""
    config = run.config
    return Subject(spoiled(recipe_of(config), degradation), data_dir or config["data_dir"], tests, features, n)


def spoiled(recipe: Recipe, degradation: str | None) -> Recipe:
    """The recipe with another degradation, if given. Raises UserError if the recipe has none."""
    if degradation is None:
        return recipe
    if not recipe.degradation:
        raise UserError("this model is not a restoration; leave --degradation out")
    return dataclasses.replace(recipe, degradation=degradation)


def evaluate_run(
    path: str | Path,
    *,
    features: str | None = None,
    n: int = SAMPLES,
    data_dir: str | None = None,
    only_if_possible: bool = False,
    tests: list[str] | None = None,
    degradation: str | None = None,
) -> Measured:
    """Measure the newest checkpoint of a run into its metrics.json.

    With `only_if_possible`, a run whose data have no judge or no test images is skipped with a message.
    """
    run = Run.open(path)
    subject = subject_of(run, features, n, data_dir, tests, degradation)
    task = tasks.get(declared(run.config)[0])
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = Exported(export_run(path, Path(folder) / "model"))
            measured: Measured = task.measure(model, subject)
            rows = measured.rows + task.measure_run(run, model, subject)
        term = models.model_class(run.config["gan"]).estimate
        if term:
            rows = rows + follow(run, term, subject)
    except UserError as error:
        if not only_if_possible:
            raise
        print(f"not measured: {error}", file=sys.stderr)
        return Measured({}, [])
    written = {"protocol": measured.protocol, "measurements": [dataclasses.asdict(row) for row in rows]}
    write_json(run.path / "metrics.json", written)
    return Measured(measured.protocol, rows)


def evaluate_saved(
    path: Path,
    *,
    features: str | None,
    n: int | None,
    data_dir: str | None,
    tests: list[str] | None = None,
    degradation: str | None = None,
) -> Measured:
    """Measure a SavedModel by its card's protocol and print the numbers; the card is not changed.

    A restoration without a card is measured if `tests` and a `degradation` are given.
    """
    card, model = cards.read_card(path), Exported(path)
    if card is None and tests and degradation and model.task == "restoration":
        shape = (8, 8, model.made_channels or 3)  # not used: images keep their sizes
        recipe = Recipe("", {"image_shape": shape}, {}, 1, 1, degradation=degradation)
        return tasks.get(model.task).measure(model, Subject(recipe, data_dir, tests, features))
    if card is None:
        raise UserError(
            f"{path} has no card.json that names its data; write it with 'tfgans evaluate RUN --card {path}'"
        )
    task = tasks.get(card.task)
    if features is None and not tests:
        features = task.features_of(card)
    n = card.protocol.get("n_fake", SAMPLES) if n is None else n
    recipe = spoiled(Recipe.from_dict(card.settings), degradation)
    return task.measure(model, Subject(recipe, data_dir, tests, features, n))


def remeasure(path: Path, **options: Any) -> Measured:
    """Measure a SavedModel again, with the options of `evaluate_saved`, and replace the measurements of its card.

    Measurements that need the run, such as those of its checkpoints, stay. A card of several trainings keeps all that
    it has, and gets the measures that it lacks, for the training of the model.

    Raises:
        UserError: there is no card, it covers several trainings and lacks no measure, or it was measured on other data
            or in other features.
    """
    card = cards.read_card(path)
    if card is None:
        raise UserError(f"{path} has no card to update; write one with 'tfgans evaluate RUN --card {path}'")
    measured = evaluate_saved(path, **options)
    for key in ("features", "tests", "degradation", "n_fake"):
        own, new = card.protocol.get(key), measured.protocol.get(key)
        if own is not None and own != new:
            raise UserError(f"the card of {path} has the {key} {own}, and these measurements {new}: choose the same")
    if len(card.training_seeds) > 1:
        more = unmeasured(card, measured.rows, card.exported_seed)
        if not more:
            raise UserError(
                f"the card of {path} covers {len(card.training_seeds)} trainings, of which the model is one, and lacks "
                f"no measure: evaluate the runs again"
            )
        cards.write_card(path, dataclasses.replace(card, measurements=card.measurements + more))
        return Measured(card.protocol, more)
    of_runs = {*tasks.get(card.task).OF_RUNS, *CORRELATIONS}
    kept = [row for row in card.measurements if row.measure in of_runs or (row.where or "").startswith("tenth")]
    rows = joined([(1, measured.rows + kept)])
    cards.write_card(path, dataclasses.replace(card, protocol=measured.protocol, measurements=rows, kernels="float16"))
    return Measured(measured.protocol, rows)


def show(rows: list[Row]) -> None:
    """Print one measurement per line."""
    shown = lines(rows)
    width = max(len(name) for name, _ in shown)
    for name, numbers in shown:
        print(f"{name:{width}}  {numbers}")
