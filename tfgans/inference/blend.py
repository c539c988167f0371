"""A model between two of the same network, such as SRGAN and the SRResNet that it began from.

Wang et al., "ESRGAN" (arXiv:1809.00219), section 3.4: the weights of what was trained for sharpness and of what was
trained for PSNR are interpolated. Between them noise goes away sooner than sharpness does.
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

    What is declared besides, such as names of classes, is that of `one`.

    Raises UserError where they are not of the same network, and for an `alpha` outside [0, 1].
    """
    if not 0.0 <= alpha <= 1.0:
        raise UserError(f"--alpha is from 0 (all of the other model) to 1 (all of this one), not {alpha:g}")
    folder = Path(folder)
    check_folder(folder, force)
    if (folder / "card.json").exists():
        raise UserError(f"{folder} has a card, of another model than this would be; give another folder with -o")
    (model, declared), (second, _) = opened(one), opened(other)
    if type(model) is not type(second):
        raise UserError(f"{one} is a {type(model).__name__} and {other} a {type(second).__name__}: no blend of both")
    interpolate(used_by(model), used_by(second), alpha, f"{one} and {other}")
    return export(model, folder, **declared)


def opened(path: str | Path) -> tuple[Adversarial, dict[str, Any]]:
    """The model of a run, or of a SavedModel with a card, and what its export declares."""
    return of_run(Run.open(path)) if (Path(path) / "config.yaml").is_file() else of_saved(find(path))
