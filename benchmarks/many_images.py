"""Memory and time of a training set that does not fit into memory: decoded images in one file (`tfgans.data.store`).

    python benchmarks/many_images.py 1000000     # 64x64 in colour: 12.3 GB in the cache folder, removed at the end

Writes random images as a source of that size does, draws batches of 64 from all of them, and prints the time of a batch
beside that of the same batches from memory (of the first 50,000), and the memory that is not the file's.
"""

import argparse
import time

import numpy as np

from tfgans.data import ImageSet, batches, store
from tfgans.data.image_set import pack

SHAPE = (64, 64, 3)
BATCH, STEPS = 64, 300


def anonymous() -> float:
    """Megabytes of this process that the system cannot drop and read again from a file."""
    with open("/proc/self/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024


def made(n: int, memory: int) -> ImageSet:
    """`n` random images, in memory up to so many bytes."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (1000, *SHAPE), np.uint8)
    store.MEMORY = memory
    return ImageSet("random", *pack("random", (np.roll(block[i % 1000], i // 1000) for i in range(n))))


def seconds(source: ImageSet) -> float:
    """Of a batch, the mean of STEPS after the first."""
    drawn = iter(batches(source, BATCH, seed=0, flip=True, steps=STEPS + 1))
    next(drawn)
    began = time.perf_counter()
    for _ in drawn:
        pass
    return (time.perf_counter() - began) / STEPS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=int, nargs="?", default=1_000_000)
    n = parser.parse_args().images
    held = seconds(made(min(n, 50_000), 1 << 40))
    before, began = anonymous(), time.perf_counter()
    source = made(n, 1000)
    written, peak = time.perf_counter() - began, anonymous()
    print(
        f"{n:,} images of {'x'.join(map(str, SHAPE))}: {source.pixels.nbytes / 1e9:.1f} GB, written in {written:.0f} s"
    )
    print(f"a batch of {BATCH}: {1000 * seconds(source):.1f} ms from the file, {1000 * held:.1f} ms from memory")
    print(f"memory: {before:,.0f} MB before, {peak:,.0f} MB with the images, {anonymous():,.0f} MB after the batches")
