"""Sets of images degraded once: the second domain of halves."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import tensorflow as tf

from tfgans.data.degrade import degrade
from tfgans.data.image_set import ImageSet, pack


def degraded(source: ImageSet, spec: str) -> ImageSet:
    """The images after a degradation, in 8 bits; image i uses the seed (0, i)."""
    apply = degrade(spec)
    h, w, c = source.shapes[0].tolist() if source.uniform else (None, None, source.shapes[0, 2])

    def one(i: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
        made = apply(tf.cast(image, tf.float32) / 127.5 - 1.0, tf.stack([0, i]))
        return tf.cast(tf.floor(tf.clip_by_value(made, -1.0, 1.0) * 127.5 + 128.0), tf.uint8)

    def examples() -> Iterator[tuple[int, np.ndarray]]:
        return ((i, source.image(i)) for i in range(len(source)))

    signature = (tf.TensorSpec((), tf.int32), tf.TensorSpec((h, w, c), tf.uint8))
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(examples, output_signature=signature).map(one, num_parallel_calls=2)
    pixels, shapes = pack(source.name, dataset.with_options(options).as_numpy_iterator())
    return replace(source, name=f"{source.name}, {spec}", pixels=pixels, shapes=shapes)


def inverse(spec: str) -> str | None:
    """The degradation that undoes `spec`, for negatives and rotations: "rotate:90+negative" -> "negative+rotate:270".

    None if a step loses information.
    """
    undone = []
    for text in reversed(spec.split("+")):
        name, *values = (part.strip() for part in text.split(":"))
        if name == "negative":
            undone.append(name)
        elif name == "rotate":
            undone.append(f"rotate:{360 - int(values[0])}")
        else:
            return None
    return "+".join(undone)
