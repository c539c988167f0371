"""Frozen networks for comparing images. Every score names its network and the sha256 of the weights."""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np

from tfgans.errors import UserError


class FeatureNetwork(Protocol):
    """The interface that metrics require of a network."""

    name: str
    sha256: str  # of its weights file
    n_classes: int  # number of classes of `logits`; 0 for a network without them

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, h, w, c), uint8 or float in [0, 1] -> (n, d) float32."""
        ...


def load_features(name: str) -> FeatureNetwork:
    """The feature network of that name.

    | name | network |
    |---|---|
    | `judge:NAME`, or the path of a judge's folder | a judge: see `tfgans.features.judges` |
    | `squeezenet:PATH` | SqueezeNet 1.1 with the ImageNet weights in that file |
    | `inception` | InceptionV3, average pool, with Keras's ImageNet weights, downloaded once |

    `segmenter:NAME` is not among them: segmenters predict label maps (`tfgans.features.segmenters`).

    Raises:
        UserError: no such network, or its weights are not available.
    """
    # Imported on demand: each of these takes seconds to load, and a run needs one.
    kind, _, rest = name.partition(":")
    if kind == "squeezenet" and rest:
        from tfgans.features.squeezenet import SqueezeNetFeatures

        return SqueezeNetFeatures(rest)
    if name == "inception":
        return InceptionFeatures()
    if (kind == "judge" and rest) or (Path(name) / "saved_model.pb").is_file():
        from tfgans.features.judges import load_judge

        return load_judge(rest if kind == "judge" else name)
    raise UserError(
        f"There is no feature network {name!r}: choose judge:NAME, a judge's folder, squeezenet:PATH or inception."
    )


class InceptionFeatures:
    """InceptionV3's average pool, (n, 2048), of images resized to 299 x 299 with antialiasing.

    With Keras's ImageNet weights instead of the 2015 graph used for published Frechet inception distances, scores are
    close to those but not comparable digit by digit.

    Raises:
        UserError: the weights are not in Keras's cache and cannot be downloaded.
    """

    name = "inception-v3-keras"
    n_classes = 0

    def __init__(self, batch: int = 50) -> None:
        import keras
        import tensorflow as tf

        import tfgans.training.keras_defaults  # noqa: F401

        try:
            model = keras.applications.InceptionV3(include_top=False, pooling="avg", weights="imagenet")
        except Exception as error:  # Keras passes on any error of the download, even a bare Exception
            raise UserError(
                "InceptionV3's weights are not in Keras's cache and cannot be downloaded "
                f"({type(error).__name__}): use judge:NAME or squeezenet:PATH."
            ) from error
        self.batch = batch
        digest = hashlib.sha256()
        for weight in model.weights:
            digest.update(weight.numpy().tobytes())
        self.sha256 = digest.hexdigest()

        @tf.function(reduce_retracing=True)
        def run(images: tf.Tensor) -> tf.Tensor:
            images = images if images.shape[-1] == 3 else tf.image.grayscale_to_rgb(images)
            return model(tf.image.resize(images, (299, 299), antialias=True) * 2.0 - 1.0, training=False)

        self._run = run

    def features(self, images: np.ndarray) -> np.ndarray:
        """(n, h, w, 1 or 3), uint8 or float in [0, 1] -> (n, 2048) float32."""
        scale = np.float32(1 / 255 if images.dtype == np.uint8 else 1)
        batches = (images[i : i + self.batch].astype(np.float32) * scale for i in range(0, len(images), self.batch))
        return np.concatenate([self._run(batch).numpy() for batch in batches])
