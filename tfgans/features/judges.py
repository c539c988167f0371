"""Judges: small classifiers of known datasets, whose features are used to compare generated images with real ones.

Inception was trained on photographs and is a poor measure for digits; a judge was trained on the dataset itself. But a
judge trained only on clean images is fragile: imperceptible noise moves its features further than a bad generator
would. Therefore judges are trained with noise, lifted backgrounds, contrast, small warps and resizing, and on noise
images that belong to no class; the `card.json` of each judge records how far such changes still move its scores.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfgans.errors import UserError
from tfgans.features.judge_networks import JUDGES
from tfgans.files import ROOT
from tfgans.inference import fetch

# of the checkout; without one, of the working folder
SAVED_MODELS = ROOT / "saved_models" if (ROOT / "saved_models").is_dir() else Path("saved_models")
WEIGHTS = Path("variables/variables.data-00000-of-00001")


def held_out(n_images: int) -> int:
    """The number of first training images, at most a sixth, that no judge is trained on: they choose settings and give
    the floor."""
    return min(10_000, n_images // 6)


class Judge:
    """An exported judge. `name` is its name for `load_features`; `sha256` identifies its weights."""

    def __init__(
        self, dataset: str, path: Path, sha256: str, n_classes: int, image_shape: tuple[int, ...], batch: int = 500
    ) -> None:
        self.name, self.dataset, self.path, self.sha256 = f"judge:{dataset}", dataset, path, sha256
        self.n_classes, self.image_shape, self.batch = n_classes, image_shape, batch
        self._model = tf.saved_model.load(str(path))

    def logits(self, images: np.ndarray) -> np.ndarray:
        """(n, n_classes) float32. Images: (n, h, w, c), uint8 or float in [0, 1]."""
        return self._predict(self._model.logits, images)

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, FEATURES) float32, the layer before the logits. Images: (n, h, w, c), uint8 or float in [0, 1]."""
        return self._predict(self._model.features, images)

    def _predict(self, endpoint: Callable[[tf.Tensor], tf.Tensor], images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        if images.shape[1:] != self.image_shape:
            raise UserError(
                f"The judge of {self.dataset} judges images of shape {self.image_shape}, not {images.shape[1:]}."
            )
        if not len(images):
            raise ValueError("no images to judge")
        if images.dtype != np.uint8 and not (images.min() >= -1e-3 and images.max() <= 1.001):
            raise ValueError(f"images must lie in [0, 1], not in [{images.min():.3g}, {images.max():.3g}]")
        batches = (images[i : i + self.batch] for i in range(0, len(images), self.batch))
        convert = to_float if images.dtype == np.uint8 else tf.convert_to_tensor
        return np.concatenate([endpoint(tf.cast(convert(batch), tf.float32)).numpy() for batch in batches])


def load_judge(path_or_name: str | os.PathLike) -> Judge:
    """The judge in a folder, or the one of that name in `saved_models/`, e.g. `load_judge("mnist")`.

    A judge of this suite that is not there is downloaded once.

    Raises:
        UserError: no such judge, or its weights are not those that its card describes.
    """
    places = [Path(path_or_name), SAVED_MODELS / f"judge-{path_or_name}"]
    folder = next((place for place in places if (place / "saved_model.pb").is_file()), None)
    folder = folder or fetch.model(f"judge-{path_or_name}")
    if folder is None:
        hint = f"`tfgans judge train {path_or_name}`" if str(path_or_name) in JUDGES else "`tfgans judge train NAME`"
        raise UserError(f"There is no judge at {places[0]} nor at {places[1]}: train one with {hint}.")
    try:
        card = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        raise UserError(f"The judge in {folder} has no readable card.json: train it again with --force.") from None
    if "palette" in card:
        raise UserError(f"{folder} is a segmenter: use segmenter:{card['judge']}, for translations of label maps.")
    sha256 = sha256_of(folder / WEIGHTS)
    if card["sha256"] != sha256:
        raise UserError(f"The weights in {folder} are not those of its card.json: train it again with --force.")
    return Judge(card["dataset"], folder, sha256, card["n_classes"], tuple(card["image_shape"]))


def place_of(name: str, out: str | os.PathLike | None, force: bool) -> Path:
    """The folder of a new judge: `out`, or `saved_models/judge-NAME`.

    Raises:
        UserError: it holds a judge and `force` is not given.
    """
    folder = Path(out) if out is not None else SAVED_MODELS / f"judge-{name}"
    if (folder / "saved_model.pb").exists() and not force:
        raise UserError(f"{folder} already holds a judge: use --force to train it again, or -o for another folder.")
    return folder


def to_float(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """uint8 -> float32 in [0, 1]."""
    return tf.cast(images, tf.float32) / 255.0


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
