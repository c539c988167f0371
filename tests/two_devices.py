"""Training on two logical CPU devices, in a process of its own, because TensorFlow sets them up only once.

`python tests/two_devices.py train JSON` calls `train` with a dict of arguments.
`python tests/two_devices.py logs GAN...` prints, as JSON, the logs of tiny models on one device and on two.
"""

import dataclasses
import json
import sys
from typing import Any

import tensorflow as tf
from tiny import all_players, batch_of

from tfgans import models
from tfgans.training import strategy
from tfgans.training.setup import build
from tfgans.training.train import train

SEED = 7


def tiny_model(name: str) -> Any:
    """A model without dropout, whose masks differ between devices."""
    recipe = models.tiny(name)
    quiet = {key: 0.0 for key in recipe.model if "dropout" in key}
    return build(name, dataclasses.replace(recipe, model={**recipe.model, **quiet}), SEED)


def logs(name: str, scope: tf.distribute.Strategy) -> dict[str, float]:
    """The mean losses of the first steps."""
    with scope.scope():
        model = tiny_model(name)
    replicas, axis = scope.num_replicas_in_sync, 0 if model.group is None else 1
    found: Any = {}
    with strategy.as_one_device():
        for step in range(1 + all_players(model)):
            parts = {key: tf.split(value, replicas, axis) for key, value in batch_of(model, step).items()}
            batch = scope.experimental_distribute_values_from_function(
                lambda context, parts=parts: {
                    key: value[context.replica_id_in_sync_group] for key, value in parts.items()
                }
            )
            if step == 0 or model.stages:  # a graph holds one stage
                run = tf.function(lambda batch: scope.run(model.train_step, args=(batch,)), autograph=False)
            found = run(batch)
    return {
        term: sum(float(each) for each in scope.experimental_local_results(value)) / replicas
        for term, value in found.items()
    }


if __name__ == "__main__":
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    what, *given = sys.argv[1:]
    if what == "train":
        train(**json.loads(given[0]))
    else:
        scopes = [strategy.begin(name) for name in ("none", "mirrored")]
        print(json.dumps({name: [logs(name, scope) for scope in scopes] for name in given}))
