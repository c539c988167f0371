"""What metrics are called where people read them."""

from typing import Any

LABELS = {
    "frechet_distance": "Fréchet distance (0 is best)",
    "frechet_floor": "… of real training images: the floor",
    "frechet_ratio": "… times the floor",
    "kernel_distance": "Kernel distance (0 is best)",
    "classifier_score": "Classifier score",
    "classifier_score_real": "… of real images",
    "precision": "Precision: samples that look like real ones",
    "recall": "Recall: real ones that samples cover",
    "label_accuracy": "Label accuracy: the judge reads the label that was asked for",
    "category_accuracy": "Category accuracy: the judge reads the digit that best matches the category asked for",
    "recognition_accuracy": "Recognition accuracy: test images, by the category that the model reads",
    "nll_bound": "Bound on -log p of binarized test images (nats)",
    "canvas_sharpness": "Sharpness of the canvas after each tenth of the glimpses",
    "seam_contrast": "Step of colour across the borders of parts, over that elsewhere",
    "seam_contrast_real": "… of the originals",
    "ms_ssim_within": "MS-SSIM of pairs of each class (1: all alike)",
    "ms_ssim_within_real": "… of real images",
    "code_turns": "Rank correlation of each continuous code with the slant of the strokes",
    "code_thickens": "… with the width of the strokes",
    "code_widens": "… with the width of the digit",
    "quality_correlation": "Rank correlation of the critic's estimate with the Fréchet distance over the checkpoints",
    "judge_accuracy": "Judge's accuracy on restored images",
    "judge_accuracy_bicubic": "… on coarse images, enlarged",
    "judge_accuracy_real": "… on the originals",
    "coarse_accuracy": "Accuracy of a classifier that learnt on coarse images",
    "psnr": "PSNR (dB)",
    "psnr_bicubic": "… of coarse images, enlarged",
    "ssim": "SSIM",
    "ssim_bicubic": "… of coarse images, enlarged",
    "high_frequency": "Power at the frequencies that were lost, over that of the originals",
    "high_frequency_bicubic": "… of coarse images, enlarged",
    "frechet_distance_bicubic": "… of coarse images, enlarged",
    "class_histogram": "Share of each class, as the judge reads it",
    "smallest_class": "Smallest share of a class",
    "kl_to_uniform": "KL divergence of the classes from uniform (nats)",
    "kl_to_uniform_real": "… of real images",
    "modes": "Modes covered",
    "modes_real": "… by real images",
    "high_quality": "Share of samples within 3 sigma of a mode",
    "high_quality_real": "… of real points",
    "neighbour_classes": "Classes among the nearest training images",
    "neighbour_largest_class": "Largest share of a class among them",
    "neighbour_distance": "Distance to the nearest training image (pixels in [0, 1])",
    "neighbour_distance_real": "… of real test images",
}


def readable(value: Any, name: str = "") -> str:
    """A metric as text: a number with four figures, a list with two decimals."""
    if isinstance(value, dict) and name.startswith("code_"):  # another seed has other codes: their mean says nothing
        return "; ".join(readable(each) for each in value["values"])
    if isinstance(value, dict):
        return readable(value["mean"]) + ("" if value.get("std") is None else f" ± {value['std']:.2g}")
    if isinstance(value, list):
        return "  ".join(f"{v:.2f}" for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
