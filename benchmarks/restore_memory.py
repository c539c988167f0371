"""Peak memory and time of `tfgans restore` for a large photograph, beside a small one in a process of the same kind.

    python benchmarks/restore_memory.py saved_models/srresnet-photos --megapixels 24

The picture is made of scikit-image's photographs, side by side: JPEG, 3:2. Memory is the largest resident set of the
process, TensorFlow included.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data


def photograph(megapixels: float, path: Path) -> tuple[int, int]:
    """Write a photograph of that size, and return its sides."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    width = round(1.5 * height)
    pieces = [np.asarray(Image.fromarray(getattr(data, name)()).resize((512, 512))) for name in ("astronaut", "coffee")]
    row = np.concatenate(pieces * -(-width // 1024), axis=1)[:, :width]
    Image.fromarray(np.concatenate([row] * -(-height // 512))[:height]).save(path, quality=90)
    return height, width


def measure(model: str, megapixels: float) -> tuple[float, float]:
    """Peak memory in MB and seconds of restoring one picture."""
    with tempfile.TemporaryDirectory() as folder:
        height, width = photograph(megapixels, Path(folder) / "picture.jpg")
        command = [sys.executable, "-m", "tfgans", "restore", model, "picture.jpg", "-o", "restored"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "TF_CPP_MIN_LOG_LEVEL": "3"}
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"restore failed: {status}")
        seconds = time.perf_counter() - start
        (made,) = (Path(folder) / "restored").iterdir()
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(made) as picture:
            print(f"{width}x{height} -> {picture.width}x{picture.height}, {made.stat().st_size / 1e6:.0f} MB")
    return usage.ru_maxrss / 1024, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--megapixels", type=float, default=24.0)
    arguments = parser.parse_args()
    model = str(Path(arguments.model).resolve())
    small, large = (measure(model, size) for size in (0.25, arguments.megapixels))
    print(f"{0.25:6} megapixels: {small[0]:6.0f} MB, {small[1]:7.1f} s")
    print(f"{arguments.megapixels:6g} megapixels: {large[0]:6.0f} MB, {large[1]:7.1f} s")
    print(f"{large[0] / small[0]:.2f} times the memory for {arguments.megapixels / 0.25:g} times the pixels")


if __name__ == "__main__":
    main()
