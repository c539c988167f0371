"""Draw images from an exported model, to a grid or a folder."""

import os
import re
from pathlib import Path

import numpy as np

from tfgans.errors import UserError
from tfgans.files import unfinished_folder
from tfgans.images import sheet, to_uint8, write_png
from tfgans.inference.exported import Exported
from tfgans.inference.labels import parse_labels


def generate(
    model: str | Path,
    *,
    n: int = 0,
    labels: str | None = None,
    code: int | None = None,
    seed: int = 0,
    output: str | Path,
    force: bool = False,
) -> Path:
    """Write `n` samples (of each label, for a model with labels) and return their path.

    `n` = 0 stands for 64, or 10 per label. A path that ends in .png becomes one grid, any other a folder of files.
    `labels` are numbers, ranges and class names ("0-3,cat"). For a model with latent codes they are categories, and
    the continuous code number `code` rises over the `n` images of each category.

    Raises:
        UserError: no such model, unknown labels, or an existing output that may not be replaced.
    """
    output = Path(output)
    if n < 0:
        raise UserError(f"-n must be positive, not {n}")
    if output.exists() and not force and not (output.is_dir() and not any(output.iterdir())):
        raise UserError(f"{output} exists; choose another -o, or --force to replace it")
    picture = output.suffix.lower() == ".png"
    if output.exists() and picture == output.is_dir():
        raise UserError(f"{output} is a {'folder' if picture else 'file'}; choose another -o")
    exported = Exported(model)
    exported.need("sample")
    if code is not None and not exported.codes:
        raise UserError(f"{exported.path.name} has no latent codes; leave --code out")
    if exported.conditional:
        classes = exported.classes
        if labels is None and classes is None:
            raise UserError(f"{exported.path.name} does not declare its number of labels; give --labels")
        every = list(range(classes or 0))
        wanted = every if labels is None else parse_labels(labels, classes, exported.class_names)
        n = n or 10
        drawn = np.tile(np.array(wanted, np.int32), n)
        images, columns = exported.sample(labels=drawn, seed=seed), len(wanted)
        names = [f"{i:05d}-label{label}.png" for i, label in enumerate(drawn)]
    elif exported.codes:
        every = list(range(exported.categories))
        wanted = every if labels is None else parse_labels(labels, exported.categories)
        images = exported.traverse(n or 10, code or 0, wanted, seed)
        columns = len(wanted)
        names = [f"{i:05d}-category{wanted[i % columns]}.png" for i in range(len(images))]
    else:
        if labels is not None:
            raise UserError(f"{exported.path.name} takes no labels; leave --labels out")
        images = exported.sample(n=n or 64, seed=seed)
        columns = int(np.ceil(np.sqrt(len(images))))
        names = [f"{i:05d}.png" for i in range(len(images))]
    if isinstance(images, dict):  # several domains, side by side
        names = [f"{name.removesuffix('.png')}-{domain}.png" for name in names for domain in images]
        columns *= len(images)
        images = side_by_side(list(images.values()))
    if picture:
        write_png(output, sheet(images, columns), scale=2 if 1 < images.shape[1] <= 64 else 1)
        return output
    if images.shape[1:] == (1, 1, 2):
        raise UserError(f"{exported.path.name} draws points, not images; write a picture with -o samples.png")
    with unfinished_folder(output) as temporary:
        for name, image in zip(names, to_uint8(images), strict=True):
            write_png(temporary / name, image)
        output.mkdir(exist_ok=True)
        for name in names:
            os.replace(temporary / name, output / name)
        for older in output.iterdir():  # images of an earlier call are replaced
            if re.fullmatch(r"\d{5}(-(label|category)\d+)?(-\w+)?\.png", older.name) and older.name not in names:
                older.unlink()
    return output


def side_by_side(sets: list[np.ndarray]) -> np.ndarray:
    """Images (n, h, w, c) of each set in turn: (sets n, h, w, c); gray sets get the channels of the others."""
    channels = max(images.shape[-1] for images in sets)
    alike = [np.broadcast_to(images, (*images.shape[:-1], channels)) for images in sets]
    return np.stack(alike, axis=1).reshape(-1, *alike[0].shape[1:])
