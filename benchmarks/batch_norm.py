"""Keras's batch normalization beside the fused one of tfgans.layers: a forward and backward pass, in turns.

python benchmarks/batch_norm.py
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from tfgans.layers import BatchNormalization

SHAPES = [(128, 14, 14, 48), (128, 7, 7, 96), (128, 4, 4, 192)]


def passes(layer: keras.layers.Layer, x: tf.Tensor) -> tf.types.experimental.PolymorphicFunction:
    @tf.function
    def run() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.cast(y * y, tf.float32))
        return tf.add_n([tf.reduce_sum(tf.cast(g, tf.float32)) for g in tape.gradient(loss, [x, layer.gamma.value])])

    run()
    return run


def main() -> None:
    print(f"{'shape':>20} {'precision':>15} {'Keras ms':>9} {'fused ms':>9} {'ratio':>6}")
    for precision in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(precision)
        for shape in SHAPES:
            layers = [keras.layers.BatchNormalization(), BatchNormalization()]
            x = tf.cast(tf.random.normal(shape), layers[0].compute_dtype)
            runs = [passes(layer, x) for layer in layers if layer.build(shape) is None]
            took = np.full((2, 20), np.inf)
            for turn in range(20):
                for i, run in enumerate(runs):
                    began = time.perf_counter()
                    run().numpy()
                    took[i, turn] = time.perf_counter() - began
            plain, fused = 1000 * np.median(took, axis=1)
            print(f"{'x'.join(map(str, shape)):>20} {precision:>15} {plain:9.2f} {fused:9.2f} {plain / fused:6.2f}")


if __name__ == "__main__":
    main()
