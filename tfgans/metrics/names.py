"""What measurements are called, and numbers as text, where people read them."""

import itertools
import statistics

from tfgans.card import Row

MEASURES = {
    "kernel_distance": "Kernel distance (0 is best)",
    "frechet_distance": "Fréchet distance (0 is best)",
    "classifier_score": "Classifier score",
    "precision": "Precision: samples that look like real ones",
    "recall": "Recall: real ones that samples cover",
    "label_accuracy": "Label accuracy: the share of labels that are read right",
    "category_accuracy": "Category accuracy: the judge reads the digit that best matches the category asked for",
    "recognition_accuracy": "Recognition accuracy: test images, by the category that the model reads",
    "nll_bound": "Bound on -log p of binarized test images (nats)",
    "canvas_sharpness": "Sharpness of the canvas after each tenth of the glimpses",
    "seam_contrast": "Step of colour across the borders of parts, over that elsewhere",
    "ms_ssim_within": "MS-SSIM of pairs of each class (1: all alike)",
    "code_turns": "Rank correlation of each continuous code with the slant of the strokes",
    "code_thickens": "Rank correlation of each continuous code with the width of the strokes",
    "code_widens": "Rank correlation of each continuous code with the width of the digit",
    "quality_correlation": "Rank correlation of the critic's estimate with the Fréchet distance over the checkpoints",
    "quality_change_correlation": "The same of their changes from checkpoint to checkpoint",
    "quality_change_correlation_detrended": "The same of the changes, without their trend in time",
    "judge_accuracy": "Accuracy of the judge on restored images",
    "coarse_accuracy": "Accuracy of a classifier that learnt on coarse images",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "squeezenet_distance": "Distance in SqueezeNet features (0 is best)",
    "squeezenet_distance_floored": "Distance in SqueezeNet features that are not enlarged on flat surfaces (0 is best)",
    "high_frequency": "Power at the frequencies that were lost, over that of the originals",
    "letters_read": "Share of small letters that can be read",
    "colourfulness": "Colourfulness",
    "green_blue": "Share of green and blue among the coloured pixels",
    "class_share": "Share of each class, as the judge reads it",
    "smallest_class": "Smallest share of a class",
    "kl_to_uniform": "KL divergence of the classes from uniform (nats)",
    "modes": "Modes covered",
    "sure_modes": "Modes covered by samples that the judge is sure of",
    "sure": "Share of samples that the judge is sure of",
    "source_identified": "Share of points whose source mode is identified by the mode that they reach",
    "high_quality": "Share of samples within 3 sigma of a mode",
    "neighbour_classes": "Classes among the nearest training images",
    "neighbour_largest_class": "Largest share of a class among them",
    "neighbour_distance": "Distance to the nearest training image (pixels in [0, 1])",
    "l1": "L1 (images in [0, 1])",
    "coarse_l1": "L1 of images that were averaged over blocks of 16 pixels",
    "l2": "L2: mean squared difference (images in [0, 1])",
    "detail": "Energy of fine detail (levels of 255)",
    "pixel_accuracy": "Accuracy per pixel",
    "class_accuracy": "Accuracy per class",
    "mean_iou": "Mean IoU of the classes",
    "instances_found": "Share of the instances that have a component of their own",
    "class_kept": "Share of images in which the judge reads the class of what they were made of",
    "partner_rank": "Rank of the true partner among the test images (1 is best)",
    "same_class": "Share of pairs in which the judge reads the same class",
    "pixel_agreement": "Share of pixels that are light in both or dark in both",
}
OF = {
    "model": "",
    "input": "of the input itself",
    "bicubic": "of bicubic enlargement",
    "mean_fill": "of filling with the mean",
    "biharmonic": "of biharmonic filling",
    "train": "of training images: the floor",
    "real": "of real images",
    "shuffled": "of pairs that do not belong together",
    "step": "of the step's number",
    "g_loss": "of the generator's loss",
}
WHERE = {"hole": "in the hole", "touching": "of those that touch another"}  # of `where`
PARTS = ("class", "code", "tenth")  # of which a line lists all


def label(row: Row, test: bool = False) -> str:
    """A row's name: "PSNR (dB), in the hole, of biharmonic filling"; with `test`, the test set's behind it."""
    words = [MEASURES.get(row.measure, row.measure.replace("_", " ").capitalize())]
    if row.where and row.where.split()[0] not in PARTS:
        words.append(WHERE.get(row.where, row.where))
    words += [row.direction.replace("_", " ")] if row.direction else []
    words += [OF.get(row.of, f"of {row.of}")] if row.of != "model" else []
    return ", ".join(words) + (f" ({row.test})" if test else "")


def lines(rows: list[Row]) -> list[tuple[str, str]]:
    """(label, numbers) of each measurement; those of all classes, codes or tenths share a line.

    Codes are listed for each training seed, as another training has other ones.
    """
    named = len({row.test for row in rows}) > 1
    found = []
    for _, group in itertools.groupby(rows, key=_line):
        shared = list(group)
        if _line(shared[0])[-1] == "code":
            seeds = zip(*(row.values for row in shared), strict=True)
            text = "; ".join("  ".join(f"{value:.2f}" for value in each) for each in seeds)
        elif _line(shared[0])[-1] in PARTS:
            text = "  ".join(f"{statistics.fmean(row.values):.2f}" for row in shared)
        else:
            mean, deviation = summary(shared[0].values)
            text = f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")
        found.append((label(shared[0], named), text))
    return found


def _line(row: Row) -> tuple[str | None, ...]:
    part = (row.where or "").split(" ")[0]
    return row.test, row.measure, row.of, row.direction, part if part in PARTS else row.where


def summary(values: list[float]) -> tuple[float, float | None]:
    """Mean and standard deviation over training seeds (n - 1); no deviation of a single one."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def cell(values: list[float], digits: int = 2, scale: float = 1.0) -> str:
    """The values of a row as "1.23 ± 0.04"; a blank where there are none."""
    if not values:
        return ""
    mean, deviation = summary(values)
    return f"{scale * mean:.{digits}f}" + ("" if deviation is None else f" ± {scale * deviation:.{digits}f}")
