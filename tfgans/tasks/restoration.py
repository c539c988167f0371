"""Restoration: closeness of restored pictures to the originals, compared with bicubic enlargement or the input."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics, models
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data.degrade import bicubic_up, degrade, pair
from tfgans.errors import UserError
from tfgans.features.squeezenet import FLOOR, SqueezeNetFeatures, squeezenet_distance
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.inference.tiling import pictures_of, restore_array
from tfgans.metrics.legibility import HEIGHTS, letters_read
from tfgans.names import cell, distance
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import FEWEST, Examples, Measured, Subject, label, row
from tfgans.tasks.restoration_scores import Place, Scores, colour_scores, hole_scores, image_scores
from tfgans.tasks.set_distances import frechet_rows, kernel_rows

CROP = 128  # pixels a side on the sheet
SHOWN = 5  # evenly spaced images of each test set on the sheet
SEAMS = 200  # images whose seams are measured
REMEMBERED = 500  # training images that are restored, beside the test images

Test = tuple[str, str]  # the name of a data set and its split
Size = tuple[int, int] | None  # height and width to which images are scaled; None: their own
SHOWS_ALL = False  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ("seam_contrast",)  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    """None, because cards do not hold the path of weights. Raises UserError if the test sets are not its own data."""
    if card.protocol["tests"] != [label(card.dataset)]:
        raise UserError("choose the images to measure this model on: --test folder:PATH")
    return None


def tests_of(subject: Subject) -> list[Test]:
    """All images of each of the subject's tests; by default the test split of the training data."""
    if subject.tests:
        return [(name, "all" if name.startswith("folder:") else "test") for name in subject.tests]
    return [(subject.recipe.dataset, "test")]


def scaled_size(recipe: Recipe) -> Size:
    """The size to which a recipe scales whole images; None if it crops them."""
    height, width, _ = recipe.model["image_shape"]
    return None if recipe.crop else (height, width)


def test_images(model: Exported, test: Test, data_dir: str | None, scaled: Size) -> data.ImageSet:
    """The images of a test set at their own sizes, or scaled and cropped to the size of the training images."""
    name, split = test
    shape = (*(scaled or (8, 8)), model.made_channels or 3)
    return data.load(name, split, data_dir=data_dir, image_shape=shape, keep_size=scaled is None, minimum=1)


def restoration(
    model: Exported, image: np.ndarray, degradation: str, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(before, restored, original) of an image, uint8 (h, w, c). `before` is the source, enlarged bicubically; the
    original is without the parts that the degradation crops off."""
    example = pair(degradation)({"image": tf.constant(image, tf.float32) / 127.5 - 1.0}, tf.constant([0, seed]))
    poor = example["source"]
    if "fill" in model.endpoints:
        given = to_uint8((poor.numpy() + 1) / 2)
        restored = pictures_of(model, "fill").apply(given, hole_of(degradation, image, seed))
    else:
        restored = restore_array(model, to_uint8((poor.numpy() + 1) / 2))
    before = tf.broadcast_to(bicubic_up(poor, degrade(degradation).factor), tf.shape(example["target"]))
    return to_uint8((before.numpy() + 1) / 2), restored, to_uint8((example["target"].numpy() + 1) / 2)


def hole_of(degradation: str, image: np.ndarray, seed: int) -> np.ndarray:
    """The pixels of a uint8 image that the degradation removes, boolean (h, w)."""
    _, mask = degrade(degradation).with_mask(tf.constant(image, tf.float32) / 127.5 - 1.0, tf.constant([0, seed]))
    return mask.numpy()[..., 0]


def measure(model: Exported, subject: Subject) -> Measured:
    """PSNR, SSIM and, with the features "squeezenet:PATH", the squeezenet distance with and without a floor: means over
    each test set.

    Enlarged images are compared on Y, without as many border pixels as the factor, as in papers, and with bicubic
    enlargement as the baseline; also by the power at the lost frequencies (`high_frequency`) and by readable letters
    (`legibility`). Others are compared in all channels, with the input as the baseline. These, and images scaled to one
    size, are also compared as sets (`set_distances`), with training images as the floor. Colourizations also get
    `colour_scores`, images with a hole `hole_scores`. Undefined scores of an image (the PSNR of a gray original and its
    equal source, the hues of a gray image) are left out of the means.

    Raises UserError for absent test sets or several of the same name, for other features, and for a degradation whose
    images do not fit the model.
    """
    degradation, scaled = subject.recipe.degradation, scaled_size(subject.recipe)
    check_degradation(model, degradation)
    tests = tests_of(subject)
    names = [label(name) for name, _ in tests]
    if len(set(names)) < len(names):
        raise UserError(f"two test sets have the same name: {', '.join(names)}; rename a folder")
    distances: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {}
    network = None
    factor = degrade(degradation).factor
    enlarges = factor > 1
    plain = "bicubic" if enlarges else "input"
    protocol: dict[str, Any] = {"degradation": degradation, "tests": names, "border": factor if enlarges else 0}
    if scaled:
        protocol["scaled"] = list(scaled)
    if subject.features:
        kind, _, path = subject.features.partition(":")
        if kind != "squeezenet" or not path:
            raise UserError(f"restorations take the features squeezenet:PATH, not '{subject.features}'")
        distances["squeezenet_distance"] = squeezenet_distance(path)
        distances["squeezenet_distance_floored"] = squeezenet_distance(path, floor=FLOOR)
        network = None if enlarges and not scaled else SqueezeNetFeatures(path)
        protocol |= {
            "features": "squeezenet1.1 distance" + (f" and {network.name}" if network else ""),
            "features_sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        }
    rows: list[Row] = []
    counts = {}
    for test, name in zip(tests, names, strict=True):
        values: dict[Place, list[float]] = {}
        sets: dict[str, list[np.ndarray]] = {"model": [], plain: [], "real": []}
        source = test_images(model, test, subject.data_dir, scaled)
        for i, (before, restored, original) in enumerate(_each(model, source, degradation)):
            scores: Scores = {}
            for image, of in ((restored, "model"), (before, plain)):
                scores |= {(measure, of, None): v for measure, v in image_scores(image, original, factor).items()}
                for measure, between in distances.items():
                    scores[measure, of, None] = float(between(_signed(image), _signed(original))[0])
            if model.colours:
                scores |= colour_scores(restored, original)
            if not enlarges:
                missing = hole_of(degradation, original, i)
                scores |= hole_scores(before, restored, original, missing) if missing.any() else {}
            if network is not None:
                for of, image in (("model", restored), (plain, before), ("real", original)):
                    sets[of].append(network.features(image[None])[0])
            for place, value in scores.items():
                if np.isfinite(value):
                    values.setdefault(place, []).append(value)
        counts[name] = len(source)
        means = {place: float(np.mean(each)) for place, each in values.items()}
        rows += [row(measure, v, of, test=name, where=where) for (measure, of, where), v in means.items()]
        if network is not None and len(sets["real"]) >= FEWEST:
            seen = {of: np.stack(each) for of, each in sets.items()}
            real = seen.pop("real")
            if not subject.tests:
                train, picked = _training_images(model, subject, len(real))
                seen["train"] = np.stack([network.features(train.image(i)[None])[0] for i in picked])
                rows += of_training_images(model, train, picked[:REMEMBERED], degradation, name)
            rows += kernel_rows(real, seen, test=name) + frechet_rows(real, seen, name, test=name)
    if enlarges and model.channels == 3 and not scaled:
        for height in HEIGHTS:
            shares = letters_read(lambda page: restoration(model, page, degradation)[:2], height)
            for of, share in zip(("bicubic", "model"), shares, strict=True):
                rows.append(row("letters_read", share, of, test="letters", where=f"{height} px"))
    channel = "Y" if enlarges else "RGB"
    protocol |= {"n_images": counts, "channel": channel if model.made_channels == 3 else "gray"}
    return Measured(protocol, rows)


def check_degradation(model: Exported, spec: str) -> None:
    """Raises UserError if a degradation makes images of another size or other channels than the model takes."""
    degradation, name = degrade(spec), model.path.name
    if degradation.factor != model.main.scale:
        raise UserError(f"'{spec}' shrinks by {degradation.factor}, but {name} enlarges by {model.main.scale}")
    given = tf.TensorSpec((None, None, model.made_channels or 3)), tf.TensorSpec((2,), tf.int32)
    left = tf.function(degradation).get_concrete_function(*given).output_shapes[-1]
    if left != (model.channels or left):
        raise UserError(f"'{spec}' makes images of {left} channels, but {name} takes {model.channels}")


def _training_images(model: Exported, subject: Subject, n: int) -> tuple[data.ImageSet, list[int]]:
    """The training images, and at most `n` random ones of them."""
    train = test_images(model, (subject.recipe.dataset, "train"), subject.data_dir, scaled_size(subject.recipe))
    return train, np.random.default_rng(0).permutation(len(train))[:n].tolist()


def of_training_images(
    model: Exported, train: data.ImageSet, picked: list[int], degradation: str, name: str
) -> list[Row]:
    """The PSNR of restored training images and of what they were made of: those that a model remembers stand out."""
    factor, found = degrade(degradation).factor, []
    for i in picked:
        before, restored, original = restoration(model, train.image(i), degradation, i)
        found.append([image_scores(image, original, factor)["psnr"] for image in (restored, before)])
    means = np.nanmean(np.where(np.isfinite(found), found, np.nan), axis=0)
    kinds = ("model", "bicubic" if factor > 1 else "input")
    return [row("psnr", v, of, test=name, where="training images") for of, v in zip(kinds, means, strict=True)]


def _each(
    model: Exported, source: data.ImageSet, degradation: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for i in range(len(source)):
        yield restoration(model, source.image(i), degradation, i)


def _signed(image: np.ndarray) -> tf.Tensor:
    """uint8 (h, w, 1 or 3) -> (1, h, w, 3) in [-1, 1]."""
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    return tf.constant(image[None], tf.float32) / 127.5 - 1.0


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    """For a model that works on parts of images, the visibility of their borders in test images of the training size;
    without partition, at the middle."""
    part = subject.recipe.model.get("part")
    if not part:
        return []
    height, width, channels = subject.image_shape
    part = min(part, min(height, width) // 2)
    test = data.load(
        *tests_of(subject)[0],
        data_dir=subject.data_dir,
        image_shape=(height, width, channels),
        limit=SEAMS,
        minimum=1,
    )
    made = np.stack(
        [restoration(model, image, subject.recipe.degradation, i)[1] for i, image in enumerate(test.images)]
    )
    pairs = (("model", made), ("real", test.images))
    return [
        row("seam_contrast", np.nanmean(metrics.seam_contrast(each, part)), of, test=subject.label)
        for of, each in pairs
    ]


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """Some images of each test set: rows of enlarged sources, restored images and originals. Each image is cropped to
    the CROP pixels in which the original varies most, or shown whole if it was scaled to less."""
    scaled = scaled_size(subject.recipe)
    cell = min(CROP, *(scaled or (CROP,)))
    columns: list[list[np.ndarray]] = []
    for test in tests_of(subject):
        source = test_images(model, test, subject.data_dir, scaled)
        for i in sorted(set(np.linspace(0, len(source) - 1, SHOWN).astype(int).tolist())):
            images = restoration(model, source.image(i), subject.recipe.degradation, i)
            if min(images[2].shape[:2]) >= cell:  # all cells of a sheet have the same size
                top, left = _liveliest(images[2], cell)
                columns.append([image[top : top + cell, left : left + cell] for image in images])
    if not columns:
        raise UserError(f"no test image has {cell}x{cell} pixels to show")
    rows = [column[k] for k in range(3) for column in columns]
    return grid(np.stack(rows).astype(np.float32) / 255, len(columns))


def _liveliest(image: np.ndarray, side: int) -> tuple[int, int]:
    height, width = image.shape[:2]
    places = [(y, x) for y in range(0, height - side + 1, 16) for x in range(0, width - side + 1, 16)]
    return max(places, key=lambda place: image[place[0] :, place[1] :][:side, :side].std())


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """A row of sources (enlarged to the targets' size), a row of restored images, a row of targets."""
    columns = 6
    batch = examples(columns)
    poor, target = batch["source"], batch["target"]
    shown = tf.broadcast_to(bicubic_up(poor, degrade(recipe.degradation).factor), tf.shape(target))
    given = (poor + 1.0) / 2.0

    @tf.function
    def made() -> tf.Tensor:
        return model.fill(given, batch["mask"]) if "fill" in model.endpoints() else model.restore(given)

    def picture() -> np.ndarray:
        rows = [(shown.numpy() + 1.0) / 2.0, made().numpy(), (target.numpy() + 1.0) / 2.0]
        return grid(np.concatenate(rows), columns)

    return picture


# (title, measure, of, where, digits) of each column; columns without numbers are left out
Column = tuple[str, str, str, str | None, int]
ENLARGED: list[Column] = [
    ("PSNR dB", "psnr", "model", None, 2),
    ("bicubic", "psnr", "bicubic", None, 2),
    ("paper", "psnr", "paper", None, 2),
    ("SSIM", "ssim", "model", None, 4),
    ("bicubic", "ssim", "bicubic", None, 4),
    ("paper", "ssim", "paper", None, 4),
    ("SqueezeNet distance", "squeezenet_distance", "model", None, 3),
    ("bicubic", "squeezenet_distance", "bicubic", None, 3),
    ("SqueezeNet distance, flat areas not amplified", "squeezenet_distance_floored", "model", None, 3),
    ("bicubic", "squeezenet_distance_floored", "bicubic", None, 3),
]
REPAIRED: list[Column] = [
    ("PSNR dB", "psnr", "model", None, 2),
    ("input", "psnr", "input", None, 2),
    ("SSIM", "ssim", "model", None, 3),
    ("colourfulness", "colourfulness", "model", None, 1),
    ("originals", "colourfulness", "real", None, 1),
    ("PSNR in the hole dB", "psnr", "model", "hole", 2),
    ("filled with the mean", "psnr", "mean_fill", "hole", 2),
    ("biharmonic", "psnr", "biharmonic", "hole", 2),
    ("kernel distance", "kernel_distance", "model", None, 3),
    ("input", "kernel_distance", "input", None, 3),
    ("floor", "kernel_distance", "train", None, 3),
    ("Fréchet distance", "frechet_distance", "model", None, 2),
    ("input", "frechet_distance", "input", None, 2),
    ("floor", "frechet_distance", "train", None, 2),
]


def table(cards: dict[str, Card]) -> list[str]:
    """Tables of docs/RESULTS.md, a line for each model and test set: what enlarges; what colourizes or fills holes."""
    own = {name: card for name, card in cards.items() if card.task == "restoration"}
    enlarged = {name: card for name, card in own.items() if _measured(card, "bicubic")}
    repaired = {name: card for name, card in own.items() if _measured(card, "input")}
    tables = [_lines(enlarged, ENLARGED, "d"), _lines(repaired, REPAIRED, ",")]
    return [line for lines in tables if lines for line in ("", *lines)][1:]


def _lines(cards: dict[str, Card], columns: list[Column], count: str) -> list[str]:
    tests = [(name, card, test) for name, card in cards.items() for test in card.protocol["tests"]]
    columns = [column for column in columns if any(_cell(card, test, column) for _, card, test in tests)]
    head = " | ".join(["model", "images", *(title for title, *_ in columns), "seeds"])
    lines = [f"| {head} |", "|---" * (len(columns) + 3) + "|"]
    for name, card, test in tests:
        images = f"{test} ({card.protocol['n_images'][test]:{count}}, {card.protocol['degradation']})"
        cells = " | ".join(_cell(card, test, column) for column in columns)
        lines.append(f"| [{name}](saved_models/{name}/card.json) | {images} | {cells} | {len(card.training_seeds)} |")
    return lines if tests else []


def _measured(card: Card, of: str) -> bool:
    return any(card.values("psnr", of, test) for test in card.protocol["tests"])


def _cell(card: Card, test: str, column: Column) -> str:
    _, measure, of, where, digits = column
    if of != "paper":
        values = card.per_seed(measure, of, test, where)
        return distance(values) if measure == "kernel_distance" else cell(values, digits)
    try:
        value = models.recipe(card.gan, card.recipe).reported_value(measure, test)
    except UserError:  # a GAN or a recipe missing from this installation
        return ""
    return "" if value is None else f"{value:.{digits}f}"
