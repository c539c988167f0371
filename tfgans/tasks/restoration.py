"""How close restored images come to the originals, on folders of test images, beside plain enlargement."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics, models
from tfgans.card import Card
from tfgans.data.degrade import bicubic_up, degrade, hole, pair
from tfgans.errors import UserError
from tfgans.features.squeezenet import SqueezeNetFeatures, squeezenet_distance
from tfgans.images import grid, to_uint8
from tfgans.inference.exported import Exported
from tfgans.inference.tiling import restore_array
from tfgans.metrics.legibility import HEIGHTS, letters_read
from tfgans.metrics.names import cell

BORDER = 4  # pixels left out at each side, as the papers on super-resolution do
CROP = 128  # pixels a side, on the sheet
FEWEST = 16  # images whose features can be compared as a set
SHOWN = 5  # images of each test set on the sheet, spread over it

Test = tuple[str, str]  # the name of a source and its split
Size = tuple[int, int] | None  # height and width to which images are scaled; None: their own
Scores = dict[tuple[str, str], float]  # (metric, of which image: "" for the restored one)


def restores(config: dict[str, Any]) -> bool:
    """Whether a run's or a card's GAN restores images, rather than making new ones."""
    return models.model_class(config["gan"]).kind == "restoration"


def tests_of(dataset: str, tests: list[str] | None) -> list[Test]:
    """All images of each of `tests`; without them the test split of `dataset`, what was trained on."""
    if tests:
        return [(name, "all" if name.startswith("folder:") else "test") for name in tests]
    return [(dataset, "test")]


def scaled_size(recipe: dict[str, Any]) -> Size:
    """The size to which a recipe scales whole images; None where it crops them."""
    height, width, _ = recipe["model"]["image_shape"]
    return None if recipe["crop"] else (height, width)


def label(test: Test) -> str:
    """What a test set is called in the metrics: the last part of its path or its name."""
    return Path(test[0].removeprefix("folder:")).name.lower()


def test_images(model: Exported, test: Test, data_dir: str | None, scaled: Size) -> data.ImageSet:
    """The images of a test set at their own sizes, or scaled and cropped to the size at which they were trained on."""
    channels = model.made_channels or 3
    name, split = test
    shape = (*(scaled or (8, 8)), channels)
    return data.load(name, split, data_dir=data_dir, image_shape=shape, keep_size=scaled is None, minimum=1)


def restoration(
    model: Exported, image: np.ndarray, degradation: str, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(before, restored, original) of an image, uint8 (h, w, c); before is the source, enlarged bicubically, and the
    original is without what the degradation crops off."""
    example = pair(degradation)({"image": tf.constant(image, tf.float32) / 127.5 - 1.0}, tf.constant([0, seed]))
    poor = example["source"]
    restored = restore_array(model, to_uint8((poor.numpy() + 1) / 2))
    before = tf.broadcast_to(bicubic_up(poor, degrade(degradation).factor), tf.shape(example["target"]))
    return to_uint8((before.numpy() + 1) / 2), restored, to_uint8((example["target"].numpy() + 1) / 2)


def measure_restoration(
    model: Exported,
    tests: list[Test],
    degradation: str,
    features: str | None = None,
    data_dir: str | None = None,
    scaled: Size = None,
) -> dict[str, Any]:
    """PSNR, SSIM and, with `features` "squeezenet:PATH", the squeezenet distance: the mean over each test set.

    Enlarged images are compared on Y, without BORDER pixels, beside plain enlargement ("..._bicubic"); also by the
    power at the frequencies that were lost (`high_frequency`) and by the letters that can be read (`legibility`).
    Others are compared in all channels, beside what the model was given ("..._source"). These, and images `scaled` to
    one size, are compared as a set too: the Frechet distance of their features. What is coloured also gets
    `colour_scores`, what has a hole `hole_scores`. Scores that an image does not have (the PSNR of a gray original and
    its equal source, the hues of a gray image) are left out of the means.

    Raises UserError for test sets that are not there or carry the same name, and for other features.
    """
    names = [label(test) for test in tests]
    if len(set(names)) < len(names):
        raise UserError(f"two test sets have the same name: {', '.join(names)}; rename a folder")
    distance = network = None
    factor = degrade(degradation).factor
    enlarges = factor > 1
    plain = "_bicubic" if enlarges else "_source"
    protocol: dict[str, Any] = {"degradation": degradation, "tests": names, "border": BORDER if enlarges else 0}
    if scaled:
        protocol["scaled"] = list(scaled)
    if features:
        kind, _, path = features.partition(":")
        if kind != "squeezenet" or not path:
            raise UserError(f"restorations are compared in the features squeezenet:PATH, not '{features}'")
        distance = squeezenet_distance(path)
        network = None if enlarges and not scaled else SqueezeNetFeatures(path)
        protocol |= {
            "features": "squeezenet1.1 distance" + (f" and {network.name}" if network else ""),
            "features_sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        }
    found: dict[str, Any] = {}
    counts = {}
    for test, name in zip(tests, names, strict=True):
        values: dict[str, list[float]] = {}
        sets: dict[str, list[np.ndarray]] = {"": [], plain: [], "_real": []}
        source = test_images(model, test, data_dir, scaled)
        for i in range(len(source)):
            before, restored, original = restoration(model, source.image(i), degradation, i)
            scores: Scores = {}
            for image, suffix in ((restored, ""), (before, plain)):
                scores |= {(metric, suffix): value for metric, value in _scores(image, original, factor).items()}
                if distance is not None:
                    scores["squeezenet_distance", suffix] = float(distance(_signed(image), _signed(original))[0])
            if model.colours:
                scores |= colour_scores(restored, original)
            if not enlarges:
                missing = hole(degradation, original.shape[0], original.shape[1], tf.constant([0, i]))
                scores |= hole_scores(before, restored, original, missing) if missing.any() else {}
            if network is not None:
                for suffix, image in (("", restored), (plain, before), ("_real", original)):
                    sets[suffix].append(network.features(image[None])[0])
            for (metric, suffix), value in scores.items():
                if np.isfinite(value):
                    values.setdefault(f"{metric}_{name}{suffix}", []).append(value)
        counts[name] = len(source)
        found |= {metric: float(np.mean(each)) for metric, each in sorted(values.items())}
        if len(sets["_real"]) >= FEWEST:
            real = np.stack(sets["_real"])
            for suffix in ("", plain):
                found[f"frechet_distance_{name}{suffix}"] = metrics.frechet_distance(real, np.stack(sets[suffix]))
    if enlarges and model.channels == 3 and not scaled:
        for height in HEIGHTS:
            shares = letters_read(lambda sheet: restoration(model, sheet, degradation)[:2], height)
            found |= {f"letters_read_{height}px_bicubic": shares[0], f"letters_read_{height}px": shares[1]}
    channel = "Y" if enlarges else "RGB"
    protocol |= {"n_images": counts, "channel": channel if model.made_channels == 3 else "gray"}
    return {"protocol": protocol, "metrics": found}


def colour_scores(restored: np.ndarray, original: np.ndarray) -> Scores:
    """How colourful uint8 images (h, w, 3) are, and how much of that is green or blue; "_real": the originals."""
    measures = {"colourfulness": metrics.colourfulness, "green_blue": metrics.green_blue_share}
    pairs = (("", restored), ("_real", original))
    return {(name, end): float(of(image[None])[0]) for name, of in measures.items() for end, image in pairs}


def hole_scores(before: np.ndarray, restored: np.ndarray, original: np.ndarray, missing: np.ndarray) -> Scores:
    """PSNR inside the hole, boolean (h, w), of uint8 images; beside those of filling it with the mean and smoothly."""
    filled = {
        "": restored,
        "_mean": metrics.fill_with_mean(before, missing),
        "_biharmonic": metrics.fill_biharmonic(before, missing),
    }
    found = {end: metrics.hole_psnr(image[None], original[None], missing[None]) for end, image in filled.items()}
    return {("hole_psnr", end): float(value[0]) for end, value in found.items()}


def _scores(image: np.ndarray, original: np.ndarray, factor: int) -> dict[str, float]:
    options: dict[str, Any] = dict(border=BORDER, y_channel=image.shape[-1] == 3) if factor > 1 else {}
    scores = {
        "psnr": float(metrics.psnr(image[None], original[None], **options)[0]),
        "ssim": float(metrics.ssim(image[None], original[None], **options)[0]),
    }
    if factor > 1:
        scores["high_frequency"] = float(metrics.high_frequency(image[None], original[None], factor)[0])
    return scores


def _signed(image: np.ndarray) -> tf.Tensor:
    """uint8 (h, w, 1 or 3) -> (1, h, w, 3) in [-1, 1]."""
    image = np.broadcast_to(image, (*image.shape[:2], 3))
    return tf.constant(image[None], tf.float32) / 127.5 - 1.0


def restoration_sheet(
    model: Exported, tests: list[Test], degradation: str, data_dir: str | None = None, scaled: Size = None
) -> np.ndarray:
    """Some images of each test set: a row of enlarged sources, one of restored images, one of originals; of each image
    the crop of CROP pixels in which the original varies most, or all of what is `scaled` to less."""
    cell = min(CROP, *(scaled or (CROP,)))
    columns: list[list[np.ndarray]] = []
    for test in tests:
        source = test_images(model, test, data_dir, scaled)
        for i in sorted(set(np.linspace(0, len(source) - 1, SHOWN).astype(int).tolist())):
            images = restoration(model, source.image(i), degradation, i)
            if min(images[2].shape[:2]) >= cell:  # the cells of a sheet are alike
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


# (measure, of, where, digits) of each column
Column = tuple[str, str, str | None, int]
ENLARGED: list[Column] = [
    (measure, of, None, digits)
    for measure, digits in (("psnr", 2), ("ssim", 4), ("squeezenet_distance", 3))
    for of in ("model", "bicubic", "paper")
    if (measure, of) != ("squeezenet_distance", "paper")
]
REPAIRED: list[Column] = [
    ("psnr", "model", None, 2),
    ("psnr", "input", None, 2),
    ("ssim", "model", None, 3),
    ("colourfulness", "model", None, 1),
    ("colourfulness", "real", None, 1),
    *(("psnr", of, "hole", 2) for of in ("model", "mean_fill", "biharmonic")),
    ("frechet_distance", "model", None, 2),
    ("frechet_distance", "input", None, 2),
]


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of the README's tables of restorations, a line for each model and test set: of what enlarges, then of
    what colourizes or fills holes."""
    own = {name: card for name, card in cards.items() if card.task == "restoration"}
    enlarged = {name: card for name, card in own.items() if _measured(card, "bicubic")}
    repaired = {name: card for name, card in own.items() if _measured(card, "input")}
    tables = [
        _lines(
            "| model | images | PSNR dB | bicubic | paper | SSIM | bicubic | paper | SqueezeNet distance | bicubic "
            "| seeds |",
            enlarged,
            ENLARGED,
            "d",
        ),
        _lines(
            "| model | images | PSNR dB | before | SSIM | colourfulness | of the originals | in the hole dB "
            "| filled with the mean | biharmonic | Fréchet distance | before | seeds |",
            repaired,
            REPAIRED,
            ",",
        ),
    ]
    return [line for lines in tables if lines for line in ("", *lines)][1:]


def _lines(head: str, cards: dict[str, Card], columns: list[Column], count: str) -> list[str]:
    lines = []
    for name, card in cards.items():
        for test in card.protocol["tests"]:
            images = f"{test} ({card.protocol['n_images'][test]:{count}}, {card.protocol['degradation']})"
            cells = " | ".join(_cell(card, test, column) for column in columns)
            lines.append(
                f"| [{name}](saved_models/{name}/card.json) | {images} | {cells} | {len(card.training_seeds)} |"
            )
    return [head, "|---" * (len(columns) + 3) + "|", *lines] if lines else []


def _measured(card: Card, of: str) -> bool:
    return any(card.values("psnr", of, test) for test in card.protocol["tests"])


def _cell(card: Card, test: str, column: Column) -> str:
    measure, of, where, digits = column
    if of != "paper":
        return cell(card.per_seed(measure, of, test, where), digits)
    try:
        reported = models.recipe(card.gan, card.recipe).reported
    except UserError:  # a GAN or a recipe that this installation does not have
        return ""
    if isinstance(reported, dict):  # until recipes hold rows
        value = reported.get(f"{measure}_{test}")
    else:
        value = next((row["value"] for row in reported if (row["measure"], row.get("test")) == (measure, test)), None)
    return "" if value is None else f"{value:.{digits}f}"
