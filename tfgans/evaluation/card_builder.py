"""Building the card of one or more runs, one per training seed."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import numpy as np

from tfgans import models
from tfgans.card import Card, Row
from tfgans.errors import UserError
from tfgans.files import plain
from tfgans.inference.labels import are_numbers
from tfgans.run import Run
from tfgans.tasks import task_of
from tfgans.training.provenance import as_typed
from tfgans.training.setup import inputs_of, network_of, recipe_of


def facts(runs: list[Run]) -> Card:
    """How the runs were made, without measurements: common facts from the first run, and the command, seed and time of
    each."""
    first = runs[0].config
    recipe, names = as_typed(first), first.get("class_names") or []
    task, endpoints = declared(first)
    return Card(
        gan=models.label(first["gan"]),
        recipe=first["recipe_key"],
        task=task,
        dataset=recipe["dataset"],
        image_shape=recipe["model"]["image_shape"],
        classes=recipe["model"].get("classes"),
        endpoints=endpoints,
        commands=[run.config["command"] for run in runs],
        commit=first["commit"],
        training_seeds=[run.config["seed"] for run in runs],
        exported_seed=first["seed"],
        settings=recipe,
        parameters=first.get("parameters") or {},
        precision=first["precision"],
        jit_compile=first["jit_compile"],
        train_seconds=[run.config["seconds"] for run in runs],
        machine={key: value for key, value in first["machine"].items() if key != "cores"},
        cores=[run.config["machine"]["cores"] for run in runs],
        protocol={},
        measurements=[],
        losses={},
        class_names=[] if are_numbers(names, plainly=True) else names,
    )


def declared(config: dict[str, Any]) -> tuple[str, dict[str, list[str]]]:
    """The task of a run and the inputs of its endpoints; derived from its model if the run is older than tasks."""
    if "task" in config:
        return config["task"], config["endpoints"]
    recipe = recipe_of(config)
    endpoints = network_of(config["gan"], recipe).endpoints()
    return task_of(endpoints, recipe), inputs_of(endpoints)


def losses_of(runs: list[Run]) -> dict[str, dict[str, list[float]]]:
    """For each term, one value per run: the mean over the training, its beginning and its end, and over the second half
    the change and the fluctuation, which is the mean step from row to row."""
    histories = [run.read_history() for run in runs]
    terms = [name for name in histories[0][0] if name not in ("step", "images_per_second", "seconds")]
    result = {}
    for term in terms:
        whole = [np.array([row[term] for row in rows]) for rows in histories]
        halves = [values[len(values) // 2 :] for values in whole]
        result[term] = {
            "mean": [float(values.mean()) for values in whole],
            "first": [float(values[0]) for values in whole],
            "final": [float(half[-1]) for half in halves],
            "change": [float(half[-1] - half[0]) for half in halves],
            "fluctuation": [float(np.abs(np.diff(half)).mean()) if len(half) > 1 else 0.0 for half in halves],
        }
    return result


def joined(parts: list[tuple[int, list[Row]]], where: str | Path = "these runs") -> list[Row]:
    """Join the rows of several groups of trainings, each given with their number.

    Values that do not depend on the training stay single; if the groups differ in one, it becomes one per training.
    Raises UserError if the groups do not have the same rows.
    """
    found = [{row.key: row for row in rows} for _, rows in parts]
    if any(each.keys() != found[0].keys() for each in found):
        odd = sorted({key[1] for each in found for key in each.keys() ^ found[0].keys()})
        raise UserError(f"not all trainings of {where} were measured alike: {', '.join(odd)}; evaluate them again")
    rows = []
    for key, first in found[0].items():
        groups = [each[key].values for each in found]
        if first.of != "model" and all(group == groups[0] and len(group) == 1 for group in groups):
            values = groups[0]
        else:
            full = zip(groups, parts, strict=True)
            values = [v for group, (n, _) in full for v in (group * n if len(group) == 1 else group)]
        rows.append(dataclasses.replace(first, values=values))
    return rows


def check_same(old: Card, new: Card, folder: str | Path) -> None:
    """Raises UserError if runs, with `facts` in `new`, are not further seeds of the card `old`.

    Settings missing from the old card were added later; for arguments of the model their defaults are assumed. The
    precision may differ: it is that of the recipe, or float32 on a processor that lacks it.
    """
    settings = {**old.settings, "model": _with_defaults(old, new)}
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in ("gan", "recipe", "dataset")]
    pairs += [(name, value, new.settings.get(name)) for name, value in settings.items() if name != "keep"]
    pairs += [("protocol", old.protocol, new.protocol)] if new.protocol else []
    pairs += [("jit_compile", old.jit_compile, new.jit_compile)]
    for name, own, other in pairs:
        if plain(own) != plain(other):
            raise UserError(f"{folder}/card.json has another {name} than these runs; write a separate card for them")
    if set(old.training_seeds) & set(new.training_seeds):
        raise UserError(f"{folder}/card.json covers the seeds {old.training_seeds} already; train another --seed")


def _with_defaults(old: Card, new: Card) -> dict[str, Any]:
    arguments = inspect.signature(models.model_class(new.gan)).parameters
    defaults = {name: arguments[name].default for name in new.settings["model"] if name in arguments}
    return plain({**defaults, **old.settings["model"]})


def more_seeds(old: Card, new: Card, folder: str | Path) -> Card:
    """The joined card: facts from the old one, values for the seeds of both."""
    check_same(old, new, folder)
    there = old.measurements + unmeasured(old, new.measurements)
    parts = [(len(old.training_seeds), there), (len(new.training_seeds), new.measurements)]
    terms = [term for term in old.losses if term in new.losses]
    return dataclasses.replace(
        old,
        settings={**old.settings, "model": _with_defaults(old, new)},
        commands=old.commands + new.commands,
        commit=_listed(old.commit, new.commit),
        precision=_listed(old.precision, new.precision),
        training_seeds=old.training_seeds + new.training_seeds,
        train_seconds=old.train_seconds + new.train_seconds,
        cores=old.cores + new.cores,
        measurements=joined(parts, folder),
        losses={t: {s: old.losses[t][s] + new.losses[t][s] for s in old.losses[t]} for t in terms},
        kernels=_listed(old.kernels, new.kernels),
    )


def unmeasured(card: Card, rows: list[Row], seed: int | None = None) -> list[Row]:
    """The rows that a card lacks, because their measures were added later, with None for each training of the card
    but that of `seed`, which the rows measure."""
    known = {row.key for row in card.measurements}
    return [
        dataclasses.replace(row, values=[row.values[0] if each == seed else None for each in card.training_seeds])
        for row in rows
        if row.key not in known
    ]


def _listed(old: str, new: str) -> str:
    """A fact of the trainings of two cards, where these may differ: "mixed_bfloat16, float32"."""
    return ", ".join(dict.fromkeys([*old.split(", "), new]))
