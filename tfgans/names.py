"""Names of measurements, and numbers as text, for reports."""

import itertools
import statistics

from tfgans.card import Row

MEASURES = {
    "kernel_distance": "Kernel distance (0 is best)",
    "frechet_distance": "Fréchet distance (0 is best)",
    "classifier_score": "Classifier score",
    "precision": "Precision: samples that look like real images",
    "recall": "Recall: real images that samples cover",
    "label_accuracy": "Label accuracy: share of samples that the judge assigns to their label",
    "classification_accuracy_score": "Classification accuracy score: test images, by a classifier trained on samples",
    "category_accuracy": "Category accuracy: share of samples that the judge assigns to the digit of their category",
    "recognition_accuracy": "Recognition accuracy: test images, by the category that the model predicts",
    "nll_bound": "Bound on -log p of binarized test images (nats)",
    "canvas_sharpness": "Sharpness of the canvas after each tenth of the glimpses",
    "seam_contrast": "Colour step across the borders of parts, divided by that elsewhere",
    "ms_ssim_within": "MS-SSIM of pairs within each class (1: all alike)",
    "code_turns": "Rank correlation of each continuous code with the slant of the strokes",
    "code_thickens": "Rank correlation of each continuous code with the width of the strokes",
    "code_widens": "Rank correlation of each continuous code with the width of the digit",
    "quality_correlation": "Rank correlation of the critic's estimate with the Fréchet distance over the checkpoints",
    "quality_change_correlation": "Rank correlation of their changes from checkpoint to checkpoint",
    "quality_change_correlation_detrended": "Rank correlation of these changes without their trend in time",
    "judge_accuracy": "Accuracy of the judge on restored images",
    "coarse_accuracy": "Accuracy of a classifier trained on coarse images",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "squeezenet_distance": "Distance in SqueezeNet features (0 is best)",
    "squeezenet_distance_floored": "Distance in SqueezeNet features not amplified on flat surfaces (0 is best)",
    "high_frequency": "Power at the lost frequencies, divided by that of the originals",
    "letters_read": "Share of small letters that can be read",
    "colourfulness": "Colourfulness",
    "green_blue": "Share of green and blue among the coloured pixels",
    "vivid_chroma": "Chroma in vivid blocks of 16 pixels, divided by that of the originals",
    "class_share": "Share of each class, by the judge",
    "smallest_class": "Smallest share of a class",
    "kl_to_uniform": "KL divergence of the classes from uniform (nats)",
    "modes": "Modes covered",
    "sure_modes": "Modes covered by samples that the judge is sure of",
    "sure": "Share of samples that the judge is sure of",
    "source_identified": "Share of points whose source mode is identified by the mode that they reach",
    "high_quality": "Share of samples within 3 sigma of a mode",
    "neighbour_classes": "Classes among the nearest training images",
    "neighbour_largest_class": "Largest share of a class among the nearest training images",
    "neighbour_distance": "Distance to the nearest training image (pixels in [0, 1])",
    "l1": "L1 (images in [0, 1])",
    "coarse_l1": "L1 of images averaged over blocks of 16 pixels",
    "l2": "L2: mean squared difference (images in [0, 1])",
    "detail": "Energy of fine detail (levels of 255)",
    "pixel_accuracy": "Accuracy per pixel",
    "class_accuracy": "Accuracy per class",
    "mean_iou": "Mean IoU of the classes",
    "instances_found": "Share of the instances that have a component of their own",
    "class_kept": "Share of images that the judge assigns to the class of their source",
    "partner_rank": "Rank of the true partner among the test images (1 is best)",
    "same_class": "Share of pairs to which the judge assigns the same class",
    "regressor_l1": "L1 to what a regressor of real pairs predicts (images in [0, 1])",
    "pixel_agreement": "Share of pixels that are light in both or dark in both",
}
OF = {
    "model": "",
    "input": "of the input",
    "bicubic": "of bicubic enlargement",
    "mean_fill": "of filling with the mean",
    "biharmonic": "of biharmonic filling",
    "train": "of training images: the floor",
    "real": "of real images",
    "shuffled": "of pairs that do not belong together",
    "step": "of the step's number",
    "g_loss": "of the generator's loss",
}
WHERE = {  # of `where`
    "hole": "in the hole",
    "touching": "of those that touch another",
    "training images": "of training images",
    "flat": "of low contrast",
    "textured": "of more contrast",
}
PARTS = ("class", "code", "tenth")  # listed together in one line


def label(row: Row, test: bool = False) -> str:
    """A row's name: "PSNR (dB), in the hole, of biharmonic filling"; with `test`, followed by the test set."""
    words = [MEASURES.get(row.measure, row.measure.replace("_", " ").capitalize())]
    if row.where and row.where.split()[0] not in PARTS:
        words.append(WHERE.get(row.where, row.where))
    words += [row.direction.replace("_", " ")] if row.direction else []
    words += [OF.get(row.of, f"of {row.of}")] if row.of != "model" else []
    return ", ".join(words) + (f" ({row.test})" if test else "")


def lines(rows: list[Row]) -> list[tuple[str, str]]:
    """(label, numbers) of each measurement; all classes, codes or tenths share a line.

    Codes are listed for each training seed, because they differ between trainings.
    """
    named = len({row.test for row in rows}) > 1
    found = []
    for _, group in itertools.groupby(rows, key=_line):
        shared = list(group)
        if _line(shared[0])[-1] == "code":
            seeds = zip(*(row.numbers for row in shared), strict=True)
            text = "; ".join("  ".join(f"{value:.2f}" for value in each) for each in seeds)
        elif _line(shared[0])[-1] in PARTS:
            text = "  ".join(f"{statistics.fmean(row.numbers):.2f}" for row in shared)
        else:
            mean, deviation = summary(shared[0].numbers)
            text = f"{mean:.4g}" + ("" if deviation is None else f" ± {deviation:.2g}")
        found.append((label(shared[0], named), text))
    return found


def _line(row: Row) -> tuple[str | None, ...]:
    part = (row.where or "").split(" ")[0]
    return row.test, row.measure, row.of, row.direction, part if part in PARTS else row.where


def summary(values: list[float]) -> tuple[float, float | None]:
    """Mean and standard deviation over training seeds (n - 1); no deviation for a single one."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None


def cell(values: list[float], digits: int = 2, scale: float = 1.0) -> str:
    """The values of a row as "1.23 ± 0.04"; empty if there are none."""
    if not values:
        return ""
    mean, deviation = summary(values)
    rounded = round(scale * mean, digits) + 0.0  # which makes -0.0 0.0
    return f"{rounded:.{digits}f}" + ("" if deviation is None else f" ± {scale * deviation:.{digits}f}")


def distance(values: list[float]) -> str:
    """`cell` with up to four digits and at most three decimals: kernel distances in some features are 10^4 times those
    in others. 1428.27 -> "1428", 22.885 -> "22.89", 0.0684 -> "0.068"."""
    size = max(map(abs, values), default=0.0)
    return cell(values, min(3, max(0, 4 - len(str(int(size))))))
