"""Training batches whose order and random numbers are computed from the position, so that runs resume exactly."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfgans.data.domains import Domains
from tfgans.data.image_set import ImageSet

Shape = tuple[int, ...]
Example = dict[str, tf.Tensor]
THREADS = 2
ORDER, CROP, FLIP, TRANSFORM = range(4)  # purposes of random numbers
PURPOSES = 4  # offset between independent sets: an offset of 1 would reuse one set's order for another's crops


class Part(NamedTuple):
    """The replicas `first` to `first + here` of all `replicas` that share each batch."""

    first: int = 0
    here: int = 1
    replicas: int = 1


def mix(x: tf.Tensor) -> tf.Tensor:
    """One output of SplitMix64 from the state x, uint64 to uint64 of the same shape (Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, np.uint64(shift))) * np.uint64(factor)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, np.uint64(31)))


def random_bits(seed: int, purpose: int, position: tf.Tensor) -> tf.Tensor:
    """64 random bits for each position: int64 to uint64, a pure function of the arguments."""
    key = mix(mix(tf.constant(seed % 2**64, tf.uint64)) + np.uint64(purpose))
    return mix(tf.bitwise.bitwise_xor(mix(tf.cast(position, tf.uint64)), key))


def shuffled_index(seed: int, position: tf.Tensor, n: int, k: int = 0) -> tf.Tensor:
    """The example at each position of an endless pass through n examples, reshuffled every epoch.

    position: int64 (m,), the number of preceding examples; the result is int64 (m,) in [0, n). `k`: the set's number.
    """
    index, epoch = position % n, position // n
    # The op's permutations of neighbouring seeds are similar (the first of 60,000 indices correlates by 0.8 from seed
    # to seed), and one pass leaves the steps between neighbours regular. Hashed seeds and a second pass avoid both. The
    # wrapper tf.random.experimental.index_shuffle fails on a batch of seeds, the op does not.
    for turn in range(2):
        bits = random_bits(seed, ORDER + PURPOSES * k, 2 * epoch + turn)
        words = tf.concat([tf.bitcast(bits, tf.uint32), tf.bitcast(mix(bits), tf.uint32)[..., :1]], axis=-1)
        index = tf.raw_ops.RandomIndexShuffle(index=index, seed=words, max_index=tf.constant(n - 1, tf.int64), rounds=4)
    return index


class _Reader:
    """Reads the examples of one set, under `key` of a batch, cropped to `shape`.

    Readers with the same `k` share order, crops and flips.
    """

    def __init__(
        self, key: str, label: str, source: ImageSet, k: int, shape: Shape | None, seed: int, crop: str, flip: bool
    ) -> None:
        shape = tuple(shape) if shape else source.images.shape[1:]
        if source.encoding in ("classes", "instances"):
            shape = (*shape[:2], 1)
        if (source.shapes[:, :2] < shape[:2]).any() or (source.shapes[:, 2] != shape[2]).any():
            low, high = source.shapes.min(axis=0).tolist(), source.shapes.max(axis=0).tolist()
            raise ValueError(
                f"'{source.name}' has images from {low} to {high}, which cannot be cropped to {list(shape)}"
            )
        self.key, self.label, self.k, self.shape, self.seed, self.crop, self.flip = (
            key,
            label,
            k,
            shape,
            seed,
            crop,
            flip,
        )
        self.n, self.encoding = len(source), source.encoding
        self.whole = source.uniform and tuple(source.shapes[0]) == shape
        with tf.device("CPU:0"):  # captured as tensors, because a graph is limited to 2 GB
            self.on_disk = source.on_disk
            pixels = source.images if self.whole else source.pixels
            self.pixels = pixels if self.on_disk else tf.constant(pixels)
            self.offsets, self.shapes = tf.constant(source.offsets), tf.constant(source.shapes)
            self.labels = None if source.labels is None else tf.constant(source.labels, tf.int32)

    def bits(self, purpose: int, position: tf.Tensor) -> tf.Tensor:
        return random_bits(self.seed, purpose + PURPOSES * self.k, position)

    def cut(self, position: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """One image, cropped: `shape`."""
        shape, size = self.shape, self.shapes[index]
        room = size[:2] - shape[:2]
        if self.crop == "random":
            draws = tf.cast(tf.bitcast(self.bits(CROP, position), tf.uint32), tf.int64)
            corner = draws % (room + 1)
        else:
            corner = room // 2
        line = size[1] * size[2]
        first = self.offsets[index] + corner[0] * line
        if self.on_disk:
            taken = self.from_disk(lambda first, length: self.pixels[first : first + length], first, shape[0] * line)
        else:
            taken = tf.slice(self.pixels, [first], [shape[0] * line])
        lines = tf.reshape(taken, (shape[0], -1, shape[2]))
        return tf.slice(lines, tf.stack([0, corner[1], 0]), shape)  # only these lines of the image were copied

    def from_disk(self, take: Callable[..., np.ndarray], *where: tf.Tensor) -> tf.Tensor:
        """A part of `pixels`, copied from the file when a batch needs it."""
        return tf.numpy_function(lambda *at: np.array(take(*at)), where, self.pixels.dtype, stateful=False)

    def read(self, position: tf.Tensor, index: tf.Tensor) -> Example:
        """The example at a position (), or the examples at positions (m,)."""
        if not self.whole:
            image = self.cut(position, index)
        elif self.on_disk:
            image = self.from_disk(lambda index: self.pixels[index], index)
            image.set_shape((*index.shape, *self.shape))
        else:
            image = tf.gather(self.pixels, index)
        if self.flip:
            mirrored = self.bits(FLIP, position) % 2 == 1
            image = tf.where(mirrored[..., None, None, None], image[..., ::-1, :], image)
        if self.encoding == "image":
            image = tf.cast(image, tf.float32) / 127.5 - 1.0
        elif self.encoding != "points":
            image = tf.cast(image, tf.int32)
        example = {self.key: image}
        if self.labels is not None and self.label:
            example[self.label] = tf.gather(self.labels, index)
        return example


def _readers(
    source: ImageSet | Domains, image_shape: Shape | Mapping[str, Shape] | None, seed: int, crop: str, flip: bool
) -> list[_Reader]:
    shapes = image_shape if isinstance(image_shape, Mapping) else {}
    common = None if isinstance(image_shape, Mapping) else image_shape
    if isinstance(source, ImageSet):
        return [_Reader("image", "label", source, 0, shapes.get("image", common), seed, crop, flip)]
    readers: list[_Reader] = []
    for number, (role, members) in enumerate(source.by_role.items()):
        k = number if source.pairing == "shuffled" or source.pairing == "halves" else 0
        for key, each in members.items():
            shape = shapes.get(role, common)
            if shape is not None and each.encoding == "image":
                shape = (*shape[:2], int(each.shapes[0, 2]))
            label = f"{role}_label" if role in ("a", "b") else ""
            readers.append(_Reader(key, label, each, k, shape, seed, crop, flip))
            first = next(reader for reader in readers if reader.k == k)
            if not (first.whole and readers[-1].whole) and (
                first.shape[:2] != readers[-1].shape[:2]
                or (first.shapes[:, :2] != readers[-1].shapes[:, :2]).numpy().any()
            ):
                raise ValueError(
                    f"'{source.name}': the sets '{first.key}' and '{key}' differ in size and cannot share crops"
                )
    return readers


def batches(
    source: ImageSet | Domains,
    batch_size: int,
    *,
    seed: int,
    start: int = 0,
    steps: int | None = None,
    group: int | None = None,
    image_shape: Shape | Mapping[str, Shape] | None = None,
    crop: str = "center",
    flip: bool = False,
    transform: Callable[[Example, tf.Tensor], Example] | None = None,
    part: Part = Part(),  # noqa: B008  (immutable)
) -> tf.data.Dataset:
    """Shuffled batches from step `start` on, endless or `steps` of them.

    Yields dicts: `image`, float32 in [-1, 1], (batch, h, w, c), and `label`, int32 (batch,), if there are labels; with
    `group` k, a step holds k batches, (k, batch, ...). Every example comes once per epoch, and epochs may end inside a
    batch. `image_shape` crops at the centre or at random (no image may be smaller), `flip` mirrors half of the images.
    `transform(example, seed)` then gets one example and int32 (2,) and returns another dict.

    For `Domains` the keys are their roles, such as `source` and `target`, `a` and `b`; `label_map` and `instance_map`,
    int32 (batch, h, w, 1), for maps in the role `source`; `a_label` and `b_label` if there are class labels. Aligned
    sets share order, crop and flip; others are drawn independently, each with its own epochs. `image_shape` may then
    map roles to shapes; the numbers of channels are the sets' own.

    An example depends only on `seed` and its position: `start=s` yields the batches of the run from 0 from step s on,
    without reading earlier ones.

    With several replicas, those of `part` get their shares of each batch one after another: the batch of a step is the
    shares of all replicas in order.

    Raises ValueError if images do not fit, or differ in shape and no `image_shape` is given.
    """
    if crop not in ("center", "random"):
        raise ValueError(f"crop must be 'center' or 'random', not '{crop}'")
    readers = _readers(source, image_shape, seed, crop, flip)
    per_step = batch_size * (group or 1)
    share = batch_size // part.replicas
    within = np.concatenate([k * batch_size + np.arange(share) for k in range(group or 1)])
    sizes = {reader.k: reader.n for reader in readers}

    def positions(number: tf.Tensor) -> tf.Tensor:
        step, replica = number // part.here, part.first + number % part.here
        return step * per_step + replica * share + within

    def indices(position: tf.Tensor) -> dict[str, tf.Tensor]:
        return {str(k): shuffled_index(seed, position, n, k) for k, n in sizes.items()}

    def read(position: tf.Tensor, index: dict[str, tf.Tensor]) -> Example:
        example: Example = {}
        for reader in readers:
            example |= reader.read(position, index[str(reader.k)])
        return example

    def read_share(number: tf.Tensor) -> Example:
        where = positions(number)
        lead = (share,) if group is None else (group, share)
        return {key: tf.reshape(value, (*lead, *value.shape[1:])) for key, value in read(where, indices(where)).items()}

    def read_one(position: tf.Tensor, index: dict[str, tf.Tensor]) -> Example:
        example = read(position, index)
        if transform is not None:
            example = transform(example, tf.bitcast(random_bits(seed, TRANSFORM, position), tf.int32))
        return example

    options = tf.data.Options()
    options.autotune.enabled = False  # its thread makes the end of every iterator wait
    options.experimental_optimization.apply_default_optimizations = False  # rewriting the graph would copy the pixels
    options.deterministic = True
    options.threading.private_threadpool_size = THREADS
    options.threading.max_intra_op_parallelism = 1
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA

    dataset = tf.data.Dataset.counter(start * part.here, 1)
    if steps is not None:
        dataset = dataset.take(steps * part.here)
    if transform is None and all(reader.whole for reader in readers):
        # one step at a time: a call per example would take longer than the work itself
        dataset = dataset.map(read_share, num_parallel_calls=THREADS)
    else:
        dataset = dataset.map(lambda number: (positions(number), indices(positions(number)))).unbatch()
        dataset = dataset.map(read_one, num_parallel_calls=THREADS)
        dataset = dataset.batch(share, drop_remainder=True)  # drops nothing, but makes the shape static
        dataset = dataset if group is None else dataset.batch(group, drop_remainder=True)
    return dataset.prefetch(2).with_options(options)
