"""report.html: one self-contained page of a run: samples over time, curves, metrics, configuration."""

import base64
import html
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tfgans import models
from tfgans.card import Row
from tfgans.evaluation.curves import draw_curves, draw_quality
from tfgans.evaluation.loss_vs_quality import read_quality
from tfgans.files import write_text
from tfgans.names import lines
from tfgans.run import Run
from tfgans.training.provenance import as_typed

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
table { border-collapse: collapse; } td, th { padding: .25rem .8rem .25rem 0; text-align: left; vertical-align: top; }
tr + tr { border-top: 1px solid #ddd; } td.number { font-variant-numeric: tabular-nums; }
img { max-width: 100%; } .sheet { image-rendering: pixelated; width: 32rem; }
.time { display: flex; flex-wrap: wrap; gap: 1rem; } .time figure { margin: 0; width: 18rem; }
.time img { image-rendering: pixelated; } figcaption, .note { color: #666; font-size: .85rem; }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; font-size: .85rem; }
"""


def write_report(path: str | Path) -> Path:
    """Write report.html of a run from what its folder holds; returns its path."""
    import json

    run = Run.open(path)
    config, rows = run.config, run.read_history()
    metrics_path = run.path / "metrics.json"
    measured = json.loads(metrics_path.read_text(encoding="utf-8")) if metrics_path.exists() else None
    pictures = sorted(run.samples.glob("step-*.png"))
    recipe = config["recipe"]
    done = int(rows[-1]["step"]) if rows else 0
    title = f"{models.title(config['gan'])} on {as_typed(config)['dataset']}"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{done:,} of {recipe['steps']:,} steps of {_count(recipe['batch_size'], 'image')}, seed {config['seed']}, "
        f"{config['precision']}{' with XLA' if config['jit_compile'] else ''}, {config['seconds'] / 60:.1f} minutes on "
        f"{_count(config['machine']['cores'], 'core')}.</p>",
    ]
    if pictures:
        parts.append(f'<h2>Samples</h2><img class="sheet" alt="samples" src="{_embed(pictures[-1].read_bytes())}">')
    names = config.get("class_names") or []
    if any(name != str(i) for i, name in enumerate(names)):  # the digits are named as they are numbered
        named = ", ".join(f"{i} {name}" for i, name in enumerate(names))
        parts.append(f'<p class="note">Classes: {html.escape(named)}</p>')
    if measured and "measurements" in measured:  # which runs of old do not have
        parts.append(f"<h2>Measured</h2>{_metrics(measured)}")
    if len(pictures) > 1:
        chosen = [pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, 9).round().astype(int))]
        figures = "".join(
            f'<figure><img alt="" src="{_embed(p.read_bytes())}">'
            f"<figcaption>step {int(p.stem[5:]):,}</figcaption></figure>"
            for p in chosen
        )
        parts.append(f'<h2>The same inputs over time</h2><div class="time">{figures}</div>')
    if rows:
        parts.append(f'<h2>Losses</h2><img alt="loss curves" src="{_embed(draw_curves(rows))}">')
    quality = read_quality(run.path)
    if quality:
        picture = _embed(draw_quality(quality))
        parts.append(f'<h2>Loss and quality</h2><img alt="loss estimate and Frechet distance" src="{picture}">')
    parts.append(f"<h2>Configuration</h2><pre>{html.escape(yaml.safe_dump(config, sort_keys=False))}</pre>")
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )
    write_text(run.path / "report.html", page)
    return run.path / "report.html"


def _embed(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _metrics(measured: dict[str, Any]) -> str:
    shown = [[html.escape(text) for text in line] for line in lines([Row(**row) for row in measured["measurements"]])]
    rows = "".join(f'<tr><td>{label}</td><td class="number">{numbers}</td></tr>' for label, numbers in shown)
    protocol = "; ".join(
        f"{key.replace('_', ' ')}: {_plainly(value)}"
        for key, value in measured["protocol"].items()
        if key not in ("features_sha256", "asked_features")
    )
    return f'<table>{rows}</table><p class="note">{html.escape(protocol)}</p>'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _plainly(value: Any) -> str:
    """A value of a protocol without Python's brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
