"""Training segmenters: training loop, export, and a card with scores on real photographs."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfgans import metrics
from tfgans.data import Domains, load_domains
from tfgans.errors import UserError
from tfgans.features.judges import WEIGHTS, place_of, sha256_of, to_float
from tfgans.features.segmenter_augmentation import crops, jitter
from tfgans.features.segmenter_networks import MULTIPLE, SEGMENTERS, Segmentation, segmentation_network
from tfgans.features.segmenters import Segmenter, evaluated
from tfgans.files import write_json
from tfgans.layers import mirror
from tfgans.training.environment import usable_precision

VOID = 255  # class of pixels that do not count

# ---------------------------------------------------------------------------------------------------------- training


def class_weights(maps: np.ndarray, n_classes: int, power: float) -> np.ndarray:
    """A weight for each class, float32 (n_classes,): the inverse of its share of the pixels to a power.

    The mean weight of the pixels that count is 1. `maps` holds classes and VOID; absent classes have the weight 0.
    """
    counts = np.bincount(maps.ravel(), minlength=VOID + 1)[:n_classes].astype(np.float64)
    weights = np.where(counts > 0, np.maximum(counts, 1.0), np.inf) ** -power if power else (counts > 0).astype(float)
    return (weights * counts.sum() / (weights * counts).sum()).astype(np.float32)


def loss_of(logits: tf.Tensor, maps: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Cross entropy of logits (n, h, w, classes) from maps (n, h, w), the mean over pixels that are not VOID."""
    known = maps != VOID
    classes = tf.where(known, tf.cast(maps, tf.int32), 0)
    weight = tf.gather(weights, classes) * tf.cast(known, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, tf.cast(logits, tf.float32))
    return tf.reduce_sum(weight * losses) / tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32)), 1.0)


def _step_function(
    model: keras.Model,
    optimizer: keras.Optimizer,
    setting: Segmentation,
    image_shape: tuple[int, int, int],
    weights: np.ndarray,
    seed: int,
) -> Callable[..., tf.Tensor]:
    """A training step on uint8 images and maps; its augmentation follows from the step number."""

    @tf.function(reduce_retracing=True)
    def step(images: tf.Tensor, maps: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        seeds = tf.random.experimental.stateless_split(tf.stack([seed, number]), 2)
        photos, known = crops(to_float(images), maps, seeds[0], setting, image_shape)
        with tf.GradientTape() as tape:
            loss = loss_of(model(jitter(photos, seeds[1]), training=True), known[..., 0], tf.constant(weights))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    return step


def _fit(
    model: keras.Model, setting: Segmentation, images: np.ndarray, maps: np.ndarray, seed: int, steps: int
) -> tuple[float, float]:
    """Train `model` in place with AdamW and a cosine schedule, with a progress line.

    Returns the mean losses of the first and the last twentieth of the steps.
    """
    batch_size = min(setting.batch_size, len(images))
    warmup = min(200, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=setting.rate, warmup_steps=max(1, warmup)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=setting.weight_decay)
    optimizer.build(model.trainable_variables)
    n_classes = model.output_shape[-1]
    weights = class_weights(maps, n_classes, setting.weighting)
    height, width, channels = images.shape[1:]
    step = _step_function(model, optimizer, setting, (height, width, channels), weights, seed)
    per_epoch, losses = len(images) // batch_size, []
    with tqdm(total=steps, unit="step", mininterval=1.0) as progress:
        for number in range(steps):
            epoch, i = divmod(number, per_epoch)
            if i == 0:
                order = np.random.default_rng((seed, epoch)).permutation(len(images))
            batch = order[i * batch_size : (i + 1) * batch_size]
            losses.append(step(images[batch], maps[batch], tf.constant(number)))
            progress.update()
            if number % 50 == 49:
                progress.set_postfix(loss=f"{float(losses[-1]):.3f}")
    part = max(1, steps // 20)
    return float(np.mean(losses[:part])), float(np.mean(losses[-part:]))


def _export(model: keras.Model, folder: Path) -> None:
    """Write a SavedModel with the endpoint `logits` for images of any size, mirrored up to sizes the network takes."""

    def logits(images: tf.Tensor) -> tf.Tensor:
        height, width = tf.unstack(tf.shape(images)[1:3])
        padded = mirror(mirror(images, 1, 0, -height % MULTIPLE), 2, 0, -width % MULTIPLE)
        return model(padded, training=False)[:, :height, :width]

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]  # each once, without the optimizer's
    signature = [tf.TensorSpec([None, None, None, 3], tf.float32, name="images")]
    module.logits = tf.function(logits, input_signature=signature)
    tf.saved_model.save(module, str(folder))


def train_segmenter(
    name: str,
    out_dir: str | os.PathLike,
    *,
    train: Domains,
    test: Domains,
    setting: Segmentation | None = None,
    seed: int = 0,
    epochs: int | None = None,
    steps: int | None = None,
    dataset: str = "",
    command: str | None = None,
) -> dict[str, Any]:
    """Train the segmenter of a data set, export it to `out_dir` with its `card.json`, and return the card.

    The network at the end of training is exported: the test images are not used for any choice.

    Args:
        train, test: training and test data; the role source holds the label maps, with a palette and optional instance
            maps, the role target the photographs.
        setting: default: that of `name` in SEGMENTERS.
        seed: of initial weights, order and augmentation.
        epochs, steps: passes over the training images, or steps instead; default: the setting's epochs.
        command: the command on the card that trains this segmenter again.
    """
    setting = SEGMENTERS[name] if setting is None else setting
    started = time.time()
    keras.utils.set_random_seed(seed)
    maps, photos = train.by_role["source"]["label_map"], next(iter(train.by_role["target"].values()))
    assert maps.palette is not None
    palette, classes = maps.palette, evaluated(maps.palette)
    table = np.full(256, VOID, np.uint8)
    table[classes] = np.arange(len(classes))
    per_epoch = len(photos) // min(setting.batch_size, len(photos))
    steps = per_epoch * (setting.epochs if epochs is None else epochs) if steps is None else steps
    if steps < 1:
        raise UserError(f"A segmenter takes at least one pass over the training images, not {epochs}.")
    precision = usable_precision(setting.precision)
    trained = segmentation_network(len(classes), setting.width, precision)
    first, last = _fit(trained, setting, photos.images, table[maps.images], seed, steps)

    model = segmentation_network(len(classes), setting.width, "float32")
    model.set_weights(trained.get_weights())
    folder = Path(out_dir)
    _export(model, folder)
    segmenter = Segmenter(name, folder, sha256_of(folder / WEIGHTS), palette, {})
    measured = calibrate(segmenter, test)
    card: dict[str, Any] = {
        "judge": name,
        "dataset": dataset or train.name,
        "command": command or shlex.join(["tfgans", "judge", "train", name, "--seed", str(seed)]),
        "seed": seed,
        "steps": steps,
        "batch_size": setting.batch_size,
        "precision": precision,
        "wall_seconds": round(time.time() - started, 1),
        "parameters": model.count_params(),
        "image_shape": list(photos.images.shape[1:]),
        "crop": setting.crop,
        "zoom": list(setting.zoom),
        "weighting": setting.weighting,
        "palette": palette.name,
        "n_classes": len(classes),
        "n_train": len(photos),
        "n_test": len(next(iter(test.by_role["target"].values()))),
        "loss_first": round(first, 4),
        "loss_last": round(last, 4),
        "test_accuracy": measured["pixel_accuracy"],
        **measured,
        "sha256": segmenter.sha256,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    write_json(folder / "card.json", card)
    return card


def train_segmenter_command(
    name: str,
    out: str | os.PathLike | None = None,
    dataset: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Implements `tfgans judge train NAME` for a segmenter: load, train, export to `out` or `saved_models/judge-NAME`.

    Raises:
        UserError: no data, or a judge exists and `force` is not given.
    """
    setting = SEGMENTERS[name]
    folder = place_of(name, out, force)
    place = dataset or setting.dataset
    train, test = (load_pairs(setting, place, split) for split in ("train", "test"))
    words = ["tfgans", "judge", "train", name, "--seed", str(seed)]
    words += ["--dataset", dataset] if dataset else []
    words += ["--epochs", str(epochs)] if epochs is not None else []
    return train_segmenter(
        name, folder, train=train, test=test, seed=seed, epochs=epochs, dataset=place, command=shlex.join(words)
    )


def load_pairs(setting: Segmentation, dataset: str, split: str) -> Domains:
    """The photographs (role target) and label maps of a data set, for tests also the instance maps."""
    if not dataset.startswith("pairs:"):
        raise UserError(f"A segmenter is trained on pairs of photographs and label maps, pairs:PATH, not {dataset}.")
    maps = [setting.maps] + ([setting.instances] if setting.instances and split == "test" else [])
    return load_domains(
        dataset,
        split,
        roles={"source": maps if len(maps) > 1 else setting.maps, "target": setting.photos},
        palette=setting.palette,
        image_shape=setting.image_shape,
        minimum=1,
    )


# ------------------------------------------------------------------------------------------------------- calibration


def _changes(photos: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(name, photographs): unchanged, as in a blurred and in a noisy translation, and unrelated to the maps."""
    yield "clean", photos
    height, width = photos.shape[1:3]
    coarse = tf.image.resize(tf.cast(photos, tf.float32), [height // 2, width // 2], antialias=True)
    soft = tf.image.resize(coarse, [height, width], method="bicubic").numpy()
    yield "half the resolution", np.clip(np.round(soft), 0, 255).astype(np.uint8)
    rng = np.random.default_rng(0)
    noise = 0.05 * 255 * rng.standard_normal(photos.shape, np.float32)
    yield "noise sigma 0.05", np.clip(np.round(photos + noise), 0, 255).astype(np.uint8)
    yield "other photos", np.roll(photos, 1, axis=0)


def calibrate(segmenter: Segmenter, test: Domains) -> dict[str, Any]:
    """Score the segmentation of the test photographs, from one confusion matrix of all their pixels.

    Returns:
        `pixel_accuracy`, `class_accuracy`, `mean_iou`; `iou` of each class that occurs, by name; `calibration`, rows of
        change, pixel accuracy and mean IoU, the last one with photographs that do not belong to the label maps; if
        there are instance maps, `instances_found` in the segmentation and in the true masks, where only the watershed
        loses some.
    """
    palette = segmenter.palette
    photos = next(iter(test.by_role["target"].values())).images
    true = test.by_role["source"]["label_map"].images
    found: dict[str, Any] = {}
    rows = []
    for change, images in _changes(photos):
        ids = segmenter.ids(images)
        counts = metrics.confusion(ids, np.where(np.isin(true, palette.ignored), VOID, true), len(palette))
        scores = {name: round(getattr(metrics, name)(counts), 4) for name in ("pixel_accuracy", "mean_iou")}
        rows.append({"change": change, **scores})
        if change != "clean":
            continue
        found = {**scores, "class_accuracy": round(metrics.class_accuracy(counts), 4)}
        each = zip(palette.names, metrics.class_ious(counts), strict=True)
        found["iou"] = {name: round(float(value), 4) for name, value in each if np.isfinite(value)}
        instances = test.by_role["source"].get("instance_map")
        if instances is not None:
            maps = {"read": ids, "true": true}
            shares = {of: metrics.share_found(each[..., 0] > 0, instances.images[..., 0]) for of, each in maps.items()}
            found["instances_found"] = {of: round(share, 4) for of, (share, _) in shares.items()}
    return {**found, "calibration": rows}
