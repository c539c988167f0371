"""Applying an endpoint to pictures of any size, by the rules that it declares (`tfgans.endpoint.Endpoint`)."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans.data.colour import lightness, rgb_to_lab
from tfgans.endpoint import Array, Endpoint
from tfgans.errors import UserError
from tfgans.images import to_uint8
from tfgans.inference import holes
from tfgans.inference.exported import Exported
from tfgans.inference.gamut import tinted
from tfgans.inference.label_maps import takes_instances, with_objects
from tfgans.inference.onednn import has_onednn
from tfgans.inference.scaling import plain, resized
from tfgans.inference.undeclared import card_of

TILE = 160  # pixels of the source: SRGAN then needs half a gigabyte per tile (0.9 with 224)
RAMP = 16  # pixels of the source over which one tile fades into the next
# Pixels between the fading and a tile's edge. Errors at the edge spread through SRGAN's 34 convolutions of 3x3 like a
# random walk of standard deviation sqrt(34 * 2/3) = 4.8 pixels: 24 are five of them. (The maximum reach is 40.)
MARGIN = 24
SMALLEST_TILE = 32
# Pictures are extended outwards by this many mirrored pixels, because a network takes everything beyond the border for
# black; the extension is cut off the result. srresnet-photos then keeps flat colours to 1 level up to the edge (to 2
# with 4 pixels, 14 without, and 71 in strips one pixel high).
EDGE = 8
LARGEST_COLOURED = 512  # pixels a side, at most, of a colourizer's input, if it declares no `largest`
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # BT.601
ROWS = 64  # of a strip


@dataclasses.dataclass(frozen=True)
class Pictures:
    """An endpoint as a function of pictures.

    Pixels are (h, w, 1 or 3): uint8, or float32 in [0, 1]; results have the same dtype. Label maps are int32 ids
    (h, w, 1), or (h, w, 2) with an instance map as the second channel, and their results are uint8. `run` processes a
    batch of float32 images in [0, 1] or ids (n, h, w, c), and of masks (n, h, w, 1) for filling.

    With `like_the_input`, gray pictures stay gray, and a model of gray images processes each channel of a coloured
    picture separately. Otherwise the model decides, and a model of gray images gets the luma of coloured pictures.
    """

    endpoint: Endpoint
    run: Callable[..., np.ndarray]
    like_the_input: bool = True
    whole: tuple[int, int] | None = (
        None  # the size of training pictures if they were whole: the model knows their borders
    )

    @property
    def given(self) -> Array:
        """The input that is a picture or a label map."""
        found = [a for a in self.endpoint.inputs.values() if a.encoding in ("image", "classes")]
        if len(found) != 1:
            raise UserError(f"this endpoint takes {len(found)} pictures at once; call the SavedModel itself")
        return found[0]

    @property
    def made_channels(self) -> int | None:
        return next(iter(self.endpoint.outputs.values())).shape[-1]

    @property
    def stays_gray(self) -> bool:
        """Whether gray pictures stay gray."""
        return self.made_channels == 1 or (self.like_the_input and self.given.shape[-1] == 3)

    def channels_made(self, channels: int) -> int:
        """The channels of the result for a picture with so many channels."""
        if channels == 1 and self.stays_gray:
            return 1
        made = self.made_channels or channels
        return channels if made == 1 and self.like_the_input else made

    # -- sizes ------------------------------------------------------------------------------------------------------

    def seen(self, height: int, width: int) -> tuple[int, int]:
        """The size at which the model gets a picture that is not cut into tiles."""
        rules = self.endpoint
        if rules.hole or rules.tiles:
            return height, width
        if rules.size:
            return rules.size
        largest = rules.largest or max(height, width)
        if rules.keeps_lightness:  # with the mirrored extension
            largest = max(1, (rules.largest or LARGEST_COLOURED) - 2 * self._edge(height, width))
        scale = min(1.0, largest / max(height, width))
        return max(1, round(scale * height)), max(1, round(scale * width))

    def made(self, height: int, width: int) -> tuple[int, int]:
        """The size of the result for a picture: `scale` times its own size, or times the fixed size of an enlarging
        model."""
        rules = self.endpoint
        if rules.size and rules.scale > 1 and not rules.hole:
            height, width = rules.size
        return height * rules.scale, width * rules.scale

    def note(self, pixels: np.ndarray, mask: np.ndarray | None = None) -> str:
        """A warning about the size or the hole of a picture, or an empty string."""
        rules, (height, width) = self.endpoint, pixels.shape[:2]
        if mask is not None:
            return holes.note(mask, rules.hole)
        seen = self.seen(height, width)
        if seen == (height, width) or rules.keeps_lightness:
            return ""
        has = f"has {width}x{height} pixels, and the model takes "
        if rules.size:
            return f"{has}{seen[1]}x{seen[0]}: it was scaled to that"
        return f"{has}at most {rules.largest} a side: it was shrunk, and the result enlarged"

    def tile_of(self, tile: int | None = None) -> int:
        """The side of a tile: `tile`, the declared side or TILE, as a multiple of `multiple`."""
        rules = self.endpoint
        side = tile or rules.tile or TILE
        return max(rules.multiple, side // rules.multiple * rules.multiple)

    def count(self, height: int, width: int, tile: int | None = None) -> int:
        """The number of tiles that a picture is cut into."""
        if not self.endpoint.tiles:
            return 1
        return count_tiles(*self._padded_sides(height, width), self.tile_of(tile), self._margin)

    @property
    def _margin(self) -> int:
        return MARGIN if self.endpoint.margin is None else self.endpoint.margin

    def _edge(self, height: int, width: int) -> int:
        """The pixels, a multiple of `multiple`, by which a picture is extended for enlarging or colourizing.

        Translations apply to whole pictures with their borders.
        """
        rules = self.endpoint
        if not (rules.tiles or rules.keeps_lightness) or rules.multiple > EDGE or (height, width) == self.whole:
            return 0
        return -(-EDGE // rules.multiple) * rules.multiple

    def _padded_sides(self, height: int, width: int) -> tuple[int, int]:
        multiple = self.endpoint.multiple
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple

    def padded(self, pixels: np.ndarray, edge: int = 0) -> np.ndarray:
        """A picture mirrored by `edge` on all sides, and further at the bottom and right to multiples of
        `multiple`."""
        height, width = pixels.shape[:2]
        tall, wide = self._padded_sides(height, width)
        around = ((edge, tall - height + edge), (edge, wide - width + edge), (0, 0))
        return np.pad(pixels, around, mode="symmetric")

    def _with_edges(self, pixels: np.ndarray) -> np.ndarray:
        """The result for a whole picture, float32 or ids, extended so that the model does not see its borders."""
        (height, width), factor = pixels.shape[:2], self.endpoint.scale
        edge = self._edge(height, width)
        given = self.padded(pixels, edge)
        made = self.one(given)
        tall, wide = (side * factor for side in given.shape[:2])
        if made.shape[:2] != (tall, wide):
            raise UserError(
                f"makes {made.shape[1]}x{made.shape[0]} pixels of {given.shape[1]}x{given.shape[0]}, not {wide}x{tall}"
            )
        first = edge * factor
        return made[first : first + height * factor, first : first + width * factor]

    # -- pictures ---------------------------------------------------------------------------------------------------

    def apply(self, pixels: np.ndarray, mask: np.ndarray | None = None, tile: int | None = None) -> np.ndarray:
        """Process a picture; `mask`, bool (h, w), is True in the hole to fill."""
        return np.concatenate(list(self.strips(pixels, mask, tile)))

    def strips(
        self,
        pixels: np.ndarray,
        mask: np.ndarray | None = None,
        tile: int | None = None,
        progress: Callable[[], object] = lambda: None,
    ) -> Iterator[np.ndarray]:
        """Process a picture and yield the result in strips (any, w, c) from top to bottom, calling `progress` per tile.

        For an endpoint with `tiles`, only one row of tiles is held in memory. With oneDNN, tiles are processed in
        pairs, which halves the time per tile.
        """
        if self.endpoint.tiles:
            yield from self._tiled(pixels, self.tile_of(tile), progress)
            return
        if self.endpoint.keeps_lightness:
            yield from self._coloured(pixels)
        elif mask is not None:
            yield holes.filled(self._in_its_channels, self.endpoint, pixels, mask, self.padded)
        else:
            yield like(self._whole(pixels), pixels)
        progress()

    def one(self, image: np.ndarray) -> np.ndarray:
        """Apply the model to one image, float32 or ids (h, w, c): float32 (h', w', c')."""
        return self._in_its_channels(image[None])[0]

    def _in_its_channels(self, images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """Apply the model to images (n, h, w, 1 or 3) whatever channels it takes: gray ones are repeated."""
        more = () if masks is None else (masks,)
        channels, wanted = images.shape[-1], self.given.shape[-1] or images.shape[-1]
        if channels == wanted or self.given.encoding == "classes":  # and instances
            return self.run(images, *more)
        if channels == 1 and wanted == 3:
            made = self.run(np.repeat(images, 3, axis=-1), *more)
            return (made @ LUMA)[..., None] if self.stays_gray and made.shape[-1] == 3 else made
        if channels == 3 and wanted == 1 and self.like_the_input and self.made_channels in (None, 1):
            planes = [self.run(images[..., k : k + 1], *more) for k in range(3)]
            return np.concatenate(planes, axis=-1)
        if channels == 3 and wanted == 1:
            return self.run((images @ LUMA)[..., None], *more)
        raise UserError(f"the model takes images of {wanted} channels, not {channels}")

    def _whole(self, pixels: np.ndarray) -> np.ndarray:
        sides = pixels.shape[:2]
        seen, wanted = self.seen(*sides), self.made(*sides)
        return resized(self._with_edges(plain(resized(pixels, seen))), wanted)

    def _tiled(self, pixels: np.ndarray, tile: int, progress: Callable[[], object]) -> Iterator[np.ndarray]:
        height, width = self.made(*pixels.shape[:2])
        edge, factor = self._edge(*pixels.shape[:2]), self.endpoint.scale
        sides = self._padded_sides(*pixels.shape[:2])
        padded = self.padded(pixels, edge)
        overlap, ramp = overlap_of(tile, self._margin)
        tall, wide = min(tile, sides[0]), min(tile, sides[1])
        tops, lefts = tile_starts(sides[0], tile, overlap), tile_starts(sides[1], tile, overlap)
        down, across = tile_weights(tops, tall, ramp, factor), tile_weights(lefts, wide, ramp, factor)
        rows = np.zeros((0, 0, 0), np.float32)
        passed = 0
        for i, top in enumerate(tops):
            # at the borders of the picture a tile reaches over them
            first, last = (edge if top == 0 else 0), (edge if top + tall == sides[0] else 0)
            strip = plain(padded[edge + top - first : edge + top + tall + last])
            spans = [
                (edge * (left > 0) + left, edge + left + wide + edge * (left + wide == sides[1])) for left in lefts
            ]
            for group in alike(spans, 2 if has_onednn() else 1):
                images = np.stack([strip[:, slice(*spans[k])] for k in group])
                for k, made in zip(group, self._in_its_channels(images), strict=True):
                    before = (edge + lefts[k] - spans[k][0]) * factor
                    made = made[first * factor :, before:][: tall * factor, : wide * factor]
                    if not rows.size:
                        rows = np.zeros((tall * factor, sides[1] * factor, made.shape[-1]), np.float32)
                    made = made * (down[i][:, None, None] * across[k][:, None])
                    rows[:, lefts[k] * factor : (lefts[k] + wide) * factor] += made
                    progress()
            final = (tops[i + 1] - top if i + 1 < len(tops) else tall) * factor  # rows that no later tile changes
            for y in range(0, min(final, height - passed), ROWS):
                yield like(rows[y : min(y + ROWS, final, height - passed), :width], pixels)
            passed += final
            rest = len(rows) - final
            for y in range(0, rest, ROWS):  # moved up by `final`, in place and piece by piece
                rows[y : min(y + ROWS, rest)] = rows[y + final : min(y + ROWS, rest) + final].copy()
            rows[rest:] = 0

    def _coloured(self, pixels: np.ndarray) -> Iterator[np.ndarray]:
        """Colourize a picture from the lightness of all of it, shrunken if it is large, because tiles would differ.

        The result's a and b (of Lab) are enlarged and combined with the lightness of each pixel; the picture's own
        colours are not used.
        """
        height, width = pixels.shape[:2]
        seen = self.seen(height, width)
        gray = (lightness(tf.constant(2.0 * plain(resized(pixels, seen)) - 1.0)).numpy() + 1.0) / 2.0
        made = self._with_edges(gray)
        a_b = rgb_to_lab(2.0 * made - 1.0).numpy()[..., 1:]
        for y in range(0, height, ROWS):
            part = 2.0 * plain(pixels[y : y + ROWS]) - 1.0
            box = (0, y * seen[0] / height, seen[1], (y + len(part)) * seen[0] / height)
            colours = resized(a_b, (len(part), width), box)
            own = rgb_to_lab(np.broadcast_to(part, (*part.shape[:2], 3)))[..., :1]
            yield like(tinted(own.numpy(), colours), pixels)


def pictures_of(model: Exported, name: str, seed: int = 0) -> Pictures:
    """An endpoint of an exported model as a function of pictures. Raises UserError if the model lacks it."""
    rules = model.need(name)
    more = [seed] if "seed" in rules.inputs else []
    objects = takes_instances(rules)

    def run(*inputs: Any) -> np.ndarray:
        inputs = with_objects(*inputs) if objects else inputs
        made = model.call(name, *inputs, *more)
        return next(iter(made.values())) if isinstance(made, dict) else made

    shape = model.declaration.get("whole")
    if "whole" not in model.declaration:  # an export from before this key
        card = card_of(model.path)
        shape = None if card.get("settings", {}).get("crop", True) else card.get("image_shape")
    whole = (shape[0] // rules.scale, shape[1] // rules.scale) if shape else None
    return Pictures(rules, run, like_the_input=name in ("restore", "fill"), whole=whole)


def restore_array(model: Exported, pixels: np.ndarray, tile: int | None = None) -> np.ndarray:
    """Restore `pixels`, uint8 (h, w, 1 or 3): uint8 (h * scale, w * scale, c)."""
    return pictures_of(model, "restore").apply(pixels, tile=tile)


def like(made: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Convert images in [0, 1] to float32 if the picture is float32, otherwise to uint8."""
    return made.astype(np.float32) if np.issubdtype(pixels.dtype, np.floating) else to_uint8(made)


def alike(spans: list[tuple[int, int]], most: int) -> list[list[int]]:
    """The numbers of spans (start, end), at most `most` of one length together."""
    found: dict[int, list[int]] = {}
    for k, (start, end) in enumerate(spans):
        found.setdefault(end - start, []).append(k)
    return [group[i : i + most] for group in found.values() for i in range(0, len(group), most)]


# --- placing and blending tiles -------------------------------------------------------------------------------------


def tile_starts(n: int, tile: int, overlap: int) -> list[int]:
    """The starts of tiles that cover n pixels, evenly spaced, with neighbours sharing at least `overlap`."""
    if n <= tile:
        return [0]
    count = -(-(n - overlap) // (tile - overlap))
    return [round(i * (n - tile) / (count - 1)) for i in range(count)]


def tile_weights(starts: list[int], tile: int, ramp: int, factor: int) -> list[np.ndarray]:
    """The weight of each tile along one axis, float32 (tile * factor,): 1, with a linear ramp of `ramp` source pixels
    in the middle of each overlap and 0 beyond it. Over all tiles the weights sum to 1 everywhere."""
    at = np.arange(tile * factor) + 0.5

    def rise(left: int, right: int, origin: int) -> np.ndarray:
        middle = (right + left + tile) / 2 - origin  # of the overlap of the tiles at `left` and `right`
        return np.clip((at / factor - middle) / ramp + 0.5, 0.0, 1.0)

    weights = []
    for i, start in enumerate(starts):
        weight = np.ones(tile * factor)
        if i > 0:
            weight *= rise(starts[i - 1], start, start)
        if i + 1 < len(starts):
            weight *= 1.0 - rise(start, starts[i + 1], start)
        weights.append(weight.astype(np.float32))
    return weights


def overlap_of(tile: int, margin: int = MARGIN) -> tuple[int, int]:
    """(overlap, ramp) in source pixels for tiles of this size; small tiles overlap by half."""
    overlap = min(2 * margin + RAMP, tile // 2)
    return overlap, max(1, min(RAMP, overlap // 2))


def count_tiles(height: int, width: int, tile: int = TILE, margin: int = MARGIN) -> int:
    overlap, _ = overlap_of(tile, margin)
    return len(tile_starts(height, tile, overlap)) * len(tile_starts(width, tile, overlap))
