"""Segmenters: what they learn of a toy in which colours give labels, what is exported, and what the card says."""

import dataclasses
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgans.data.palettes import palette
from tfgans.errors import UserError
from tfgans.features import command, judges, segmenter_training, segmenters
from tfgans.features.judge_training import train_judge_command
from tfgans.features.judges import load_judge
from tfgans.features.segmenter_augmentation import crops, jitter
from tfgans.features.segmenter_networks import MULTIPLE, SEGMENTERS, Segmentation, segmentation_network
from tfgans.features.segmenter_training import VOID, class_weights, loss_of, train_segmenter_command
from tfgans.features.segmenters import load_segmenter
from tfgans.recipe import Recipe
from tfgans.tasks import Subject
from tfgans.tasks.segmented import read_segments

SIDE = 32
COLOURS = {0: (210, 60, 50), 1: (60, 190, 70), 2: (50, 60, 200), 11: (210, 60, 50)}  # void looks like the sky
TOY = Segmentation(
    "pairs:nowhere", "camvid", "label", "image", (SIDE, SIDE, 3), 1, crop=SIDE, zoom=(0.8, 1.2), width=8, batch_size=8
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Photographs of four coloured quarters, and their label maps."""
    folder, rng = tmp_path_factory.mktemp("toy"), np.random.default_rng(0)
    for split, n in (("train", 32), ("val", 8)):
        for name in ("image", "label"):
            (folder / split / name).mkdir(parents=True)
        for i in range(n):
            ids = rng.choice(list(COLOURS), (2, 2)).repeat(SIDE // 2, 0).repeat(SIDE // 2, 1)
            photo = np.array([COLOURS.get(k, (0, 0, 0)) for k in range(12)])[ids] + rng.integers(
                -20, 21, (SIDE, SIDE, 3)
            )
            Image.fromarray(photo.astype(np.uint8)).save(folder / split / "image" / f"{i}.png")
            Image.fromarray(ids.astype(np.uint8)).save(folder / split / "label" / f"{i}.png")
    return f"pairs:{folder}"


def train(folder: Path, toy: str) -> dict[str, Any]:
    setting = dataclasses.replace(TOY, precision="float32", rate=1e-2)
    sets = {split: segmenter_training.load_pairs(setting, toy, split) for split in ("train", "test")}
    return segmenter_training.train_segmenter("camvid", folder, setting=setting, seed=3, steps=60, **sets)


@pytest.fixture(scope="module")
def trained(toy: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("segmenters") / "toy"
    return folder, train(folder, toy)


def test_it_learns_what_colours_mean_and_void_does_not_count(trained: tuple[Path, dict[str, Any]]) -> None:
    _, card = trained
    assert card["pixel_accuracy"] > 0.95 and card["mean_iou"] > 0.9 and card["class_accuracy"] > 0.95
    assert set(card["iou"]) == {"sky", "building", "pole"}, "a quarter is void, which looks like the sky"
    assert card["loss_last"] < 0.3 * card["loss_first"]
    rows = {row["change"]: row["pixel_accuracy"] for row in card["calibration"]}
    assert rows["clean"] == card["pixel_accuracy"] == card["test_accuracy"] and rows["other photos"] < 0.7


def test_the_card_names_the_weights(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, card = trained
    assert json.loads((folder / "card.json").read_text()) == card
    weights = (folder / "variables" / "variables.data-00000-of-00001").read_bytes()
    assert card["sha256"] == hashlib.sha256(weights).hexdigest() == load_segmenter(folder).sha256
    assert load_segmenter(folder).score == {name: card[name] for name in segmenters.SCORES}
    assert (card["judge"], card["palette"], card["n_train"], card["n_test"], card["n_classes"]) == (
        "camvid",
        "camvid",
        32,
        8,
        11,
    )


def test_images_of_any_size(trained: tuple[Path, dict[str, Any]]) -> None:
    segmenter = load_segmenter(trained[0])
    photo = np.empty((3, 21, 43, 3), np.uint8)
    photo[:, :, :20], photo[:, :, 20:] = COLOURS[1], COLOURS[2]
    ids = segmenter.ids(photo)
    assert ids.shape == (3, 21, 43, 1) and ids.dtype == np.uint8
    assert (ids[:, :, :18] == 1).mean() > 0.95 and (ids[:, :, 22:] == 2).mean() > 0.95
    segmenter.batch = 2
    np.testing.assert_array_equal(segmenter.ids(photo), ids)
    noise = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), np.uint8)
    assert segmenter.ids(noise).max() < 11, "void is never read"
    with pytest.raises(ValueError, match="uint8"):
        segmenter.ids(photo / 255)


def test_equal_seeds_train_equal_segmenters(trained: tuple[Path, dict[str, Any]], toy: str, tmp_path: Path) -> None:
    tf.random.set_seed(99)  # the seed given must decide, not the state it finds
    again = train(tmp_path / "again", toy)
    for name in ("loss_first", "loss_last", "pixel_accuracy"):
        assert again[name] == pytest.approx(trained[1][name], abs=2e-3)


def test_what_is_not_there_or_not_a_segmenter(
    trained: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="is a segmenter: use segmenter:camvid"):
        load_judge(trained[0])
    with pytest.raises(UserError, match="does not segment"):
        load_segmenter("mnist")
    broken = shutil.copytree(trained[0], tmp_path / "broken")
    (broken / "card.json").write_text(json.dumps({**trained[1], "sha256": "0" * 64}))
    with pytest.raises(UserError, match="not those of its card"):
        load_segmenter(broken)
    monkeypatch.setattr(segmenters, "SAVED_MODELS", tmp_path)
    with pytest.raises(UserError, match="tfgans judge train dsb2018"):
        load_segmenter("dsb2018")
    with pytest.raises(UserError, match="choose one of mnist.*cityscapes"):
        train_judge_command("citscapes")


def test_the_command_refuses_to_overwrite_and_other_data(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--force"):
        train_segmenter_command("camvid", out=trained[0])
    with pytest.raises(UserError, match="pairs:PATH, not folder:data"):
        train_segmenter_command("camvid", out=tmp_path, dataset="folder:data")
    with pytest.raises(UserError, match="leave --dataset out"):
        command.train("mnist", output=tmp_path / "judge", dataset="pairs:data")
    assert not any(tmp_path.iterdir())


def test_real_photographs_score_as_the_card_says_and_made_ones_below(
    trained: tuple[Path, dict[str, Any]], toy: str
) -> None:
    """As a task asks for it: the label maps are read anew by the segmenter's palette."""
    test = segmenter_training.load_pairs(TOY, toy, "test")
    maps, photos = test.by_role["source"]["label_map"], test.by_role["target"]["target"]
    blurred = np.broadcast_to(photos.images.mean((1, 2), keepdims=True), photos.images.shape).astype(np.uint8)
    sets = {"model": blurred, "real": photos.images}
    recipe = Recipe(toy, {"image_shape": TOY.image_shape}, {}, 1, 1, sets={"source": "label", "target": "image"})
    subject = Subject(recipe, features=f"segmenter:{trained[0]}")
    rows, protocol = read_segments(subject, {"source": dataclasses.replace(maps, palette=None)}, sets, test="toy")
    found = {(row.measure, row.of): row.values[0] for row in rows}
    assert {name: round(found[name, "real"], 4) for name in segmenters.SCORES} == protocol["segmenter_score"]
    assert all(found[name, "model"] < found[name, "real"] for name in segmenters.SCORES)
    assert protocol["segmenter_sha256"] == trained[1]["sha256"]
    other = dataclasses.replace(maps, palette=palette("facades"))
    with pytest.raises(UserError, match="other classes than the palette facades"):
        read_segments(subject, {"label_map": other}, sets, test="toy")


# --- parts ------------------------------------------------------------------------------------------------------------


def test_weights_of_classes_by_hand() -> None:
    maps = np.array([0, 1, 1, 1, 1, VOID, VOID], np.uint8)
    # inverse roots of 1 and 4: 1 and 1/2; their mean over the five pixels is 3/5
    np.testing.assert_allclose(class_weights(maps, 3, 0.5), [5 / 3, 5 / 6, 0], rtol=1e-6)
    np.testing.assert_allclose(class_weights(maps, 3, 0.0), [1, 1, 0])


def test_the_loss_by_hand() -> None:
    """Of four pixels one is void, whatever is said of it."""
    logits = np.log(np.array([[[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.3, 0.7]]]], np.float32))
    maps = tf.constant([[[0, 1], [1, VOID]]], tf.uint8)
    expected = -(2 * np.log(0.5) + 0.5 * np.log(0.1) + 0.5 * np.log(0.8)) / 3
    for said in (0.0, 50.0):
        logits[0, 1, 1, 0] = said
        assert float(loss_of(tf.constant(logits), maps, tf.constant([2.0, 0.5]))) == pytest.approx(expected, rel=1e-5)


def test_crops_take_images_and_maps_alike() -> None:
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 12, (40, 4, 6, 1)).repeat(8, 1).repeat(8, 2).astype(np.uint8)
    images = tf.constant(maps / np.float32(12)) * tf.ones(3)

    def cut(seed: int, **changes: Any) -> tuple[np.ndarray, np.ndarray]:
        setting = dataclasses.replace(TOY, **changes)
        photos, known = crops(images, tf.constant(maps), tf.constant([seed, 1]), setting, (32, 48, 3))
        assert photos.shape == (40, 32, 32, 3) and known.dtype == tf.uint8
        return photos.numpy()[..., :1] * 12, known.numpy()

    for zoom in ((1.0, 1.0), (0.5, 1.3)):
        photos, known = cut(1, zoom=zoom)
        assert (np.abs(photos - known) < 0.01).mean() > 0.6, "all but the borders of the 8 pixels"
        assert np.abs(photos - known).max() < 11 * 0.76, "a nearest pixel has at least a quarter of the mean"
    np.testing.assert_array_equal(cut(1)[1], cut(1)[1])
    assert (cut(1)[1] != cut(2)[1]).any()


def test_crops_are_mirrored_and_upright_where_it_matters() -> None:
    """Images of rows that rise from 0 to 31, or of columns."""
    rising = np.broadcast_to(np.arange(SIDE, dtype=np.uint8)[:, None, None], (64, SIDE, SIDE, 1))

    def ways(maps: np.ndarray, upright: bool) -> tuple[float, float]:
        """The shares in which the first row is the smallest, and the first column."""
        setting = dataclasses.replace(TOY, zoom=(1.0, 1.0), upright=upright)
        images = tf.zeros((*maps.shape[:3], 3))
        known = crops(images, tf.constant(maps), tf.constant([4, 4]), setting, (SIDE, SIDE, 3))[1].numpy()
        assert (np.sort(known.reshape(64, -1)) == np.sort(maps.reshape(64, -1))).all()
        return (known[:, 0] == 0).all((1, 2)).mean(), (known[:, :, 0] == 0).all((1, 2)).mean()

    assert ways(rising, upright=True)[0] == 1 and 0.25 < ways(rising, upright=False)[0] < 0.75
    assert 0.25 < ways(rising.transpose(0, 2, 1, 3), upright=True)[1] < 0.75


def test_jitter_is_small_and_stateless() -> None:
    images = tf.constant(np.linspace(0.2, 0.8, 32, dtype=np.float32)[None, None, :, None] * np.ones((24, 32, 1, 3)))
    images = tf.cast(images, tf.float32)
    changed = jitter(images, tf.constant([1, 2])).numpy()
    assert changed.shape == images.shape and changed.min() >= 0 and changed.max() <= 1
    np.testing.assert_array_equal(changed, jitter(images, tf.constant([1, 2])).numpy())
    assert 0.01 < np.abs(changed - images).mean() < 0.15
    assert (changed[:, :, -8:].mean((1, 2, 3)) > changed[:, :, :8].mean((1, 2, 3)) + 0.2).all()


@pytest.mark.parametrize("name", sorted(SEGMENTERS))
def test_networks_stay_small(name: str) -> None:
    setting = SEGMENTERS[name]
    model = segmentation_network(19, setting.width)
    assert model.count_params() * 4 < 3.5e6, "an export is below 4 MB"
    assert model.compute_output_shape((2, 2 * MULTIPLE, MULTIPLE, 3)) == (2, 2 * MULTIPLE, MULTIPLE, 19)


@pytest.mark.parametrize("name", [name for name in SEGMENTERS if (judges.SAVED_MODELS / f"judge-{name}").is_dir()])
def test_committed_segmenters_see_more_than_the_usual_place_of_things(name: str) -> None:
    segmenter = load_segmenter(name)
    card = json.loads((segmenter.path / "card.json").read_text())
    rows = {row["change"]: row for row in card["calibration"]}
    assert rows["clean"]["pixel_accuracy"] > rows["other photos"]["pixel_accuracy"] + 0.1
    assert rows["clean"]["mean_iou"] > 1.5 * rows["other photos"]["mean_iou"]
    assert rows["half the resolution"]["mean_iou"] > 0.6 * rows["clean"]["mean_iou"]
    assert sum(path.stat().st_size for path in segmenter.path.rglob("*") if path.is_file()) < 4e6
