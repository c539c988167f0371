"""Keras's convolution of one image beside that of tfgans.models.networks, as two halves: with gradients, in turns.

python benchmarks/single_image.py
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as `tfgans train` has it

import keras
import numpy as np
import tensorflow as tf

from tfgans.models.networks import Conv2D

# side, channels, filters, kernel, stride, padding: CycleGAN at 128 pixels, Pix2pix at 128, Pix2PixHD at 128
CONVOLUTIONS = [
    (34, 128, 128, 3, 1, "valid"),
    (134, 32, 3, 7, 1, "valid"),
    (128, 32, 64, 3, 2, "same"),
    (64, 22, 44, 4, 2, "same"),
    (8, 176, 176, 4, 2, "same"),
    (18, 192, 192, 3, 1, "valid"),
]


def passes(layer: keras.layers.Layer, x: tf.Tensor) -> tf.types.experimental.PolymorphicFunction:
    @tf.function
    def run() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x) ** 2)
        return tf.add_n([tf.reduce_sum(gradient) for gradient in tape.gradient(loss, [x, layer.kernel.value])])

    run()
    return run


def main() -> None:
    print(f"{'convolution':>32} {'Keras ms':>9} {'halves ms':>10} {'ratio':>6}")
    for side, channels, *settings in CONVOLUTIONS:
        x = tf.random.normal((1, side, side, channels))
        runs = [passes(kind(*settings, use_bias=False), x) for kind in (keras.layers.Conv2D, Conv2D)]
        took = np.full((2, 20), np.inf)
        for turn in range(20):
            for i, run in enumerate(runs):
                began = time.perf_counter()
                run().numpy()
                took[i, turn] = time.perf_counter() - began
        plain, halves = 1000 * np.median(took, axis=1)
        filters, kernel, stride, padding = settings
        what = f"{side}x{side}x{channels} -> {filters}, {kernel}x{kernel}/{stride} {padding}"
        print(f"{what:>32} {plain:9.2f} {halves:10.2f} {plain / halves:6.2f}")


if __name__ == "__main__":
    main()
