"""`tfgans restore` of a large picture beside the same weights in ONNX Runtime and PyTorch: seconds and peak memory.

    python benchmarks/restore.py                     # srresnet-photos, to 24 megapixels, into docs/BENCHMARKS.md
    python benchmarks/restore.py --megapixels 1      # a smaller picture

The picture is a PNG file of scikit-image's photographs, side by side, a sixteenth as large as the result. Each way is
a fresh process that reads it, enlarges it by 4 in the same tiles, and writes a PNG file; the ways take turns. Time and
memory, the largest resident set, are those of the whole process, with the start of the libraries. The others do not
load TensorFlow. For PyTorch batch normalization is folded into the convolutions, as ONNX Runtime does by itself.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from report import ROOT, TABLE, described, keep, quartiles, spread, table

OURS, ONNX, TORCH, COMPILED = WAYS = ("tfgans restore", "ONNX Runtime", "PyTorch", "PyTorch compiled")
FACTOR, TILE, MARGIN, RAMP, EDGE = 4, 160, 24, 16, 8  # as SRGAN declares them, and tfgans/inference/tiling.py


def picture(megapixels: float, path: Path) -> None:
    """Write a picture of 3:2 that is enlarged to that size."""
    from skimage import data

    height = round((megapixels * 1e6 / 1.5) ** 0.5 / FACTOR)
    width = round(1.5 * height)
    pieces = [np.asarray(Image.fromarray(getattr(data, name)()).resize((512, 512))) for name in ("astronaut", "coffee")]
    row = np.concatenate(pieces * -(-width // 1024), axis=1)[:, :width]
    Image.fromarray(np.concatenate([row] * -(-height // 512))[:height]).save(path)


def prepare(model: Path, folder: Path) -> None:
    """Write the model as an ONNX file and its weights as NumPy's, in a process of its own because of TensorFlow."""
    sys.path.insert(0, str(ROOT))
    from tfgans.inference.formats import export_as
    from tfgans.models.srgan import build_generator
    from tfgans.models.warm_start import take_weights

    export_as("onnx", model, folder)
    generator = build_generator(3, 64, 16)
    take_weights(generator, str(model))
    groups = {"trained": generator.trainable_variables, "moving": generator.non_trainable_variables}
    arrays = {f"{name} {i}": v.numpy() for name, group in groups.items() for i, v in enumerate(group)}
    np.savez(folder / "weights.npz", **arrays)


# --- the other ways ---------------------------------------------------------------------------------------------------


def starts(side: int) -> list[int]:
    overlap = 2 * MARGIN + RAMP
    if side <= TILE:
        return [0]
    count = -(-(side - overlap) // (TILE - overlap))
    return [round(i * (side - TILE) / (count - 1)) for i in range(count)]


def weights(places: list[int], side: int) -> list[np.ndarray]:
    """Of the pixels of each tile along an axis: a ramp in the middle of each overlap."""
    at, found = (np.arange(side * FACTOR) + 0.5) / FACTOR, []
    middles = [(right + left + side) / 2 for left, right in zip(places, places[1:], strict=False)]
    for i, place in enumerate(places):
        weight = np.ones(side * FACTOR)
        if i > 0:
            weight *= np.clip((at + place - middles[i - 1]) / RAMP + 0.5, 0, 1)
        if i < len(middles):
            weight *= 1 - np.clip((at + place - middles[i]) / RAMP + 0.5, 0, 1)
        found.append(weight.astype(np.float32))
    return found


def tiled(run: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Enlarge uint8 (h, w, 3) in overlapping tiles; `run` takes and gives (1, h, w, 3) in [0, 1]."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((EDGE, EDGE), (EDGE, EDGE), (0, 0)), mode="symmetric")
    tall, wide = min(TILE, height), min(TILE, width)
    tops, lefts = starts(height), starts(width)
    down, across = weights(tops, tall), weights(lefts, wide)
    made = np.empty((height * FACTOR, width * FACTOR, 3), np.uint8)
    rows = np.zeros((tall * FACTOR, width * FACTOR, 3), np.float32)
    for i, top in enumerate(tops):
        for left, weight in zip(lefts, across, strict=True):
            # at the borders of the picture a tile reaches over them
            y, x = top + EDGE * (top > 0), left + EDGE * (left > 0)
            bottom = top + tall + EDGE * (1 + (top + tall == height))
            right = left + wide + EDGE * (1 + (left + wide == width))
            one = run(padded[None, y:bottom, x:right].astype(np.float32) / 255)[0]
            y, x = FACTOR * (EDGE + top - y), FACTOR * (EDGE + left - x)
            one = one[y : y + tall * FACTOR, x : x + wide * FACTOR]
            rows[:, left * FACTOR : (left + wide) * FACTOR] += one * (down[i][:, None, None] * weight[:, None])
        final = (tops[i + 1] - top if i + 1 < len(tops) else tall) * FACTOR  # rows that no later tile changes
        made[top * FACTOR : top * FACTOR + final] = rows[:final] * 255 + 0.5
        rows[: len(rows) - final] = rows[final:].copy()
        rows[len(rows) - final :] = 0
    return made


def onnx_runtime(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "restore.onnx", providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def pytorch(folder: Path, compiled: bool) -> Callable[[np.ndarray], np.ndarray]:
    import torch
    from torch.fx.experimental.optimization import fuse
    from twins_srgan import srresnet
    from twins_torch import load

    network = srresnet(3, 64, 16)
    with np.load(folder / "weights.npz") as file:
        arrays = dict(file)  # in the order of the network
    load(network, (array for key, array in arrays.items() if key.startswith("trained")))
    moving = iter([torch.from_numpy(array) for key, array in arrays.items() if key.startswith("moving")])
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean, layer.running_var = next(moving), next(moving)
    network = fuse(network.eval()).to(memory_format=torch.channels_last)
    step = torch.compile(network, dynamic=True) if compiled else network

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            made = step(torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1)
            return ((made + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()

    return run


# --- the command ------------------------------------------------------------------------------------------------------


def process(way: str, model: Path, folder: Path) -> tuple[float, float, np.ndarray]:
    """Seconds, peak memory in MB, and what was made."""
    made = folder / "made.png"
    made.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "tfgans", "restore", str(model), "picture.png", "-o", "made.png"]
    if way != OURS:
        command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    began = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{way} failed: {status}")
    seconds = time.perf_counter() - began
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(made) as image:
        return seconds, usage.ru_maxrss / 1024, np.asarray(image)


def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The section of the page."""
    cells = []
    for name, row in rows.items():
        best = min(quartiles(row["seconds"][way])[0] for way in row["seconds"] if way != OURS)
        for way, seconds in row["seconds"].items():
            ratio = f"{quartiles(seconds)[0] / best:.2f}"
            memory = f"{max(row['memory'][way]):,.0f}"
            cells.append([name, way, spread(seconds, "{:.1f}"), ratio, memory, str(row["levels"].get(way, ""))])
    head = ["model and result", "way", "seconds", "of the best other", "MB at most", "levels of 255 from ours"]
    return [
        facts["machine"],
        "",
        "Whole processes, from reading a PNG file to writing one: the median of the seconds, with quartiles.",
        "",
        *table(head, cells),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=24.0, help="of the result (default: 24)")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each way (default: 1)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, metavar="WAY", help=", ".join(WAYS))
    parser.add_argument("--page", type=Path, default=TABLE, metavar="FILE", help="default: docs/BENCHMARKS.md")
    for name in ("--way", "--folder", "--prepare"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    options = parser.parse_args()
    model = ROOT / "saved_models" / "srresnet-photos"
    if options.prepare:
        prepare(model, Path(options.prepare))
    elif options.way:
        folder = Path(options.folder)
        run = onnx_runtime(folder) if options.way == ONNX else pytorch(folder, options.way == COMPILED)
        with Image.open(folder / "picture.png") as image:
            Image.fromarray(tiled(run, np.asarray(image))).save(folder / "made.png")
    else:
        measure(model, options)


def measure(model: Path, options: argparse.Namespace) -> None:
    facts = {"machine": described("tensorflow", "onnxruntime", "torch")}
    row: dict[str, Any] = {"seconds": {way: [] for way in options.ways}, "memory": {}, "levels": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture(options.megapixels, folder / "picture.png")
        subprocess.run([sys.executable, __file__, "--prepare", name], check=True)
        for _ in range(options.rounds):
            ours = None
            for way in options.ways:
                seconds, memory, made = process(way, model, folder)
                row["seconds"][way].append(seconds)
                row["memory"].setdefault(way, []).append(memory)
                print(f"{way:18} {seconds:7.1f} s {memory:7.0f} MB", flush=True)
                if way == OURS:
                    ours = made
                elif ours is not None:
                    row["levels"][way] = int(np.abs(made.astype(np.int16) - ours).max())
    name = f"{model.name}, {options.megapixels:g} megapixels"
    keep("restore", "Restoring a large picture", facts, {name: row}, lines, options.page)


if __name__ == "__main__":
    main()
