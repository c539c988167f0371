"""Paired translation: distances of translated test images, and of the input, from their targets."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgans import metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data import ImageSet
from tfgans.data.palettes import palette as palette_of
from tfgans.errors import UserError
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.names import cell, distance
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import SAMPLE_SEED, Examples, Measured, Subject, row
from tfgans.tasks.segmented import read_segments, without_segmenter
from tfgans.tasks.translation import (
    SHOWN,
    between,
    between_sets,
    coloured,
    domains_of,
    of_labels,
    one,
    perceptual,
    shown,
    translated,
)

BLOCK = 16  # pixels a side of a coarse block
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ()  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return card.protocol.get("asked_features")


def measure(model: Exported, subject: Subject) -> Measured:
    """L1, PSNR and SSIM of translated test images, accuracies and IoU of label maps; with features, distances of sets
    and, with squeezenet:PATH, of images in its features.

    `of` input: the source instead of its translation, if both are images of one size. The floor of the distances
    between sets is that of training targets. Targets that are images of the recipe's `image_palette` are also measured
    as label maps, by the nearest colours in target and translation. Photographs of label maps are scored by a segmenter
    if there is one: `segmented.read_segments`. L1 of blocks measures large structures, the energy of fine detail
    sharpness.

    Raises UserError if the test images are not pairs.
    """
    test = domains_of(subject, "test", subject.n)
    if not test.aligned:
        raise UserError(f"the test images of {subject.recipe.dataset} are not pairs: file names do not match")
    sources, target = list(test.by_role["source"].values()), one(test, "target")
    made = _made(model, sources)
    name = subject.label
    place = {"test": name}
    protocol = {
        "tests": [name],
        "n_images": {name: len(target)},
        "split": "test",
        "sample_seed": SAMPLE_SEED,
        "asked_features": subject.features,
    }
    if target.palette is not None:
        return Measured(protocol, list(of_labels(made, target.images, target.palette, **place)))
    rows: list[Row] = []
    features, _ = without_segmenter(subject.features)
    photos = {"model": made, "real": target.images}
    more, network = read_segments(subject, test.by_role["source"], photos, **place)
    rows, protocol = rows + more, protocol | network
    if subject.recipe.image_palette and not subject.recipe.segmenter:
        rows += of_labels(made, target.images, palette_of(subject.recipe.image_palette), **place)
    rows += between(made, target.images, "model", **place)
    rows.append(row("coarse_l1", coarse_l1(made, target.images), **place))
    rows += [row("detail", detail(images), of, **place) for of, images in photos.items()]
    rows += perceptual(features, made, target.images, "model", **place)
    source = shown(sources[0])
    comparable = sources[0].encoding == "image" and source.shape[:3] == target.images.shape[:3]
    if comparable:
        same = source if source.shape == target.images.shape else coloured(source)
        beside = np.broadcast_to(target.images, same.shape)
        rows += between(same, beside, "input", **place)
        rows += perceptual(features, same, beside, "input", **place)
    if features:
        train = one(domains_of(subject, "train", len(target)), "target")
        sets = {"model": made, "train": train.images} | ({"input": source} if comparable else {})
        more, network = between_sets(features, target.images, sets, **place)
        rows, protocol = rows + more, protocol | network
    return Measured(protocol, rows)


def _made(model: Exported, sources: list[ImageSet]) -> np.ndarray:
    """Translations of the sources; a model with noise uses the seed of samples."""
    seed = [SAMPLE_SEED] if "seed" in model.need("translate").inputs else []
    return translated(lambda *each: model.call("translate", *each, *seed), *sources)


def coarse_l1(made: np.ndarray, target: np.ndarray) -> float:
    """The L1 distance, in [0, 1], of images (n, h, w, c), uint8, averaged over blocks of BLOCK x BLOCK pixels.

    Incomplete blocks at the right and at the bottom are ignored.
    """
    n, height, width, channels = made.shape
    rows, columns = max(1, height // BLOCK), max(1, width // BLOCK)
    h, w = min(height, rows * BLOCK), min(width, columns * BLOCK)
    apart = (made[:, :h, :w].astype(np.float32) - target[:, :h, :w]) / 255
    return float(np.abs(apart.reshape(n, rows, h // rows, columns, w // columns, channels).mean(axis=(2, 4))).mean())


def detail(images: np.ndarray) -> float:
    """The energy of fine detail, in levels of 255: `metrics.hole_detail` of the whole image; the mean over n."""
    return float(metrics.hole_detail(images, np.ones(images.shape[:3], bool)).mean())


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    return []


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Test examples, not selected: a row of sources, one of translations, one of targets."""
    test = domains_of(subject, "test", SHOWN)
    sources, target = list(test.by_role["source"].values()), one(test, "target")
    made = _made(model, sources)
    if target.palette is not None and made.shape[-1] == 1:
        made = target.palette.colours(made)
    rows = [coloured(images) for images in (shown(sources[0]), made, shown(target))]
    return grid(np.concatenate(rows).astype(np.float32) / 255, len(target))


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """A row of sources, a row of translations, a row of targets."""
    batch = examples(SHOWN)
    inputs = [key for key in ("source", "label_map", "instance_map") if key in batch]
    given = [batch[key] if batch[key].dtype.is_integer else (batch[key] + 1.0) / 2.0 for key in inputs]
    if "seed" in model.endpoints()["translate"].inputs:
        given.append(tf.constant(SAMPLE_SEED))
    draw = model.shown("translate")
    translate = tf.function(lambda: draw(*given))
    colours = palette_of(recipe.palette).colours if recipe.palette else None

    def picture(values: tf.Tensor, signed: bool = True) -> np.ndarray:
        array = values.numpy()
        if values.dtype.is_integer:
            return colours(array) if colours else array.astype(np.uint8)
        return to_uint8((array + 1) / 2 if signed else array)

    def rows() -> np.ndarray:
        three = picture(batch[inputs[0]]), picture(translate(), signed=False), picture(batch["target"])
        return grid(np.concatenate([coloured(each) for each in three]).astype(np.float32) / 255, SHOWN)

    return rows


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of paired translations; none without cards."""
    lines = []
    for name, card in cards.items():
        if card.task != "paired_translation":
            continue
        (test,) = card.protocol["tests"]
        columns = [f"{test} ({card.protocol['n_images'][test]:,})"]
        columns += [cell(card.per_seed("l1", of), 3) for of in ("model", "input")]
        columns += [cell(card.per_seed("psnr")), cell(card.per_seed("ssim"), 3)]
        columns += [cell(card.per_seed(each), 1, 100) for each in ("pixel_accuracy", "class_accuracy", "mean_iou")]
        columns += [distance(card.per_seed("kernel_distance", of)) for of in ("model", "train")]
        lines.append(
            f"| [{name}](saved_models/{name}/card.json) | {' | '.join(columns)} | {len(card.training_seeds)} |"
        )
    head = (
        "| model | images | L1 | input | PSNR dB | SSIM | pixel accuracy % | class accuracy % | mean IoU % "
        "| kernel distance | floor | seeds |"
    )
    return [head, "|---" * 12 + "|", *lines] if lines else []
