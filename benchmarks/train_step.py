"""A training step as `tfgans train` runs it, on one batch that stays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


class TrainStep:
    """Keras's train function of a compiled model: what `fit` calls for each batch."""

    def __init__(self, model: Any, batch: Mapping[str, np.ndarray]) -> None:
        self.model = model
        model.make_train_function()
        self.batches = iter(tf.data.Dataset.from_tensors(dict(batch)).repeat())

    def __call__(self) -> None:
        self.logs = self.model.train_function(self.batches)

    def wait(self) -> None:
        self.losses()

    def losses(self) -> dict[str, float]:
        return {term: float(value) for term, value in self.logs.items()}
