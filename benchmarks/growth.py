"""How time and memory grow with the sizes of images, batches and data sets: docs/growth.png.

    python benchmarks/growth.py                # into docs/BENCHMARKS.md and docs/growth.png
    python benchmarks/growth.py --most 10000   # data sets of at most so many images

A DCGAN of 16 filters is trained on images of 32 to 256 pixels and on batches of 1 to 256, and batches of 64 are drawn
from 10^3 to 10^6 images of 32x32 in colour, in a file of the cache folder (3 GB, removed at the end). Each point is a
process of its own. Memory is the largest resident set; of data sets, what is not the file's. The last column of the
table is the time of a unit of work beside that of the size before: above 1, the time grows faster than the work. The
work is the step's floating-point operations; for a batch from a data set it does not depend on the size.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from report import ROOT, TABLE, described, keep, quartiles, table, timed

SIDES, BATCHES, IMAGES = (32, 64, 128, 256), (1, 4, 16, 64, 256), (1_000, 10_000, 100_000, 1_000_000)
KINDS = {
    "size": ("pixels a side, batches of 16", SIDES),
    "batch": ("images in a batch of 32 pixels", BATCHES),
    "data": ("images in the data set, batches of 64", IMAGES),
}
FIGURE = ROOT / "docs" / "growth.png"


def step(side: int, n: int, rounds: int) -> dict[str, float]:
    """Seconds and peak MB of a training step, and its GFLOP."""
    sys.path.insert(0, str(ROOT))
    import tfgans.training  # noqa: F401  # isort: skip  (first: it turns oneDNN on)
    from train_step import TrainStep
    from xla_steps import noise

    from tfgans import models
    from tfgans.training.profile import step_flops
    from tfgans.training.setup import build

    recipe = models.recipe("dcgan", "mnist").override({"image_shape": [side, side, 3], "width": 16, "batch_size": n})
    model = build("dcgan", recipe, 0)
    one = TrainStep(model, noise(model, n))
    timed(one, 2)
    seconds = [timed(one, 1) for _ in range(rounds)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": quartiles(seconds)[0], "memory": memory, "work": step_flops(model, n) / 1e9}


def drawing(n: int) -> dict[str, float]:
    """Seconds of a batch, and MB of this process that are not the file's."""
    sys.path.insert(0, str(ROOT))
    import many_images

    many_images.SHAPE = (32, 32, 3)
    source = many_images.made(n, 1000)
    return {"seconds": many_images.seconds(source), "memory": many_images.anonymous(), "work": 1.0}


def point(kind: str, at: int, rounds: int) -> dict[str, float]:
    """A point in a process of its own."""
    command = [sys.executable, __file__, "--kind", kind, "--at", str(at), "--rounds", str(rounds)]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    made = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(made.stdout.splitlines()[-1])


def faster_than_work(points: list[dict[str, float]]) -> list[str]:
    """Of each point, the time of a unit of work as a multiple of that before."""
    rates = [each["seconds"] / each["work"] for each in points]
    return ["", *(f"{after / before:.2f}" for before, after in zip(rates, rates[1:], strict=False))]


def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The section of the page."""
    cells = []
    for kind, row in rows.items():
        for at, each, ratio in zip(row["at"], row["points"], faster_than_work(row["points"]), strict=True):
            work = "" if kind == "data" else f"{each['work']:.2f}"
            cells.append(
                [KINDS[kind][0], f"{at:,}", f"{1000 * each['seconds']:.1f}", work, f"{each['memory']:,.0f}", ratio]
            )
    head = ["what grows", "to", "ms", "GFLOP", "MB", "time per unit of work ÷ row above"]
    return [facts["machine"], "", "![Time and memory of the three](growth.png)", "", *table(head, cells)]


def draw(rows: dict[str, Any], path: Path) -> None:
    """Time above, memory below, a column for each kind."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, len(rows), figsize=(9, 4.5), sharex="col", squeeze=False)
    for (above, below), (kind, row) in zip(axes.T, rows.items(), strict=True):
        points, at = row["points"], row["at"]
        rate = points[0]["seconds"] / points[0]["work"]
        above.loglog(at, [1000 * each["seconds"] for each in points], marker="o", label="measured")
        above.loglog(at, [1000 * each["work"] * rate for each in points], ":", color="gray", label="as its work")
        times = [1000 * each["seconds"] for each in points]
        if max(times) < 3 * min(times):
            above.set(yscale="linear", ylim=(0, 1.2 * max(times)))
        below.semilogx(at, [each["memory"] for each in points], marker="o")
        below.set_xticks(at, [f"{size:.0e}".replace("e+0", "e") if size > 999 else str(size) for size in at])
        below.minorticks_off()
        below.set(xlabel=KINDS[kind][0].replace(", ", ",\n"), ylim=(0, 1.1 * max(each["memory"] for each in points)))
    axes[0, 0].set_ylabel("ms")
    axes[1, 0].set_ylabel("MB")
    axes[0, 0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=IMAGES[-1], help="images of the largest data set (default: 10^6)")
    parser.add_argument("--rounds", type=int, default=5, help="timed steps (default: 5)")
    parser.add_argument("--page", type=Path, default=TABLE, metavar="FILE", help="default: docs/BENCHMARKS.md")
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.at:
        sizes = {"size": (options.at, 16), "batch": (32, options.at)}
        one = drawing(options.at) if options.kind == "data" else step(*sizes[options.kind], options.rounds)
        print(json.dumps(one))
        return
    facts, rows = {"machine": described("tensorflow", "keras")}, {}
    for kind, (what, sizes) in KINDS.items():
        at = [size for size in sizes if kind != "data" or size <= options.most]
        rows[kind] = {"at": at, "points": []}
        for size in at:
            rows[kind]["points"].append(point(kind, size, options.rounds))
            print(what, size, rows[kind]["points"][-1], flush=True)
    draw(rows, options.page.parent / FIGURE.name)
    keep("growth", "Growth", facts, rows, lines, options.page)


if __name__ == "__main__":
    main()
