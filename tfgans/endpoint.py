"""Contract: the endpoints of a model and their arrays, declared by the model and stored in its export."""

import dataclasses
import json
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Array:
    """A named array in a batch or at an endpoint.

    `encoding` is the meaning of its numbers:

    | encoding | array |
    |---|---|
    | image | (n, h, w, c), in [-1, 1] in a batch and in [0, 1] at an endpoint |
    | points | (n, 1, 1, 2), in the same ranges: points of the plane |
    | classes | (n, h, w, 1) int32: a label map, ids below `high` |
    | instances | (n, h, w, 1) int32: an instance map |
    | mask | (n, h, w, 1) bool: True in the hole |
    | label | (n,) int32 below `high`; or (n, k) of 0 and 1: attributes |
    | probabilities | (n, k) of k classes |
    | latents | (n, d) |
    | codes | (n, c): a category, one-hot in the first `categories` entries, then continuous codes |
    | number | a scalar, such as a number of images or a seed |

    Integers lie in [low, high), floats in [low, high].
    """

    shape: Shape
    dtype: str = "float32"
    low: float = -1.0
    high: float = 1.0
    encoding: str = "image"
    categories: int = 0

    def noise(self, rng: np.random.Generator) -> np.ndarray:
        """Random values within the bounds; the shape must be known."""
        shape = [side for side in self.shape if side is not None]
        if self.dtype == "bool":
            return rng.random(shape) < 0.5
        if "int" in self.dtype:
            return rng.integers(int(self.low), int(self.high), shape).astype(self.dtype)
        return rng.uniform(self.low, self.high, shape).astype(self.dtype)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A function of an exported model: inputs by name, in order, and outputs by name (a single one is returned bare).

    The other fields control how the host processes pictures, the input of encoding "image" or "classes":

    * `scale`: the ratio of the output's sides to the input's;
    * `multiple`: sides must be multiples of it; the host mirrors pictures up to them and crops the result;
    * `size`: the only (height, width) that it takes;
    * `largest`: the largest side; a larger picture is shrunk and the result enlarged, with a warning;
    * `tiles`: large pictures may be cut into tiles of `tile` pixels, with `margin` pixels on each side beyond the
      region that fades into the next tile;
    * `hole`: the side of the largest hole that it fills, in the middle of its pictures if they have one `size`, or
      anywhere; known pixels are copied;
    * `keeps_lightness`: the picture's own L (of Lab) is kept, and only the colours come from the model.
    """

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    scale: int = 1
    multiple: int = 1
    size: tuple[int, int] | None = None
    largest: int | None = None
    tiles: bool = False
    tile: int | None = None
    margin: int | None = None
    hole: int | None = None
    keeps_lightness: bool = False


def image(n: int, shape: tuple[int, int, int]) -> Array:
    """Images of a batch: (n, h, w, c) in [-1, 1]; images of two channels are points."""
    return Array((n, *shape), encoding="points" if shape[2] == 2 else "image")


def label(n: int, classes: int) -> Array:
    """Labels of a batch: (n,) int32 below `classes`."""
    return Array((n,), "int32", 0, classes, "label")


def latents(*shape: int, normal: bool = False) -> Array:
    """Latents of an endpoint: (n, *shape), uniform in [-1, 1], or normal, which nearly always lie in [-4, 4]."""
    bound = 4.0 if normal else 1.0
    return Array((None, *shape), low=-bound, high=bound, encoding="latents")


def images(channels: int, shape: Shape = (None, None, None)) -> Array:
    """Images of an endpoint: (n, h, w, channels) in [0, 1]."""
    return Array((*shape, channels), low=0.0, high=1.0)


def number(high: float = 2**31) -> Array:
    """A scalar of an endpoint, int32 from 0: a number of images, or a seed."""
    return Array((), "int32", 0, high, "number")


def generator(
    image_shape: tuple[int, int, int], latents: Array, *, classes: int = 0, codes: Array | None = None
) -> dict[str, Endpoint]:
    """The endpoints of a model that draws images from noise: `sample`, and `generate`, which is deterministic.

    `sample(n, seed)`, with `classes` `sample(labels, seed)`, with `codes` `sample(codes, seed)`;
    `generate(latents[, labels | codes])`.
    """
    height, width, channels = image_shape
    made = {"images": images(channels, (None, height, width))}
    if channels == 2:
        made = {"images": dataclasses.replace(made["images"], encoding="points")}
    asked: dict[str, Array] = {"n": number()}
    if classes:
        asked = {"labels": Array((None,), "int32", 0, classes, "label")}
    elif codes:
        asked = {"codes": codes}
    own = {} if "n" in asked else asked
    return {
        "sample": Endpoint({**asked, "seed": number()}, made),
        "generate": Endpoint({"latents": latents, **own}, made),
    }


def to_json(declaration: dict[str, Any]) -> str:
    """A declaration as a string: `endpoints` become dictionaries, other entries stay."""
    endpoints = {name: dataclasses.asdict(each) for name, each in declaration["endpoints"].items()}
    return json.dumps({**declaration, "endpoints": endpoints})


def from_json(text: str) -> dict[str, Any]:
    """The inverse of `to_json`."""
    declaration = json.loads(text)

    def array(values: dict[str, Any]) -> Array:
        return Array(**{**values, "shape": tuple(values["shape"])})

    def endpoint(values: dict[str, Any]) -> Endpoint:
        arrays = {side: {k: array(v) for k, v in values[side].items()} for side in ("inputs", "outputs")}
        return Endpoint(**{**values, **arrays, "size": values["size"] and tuple(values["size"])})

    return {**declaration, "endpoints": {name: endpoint(each) for name, each in declaration["endpoints"].items()}}
