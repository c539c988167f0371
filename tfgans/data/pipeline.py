"""Training batches whose order and randomness are arithmetic, so that a resumed run sees what it would have seen."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfgans.data.image_set import ImageSet

Example = dict[str, tf.Tensor]
THREADS = 2
ORDER, CROP, FLIP, TRANSFORM = range(4)  # what a random number is for


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


def shuffled_index(seed: int, position: tf.Tensor, n: int) -> tf.Tensor:
    """The example at each position of an endless run through n examples, every epoch in another order.

    position: int64 (m,), the number of examples before it; the result is int64 (m,) in [0, n).
    """
    index, epoch = position % n, position // n
    # The op's permutations of neighbouring seeds resemble each other (the first of 60,000 indices correlates by 0.8
    # from seed to seed), and one pass leaves the steps between neighbours regular. Hashed seeds and a second pass do
    # not. The wrapper tf.random.experimental.index_shuffle fails on a batch of seeds, the op takes it.
    for turn in range(2):
        bits = random_bits(seed, ORDER, 2 * epoch + turn)
        words = tf.concat([tf.bitcast(bits, tf.uint32), tf.bitcast(mix(bits), tf.uint32)[..., :1]], axis=-1)
        index = tf.raw_ops.RandomIndexShuffle(index=index, seed=words, max_index=tf.constant(n - 1, tf.int64), rounds=4)
    return index


def batches(
    source: ImageSet,
    batch_size: int,
    *,
    seed: int,
    start: int = 0,
    steps: int | None = None,
    group: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    crop: str = "center",
    flip: bool = False,
    transform: Callable[[Example, tf.Tensor], Example] | None = None,
) -> tf.data.Dataset:
    """Shuffled batches, endless or `steps` of them, from step `start` on.

    Yields dicts: `image`, float32 in [-1, 1], (batch, h, w, c), and `label`, int32 (batch,), where there are labels;
    with `group` k a step holds k batches, (k, batch, ...). Every example comes once an epoch, and epochs run on across
    the borders of batches. `image_shape` crops at the centre or at random (no image may be smaller), `flip` mirrors
    half of the images. `transform(example, seed)` then gets one example and int32 (2,) and returns another dict.

    What an example looks like depends on `seed` and its position alone: `start=s` yields what the run from 0 yields
    from step s on, without reading what came before.

    Raises ValueError when images do not fit, or differ in shape and no `image_shape` is given.
    """
    if crop not in ("center", "random"):
        raise ValueError(f"crop is 'center' or 'random', not '{crop}'")
    n, per_step = len(source), batch_size * (group or 1)
    shape = tuple(image_shape) if image_shape else source.images.shape[1:]
    if (source.shapes[:, :2] < shape[:2]).any() or (source.shapes[:, 2] != shape[2]).any():
        low, high = source.shapes.min(axis=0).tolist(), source.shapes.max(axis=0).tolist()
        raise ValueError(f"'{source.name}' has images from {low} to {high}, which cannot be cropped to {list(shape)}")
    whole = source.uniform and tuple(source.shapes[0]) == shape
    with tf.device("CPU:0"):  # captured as tensors, not written into the graph: a graph is limited to 2 GB
        pixels = tf.constant(source.images if whole else source.pixels)
        offsets, shapes = tf.constant(source.offsets), tf.constant(source.shapes)
        labels = None if source.labels is None else tf.constant(source.labels, tf.int32)

    def cut(position: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        """One image, cropped: uint8 `shape`."""
        size = shapes[index]
        room = size[:2] - shape[:2]
        if crop == "random":
            draws = tf.cast(tf.bitcast(random_bits(seed, CROP, position), tf.uint32), tf.int64)
            corner = draws % (room + 1)
        else:
            corner = room // 2
        line = size[1] * size[2]
        first = offsets[index] + corner[0] * line
        lines = tf.reshape(tf.slice(pixels, [first], [shape[0] * line]), (shape[0], -1, shape[2]))
        return tf.slice(lines, tf.stack([0, corner[1], 0]), shape)  # of the image, only these lines were copied

    def read(position: tf.Tensor, index: tf.Tensor) -> Example:
        """The example at a position (), or the examples at positions (m,)."""
        image = tf.gather(pixels, index) if whole else cut(position, index)
        if flip:
            mirrored = random_bits(seed, FLIP, position) % 2 == 1
            image = tf.where(mirrored[..., None, None, None], image[..., ::-1, :], image)
        example = {"image": image if source.points else tf.cast(image, tf.float32) / 127.5 - 1.0}
        if labels is not None:
            example["label"] = tf.gather(labels, index)
        return example

    def positions(step: tf.Tensor) -> tf.Tensor:
        return step * per_step + tf.range(per_step, dtype=tf.int64)

    def read_step(step: tf.Tensor) -> Example:
        where = positions(step)
        example = read(where, shuffled_index(seed, where, n))
        lead = (batch_size,) if group is None else (group, batch_size)
        return {key: tf.reshape(value, (*lead, *value.shape[1:])) for key, value in example.items()}

    def read_one(position: tf.Tensor, index: tf.Tensor) -> Example:
        example = read(position, index)
        if transform is not None:
            example = transform(example, tf.bitcast(random_bits(seed, TRANSFORM, position), tf.int32))
        return example

    options = tf.data.Options()
    options.autotune.enabled = False  # its thread makes the end of every iterator wait
    options.experimental_optimization.apply_default_optimizations = False  # rewriting the graph copies the pixels
    options.deterministic = True
    options.threading.private_threadpool_size = THREADS
    options.threading.max_intra_op_parallelism = 1
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA

    dataset = tf.data.Dataset.counter(start, 1)
    if steps is not None:
        dataset = dataset.take(steps)
    if whole and transform is None:  # a step at a time: a call per example would take longer than the work
        dataset = dataset.map(read_step, num_parallel_calls=THREADS)
    else:
        dataset = dataset.map(lambda step: (positions(step), shuffled_index(seed, positions(step), n))).unbatch()
        dataset = dataset.map(read_one, num_parallel_calls=THREADS)
        dataset = dataset.batch(batch_size, drop_remainder=True)  # drops nothing, but makes the shape static
        dataset = dataset if group is None else dataset.batch(group, drop_remainder=True)
    return dataset.prefetch(2).with_options(options)
