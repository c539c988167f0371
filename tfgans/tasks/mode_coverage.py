"""Coverage of many known modes by the samples, for mixtures of Gaussians and stacked MNIST."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import softmax

from tfgans import data, metrics
from tfgans.adversarial import Adversarial
from tfgans.card import Card, Row
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.images import grid
from tfgans.images import sheet as scatter_or_grid
from tfgans.inference.exported import Exported
from tfgans.names import cell
from tfgans.recipe import Recipe
from tfgans.run import Run
from tfgans.tasks import FEWEST, SAMPLE_SEED, STACKED, Examples, Measured, Subject, judge_of, row
from tfgans.tasks.generation import preview_samples

SURE = 0.9  # probability from which a judge's prediction counts as sure
WITHIN = 3.0  # sigma: samples nearer to a mean are of high quality
POINTS = 1_000  # in a preview
READ = " as the judge reads them"  # behind the modes of stacked digits, in the table
SHOWS_ALL = True  # in docs/RESULTS.md, also cards without a model
OF_RUNS: tuple[str, ...] = ()  # measures of `measure_run`


def features_of(card: Card) -> str | None:
    return None if card.dataset in MIXTURES else card.protocol["features"]


def measure(model: Exported, subject: Subject) -> Measured:
    """Modes covered by `n` samples, with the same measurements of as many test examples."""
    subject.without_tests()
    if subject.n < FEWEST:
        raise UserError(f"{subject.n} samples; scores need at least {FEWEST}")
    return measure_points(model, subject) if subject.recipe.dataset in MIXTURES else measure_stacked(model, subject)


def measure_points(model: Exported, subject: Subject) -> Measured:
    """Modes covered and share of high quality of `n` samples, with those of as many test points."""
    dataset, n = subject.recipe.dataset, subject.n
    mixture, test = MIXTURES[dataset], data.load(dataset, "test", limit=n)
    classes = len(mixture.means)
    asked = np.arange(n, dtype=np.int32) % classes if model.conditional else None
    fake = _coverage(mixture, model.sample(n=n, labels=asked, seed=SAMPLE_SEED))
    real = _coverage(mixture, (test.images + 1.0) / 2.0)
    shares = metrics.class_histogram(fake.nearest, classes) / n
    rows = [
        row("modes", fake.modes, test=dataset),
        row("high_quality", fake.high_quality, test=dataset),
        row("high_quality", real.high_quality, "real", test=dataset),
        *(row("class_share", share, test=dataset, where=f"class {k}") for k, share in enumerate(shares)),
        row("kl_to_uniform", metrics.kl_to_uniform(shares), test=dataset),
    ]
    if asked is not None:
        rows.append(row("label_accuracy", float(np.mean(fake.nearest == asked)), test=dataset))
    return Measured(_protocol(dataset, n, len(test), classes) | {"extent": mixture.extent}, rows)


def _coverage(mixture: Any, samples: np.ndarray) -> metrics.Coverage:
    return metrics.mode_coverage(mixture.coordinates(samples), mixture.means, mixture.sigma, WITHIN)


def measure_stacked(model: Exported, subject: Subject) -> Measured:
    """Modes of `n` samples, of 1,000, predicted by a judge of MNIST for each channel, and their KL from uniform.

    Metz et al. 2016 (arXiv:1611.02163), section 3.3.1. Both depend on n, so they are also measured on `n` test images,
    or as many as there are. The judge predicts a digit for any image: `sure_modes` counts only images for which the
    judge is sure of all channels, and `sure` is their share.
    """
    n = subject.n
    judge: Any = load_features(subject.features or judge_of(STACKED))
    if judge.n_classes != 10:
        raise UserError(f"the modes of {STACKED} need a judge of digits, not {judge.name}")
    test = data.load(STACKED, "test", data_dir=subject.data_dir, image_shape=subject.image_shape, limit=n)
    asked = np.arange(n, dtype=np.int32) % 1_000 if model.conditional else None
    drawn, rows = read_stacked(judge, model.sample(n=n, labels=asked, seed=SAMPLE_SEED)), []
    for of, (read, sure) in (("model", drawn), ("real", read_stacked(judge, test.images))):
        counts = metrics.class_histogram(read, 1_000)
        rows += [
            row("modes", int((counts > 0).sum()), of, test=STACKED),
            row("sure_modes", len(np.unique(read[sure])), of, test=STACKED),
            row("sure", sure.mean(), of, test=STACKED),
            row("kl_to_uniform", metrics.kl_to_uniform(counts), of, test=STACKED),
        ]
    if asked is not None:
        rows.append(row("label_accuracy", float(np.mean(drawn[0] == asked)), test=STACKED))
    protocol = _protocol(STACKED, n, len(test), 1_000)
    return Measured(protocol | {"features": judge.name, "features_sha256": judge.sha256}, rows)


def read_stacked(judge: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, h, w, 3) images -> (n,) modes 0 .. 999, and whether the judge is sure of all three digits."""
    chances = [softmax(judge.logits(images[..., k : k + 1]), axis=1) for k in range(3)]
    sure = np.min([each.max(axis=1) for each in chances], axis=0) >= SURE
    return metrics.stacked_digits(np.stack([each.argmax(axis=1) for each in chances], axis=1)), sure


def _protocol(dataset: str, n: int, n_real: int, modes: int) -> dict[str, Any]:
    return {
        "features": f"coordinates, within {WITHIN:g} sigma",
        "features_sha256": "",
        "split": f"{dataset} test",
        "n_real": n_real,
        "n_fake": n,
        "modes": modes,
        "sample_seed": SAMPLE_SEED,
    }


def measure_run(run: Run, model: Exported, subject: Subject) -> list[Row]:
    """For points: modes and high quality after each tenth of the training, of as many samples, if the recipe keeps
    those checkpoints. This shows GANs that rotate from mode to mode, which the last checkpoint does not."""
    dataset, steps = subject.recipe.dataset, subject.recipe.steps
    if dataset not in MIXTURES or "labels" in model.endpoints["sample"].inputs:
        return []
    kept, rows = set(run.steps()), []
    for tenth in range(1, 11):
        if (at := steps * tenth // 10) in kept:
            drawn = tf.function(run.load(at).sample)(tf.constant(subject.n), tf.constant(SAMPLE_SEED)).numpy()
            found = _coverage(MIXTURES[dataset], drawn)
            rows.append(row("modes", found.modes, test=dataset, where=f"tenth {tenth}"))
            rows.append(row("high_quality", found.high_quality, test=dataset, where=f"tenth {tenth}"))
    return rows if len(rows) > 2 else []  # the last checkpoint alone adds nothing


def sheet(model: Exported, subject: Subject, run: Run | None = None) -> np.ndarray:
    """2,000 points over as many test points; for stacked MNIST, ten rows of ten samples."""
    columns, rows, real = min(model.classes or 10, 10), 10, None
    if subject.recipe.dataset in MIXTURES:
        real = (data.load(subject.recipe.dataset, "test", limit=2_000).images + 1) / 2
        rows = 2_000 // columns
    labels = np.tile(np.arange(columns, dtype=np.int32), rows)
    return scatter_or_grid(model.sample(n=len(labels), labels=labels, seed=SAMPLE_SEED), columns, real)


def preview(model: Adversarial, examples: Examples, recipe: Recipe) -> Callable[[], np.ndarray]:
    """Many points over real ones; for images, a grid."""
    if recipe.dataset not in MIXTURES:
        columns, draw = preview_samples(model, 10)
        return lambda: grid(draw(), columns)
    real = (examples(POINTS)["image"].numpy() + 1) / 2
    columns, draw = preview_samples(model, POINTS // 10)
    return lambda: scatter_or_grid(draw(), columns, real)


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of docs/RESULTS.md's table of models of data whose modes are counted; none without cards."""
    own = {name: card for name, card in cards.items() if card.task == "mode_coverage"}
    lines = [
        f"| [{name}](saved_models/{name}/card.json) "
        f"| {cell(card.per_seed('modes'), 1)}{READ * (card.dataset == STACKED)} | {card.protocol['modes']:,} "
        f"| {cell(card.per_seed('sure_modes'), 1)} "
        f"| {cell(card.per_seed('high_quality'), 1, 100)} | {cell(card.per_seed('kl_to_uniform'))} "
        f"| {len(card.training_seeds)} | {card.protocol['n_fake']:,} |"
        for name, card in own.items()
    ]
    head = (
        "| model | modes found | of | read with confidence | within 3 sigma of a mode % "
        "| KL to uniform (nats) | seeds | samples |"
    )
    return [head, "|---" * 8 + "|", *lines] if lines else []
