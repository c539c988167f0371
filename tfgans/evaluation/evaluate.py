"""Measure what was trained: runs, SavedModels, folders of images. No other numbers stand on cards."""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tfgans import card as cards
from tfgans import data, metrics, models
from tfgans.card import SAMPLES, Card, Row
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.evaluation.card_builder import (
    check_same,
    facts,
    joined,
    losses_of,
    more_seeds,
    rows_from_names,
    task_from_names,
)
from tfgans.evaluation.loss_vs_quality import QUALITY, add_quality, follow, write_quality
from tfgans.features import load_features
from tfgans.files import write_json
from tfgans.images import write_png
from tfgans.inference.export import export_run, refuse_other
from tfgans.inference.exported import Exported, find
from tfgans.metrics.names import lines
from tfgans.run import Run
from tfgans.tasks.generation import SEED, measure_by_the_model, measure_samples
from tfgans.tasks.mode_coverage import STACKED
from tfgans.tasks.restoration import Size, Test, measure_restoration, restores, scaled_size, tests_of
from tfgans.tasks.sheets import sheet_of
from tfgans.tasks.small_restoration import READ, coarse, measure_small, restored

SEAMS = 200  # images whose seams are measured
JUDGES = {"mnist5k": "mnist", STACKED: "mnist"}  # data sets that another one's judge scores


def evaluate(
    paths: list[Path],
    *,
    card: str | Path | None = None,
    add: bool = False,
    model: bool = True,
    features: str | None = None,
    n: int | None = None,
    data_dir: str | None = None,
    tests: list[str] | None = None,
) -> dict[str, Any]:
    """Measure runs of one GAN (one per training seed), or one SavedModel; restorations on the images of `tests`.

    Runs get a metrics.json each; with `card`, the first one is exported there with a card over all of them (without
    `model`, just the card and its samples: of ablations, say); with `add`, the runs are further seeds of the card that
    is there, and its model stays. A SavedModel is measured by its card's protocol, and the card stays as it is.

    Raises:
        UserError: not a run nor a SavedModel, runs of different recipes, no features to measure in.
    """
    if add and card is None:
        raise UserError("--add goes with --card: the card that these runs are further seeds of")
    there = cards.read_card(card) if card is not None else None
    if add and there is None:
        raise UserError(f"{card} has no card.json yet that --add could add to; leave --add out")
    if card is not None and not model and not add and (Path(card) / "saved_model.pb").exists():
        raise UserError(
            f"{card} holds a model, which --no-model would leave with a card of other runs; name another folder"
        )
    if not paths[0].is_dir() or (paths[0] / "saved_model.pb").is_file():
        saved = find(paths[0])
        if len(paths) > 1 or card is not None:
            raise UserError(f"{saved} is a SavedModel: these are measured one at a time, and cards are made of runs")
        return evaluate_saved(saved, features=features, n=n, data_dir=data_dir, tests=tests)
    configs = [Run.open(path).config for path in paths]
    for path, config in zip(paths, configs, strict=True):
        if (config["gan"], config["recipe"]) != (configs[0]["gan"], configs[0]["recipe"]):
            raise UserError(f"{path} is not a run of the same recipe as {paths[0]}; evaluate it on its own")
    if card is not None and not add:
        _same_kind(there, configs[0], card)
        if model:
            refuse_other(Path(card), "--card")
    if add and there is not None:
        check_same(there, facts([Run.open(path) for path in paths]), str(card))
    if len({config["seed"] for config in configs}) < len(configs):
        raise UserError("two of these runs have the same seed; a card takes each training seed once")
    n = SAMPLES if n is None else n
    measured = [evaluate_run(path, features=features, n=n, data_dir=data_dir, tests=tests) for path in paths]
    rows = joined([(1, each["measurements"]) for each in measured])
    result: dict[str, Any] = {"protocol": measured[0]["protocol"], "measurements": rows}
    if card is not None:
        runs = [Run.open(path) for path in paths]
        written = dataclasses.replace(facts(runs), task=measured[0]["task"], losses=losses_of(runs), **result)
        if add and there is not None:
            written = more_seeds(there, written, card)
        else:
            with tempfile.TemporaryDirectory() as folder:
                place = export_run(paths[0], card if model else Path(folder) / "model", force=True)
                Path(card).mkdir(parents=True, exist_ok=True)
                write_png(Path(card) / "samples.png", sheet_of(Exported(place), runs[0], tests, data_dir))
            (Path(card) / QUALITY).unlink(missing_ok=True)
        cards.write_card(card, written)
        add_quality(card, runs)
        result["measurements"] = written.measurements
    return result


def _same_kind(there: Card | None, config: dict[str, Any], card: str | Path) -> None:
    """UserError where a card, whose model would be replaced, is not of the run's GAN, recipe and data set."""
    own = {"gan": config["gan"], "recipe": config["recipe_key"], "dataset": config["recipe"]["dataset"]}
    other = [f"{name} {getattr(there, name)}" for name, value in own.items() if there and getattr(there, name) != value]
    if other:
        raise UserError(f"{card} has a card of another model ({', '.join(other)}); name another folder, or delete it")


def evaluate_run(
    path: str | Path,
    *,
    features: str | None = None,
    n: int = SAMPLES,
    data_dir: str | None = None,
    only_if_possible: bool = False,
    tests: list[str] | None = None,
) -> dict[str, Any]:
    """Measure the newest checkpoint of a run into its metrics.json.

    With `only_if_possible`, a data set without a judge is passed over with a line that says how to get one.
    """
    run = Run.open(path)
    config = run.config
    if restores(config):
        return _evaluate_restoration(run, features, n, data_dir, only_if_possible, tests)
    dataset = config["recipe"]["dataset"]
    _no_tests(tests, run.path)
    try:
        network = _network(features or _judge_of(dataset), dataset)
    except UserError as error:
        if not only_if_possible:
            raise
        print(f"not measured: {error}", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as folder:
        model = Exported(export_run(path, Path(folder) / "model"))
        result = measure_samples(
            model, dataset, config["recipe"]["model"]["image_shape"], network, n, data_dir or config["data_dir"]
        )
    result["metrics"] |= measure_by_the_model(run, data_dir or config["data_dir"])
    term = models.model_class(config["gan"]).estimate
    if term and hasattr(network, "logits"):
        result["metrics"] |= follow(run, term, network, n // 4, SEED, data_dir or config["data_dir"])
    return _written(run, result)


def _written(run: Run, named: dict[str, Any]) -> dict[str, Any]:
    """Write what was measured of a run, under names, into its metrics.json; returns it as rows.

    `quality_over_time` goes into a file of its own.
    """
    result = _as_rows(named)
    rows = [dataclasses.asdict(row) for row in result["measurements"]]
    write_json(run.path / "metrics.json", {"protocol": result["protocol"], "measurements": rows})
    write_quality(run.path, run.config["seed"], named["metrics"].get("quality_over_time", []))
    return result


def _as_rows(named: dict[str, Any]) -> dict[str, Any]:
    metrics, protocol = named["metrics"], named.get("protocol", {})
    rows = rows_from_names(metrics, protocol)
    return {"task": task_from_names(metrics, protocol), "protocol": protocol, "measurements": rows}


def _evaluate_restoration(
    run: Run, features: str | None, n: int, data_dir: str | None, only_if_possible: bool, tests: list[str] | None
) -> dict[str, Any]:
    config = run.config
    data_dir = data_dir or config["data_dir"]
    with tempfile.TemporaryDirectory() as folder:
        model = Exported(export_run(run.path, Path(folder) / "model"))
        try:
            result = _measure_restored(
                model,
                tests_of(config["recipe"]["dataset"], tests),
                config["recipe"]["degradation"],
                features,
                n,
                data_dir,
                scaled_size(config["recipe"]),
            )
            if "part" in config["recipe"]["model"]:
                result["metrics"] |= _seams(
                    model, config["recipe"], tests_of(config["recipe"]["dataset"], tests)[0], data_dir
                )
        except UserError as error:
            if not only_if_possible:
                raise
            print(f"not measured: {error}", file=sys.stderr)
            return {}
    return _written(run, result)


def _seams(model: Exported, recipe: dict[str, Any], test: Test, data_dir: str | None) -> dict[str, float]:
    """How visible the borders of parts are in test images of the size of training; without partition, at the middle."""
    height, width, channels = recipe["model"]["image_shape"]
    part = min(recipe["model"]["part"], min(height, width) // 2)
    images = data.load(*test, data_dir=data_dir, image_shape=(height, width, channels), limit=SEAMS, minimum=1).images
    made = restored(model, coarse(images, recipe["degradation"]))
    pairs = (("seam_contrast", made), ("seam_contrast_real", images))
    return {name: float(np.nanmean(metrics.seam_contrast(each, part))) for name, each in pairs}


def evaluate_saved(
    path: Path, *, features: str | None, n: int | None, data_dir: str | None, tests: list[str] | None = None
) -> dict[str, Any]:
    """Measure a SavedModel by its card's protocol; the numbers are printed, the card of its training seeds is kept."""
    card = cards.read_card(path)
    if card is None:
        raise UserError(
            f"{path} has no card.json that names its data; write it with 'tfgans evaluate RUN --card {path}'"
        )
    protocol = card.protocol
    n = protocol.get("n_fake", SAMPLES) if n is None else n
    if "restore" in card.endpoints:
        if not tests and card.dataset in READ:
            features = features or protocol["features"]
        elif not tests and protocol["tests"] != [Path(card.dataset).name]:
            raise UserError(f"say on which images to measure {path}: --test folder:PATH")
        scaled = tuple(protocol["scaled"]) if "scaled" in protocol else None
        found = tests_of(card.dataset, tests)
        return _as_rows(
            _measure_restored(Exported(path), found, protocol["degradation"], features, n, data_dir, scaled)
        )
    _no_tests(tests, path)
    network = _network(features or protocol["features"], card.dataset)
    return _as_rows(measure_samples(Exported(path), card.dataset, card.image_shape, network, n, data_dir))


def _measure_restored(
    model: Exported,
    tests: list[Test],
    degradation: str,
    features: str | None,
    n: int,
    data_dir: str | None,
    scaled: Size,
) -> dict[str, Any]:
    dataset = tests[0][0]
    if len(tests) == 1 and dataset in READ and not (features or "judge").startswith("squeezenet"):
        return measure_small(model, dataset, degradation, features or f"judge:{dataset}", n, data_dir)
    return measure_restoration(model, tests, degradation, features, data_dir, scaled)


def _no_tests(tests: list[str] | None, path: Path) -> None:
    if tests:
        raise UserError(f"{path} restores nothing: leave --test out; its samples are compared with its own data")


def _judge_of(dataset: str) -> str:
    """The judge that scores a data set's images. UserError for a folder, of which there is none."""
    if dataset.startswith("folder:"):
        raise UserError(
            f"{dataset} has no judge; compare in another network: 'tfgans evaluate RUN --features squeezenet:PATH', "
            "or inception"
        )
    return f"judge:{JUDGES.get(dataset, dataset)}"


def _network(features: str, dataset: str) -> Any:
    """The feature network; None for points, which need none."""
    return None if dataset in MIXTURES else load_features(features)


def show(rows: list[Row]) -> None:
    """Print measurements, one a line."""
    shown = lines(rows)
    width = max(len(name) for name, _ in shown)
    for name, numbers in shown:
        print(f"{name:{width}}  {numbers}")
