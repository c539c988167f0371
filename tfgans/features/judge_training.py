"""Training judges: augmentation, training loop, export, and a card with calibration measurements."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfgans.errors import UserError
from tfgans.features.judge_networks import FEATURES, Setting, network_of, setting_of
from tfgans.features.judges import WEIGHTS, Judge, held_out, place_of, sha256_of, to_float
from tfgans.files import write_json
from tfgans.metrics.distances import frechet_distance, frechet_floor
from tfgans.training.environment import usable_precision

if TYPE_CHECKING:
    from tfgans.data import ImageSet

# ------------------------------------------------------------------------------------------------------ augmentation


def _transforms(n: tf.Tensor, size: tuple[int, int], seeds: Iterator[tf.Tensor]) -> tf.Tensor:
    """(n, 8) transforms about the centre: rotation up to 10 degrees, scale 12 %, aspect 12 %, shift 2 pixels."""

    def draw(limit: float) -> tf.Tensor:
        return tf.random.stateless_uniform([n], next(seeds), -limit, limit)

    angle, scale, aspect, dx, dy = draw(np.pi / 18), tf.exp(draw(0.12)), tf.exp(draw(0.06)), draw(2.0), draw(2.0)
    a, b = tf.cos(angle) * scale * aspect, -tf.sin(angle) * scale
    c, d = tf.sin(angle) * scale, tf.cos(angle) * scale / aspect
    x0, y0 = (size[1] - 1) / 2, (size[0] - 1) / 2
    zero = tf.zeros([n])
    return tf.stack([a, b, x0 + dx - a * x0 - b * y0, c, d, y0 + dy - c * x0 - d * y0, zero, zero], axis=1)


def augment(
    images: tf.Tensor, seed: tf.Tensor, flip: bool = False, changed: float = 0.5, warped: float = 0.7
) -> tf.Tensor:
    """Changes that a judge should be invariant to; each image gets each of them independently at random.

    Args:
        images: float32 (n, h, w, c) in [0, 1].
        seed: int32 (2,); the same seed gives the same changes.
        flip: also mirror every second image.
        changed: the share of images that get each change.
        warped: the share of images that are warped.
    """
    seeds = iter(tf.unstack(tf.random.experimental.stateless_split(seed, 20)))
    n, size = tf.shape(images)[0], (images.shape[1], images.shape[2])

    def draw(low: float, high: float) -> tf.Tensor:
        return tf.random.stateless_uniform([n, 1, 1, 1], next(seeds), low, high)

    def sometimes(new: tf.Tensor, old: tf.Tensor, share: float = changed) -> tf.Tensor:
        return tf.where(draw(0.0, 1.0) < share, new, old)

    if flip:
        images = sometimes(tf.reverse(images, [2]), images, 0.5)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_transforms(n, size, seeds),
        output_shape=size,
        interpolation="BILINEAR",
        fill_mode="REFLECT" if images.shape[-1] == 3 else "CONSTANT",  # digits lie on black, photographs do not
        fill_value=0.0,
    )
    images = sometimes(moved, images, warped)
    side = tf.random.stateless_uniform([], next(seeds), int(0.7 * size[0]), int(1.5 * size[0]), tf.int32)
    images = sometimes(tf.image.resize(tf.image.resize(images, [side, side]), size), images)
    images = sometimes(images * draw(0.6, 1.2), images)  # contrast
    images = sometimes(images + draw(-0.05, 0.15), images)  # brightness, or a background that is not quite black
    noise = tf.random.stateless_normal(tf.shape(images), next(seeds)) * draw(0.0, 0.15)
    return tf.clip_by_value(sometimes(images + noise, images), 0.0, 1.0)


def noise_images(n: tf.Tensor, image_shape: tuple[int, int, int], seed: tf.Tensor) -> tf.Tensor:
    """Images of no class, (n, h, w, c) in [0, 1]: noise between two random levels, half of it in blocks of 4 pixels."""
    height, width, channels = image_shape
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    fine = tf.random.stateless_uniform([n, height, width, channels], seeds[0])
    blots = tf.image.resize(
        tf.random.stateless_uniform([n, height // 4, width // 4, channels], seeds[1]), [height, width]
    )
    noise = tf.where(tf.random.stateless_uniform([n, 1, 1, 1], seeds[2]) < 0.5, fine, blots)
    ends = tf.random.stateless_uniform([2, n, 1, 1, 1], seeds[3])
    return ends[0] + (ends[1] - ends[0]) * noise


# ---------------------------------------------------------------------------------------------------------- training


def _step_function(
    model: keras.Model, optimizer: keras.Optimizer, setting: Setting, seed: int
) -> Callable[..., tf.Tensor]:
    """A training step on uint8 images and labels; its random numbers follow from the step number."""

    @tf.function(reduce_retracing=True)
    def step(images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        seeds = tf.random.experimental.stateless_split(tf.stack([seed, number]), 2)
        images = augment(to_float(images), seeds[0], setting.flip, setting.changed, setting.warped)
        targets = tf.one_hot(labels, setting.n_classes)
        # One image in sixteen gives way to noise, whose right answer is "any": else noise is read as a sure digit.
        n_noise = tf.shape(images)[0] // 16
        noise = noise_images(n_noise, setting.image_shape, seeds[1])
        images = tf.concat([noise, images[n_noise:]], 0)
        unsure = tf.fill([n_noise, setting.n_classes], 1.0 / setting.n_classes)
        targets = tf.concat([unsure, targets[n_noise:]], 0)
        with tf.GradientTape() as tape:
            logits, _ = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss

    return step


def _fit(
    model: keras.Model,
    setting: Setting,
    images: np.ndarray,
    labels: np.ndarray,
    seed: int,
    epochs: int,
    batch_size: int,
) -> None:
    """Train `model` in place with AdamW and a cosine schedule, with a progress line."""
    batch_size = min(batch_size, len(images))
    steps = len(images) // batch_size
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, epochs * steps, warmup_target=setting.rate, warmup_steps=min(steps, epochs * steps // 2)
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=setting.weight_decay)
    optimizer.build(model.trainable_variables)
    step = _step_function(model, optimizer, setting, seed)
    with tqdm(total=epochs * steps, unit="step", mininterval=1.0) as progress:
        for epoch in range(epochs):
            order = np.random.default_rng((seed, epoch)).permutation(len(images))
            for i in range(steps):
                batch = order[i * batch_size : (i + 1) * batch_size]
                loss = step(images[batch], labels[batch], tf.constant(epoch * steps + i))
                progress.update()
            progress.set_postfix(epoch=epoch + 1, loss=f"{float(loss):.3f}")


def _export(model: keras.Model, folder: Path, image_shape: tuple[int, int, int]) -> None:
    """Write a SavedModel with the endpoints `logits` and `features`, which share the weights."""
    signature = [tf.TensorSpec([None, *image_shape], tf.float32, name="images")]

    def logits(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)[0]

    def features(images: tf.Tensor) -> tf.Tensor:
        return model(images, training=False)[1]

    module = tf.Module()
    module.weights = [weight.value for weight in model.weights]  # each once, without the optimizer's
    module.logits = tf.function(logits, input_signature=signature)
    module.features = tf.function(features, input_signature=signature)
    tf.saved_model.save(module, str(folder))


def train_judge(
    name: str,
    out_dir: str | os.PathLike,
    *,
    source_train: ImageSet,
    source_test: ImageSet,
    seed: int = 0,
    epochs: int | None = None,
    batch_size: int = 128,
    command: str | None = None,
) -> dict[str, Any]:
    """Train the judge of a dataset, export it to `out_dir` with its `card.json`, and return the card.

    The first `held_out` training images are not used for training. The last epoch is exported: the test images are not
    used for any choice.

    Args:
        name: a key of `JUDGES`.
        source_train, source_test: labelled training and test images.
        seed: of initial weights, order and augmentation.
        epochs: default: the setting's.
        command: the command on the card that trains this judge again.

    Raises:
        UserError: no such judge, or images of the wrong shape.
        UserError: no such judge, or images of another shape than it judges.
    """
    setting = setting_of(name)
    for source in (source_train, source_test):
        if source.labels is None or source.images.shape[1:] != setting.image_shape:
            raise UserError(
                f"The judge {name} learns from labelled images of shape {setting.image_shape}, "
                f"not from {'un' * (source.labels is None)}labelled ones of shape {source.images.shape[1:]}."
            )
    epochs = setting.epochs if epochs is None else epochs
    if epochs < 1:
        raise UserError(f"A judge takes at least one pass over the training images, not {epochs}.")
    started = time.time()
    keras.utils.set_random_seed(seed)
    precision = usable_precision(setting.precision)
    trained = network_of(setting, precision)
    kept = held_out(len(source_train.images))
    labels, test_labels = np.asarray(source_train.labels, np.int32), np.asarray(source_test.labels)
    _fit(trained, setting, source_train.images[kept:], labels[kept:], seed, epochs, batch_size)

    model = network_of(setting, "float32")
    model.set_weights(trained.get_weights())
    folder = Path(out_dir)
    _export(model, folder, setting.image_shape)
    judge = Judge(name, folder, sha256_of(folder / WEIGHTS), setting.n_classes, setting.image_shape)
    validation = judge.logits(source_train.images[:kept]).argmax(1)
    card: dict[str, Any] = {
        "judge": name,
        "dataset": name,
        "command": command
        or shlex.join(["tfgans", "judge", "train", name, "--seed", str(seed), "--epochs", str(epochs)]),
        "seed": seed,
        "epochs": epochs,
        "batch_size": batch_size,
        "precision": precision,
        "wall_seconds": round(time.time() - started, 1),
        "parameters": model.count_params(),
        "features": FEATURES,
        "n_classes": setting.n_classes,
        "image_shape": list(setting.image_shape),
        "n_train": len(labels) - kept,
        "n_held_out": kept,
        "n_test": len(test_labels),
        "held_out_accuracy": round(float((validation == labels[:kept]).mean()), 4),
        **calibrate(judge, source_train.images[:kept], source_test.images, test_labels),
        "sha256": judge.sha256,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    write_json(folder / "card.json", card)
    return card


def train_judge_command(
    name: str,
    out: str | os.PathLike | None = None,
    data_dir: str | None = None,
    seed: int = 0,
    epochs: int | None = None,
    force: bool = False,
) -> dict[str, Any]:
    """Implements `tfgans judge train NAME`: load the data, train, export to `out` or `saved_models/judge-NAME`.

    Raises:
        UserError: no such judge, no data, or a judge exists and `force` is not given.
    """
    from tfgans import data

    setting_of(name)
    folder = place_of(name, out, force)
    train, test = (data.load(name, split, data_dir=data_dir) for split in ("train", "test"))
    return train_judge(name, folder, source_train=train, source_test=test, seed=seed, epochs=epochs)


# ------------------------------------------------------------------------------------------------------- calibration


def _changes(images: np.ndarray, labels: np.ndarray) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """(name, changed float32 images in [0, 1], their labels) for each row of the calibration table.

    Small changes, which should hardly move a score, come first, then two failures, which should move it far.
    """
    clean = np.asarray(to_float(images))
    rng = np.random.default_rng(0)
    yield "clean", clean, labels
    for sigma in (0.05, 0.1):
        noise = rng.standard_normal(clean.shape, np.float32) * np.float32(sigma)
        yield f"noise sigma {sigma}", np.clip(clean + noise, 0, 1), labels
    yield "background +0.05", np.clip(clean + np.float32(0.05), 0, 1), labels
    height, width = clean.shape[1:3]
    resized = tf.image.resize(tf.image.resize(clean, [height + 4, width + 4]), [height, width]).numpy()
    yield f"resize {height}-{height + 4}-{height}", np.clip(resized, 0, 1), labels
    half = labels < (labels.max() + 1) // 2
    yield "half of the classes", clean[half], labels[half]
    yield "uniform noise", rng.random(clean.shape, np.float32), None


def calibrate(
    judge: Judge, train_images: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> dict[str, Any]:
    """Measure how a judge responds to small changes and to noise.

    Args:
        train_images: uint8 (n, h, w, c), not used for training; for the floor.
        test_images, test_labels: uint8 (m, h, w, c) and (m,).

    Returns:
        `test_accuracy`; `frechet_floor` and its `frechet_floor_n`; `calibration`, rows of change, accuracy (None for
        images without a class), mean confidence, and Frechet distance to the features of the clean test images.
    """
    n = min(len(train_images), len(test_images))
    reference, rows = judge.features(test_images), []
    for change, images, labels in _changes(test_images, test_labels):
        logits = judge.logits(images)
        rows.append(
            {
                "change": change,
                "accuracy": None if labels is None else round(float((logits.argmax(1) == labels).mean()), 4),
                "confidence": round(float(tf.nn.softmax(logits).numpy().max(1).mean()), 4),
                "frechet": round(frechet_distance(reference, judge.features(images)), 8) + 0.0,  # no -0.0
            }
        )
    return {
        "test_accuracy": rows[0]["accuracy"],
        "frechet_floor": round(frechet_floor(judge.features(train_images), reference[:n]), 4),
        "frechet_floor_n": n,
        "calibration": rows,
    }
