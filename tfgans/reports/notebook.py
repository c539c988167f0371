"""Functions that the chapters share: folders, pictures, and results of full trainings.

With TFGANS_SMOKE=1 a chapter trains a few steps of tiny networks: the tests run every cell that way.
"""

import inspect
import os
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from tfgans import card as cards
from tfgans.card import Card
from tfgans.errors import UserError
from tfgans.evaluation.curves import logarithmic
from tfgans.files import ROOT
from tfgans.images import grid
from tfgans.inference import fetch
from tfgans.names import cell
from tfgans.reports import ledger as claims
from tfgans.reports.comparisons import compared
from tfgans.reports.origin import deviations
from tfgans.run import Run

SMOKE = os.environ.get("TFGANS_SMOKE", "0") == "1"
SHOWN = {  # task -> (measure, of) and its label in a chapter
    "generation": {
        ("frechet_distance", "model"): "Fréchet distance (0 is best)",
        ("frechet_distance", "train"): "  of real images: the floor",
        ("precision", "model"): "precision",
        ("recall", "model"): "recall",
        ("label_accuracy", "model"): "label accuracy",
        ("smallest_class", "model"): "smallest share of a class",
        ("neighbour_classes", "model"): "classes of nearest training images",
        ("nll_bound", "model"): "bound on -log p (nats)",
        ("kl_to_uniform", "model"): "KL divergence of the modes from uniform (nats)",
    },
    "mode_coverage": {
        ("label_accuracy", "model"): "label accuracy",
        ("modes", "model"): "modes covered",
        ("high_quality", "model"): "share of samples within 3 sigma of a mode",
        ("kl_to_uniform", "model"): "KL divergence of the modes from uniform (nats)",
    },
    "small_restoration": {
        ("judge_accuracy", "model"): "accuracy of the judge",
        ("judge_accuracy", "bicubic"): "  on bicubic enlargements",
        ("judge_accuracy", "real"): "  on the originals",
        ("coarse_accuracy", "input"): "  of a classifier of the degraded images",
        ("psnr", "model"): "PSNR (dB)",
        ("psnr", "bicubic"): "  of bicubic enlargements",
        ("frechet_distance", "model"): "Fréchet distance (0 is best)",
    },
    "restoration": {
        (measure, of): f"{measure}{end}"
        for measure in ("psnr", "ssim", "squeezenet_distance")
        for of, end in (("model", ""), ("bicubic", ", bicubic"), ("input", ", before"))
    },
    "paired_translation": {
        ("pixel_accuracy", "model"): "accuracy per pixel",
        ("class_accuracy", "model"): "accuracy per class",
        ("mean_iou", "model"): "mean IoU",
        ("l1", "model"): "L1 (images in [0, 1])",
        ("l1", "input"): "  of the input itself",
        ("ssim", "model"): "SSIM",
        ("squeezenet_distance", "model"): "distance in SqueezeNet features",
        ("kernel_distance", "model"): "kernel distance (0 is best)",
        ("kernel_distance", "train"): "  of training images: the floor",
    },
    "unpaired_translation": {
        ("kernel_distance", "model"): "kernel distance (0 is best)",
        ("kernel_distance", "input"): "  of the input itself",
        ("kernel_distance", "train"): "  of training images: the floor",
        ("l1", "model"): "L1 to the partner (images in [0, 1])",
        ("l1", "input"): "  of the input itself",
    },
    "point_translation": {
        ("modes", "model"): "modes reached",
        ("high_quality", "model"): "share of points within 3 sigma of a mode",
        ("kl_to_uniform", "model"): "KL divergence of the modes from uniform (nats)",
        ("source_identified", "model"): "points whose source is identified",
    },
    "joint_generation": {
        ("pixel_agreement", "model"): "pixel agreement",
        ("pixel_agreement", "shuffled"): "  of shuffled pairs",
        ("same_class", "model"): "share of pairs of the same class",
        ("same_class", "real"): "  of real pairs",
    },
}


def new_folder(name: str) -> Path:
    """A fresh folder for the runs and pictures of a chapter."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    print(f"runs and pictures go to {folder}")
    return folder


def sources(*things: Any) -> None:
    """Print the source of functions and methods: a chapter shows what the suite runs, not a copy."""
    print("\n".join(textwrap.dedent(inspect.getsource(thing)) for thing in things))


def finish(figure: plt.Figure, path: Path) -> None:
    """Save a figure to a file, and display it if the backend can."""
    figure.savefig(path, dpi=100, bbox_inches="tight")
    if plt.get_backend().lower() != "agg":
        plt.show()
    plt.close(figure)


def show(images: np.ndarray, path: Path, *, columns: int = 10, title: str = "") -> None:
    """Show (n, h, w, c) images in [0, 1] as one grid, large ones at about their own size."""
    rows = -(-len(images) // columns)
    wide, high = (max(0.7, side / 80) for side in images.shape[2:0:-1])
    scale = min(1.0, 12 / (wide * columns))
    figure, axes = plt.subplots(figsize=(scale * wide * columns, scale * high * rows))
    axes.imshow(grid(images, columns).squeeze(), cmap="gray", vmin=0, vmax=255)
    axes.set_title(title)
    axes.axis("off")
    finish(figure, path)


def over_time(run: Run, path: Path, *, shown: int = 5) -> None:
    """Show sample grids of a run from the first to the last, all of the same inputs."""
    pictures = sorted(run.samples.glob("step-*.png"))
    chosen = [pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, shown).round().astype(int))]
    figure, row = plt.subplots(1, len(chosen), figsize=(3 * len(chosen), 3.3), squeeze=False)
    for axes, picture in zip(row[0], chosen, strict=True):
        axes.imshow(plt.imread(picture), cmap="gray")
        axes.set_title(f"step {int(picture.stem[5:]):,}")
        axes.axis("off")
    finish(figure, path)


def curves(runs: dict[str, Run], path: Path) -> None:
    """Plot the losses of each run side by side, on one scale; logarithmic if small values would vanish."""
    figure, row = plt.subplots(1, len(runs), figsize=(5 * len(runs), 3), sharey=True, squeeze=False)
    values: list[float] = []
    for axes, (name, run) in zip(row[0], runs.items(), strict=True):
        rows = run.read_history()
        for term in [term for term in rows[0] if term.endswith("loss")]:
            axes.plot([r["step"] for r in rows], [r[term] for r in rows], label=term)
            values += [r[term] for r in rows]
        axes.set(title=name, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    if logarithmic(values):
        row[0][0].set_yscale("log")
    finish(figure, path)


def measured() -> dict[str, Card]:
    """The cards of full trainings by name. Without a checkout they are downloaded; without a network there are none."""
    if (ROOT / "saved_models").is_dir():
        return cards.measured()
    try:
        return claims.read_cards(fetch.get("cards", (path for path in fetch.known() if path.endswith("/card.json"))))
    except UserError as error:
        print(f"The cards of full trainings are not here: {error}")
        return {}


def kept(name: str, file: str) -> Path | None:
    """The folder in saved_models/ with this file of a full training, downloaded where there is no checkout."""
    folder = cards.folders(file).get(name)
    if folder is None and f"{name}/{file}" in fetch.known():
        try:
            return fetch.get(f"{name}/{file}", [f"{name}/{file}"]) / name
        except UserError as error:
            print(f"{name}/{file} is not here: {error}")
    return folder


def results(name: str, folder: Path) -> None:
    """Print the card of a full training and show its samples; if there is no card, print a line."""
    card = measured().get(name)
    if not card:
        print(f"There is no card of {name}: the training has not been done yet.")
        return
    protocol, tests = card.protocol, card.protocol.get("tests", [None])
    against = f"{protocol.get('degradation')} undone"
    if card.task == "restoration":
        against += ", on " + " and ".join(tests)
    elif card.task == "paired_translation":
        against = "on " + " and ".join(f"{n:,} pairs of {test}" for test, n in protocol["n_images"].items())
    elif card.task in ("unpaired_translation", "point_translation"):
        against = "on " + " and ".join(f"{n:,} of {images}" for images, n in protocol["n_images"].items())
    elif card.task != "small_restoration":
        against = (
            f"{protocol['n_fake']:,} samples against {protocol['n_real']:,} images of {protocol['split']}, in "
            f"{protocol['features']}"
        )
    print(
        f"{name}: training seeds {', '.join(map(str, card.training_seeds))}; {card.settings['steps']:,} steps of "
        f"{card.settings['batch_size']} images; {against}"
    )
    for test in tests:
        for (measure, of), label in SHOWN.get(card.task, {}).items():
            for direction in (None, "a_to_b", "b_to_a"):
                values = card.values(measure, of, test, None, direction)
                way = f", {direction.replace('_', ' ')}" if direction else ""
                if values:
                    print(f"  {label + way + (f' on {test}' if len(tests) > 1 else ''):36} {cell(values, 3)}")
    for deviation in deviations(card):
        print(f"  deviation: {deviation}")
    sheet = kept(name, "samples.png")
    if sheet is not None:
        picture = plt.imread(sheet / "samples.png")
        figure, axes = plt.subplots(figsize=(6, 6 * picture.shape[0] / picture.shape[1]))
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1)
        axes.set_title(name)
        axes.axis("off")
        finish(figure, folder / f"{name}.png")


def verdicts(chapter: str) -> None:
    """Print the claims of a chapter with their verdicts, as in docs/CLAIMS.md."""
    print(*compared(chapter, measured()), sep="\n")
    for claim in claims.all_claims(measured(), chapter):
        print(f"{claim.statement}{f' [{claim.setting}]' if claim.setting else ''}")
        agree = f" ({claim.agree})" if claim.agree else ""
        print(f"    {claim.verdict.upper()}{agree}")
        for line in claim.numbers.split("<br>"):
            print(textwrap.indent(textwrap.fill(line, 106), "        "))
