"""Comparing two folders of images."""

from pathlib import Path
from typing import Any

import numpy as np

from tfgans import data, metrics
from tfgans.errors import UserError
from tfgans.features import load_features
from tfgans.tasks import FEWEST, row
from tfgans.tasks.set_distances import frechet_rows, kernel_rows


def evaluate_folders(real: Path, fake: Path, features: str) -> dict[str, Any]:
    """Kernel and Frechet distance, precision and recall of a folder of images against another.

    The floor compares one half of the real images with the other. Frechet distances use as many images from one half,
    so that their bias equals that of the floor. For few images there is no distance, or a warning (`set_distances`).
    """
    network = load_features(features)
    shape = getattr(network, "image_shape", (227, 227, 3))
    a, b = (data.load(f"folder:{folder}", "all", image_shape=shape).images for folder in (real, fake))
    for folder, images in ((real, a), (fake, b)):
        if len(images) < FEWEST:
            raise UserError(f"{folder} holds {len(images)} images; scores need at least {FEWEST}")
    left, right = network.features(a), network.features(b)
    precision, recall = metrics.precision_recall(left, right)
    one, other = np.array_split(left[np.random.default_rng(1).permutation(len(left))], 2)
    rows = [
        *kernel_rows(left, {"model": right}, test=real.name),
        *kernel_rows(one, {"real": other}, test=real.name),
        *frechet_rows(one, {"model": right, "real": other}, real.name, test=real.name),
        row("precision", precision, test=real.name),
        row("recall", recall, test=real.name),
    ]
    return {"protocol": {"features": network.name, "n_real": len(a), "n_fake": len(b)}, "measurements": rows}
