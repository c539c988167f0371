"""Segmenters: small fully convolutional networks that segment photographs into the classes of a data set.

They score photographs generated from label maps: if these look real, a network trained on real photographs recovers
the label maps (the FCN score of Isola et al. 2016, arXiv:1611.07004, section 4, after Salimans et al.). Scores of
different segmenters are not comparable: the paper used an FCN-8s. The `card.json` of each records its scores on real
photographs, which generated ones cannot be expected to exceed.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.data.palettes import Palette
from tfgans.data.palettes import palette as palette_of
from tfgans.errors import UserError
from tfgans.features.judges import SAVED_MODELS, WEIGHTS, sha256_of
from tfgans.features.segmenter_networks import SEGMENTERS
from tfgans.inference import fetch

SCORES = ("pixel_accuracy", "class_accuracy", "mean_iou")


class Segmenter:
    """An exported segmenter; `sha256` identifies its weights, `score` holds its scores on real test photographs."""

    def __init__(
        self, dataset: str, path: Path, sha256: str, palette: Palette, score: dict[str, float], batch: int = 16
    ) -> None:
        self.name, self.dataset, self.path, self.sha256 = f"segmenter:{dataset}", dataset, path, sha256
        self.palette, self.score, self.batch = palette, score, batch
        self._classes = evaluated(palette)
        self._model = tf.saved_model.load(str(path))

    def ids(self, images: np.ndarray) -> np.ndarray:
        """Segment images, uint8 (n, h, w, 1 or 3) of any size, into ids of the palette: uint8 (n, h, w, 1).

        Classes excluded from measures are never predicted.
        """
        if images.dtype != np.uint8:
            raise ValueError(f"images to segment must be uint8, not {images.dtype}")
        images = np.broadcast_to(images, (*images.shape[:3], 3))
        parts = []
        for first in range(0, len(images), self.batch):
            logits = self._model.logits(tf.cast(images[first : first + self.batch], tf.float32) / 255.0)
            parts.append(tf.argmax(logits, axis=-1).numpy())
        return self._classes[np.concatenate(parts)][..., None]


def evaluated(palette: Palette) -> np.ndarray:
    """The ids of the classes that count in measures, uint8, in the order of the channels of a segmenter's logits."""
    return np.setdiff1d(np.arange(len(palette)), palette.ignored).astype(np.uint8)


def load_segmenter(path_or_name: str | os.PathLike) -> Segmenter:
    """The segmenter in a folder, or the one of that name in `saved_models/`, e.g. `load_segmenter("cityscapes")`.

    A segmenter of this suite that is not there is downloaded once.

    Raises:
        UserError: no such segmenter, a judge that does not segment, or weights that are not those of its card.
    """
    places = [Path(path_or_name), SAVED_MODELS / f"judge-{path_or_name}"]
    folder = next((place for place in places if (place / "saved_model.pb").is_file()), None)
    folder = folder or fetch.model(f"judge-{path_or_name}")
    if folder is None:
        name = path_or_name if str(path_or_name) in SEGMENTERS else "NAME"
        raise UserError(
            f"There is no segmenter at {places[0]} nor at {places[1]}: train one with `tfgans judge train {name}`; "
            f"there are settings for {', '.join(SEGMENTERS)}."
        )
    try:
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError(f"The segmenter in {folder} has no readable card.json: train it again with --force.") from None
    if "palette" not in card:
        raise UserError(f"The model in {folder} does not segment: choose another, {' or '.join(SEGMENTERS)}.")
    sha256 = sha256_of(folder / WEIGHTS)
    if card["sha256"] != sha256:
        raise UserError(f"The weights in {folder} are not those of its card.json: train it again with --force.")
    score = {measure: card[measure] for measure in SCORES}
    return Segmenter(card["judge"], folder, sha256, palette_of(card["palette"]), score)
