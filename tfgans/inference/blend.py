"""Interpolation between the weights of two models of one network, such as SRGAN and the SRResNet it started from.

Wang et al., "ESRGAN" (arXiv:1809.00219), section 3.4: weights trained for perceptual quality are interpolated with
weights trained for PSNR. On the way between them, noise disappears sooner than sharpness.
"""

from pathlib import Path
from typing import Any

from tfgans.adversarial import Adversarial
from tfgans.errors import UserError
from tfgans.inference.export import check_folder, export, of_run, used_by
from tfgans.inference.exported import find
from tfgans.inference.rebuild import of_saved
from tfgans.models.warm_start import interpolate
from tfgans.run import Run


def export_blend(one: str | Path, other: str | Path, alpha: float, folder: str | Path, force: bool = False) -> Path:
    """Export alpha * `one` + (1 - alpha) * `other` of the weights that endpoints use; both are runs or SavedModels.

    The rest of the declaration, such as class names, is taken from `one`.

    Raises UserError if their networks differ or `alpha` is outside [0, 1].
    """
    if not 0.0 <= alpha <= 1.0:
        raise UserError(f"--alpha must be from 0 (only the other model) to 1 (only this one), not {alpha:g}")
    folder = Path(folder)
    check_folder(folder, force)
    if (folder / "card.json").exists():
        raise UserError(f"{folder} has the card of another model; choose another folder with -o")
    (model, declared), (second, _) = opened(one), opened(other)
    if type(model) is not type(second):
        raise UserError(f"cannot blend {one}, a {type(model).__name__}, with {other}, a {type(second).__name__}")
    interpolate(used_by(model), used_by(second), alpha, f"{one} and {other}")
    return export(model, folder, **declared)


def opened(path: str | Path) -> tuple[Adversarial, dict[str, Any]]:
    """The model of a run, or of a SavedModel with a card, and the declaration for its export."""
    return of_run(Run.open(path)) if (Path(path) / "config.yaml").is_file() else of_saved(find(path))
