"""Peak memory and time of writing a large picture from strips: our writers, Pillow and, where it is there, libvips.

    python benchmarks/write_memory.py --megapixels 384

The picture is a smooth one with noise, in strips of 64 rows, as `tfgans restore` makes them. Memory is the largest
resident set of a process that does nothing else and has TensorFlow loaded, as the command has; each way of writing
has one, and "nothing" makes the strips and drops them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

WAYS = ("nothing", "ours", "pillow", "vips")


def strips(height: int, width: int) -> Iterator[np.ndarray]:
    """uint8 (64, width, 3) from top to bottom."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 12, (64, width, 3), dtype=np.uint8)
    slope = (np.arange(width) * 200 // width).astype(np.uint8)[:, None]
    for y in range(0, height, 64):
        yield np.roll(noise, y, axis=1)[: height - y] + slope + np.uint8(40 * y // height)


def write(way: str, kind: str, path: str, height: int, width: int) -> None:
    from tfgans.inference.image_files import Picture
    from tfgans.inference.image_writers import write_picture

    if way == "nothing":
        size = sum(strip.size for strip in strips(height, width))
        Path(path).write_bytes(b"")
        print(f"{size / 1e6:.0f} MB of pixels", file=sys.stderr)
        return
    if way == "ours":
        with open(path, "wb") as file:
            like = Picture(np.zeros((1, 1, 3), np.uint8), None, kind)
            write_picture(file, strips(height, width), height, width, like)
        return
    if way == "pillow":
        canvas = Image.new("RGB", (width, height))
        for i, strip in enumerate(strips(height, width)):
            canvas.paste(Image.fromarray(strip), (0, 64 * i))
        canvas.save(path, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))
        return
    import pyvips  # holds the array and streams from it to the file

    pixels = np.empty((height, width, 3), np.uint8)
    for i, strip in enumerate(strips(height, width)):
        pixels[64 * i : 64 * i + 64] = strip
    options = {"Q": 95, "subsample_mode": "off"} if kind == "JPEG" else {"compression": 6}
    pyvips.Image.new_from_memory(pixels.data, width, height, 3, "uchar").write_to_file(path, **options)


def measure(way: str, kind: str, height: int, width: int) -> str:
    """A line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture.{kind.lower()}"
        command = [sys.executable, __file__, "--way", way, "--kind", kind, "--path", str(path)]
        command += ["--sides", str(height), str(width)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            return f"{way:8} {kind:5} not here"
        seconds = time.perf_counter() - start
        return f"{way:8} {kind:5} {usage.ru_maxrss / 1024:6.0f} MB {seconds:6.1f} s {path.stat().st_size / 1e6:6.0f} MB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=384.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    for name in ("--way", "--kind", "--path"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--sides", nargs=2, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        write(arguments.way, arguments.kind, arguments.path, *arguments.sides)
        return
    height = round((arguments.megapixels * 1e6 / 1.5) ** 0.5)
    for kind in ("JPEG", "PNG"):
        for way in arguments.ways:
            print(measure(way, kind, height, round(1.5 * height)), flush=True)


if __name__ == "__main__":
    main()
