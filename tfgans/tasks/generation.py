"""Generation from noise: samples compared with real images in the features of a judge or another frozen network."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.features.judge_networks import JUDGES
from tfgans.features.judges import held_out
from tfgans.images import grid
from tfgans.inference.exported import Exported, traversal
from tfgans.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import FEWEST, PREVIEW_SEED, SAMPLE_SEED, Examples, Measured, Subject, classified, judge_of, row
from tfgans.tasks.set_distances import FEW, frechet_rows, kernel_rows

NEIGHBOURS = 1_000  # samples whose nearest training images are searched
CANVASES = 500  # samples whose drawing stages are measured
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ("nll_bound", "canvas_sharpness", "recognition_accuracy")  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return card.protocol["features"]


def measure(model: Exported, subject: Subject) -> Measured:
    """All metrics of `n` samples against as many test images; the floor uses training images as samples.

    For few images there is no Frechet distance, or a warning about its bias: see `set_distances`.
    """
    subject.without_tests()
    dataset, shape = subject.recipe.dataset, subject.image_shape
    network: Any = load_features(subject.features or judge_of(dataset))
    test = data.load(dataset, "test", data_dir=subject.data_dir, image_shape=shape)
    train = data.load(dataset, "train", data_dir=subject.data_dir, image_shape=shape)
    n = min(subject.n, len(test))
    if n < FEWEST:
        raise UserError(
            f"{n} samples against {dataset}, which has {len(test)} test images; scores need at least {FEWEST}"
        )
    real, real_labels = test.images[:n], None if test.labels is None else test.labels[:n]
    asked = real_labels if model.conditional else None  # the labels of the test images, so that class shares agree
    fake = model.sample(n=n, labels=asked, seed=SAMPLE_SEED)
    # a judge was not trained on the first training images of its data set: compare unseen images with each other
    unseen = getattr(network, "dataset", None) == dataset
    order = np.arange(held_out(len(train))) if unseen else np.random.default_rng(0).permutation(len(train))
    picked = order[:n]
    seen = {"real": network.features(real), "model": network.features(fake)}
    seen["train"] = network.features(train.images[picked])

    name = subject.label
    real_seen = seen.pop("real")
    few = len(picked) < FEW * real_seen.shape[1]
    rows = kernel_rows(real_seen, seen if few else {"model": seen["model"]}, test=name)
    rows += frechet_rows(real_seen, seen, name, test=name)
    precision, recall = metrics.precision_recall(real_seen, seen["model"])
    rows += [row("precision", precision, test=name), row("recall", recall, test=name)]
    if network.n_classes:
        rows += _as_read(model, network, fake, real, asked, name)
    if asked is not None and dataset in JUDGES and n >= classified.FEWEST:
        labels, test_labels = np.asarray(train.labels), np.asarray(test.labels)
        sets = {"model": (fake, asked), "real": (train.images[picked], labels[picked])}
        rows += classified.scores(dataset, sets, (test.images, test_labels), name)
    rows += _neighbours(fake, train, test, name)
    protocol = {
        "features": network.name,
        "features_sha256": network.sha256,
        "split": f"{dataset} test",
        "n_real": n,
        "n_fake": n,
        "n_floor": len(picked),
        "floor": "training images the judge has not seen" if unseen else "random training images",
        "n_neighbours": min(NEIGHBOURS, n),
        "sample_seed": SAMPLE_SEED,
    }
    return Measured(protocol, rows)


def _as_read(
    model: Exported, network: Any, fake: np.ndarray, real: np.ndarray, asked: np.ndarray | None, name: str
) -> list[Row]:
    """A judge's predictions for samples: classes and their shares, accuracy of labels, categories and codes."""
    n = len(fake)
    logits = network.logits(fake)
    read = logits.argmax(axis=1)
    shares = metrics.class_histogram(read, network.n_classes) / n
    rows = [
        row("classifier_score", metrics.classifier_score(logits), test=name),
        row("classifier_score", metrics.classifier_score(network.logits(real)), "real", test=name),
        *(row("class_share", share, test=name, where=f"class {k}") for k, share in enumerate(shares)),
        row("smallest_class", shares.min(), test=name),
        row("kl_to_uniform", metrics.kl_to_uniform(shares), test=name),
    ]
    if asked is not None:
        rows.append(row("label_accuracy", float(np.mean(read == asked)), test=name))
        if min(fake.shape[1:3]) >= 28 and np.unique(asked, return_counts=True)[1].min() > 1:  # there are pairs
            for of, images in (("model", fake), ("real", real)):
                within = metrics.ms_ssim_within(images, asked)
                rows += [row("ms_ssim_within", v, of, test=name, where=f"class {k}") for k, v in enumerate(within)]
    if model.categories:
        codes = model.prior(n, SAMPLE_SEED)  # those that `sample` used
        categories = codes[:, : model.categories].argmax(axis=1)
        rows.append(row("category_accuracy", metrics.category_accuracy(categories, read), test=name))
        effects = metrics.code_effects(codes[:, model.categories :], categories, fake)
        for effect, values in effects.items():
            rows += [row(f"code_{effect}", v, test=name, where=f"code {k}") for k, v in enumerate(values)]
    return rows


def _neighbours(fake: np.ndarray, train: data.ImageSet, test: data.ImageSet, name: str) -> list[Row]:
    """The nearest training image of each of the first samples, in pixels; copies are nearer than test images."""
    flat = train.images.reshape(len(train), -1).astype(np.float32) / 255
    queries = fake[:NEIGHBOURS].reshape(min(NEIGHBOURS, len(fake)), -1)
    own = test.images[: len(queries)].reshape(len(queries), -1).astype(np.float32) / 255
    near = metrics.nearest_neighbours(queries, flat, train.labels)
    rows = [
        row("neighbour_distance", near.distances.mean(), test=name),
        row("neighbour_distance", metrics.nearest_neighbours(own, flat).distances.mean(), "real", test=name),
    ]
    if train.labels is not None:
        largest = np.bincount(train.labels[near.indices[:, 0]]).max() / len(queries)
        rows.append(row("neighbour_classes", near.n_classes or 0, test=name))
        rows.append(row("neighbour_largest_class", largest, test=name))
    return rows


def measure_run(run: Run, model: Exported, subject: Subject, batch: int = 500) -> list[Row]:
    """Measurements on all test images with methods of the model that are not endpoints.

    `bound(images)`, nats of binary images: each pixel is binarized once by its brightness, with a fixed seed;
    `recognize(images)`, the category of each image; `canvases(n, seed)`, the stages of a drawing, whose sharpness is
    measured after each tenth.
    """
    trained = run.load(run.latest() or 0)
    can = {ability: getattr(trained, ability, None) for ability in ("bound", "canvases", "recognize")}
    name, rows = subject.label, []
    if not any(can.values()):
        return []
    test = data.load(subject.recipe.dataset, "test", data_dir=subject.data_dir, image_shape=subject.image_shape)
    images = test.images.astype(np.float32) / 255
    if can["bound"]:
        binary = (np.random.default_rng(SAMPLE_SEED).random(images.shape) < images).astype(np.float32)
        bound = tf.function(can["bound"])
        parts = [bound(binary[i : i + batch], tf.constant(i)).numpy() for i in range(0, len(binary), batch)]
        rows.append(row("nll_bound", np.concatenate(parts).mean(), test=name))
    if can["canvases"]:
        drawn = tenths(can["canvases"](CANVASES, SAMPLE_SEED).numpy())
        sharp = [metrics.sharpness(each).mean() for each in drawn]
        rows += [row("canvas_sharpness", value, test=name, where=f"tenth {k}") for k, value in enumerate(sharp, 1)]
    if can["recognize"] and test.labels is not None:
        parts = [can["recognize"](images[i : i + batch]).numpy() for i in range(0, len(images), batch)]
        accuracy = metrics.category_accuracy(np.concatenate(parts), test.labels)
        rows.append(row("recognition_accuracy", accuracy, test=name))
    return rows


def tenths(canvases: np.ndarray) -> np.ndarray:
    """Ten of (glimpses, n, h, w, c) canvases, ending with the last one."""
    return canvases[np.linspace(0, len(canvases), 11).round().astype(int)[1:] - 1]


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Ten rows of ten samples, with a column per label or category if there are any.

    Each continuous code gets a block in which it goes from -2 to 2 down the rows (figure 2 of the InfoGAN paper). A
    model that draws on a canvas gets ten samples with their stages, from left to right.
    """
    if model.codes:
        codes = range(model.codes - model.categories)
        return np.concatenate([grid(model.traverse(code=k, reach=2.0), model.categories) for k in codes], axis=1)
    canvases = getattr(run.load(run.latest() or 0), "canvases", None) if run else None
    if canvases:
        drawn = tenths(canvases(10, SAMPLE_SEED).numpy())
        return grid(np.concatenate(np.swapaxes(drawn, 0, 1)), 10)
    columns = min(model.classes or 10, 10)
    labels = np.tile(np.arange(columns, dtype=np.int32), 10)
    return grid(model.sample(n=len(labels), labels=labels, seed=SAMPLE_SEED), columns)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """A grid of samples of fixed latents: labels or categories as columns, the first continuous code rising."""
    columns, draw = preview_samples(model, 10)
    return lambda: grid(draw(), columns)


def preview_samples(model: Adversarial, rows: int) -> tuple[int, Callable[[], np.ndarray]]:
    """The number of columns, and a function that draws `rows` rows of samples from the same latents at each call."""
    seed = tf.constant(PREVIEW_SEED)
    inputs = model.endpoints()["sample"].inputs
    if "codes" in inputs:
        size, categories = inputs["codes"].shape[-1] or 0, inputs["codes"].categories
        columns = min(categories, 10)
        blocks = [tf.constant(codes[:columns]) for codes in traversal(categories, size - categories, rows)]
        sample = tf.function(model.sample)  # one seed for all rows: only the code varies in a column
        return columns, lambda: np.concatenate([sample(codes, seed).numpy() for codes in blocks])
    if "labels" in inputs:
        classes = int(inputs["labels"].high)
        columns = min(classes, 10)
        labels = tf.constant([i % classes for i in range(rows * columns)], tf.int32)
        draw = tf.function(lambda: model.sample(labels, seed))
        return columns, lambda: draw().numpy()
    draw = tf.function(lambda: model.sample(tf.constant(10 * rows), seed))
    return 10, lambda: draw().numpy()


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of generators; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "generation":
            continue
        distances, floor = (card.per_seed("frechet_distance", of) for of in ("model", "train"))
        columns = [
            cell(distances),
            cell(card.values("frechet_distance", "train")),
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
        "| model | Fréchet distance | floor | distance / floor | label accuracy % | smallest class % | precision "
        "| recall | seeds | generated / real |"
    )
    return [head, "|---" * 10 + "|", *lines] if lines else []
