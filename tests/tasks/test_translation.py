"""What is measured of translations and of pairs from noise, by hand; which task a model has, and what a task has."""

import inspect
import math
import re
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare
from PIL import Image

from tfgans import tasks
from tfgans.data import ImageSet
from tfgans.data.palettes import palette as palette_of
from tfgans.endpoint import Array, Endpoint, generator, images, latents, number
from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.recipe import Recipe
from tfgans.tasks import (
    SAMPLE_SEED,
    Measured,
    Subject,
    hidden_pairs,
    joint_generation,
    paired_translation,
    segmented,
    unpaired_translation,
)
from tfgans.tasks.translation import perceptual

SIDE = 16
PHOTO = images(3)
IDS = Array((None, None, None, 1), "int32", 0, 4, "classes")
POINTS = Endpoint(*({"images": Array((None, 1, 1, 2), low=0.0, encoding="points")} for _ in range(2)))
PALETTE = "red 255 0 0\ngreen 0 255 0\nblue 0 0 255\nvoid 0 0 0 -\n"


def write(path: Path, pixels: Any) -> None:
    """A file of one level of gray in three channels, or of the pixels given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((SIDE, SIDE, 3), pixels) if np.ndim(pixels) == 0 else pixels
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)


def subject(
    dataset: str, *, features: str | None = None, side: int = SIDE, channels: int = 3, **recipe: Any
) -> Subject:
    return Subject(Recipe(dataset, {"image_shape": (side, side, channels)}, {}, 1, 1, **recipe), features=features)


def values(measured: Measured) -> dict[tuple[str, ...], float]:
    """(measure, of), and direction and where if there are any -> value."""
    return {(row.measure, row.of, *filter(None, [row.direction, row.where])): row.values[0] for row in measured.rows}


def l1(*differences: float) -> Any:
    """The mean over images that lie so many of 255 levels from their targets, everywhere."""
    return pytest.approx(np.mean(differences) / 255, abs=1e-6)


def psnr(*differences: float) -> Any:
    return pytest.approx(np.mean([20 * math.log10(255 / each) for each in differences]), abs=1e-4)


# --- one way ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    for i, (source, target) in enumerate([(100, 80), (200, 60)]):
        write(tmp_path / "pairs" / "test" / "A" / f"{i}.png", source)
        write(tmp_path / "pairs" / "test" / "B" / f"{i}.png", target)
    return f"pairs:{tmp_path / 'pairs'}"


@pytest.mark.parametrize("noisy", [True, False])
def test_translations_and_the_input_beside_their_targets(pairs: str, tmp_path: Path, noisy: bool) -> None:
    """A model that halves, with and without a seed."""

    def with_seed(pictures: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        return tf.where(seed == SAMPLE_SEED, pictures / 2, 1.0)

    rules = Endpoint({"images": PHOTO} | ({"seed": number()} if noisy else {}), {"images": PHOTO})
    model = Exported(declare(tmp_path / "m", {"translate": (with_seed if noisy else lambda x: x / 2, rules)}))
    measured = paired_translation.measure(model, subject(pairs))
    assert measured.protocol["n_images"] == {"pairs": 2} and {row.test for row in measured.rows} == {"pairs"}
    found = values(measured)
    expected = {(measure, of) for measure in ("l1", "psnr", "ssim") for of in ("model", "input")}
    assert found.keys() == expected | {("coarse_l1", "model"), ("detail", "model"), ("detail", "real")}
    assert found["coarse_l1", "model"] == l1(30, 40) and found["detail", "model"] == pytest.approx(0, abs=1e-4)
    assert found["l1", "model"] == l1(30, 40) and found["psnr", "model"] == psnr(30, 40)
    assert found["l1", "input"] == l1(20, 140) and found["psnr", "input"] == psnr(20, 140)
    alike = [
        (2 * a * b + 2.55**2) / (a * a + b * b + 2.55**2) for a, b in ((50, 80), (100, 60))
    ]  # no contrast: of means
    assert found["ssim", "model"] == pytest.approx(np.mean(alike), abs=1e-4)
    sheet = paired_translation.sheet(model, subject(pairs))
    levels = sheet[SIDE // 2 :: SIDE + 2, SIDE // 2 :: SIDE + 2, 0]
    assert levels.tolist() == [[100, 200], [50, 100], [80, 60]]


def test_what_is_right_at_large_and_what_is_sharp() -> None:
    """Stripes of 60 on 100: blocks of 16 pixels have the mean, and each pixel lies 30 from that of its neighbours."""
    flat, striped = np.full((1, 36, 32, 1), 100, np.uint8), np.full((1, 36, 32, 1), 100, np.uint8)
    striped[:, :, ::2] += 30
    striped[:, :, 1::2] -= 30
    assert paired_translation.coarse_l1(striped, flat) == pytest.approx(0, abs=1e-6)
    assert paired_translation.coarse_l1(striped + np.uint8(10), flat) == l1(10)
    halves = flat.copy()
    halves[:, :, :16] += 40
    assert paired_translation.coarse_l1(halves, flat) == l1(20)
    small = paired_translation.coarse_l1(striped[:, :8, :8], flat[:, :8, :8])
    assert small == pytest.approx(0, abs=1e-6), "smaller than a block"
    assert paired_translation.detail(flat) == pytest.approx(0, abs=1e-4)
    assert paired_translation.detail(striped) == pytest.approx(30, rel=1e-3), "half of the neighbours lie 60 off"


def test_what_is_no_pair(pairs: str, tmp_path: Path) -> None:
    model = Exported(
        declare(tmp_path / "m", {"translate": (lambda x: x, Endpoint({"images": PHOTO}, {"images": PHOTO}))})
    )
    write(tmp_path / "pairs" / "test" / "B" / "of_none.png", 7)
    with pytest.raises(UserError, match="are not pairs: file names do not match"):
        paired_translation.measure(model, subject(pairs, pairing="shuffled"))
    with pytest.raises(UserError, match="of_none"):
        paired_translation.measure(model, subject(pairs))


@pytest.mark.parametrize("made", ["colours", "ids"])
def test_label_maps(tmp_path: Path, made: str) -> None:
    """Red above green above what does not count; the model sees red in half of the red rows, and else green."""
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]])
    seen = np.array([[200, 30, 20], [20, 240, 70], [0, 30, 180]])  # near the palette's
    rows, near = np.repeat([0, 1, 3], [8, 6, 2]), np.repeat([0, 1, 2], [4, 10, 2])
    write(tmp_path / "set" / "test" / "label" / "0.png", np.repeat(colours[rows][:, None], SIDE, axis=1))
    write(tmp_path / "set" / "test" / "photo" / "0.png", np.repeat(seen[near][:, None], SIDE, axis=1))
    (tmp_path / "palette.txt").write_text(PALETTE)

    def as_ids(pictures: tf.Tensor) -> tf.Tensor:
        return tf.where(pictures[..., :1] > 0.5, 0, 1)

    output, function = (PHOTO, lambda pictures: pictures) if made == "colours" else (IDS, as_ids)
    rules = Endpoint({"images": PHOTO}, {"images": output})
    model = Exported(declare(tmp_path / "m", {"translate": (function, rules)}))
    of = subject(
        f"pairs:{tmp_path / 'set'}",
        sets={"source": "photo", "target": "label"},
        palette=str(tmp_path / "palette.txt"),
    )
    assert values(paired_translation.measure(model, of)) == {
        ("pixel_accuracy", "model"): pytest.approx((4 + 6) / 14),
        ("class_accuracy", "model"): pytest.approx((4 / 8 + 6 / 6) / 2),
        ("mean_iou", "model"): pytest.approx((4 / 8 + 6 / (6 + 4)) / 2),
    }
    sheet = paired_translation.sheet(model, of)
    assert sheet.shape == (3 * (SIDE + 2) + 2, SIDE + 4, 3)
    assert sheet[-4 - SIDE + 2, 5].tolist() == [255, 0, 0], "the target's colours"


def test_coloured_targets_are_measured_as_label_maps_too(tmp_path: Path) -> None:
    """Red above green above what does not count, in colours that JPEG left; 6 of 14 rows are made wrong."""
    seen = np.array([[240, 20, 10], [10, 250, 20], [5, 5, 5]])
    rows = np.repeat([0, 1, 2], [8, 6, 2])
    write(tmp_path / "set" / "test" / "map" / "0.png", np.repeat(seen[rows][:, None], SIDE, axis=1))
    made = np.array([[200, 30, 20], [0, 30, 180]])[np.repeat([0, 1], [8, 8])]  # blue in the place of green
    write(tmp_path / "set" / "test" / "photo" / "0.png", np.repeat(made[:, None], SIDE, axis=1))
    (tmp_path / "palette.txt").write_text(PALETTE)
    model = Exported(
        declare(tmp_path / "m", {"translate": (lambda x: x, Endpoint({"images": PHOTO}, {"images": PHOTO}))})
    )
    sets = {"source": "photo", "target": "map"}
    of = subject(f"pairs:{tmp_path / 'set'}", sets=sets, image_palette=str(tmp_path / "palette.txt"))
    found = values(paired_translation.measure(model, of))
    assert found["pixel_accuracy", "model"] == pytest.approx(8 / 14)
    assert found["class_accuracy", "model"] == pytest.approx((1 + 0) / 2)
    assert found["mean_iou", "model"] == pytest.approx((1 + 0) / 2)
    assert ("l1", "model") in found, "and as an image"


class Levels:
    """A segmenter of gray levels: dark is the class 0, then 1, 2 and at most 3."""

    name, sha256, score = "segmenter:levels", "ef", {"mean_iou": 0.5}

    def __init__(self, palette: str) -> None:
        self.palette = palette_of(palette)

    def ids(self, pictures: np.ndarray) -> np.ndarray:
        assert pictures.dtype == np.uint8
        return np.minimum(pictures[..., :1] // 50, 3)


def levels_of(rows: Any) -> np.ndarray:
    """Rows of classes as a photograph of them, uint8 (SIDE, SIDE, 3)."""
    return np.repeat(50 * np.minimum(rows, 3)[:, None] + 10, SIDE, axis=1)[..., None].repeat(3, -1)


@pytest.mark.parametrize("coloured", [True, False])
def test_a_segmenter_reads_what_was_made_of_label_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], coloured: bool
) -> None:
    """Three classes above void. The model confuses the third with the second; in the real one two rows are wrong."""
    rows = np.repeat([0, 1, 2, 11], [6, 4, 4, 2])
    colours = palette_of("camvid").rgb.astype(int)[rows]
    maps = np.clip(colours + [9, -9, 9], 0, 255) if coloured else rows
    folder = tmp_path / "camvid" / "test"
    write(folder / "label" / "0.png", np.repeat(maps[:, None], SIDE, axis=1))
    real = rows.copy()
    real[:2] = 1
    write(folder / "photo" / "0.png", levels_of(real))

    def paint(maps: tf.Tensor) -> tf.Tensor:
        """The sky dark, all else as light as buildings; of the colours the sky's alone is a light gray."""
        gray = (tf.abs(maps[..., :1] - maps[..., 2:]) < 0.1) & (maps[..., :1] > 0.3) if coloured else maps == 0
        return tf.repeat(tf.where(gray, 0.04, 0.24), 3, axis=-1)

    ids = Array((None, None, None, 1), "int32", 0, 12, "classes")
    rules = Endpoint({"images": PHOTO} if coloured else {"label_map": ids}, {"images": PHOTO})
    model = Exported(declare(tmp_path / "m", {"translate": (paint, rules)}))
    monkeypatch.setattr(segmented, "load_segmenter", lambda name: Levels("camvid"))
    recipe: dict[str, Any] = dict(sets={"source": "label", "target": "photo"})
    recipe |= {} if coloured else {"palette": "camvid"}
    of = subject(f"pairs:{tmp_path / 'camvid'}", features="segmenter:levels" if coloured else None, **recipe)
    measured = paired_translation.measure(model, of)
    assert {name: measured.protocol[name] for name in ("segmenter", "segmenter_sha256", "segmenter_score")} == {
        "segmenter": "segmenter:levels",
        "segmenter_sha256": "ef",
        "segmenter_score": {"mean_iou": 0.5},
    }
    found = values(measured)
    assert found["pixel_accuracy", "model"] == pytest.approx(10 / 14), "void does not count"
    assert found["class_accuracy", "model"] == pytest.approx((1 + 1 + 0) / 3)
    assert found["mean_iou", "model"] == pytest.approx((1 + 4 / 8 + 0) / 3)
    assert found["pixel_accuracy", "real"] == pytest.approx(12 / 14)
    assert found["mean_iou", "real"] == pytest.approx((4 / 6 + 4 / 6 + 1) / 3)
    assert found["mean_iou", "real"] > found["mean_iou", "model"]
    assert ("l1", "model") in found and ("ssim", "model") in found, "what else is measured stays"
    by_recipe = subject(f"pairs:{tmp_path / 'camvid'}", segmenter="camvid", **recipe)
    assert values(paired_translation.measure(model, by_recipe)) == found, "named by the recipe"

    def absent(name: str) -> Levels:
        raise UserError(f"There is no segmenter {name}.")

    monkeypatch.setattr(segmented, "load_segmenter", absent)
    if coloured:  # it was asked for by its name
        with pytest.raises(UserError, match="no segmenter levels"):
            paired_translation.measure(model, of)
    assert ("mean_iou", "model") not in values(paired_translation.measure(model, by_recipe))
    assert "not segmented: There is no segmenter camvid." in capsys.readouterr().err


def test_where_no_segmenter_reads(tmp_path: Path) -> None:
    """Photographs of photographs; label maps as targets, of which a segmenter that was asked for would read nothing."""
    photos = {"source": ImageSet("x", np.zeros(0), np.zeros((0, 3), np.int64))}
    assert segmented.read_segments(subject("pairs:data/cityscapes"), photos, {}) == ([], {})
    assert segmented.read_segments(subject("pairs:data/cityscapes", image_palette="cityscapes"), photos, {}) == ([], {})
    asked = subject("pairs:data/cityscapes", image_palette="cityscapes", features="segmenter:cityscapes")
    with pytest.raises(UserError, match="the targets of this recipe are label maps"):
        segmented.read_segments(asked, photos, {})
    assert segmented.without_segmenter("squeezenet:a,b.h5,segmenter:camvid") == ("squeezenet:a,b.h5", "camvid")
    assert segmented.without_segmenter("segmenter:camvid") == (None, "camvid")
    assert segmented.without_segmenter("inception") == ("inception", None)
    assert segmented.without_segmenter(None) == (None, None)


def test_nuclei_that_touch_are_to_come_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two squares that touch at a corner and one by itself, the model leaves out one of the two."""
    ids = np.zeros((SIDE, SIDE), int)
    ids[2:6, 2:6], ids[6:10, 6:10], ids[10:14, 1:5] = 5, 2, 9
    for name, pixels in (
        ("label", ids > 0),
        ("instance", ids),
        ("photo", np.where(ids, 60, 10)[..., None].repeat(3, -1)),
    ):
        write(tmp_path / "set" / "test" / name / "0.png", pixels)
    keep = ((ids == 2) | (ids == 9)).astype(np.float32)[..., None]

    def paint(label_map: tf.Tensor, instance_map: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.cast(label_map, tf.float32) * keep * 0.24, 3, axis=-1)

    instances = Array((None, None, None, 1), "int32", 0, 2**16, "instances")
    rules = Endpoint({"label_map": IDS, "instance_map": instances}, {"images": PHOTO})
    model = Exported(declare(tmp_path / "m", {"translate": (paint, rules)}))
    monkeypatch.setattr(segmented, "load_segmenter", lambda name: Levels("dsb2018"))
    recipe = dict(sets={"source": ["label", "instance"], "target": "photo"}, palette="dsb2018")
    of = subject(f"pairs:{tmp_path / 'set'}", features="segmenter:levels", **recipe)
    found = values(paired_translation.measure(model, of))
    assert found["instances_found", "model"] == pytest.approx(2 / 3)
    assert found["instances_found", "model", "touching"] == 1 / 2
    assert found["instances_found", "real"] == found["instances_found", "real", "touching"] == 1
    assert found["pixel_accuracy", "real"] == 1 and found["pixel_accuracy", "model"] == 1 - 16 / SIDE**2


def test_distances_in_the_features_of_squeezenet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every image counts, beyond a batch too; gray ones are compared in three channels."""

    def distance_of(path: str) -> Any:
        assert path == "weights.h5"
        return lambda a, b: tf.reduce_mean(tf.abs(a - b), (1, 2, 3))

    monkeypatch.setattr("tfgans.tasks.translation.squeezenet_distance", distance_of)
    made, target = np.zeros((9, 32, 32, 1), np.uint8), np.zeros((9, 32, 32, 3), np.uint8)
    target[8] = 255
    (found,) = perceptual("squeezenet:weights.h5", made, target, "model", test="x")
    assert (found.measure, found.of, found.test) == ("squeezenet_distance", "model", "x")
    assert found.values == [pytest.approx(2 / 9)]
    for features, side in ((None, 32), ("judge:mnist", 32), ("squeezenet:weights.h5", 30)):
        assert not list(perceptual(features, made[:, :side, :side], target[:, :side, :side], "model"))


def test_maps_as_sources(tmp_path: Path) -> None:
    """A label map and an instance map make an image; none of them is an image to compare with."""
    for i, (label, instance) in enumerate([(1, 3), (2, 7)]):
        for name, level in (("label", label), ("instance", instance)):
            write(tmp_path / "set" / "test" / name / f"{i}.png", np.full((SIDE, SIDE), level))
        write(tmp_path / "set" / "test" / "photo" / f"{i}.png", 100)
    (tmp_path / "palette.txt").write_text(PALETTE)

    def paint(label_map: tf.Tensor, instance_map: tf.Tensor) -> tf.Tensor:
        return tf.repeat(tf.cast(40 * label_map + instance_map, tf.float32) / 255, 3, axis=-1)

    instances = Array((None, None, None, 1), "int32", 0, 2**16, "instances")
    rules = Endpoint({"label_map": IDS, "instance_map": instances}, {"images": PHOTO})
    model = Exported(declare(tmp_path / "m", {"translate": (paint, rules)}))
    recipe = dict(sets={"source": ["label", "instance"], "target": "photo"}, palette=str(tmp_path / "palette.txt"))
    of = subject(f"pairs:{tmp_path / 'set'}", **recipe)
    found = values(paired_translation.measure(model, of))
    assert {measure for measure, _ in found} == {"l1", "psnr", "ssim", "coarse_l1", "detail"}
    assert found["l1", "model"] == l1(57, 13) and found["psnr", "model"] == psnr(57, 13)

    maps = [tf.fill((6, SIDE, SIDE, 1), level) for level in (1, 3)]
    batch = {"label_map": maps[0], "instance_map": maps[1], "target": tf.zeros((6, SIDE, SIDE, 3))}
    trained: Any = types.SimpleNamespace(shown=lambda name: paint, endpoints=lambda: {"translate": rules})
    picture = paired_translation.preview(trained, lambda n: batch, of.recipe)()
    levels = picture[SIDE // 2 :: SIDE + 2, SIDE // 2]
    assert levels.tolist() == [[0, 255, 0], [43] * 3, [128] * 3]


# --- two ways ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_way(tmp_path: Path) -> Exported:
    """a to b halves, b to a makes half as light again."""
    rules = Endpoint({"images": PHOTO}, {"images": PHOTO})
    ways = {"a_to_b": (lambda x: x / 2, rules), "b_to_a": (lambda x: tf.minimum(1.5 * x, 1.0), rules)}
    return Exported(declare(tmp_path / "m", ways, domains=["A", "B"]))


def domains(folder: Path, a: list[int], b: list[int], name: str = "") -> str:
    for split in ("train", "test"):
        for side, levels in (("A", a), ("B", b)):
            for i, level in enumerate(levels):
                write(folder / f"{split}{side}" / f"{name if side == 'B' else ''}{i:02d}.png", level)
    return f"domains:{folder}"


def test_round_trips_identities_and_hidden_partners(two_way: Exported, tmp_path: Path) -> None:
    dataset = domains(tmp_path / "set", a=[100, 60], b=[70, 20])
    protocol, rows = unpaired_translation.measure(two_way, subject(dataset))
    assert protocol["pairs"] and protocol["n_images"] == {"set a": 2, "set b": 2}
    found = values(Measured(protocol, rows))
    assert found["l1", "model", "a_to_b"] == l1(20, 10) and found["psnr", "model", "a_to_b"] == psnr(20, 10)
    assert found["l1", "model", "b_to_a"] == l1(5, 30) and found["psnr", "model", "b_to_a"] == psnr(5, 30)
    for way in ("a_to_b", "b_to_a"):
        assert found["l1", "input", way] == l1(30, 40) and found["psnr", "input", way] == psnr(30, 40)
    assert found["l1", "model", "round_trip", "a"] == l1(25, 15)
    assert found["l1", "model", "round_trip", "b"] == l1(17.5, 5)
    assert found["l1", "model", "round_trip", "a exact"] == l1(25, 15), "none of it is rounded"
    assert found["l1", "model", "round_trip", "a noise:0.01"] == pytest.approx(20 / 255, abs=1e-3)
    for way in ("a_to_b", "b_to_a"):
        ranks = {"a_to_b": [(50, 30), (70, 20)], "b_to_a": [(105, 30), (100, 60)]}[way]
        nearest = [
            sorted(ranks[1], key=lambda x: abs(x - made)).index(ranks[1][i]) + 1 for i, made in enumerate(ranks[0])
        ]
        assert found["partner_rank", "model", way] == np.median(nearest)
    assert found["l1", "model", "identity", "a"] == l1(50, 30), "of a, which is told to become a"
    assert found["l1", "model", "identity", "b"] == l1(35, 10)
    assert not {measure for measure, *_ in found} - {"l1", "psnr", "ssim", "partner_rank"}, "no features were named"

    unrelated = domains(tmp_path / "other", a=[100, 60], b=[70, 20], name="other")
    protocol, rows = unpaired_translation.measure(two_way, subject(unrelated))
    assert not protocol["pairs"] and {row.direction for row in rows} == {"round_trip", "identity"}


def test_domains_are_compared_as_sets(two_way: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a single feature, the brightness, the Frechet distance is that of two normal distributions."""

    class Brightness:
        name, sha256, n_classes = "brightness", "ab", 0

        def features(self, pictures: np.ndarray) -> np.ndarray:
            assert pictures.dtype == np.uint8
            return pictures.mean(axis=(1, 2, 3))[:, None].astype(np.float32)

    monkeypatch.setattr("tfgans.tasks.translation.load_features", lambda name: Brightness())
    a, b = [100 + 4 * i for i in range(16)], [20 + 2 * i for i in range(16)]
    of = subject(domains(tmp_path / "set", a, b), features="brightness")
    protocol, rows = unpaired_translation.measure(two_way, of)
    assert protocol["features"] == "brightness" and protocol["asked_features"] == "brightness"
    found = values(Measured(protocol, rows))

    def distance(one: Any, other: Any) -> Any:
        moved = np.mean(one) - np.mean(other), np.std(one, ddof=1) - np.std(other, ddof=1)
        return pytest.approx(moved[0] ** 2 + moved[1] ** 2, rel=1e-3, abs=1e-3)

    for way, here, there, made in (("a_to_b", a, b, np.array(a) / 2), ("b_to_a", b, a, np.array(b) * 1.5)):
        assert found["frechet_distance", "model", way] == distance(made, there)
        assert found["frechet_distance", "input", way] == distance(here, there)
        assert found["frechet_distance", "train", way] == distance(there, there)  # the same images, here
        assert found["kernel_distance", "input", way] > found["kernel_distance", "model", way]


class Bright:
    """A judge of two classes, by the middle pixel."""

    name, sha256, n_classes, image_shape = "judge:bright", "cd", 2, (4, 4, 1)

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        assert pictures.dtype == np.uint8
        return np.eye(2)[(pictures[:, 2, 2, 0] > 127).astype(int)]


def test_what_keeps_its_class() -> None:
    """b is a negative, which is undone before the judge reads; of edges nothing is read but the way back."""
    levels = np.array([10, 200, 220], np.uint8)
    a = np.tile(levels[:, None, None, None], (1, 4, 4, 1))
    source = ImageSet("a", a.ravel(), np.tile([4, 4, 1], (3, 1)), np.array([0, 1, 1], np.int32))
    made, back = 255 - a, a.copy()
    made[1], back[2] = 250, 5

    def kept(direction: str, degradation: str) -> dict[tuple[str | None, str | None], float]:
        found = hidden_pairs.read_classes(Bright(), made, back, source, direction, degradation, test="x")
        return {(row.direction, row.where): row.values[0] for row in found}

    assert kept("a_to_b", "negative") == {("a_to_b", None): 2 / 3, ("round_trip", "a"): 2 / 3}
    assert kept("a_to_b", "edges") == {("round_trip", "a"): 2 / 3}
    assert kept("b_to_a", "negative") == {("b_to_a", None): 1 / 3, ("round_trip", "b"): 1 / 3}
    assert not list(hidden_pairs.read_classes(None, made, back, source, "a_to_b", "negative"))


def test_ranks_of_partners() -> None:
    """Of targets 0, 10, 20 and 20; the images lie nearest to the partner, second to it, and at a draw of two."""
    targets, made = (np.array(each, np.uint8)[:, None, None, None] for each in ([0, 10, 20, 20], [1, 4, 19, 0]))
    assert hidden_pairs.partner_rank(made[:1], targets) == 1
    assert hidden_pairs.partner_rank(made[:2], targets) == 1.5
    assert hidden_pairs.partner_rank(made[[2, 2, 2]], targets[[2, 3, 0]]) == 1.5
    assert hidden_pairs.partner_rank(targets[:1], targets[[3, 0]]) == 2


def test_unpaired_photographs_and_label_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """a is a photograph of sky above building, b its map in colours: accuracies one way, a segmenter the other."""
    rows = np.repeat([0, 1], [6, 10])
    wrong = np.repeat([0, 1], [8, 8])
    for split in ("train", "test"):
        folder = tmp_path / "camvid" / split
        write(folder / "map" / "0.png", np.repeat(palette_of("camvid").rgb.astype(int)[rows][:, None], SIDE, axis=1))
        write(folder / "photo" / "0.png", levels_of(rows))
    colours, photo = (
        np.repeat(palette_of("camvid").rgb[wrong][:, None], SIDE, axis=1)[None] / 255,
        levels_of(wrong)[None] / 255,
    )
    rules = Endpoint({"images": PHOTO}, {"images": PHOTO})
    ways = {
        "a_to_b": (lambda x: tf.constant(colours, tf.float32), rules),
        "b_to_a": (lambda x: tf.constant(photo, tf.float32), rules),
    }
    model = Exported(declare(tmp_path / "m", ways, domains=["photo", "map"]))
    monkeypatch.setattr(segmented, "load_segmenter", lambda name: Levels("camvid"))
    recipe: dict[str, Any] = dict(sets={"a": "photo", "b": "map"}, image_palette="camvid", segmenter="camvid")
    found = values(unpaired_translation.measure(model, subject(f"domains:{tmp_path / 'camvid'}", **recipe)))
    for way in ("a_to_b", "b_to_a"):
        assert found["pixel_accuracy", "model", way] == pytest.approx(14 / 16)
        assert found["class_accuracy", "model", way] == pytest.approx((1 + 8 / 10) / 2)
    assert found["pixel_accuracy", "real", "b_to_a"] == 1


# --- pairs from noise -------------------------------------------------------------------------------------------------


class Sizes:
    """A judge of two classes that reads 0 1 0 in images of the size of a, and 0 1 1 in others."""

    name, sha256, n_classes = "judge:sizes", "cd", 2

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        return np.eye(2)[[0, 1, 0] if pictures.shape[1] == 24 else [0, 1, 1]]


def test_the_two_images_of_a_pair_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        for i in range(3):
            write(tmp_path / "set" / split / f"{i}.png", 50 * i)

    def sample(n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        """Columns of 0 and 204, of which the half of the size has 102, beside 128."""
        stripes = tf.tile(tf.constant([0.0, 0.8])[None, None, :, None], (n, 24, 12, 1))
        return {"a": stripes, "b": tf.fill((n, 12, 12, 1), 128 / 255)}

    made = {"a": images(1, (None, 24, 24)), "b": images(1, (None, 12, 12))}
    rules = Endpoint({"n": number(), "seed": number()}, made)
    model = Exported(declare(tmp_path / "m", {"sample": (sample, rules)}))
    of = subject(f"domains:folder:{tmp_path / 'set'}", side=24, channels=1, pairing="halves", degradation="pool:2")
    measured = joint_generation.measure(model, of)
    assert measured.protocol["n_fake"] == 3  # as many as there are test images
    assert {row.where for row in measured.rows} == {"agreement", None} and {row.test for row in measured.rows} == {
        "set"
    }
    found = values(measured)
    assert found["pixel_agreement", "model"] == 0, "102 is dark, 128 is light"
    assert found["l1", "model", "agreement"] == l1(26) and found["psnr", "model", "agreement"] == psnr(26)
    with pytest.raises(UserError, match="leave --test out"):
        joint_generation.measure(model, Subject(of.recipe, tests=["mnist5k"]))
    for module in ("translation", "joint_generation"):
        monkeypatch.setattr(f"tfgans.tasks.{module}.load_features", lambda name: Sizes())
    read = values(joint_generation.measure(model, Subject(of.recipe, features="judge:sizes")))
    assert read == found | {("same_class", of): pytest.approx(2 / 3) for of in ("model", "real")}


class Corner:
    """A judge of two classes: whether the corner at the top left is light."""

    name, sha256, n_classes = "judge:corner", "ef", 2

    def logits(self, pictures: np.ndarray) -> np.ndarray:
        return np.eye(2)[(pictures[:, 0, 0, 0] >= 128).astype(int)]

    def features(self, pictures: np.ndarray) -> np.ndarray:
        return pictures.reshape(len(pictures), -1).astype(np.float32)


@pytest.mark.parametrize("degradation, light", [("rotate:90", (-1, 0)), ("negative", (0, 0)), ("edges", (0, 0))])
def test_rotations_and_negatives_are_undone_before_a_judge_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, degradation: str, light: tuple[int, int]
) -> None:
    """Pairs of which a has a light corner, each second one wherever it belongs in b; edges are read as they are."""
    for split in ("train", "test"):
        for i in range(4):
            corner = np.zeros((SIDE, SIDE, 3))
            corner[0, 0] = 255 * (i % 2)
            write(tmp_path / "set" / split / f"{i}.png", corner)
    a, b = np.zeros((4, SIDE, SIDE, 1), np.float32), np.zeros((4, SIDE, SIDE, 1), np.float32)
    a[:, 0, 0] = 1
    b[::2, light[0], light[1]] = 1
    b = 1 - b if degradation == "negative" else b
    pairs = {"a": tf.constant(a), "b": tf.constant(b)}

    def sample(n: tf.Tensor, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        return {side: each[:n] for side, each in pairs.items()}

    made = {side: images(1, (None, SIDE, SIDE)) for side in ("a", "b")}
    rules = Endpoint({"n": number(), "seed": number()}, made)
    model = Exported(declare(tmp_path / "m", {"sample": (sample, rules)}))
    for module in ("translation", "joint_generation"):
        monkeypatch.setattr(f"tfgans.tasks.{module}.load_features", lambda name: Corner())
    recipe: dict[str, Any] = dict(pairing="halves", degradation=degradation, features="judge:corner")
    found = values(joint_generation.measure(model, subject(f"domains:folder:{tmp_path / 'set'}", channels=1, **recipe)))
    assert found["same_class", "model"] == 0.5
    assert found["same_class", "real"] == (0.5 if degradation == "edges" else 1.0), "the corner is no edge of itself"
    if degradation != "edges":
        pixels = SIDE * SIDE
        assert found["pixel_agreement", "model"] == pytest.approx(1 - 0.5 / pixels)
        assert found["pixel_agreement", "shuffled"] == pytest.approx(1 - 0.5 / pixels), "every a is the same"


def test_a_model_that_classifies_is_right_as_often_as_its_labels_say(tmp_path: Path) -> None:
    """Class 1 is light; it says so of a, and of b the opposite but for one image in four."""
    for name in ("one", "two"):
        for split in ("train", "test"):
            for i in range(4):
                write(tmp_path / name / split / f"class{i % 2}" / f"{i}.png", 200 * (i % 2) + i)

    def light(pictures: tf.Tensor) -> tf.Tensor:
        chance = tf.reduce_mean(pictures, (1, 2, 3))
        return tf.stack([1 - chance, chance], axis=-1)

    made = {side: images(3, (None, SIDE, SIDE)) for side in ("a", "b")}
    read = Array((None, 2), low=0, high=1, encoding="probabilities")
    functions = {
        "sample": (
            lambda n, seed: {side: tf.zeros((n, SIDE, SIDE, 3)) for side in ("a", "b")},
            Endpoint({"n": number(), "seed": number()}, made),
        ),
        "classify_a": (light, Endpoint({"images": made["a"]}, {"classes": read})),
        "classify_b": (
            lambda x: tf.where(x[:, :1, 0, 0] < 0.005, light(x), 1 - light(x)),
            Endpoint({"images": made["b"]}, {"classes": read}),
        ),
    }
    model = Exported(declare(tmp_path / "m", functions))
    measured = joint_generation.measure(
        model, subject(f"domains:folder:{tmp_path / 'one'},folder:{tmp_path / 'two'}", pairing="shuffled")
    )
    found = values(measured)
    assert found["label_accuracy", "model", "a"] == 1.0 and found["label_accuracy", "model", "b"] == 0.25
    assert measured.protocol["n_classified_b"] == 4


# --- tasks ------------------------------------------------------------------------------------------------------------

RESTORE = {"restore": Endpoint({"images": PHOTO}, {"images": PHOTO}, scale=4)}
FILL = {"fill": Endpoint({"images": PHOTO, "masks": PHOTO}, {"images": PHOTO}, hole=8)}
SAMPLE = generator((28, 28, 1), latents(100))


@pytest.mark.parametrize(
    "endpoints, recipe, task",
    [
        (SAMPLE, {}, "generation"),
        (SAMPLE, {"dataset": "stacked_mnist"}, "mode_coverage"),
        (generator((1, 1, 2), latents(100)), {"dataset": "gaussians8"}, "mode_coverage"),
        (generator((1, 1, 2), latents(100)), {"dataset": "points of one's own"}, "mode_coverage"),
        (RESTORE, {"crop": False}, "small_restoration"),
        (RESTORE, {}, "restoration"),
        (RESTORE, {"crop": False, "dataset": "folder:faces"}, "restoration"),
        (FILL, {"crop": False}, "restoration"),
        ({"translate": RESTORE["restore"]}, {}, "paired_translation"),
        ({"a_to_b": RESTORE["restore"], "b_to_a": RESTORE["restore"]}, {}, "unpaired_translation"),
        ({"a_to_b": POINTS, "b_to_a": POINTS}, {}, "point_translation"),
        ({"sample": Endpoint({"n": number()}, {"a": PHOTO, "b": PHOTO})}, {}, "joint_generation"),
    ],
)
def test_the_task_is_that_of_the_endpoints(endpoints: dict[str, Endpoint], recipe: dict[str, Any], task: str) -> None:
    made = Recipe(**{"dataset": "mnist", "model": {}, "optimizers": {}, "batch_size": 1, "steps": 1, **recipe})
    assert tasks.task_of(endpoints, made) == task


@pytest.mark.parametrize("name", tasks.TASKS)
def test_a_task_has_the_functions_that_are_listed(name: str) -> None:
    listed = re.findall(r"^\* `(\w+)\((.*?)\)", tasks.__doc__ or "", re.MULTILINE)
    assert {function for function, _ in listed} == {
        "measure",
        "measure_run",
        "sheet",
        "preview",
        "features_of",
        "table",
    }
    module = tasks.get(name)
    for function, arguments in listed:
        own = inspect.signature(getattr(module, function)).parameters
        assert list(own)[: len(arguments.split(", "))] == arguments.split(", "), function
        assert all(each.default is not each.empty for each in list(own.values())[len(arguments.split(", ")) :])
    assert isinstance(module.SHOWS_ALL, bool) and module.table({}) == []


def test_a_task_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no task 'painting'; there are: generation, "):
        tasks.get("painting")
