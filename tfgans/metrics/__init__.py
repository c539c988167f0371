"""Scores of generated images. Features and logits come from `tfgans.features`; everything here takes NumPy arrays."""

from tfgans.metrics.distances import classifier_score, frechet_distance, frechet_floor, kernel_distance
from tfgans.metrics.fidelity import luma, psnr, ssim
from tfgans.metrics.labels import category_accuracy, class_histogram, kl_to_uniform, label_accuracy
from tfgans.metrics.neighbours import Neighbours, PrecisionRecall, nearest_neighbours, precision_recall

__all__ = [
    "Neighbours",
    "PrecisionRecall",
    "category_accuracy",
    "class_histogram",
    "classifier_score",
    "frechet_distance",
    "frechet_floor",
    "kernel_distance",
    "kl_to_uniform",
    "label_accuracy",
    "luma",
    "nearest_neighbours",
    "precision_recall",
    "psnr",
    "ssim",
]
