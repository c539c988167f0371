"""The default tests, timed in steps: how many float32 steps of DCGAN on MNIST take as long on this machine.

python benchmarks/suite_ratio.py [arguments of pytest]

The step is timed before and after the tests, which end with the ten slowest ones. The aim is a ratio of 2,000 at most.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

AIM = 2_000
STEPS = 20


def step_seconds() -> float:
    """The median of STEPS steps on noise, in the batches of the recipe."""
    import tfgans.training  # noqa: F401, I001  (before TensorFlow: how training loads it)
    import numpy as np
    import tensorflow as tf

    from tfgans import models
    from tfgans.training.setup import build

    recipe = models.recipe("dcgan", "mnist")
    model = build("dcgan", recipe, 0)
    rng = np.random.default_rng(0)
    batch = {key: tf.constant(array.noise(rng)) for key, array in model.batch_spec(recipe.batch_size).items()}
    step, took = tf.function(model.train_step), []
    for _ in range(STEPS + 1):
        began = time.perf_counter()
        _ = [float(value) for value in step(batch).values()]
        took.append(time.perf_counter() - began)
    return statistics.median(took[1:])  # the first one traces


def timed_apart() -> float:
    """`step_seconds` of a fresh process."""
    return float(
        subprocess.run([sys.executable, __file__, "--step"], stdout=subprocess.PIPE, text=True, check=True).stdout
    )


def main(arguments: list[str]) -> int:
    if arguments == ["--step"]:
        print(step_seconds())
        return 0
    print("timing a step of DCGAN, then the tests", flush=True)
    before = timed_apart()
    began = time.perf_counter()
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "--durations=10", *arguments], cwd=Path(__file__).parents[1]
    ).returncode
    took = time.perf_counter() - began
    after = timed_apart()
    step = (before + after) / 2
    print(
        f"tests {took:.0f} s; a float32 step of DCGAN {1000 * step:.0f} ms ({1000 * before:.0f} before, "
        f"{1000 * after:.0f} after); ratio {took / step:,.0f} (the aim: at most {AIM:,})"
    )
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
