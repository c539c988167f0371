"""The model `upscale`: chooses the model that suits each picture.

A model trained on clean pictures sharpens compression artefacts. JPEGs with visible compression therefore go to a
model trained on compressed pictures, and all other files to one trained on clean pictures.
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
VISIBLE = 92  # the highest JPEG quality that counts as visible compression


def asked(model: str | Path) -> bool:
    """Whether a model's name is `upscale` and no model has that name."""
    return str(model) == NAME and not _is_there(NAME)


def quality_of(image: Image.Image) -> int | None:
    """The quality, 1 to 100, of a JPEG opened by Pillow; None for other images.

    It is the quality of the Independent JPEG Group's software whose luminance table has the nearest sum, because
    other programs have tables of their own.
    """
    tables = getattr(image, "quantization", None)
    if not tables:
        return None
    own, sums = sum(next(iter(tables.values()))), _sums()
    return min(sums, key=lambda quality: abs(sums[quality] - own))


@functools.cache
def _sums() -> dict[int, int]:
    """Quality -> the sum of its luminance table."""
    found = {}
    for quality in range(100, 0, -1):  # for equal sums, as of 1 and 2, the highest quality comes first
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
    """Chooses between two models and logs the choice whenever it changes.

    If one of them is missing, the other replaces it. Raises UserError if both are missing.
    """

    def __init__(self) -> None:
        self.there = [name for name in (REAL, CLEAN) if _is_there(name)]
        if not self.there:
            raise UserError(f"{NAME} needs {REAL} or {CLEAN}, and neither is in saved_models/; name a model")
        self.models: dict[str, Exported] = {}
        self.choice = ""

    def __call__(self, path: Path) -> Pictures:
        """The model for a file. Raises UserError or OSError if the file is not a picture."""
        with open_image(path) as image:
            return pictures_of(self.model_for(image, str(path)), "restore")

    def model_for(self, image: Any, name: str) -> Exported:
        """The model for a file opened by Pillow, or for an array."""
        quality = quality_of(image)
        spoiled = quality is not None and quality <= VISIBLE
        wanted = REAL if spoiled else CLEAN
        chosen = wanted if wanted in self.there else self.there[0]
        if self.choice != f"{wanted} {chosen}":
            self.choice = f"{wanted} {chosen}"
            what = f"a JPEG of quality {quality}" if quality is not None else "not a JPEG"
            missing = "" if chosen == wanted else f" ({wanted} is not in saved_models/)"
            others = f"for another model, replace '{NAME}' by {' or '.join(self.there)}"
            log.warning("%s is %s; %s enlarges it%s; %s", name, what, chosen, missing, others)
        return self.opened(chosen)

    def opened(self, name: str) -> Exported:
        if name not in self.models:
            self.models[name] = Exported(name)
        return self.models[name]
