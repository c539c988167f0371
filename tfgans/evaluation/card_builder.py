"""What a card says of the runs it covers, one per training seed."""

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
    """How the runs were made: of the first one what they share, of each its command, seed and time. Not what was
    measured."""
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
    """The task of a run and the inputs of its endpoints; of a run that is older than tasks, from its model."""
    if "task" in config:
        return config["task"], config["endpoints"]
    recipe = recipe_of(config)
    endpoints = network_of(config["gan"], recipe).endpoints()
    return task_of(endpoints, recipe), inputs_of(endpoints)


def losses_of(runs: list[Run]) -> dict[str, dict[str, list[float]]]:
    """Each term's mean over the training, its beginning and its end; over the second half its change and its
    fluctuation, the mean step from row to row. A value for each run."""
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
    """The rows of several groups of trainings, each given with their number.

    What no training changes stays one value; where the groups differ in it, it gets one for each training.
    UserError where the groups do not have the same rows.
    """
    found = [{row.key: row for row in rows} for _, rows in parts]
    if any(each.keys() != found[0].keys() for each in found):
        odd = sorted({key[1] for each in found for key in each.keys() ^ found[0].keys()})
        raise UserError(f"not all trainings of {where} were measured alike: {', '.join(odd)}; evaluate them anew")
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
    """UserError where runs, their `facts` in `new`, are no further seeds of the card `old`.

    Settings that the old one does not name came later; arguments of the model among them had their default.
    """
    settings = {**old.settings, "model": _with_defaults(old, new)}
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in ("gan", "recipe", "dataset")]
    pairs += [(name, value, new.settings.get(name)) for name, value in settings.items() if name != "keep"]
    pairs += [("protocol", old.protocol, new.protocol)] if new.protocol else []
    pairs += [(name, getattr(old, name), getattr(new, name)) for name in ("precision", "jit_compile")]
    for name, own, other in pairs:
        if plain(own) != plain(other):
            raise UserError(
                f"{folder}/card.json has another {name} than these runs; evaluate them into a card of their own"
            )
    if set(old.training_seeds) & set(new.training_seeds):
        raise UserError(f"{folder}/card.json covers the seeds {old.training_seeds} already; train another --seed")


def _with_defaults(old: Card, new: Card) -> dict[str, Any]:
    arguments = inspect.signature(models.model_class(new.gan)).parameters
    defaults = {name: arguments[name].default for name in new.settings["model"] if name in arguments}
    return plain({**defaults, **old.settings["model"]})


def more_seeds(old: Card, new: Card, folder: str | Path) -> Card:
    """The card of both: its facts are the old one's, its values cover the seeds of both."""
    check_same(old, new, folder)
    parts = [(len(card.training_seeds), card.measurements) for card in (old, new)]
    terms = [term for term in old.losses if term in new.losses]
    return dataclasses.replace(
        old,
        settings={**old.settings, "model": _with_defaults(old, new)},
        commands=old.commands + new.commands,
        commit=", ".join(dict.fromkeys([*old.commit.split(", "), new.commit])),
        training_seeds=old.training_seeds + new.training_seeds,
        train_seconds=old.train_seconds + new.train_seconds,
        cores=old.cores + new.cores,
        measurements=joined(parts, folder),
        losses={t: {s: old.losses[t][s] + new.losses[t][s] for s in old.losses[t]} for t in terms},
        kernels=", ".join(dict.fromkeys([*old.kernels.split(", "), new.kernels])),
    )
