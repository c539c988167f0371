"""What a card says of the runs it covers, one per training seed."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np

from tfgans import card as cards
from tfgans import models
from tfgans.errors import UserError
from tfgans.files import plain
from tfgans.inference.export import ENDPOINTS
from tfgans.run import Run


def with_sources(card: dict[str, Any]) -> dict[str, Any]:
    """The card with what its recipe says: the paper, what that reports, and where the training departs from it."""
    recipe = models.recipe(card["gan"], card["recipe"])
    said = {"paper": recipe.paper, "reported": recipe.reported_names()}
    return {**card, **said, "deviations": [*recipe.deviations, *recipe.departures(card)]}


def facts(runs: list[Run]) -> dict[str, Any]:
    """How the runs were made: of the first one what they share, of each its command, seed and time."""
    first = runs[0].config
    return with_sources(
        {
            "gan": first["gan"],
            "recipe": first["recipe_key"],
            "dataset": first["recipe"]["dataset"],
            "image_shape": first["recipe"]["model"]["image_shape"],
            "classes": first["recipe"]["model"].get("classes"),
            "endpoints": {
                name: list(inputs) for name, inputs in ENDPOINTS[models.model_class(first["gan"]).kind].items()
            },
            "commands": [run.config["command"] for run in runs],
            "commit": first["commit"],
            "training_seeds": [run.config["seed"] for run in runs],
            "exported_seed": first["seed"],
            "steps": first["recipe"]["steps"],
            "batch_size": first["recipe"]["batch_size"],
            "decay": first["recipe"]["decay"],
            "model": first["recipe"]["model"],
            "optimizers": first["recipe"]["optimizers"],
            "parameters": first.get("parameters"),
            "precision": first["precision"],
            "jit_compile": first["jit_compile"],
            "train_seconds": cards.summary([run.config["seconds"] for run in runs]),
            "machine": {key: value for key, value in first["machine"].items() if key != "cores"},
            "cores": [run.config["machine"]["cores"] for run in runs],
        }
    )


def losses_of(runs: list[Run]) -> dict[str, Any]:
    """Each term's mean over the training, its beginning and its end; over the second half its change and its
    fluctuation, the mean step from row to row."""
    histories = [run.read_history() for run in runs]
    terms = [name for name in histories[0][0] if name not in ("step", "images_per_second", "seconds")]
    result = {}
    for term in terms:
        whole = [np.array([row[term] for row in rows]) for rows in histories]
        halves = [values[len(values) // 2 :] for values in whole]
        result[term] = {
            "mean": cards.summary([float(values.mean()) for values in whole]),
            "first": cards.summary([float(values[0]) for values in whole]),
            "final": cards.summary([float(half[-1]) for half in halves]),
            "change": cards.summary([float(half[-1] - half[0]) for half in halves]),
            "fluctuation": cards.summary(
                [float(np.abs(np.diff(half)).mean()) if len(half) > 1 else 0.0 for half in halves]
            ),
        }
    return result


def over_seeds(values: list[Any]) -> Any:
    """A summary of numbers; of lists (histograms), the list of each seed."""
    if isinstance(values[0], list):
        return {"mean": np.mean(values, axis=0).tolist(), "std": None, "values": values}
    return cards.summary([float(v) for v in values])


def check_same(old: dict[str, Any], new: dict[str, Any], folder: str | Path) -> None:
    """UserError where runs, their `facts` in `new`, are no further seeds of the card `old`.

    An argument of the model that the old one does not name came later: it had its default.
    """
    same = ("gan", "recipe", "dataset", "steps", "batch_size", "decay", "model", "optimizers", "protocol")
    old = {**old, "model": _with_defaults(old, new)}
    for field in (*same, "precision", "jit_compile"):
        if field in new and old.get(field) != plain(new[field]):
            raise UserError(
                f"{folder}/card.json has another {field} than these runs; evaluate them into a card of their own"
            )
    if set(old["training_seeds"]) & set(new["training_seeds"]):
        raise UserError(f"{folder}/card.json covers the seeds {old['training_seeds']} already; train another --seed")


def _with_defaults(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    arguments = inspect.signature(models.model_class(new["gan"])).parameters
    defaults = {name: arguments[name].default for name in new["model"] if name in arguments}
    return plain({**defaults, **old.get("model", {})})


def more_seeds(old: dict[str, Any], new: dict[str, Any], folder: str | Path) -> dict[str, Any]:
    """The card of both: its facts are the old one's, its summaries cover the seeds of both."""
    check_same(old, new, folder)
    old = {**old, "model": _with_defaults(old, new)}

    def both(a: Any, b: Any) -> Any:
        if isinstance(a, dict) and "values" in a:
            return over_seeds(a["values"] + b["values"])
        return {key: both(a[key], b[key]) for key in a}

    joined = {field: both(old[field], new[field]) for field in ("metrics", "losses", "train_seconds")}
    lists = {field: old[field] + new[field] for field in ("training_seeds", "commands", "cores")}
    commits = ", ".join(dict.fromkeys([*old["commit"].split(", "), new["commit"]]))
    return {**old, **lists, **joined, "commit": commits}
