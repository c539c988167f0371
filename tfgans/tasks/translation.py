"""Shared by paired and unpaired translation: test pairs, and measurements of two images or two sets of images."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfgans import data, metrics
from tfgans.card import Row
from tfgans.data import Domains, ImageSet
from tfgans.data.palettes import Palette
from tfgans.features import load_features
from tfgans.features.squeezenet import SMALLEST, squeezenet_distance
from tfgans.images import to_uint8
from tfgans.tasks import FEWEST, Subject, row
from tfgans.tasks.set_distances import frechet_rows, kernel_rows

BATCH = 8
SSIM_SIDE = 11  # least pixels a side: the window of SSIM
SHOWN = 6  # examples on a sheet or in a preview


def domains_of(subject: Subject, split: str, limit: int | None = None) -> Domains:
    """The test or training sets of a recipe, at the size of training. Raises UserError if they are absent."""
    recipe = subject.recipe
    return data.load_domains(
        subject.tests[0] if subject.tests else recipe.dataset,
        split,
        roles=recipe.sets or None,
        pairing=recipe.pairing or None,
        palette=recipe.palette or None,
        data_dir=subject.data_dir,
        image_shape=subject.image_shape,
        shapes=recipe.shapes or None,
        degradation=recipe.degradation,
        limit=limit,
        minimum=1,
    )


def one(sets: Domains, role: str) -> ImageSet:
    """The set of a role that has only one."""
    return next(iter(sets.by_role[role].values()))


def given(images: ImageSet, first: int, last: int) -> np.ndarray:
    """Images `first` to `last` in the form that endpoints take: float32 in [0, 1], or int32 ids of a map."""
    part = images.images[first:last]
    return part.astype(np.int32) if images.encoding in ("classes", "instances") else part.astype(np.float32) / 255


def translated(translate: Callable[..., np.ndarray], *sources: ImageSet) -> np.ndarray:
    """Apply an endpoint to sets of images, BATCH at a time: uint8 (n, h, w, c), or int32 ids."""
    parts = []
    for first in range(0, len(sources[0]), BATCH):
        made = translate(*(given(each, first, first + BATCH) for each in sources))
        parts.append(made if np.issubdtype(made.dtype, np.integer) else to_uint8(made))
    return np.concatenate(parts)


def shown(images: ImageSet) -> np.ndarray:
    """A set as pictures: uint8 (n, h, w, c), label maps in their palette's colours."""
    if images.palette is not None:
        return images.palette.colours(images.images)
    return images.images


def coloured(images: np.ndarray) -> np.ndarray:
    """uint8 (n, h, w, 1 or 3) -> (n, h, w, 3)."""
    return np.broadcast_to(images, (*images.shape[:3], 3))


def between(made: np.ndarray, target: np.ndarray, of: str, **place: Any) -> Iterator[Row]:
    """Distances of images from their targets, both uint8 (n, h, w, c): L1 in [0, 1], PSNR in dB, SSIM; means over n."""
    difference = np.abs(made.astype(np.float32) - target.astype(np.float32)) / 255
    yield row("l1", difference.mean(), of, **place)
    psnr = metrics.psnr(made, target)
    if np.isfinite(psnr).any():  # it is infinite for equal images
        yield row("psnr", psnr[np.isfinite(psnr)].mean(), of, **place)
    if min(made.shape[1:3]) >= SSIM_SIDE:
        yield row("ssim", np.mean(metrics.ssim(made, target)), of, **place)


def of_labels(made: np.ndarray, target: np.ndarray, palette: Palette, **place: Any) -> Iterator[Row]:
    """Accuracy per pixel and per class, and mean IoU, of label maps: ids, or colours mapped to the nearest class.

    Pixels whose true class is ignored by the palette do not count.
    """

    def ids(maps: np.ndarray) -> np.ndarray:
        return (maps[..., 0] if maps.shape[-1] == 1 else palette.ids(maps)[0]).astype(np.int64)

    true = ids(target)
    true = np.where(np.isin(true, palette.ignored), -1, true)
    confusion = metrics.confusion(ids(made), true, len(palette))
    yield row("pixel_accuracy", metrics.pixel_accuracy(confusion), **place)
    yield row("class_accuracy", metrics.class_accuracy(confusion), **place)
    yield row("mean_iou", metrics.mean_iou(confusion), **place)


def perceptual(features: str | None, made: np.ndarray, target: np.ndarray, of: str, **place: Any) -> Iterator[Row]:
    """The squeezenet distance of images from their targets, both uint8 (n, h, w, c); the mean over n.

    No rows without the features squeezenet:PATH, or for images too small for the network.
    """
    kind, _, path = (features or "").partition(":")
    if kind == "squeezenet" and min(made.shape[1:3]) >= SMALLEST:
        distance = squeezenet_distance(path)
        found = []
        for first in range(0, len(made), BATCH):
            pair = (coloured(each[first : first + BATCH]) for each in (made, target))
            found.append(distance(*(tf.constant(each, tf.float32) / 127.5 - 1.0 for each in pair)).numpy())
        yield row("squeezenet_distance", np.concatenate(found).mean(), of, **place)


def between_sets(
    features: str | None, real: np.ndarray, sets: dict[str, np.ndarray], **place: Any
) -> tuple[list[Row], dict[str, Any]]:
    """Kernel and Frechet distance of each set of uint8 images from the real ones, in a network's features.

    The kernel distance comes first, because it is unbiased: test sets are small, and small ones get no Frechet distance
    (`set_distances`). Returns no rows without `features` or for fewer than FEWEST images; and the description of the
    network for the protocol.
    """
    if features is None or len(real) < FEWEST:
        return [], {}
    network: Any = load_features(features)
    seen, own = network.features(real), {of: network.features(images) for of, images in sets.items()}
    rows = kernel_rows(seen, own, **place) + frechet_rows(seen, own, place["test"], **place)
    return rows, {"features": network.name, "features_sha256": network.sha256}
