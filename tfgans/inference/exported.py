"""SavedModels from disk, and how they are called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.card import read_card
from tfgans.errors import UserError
from tfgans.files import ROOT


class Exported:
    """A SavedModel from disk: `endpoints`, and sampling in batches."""

    def __init__(self, path: str | Path) -> None:
        self.path = find(path)
        self.model: Any = tf.saved_model.load(str(self.path))
        signatures = {name: fn.structured_input_signature[1] for name, fn in self.model.signatures.items()}
        self.endpoints = {name: sorted(inputs) for name, inputs in signatures.items()}  # a SavedModel forgets the order
        self.channels = self.made_channels = None
        if "restore" in signatures:  # what it takes, and what it makes of it
            self.channels = signatures["restore"]["images"].shape[-1]
            made = next(iter(self.model.signatures["restore"].structured_outputs.values()))
            self.made_channels = made.shape[-1] or self.channels
        self.codes = signatures["sample"]["codes"].shape[-1] if "codes" in signatures.get("sample", {}) else 0
        self.categories = int(self.model.categories) if self.codes else 0
        self.classes: int | None = None  # of a conditional model; unknown of old exports without a card
        if self.conditional:
            stored = getattr(self.model, "classes", None)
            self.classes = read_card(self.path).get("classes") if stored is None else int(stored)

    @property
    def conditional(self) -> bool:
        return "labels" in self.endpoints.get("sample", [])

    @property
    def colours(self) -> bool:
        """Whether it makes colour images of gray ones."""
        return (self.channels, self.made_channels) == (1, 3)

    def restore(self, images: np.ndarray) -> np.ndarray:
        """What the model makes of images (n, h, w, c) in [0, 1], all at once: float32 in [0, 1].

        Raises UserError for a model of another kind. `tiling.restore_array` restores large ones in tiles.
        """
        if "restore" not in self.endpoints:
            raise UserError(f"{self.path} has no 'restore' endpoint; it has {', '.join(self.endpoints)}")
        return self.model.restore(tf.constant(images, tf.float32)).numpy()

    def sample(
        self,
        n: int | None = None,
        labels: np.ndarray | None = None,
        seed: int = 0,
        codes: np.ndarray | None = None,
    ) -> np.ndarray:
        """`n` images (or one per label, or per row of codes) in [0, 1], float32; without codes, those of `prior`."""
        if "sample" not in self.endpoints:
            raise UserError(f"{self.path} has no 'sample' endpoint; it has {', '.join(self.endpoints)}")
        if self.conditional and labels is None:
            raise UserError(f"{self.path} is conditional: say which labels")
        if self.codes:
            return draw(self.model.sample, None, self.prior(n or 0, seed) if codes is None else codes, seed)
        return draw(self.model.sample, n, labels if self.conditional else None, seed)

    def prior(self, n: int, seed: int = 0) -> np.ndarray:
        """Codes as in training, float32 (n, c): a category, one-hot, and continuous codes, uniform in [-1, 1]."""
        rng = np.random.default_rng(seed)
        category = np.eye(self.categories)[rng.integers(self.categories, size=n)]
        continuous = rng.uniform(-1, 1, (n, self.codes - self.categories))
        return np.concatenate([category, continuous], axis=1).astype(np.float32)

    def traverse(
        self, rows: int = 10, code: int = 0, categories: list[int] | None = None, seed: int = 0, reach: float = 1.0
    ) -> np.ndarray:
        """A column of `rows` images per category, the continuous code rising; a column's noise is the same."""
        blocks = traversal(self.categories, self.codes - self.categories, rows, code, reach)
        blocks = blocks if categories is None else blocks[:, categories]
        return np.concatenate([self.sample(codes=block, seed=seed) for block in blocks])


def traversal(categories: int, continuous: int, rows: int = 10, code: int = 0, reach: float = 1.0) -> np.ndarray:
    """Codes, float32 (rows, categories, c): along a row the categories, down the rows one continuous code.

    It goes from -reach to reach; in training it was -1 to 1. The other continuous codes are 0. Raises UserError for a
    continuous code that is not there.
    """
    if not 0 <= code < continuous:
        raise UserError(f"this model has the continuous codes 0-{continuous - 1}, not {code}")
    codes = np.zeros((rows, categories, categories + continuous), np.float32)
    codes[..., :categories] = np.eye(categories)
    codes[..., categories + code] = np.linspace(-reach, reach, rows)[:, None]
    return codes


def draw(
    sample: Callable[..., tf.Tensor], n: int | None, labels: np.ndarray | None, seed: int, batch: int = 500
) -> np.ndarray:
    """Images in [0, 1] from a `sample` endpoint, `batch` at a time; block i is drawn with the seed 1000 * seed + i."""
    if labels is not None:
        kind = tf.float32 if labels.ndim == 2 else tf.int32  # codes or labels
        inputs = [tf.constant(labels[i : i + batch], kind) for i in range(0, len(labels), batch)]
    else:
        inputs = [tf.constant(min(batch, (n or 0) - i)) for i in range(0, n or 0, batch)]
    seeds = [tf.constant((1_000 * seed + i) % 2**31, tf.int32) for i in range(len(inputs))]
    return np.concatenate([sample(x, s).numpy() for x, s in zip(inputs, seeds, strict=True)])


def find(path: str | Path) -> Path:
    """A SavedModel's folder: a path, or the name of one in saved_models/ of this folder or of the checkout."""
    places = [Path(path), Path("saved_models") / path, ROOT / "saved_models" / path]
    for place in places:
        if (place / "saved_model.pb").is_file():
            return place
    raise UserError(f"there is no SavedModel at {path}, nor in saved_models/; 'tfgans list' names those that are there")
