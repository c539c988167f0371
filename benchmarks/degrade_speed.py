"""Is a degradation fast enough to feed a training? Images per second of each pipeline beside those a training takes.

    python benchmarks/degrade_speed.py --step-ms 440 --batch 16

`needs` is the share of the training's time that the pipeline would take if it ran alone on the same cores: below about
0.1 the degradation is free for all practical purposes, above 1 it is the bottleneck. The default rate is SRResNet x4 on
two cores in bfloat16, 16 images of 96 px in 0.44 s; its time is scaled with the number of pixels. The first row passes
images on untouched, and so is the floor of tf.data itself. Each figure is the median of several passes.
"""

import argparse
import statistics
import time

import skimage.data
import tensorflow as tf

from tfgans.data.degrade import pair

PIPELINES = (
    "bicubic:4",
    "pool:8",
    "blur:1.6",
    "noise:0.05",
    "poisson:100",
    "jpeg:40",
    "gray",
    "mask:32",
    "freeform",
    "occlude:32",
    "bicubic:4+jpeg:40+noise:0.05",
    "blur:1.6+bicubic:4+poisson:100+jpeg:40",
    "blur:0.2-2+bicubic:4+noise:0-0.04+jpeg:30-95:anywhere",
    "blur:0.2-3+bicubic:2+noise:0-0.04+jpeg:30-95+blur:0.2-1.5+bicubic:2+noise:0-0.02+jpeg:30-95:anywhere",
)


def dataset(spec: str | None, size: int, batch: int, threads: int) -> tf.data.Dataset:
    """Endless batches of random crops of a photograph, degraded by `spec`, or as they are for None."""
    photo = tf.constant(skimage.data.astronaut() / 127.5 - 1.0, tf.float32)
    transform = pair(spec) if spec else None

    def example(i: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([tf.cast(i, tf.int32), size])
        corner = tf.random.stateless_uniform((2,), seed, 0, 512 - size, tf.int32)
        image = tf.ensure_shape(photo[corner[0] : corner[0] + size, corner[1] : corner[1] + size], (size, size, 3))
        return transform({"image": image}, seed) if transform else {"image": image}

    data = tf.data.Dataset.counter().map(example, num_parallel_calls=threads).batch(batch, drop_remainder=True)
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread delays the end of every iterator
    options.threading.private_threadpool_size = threads
    return data.with_options(options)


def images_per_second(data: tf.data.Dataset, batch: int, seconds: float, passes: int) -> float:
    """The median over `passes` of the rate over `seconds` each, after a first batch that is not counted."""
    batches, rates = iter(data), []
    next(batches)
    for _ in range(passes):
        done, start = 0, time.perf_counter()
        while (passed := time.perf_counter() - start) < seconds:
            next(batches)
            done += batch
        rates.append(done / passed)
    return statistics.median(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", nargs="+", default=PIPELINES, metavar="SPEC")
    parser.add_argument("--sizes", nargs="+", type=int, default=(96, 128), help="pixels (default: 96 128)")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--step-ms", type=float, default=440.0, help="time of a training step of one batch at 96 px")
    parser.add_argument("--threads", type=int, default=2, help="parallel calls of tf.data (default: 2)")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a pass (default: 0.5)")
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()

    print(f"| pipeline | px | images/s | training takes | needs |\n|{' --- |' * 5}")
    for size in options.sizes:
        wanted = options.batch / (options.step_ms / 1000) * (96 / size) ** 2
        for spec in (None, *options.pipelines):
            data = dataset(spec, size, options.batch, options.threads)
            rate = images_per_second(data, options.batch, options.seconds, options.passes)
            print(f"| {spec or '(none)'} | {size} | {rate:.0f} | {wanted:.1f} | {wanted / rate:.4f} |", flush=True)


if __name__ == "__main__":
    main()
