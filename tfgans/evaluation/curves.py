"""Plots of a training over its steps: in a run's report, and beside a card."""

import io
import statistics

from matplotlib.figure import Figure

CURVES = "curves.png"  # beside a card
SPREAD = 20  # a scale is logarithmic if the largest value is more than this many times the median


def draw_curves(rows: list[dict[str, float]]) -> bytes:
    """A PNG of a history: the losses on the left, the other terms, such as D's probabilities, on the right."""
    terms = [name for name in rows[0] if name not in ("step", "images_per_second", "seconds")]
    losses = [name for name in terms if name.endswith("loss")]
    panels = [each for each in (losses, [name for name in terms if name not in losses]) if each]
    figure = Figure(figsize=(4.5 * len(panels), 3))
    for axes, names in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name in names:
            axes.plot([row["step"] for row in rows], [row[name] for row in rows], label=name)
        if logarithmic([row[name] for row in rows for name in names]):
            axes.set_yscale("log")
        axes.set_xlabel("step")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(alpha=0.3)
        axes.legend(framealpha=0.6, edgecolor="none")
    return _png(figure)


def logarithmic(values: list[float]) -> bool:
    """Whether small values would vanish beside the largest one. Zeros, of terms that have not begun, do not count."""
    there = [value for value in values if value != 0]
    return bool(there) and min(there) > 0 and max(there) > SPREAD * statistics.median(there)


def draw_quality(rows: list[tuple[float, ...]]) -> bytes:
    """A PNG of the estimate that the loss gives beside the Frechet distance, over time; each on its own scale."""
    _, steps, estimates, distances = zip(*rows, strict=True)
    figure = Figure(figsize=(9, 3.5))
    axes = figure.subplots()
    other = axes.twinx()
    lines = axes.plot(steps, estimates, "C0") + other.plot(steps, distances, "C1")
    axes.set(xlabel="step", ylim=(0, None))
    other.set_ylim(0, None)
    axes.legend(lines, ["the critic's estimate", "Fréchet distance of the checkpoint's samples"], frameon=False)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    return buffer.getvalue()
