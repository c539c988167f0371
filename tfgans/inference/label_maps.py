"""Reading label maps from picture files, as ids or palette colours, and finding their objects."""

from pathlib import Path

import numpy as np
from PIL import ImageOps
from scipy import ndimage

from tfgans.data.formats import open_image
from tfgans.endpoint import Endpoint
from tfgans.errors import UserError

INSTANCES = 1 << 16  # ids in an instance map
FAR = 48.0  # in RGB: farther from every palette colour than this, a colour does not belong to the palette


def read_label_map(path: str | Path, classes: int, palette: list[list[int]] | None = None) -> tuple[np.ndarray, str]:
    """The ids in a file, int32 (h, w, 1), and a warning, or an empty string.

    Gray pictures hold ids, and so do pictures with a colour table if no palette is given. Coloured ones are mapped to
    the nearest colour of `palette`, one (r, g, b) per id.

    Raises UserError for ids not below `classes`, and for colours without a palette.
    """
    with open_image(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        ids_alone = image.mode in ("1", "L", "I", "I;16", "I;16B", "I;16L") or (image.mode == "P" and palette is None)
        pixels = np.asarray(image if ids_alone else image.convert("RGB"))
    if ids_alone:
        return checked(pixels, classes)[..., None], ""
    if palette is None:
        raise UserError("is coloured, and the model has no palette; give gray pictures whose pixels are the ids")
    colours, where = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    squares = ((colours[:, None].astype(np.int64) - np.array(palette, np.int64)) ** 2).sum(-1)
    distances = np.sqrt(squares.min(axis=1))[where]
    far = float((distances > FAR).mean())
    note = f"{far:.0%} of its pixels have colours far from those of the model's palette" if far > 0.01 else ""
    return squares.argmin(axis=1).astype(np.int32)[where].reshape(*pixels.shape[:2], 1), note


def read_instance_map(path: str | Path) -> np.ndarray:
    """The ids of the objects in a file of one channel, int32 (h, w, 1).

    Raises UserError for colours, fractions and ids beyond 16 bits.
    """
    with open_image(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        ids = np.asarray(image)
    if ids.ndim != 2 or ids.dtype.kind == "f":
        raise UserError("is not an instance map, which holds integer ids in one channel")
    return checked(ids, INSTANCES, "an instance map")[..., None]


def objects_of(ids: np.ndarray) -> np.ndarray:
    """Derive an instance map: pixels of one class that touch at a side form an object.

    Ids (h, w, 1) -> int32 (h, w, 1).
    """
    found = np.zeros(ids.shape[:2], np.int64)
    for each in np.unique(ids):
        parts, _ = ndimage.label(ids[..., 0] == each)
        found += np.where(parts > 0, parts + found.max(), 0)
    return (found % INSTANCES).astype(np.int32)[..., None]


def takes_instances(rules: Endpoint) -> bool:
    """Whether an endpoint takes an instance map beside a label map."""
    return any(array.encoding == "instances" for array in rules.inputs.values())


def with_objects(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Label maps and instance maps, int32 (n, h, w, 1), from combined maps (n, h, w, 2) or from label maps alone."""
    if maps.shape[-1] == 2:
        return maps[..., :1], maps[..., 1:]
    return maps, np.stack([objects_of(each) for each in maps])


def checked(ids: np.ndarray, classes: int, what: str = "") -> np.ndarray:
    """Ids as int32. Raises UserError for ids not below `classes`."""
    if ids.size and (ids.min() < 0 or ids.max() >= classes):
        has = f"{what} has ids" if what else "the model has the classes"
        raise UserError(f"holds ids up to {ids.max()}; {has} 0-{classes - 1}")
    return ids.astype(np.int32)
