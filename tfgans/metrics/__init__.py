"""Scores of generated images. Features and logits come from `tfgans.features`; all functions take NumPy arrays."""

from tfgans.metrics.classes import category_accuracy, class_histogram, kl_to_uniform, label_accuracy
from tfgans.metrics.codes import code_effects, sharpness, slant, stroke_width, width
from tfgans.metrics.colour import colourfulness, green_blue_share, seam_contrast, vivid_chroma
from tfgans.metrics.coverage import Coverage, mode_coverage, source_identified, stacked_digits
from tfgans.metrics.distances import classifier_score, frechet_bias, frechet_distance, frechet_floor, kernel_distance
from tfgans.metrics.diversity import ms_ssim_within
from tfgans.metrics.fidelity import (
    fill_biharmonic,
    fill_with_mean,
    high_frequency,
    hole_detail,
    hole_l1,
    hole_l2,
    hole_psnr,
    luma,
    psnr,
    spectrum,
    ssim,
)
from tfgans.metrics.neighbours import Neighbours, PrecisionRecall, nearest_neighbours, precision_recall
from tfgans.metrics.segmentation import (
    class_accuracy,
    class_ious,
    components,
    confusion,
    instances_found,
    instances_touching,
    mean_iou,
    pixel_accuracy,
    share_found,
)

__all__ = [
    "Coverage",
    "Neighbours",
    "PrecisionRecall",
    "category_accuracy",
    "class_accuracy",
    "class_histogram",
    "class_ious",
    "classifier_score",
    "code_effects",
    "colourfulness",
    "components",
    "confusion",
    "fill_biharmonic",
    "fill_with_mean",
    "frechet_bias",
    "frechet_distance",
    "frechet_floor",
    "green_blue_share",
    "high_frequency",
    "hole_detail",
    "hole_l1",
    "hole_l2",
    "hole_psnr",
    "instances_found",
    "instances_touching",
    "kernel_distance",
    "kl_to_uniform",
    "label_accuracy",
    "luma",
    "mean_iou",
    "mode_coverage",
    "ms_ssim_within",
    "nearest_neighbours",
    "pixel_accuracy",
    "precision_recall",
    "psnr",
    "seam_contrast",
    "share_found",
    "sharpness",
    "slant",
    "source_identified",
    "spectrum",
    "ssim",
    "stacked_digits",
    "stroke_width",
    "vivid_chroma",
    "width",
]
