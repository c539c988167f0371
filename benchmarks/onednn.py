"""What oneDNN gives: processor time of a float32 step of every GAN, and of restoring a tile, without and with it.

python benchmarks/onednn.py [GAN...]

Processor time, which other work disturbs less than the clock. ONEDNN_MAX_CPU_ISA=AVX2 makes of a newer processor an
older one, as far as oneDNN goes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

RECIPES = {"srgan": "srresnet"}  # where not the first one: this needs no content network
TIMES = 5


def milliseconds(run: Callable[[], Any]) -> float:
    """The least of TIMES runs."""
    run()  # traces
    took = []
    for _ in range(TIMES):
        began = time.process_time()
        run()
        took.append(time.process_time() - began)
    return 1000 * min(took)


def measured(names: list[str]) -> dict[str, float]:
    """Milliseconds by GAN, in this process."""
    import numpy as np
    import tensorflow as tf

    from tfgans import models
    from tfgans.inference.exported import Exported
    from tfgans.training.setup import build

    rng, found = np.random.default_rng(0), {}
    for name in names:
        if name == "tile":
            model = Exported("srresnet-photos")
            tile = rng.random((1, 160, 160, 3), np.float32)
            found[name] = milliseconds(lambda: model.restore(tile))  # noqa: B023
            continue
        recipe = models.recipe(name, RECIPES.get(name))
        model = build(name, recipe, 0)
        step, batches = tf.function(model.train_step), []
        for _ in range(model.group or 1):
            batches.append({key: array.noise(rng) for key, array in model.batch_spec(recipe.batch_size).items()})
        if model.group is None:
            batch = {key: tf.constant(value) for key, value in batches[0].items()}
        else:
            batch = {key: tf.constant(np.stack([one[key] for one in batches])) for key in batches[0]}
        found[name] = milliseconds(lambda: [float(value) for value in step(batch).values()])  # noqa: B023
    return found


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--here"]:
        print(json.dumps(measured(arguments[1:])))
        return
    from tfgans import models

    print(f"{'':12} {'without ms':>11} {'with ms':>9} {'ratio':>6}")
    for name in arguments or [*models.MODELS, "tile"]:
        found = []
        for flag in "01":
            command = [sys.executable, __file__, "--here", name]
            environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": flag}
            made = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            found.append(json.loads(made.stdout)[name])
        print(f"{name:12} {found[0]:11.1f} {found[1]:9.1f} {found[0] / found[1]:6.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
