"""Photographs generated from label maps, scored by a segmenter: the FCN score of arXiv:1611.07004, section 4."""

import dataclasses
import sys
from typing import Any

import numpy as np

from tfgans import metrics
from tfgans.card import Row
from tfgans.data import ImageSet
from tfgans.errors import UserError
from tfgans.features.segmenter_networks import SEGMENTERS
from tfgans.features.segmenters import Segmenter, load_segmenter
from tfgans.tasks import Subject, label, row
from tfgans.tasks.translation import domains_of, of_labels

KIND = "segmenter:"


def without_segmenter(features: str | None) -> tuple[str | None, str | None]:
    """Split `--features` into the network for comparing images and the segmenter's name, or None for a missing one.

    "squeezenet:PATH,segmenter:NAME" names both.
    """
    before, found, name = (features or "").rpartition(KIND)
    if not found or (before and not before.endswith(",")):
        return features, None
    return before.rstrip(",") or None, name


def read_segments(
    subject: Subject, sources: dict[str, ImageSet], sets: dict[str, np.ndarray], **place: Any
) -> tuple[list[Row], dict[str, Any]]:
    """Compare the segmentation of photographs (n, h, w, c), uint8, by the kind `of`, with the label maps of `sources`.

    The segmenter is that of the features, of the recipe, or of the data set's name. Rows: accuracies and IoU, and, if
    there is an instance map, the share of its instances that are separated. `of` real is the upper bound: true
    photographs. Coloured sources are converted again, each pixel to the nearest colour of the nearest pixel.

    Returns no rows if the sources are not label maps, which have a palette or a named segmenter, or if the recipe's or
    the data set's segmenter is not trained yet, which is reported on stderr.

    Raises UserError if the features name an unavailable segmenter, or one with other classes.
    """
    recipe = subject.recipe
    _, named = without_segmenter(subject.features)
    if named is not None and recipe.image_palette and not recipe.segmenter:
        raise UserError(f"{KIND}{named} segments photographs, but the targets of this recipe are label maps")
    own = recipe.segmenter
    if not own and "label_map" in sources and label(recipe.dataset) in SEGMENTERS:
        own = label(recipe.dataset)
    if named is None and not own:
        return [], {}
    try:
        segmenter = load_segmenter(named or own)
        true = _label_maps(subject, sources, segmenter)
    except UserError as error:
        if named is not None:
            raise
        print(f"not segmented: {error}", file=sys.stderr)
        return [], {}
    rows: list[Row] = []
    instances = sources.get("instance_map") if len(segmenter.palette) == 2 else None
    for of, images in sets.items():
        ids = segmenter.ids(images)
        rows += of_labels(ids, true, segmenter.palette, of=of, **place)
        if instances is not None:
            shares = metrics.share_found(ids[..., 0] > 0, instances.images[..., 0])
            parts = [(None, shares[0]), ("touching", shares[1])]
            rows += [
                row("instances_found", share, of, where=where, **place) for where, share in parts if np.isfinite(share)
            ]
    protocol = {"segmenter": segmenter.name, "segmenter_sha256": segmenter.sha256, "segmenter_score": segmenter.score}
    return rows, protocol


def _label_maps(subject: Subject, sources: dict[str, ImageSet], segmenter: Segmenter) -> np.ndarray:
    """The sources' ids in the segmenter's palette, uint8 (n, h, w, 1)."""
    maps = sources.get("label_map")
    if maps is None:
        recipe = dataclasses.replace(subject.recipe, palette=segmenter.palette.name)
        read = domains_of(dataclasses.replace(subject, recipe=recipe), "test", subject.n)
        maps = read.by_role["source"].get("label_map")
        if maps is None:
            raise UserError(f"{segmenter.name} needs label maps, but the source of {recipe.dataset} is not one")
    assert maps.palette is not None
    if maps.palette.names != segmenter.palette.names:
        raise UserError(f"{segmenter.name} has other classes than the palette {maps.palette.name}")
    return maps.images
