"""The Python interface to exported models: arrays or Pillow images in, the same kind out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.inference.image_files import CONVERTED, parts
from tfgans.inference.invert import translator
from tfgans.inference.label_maps import INSTANCES, checked, takes_instances
from tfgans.inference.metadata import upright, upright_xmp
from tfgans.inference.scaling import resized, spread
from tfgans.inference.tiling import Pictures, pictures_of
from tfgans.inference.upscale import NAME, Upscaler

Picture = Any  # a Pillow image, or an array of uint8 or of floats in [0, 1]: (h, w), (h, w, c) or (n, h, w, c)


class Model:
    """An exported model, opened by `tfgans.load`.

    Its methods are those of its endpoints: calling a missing one raises `tfgans.errors.UserError`. Pictures are Pillow
    images, or arrays of uint8 or of floats in [0, 1], (h, w), (h, w, c) or (n, h, w, c), of any size. Results are of
    the same kind: a Pillow image, uint8, or float32.
    """

    def __init__(self, path: str | Path) -> None:
        self.exported = Exported(path)

    def __repr__(self) -> str:
        return f"<tfgans model {self.exported.path.name}: {', '.join(self.exported.endpoints)}>"

    def sample(
        self,
        n: int | None = None,
        *,
        labels: Sequence[int | str] | None = None,
        codes: np.ndarray | None = None,
        seed: int = 0,
    ) -> Any:
        """New images, float32 (n, h, w, c) in [0, 1]: `n` of them, or one for each label or row of codes.

        `n` is 1 by default. For a model with labels it is the number of images per label, and all labels are drawn by
        default. Labels are numbers or class names. A model of two domains returns a dictionary with "a" and "b".
        """
        model = self.exported
        model.need("sample")
        if labels is not None and not model.conditional:
            raise UserError(f"{model.path.name} takes no labels")
        if codes is not None and not model.codes:
            raise UserError(f"{model.path.name} takes no codes")
        if model.conditional:
            if labels is None and model.classes is None:
                raise UserError(f"{model.path.name} does not declare its number of labels; pass labels")
            asked = model.labels(range(model.classes or 0) if labels is None else labels)
            return model.sample(labels=np.tile(asked, n or 1), seed=seed)
        if codes is not None:
            return model.sample(codes=np.asarray(codes, np.float32), seed=seed)
        return model.sample(n=1 if n is None else n, seed=seed)

    def restore(self, image: Picture) -> Picture:
        """Restore, enlarge or colourize a picture; its transparency stays."""
        return self._apply(pictures_of(self.exported, "restore"), image)

    def fill(self, image: Picture, mask: Picture | None = None) -> Picture:
        """Fill the holes of a picture: the pixels where `mask` is light (or True), or by default the transparent ones.

        Known pixels stay as they are. Without a mask, the result is opaque.
        """
        pictures = pictures_of(self.exported, "fill")
        several = as_arrays(image)
        if mask is not None:
            masks = [parted(each)[0].max(axis=-1) >= half(each) for each in as_arrays(mask)]
            masks = masks * len(several) if len(masks) == 1 else masks
        elif any(each.shape[-1] not in (2, 4) for each in several):
            raise UserError("this picture has no transparency; pass a mask that is light in the hole")
        else:
            masks = [each[..., -1] < opaque(each) for each in several]
        sides = [each.shape[:2] for each in several]
        if sides != [each.shape for each in masks]:
            raise UserError(f"masks of {[each.shape for each in masks]} pixels do not fit pictures of {sides}")
        return self._apply(pictures, image, masks)

    def translate(
        self, image: Picture, to: str | None = None, *, seed: int = 0, instances: np.ndarray | None = None
    ) -> Picture:
        """Translate a picture into the domain `to`, by default the second domain of a two-way model.

        For a model of label maps, the picture is an array of integer ids (h, w), (h, w, 1) or (n, h, w, 1) and the
        result is uint8. `instances` are the ids of its objects in the same form; by default, touching pixels of one
        class form an object.
        """
        pictures = translator(self.exported, to, seed)
        if instances is not None and not takes_instances(pictures.endpoint):
            raise UserError(f"{self.exported.path.name} takes no instance maps")
        return self._apply(pictures, image, instances=instances)

    def _apply(
        self,
        pictures: Pictures,
        image: Picture,
        masks: list[np.ndarray] | None = None,
        instances: np.ndarray | None = None,
    ) -> Picture:
        if pictures.given.encoding == "classes":
            several = [checked(each, int(pictures.given.high)) for each in as_arrays(image, ids=True)]
            if instances is not None:
                objects = [checked(each, INSTANCES, "an instance map") for each in as_arrays(instances, ids=True)]
                sides = [[each.shape[:2] for each in maps] for maps in (several, objects)]
                if sides[0] != sides[1]:
                    raise UserError(f"instance maps of {sides[1]} pixels do not fit label maps of {sides[0]}")
                several = [np.concatenate(pair, axis=-1) for pair in zip(several, objects, strict=True)]
        else:
            several = as_arrays(image)
        made = [self._made(pictures, each, masks[i] if masks else None) for i, each in enumerate(several)]
        if isinstance(image, Image.Image):
            result = Image.fromarray(made[0][..., 0] if made[0].shape[-1] == 1 else made[0])
            result.info = belongings(image, made[0].shape[0], made[0].shape[1])
            return result
        rank = np.ndim(image)
        if rank == 4:
            return np.stack(made)
        return made[0][..., 0] if rank == 2 and made[0].shape[-1] == 1 else made[0]

    def _made(self, pictures: Pictures, picture: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """Process one picture (h, w, c). Its alpha is enlarged with it, unless it marks the hole."""
        if pictures.given.encoding == "classes":
            return pictures.apply(picture)
        pixels, alpha = parted(picture)
        if alpha is None or (mask is not None and (mask == (alpha < opaque(alpha))).all()):
            return pictures.apply(pixels, mask)
        made = pictures.apply(spread(pixels, alpha), mask)
        if mask is not None:
            made = np.where(mask[..., None], made, pixels)
        alpha = resized(alpha[..., None], made.shape[:2])
        return np.concatenate([made, alpha if alpha.dtype == np.uint8 else alpha.clip(0, 1)], axis=-1)


class UpscalingModel(Model):
    """`tfgans.load("upscale")`: `restore` chooses a model for each picture, see `tfgans.inference.upscale`.

    Compression is only known for Pillow images opened from a JPEG file, not for arrays or converted images.
    """

    def __init__(self) -> None:
        self.upscaler = Upscaler()
        self.exported = self.upscaler.opened(self.upscaler.there[0])

    def __repr__(self) -> str:
        return f"<tfgans model {NAME}: {', '.join(self.upscaler.there)}>"

    def restore(self, image: Picture) -> Picture:
        self.exported = self.upscaler.model_for(image, "this picture")
        return super().restore(image)


def belongings(image: Image.Image, height: int, width: int) -> dict[str | tuple[int, int], Any]:
    """The metadata of a Pillow image (EXIF, XMP, profile and resolution) for a result of this size."""
    info: dict[str | tuple[int, int], Any] = {
        name: image.info[name] for name in ("icc_profile", "dpi", "comment") if image.info.get(name)
    }
    exif, xmp = image.info.get("exif", b""), image.info.get("xmp", b"")
    if exif and (exif := upright(exif.removeprefix(b"Exif\0\0"), height, width)):
        info["exif"] = b"Exif\0\0" + exif
    if xmp:
        info["xmp"] = upright_xmp(xmp.encode() if isinstance(xmp, str) else xmp, height, width)
    if image.mode in CONVERTED:
        info.pop("icc_profile", None)
    return info


def as_arrays(image: Picture, ids: bool = False) -> list[np.ndarray]:
    """The pictures in an image or array, each uint8 or float32 (h, w, c); bool becomes uint8, ids stay as they are.

    Raises UserError if it is not a picture.
    """
    if isinstance(image, Image.Image):
        image = ImageOps.exif_transpose(image)
        if not ids:
            pixels, alpha = parts(image)
            return [pixels if alpha is None else np.concatenate([pixels, alpha[..., None]], axis=-1)]
    array = np.asarray(image)
    array = array.astype(np.uint8) * 255 if array.dtype == bool else array
    if array.ndim not in (2, 3, 4) or (array.ndim > 2 and not 1 <= array.shape[-1] <= 4):
        raise UserError(f"a picture has the shape (h, w), (h, w, c) or (n, h, w, c), not {array.shape}")
    if ids:
        if not np.issubdtype(array.dtype, np.integer) or (array.ndim > 2 and array.shape[-1] != 1):
            raise UserError(f"a label map must hold integers, (h, w) or (h, w, 1), not {array.dtype} {array.shape}")
    elif np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
        if array.size and (array.min() < 0 or array.max() > 1):
            raise UserError(f"floats must lie in [0, 1]; these range from {array.min():g} to {array.max():g}")
    elif array.dtype != np.uint8:
        raise UserError(f"a picture must hold uint8, or floats in [0, 1], not {array.dtype}")
    array = array[..., None] if array.ndim == 2 else array
    return list(array) if array.ndim == 4 else [array]


def parted(array: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The colours of a picture (h, w, c) and its alpha channel (h, w), or None."""
    return (array[..., :-1], array[..., -1]) if array.shape[-1] in (2, 4) else (array, None)


def opaque(array: np.ndarray) -> float:
    """The largest value of the array's data type."""
    return 255 if array.dtype == np.uint8 else 1.0


def half(array: np.ndarray) -> float:
    """The value above which pixels of the array's data type are light."""
    return 128 if array.dtype == np.uint8 else 0.5
