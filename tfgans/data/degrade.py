"""Degradations of clean images, as by a camera, a file format or an accident.

    shrink = degrade("bicubic:4+jpeg:40+noise:0.05")
    poor = shrink(image, seed)

A degradation is a pure function of (image, seed): image float32 (h, w, c) in [-1, 1], seed int32 (2,), result an image
of the same kind. It consists of TensorFlow operations only, so it runs inside `tf.data` for static or dynamic h and w,
and the same seed gives the same pixels whatever the batch size or the number of parallel calls. Step i of a
composition draws from `fold_in(seed, i)`, so that two noises in a row are independent.

Real pictures are degraded to unknown degrees. The strengths of blur, noise and jpeg may therefore be ranges, from which
each image draws its own, and steps may be repeated (Wang et al., "Real-ESRGAN", arXiv:2107.10833, section 3):

    once = degrade("blur:0.2-2+bicubic:4+noise:0-0.04+jpeg:30-95")
    twice = degrade("blur:0.2-3+bicubic:2+noise:0-0.04+jpeg:30-95+blur:0.2-1.5+bicubic:2+noise:0-0.02+jpeg:30-95")

Values are clipped to [-1, 1] where the physical process saturates (a sensor, an 8-bit file): after bicubic, noise,
poisson and jpeg. The other steps average or replace pixels and cannot leave the range.

`mask` and `freeform` "zero" their pixels. Zero is the 0 of [-1, 1], mid grey: this looks like zero padding to a
network, and a hole in a digit's black background stays visible. `mask:64:0` makes the hole black instead.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tfgans.data.colour import lightness
from tfgans.errors import UserError
from tfgans.layers import mirror

Step = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
STRENGTH, GRID = range(2)  # uses of a step's further random numbers, besides those of its own seed


@dataclass(frozen=True)
class Strength:
    """The strength of a step. If `low` is below `high`, each image draws its own uniformly from [low, high].

    For integers it is an integer.
    """

    low: float
    high: float

    def draw(self, seed: tf.Tensor) -> float | tf.Tensor:
        """The strength for a step's seed. Other draws of the step are the same as with a fixed strength."""
        if self.low == self.high:
            return self.low
        own = tf.random.fold_in(seed, STRENGTH)
        if isinstance(self.low, int):
            return tf.random.stateless_uniform((), own, self.low, self.high + 1, tf.int32)
        return tf.random.stateless_uniform((), own, self.low, self.high)


# --- resampling -------------------------------------------------------------------------------------------------------


def _with_size(images: tf.Tensor, like: tf.Tensor, size: Callable[[int], int]) -> tf.Tensor:
    """Restores the static shape lost by dynamic indexing: h and w are size(h) and size(w) of `like`, if known."""
    *batch, h, w, c = like.shape
    images.set_shape([*batch, *(None if n is None else size(n) for n in (h, w)), c])
    return images


def bicubic_down(images: tf.Tensor, factor: int) -> tf.Tensor:
    """Antialiased bicubic downscaling: (..., h, w, c) to (..., ceil(h/factor), ceil(w/factor), c), clipped to [-1, 1].

    The filter of MATLAB's `imresize`, used for the super-resolution benchmarks: Keys' kernel with a = -0.5, stretched
    by the factor, mirrored edges. `tf.image.resize` has the same kernel but cuts it off at the edges and renormalises
    it (as PIL does), so the image is mirrored outwards first. Differentiable; not rounded to 8 bits.

    Set5 x4, down, 8 bits, `bicubic_up`, 8 bits: 28.42 dB on Y without 4 pixels of border, the papers' figure.
    """
    margin = 2 * factor  # the kernel reaches two output pixels to each side
    padded = images
    for axis in (-3, -2):
        n = tf.shape(images)[axis]
        padded = mirror(padded, axis, margin, margin + tf.math.floormod(-n, factor))
    size = tf.shape(padded)[-3:-1] // factor
    small = tf.image.resize(padded, size, method="bicubic", antialias=True)[..., 2:-2, 2:-2, :]
    return _with_size(tf.clip_by_value(small, -1.0, 1.0), images, lambda n: -(-n // factor))


def bicubic_up(images: tf.Tensor, factor: int) -> tf.Tensor:
    """Bicubic upscaling as in MATLAB's `imresize`: (..., h, w, c) to (..., h*factor, w*factor, c), clipped to [-1, 1].

    Differentiable; not rounded to 8 bits.
    """
    padded = mirror(mirror(images, -3, 2, 2), -2, 2, 2)
    crop = slice(2 * factor, -2 * factor)
    big = tf.image.resize(padded, tf.shape(padded)[-3:-1] * factor, method="bicubic", antialias=True)[
        ..., crop, crop, :
    ]
    return _with_size(tf.clip_by_value(big, -1.0, 1.0), images, lambda n: n * factor)


def _to_uint8(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.floor(tf.clip_by_value(images, -1.0, 1.0) * 127.5 + 128.0), tf.uint8)


def _from_uint8(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def round_8bit(images: tf.Tensor) -> tf.Tensor:
    """The nearest of the 256 values of an 8-bit file. Its gradient is zero."""
    return _from_uint8(_to_uint8(images))


def _bicubic(factor: int) -> Step:
    # The benchmarks' small images are 8-bit files, hence the rounding.
    return lambda image, seed: round_8bit(bicubic_down(image, factor))


def _pool(factor: int) -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        padded = image
        for axis in (-3, -2):
            padded = mirror(padded, axis, 0, tf.math.floormod(-tf.shape(image)[axis], factor))
        pooled = tf.nn.avg_pool2d(padded[None], factor, factor, "VALID")[0]
        return _with_size(pooled, image, lambda n: -(-n // factor))

    return apply


def _blur(sigma: Strength) -> Step:
    radius = int(4.0 * sigma.high + 0.5)

    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        taps = _gaussian(radius, sigma.draw(seed))
        padded = mirror(mirror(image, -3, radius, radius), -2, radius, radius)
        planes = tf.transpose(padded, (2, 0, 1))[..., None]  # one filter for every channel, however many
        planes = tf.nn.conv2d(planes, tf.reshape(taps, (-1, 1, 1, 1)), 1, "VALID")
        planes = tf.nn.conv2d(planes, tf.reshape(taps, (1, -1, 1, 1)), 1, "VALID")
        return _with_size(tf.transpose(planes[..., 0], (1, 2, 0)), image, lambda n: n)

    return apply


def _gaussian(radius: int, sigma: float | tf.Tensor) -> tf.Tensor:
    """The Gaussian at -radius, ..., radius, normalized to a sum of 1: (2 radius + 1,)."""
    sigma = tf.cast(sigma, tf.float64) if tf.is_tensor(sigma) else sigma  # a Python number would lose digits
    distance = tf.range(-radius, radius + 1, dtype=tf.float64) / sigma
    taps = tf.exp(-0.5 * distance**2)
    return tf.cast(taps / tf.reduce_sum(taps), tf.float32)


# --- sensors and files ------------------------------------------------------------------------------------------------


def _noise(sigma: Strength) -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        # Papers give sigma for images in [0, 1] (or times 255); the range [-1, 1] is twice as wide.
        noise = tf.random.stateless_normal(tf.shape(image), seed, 0.0, 2.0 * sigma.draw(seed))
        return tf.clip_by_value(image + noise, -1.0, 1.0)

    return apply


def _poisson(peak: float) -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        photons = tf.maximum(image + 1.0, 0.0) * (peak / 2.0)
        counts = tf.random.stateless_poisson(tf.shape(image), seed, photons, dtype=tf.float32)
        return tf.minimum(counts * (2.0 / peak) - 1.0, 1.0)

    return apply


def _jpeg(quality: Strength, place: str = "") -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if image.shape[-1] not in (1, 3, None):
            raise UserError(f"jpeg takes images of 1 or 3 channels, not {image.shape[-1]}")
        top = left = tf.constant(0)
        if place == "anywhere":
            top, left = tf.unstack(tf.random.stateless_uniform((2,), tf.random.fold_in(seed, GRID), 0, 16, tf.int32))
        padded = mirror(mirror(_to_uint8(image), -3, top, 0), -2, left, 0)
        file = tf.raw_ops.EncodeJpegVariableQuality(images=padded, quality=quality.draw(seed))
        # The default decoder is the fast one, whose rounding depends on the library.
        decoded = _from_uint8(tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE"))[top:, left:]
        return _with_size(decoded, image, lambda n: n)

    return apply


def _gray() -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if image.shape[-1] == 1:
            return image
        # Luma of BT.601, as in PIL and the Y channel of super-resolution papers.
        return tf.tensordot(image, tf.constant([[0.299], [0.587], [0.114]]), 1)

    return apply


def _lightness() -> Step:
    return lambda image, seed: round_8bit(lightness(image))  # as in files


# --- other domains ----------------------------------------------------------------------------------------------------


def _edges() -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        unit = (image + 1.0) / 2.0
        return (tf.nn.max_pool2d(unit[None], 3, 1, "SAME")[0] - unit) * 2.0 - 1.0

    return apply


def _negative() -> Step:
    return lambda image, seed: -image


def _rotate(degrees: int) -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if degrees == 180:
            return image[::-1, ::-1]
        turned = tf.transpose(image, (1, 0, 2))
        return turned[::-1] if degrees == 90 else turned[:, ::-1]

    return apply


# --- holes ------------------------------------------------------------------------------------------------------------


def _rectangle(h: tf.Tensor, w: tf.Tensor, height: tf.Tensor, width: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Boolean (h, w, 1), true in a rectangle at a uniformly random position inside the image."""
    seeds = tf.random.split(seed, 2)
    top = tf.random.stateless_uniform((), seeds[0], 0, h - height + 1, tf.int32)
    left = tf.random.stateless_uniform((), seeds[1], 0, w - width + 1, tf.int32)
    return _box(h, w, height, width, top, left)


def _box(h: tf.Tensor, w: tf.Tensor, height: tf.Tensor, width: tf.Tensor, top: tf.Tensor, left: tf.Tensor) -> tf.Tensor:
    rows, columns = tf.range(h)[:, None, None] - top, tf.range(w)[None, :, None] - left
    return (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)


def _square(size: int, fill: float, place: str = "") -> Step:
    def hole(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        if None not in image.shape[:2] and size >= max(image.shape[:2]):
            raise UserError(f"mask:{size} covers all of an image of {image.shape[0]}x{image.shape[1]}")
        h, w = tf.unstack(tf.shape(image)[:2])
        height, width = tf.minimum(size, h), tf.minimum(size, w)
        if place == "center":
            return _box(h, w, height, width, (h - height) // 2, (w - width) // 2)
        return _rectangle(h, w, height, width, seed)

    return hole


def _mask(size: int, fill: float, place: str = "") -> Step:
    hole = _square(size, fill, place)
    return lambda image, seed: tf.where(hole(image, seed), 2.0 * fill - 1.0, image)


def _strokes(h: tf.Tensor, w: tf.Tensor, strokes: int, width: float, seed: tf.Tensor) -> tf.Tensor:
    """Boolean (h, w, 1), true under zigzag brush strokes.

    After Algorithm 1 of Yu et al., "Free-Form Image Inpainting with Gated Convolution" (arXiv:1806.03589), with the
    numbers of the authors' code: 4 to 12 segments of mean length diagonal/8 that turn to and fro by 2pi/5 +- 2pi/15.
    Their strokes all progress to the right; here each has a random direction and may leave the image. The brush is
    round, `width`*0.3 to `width` pixels (theirs: 12 to 40 for images of 256).
    """
    most = 12
    seeds = tf.random.split(seed, 6)
    size = tf.cast(tf.stack([h, w]), tf.float32)
    start = tf.random.stateless_uniform((strokes, 1, 2), seeds[0]) * size
    direction = tf.random.stateless_uniform((strokes, 1), seeds[1], 0.0, 2 * math.pi)
    turn = tf.random.stateless_uniform((strokes, most), seeds[2], 4 / 15 * math.pi, 8 / 15 * math.pi)
    angle = direction + turn * tf.constant([1.0, -1.0] * (most // 2))
    mean = tf.norm(size) / 8.0
    length = tf.clip_by_value(tf.random.stateless_normal((strokes, most), seeds[3], mean, mean / 2), 0.0, 2 * mean)
    count = tf.random.stateless_uniform((strokes, 1), seeds[4], 4, most + 1, tf.int32)
    length = tf.where(tf.range(most) < count, length, 0.0)
    radius = tf.random.stateless_uniform((strokes, 1), seeds[5], 0.15 * width, 0.5 * width)

    along = tf.stack([tf.cos(angle), tf.sin(angle)], -1)  # (strokes, most, 2), the segments' unit vectors as (y, x)
    begin = start + tf.cumsum(along * length[..., None], axis=1, exclusive=True)

    def flat(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, (-1, 1, 1))

    dy, dx, y0, x0 = flat(along[..., 0]), flat(along[..., 1]), flat(begin[..., 0]), flat(begin[..., 1])
    y = tf.range(h, dtype=tf.float32)[None, :, None] + 0.5 - y0
    x = tf.range(w, dtype=tf.float32)[None, None, :] + 0.5 - x0
    u = dy * y + dx * x  # along the segment
    v = dy * x - dx * y  # across it
    beyond = u - tf.clip_by_value(u, 0.0, flat(length))
    reach = flat(tf.broadcast_to(radius, (strokes, most)))
    return tf.reduce_any(beyond**2 + v**2 < reach**2, axis=0)[..., None]


def _painted(strokes: int, width: float) -> Step:
    return lambda image, seed: _strokes(tf.shape(image)[0], tf.shape(image)[1], strokes, width, seed)


def _freeform(strokes: int, width: float) -> Step:
    hole = _painted(strokes, width)
    return lambda image, seed: tf.where(hole(image, seed), 0.0, image)


def _occlude(size: int) -> Step:
    def apply(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        h, w, c = tf.unstack(tf.shape(image))
        seeds = tf.random.split(seed, 3)
        sides = tf.random.stateless_uniform((2,), seeds[0], (size + 1) // 2, size + 1, tf.int32)
        colour = tf.random.stateless_uniform((c,), seeds[1], -1.0, 1.0)
        hole = _rectangle(h, w, tf.minimum(sides[0], h), tf.minimum(sides[1], w), seeds[2])
        return _with_size(tf.where(hole, colour, image), image, lambda n: n)

    return apply


# --- composition ------------------------------------------------------------------------------------------------------


_NUMBER = r"[0-9.]+(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})-({_NUMBER})")


@dataclass(frozen=True)
class _Parameter:
    name: str
    kind: type
    low: float
    high: float
    default: float | None = None
    multiple: int = 1  # a whole number must be a multiple of this
    strength: bool = False  # may be a range

    @property
    def shown(self) -> str:
        if self.default is not None:
            return f"[:{self.name}={self.default:g}]"
        return f":{self.name}[-{self.name}]" if self.strength else f":{self.name}"

    def parse(self, text: str, step: str) -> Any:
        """Parse the text of a number; a `Strength` if it may be a range."""
        if not self.strength:
            return self._number(text, step, text)
        limits = _RANGE.fullmatch(text)
        low, high = (self._number(limit, step, text) for limit in (limits.groups() if limits else (text, text)))
        if low > high:
            raise UserError(f'"{step}": the range of {self.name} must begin with its lower end: {high:g}-{low:g}')
        return Strength(low, high)

    def _number(self, text: str, step: str, whole: str) -> float:
        try:
            value = self.kind(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high or (self.multiple > 1 and value % self.multiple):
            kind = "a whole number" if self.kind is int else "a number"
            kind = f"a multiple of {self.multiple}" if self.multiple > 1 else kind
            ranges = ", or a range LOW-HIGH" if self.strength else ""
            raise UserError(
                f'"{step}": {self.name} is {kind} from {self.low:g} to {self.high:g}{ranges}, not "{whole}"'
            )
        return value


@dataclass(frozen=True)
class _Kind:
    build: Callable[..., Step]
    parameters: tuple[_Parameter, ...] = ()
    shrinks: bool = False
    words: tuple[str, ...] = ()  # options, of which one may follow the parameters
    hole: Callable[..., Step] | None = None  # where it removes the image: bool (h, w, 1)
    turns: bool = False  # moves pixels, including the holes of earlier steps


_FACTOR = _Parameter("F", int, 1, 64)
_SIZE = _Parameter("SIZE", int, 1, 4096)
_KINDS = {
    "bicubic": _Kind(_bicubic, (_FACTOR,), shrinks=True),
    "pool": _Kind(_pool, (_FACTOR,), shrinks=True),
    "blur": _Kind(_blur, (_Parameter("SIGMA", float, 0.01, 100, strength=True),)),
    "noise": _Kind(_noise, (_Parameter("SIGMA", float, 0, 10, strength=True),)),
    "poisson": _Kind(_poisson, (_Parameter("PEAK", float, 0.01, 1e6),)),
    "jpeg": _Kind(_jpeg, (_Parameter("Q", int, 1, 100, strength=True),), words=("anywhere",)),
    "gray": _Kind(_gray),
    "lightness": _Kind(_lightness),
    "edges": _Kind(_edges),
    "negative": _Kind(_negative),
    "rotate": _Kind(_rotate, (_Parameter("DEGREES", int, 90, 270, multiple=90),), turns=True),
    "mask": _Kind(_mask, (_SIZE, _Parameter("FILL", float, 0, 1, 0.5)), words=("center",), hole=_square),
    "freeform": _Kind(
        _freeform,
        (_Parameter("STROKES", int, 1, 64, 3), _Parameter("WIDTH", float, 0.5, 1024, 20)),
        hole=_painted,
    ),
    "occlude": _Kind(_occlude, (_SIZE,)),
}


def available() -> str:
    """The steps and their parameters in one line, for messages and help texts."""
    return ", ".join(
        name + "".join(parameter.shown for parameter in kind.parameters) + "".join(f"[:{word}]" for word in kind.words)
        for name, kind in _KINDS.items()
    )


@dataclass(frozen=True)
class Degradation:
    """The result of `degrade`: a function of (image, seed).

    `factor` is the factor by which it shrinks images: (ceil(h/factor), ceil(w/factor)).
    """

    spec: str
    factor: int
    _steps: tuple[Step, ...] = field(repr=False, compare=False)
    _holes: tuple[Step | None, ...] = field(repr=False, compare=False)  # for each step the function of its hole
    _moves: tuple[Step | None, ...] = field(repr=False, compare=False)  # for each step its effect on earlier holes

    @property
    def makes_holes(self) -> bool:
        """Whether `with_mask` can return a mask with holes."""
        return any(hole is not None for hole in self._holes)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """image float32 (h, w, c) in [-1, 1], seed int32 (2,). Returns (h', w', c') in [-1, 1]."""
        image = tf.convert_to_tensor(image)
        image.shape.assert_has_rank(3)
        for i, step in enumerate(self._steps):
            image = step(image, tf.random.fold_in(seed, i))
        return image

    @tf.autograph.experimental.do_not_convert
    def with_mask(self, image: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The result of a call, and the holes of `mask` and `freeform`: bool (h', w', 1), True in a hole.

        A shrunk pixel lies in a hole if part of it does. `occlude` makes no holes: it hides what it covers.
        """
        image = tf.convert_to_tensor(image)
        image.shape.assert_has_rank(3)
        mask = tf.zeros_like(image[..., :1], tf.bool)
        for i, (step, hole, move) in enumerate(zip(self._steps, self._holes, self._moves, strict=True)):
            own = tf.random.fold_in(seed, i)
            if hole is not None:
                mask = mask | hole(image, own)
            if move is not None:
                mask = move(tf.cast(mask, tf.float32), own) > 0.0
            image = step(image, own)
        return image, mask


def degrade(spec: str) -> Degradation:
    """The degradation named by `spec`: steps joined by "+", each followed by its parameters after colons.

    | step | what it does |
    |---|---|
    | bicubic:F | antialiased bicubic downscaling by F, rounded to 8 bits (`bicubic_down`) |
    | pool:F | the mean of each F x F square |
    | blur:SIGMA | Gaussian blur, SIGMA in pixels, cut off at 4 SIGMA |
    | noise:SIGMA | Gaussian noise, SIGMA in units of the range [0, 1]; clipped |
    | poisson:PEAK | photon noise: white is PEAK photons; clipped |
    | jpeg:Q[:anywhere] | a round trip through a JPEG file of quality Q with halved chroma resolution; no gradient; \
its blocks begin in the corner or, with anywhere, at a random offset, as in a cropped picture |
    | gray | BT.601 luma, one channel |
    | lightness | the gray of the same L (of Lab), one channel, rounded to 8 bits |
    | edges | the 3x3 dilation minus the image, as in CoGAN (arXiv:1606.07536) |
    | negative | inverted brightness |
    | rotate:DEGREES | by 90, 180 or 270, counterclockwise |
    | mask:SIZE[:FILL][:center] | a square of SIZE pixels at a random place, or in the middle, set to FILL in [0, 1], \
by default 0.5 (mid grey) |
    | freeform[:STROKES[:WIDTH]] | random brush strokes up to WIDTH pixels wide, mid grey |
    | occlude:SIZE | one rectangle with sides of SIZE/2 to SIZE pixels, with random position and colour |

    SIGMA of blur and noise, and Q, may be ranges such as 0.2-2: each image draws its own strength from its seed.

    Edges are mirrored for bicubic, pool and blur, also up to the next multiple if F does not divide h or w.

    Raises UserError for an unknown step or parameter.
    """
    steps: list[Step] = []
    holes: list[Step | None] = []
    moves: list[Step | None] = []
    factor = 1
    for text in spec.split("+"):
        name, *values = (part.strip() for part in text.split(":"))
        if name not in _KINDS:
            raise UserError(f'there is no degradation "{name}" (in "{spec}"); there are {available()}')
        kind = _KINDS[name]
        words = [values.pop()] if values and values[-1] in kind.words else []
        least = sum(p.default is None for p in kind.parameters)
        if not least <= len(values) <= len(kind.parameters):
            raise UserError(
                f'"{text}": {name} does not take {len(values) + len(words)} parameters; there are {available()}'
            )
        given = [p.parse(value, text) for p, value in zip(kind.parameters, values, strict=False)]
        given += [p.kind(p.default) for p in kind.parameters[len(values) :]]
        steps.append(kind.build(*given, *words))
        holes.append(kind.hole(*given, *words) if kind.hole else None)
        moves.append(_pool(int(given[0])) if kind.shrinks else steps[-1] if kind.turns else None)
        factor *= int(given[0]) if kind.shrinks else 1
    return Degradation(spec, factor, tuple(steps), tuple(holes), tuple(moves))


def pair(spec: str, masks: bool = False) -> Callable[[Mapping[str, tf.Tensor], tf.Tensor], dict[str, tf.Tensor]]:
    """The transform from {"image": x, ...} to {"source": degraded x, "target": x, ...}, other entries unchanged.

    The target loses the rows and columns (fewer than the factor, right and bottom) that do not fill a pixel of the
    source, as in the super-resolution benchmarks, so that the sizes always correspond. With `masks`, a degradation that
    makes holes adds "mask", bool (h, w, 1), True in the holes.
    """
    apply = degrade(spec)

    @tf.autograph.experimental.do_not_convert
    def transform(example: Mapping[str, tf.Tensor], seed: tf.Tensor) -> dict[str, tf.Tensor]:
        rest = dict(example)
        image = rest.pop("image")
        h, w = tf.unstack(tf.shape(image)[:2] // apply.factor * apply.factor)
        target = _with_size(image[:h, :w], image, lambda n: n // apply.factor * apply.factor)
        if masks and apply.makes_holes:
            source, mask = apply.with_mask(target, seed)
            return {"source": source, "target": target, "mask": mask, **rest}
        return {"source": apply(target, seed), "target": target, **rest}

    return transform
