"""Tables of many trainings side by side, on cards made up for them."""

from typing import Any

from reports.old_names import card

from tfgans import models
from tfgans.card import Card, Row
from tfgans.reports import comparisons


def test_table_1() -> None:
    measures = {
        "judge_accuracy": (0.8, 0.9),
        "psnr": (13.0, 14.0),
        "ssim": (0.5, 0.5),
        "frechet_distance": (12.0, 12.0),
    }
    losses = {"d_loss": {"mean": [0.5, 0.7]}, "g_loss": {"mean": [1.0, 1.2]}, "accuracy": {"mean": [0.9, 0.7]}}
    resgan = card("resgan", ("mnist",), **measures, classes=10, losses=losses)
    seen = dict(psnr_faces=(20.0,), ssim_faces=(0.6,), frechet_distance_faces=(9.0,))
    faces = card("coarse_gan", ("faces",), **seen, classes=0, losses={term: {"mean": [1.0]} for term in losses})
    text = comparisons.table_1({"resgan-mnist": resgan, "coarse_gan_wgan-faces": faces})
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert rows[2] == [
        *["mnist", "ResGAN", "1.70 / 80.0 ± 14.1", "1.98 / 93.8", "85.0 ± 7.1", "13.50 ± 0.71", "0.500 ± 0.000"],
        *["12.0 ± 0.0", "2"],
    ]
    assert rows[3] == ["faces", "WGAN", "2.00 / –", "", "", "20.00", "0.600", "9.0", "1"] and len(rows) == 4


def test_every_ablation_has_its_row() -> None:
    short = [key for key in models.recipes("unet_gan") if key.startswith("ablation_")]
    assert [f"ablation_{name}" for name in comparisons.CHANGES] == short
    seen = dict(colourfulness_scenes=(20.0,), colourfulness_scenes_real=(30.0,), psnr_scenes=(24.0,))
    facts = {"losses": {"l1": {"mean": [0.2], "final": [0.1]}}, "parameters": {"g_optimizer": 1234}}
    made = card("unet_gan", ("scenes",), **seen, **facts, train_seconds=[90.0])
    text = comparisons.ablations({"unet_gan_pooling-scenes": made})
    assert text.splitlines()[-1] == (
        "| max-pooling in place of strides | 20.0 | 30.0 | 24.00 |  |  | 0.2000 | 0.1000 |  | 1,234 | 1.5 | 2 |"
    )


def made(*rows: tuple[str, str, str | None, str | None, tuple[float, ...]], **fields: Any) -> Card:
    """A card of rows: measure, of, direction, where, values."""
    own = [Row("x", name, of, where, direction, list(values)) for name, of, direction, where, values in rows]
    n = max(len(row.values) for row in own)
    protocol = {"segmenter_sha256": "ef", "features_sha256": "ab"}
    return card(**{"measurements": own, "training_seeds": list(range(n)), "protocol": protocol, **fields})


def kept(there: tuple[float, ...] | None, round_trip: tuple[float, ...]) -> Card:
    rows = [("class_kept", "model", "round_trip", "a", round_trip), ("class_kept", "model", "b_to_a", None, (0.97,))]
    rows += [("class_kept", "model", "a_to_b", None, there)] if there else []
    found = made(*rows)
    found.settings["degradation"] = "edges"
    return found


def test_translators_beside_each_other() -> None:
    good = kept((0.95, 0.9), (0.99,))
    good.settings.update(steps=30, batch_size=100)
    lines = comparisons.translators({"cyclegan-edges": good, "dcgan-mnist": card()}).splitlines()
    assert len(lines) == 3
    assert lines[2].startswith("| digits, edges | CycleGAN | 92.5 ± 3.5 | 97.0 | 99.0 |") and "| 3,000 |" in lines[2]
