"""Small exported models and pictures for the tests of inference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from tfgans import endpoint
from tfgans.endpoint import Endpoint
from tfgans.inference.export import specs


def save(folder: Path, restore: Callable[[tf.Tensor], tf.Tensor], channels: int) -> Path:
    """A SavedModel with the endpoint `restore` and no declaration, as exports were before there were any."""
    module = tf.Module()
    signature = [tf.TensorSpec((None, None, None, channels), tf.float32, "images")]
    module.restore = tf.function(restore, input_signature=signature)
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})
    return folder


def declare(folder: Path, functions: dict[str, tuple[Callable[..., Any], Endpoint]], **declared: Any) -> Path:
    """A SavedModel of these endpoints, declared."""
    module = tf.Module()
    for name, (function, each) in functions.items():
        setattr(module, name, tf.function(function, input_signature=specs(each)))
    endpoints = {name: each for name, (_, each) in functions.items()}
    text = endpoint.to_json({"gan": "fake", "task": "", **declared, "endpoints": endpoints})
    module.declaration = tf.Variable(text, dtype=tf.string)
    concrete = {name: getattr(module, name).get_concrete_function() for name in functions}
    tf.saved_model.save(module, str(folder), signatures=concrete)
    return folder


def photograph(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth noise, uint8 (height, width, channels); (height, width) for one channel."""
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, channels), dtype=np.uint8)
    planes = [
        Image.fromarray(coarse[..., k]).resize((width, height), Image.Resampling.BICUBIC) for k in range(channels)
    ]
    return np.stack(planes, axis=-1).squeeze()


def twice(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(2, axis=0).repeat(2, axis=1)


def double(images: tf.Tensor) -> tf.Tensor:
    """Each pixel twice in both directions."""
    return tf.repeat(tf.repeat(images, 2, axis=1), 2, axis=2)
