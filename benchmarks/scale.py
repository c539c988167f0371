"""What the devices of a training step exchange, and a projection of the step's time to several GPUs.

    python benchmarks/scale.py dcgan --step 20
    python benchmarks/scale.py pix2pixhd --recipe cityscapes --step 300 --bandwidth 25 --latency 50

`--step` is the measured time of a step on one device, in milliseconds, with the whole batch. The exchanged bytes are
counted while the step is traced for two logical CPU devices; nothing is trained. The projection is a model, not a
measurement: on N devices, computation takes 1/N of the time, and each exchange takes a latency and, in a ring,
2 (N - 1) / N times its bytes at the given bandwidth. Nothing overlaps.
"""

import argparse
import dataclasses

import tensorflow as tf

from tfgans import models
from tfgans.training import strategy
from tfgans.training.setup import batch_signature, build

DEVICES = (1, 2, 4, 8)


def exchanged(name: str, key: str, batch_size: int | None) -> list[int]:
    """The bytes of each exchange (all-reduce) of a step, in order: those of gradients and of batch statistics."""
    recipe = models.recipe(name, key)
    recipe = dataclasses.replace(recipe, batch_size=batch_size or recipe.batch_size)
    scope = strategy.begin("mirrored")
    with scope.scope():
        model = build(name, recipe, 0)
    found: list[int] = []
    context = tf.distribute.ReplicaContext
    all_reduce = context.all_reduce

    def counted(self: tf.distribute.ReplicaContext, operation: object, value: object, options: object = None) -> object:
        found.append(sum(each.shape.num_elements() * each.dtype.size for each in tf.nest.flatten(value)))
        return all_reduce(self, operation, value, options)

    context.all_reduce = counted
    step = tf.function(lambda part: scope.run(model.train_step, args=(part,)), autograph=False)
    with strategy.as_one_device():
        step.get_concrete_function(batch_signature(model, recipe.batch_size // scope.num_replicas_in_sync))
    context.all_reduce = all_reduce
    return found[:: scope.num_replicas_in_sync]  # each replica calls in its turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gan")
    parser.add_argument("--recipe", help="default: the first")
    parser.add_argument("--batch-size", type=int, help="default: the recipe's")
    parser.add_argument("--step", type=float, required=True, help="milliseconds of a step on one device")
    parser.add_argument("--bandwidth", type=float, default=100.0, help="between devices, in GB a second")
    parser.add_argument("--latency", type=float, default=30.0, help="of an exchange, in microseconds")
    given = parser.parse_args()
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    found = exchanged(given.gan, given.recipe or models.default(given.gan), given.batch_size)
    whole, largest = sum(found), max(found)
    print(f"{given.gan}: {len(found)} exchanges of {whole / 1e6:.2f} MB in all, the largest {largest / 1e6:.2f} MB\n")
    print("| devices | exchange, ms | step, ms | times as fast | step with as many times the batch, ms |")
    print("|---|---|---|---|---|")
    for devices in DEVICES:
        seconds = 2 * (devices - 1) / devices * whole / (1e9 * given.bandwidth)
        exchange = 1000 * (seconds + len(found) * given.latency / 1e6) if devices > 1 else 0.0
        step = given.step / devices + exchange
        print(f"| {devices} | {exchange:.2f} | {step:.2f} | {given.step / step:.2f} | {given.step + exchange:.2f} |")


if __name__ == "__main__":
    main()
