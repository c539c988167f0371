"""Measure what was trained: runs, SavedModels, folders of images. Nothing else writes cards."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import cards, data, metrics, models
from tfgans.coverage import STACKED, measure_points, measure_stacked
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.export import ENDPOINTS, Exported, export_run
from tfgans.features import load_features
from tfgans.features.judges import held_out
from tfgans.fidelity import Size, Test, measure_restoration, restoration_sheet
from tfgans.files import grid, plain, sheet, write_json, write_png
from tfgans.over_time import follow
from tfgans.recognition import coarse, measure_small, restored, small_sheet
from tfgans.report import LABELS, readable
from tfgans.run import Run

SEED = 1  # of the samples that are measured; training and previews never use it
FEWEST = 16  # images that can be scored
NEIGHBOURS = 1_000  # samples whose nearest training images are looked up
READ = ("mnist", "fashion_mnist", "cifar10", "cifar100")  # data sets whose restored images a judge of theirs reads
CANVASES = 500  # samples whose coming about is measured
SEAMS = 200  # images whose seams are measured
JUDGES = {"mnist5k": "mnist", STACKED: "mnist"}  # data sets that another one's judge scores


def evaluate(
    paths: list[Path],
    *,
    card: str | Path | None = None,
    add: bool = False,
    model: bool = True,
    features: str | None = None,
    n: int = 10_000,
    data_dir: str | None = None,
    tests: list[str] | None = None,
) -> dict[str, Any]:
    """Measure runs of one GAN (one per training seed), or one SavedModel; restorations on the images of `tests`.

    Runs get a metrics.json each; with `card`, the first one is exported there with a card over all of them (without
    `model`, just the card and its samples: of ablations, say); with `add`, the runs are further seeds of the card that
    is there, and its model stays. A SavedModel is measured by its
    card's protocol, and the card stays as it is.

    Raises:
        UserError: not a run nor a SavedModel, runs of different recipes, no features to measure in.
    """
    if add and card is None:
        raise UserError("--add goes with --card: the card that these runs are further seeds of")
    if card is not None and not model and not add and (Path(card) / "saved_model.pb").exists():
        raise UserError(
            f"{card} holds a model, which --no-model would leave with a card of other runs; name another folder"
        )
    if (paths[0] / "saved_model.pb").exists():
        return evaluate_saved(paths[0], features=features, n=n, data_dir=data_dir, tests=tests)
    configs = [Run.open(path).config for path in paths]
    for path, config in zip(paths, configs, strict=True):
        if (config["gan"], config["recipe"]) != (configs[0]["gan"], configs[0]["recipe"]):
            raise UserError(f"{path} is not a run of the same recipe as {paths[0]}; evaluate it on its own")
    if len({config["seed"] for config in configs}) < len(configs):
        raise UserError("two of these runs have the same seed; a card takes each training seed once")
    measured = [evaluate_run(path, features=features, n=n, data_dir=data_dir, tests=tests) for path in paths]
    result: dict[str, Any] = {
        "protocol": measured[0]["protocol"],
        "metrics": {name: _over_seeds([m["metrics"][name] for m in measured]) for name in measured[0]["metrics"]},
    }
    if card is not None:
        runs = [Run.open(path) for path in paths]
        written = {**_facts(runs), **result, "losses": _losses(runs)}
        if add:
            written = _more_seeds(cards.read_card(card), written, card)
        else:
            with tempfile.TemporaryDirectory() as folder:
                place = export_run(paths[0], card if model else Path(folder) / "model", force=True)
                Path(card).mkdir(parents=True, exist_ok=True)
                write_png(Path(card) / "samples.png", _sheet(Exported(place), runs[0], tests, data_dir))
        cards.write_card(card, written)
        result["metrics"] = written["metrics"]
    return result


def _more_seeds(old: dict[str, Any], new: dict[str, Any], folder: str | Path) -> dict[str, Any]:
    """The card of both: its facts are the old one's, its summaries cover the seeds of both."""
    same = ("gan", "recipe", "dataset", "steps", "batch_size", "decay", "model", "optimizers", "protocol")
    for field in same:
        if old.get(field) != plain(new[field]):
            raise UserError(
                f"{folder}/card.json has another {field} than these runs; evaluate them into a card of their own"
            )
    if set(old["training_seeds"]) & set(new["training_seeds"]):
        raise UserError(f"{folder}/card.json covers the seeds {old['training_seeds']} already; train another --seed")

    def both(a: Any, b: Any) -> Any:
        if isinstance(a, dict) and "values" in a:
            return _over_seeds(a["values"] + b["values"])
        return {key: both(a[key], b[key]) for key in a}

    joined = {field: both(old[field], new[field]) for field in ("metrics", "losses", "train_seconds")}
    lists = {field: old[field] + new[field] for field in ("training_seeds", "commands", "cores")}
    return {**old, **lists, **joined}


def evaluate_run(
    path: str | Path,
    *,
    features: str | None = None,
    n: int = 10_000,
    data_dir: str | None = None,
    only_if_possible: bool = False,
    tests: list[str] | None = None,
) -> dict[str, Any]:
    """Measure the newest checkpoint of a run into its metrics.json.

    With `only_if_possible`, a data set without a judge is passed over with a line that says how to get one.
    """
    run = Run.open(path)
    config = run.config
    if _restores(config):
        return _evaluate_restoration(run, features, n, data_dir, only_if_possible, tests)
    dataset = config["recipe"]["dataset"]
    try:
        network = _network(features or f"judge:{JUDGES.get(dataset, dataset)}", dataset)
    except UserError as error:
        if not only_if_possible:
            raise
        print(f"not measured: {error}", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as folder:
        model = Exported(export_run(path, Path(folder) / "model"))
        result = measure(
            model, dataset, config["recipe"]["model"]["image_shape"], network, n, data_dir or config["data_dir"]
        )
    result["metrics"] |= _by_the_model(run, data_dir or config["data_dir"])
    term = models.model_class(config["gan"]).estimate
    if term and hasattr(network, "logits"):
        result["metrics"] |= follow(run, term, network, n // 4, SEED, data_dir or config["data_dir"])
    write_json(run.path / "metrics.json", result)
    return result


def _by_the_model(run: Run, data_dir: str | None, batch: int = 500) -> dict[str, Any]:
    """What a model can say of all test images beyond its endpoints: from the checkpoint, so not of a SavedModel.

    `bound(images)`, nats of binary images: each pixel is drawn once, by its brightness, with a fixed seed;
    `recognize(images)`, the category that each image is of; `canvases(n, seed)`, how images come about: how sharp
    they are after each tenth of the glimpses.
    """
    recipe = run.config["recipe"]
    kind = models.model_class(run.config["gan"])
    if not any(hasattr(kind, ability) for ability in ("bound", "recognize", "canvases")):
        return {}
    model = run.load(run.latest() or 0)
    test = data.load(recipe["dataset"], "test", data_dir=data_dir, image_shape=tuple(recipe["model"]["image_shape"]))
    images = test.images.astype(np.float32) / 255
    found: dict[str, Any] = {}
    if hasattr(kind, "bound"):
        binary = (np.random.default_rng(SEED).random(images.shape) < images).astype(np.float32)
        bound = tf.function(model.bound)
        parts = [bound(binary[i : i + batch], tf.constant(i)).numpy() for i in range(0, len(binary), batch)]
        found["nll_bound"] = float(np.concatenate(parts).mean())
    if hasattr(kind, "canvases"):
        drawn = _tenths(model.canvases(CANVASES, SEED).numpy())
        found["canvas_sharpness"] = [float(metrics.sharpness(each).mean()) for each in drawn]
    if hasattr(kind, "recognize") and test.labels is not None:
        parts = [model.recognize(images[i : i + batch]).numpy() for i in range(0, len(images), batch)]
        found["recognition_accuracy"] = metrics.category_accuracy(np.concatenate(parts), test.labels)
    return found


def _tenths(canvases: np.ndarray) -> np.ndarray:
    """Ten of (glimpses, n, h, w, c) canvases, the last one the last."""
    return canvases[np.linspace(0, len(canvases), 11).round().astype(int)[1:] - 1]


def _restores(config: dict[str, Any]) -> bool:
    return models.model_class(config["gan"]).kind == "restoration"


def _test_sets(config: dict[str, Any], tests: list[str] | None) -> list[Test]:
    """All images of each of `tests`; without them the test split of what the run was trained on."""
    if tests:
        return [(name, "all" if name.startswith("folder:") else "test") for name in tests]
    return [(config["recipe"]["dataset"], "test")]


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
                _test_sets(config, tests),
                config["recipe"]["degradation"],
                features,
                n,
                data_dir,
                _scaled(config["recipe"]),
            )
            if "part" in config["recipe"]["model"]:
                result["metrics"] |= _seams(model, config["recipe"], _test_sets(config, tests)[0], data_dir)
        except UserError as error:
            if not only_if_possible:
                raise
            print(f"not measured: {error}", file=sys.stderr)
            return {}
    write_json(run.path / "metrics.json", result)
    return result


def _seams(model: Exported, recipe: dict[str, Any], test: Test, data_dir: str | None) -> dict[str, float]:
    """How visible the borders of parts are in test images of the size of training; without partition, at the middle."""
    height, width, channels = recipe["model"]["image_shape"]
    part = min(recipe["model"]["part"], min(height, width) // 2)
    images = data.load(*test, data_dir=data_dir, image_shape=(height, width, channels), limit=SEAMS, minimum=1).images
    made = restored(model, coarse(images, recipe["degradation"]))
    pairs = (("seam_contrast", made), ("seam_contrast_real", images))
    return {name: float(np.nanmean(metrics.seam_contrast(each, part))) for name, each in pairs}


def evaluate_saved(
    path: Path, *, features: str | None, n: int, data_dir: str | None, tests: list[str] | None = None
) -> dict[str, Any]:
    """Measure a SavedModel by its card's protocol; the numbers are printed, the card of its training seeds is kept."""
    card = cards.read_card(path)
    if not card:
        raise UserError(
            f"{path} has no card.json that names its data; write it with 'tfgans evaluate RUN --card {path}'"
        )
    if "restore" in card["endpoints"]:
        protocol = card["protocol"]
        if not tests and card["dataset"] in READ:
            features = features or protocol["features"]
        elif not tests and protocol["tests"] != [Path(card["dataset"]).name]:
            raise UserError(f"say on which images to measure {path}: --test folder:PATH")
        scaled = tuple(protocol["scaled"]) if "scaled" in protocol else None
        return _measure_restored(
            Exported(path), _test_sets(card, tests), protocol["degradation"], features, n, data_dir, scaled
        )
    network = _network(features or card["protocol"]["features"], card["dataset"])
    return measure(Exported(path), card["dataset"], card["image_shape"], network, n, data_dir)


def _scaled(recipe: dict[str, Any]) -> Size:
    """The size to which a recipe scales whole images; None where it crops them."""
    height, width, _ = recipe["model"]["image_shape"]
    return None if recipe["crop"] else (height, width)


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


def _network(features: str, dataset: str) -> Any:
    """The feature network; None for points, which need none."""
    return None if dataset in MIXTURES else load_features(features)


def measure(
    model: Exported, dataset: str, image_shape: list[int], network: Any, n: int, data_dir: str | None
) -> dict[str, Any]:
    """Every metric of `n` samples against as many test images, and the floor: training images in the samples' place.

    Of data whose modes are known and many, which of them the samples cover (`tfgans.coverage`), in place of distances.
    """
    height, width, channels = image_shape
    shape = (height, width, channels)
    if dataset in MIXTURES or dataset == STACKED:
        if n < FEWEST:
            raise UserError(f"{n} samples: fewer than {FEWEST} cannot be scored")
        if dataset == STACKED:
            return measure_stacked(model, shape, network, n, SEED, data_dir)
        return measure_points(model, dataset, n, SEED)
    test = data.load(dataset, "test", data_dir=data_dir, image_shape=shape)
    train = data.load(dataset, "train", data_dir=data_dir, image_shape=shape)
    n = min(n, len(test))
    if n < FEWEST:
        raise UserError(
            f"{n} samples against {dataset}, which has {len(test)} test images: fewer than {FEWEST} cannot be scored"
        )
    real, real_labels = test.images[:n], None if test.labels is None else test.labels[:n]
    asked = real_labels if model.conditional else None  # the test images' own labels, so that their shares agree
    fake = model.sample(n=n, labels=asked, seed=SEED)
    # a judge has not seen the first training images of its data set: then unseen are compared with unseen ones
    unseen = getattr(network, "dataset", None) == dataset
    order = np.arange(held_out(len(train))) if unseen else np.random.default_rng(0).permutation(len(train))
    picked = order[:n]
    real_features, fake_features, train_features = (network.features(x) for x in (real, fake, train.images[picked]))

    distance = metrics.frechet_distance(real_features, fake_features)
    floor = metrics.frechet_distance(real_features, train_features)
    precision, recall = metrics.precision_recall(real_features, fake_features)
    found: dict[str, Any] = {
        "frechet_distance": distance,
        "frechet_floor": floor,
        "frechet_ratio": distance / floor,
        "kernel_distance": metrics.kernel_distance(real_features, fake_features)[0],
        "precision": precision,
        "recall": recall,
    }
    if hasattr(network, "logits"):
        logits = network.logits(fake)
        read = logits.argmax(axis=1)
        shares = metrics.class_histogram(read, network.n_classes) / n
        found |= {
            "classifier_score": metrics.classifier_score(logits),
            "classifier_score_real": metrics.classifier_score(network.logits(real)),
            "class_histogram": shares.tolist(),
            "smallest_class": float(shares.min()),
            "kl_to_uniform": metrics.kl_to_uniform(shares),
        }
        if asked is not None:
            found["label_accuracy"] = float(np.mean(read == asked))
            if min(height, width) >= 28:
                for end, images in (("", fake), ("_real", real)):
                    found[f"ms_ssim_within{end}"] = metrics.ms_ssim_within(images, asked).tolist()
        if model.categories:
            categories = model.prior(n, SEED)[:, : model.categories].argmax(axis=1)  # that `sample` drew
            found["category_accuracy"] = metrics.category_accuracy(categories, read)
            effects = metrics.code_effects(model.prior(n, SEED)[:, model.categories :], categories, fake)
            found |= {f"code_{name}": values for name, values in effects.items()}
    found |= _neighbours(fake, train, test)
    protocol = {
        "features": network.name,
        "features_sha256": network.sha256,
        "split": f"{dataset} test",
        "n_real": n,
        "n_fake": n,
        "n_floor": len(picked),
        "floor": "training images the judge has not seen" if unseen else "random training images",
        "n_neighbours": min(NEIGHBOURS, n),
        "sample_seed": SEED,
    }
    return {"protocol": protocol, "metrics": found}


def _neighbours(fake: np.ndarray, train: data.Source, test: data.Source) -> dict[str, Any]:
    """The nearest training image of each of the first samples, in pixels; copies lie nearer than test images do."""
    flat = train.images.reshape(len(train), -1).astype(np.float32) / 255
    queries = fake[:NEIGHBOURS].reshape(min(NEIGHBOURS, len(fake)), -1)
    own = test.images[:NEIGHBOURS].reshape(min(NEIGHBOURS, len(test)), -1).astype(np.float32) / 255
    near = metrics.nearest_neighbours(queries, flat, train.labels)
    result: dict[str, Any] = {
        "neighbour_distance": float(near.distances.mean()),
        "neighbour_distance_real": float(metrics.nearest_neighbours(own, flat).distances.mean()),
    }
    if train.labels is not None:
        result |= {
            "neighbour_classes": near.n_classes,
            "neighbour_largest_class": float(np.bincount(train.labels[near.indices[:, 0]]).max() / len(queries)),
        }
    return result


def evaluate_folders(real: Path, fake: Path, features: str) -> dict[str, Any]:
    """Frechet and kernel distance, precision and recall of a folder of images against another."""
    network = load_features(features)
    shape = getattr(network, "image_shape", (227, 227, 3))
    a, b = (data.load(f"folder:{folder}", "all", image_shape=shape).images for folder in (real, fake))
    for folder, images in ((real, a), (fake, b)):
        if len(images) < FEWEST:
            raise UserError(f"{folder} holds {len(images)} images: fewer than {FEWEST} cannot be scored")
    half = len(a) // 2
    left, right = network.features(a), network.features(b)
    precision, recall = metrics.precision_recall(left, right)
    order = np.random.default_rng(0).permutation(len(a))
    return {
        "n_real": len(a),
        "n_fake": len(b),
        "frechet_distance": metrics.frechet_distance(left, right),
        "frechet_floor": metrics.frechet_distance(left[order[:half]], left[order[half:]]),
        "kernel_distance": metrics.kernel_distance(left, right)[0],
        "precision": precision,
        "recall": recall,
    }


def show(values: dict[str, Any]) -> None:
    """Print metrics, one a line."""
    width = max(len(LABELS.get(name, name)) for name in values)
    for name, value in values.items():
        if name == "quality_over_time":  # a plot of the report
            continue
        print(f"{LABELS.get(name, name):{width}}  {readable(value)}")


def _over_seeds(values: list[Any]) -> Any:
    """A summary of numbers; of lists (histograms), the list of each seed."""
    if isinstance(values[0], list):
        return {"mean": np.mean(values, axis=0).tolist(), "std": None, "values": values}
    return cards.summary([float(v) for v in values])


def _facts(runs: list[Run]) -> dict[str, Any]:
    first = runs[0].config
    recipe = models.recipe(first["gan"], first["recipe_key"])
    return {
        "gan": first["gan"],
        "recipe": first["recipe_key"],
        "dataset": first["recipe"]["dataset"],
        "image_shape": first["recipe"]["model"]["image_shape"],
        "classes": first["recipe"]["model"].get("classes"),
        "endpoints": {name: list(inputs) for name, inputs in ENDPOINTS[models.model_class(first["gan"]).kind].items()},
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
        "paper": recipe.paper,
        "reported": recipe.reported,
        "deviations": list(recipe.deviations),
    }


def _losses(runs: list[Run]) -> dict[str, Any]:
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


def _sheet(model: Exported, run: Run, tests: list[str] | None = None, data_dir: str | None = None) -> np.ndarray:
    """Ten rows of ten samples, a column per label or category, where there are any.

    Of continuous codes a block each, the code going from -2 to 2 down the rows (figure 2 of the InfoGAN paper). Of a
    restoration crops of its test images; of points 2,000 samples over as many test points; of a model that draws
    on a canvas, ten samples and how they came about, from left to right.
    """
    config = run.config
    if _restores(config) and config["recipe"]["dataset"] in READ:
        shape = tuple(config["recipe"]["model"]["image_shape"])
        return small_sheet(
            model, config["recipe"]["dataset"], config["recipe"]["degradation"], shape, data_dir or config["data_dir"]
        )
    if _restores(config):
        return restoration_sheet(
            model,
            _test_sets(config, tests),
            config["recipe"]["degradation"],
            data_dir or config["data_dir"],
            _scaled(config["recipe"]),
        )
    if model.codes:
        codes = range(model.codes - model.categories)
        return np.concatenate([grid(model.traverse(code=k, reach=2.0), model.categories) for k in codes], axis=1)
    if hasattr(models.model_class(config["gan"]), "canvases"):
        drawn = _tenths(run.load(run.latest() or 0).canvases(10, SEED).numpy())
        return grid(np.concatenate(np.swapaxes(drawn, 0, 1)), 10)
    columns = min(config["recipe"]["model"].get("classes") or 10, 10)
    dataset, real, rows = config["recipe"]["dataset"], None, 10
    if dataset in MIXTURES:
        real, rows = (data.load(dataset, "test", limit=2_000).images + 1) / 2, 2_000 // columns
    labels = np.tile(np.arange(columns, dtype=np.int32), rows)
    return sheet(model.sample(n=len(labels), labels=labels, seed=SEED), columns, real)
