"""Restoration of small images, scored by a judge: a classifier that was trained on real images, not on restored ones.

For comparison, a classifier is trained on the coarse images themselves. Restoration adds no information, so restored
images cannot be expected to be classified better than by a good classifier of the coarse images.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data.degrade import bicubic_up, degrade, pair
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.features.judges import held_out
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import Examples, Measured, Subject, judge_of, restoration, row
from tfgans.tasks.set_distances import FEW, frechet_rows, kernel_rows

BATCH = 250
COLUMNS = 10  # of the sheet
COARSE = 64  # values in a coarse image, at most, for classification without convolutions
SHOWS_ALL = False  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = restoration.OF_RUNS  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return card.protocol["features"]


def coarse(images: np.ndarray, degradation: str) -> np.ndarray:
    """Degrade uint8 images (n, h, w, c) to uint8; image i with the seed i."""
    transform = pair(degradation)

    def batch(part: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        def one(given: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
            image, i = given
            return transform({"image": tf.cast(image, tf.float32) / 127.5 - 1.0}, tf.stack([0, i]))["source"]

        return tf.map_fn(one, (part, numbers), fn_output_signature=tf.float32)

    shape = [None, *images.shape[1:]]
    traced = tf.function(batch).get_concrete_function(tf.TensorSpec(shape, tf.uint8), tf.TensorSpec([None], tf.int64))
    every = np.arange(len(images), dtype=np.int64)
    parts = [traced(*map(tf.constant, (images[i : i + BATCH], every[i : i + BATCH]))) for i in _starts(images)]
    return to_uint8((np.concatenate([part.numpy() for part in parts]) + 1) / 2)


def restored(model: Exported, sources: np.ndarray) -> np.ndarray:
    """Restore uint8 images (n, h, w, c) with the model, to uint8."""
    parts = [model.restore(sources[i : i + BATCH].astype(np.float32) / 255) for i in _starts(sources)]
    return to_uint8(np.concatenate(parts))


def enlarged(sources: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge uint8 images (n, h, w, c) bicubically, to uint8."""
    return to_uint8((bicubic_up(sources.astype(np.float32) / 127.5 - 1.0, factor).numpy() + 1) / 2)


def _starts(images: np.ndarray) -> range:
    return range(0, len(images), BATCH)


def measure(model: Exported, subject: Subject) -> Measured:
    """PSNR, SSIM, power at the lost frequencies, the judge's accuracy and the Frechet distance in its features, of `n`
    restored test images. Baselines are bicubic enlargement, or the input if nothing is enlarged, and the accuracy on
    originals. For few images also kernel distances.

    `coarse_accuracy` is the accuracy of a network trained on coarse images. On other test sets, or in the features of
    SqueezeNet, this is a `restoration` like any other.

    Raises UserError if there is no such judge, or it takes images of another size.
    """
    dataset, degradation = subject.recipe.dataset, subject.recipe.degradation
    if subject.tests not in (None, [], [dataset]) or (subject.features or "").startswith("squeezenet"):
        return restoration.measure(model, subject)
    features = subject.features or judge_of(dataset)
    judge: Any = load_features(features)
    if not judge.n_classes:
        raise UserError(f"restored images are scored by a judge: --features judge:NAME, not {features}")
    test = data.load(dataset, "test", data_dir=subject.data_dir, image_shape=judge.image_shape)
    n = min(subject.n, len(test))
    original = test.images[:n]
    source = coarse(original, degradation)
    factor = degrade(degradation).factor
    plain = "bicubic" if factor > 1 else "input"
    sets = {"model": restored(model, source), plain: enlarged(source, factor), "real": original}
    seen = {of: judge.features(images) for of, images in sets.items()}
    name, rows = subject.label, []
    for of in ("model", plain):
        images = sets[of]
        rows += [
            row("psnr", np.mean(metrics.psnr(images, original)), of, test=name),
            row("ssim", np.mean(metrics.ssim(images, original)), of, test=name),
        ]
        if factor > 1:  # otherwise no frequencies were lost
            power = metrics.high_frequency(images, original, factor)
            rows.append(row("high_frequency", np.mean(power), of, test=name))
    train = data.load(dataset, "train", data_dir=subject.data_dir, image_shape=judge.image_shape)
    real = seen.pop("real")
    seen["train"] = judge.features(train.images[: min(n, held_out(len(train)))])
    least = min(len(each) for each in seen.values())
    rows += kernel_rows(real, seen, test=name) if least < FEW * real.shape[1] else []
    rows += frechet_rows(real, seen, name, test=name)
    if test.labels is not None and test.labels.ndim == 1:
        labels = test.labels[:n]
        for of, images in sets.items():
            rows.append(row("judge_accuracy", np.mean(judge.logits(images).argmax(axis=1) == labels), of, test=name))
        if source[0].size <= COARSE:
            accuracy = coarse_accuracy(coarse(train.images, degradation), train.labels, source, labels)
            rows.append(row("coarse_accuracy", accuracy, "input", test=name))
    protocol = {
        "features": judge.name,
        "features_sha256": judge.sha256,
        "degradation": degradation,
        "tests": [name],
        "n_images": {name: n},
        **({"n_frechet": least} if least < n else {}),
        "border": 0,
        "channel": "gray" if original.shape[-1] == 1 else "RGB",
    }
    return Measured(protocol, rows)


def coarse_accuracy(train: np.ndarray, train_labels: Any, test: np.ndarray, test_labels: np.ndarray) -> float:
    """The accuracy of a network of two hidden layers trained on coarse images, uint8 (n, h, w, c)."""
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = MLPClassifier((256, 256), alpha=1e-3, batch_size=256, early_stopping=True, max_iter=60, random_state=0)
    reader = make_pipeline(StandardScaler(), network)
    reader.fit(train.reshape(len(train), -1), train_labels)
    return float(reader.score(test.reshape(len(test), -1), test_labels))


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return restoration.measure_run(run, model, subject)


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Test images, COLUMNS per row: coarse ones as squares, below them restored ones, below them the originals."""
    recipe = subject.recipe
    test = data.load(
        recipe.dataset, "test", data_dir=subject.data_dir, image_shape=subject.image_shape, limit=3 * COLUMNS
    )
    factor = degrade(recipe.degradation).factor
    rows = []
    for i in range(0, len(test), COLUMNS):
        original = test.images[i : i + COLUMNS]
        source = coarse(original, recipe.degradation)
        rows += [source.repeat(factor, axis=1).repeat(factor, axis=2), restored(model, source), original]
    return grid(np.concatenate(rows).astype(np.float32) / 255, COLUMNS)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    return restoration.preview(model, examples, recipe)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of models whose restorations a judge reads; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "small_restoration":
            continue
        (test,) = card.protocol["tests"]
        columns = [card.protocol["degradation"]]
        columns += [cell(card.per_seed("psnr", of)) for of in ("model", "bicubic")]
        columns += [cell(card.per_seed("judge_accuracy", of), 1, 100) for of in ("model", "bicubic", "real")]
        columns += [cell(card.per_seed("coarse_accuracy", "input"), 1, 100), cell(card.per_seed("frechet_distance"))]
        columns += [cell(card.values("frechet_distance", "train"))]
        columns += [str(len(card.training_seeds)), f"{card.protocol['n_images'][test]:,}"]
        lines.append(f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} |")
    head = (
        "| model | degradation | PSNR dB | bicubic | accuracy % | bicubic | originals | read by its own classifier % "
        "| Fréchet distance | floor | seeds | images |"
    )
    return [head, "|---" * 12 + "|", *lines] if lines else []
