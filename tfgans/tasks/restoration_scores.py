"""Scores of a restored picture compared with its original: of all of it, its colours, its hole."""

from typing import Any

import numpy as np

from tfgans import metrics

Place = tuple[str, str, str | None]  # measure, of, where
Scores = dict[Place, float]


def image_scores(image: np.ndarray, original: np.ndarray, factor: int) -> dict[str, float]:
    """PSNR and SSIM of a uint8 image (h, w, c) by measure; if enlarged by `factor`, on Y, and `high_frequency`."""
    border = min(factor, (min(image.shape[:2]) - 11) // 2)  # SSIM needs 11 pixels a side
    options: dict[str, Any] = dict(border=max(0, border), y_channel=image.shape[-1] == 3) if factor > 1 else {}
    scores = {
        "psnr": float(metrics.psnr(image[None], original[None], **options)[0]),
        "ssim": float(metrics.ssim(image[None], original[None], **options)[0]),
    }
    if factor > 1:
        scores["high_frequency"] = float(metrics.high_frequency(image[None], original[None], factor)[0])
    return scores


def colour_scores(restored: np.ndarray, original: np.ndarray) -> Scores:
    """Colourfulness of uint8 images (h, w, 3) and the share of green and blue, with those of the original, and the
    chroma where the original is vivid."""
    measures = {"colourfulness": metrics.colourfulness, "green_blue": metrics.green_blue_share}
    pairs = (("model", restored), ("real", original))
    scores: Scores = {
        (name, of, None): float(by(image[None])[0]) for name, by in measures.items() for of, image in pairs
    }
    flat, other = metrics.vivid_chroma(restored[None], original[None])
    return scores | {
        ("vivid_chroma", "model", "flat"): float(flat[0]),
        ("vivid_chroma", "model", "textured"): float(other[0]),
    }


def hole_scores(before: np.ndarray, restored: np.ndarray, original: np.ndarray, missing: np.ndarray) -> Scores:
    """L1, L2 and PSNR inside the hole, boolean (h, w), of uint8 images, and the energy of fine detail there.

    Also those of filling it with the mean and smoothly, and the detail of the original.
    """
    filled = {
        "model": restored,
        "mean_fill": metrics.fill_with_mean(before, missing),
        "biharmonic": metrics.fill_biharmonic(before, missing),
    }
    measures = {"psnr": metrics.hole_psnr, "l1": metrics.hole_l1, "l2": metrics.hole_l2}
    found: Scores = {}
    for of, image in filled.items():
        for name, by in measures.items():
            found[name, of, "hole"] = float(by(image[None], original[None], missing[None])[0])
    for of, image in {"model": restored, "biharmonic": filled["biharmonic"], "real": original}.items():
        found["detail", of, "hole"] = float(metrics.hole_detail(image[None], missing[None])[0])
    return found
