"""`upscale` in the place of a model: the one that suits a picture.

A model that never saw compression sharpens it. What was trained on compressed pictures takes those JPEGs whose
compression is visible, and what was trained on clean ones takes all other files.
"""

import functools
import io
import logging
from pathlib import Path
from typing import Any

from PIL import Image

from tfgans.data.formats import open_image
from tfgans.errors import UserError
from tfgans.inference.exported import Exported, find
from tfgans.inference.tiling import Pictures, pictures_of

log = logging.getLogger(__name__)

NAME = "upscale"
REAL = "srgan_real-photos"
CLEAN = "srgan-photos"
VISIBLE = 92  # the highest quality at which compression counts as visible


def asked(model: str | Path) -> bool:
    """Whether a model's name is the task's, and no model has it."""
    return str(model) == NAME and not _is_there(NAME)


def quality_of(image: Image.Image) -> int | None:
    """The quality, 1 to 100, with which Pillow's image of a JPEG was written; None of other images.

    Of the qualities of the Independent JPEG Group's software the one whose table for brightness has the nearest sum:
    others have tables of their own.
    """
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    own, sums = sum(next(iter(tables.values()))), _sums()
    return min(sums, key=lambda quality: abs(sums[quality] - own))


@functools.cache
def _sums() -> dict[int, int]:
    """Quality -> the sum of its table for brightness."""
    found = {}
    for quality in range(100, 0, -1):  # of equal sums, as of 1 and 2, the highest quality comes first
        file = io.BytesIO()
        Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
        tables: Any = Image.open(file)
        found[quality] = sum(tables.quantization[0])
    return found


def _is_there(name: str) -> bool:
    try:
        find(name)
    except UserError:
        return False
    return True


class Upscaler:
    """Chooses between two models. A line on stderr names the chosen one whenever that changes.

    Raises UserError where neither is there. One that is not there is replaced by the other.
    """

    def __init__(self) -> None:
        self.there = [name for name in (REAL, CLEAN) if _is_there(name)]
        if not self.there:
            raise UserError(f"{NAME} takes {REAL} or {CLEAN}, and neither is in saved_models/; name a model")
        self.models: dict[str, Exported] = {}
        self.choice = ""

    def __call__(self, path: Path) -> Pictures:
        """The model for a file. Raises UserError, or OSError, for a file that is no picture."""
        with open_image(path) as image:
            return pictures_of(self.model_for(image, str(path)), "restore")

    def model_for(self, image: Any, name: str) -> Exported:
        """The model for Pillow's image of a file, or for an array."""
        quality = quality_of(image)
        spoiled = quality is not None and quality <= VISIBLE
        wanted = REAL if spoiled else CLEAN
        chosen = wanted if wanted in self.there else self.there[0]
        if self.choice != f"{wanted} {chosen}":
            self.choice = f"{wanted} {chosen}"
            what = f"a JPEG of quality {quality}" if quality is not None else "not a JPEG"
            missing = "" if chosen == wanted else f" ({wanted} is not in saved_models/)"
            others = f"to choose another model, name it in place of '{NAME}': {' or '.join(self.there)}"
            log.warning("%s is %s; %s enlarges it%s; %s", name, what, chosen, missing, others)
        return self.opened(chosen)

    def opened(self, name: str) -> Exported:
        if name not in self.models:
            self.models[name] = Exported(name)
        return self.models[name]
