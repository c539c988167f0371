"""Measures models of data whose modes are known and many: mixtures of Gaussians, and stacked MNIST."""

from typing import Any

import numpy as np

from tfgans import data, metrics
from tfgans.card import Card
from tfgans.data.points import MIXTURES
from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.metrics.names import cell

STACKED = "stacked_mnist"
WITHIN = 3.0  # sigma: a sample that lies nearer to a mean is of high quality


def measure_points(model: Exported, dataset: str, n: int, seed: int) -> dict[str, Any]:
    """Modes covered and share of high quality of `n` samples; beside each what as many test points give."""
    mixture, test = MIXTURES[dataset], data.load(dataset, "test", limit=n)
    classes = len(mixture.means)
    asked = np.arange(n, dtype=np.int32) % classes if model.conditional else None
    fake = _coverage(mixture, model.sample(n=n, labels=asked, seed=seed))
    real = _coverage(mixture, (test.images + 1.0) / 2.0)
    shares = metrics.class_histogram(fake.nearest, classes) / n
    found = {
        "modes": fake.modes,
        "high_quality": fake.high_quality,
        "high_quality_real": real.high_quality,
        "class_histogram": shares.tolist(),
        "kl_to_uniform": metrics.kl_to_uniform(shares),
    }
    if asked is not None:
        found["label_accuracy"] = float(np.mean(fake.nearest == asked))
    return {"protocol": _protocol(dataset, n, len(test), seed, classes) | {"extent": mixture.extent}, "metrics": found}


def _coverage(mixture: Any, samples: np.ndarray) -> metrics.Coverage:
    return metrics.mode_coverage(mixture.coordinates(samples), mixture.means, mixture.sigma, WITHIN)


def measure_stacked(
    model: Exported, image_shape: tuple[int, int, int], judge: Any, n: int, seed: int, data_dir: str | None
) -> dict[str, Any]:
    """Modes of `n` samples, of 1,000, as a judge of MNIST reads each channel, and their KL divergence from uniform.

    Metz et al. 2016 (arXiv:1611.02163), section 3.3.1. Both depend on n, so beside them stands what `n` test images
    give, or as many as there are.
    """
    if not hasattr(judge, "logits") or judge.n_classes != 10:
        raise UserError(f"the modes of {STACKED} are read by a judge of digits, not by {judge.name}")
    test = data.load(STACKED, "test", data_dir=data_dir, image_shape=image_shape, limit=n)
    asked = np.arange(n, dtype=np.int32) % 1_000 if model.conditional else None
    fake = read_stacked(judge, model.sample(n=n, labels=asked, seed=seed))
    real = read_stacked(judge, test.images)
    found: dict[str, Any] = {}
    for suffix, read in (("", fake), ("_real", real)):
        counts = metrics.class_histogram(read, 1_000)
        found[f"modes{suffix}"] = int((counts > 0).sum())
        found[f"kl_to_uniform{suffix}"] = metrics.kl_to_uniform(counts)
    if asked is not None:
        found["label_accuracy"] = float(np.mean(fake == asked))
    protocol = _protocol(STACKED, n, len(test), seed, 1_000)
    return {"protocol": protocol | {"features": judge.name, "features_sha256": judge.sha256}, "metrics": found}


def read_stacked(judge: Any, images: np.ndarray) -> np.ndarray:
    """(n, h, w, 3) images -> (n,) modes 0 .. 999."""
    channels = [judge.logits(images[..., k : k + 1]).argmax(axis=1) for k in range(3)]
    return metrics.stacked_digits(np.stack(channels, axis=1))


def _protocol(dataset: str, n: int, n_real: int, seed: int, modes: int) -> dict[str, Any]:
    return {
        "features": f"coordinates, within {WITHIN:g} sigma",
        "features_sha256": "",
        "split": f"{dataset} test",
        "n_real": n_real,
        "n_fake": n,
        "modes": modes,
        "sample_seed": seed,
    }


def table(cards: dict[str, Card]) -> list[str]:
    """The lines of the README's table of models of data whose modes are counted; none without cards."""
    lines = [
        f"| [{name}](saved_models/{name}/card.json) | {cell(card.per_seed('modes'), 1)} | {card.protocol['modes']:,} "
        f"| {cell(card.per_seed('high_quality'), 1, 100)} | {cell(card.per_seed('kl_to_uniform'))} "
        f"| {len(card.training_seeds)} | {card.protocol['n_fake']:,} |"
        for name, card in cards.items()
        if card.task == "mode_coverage"
    ]
    head = "| model | modes | of | high quality % | KL to uniform (nats) | seeds | n |"
    return [head, "|---" * 7 + "|", *lines] if lines else []
