"""Measures what generates: its samples beside real images, and what a model itself can say of real ones."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics, models
from tfgans.card import Card
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.features.judges import held_out
from tfgans.inference.exported import Exported
from tfgans.metrics.names import cell
from tfgans.run import Run
from tfgans.tasks.mode_coverage import STACKED, measure_points, measure_stacked
from tfgans.tasks.restoration import FEWEST

SEED = 1  # of the samples that are measured; training and previews never use it
NEIGHBOURS = 1_000  # samples whose nearest training images are looked up
CANVASES = 500  # samples whose coming about is measured


def measure_samples(
    model: Exported, dataset: str, image_shape: list[int], network: Any, n: int, data_dir: str | None
) -> dict[str, Any]:
    """Every metric of `n` samples against as many test images, and the floor: training images in the samples' place.

    Of data whose modes are known and many, which of them the samples cover (`mode_coverage`), in place of distances.
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
            if min(height, width) >= 28 and np.unique(asked, return_counts=True)[1].min() > 1:  # there are pairs
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


def _neighbours(fake: np.ndarray, train: data.ImageSet, test: data.ImageSet) -> dict[str, Any]:
    """The nearest training image of each of the first samples, in pixels; copies lie nearer than test images do."""
    flat = train.images.reshape(len(train), -1).astype(np.float32) / 255
    queries = fake[:NEIGHBOURS].reshape(min(NEIGHBOURS, len(fake)), -1)
    own = test.images[: len(queries)].reshape(len(queries), -1).astype(np.float32) / 255
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


def measure_by_the_model(run: Run, data_dir: str | None, batch: int = 500) -> dict[str, Any]:
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
        drawn = tenths(model.canvases(CANVASES, SEED).numpy())
        found["canvas_sharpness"] = [float(metrics.sharpness(each).mean()) for each in drawn]
    if hasattr(kind, "recognize") and test.labels is not None:
        parts = [model.recognize(images[i : i + batch]).numpy() for i in range(0, len(images), batch)]
        found["recognition_accuracy"] = metrics.category_accuracy(np.concatenate(parts), test.labels)
    return found


def tenths(canvases: np.ndarray) -> np.ndarray:
    """Ten of (glimpses, n, h, w, c) canvases, the last one the last."""
    return canvases[np.linspace(0, len(canvases), 11).round().astype(int)[1:] - 1]


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of the README's table of generators; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "generation":
            continue
        distances, floor = (card.per_seed("frechet_distance", of) for of in ("model", "train"))
        columns = [
            cell(distances),
            cell([a / b for a, b in zip(distances, floor, strict=True)], 1) if floor else "",
            cell(card.per_seed("label_accuracy"), 1, 100),
            cell(card.per_seed("smallest_class"), 1, 100),
            cell(card.per_seed("precision")),
            cell(card.per_seed("recall")),
            str(len(card.training_seeds)),
            f"{card.protocol['n_fake']:,} / {card.protocol['n_real']:,}",
        ]
        lines.append(f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} |")
    head = (
        "| model | Fréchet distance | × floor | label accuracy % | smallest class % | precision | recall | seeds | n |"
    )
    return [head, "|---" * 9 + "|", *lines] if lines else []
