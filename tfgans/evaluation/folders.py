"""Two folders of images, compared with each other."""

from pathlib import Path
from typing import Any

import numpy as np

from tfgans import data, metrics
from tfgans.card import Row
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.tasks.restoration import FEWEST


def evaluate_folders(real: Path, fake: Path, features: str) -> dict[str, Any]:
    """Frechet and kernel distance, precision and recall of a folder of images against another; the floor is one half of
    the real images against the other."""
    network = load_features(features)
    shape = getattr(network, "image_shape", (227, 227, 3))
    a, b = (data.load(f"folder:{folder}", "all", image_shape=shape).images for folder in (real, fake))
    for folder, images in ((real, a), (fake, b)):
        if len(images) < FEWEST:
            raise UserError(f"{folder} holds {len(images)} images: fewer than {FEWEST} cannot be scored")
    half = len(a) // 2
    left, right = network.features(a), network.features(b)
    precision, recall = metrics.precision_recall(left, right)
    order = np.random.default_rng(0).permutation(len(a))
    found = {
        ("frechet_distance", "model"): metrics.frechet_distance(left, right),
        ("frechet_distance", "real"): metrics.frechet_distance(left[order[:half]], left[order[half:]]),
        ("kernel_distance", "model"): metrics.kernel_distance(left, right)[0],
        ("precision", "model"): precision,
        ("recall", "model"): recall,
    }
    rows = [Row(real.name, measure, of, values=[float(value)]) for (measure, of), value in found.items()]
    return {"protocol": {"features": network.name, "n_real": len(a), "n_fake": len(b)}, "measurements": rows}
