"""Keras's convolution of one image beside that of tfgans.models.networks, as two halves: with gradients, in turns.

python benchmarks/single_image.py
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from report import ROOT, quartiles, turns

sys.path.insert(0, str(ROOT))
import tfgans.training  # noqa: F401  # isort: skip  (first: it turns oneDNN on, which TensorFlow reads once)
import keras
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


class Passes:
    """A forward and a backward pass of a layer, as a step of `turns`."""

    def __init__(self, layer: keras.layers.Layer, x: tf.Tensor) -> None:
        @tf.function
        def run() -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                loss = tf.reduce_sum(layer(x) ** 2)
            return tf.add_n([tf.reduce_sum(gradient) for gradient in tape.gradient(loss, [x, layer.kernel.value])])

        self.run = run

    def __call__(self) -> None:
        self.made = self.run()

    def wait(self) -> None:
        self.made.numpy()


def main() -> None:
    print(f"{'convolution':>32} {'Keras ms':>9} {'halves ms':>10} {'ratio':>6}")
    for side, channels, *settings in CONVOLUTIONS:
        x = tf.random.normal((1, side, side, channels))
        kinds = {"Keras": keras.layers.Conv2D, "halves": Conv2D}
        steps = {name: Passes(kind(*settings, use_bias=False), x) for name, kind in kinds.items()}
        plain, halves = (1000 * quartiles(seconds)[0] for seconds in turns(steps, 0.0, 20).values())
        filters, kernel, stride, padding = settings
        what = f"{side}x{side}x{channels} -> {filters}, {kernel}x{kernel}/{stride} {padding}"
        print(f"{what:>32} {plain:9.2f} {halves:10.2f} {plain / halves:6.2f}")


if __name__ == "__main__":
    main()
