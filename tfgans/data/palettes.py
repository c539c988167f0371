"""Palettes, the classes of a label map with their colours, and label maps in image files."""

import difflib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tfgans.errors import UserError

log = logging.getLogger(__name__)

# name r g b; a "-" marks a class that measures ignore (Cityscapes: ignoreInEval).
_TABLES = {
    # ids of *_labelIds.png; github.com/mcordts/cityscapesScripts, helpers/labels.py
    "cityscapes": """
        unlabeled 0 0 0 -, ego vehicle 0 0 0 -, rectification border 0 0 0 -, out of roi 0 0 0 -, static 0 0 0 -,
        dynamic 111 74 0 -, ground 81 0 81 -, road 128 64 128, sidewalk 244 35 232, parking 250 170 160 -,
        rail track 230 150 140 -, building 70 70 70, wall 102 102 156, fence 190 153 153, guard rail 180 165 180 -,
        bridge 150 100 100 -, tunnel 150 120 90 -, pole 153 153 153, polegroup 153 153 153 -, traffic light 250 170 30,
        traffic sign 220 220 0, vegetation 107 142 35, terrain 152 251 152, sky 70 130 180, person 220 20 60,
        rider 255 0 0, car 0 0 142, truck 0 0 70, bus 0 60 100, caravan 0 0 90 -, trailer 0 0 110 -, train 0 80 100,
        motorcycle 0 0 230, bicycle 119 11 32""",
    # the classes of the CMP Facade Database in its order, with the colours of pix2pix's copy
    "facades": """
        background 0 0 222, facade 0 48 255, window 0 128 255, door 0 207 255, cornice 32 255 224, sill 112 255 143,
        balcony 192 255 63, blind 255 240 0, deco 255 159 0, molding 255 80 0, pillar 255 0 0, shop 174 0 0""",
    # the 11 classes and void of SegNet (arXiv:1511.00561)
    "camvid": """
        sky 128 128 128, building 128 0 0, pole 192 192 128, road 128 64 128, pavement 60 40 222, tree 128 128 0,
        sign symbol 192 128 128, fence 64 64 128, car 64 0 128, pedestrian 64 64 0, bicyclist 0 128 192,
        void 0 0 0 -""",
    # the masks of the 2018 Data Science Bowl
    "dsb2018": "background 0 0 0, nucleus 255 255 255",
}
NAMES = tuple(_TABLES)


@dataclass(frozen=True, eq=False)
class Palette:
    """Classes by id: their names and colours. `ignored` are the ids that measures ignore."""

    name: str
    names: tuple[str, ...]
    rgb: np.ndarray = field(repr=False)  # uint8 (classes, 3)
    ignored: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def colours(self, ids: np.ndarray) -> np.ndarray:
        """Colours, uint8 (..., h, w, 3), of ids (..., h, w) or (..., h, w, 1), or of one-hot (..., h, w, classes)."""
        ids = np.asarray(ids)
        if ids.shape[-1] == len(self) > 1 and np.issubdtype(ids.dtype, np.floating):
            ids = ids.argmax(axis=-1)
        elif ids.shape[-1] == 1:
            ids = ids[..., 0]
        return self.rgb[ids.astype(np.int64)]

    def ids(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The id of the nearest colour, uint8 (...), and its distance in RGB, float32 (...), for uint8 (..., 3).

        Of several classes with one colour, it is the first.
        """
        colours = self.rgb.astype(np.float32)  # all numbers below are integers less than 2**24: exact
        pixels = rgb.reshape(-1, 3).astype(np.float32)
        squares = (pixels**2).sum(axis=1, keepdims=True) - 2 * pixels @ colours.T + (colours**2).sum(axis=1)
        nearest = squares.argmin(axis=1)
        distance = np.sqrt(np.take_along_axis(squares, nearest[:, None], axis=1)[:, 0])
        return nearest.astype(np.uint8).reshape(rgb.shape[:-1]), distance.reshape(rgb.shape[:-1])


def palette(name: str) -> Palette:
    """A palette by name, of NAMES, or from a file with a line `name r g b` for each id.

    A name may contain spaces; a "-" at the end of a line marks a class that measures ignore; "#" begins a comment.

    Raises:
        UserError: no such name or file, or an invalid line.
    """
    if name in _TABLES:
        return _parse(name, _TABLES[name].replace("\n", " ").split(","), name)
    path = Path(name).expanduser()
    if not path.is_file():
        near = difflib.get_close_matches(name, _TABLES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(_TABLES)}, or use a file"
        raise UserError(f"there is no palette '{name}'; {hint}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the palette {path} cannot be read; it must be a text file with lines 'name r g b'") from error
    return _parse(path.stem, text.splitlines(), str(path))


def _parse(name: str, lines: list[str], where: str) -> Palette:
    names: list[str] = []
    colours, ignored = [], []
    for line in lines:
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[-1] == "-":
            ignored.append(len(names))
            words.pop()
        *label, r, g, b = words if len(words) > 3 else ["", "", "", ""]
        if not all(word.isdecimal() and int(word) < 256 for word in (r, g, b)):
            raise UserError(f"{where}: a line must be 'name r g b' with numbers from 0 to 255, not '{line.strip()}'")
        names.append(" ".join(label))
        colours.append((int(r), int(g), int(b)))
    if not 1 <= len(names) <= 256:
        raise UserError(f"{where}: a palette has 1 to 256 classes, not {len(names)}")
    return Palette(name, tuple(names), np.array(colours, np.uint8), tuple(ignored))


class LabelMaps:
    """Reads label maps from images and records the distances of their colours from the palette."""

    def __init__(self, palette: Palette) -> None:
        self.palette = palette
        self.distances = np.zeros(443, np.int64)  # pixels by distance: at most 255 * sqrt(3)
        self.lock = threading.Lock()  # files are read in several threads

    def __call__(self, image: Image.Image, pick: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The ids of an image with one channel, else those of the nearest colours, after applying `pick`.

        Indexed colours are ids, too, unless each colour is one of the palette's.
        """
        if image.mode == "P":
            ids, distance = self.palette.ids(pick(np.asarray(image.convert("RGB"))))
            return pick(np.asarray(image)) if distance.any() else ids
        if len(image.getbands()) == 1:
            return pick(np.asarray(image))
        ids, distance = self.palette.ids(pick(np.asarray(image.convert("RGB"))))
        with self.lock:
            self.distances += np.bincount(np.ceil(distance).astype(np.int64).ravel(), minlength=443)
        return ids

    def warn(self, where: str) -> None:
        """Log the distance of the farthest 1% of the pixels from the palette if colours are not exact."""
        total = self.distances.sum()
        far = int(np.searchsorted(np.cumsum(self.distances), 0.99 * total)) if total else 0
        if far:
            log.warning(
                "%s: pixels use the nearest colour of palette '%s'; 1%% of them are %d or farther from it, of 441",
                where,
                self.palette.name,
                far,
            )
