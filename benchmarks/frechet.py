"""The Frechet distance beside the same formula with `scipy.linalg.sqrtm`: time, and the difference.

    python benchmarks/frechet.py              # 2,048 features of 5,000 images, into docs/BENCHMARKS.md

Both take turns, and both times include the covariances. The features are random, correlated, and of two sets.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from report import ROOT, TABLE, described, keep, quartiles, ratios, spread, table, turns

sys.path.insert(0, str(ROOT))
from tfgans.metrics.distances import frechet_distance


class Distance:
    """A function of two sets of features, as a step."""

    def __init__(self, function: Callable[..., float], *features: np.ndarray) -> None:
        self.function, self.features = function, features

    def __call__(self) -> None:
        self.value = self.function(*self.features)

    def wait(self) -> None:
        pass


def by_sqrtm(real: np.ndarray, fake: np.ndarray) -> float:
    c, d = (np.cov(each, rowvar=False) for each in (real, fake))
    root = scipy.linalg.sqrtm(c @ d).real
    return float(np.sum((real.mean(0) - fake.mean(0)) ** 2) + np.trace(c + d - 2 * root))


def lines(facts: dict[str, Any], rows: dict[str, Any]) -> list[str]:
    """The section of the page."""
    cells = [
        [
            name,
            spread(row["ours"]),
            spread(row["sqrtm"]),
            spread(ratios(row["sqrtm"], row["ours"]), "{:.1f}"),
            f"{row['difference']:.0e}",
        ]
        for name, row in rows.items()
    ]
    head = ["features", "tfgans, s", "sqrtm, s", "times as fast", "difference, relative"]
    return [facts["machine"], "", *table(head, cells)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path, default=TABLE, metavar="FILE", help="default: docs/BENCHMARKS.md")
    options = parser.parse_args()
    facts = {"machine": described("numpy", "scipy")}
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(options.features, options.features)) / options.features**0.5
    real = rng.normal(size=(options.images, options.features)) @ mix
    fake = 1.2 * rng.normal(size=(options.images, options.features)) @ mix + 0.1
    steps = {"ours": Distance(frechet_distance, real, fake), "sqrtm": Distance(by_sqrtm, real, fake)}
    row: dict[str, Any] = turns(steps, 0.0, options.rounds)
    ours, other = (step.value for step in steps.values())
    row["difference"] = abs(ours - other) / other
    print(f"{quartiles(row['ours'])[0]:.2f} s, sqrtm {quartiles(row['sqrtm'])[0]:.2f} s; {ours:.6f} and {other:.6f}")
    name = f"{options.features:,} of {options.images:,} images"
    keep("frechet", "Frechet distance", facts, {name: row}, lines, options.page)


if __name__ == "__main__":
    main()
