"""Pairs and domains: where their files are, what belongs together, and the batches drawn from them."""

import hashlib
import logging
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfgans.data import Domains, ImageSet, batches, load, load_domains
from tfgans.data.degrade import pair
from tfgans.data.image_set import pack, spread
from tfgans.data.palettes import palette
from tfgans.data.points import load_points
from tfgans.errors import UserError
from tfgans.training import setup


def picture(seed, h=12, w=16):
    """uint8 (h, w, 3) that no other seed has."""
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def listed(dataset):
    return list(dataset.as_numpy_iterator())


def pixels(images):
    """Batches' images as the bytes of the files."""
    return np.round((images + 1) * 127.5).astype(int)


def side_by_side(folder, n=20, splits=("train", "test"), h=12, w=16):
    """Photos on the left, negatives on the right."""
    for k, split in enumerate(splits):
        for i in range(n):
            one = picture(100 * k + i, h, w)
            write(folder / split / f"{i:02d}.png", np.concatenate([one, 255 - one], axis=1))


def two_folders(folder, n=20, splits=("train", "test"), names=("A", "B")):
    for k, split in enumerate(splits):
        for i in range(n):
            write(folder / split / names[0] / f"{i:02d}.png", picture(100 * k + i))
            write(folder / split / names[1] / f"{i:02d}.bmp", 255 - picture(100 * k + i))


def lettered(folder, n=20, splits=("train", "test")):
    for k, split in enumerate(splits):
        for i in range(n):
            write(folder / f"{split}A" / f"{i:02d}.png", picture(100 * k + i))
            write(folder / f"{split}B" / f"{i:02d}.png", 255 - picture(100 * k + i))


# --- layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "names"), [(side_by_side, ("left", "right")), (two_folders, ("A", "B")), (lettered, ("A", "B"))]
)
@pytest.mark.parametrize("kind", ["pairs", "domains"])
def test_layouts(tmp_path, make, names, kind):
    make(tmp_path, w=12) if make is side_by_side else make(tmp_path)
    domains = load_domains(f"{kind}:{tmp_path}")
    roles = ("source", "target") if kind == "pairs" else ("a", "b")
    assert isinstance(domains, Domains) and domains.roles == {roles[0]: (names[0],), roles[1]: (names[1],)}
    assert domains.pairing == ("aligned" if kind == "pairs" else "shuffled") and domains.aligned
    one, two = (domains.sets[name] for name in names)
    assert len(one) == len(two) == 20 and len(domains) == (20 if kind == "pairs" else 40)
    assert one.names == two.names == tuple(f"{i:02d}" for i in range(20)) and one.encoding == "image"
    np.testing.assert_array_equal(one.images, 255 - two.images)
    np.testing.assert_array_equal(one.image(3), picture(3, 12, one.shapes[0, 1]))
    test = load_domains(f"{kind}:{tmp_path}", "test")
    assert test.pairing == "aligned" and test.aligned
    np.testing.assert_array_equal(test.sets[names[0]].image(3), picture(103, 12, one.shapes[0, 1]))
    assert len(load_domains(f"{kind}:{tmp_path}", "all").sets[names[1]]) == 40


def test_the_test_split_is_val_where_there_is_none(tmp_path):
    lettered(tmp_path, splits=("train", "val"))
    assert load_domains(f"domains:{tmp_path}", "test").sets["A"].names == tuple(f"{i:02d}" for i in range(20))
    np.testing.assert_array_equal(load_domains(f"domains:{tmp_path}", "test").sets["A"].image(0), picture(100))
    with pytest.raises(UserError, match="no split 'dev'; it has train, val and all"):
        load_domains(f"domains:{tmp_path}", "dev")


def test_without_splits_a_tenth_is_held_out_by_name(tmp_path):
    for i in range(200):
        write(tmp_path / "photo" / f"{i}.png", picture(i, 8, 8))
        write(tmp_path / "sketch" / f"{i}.bmp", 255 - picture(i, 8, 8))
    train, test = (load_domains(f"pairs:{tmp_path}", split) for split in ("train", "test"))
    names = [set(each.sets["photo"].names) for each in (train, test)]
    assert names[0] | names[1] == {str(i) for i in range(200)} and not names[0] & names[1]
    expected = {str(i) for i in range(200) if int.from_bytes(hashlib.sha256(b"%d" % i).digest()[:4], "big") % 10 == 0}
    assert names[1] == expected and 8 < len(expected) < 35
    assert test.sets["sketch"].names == test.sets["photo"].names
    np.testing.assert_array_equal(test.sets["photo"].images, 255 - test.sets["sketch"].images)


def test_roles_and_natural_order(tmp_path):
    for name in ("view10", "view2", "view1"):
        for i in range(3):
            write(tmp_path / "train" / name / f"{i}.png", picture(i))
    with pytest.raises(
        UserError, match="has the sets view1, view2, view10; choose two with sets: {source: ..., target"
    ):
        load_domains(f"pairs:{tmp_path}", minimum=1)
    roles = {"target": "view2", "source": "view10"}
    found = load_domains(f"pairs:{tmp_path}", roles=roles, minimum=1)
    assert list(found.by_key) == ["source", "target"] and set(found.sets) == {"view2", "view10"}
    assert found.roles == {"source": ("view10",), "target": ("view2",)}
    with pytest.raises(UserError, match="no set 'view3'; did you mean 'view2'|no set 'view3'; did you mean 'view1'"):
        load_domains(f"pairs:{tmp_path}", roles={"a": "view3", "b": "view2"}, minimum=1)
    with pytest.raises(UserError, match="source and target, or a and b, not from, to"):
        load_domains(f"pairs:{tmp_path}", roles={"from": "view1", "to": "view2"}, minimum=1)
    with pytest.raises(UserError, match="the role 'source' takes one set"):
        load_domains(f"pairs:{tmp_path}", roles={"source": ["view1", "view2", "view10"], "target": "view10"}, minimum=1)
    with pytest.raises(UserError, match=r"view2/0.png \(has colours, but an instance map holds ids in one channel\)"):
        load_domains(f"pairs:{tmp_path}", roles={"source": ["view1", "view2"], "target": "view10"}, minimum=1)


@pytest.mark.parametrize(
    ("folder", "make", "titles"),
    [
        ("horse2zebra", lettered, ["horse", "zebra"]),
        ("summer2winter_yosemite", lettered, ["summer", "winter"]),
        ("pix2pix", lettered, ["A", "B"]),
        ("mine", lettered, ["A", "B"]),
    ],
)
def test_titles_of_domains(tmp_path, folder, make, titles):
    make(tmp_path / folder)
    assert load_domains(f"domains:{tmp_path / folder}").titles == titles


def test_two_names():
    found = load_domains("domains:mnist5k,gaussians8", limit=30)
    assert list(found.sets) == ["mnist5k", "gaussians8"] and not found.aligned and found.points
    points = load_domains("pairs:gaussians8,gaussians25", limit=40, image_shape=(1, 1, 2))
    assert points.aligned and [each.encoding for each in points.by_key.values()] == ["points"] * 2
    same = load_domains("domains:gaussians8,gaussians8", limit=40)
    assert list(same.sets) == ["gaussians81", "gaussians82"]


def test_two_folders_by_name(tmp_path):
    for i in range(40):
        write(tmp_path / "one" / "x" / f"{i}.png", picture(i))
        write(tmp_path / "two" / "x" / f"{i}.bmp", 255 - picture(i))
    for split in ("train", "test"):
        found = load_domains(f"pairs:folder:{tmp_path}/one,folder:{tmp_path}/two", split)
        np.testing.assert_array_equal(found.sets["one"].images, 255 - found.sets["two"].images)


def test_shapes_for_each_role(tmp_path):
    two_folders(tmp_path)
    found = load_domains(f"domains:{tmp_path}", shapes={"a": (8, 8, 3), "b": (9, 10, 1)})
    assert found.sets["A"].images.shape == (20, 8, 8, 3) and found.sets["B"].images.shape == (20, 9, 10, 1)
    batch = listed(batches(found, 5, seed=0, steps=1))[0]
    assert {key: value.shape for key, value in batch.items()} == {"a": (5, 8, 8, 3), "b": (5, 9, 10, 1)}


def test_class_folders_of_a_domain(tmp_path):
    for split, each in (("train", range(20)), ("test", range(3))):
        for i in each:
            write(tmp_path / split / "A" / ("cat" if split == "test" or i % 2 else "ant") / f"{i}.png", picture(i))
            write(tmp_path / split / "B" / f"{i}.png", picture(i))
    train, test = (load_domains(f"domains:{tmp_path}", split) for split in ("train", "test"))
    assert train.class_names == ("ant", "cat") and train.labels.tolist() == [0] * 10 + [1] * 10
    assert test.labels.tolist() == [1, 1, 1]  # the class means the same in each split
    batch = listed(batches(train, 20, seed=0, steps=1))[0]
    assert set(batch) == {"a", "b", "a_label"} and sorted(batch["a_label"]) == [0] * 10 + [1] * 10


# --- halves -----------------------------------------------------------------------------------------------------------


def test_halves_are_disjoint_and_degraded():
    source = load("mnist5k", limit=101)
    found = load_domains("domains:mnist5k", pairing="halves", degradation="negative", limit=101)
    order = np.random.default_rng(0).permutation(101)
    assert found.roles == {"a": ("mnist5k",), "b": ("negative",)} and not found.aligned and len(found) == 101
    np.testing.assert_array_equal(found.sets["mnist5k"].images, source.images[order[:50]])
    np.testing.assert_array_equal(found.sets["negative"].images, 255 - source.images[order[50:]])
    np.testing.assert_array_equal(found.sets["negative"].labels, source.labels[order[50:]])
    batch = listed(batches(found, 50, seed=0, steps=1))[0]
    assert set(batch) == {"a", "b", "a_label", "b_label"}
    assert batch["a"].mean() < -0.5 < 0.5 < batch["b"].mean()


def test_halves_of_the_test_split_correspond():
    found = load_domains("domains:mnist5k", "test", pairing="halves", degradation="rotate:90", limit=20)
    assert found.pairing == "aligned" and found.aligned
    a, b = found.sets["mnist5k"].images, found.sets["rotate:90"].images
    np.testing.assert_array_equal(a, load("mnist5k", "test", limit=20).images)
    np.testing.assert_array_equal(b, np.rot90(a, axes=(1, 2)))


def test_degradations_go_with_halves(tmp_path):
    with pytest.raises(UserError, match="a degradation for the second half"):
        load_domains("domains:mnist5k", pairing="halves")
    with pytest.raises(UserError, match="a degradation needs the pairing 'halves'"):
        load_domains("domains:mnist5k,mnist5k", degradation="negative")
    with pytest.raises(UserError, match="aligned, shuffled, halves, not 'half'"):
        load_domains("domains:mnist5k", pairing="half")


# --- maps -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def street(tmp_path):
    """Images whose red channel is the id of the class and whose green channel is the id of the instance below."""
    rng = np.random.default_rng(0)
    for i in range(20):
        ids = rng.integers(0, 12, (20, 30), np.uint8)
        instances = rng.integers(0, 60_000, (20, 30)).astype(np.uint16)
        image = np.stack([ids * 20, (instances % 256).astype(np.uint8), (instances // 256).astype(np.uint8)], -1)
        for name, array in (("image", image), ("label", ids), ("instance", instances)):
            write(tmp_path / "train" / name / "city" / f"{i}.png", array)
    return tmp_path


ROLES = {"source": ["label", "instance"], "target": "image"}


@pytest.mark.parametrize("crop", ["center", "random"])
def test_crops_of_maps_and_images_correspond_pixel_by_pixel(street, crop):
    found = load_domains(f"pairs:{street}", roles=ROLES, palette="camvid", image_shape=(8, 10, 3), keep_size=True)
    assert {key: each.encoding for key, each in found.by_key.items()} == {
        "label_map": "classes",
        "instance_map": "instances",
        "target": "image",
    }
    assert found.sets["label"].palette.name == "camvid" and found.sets["instance"].pixels.dtype == np.uint16
    dataset = batches(found, 7, seed=3, steps=6, image_shape=(8, 10, 3), crop=crop, flip=True)
    assert dataset.element_spec["label_map"] == tf.TensorSpec((7, 8, 10, 1), tf.int32)
    for batch in listed(dataset):
        target = pixels(batch["target"])
        np.testing.assert_array_equal(batch["label_map"][..., 0] * 20, target[..., 0])
        np.testing.assert_array_equal(batch["instance_map"][..., 0], target[..., 1] + 256 * target[..., 2])


def test_crops_reach_every_place_and_half_are_mirrored(street):
    found = load_domains(f"pairs:{street}", roles=ROLES, palette="camvid", keep_size=True)
    originals = {i: found.sets["label"].image(i)[..., 0] for i in range(20)}
    corners, mirrored = set(), 0
    batch = listed(batches(found, 400, seed=0, steps=1, image_shape=(17, 26, 3), crop="random", flip=True))[0]
    for label in batch["label_map"][..., 0]:
        places = [
            (y, x, turned)
            for each in originals.values()
            for y in range(4)
            for x in range(5)
            for turned in (False, True)
            if each[y, x] == label[0, -1 if turned else 0]
            and (each[y : y + 17, x : x + 26] == (label[:, ::-1] if turned else label)).all()
        ]
        ((y, x, turned),) = places
        corners.add((y, x))
        mirrored += turned
    assert corners == {(y, x) for y in range(4) for x in range(5)} and 160 < mirrored < 240


def test_scaled_maps_hold_their_own_ids_only(street):
    found = load_domains(f"pairs:{street}", roles=ROLES, palette="camvid", image_shape=(13, 17, 3))
    assert found.sets["label"].images.shape == (20, 13, 17, 1) and found.sets["image"].images.shape == (20, 13, 17, 3)
    for i in range(20):
        whole = np.asarray(Image.open(street / "train" / "instance" / "city" / f"{i}.png"))
        at = found.sets["instance"].names.index(f"city/{i}")
        assert np.isin(found.sets["instance"].image(at), whole).all()


def test_a_palette_makes_a_map_of_the_source(tmp_path, caplog):
    table, rng = palette("facades"), np.random.default_rng(0)
    ids = rng.integers(0, 12, (20, 16, 16))
    for i in range(20):
        noise = rng.integers(-4, 5, (16, 16, 3))
        colours = np.clip(table.colours(ids[i]).astype(int) + noise, 0, 255).astype(np.uint8)
        write(tmp_path / "train" / f"{i:02d}.png", np.concatenate([picture(i, 16, 16), colours], axis=1))
    roles = {"source": "right", "target": "left"}
    with caplog.at_level(logging.WARNING):
        found = load_domains(f"pairs:{tmp_path}", roles=roles, palette="facades")
    assert found.by_key["label_map"].encoding == "classes"
    np.testing.assert_array_equal(found.by_key["label_map"].images[..., 0], ids)
    (message,) = [r.getMessage() for r in caplog.records if "nearest colour" in r.getMessage()]
    assert 4 <= int(re.search(r"1% of them are (\d+) or farther", message)[1]) <= 7  # at most 4 * sqrt(3)
    without = load_domains(f"pairs:{tmp_path}", roles=roles)
    assert list(without.by_key) == ["source", "target"] and without.by_key["source"].encoding == "image"


def test_gray_labels_without_a_palette_are_images_with_a_hint(street, caplog):
    with caplog.at_level(logging.WARNING):
        found = load_domains(f"pairs:{street}", roles={"source": "label", "target": "image"})
    assert found.by_key["source"].encoding == "image"
    assert "no value is above 11; if they are class ids, give a palette" in caplog.text


def test_a_palette_without_maps(tmp_path):
    two_folders(tmp_path)
    with pytest.raises(UserError, match="set named label or the role source"):
        load_domains(f"domains:{tmp_path}", palette="camvid")
    with pytest.raises(UserError, match="a palette needs a folder of sets with maps"):
        load_domains("domains:mnist5k,mnist5k", palette="camvid")


def test_ids_beyond_the_palette_name_the_file(street):
    write(street / "train" / "label" / "city" / "7.png", np.full((20, 30), 12, np.uint8))
    for pairing in ("aligned", "shuffled"):
        with pytest.raises(
            UserError, match=r"label/city/7.png \(contains the id 12, but the palette 'camvid' ends at 11\)"
        ):
            load_domains(f"pairs:{street}", roles=ROLES, palette="camvid", pairing=pairing)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_names_without_a_partner(tmp_path):
    two_folders(tmp_path)
    for i in (20, 21, 22, 23, 24):
        write(tmp_path / "train" / "A" / f"{i}.png", picture(i))
    with pytest.raises(UserError, match="5 of 25 files in A lack a partner in B: 20, 21, 22 and 2 more"):
        load_domains(f"pairs:{tmp_path}")
    assert not load_domains(f"domains:{tmp_path}").aligned


def test_two_sizes_in_a_pair(tmp_path):
    two_folders(tmp_path)
    write(tmp_path / "train" / "B" / "03.bmp", picture(3, 13, 16))
    with pytest.raises(UserError, match=r"1 of 20 pairs differ in size: 03 \(16x12 in A and 16x13 in B\)"):
        load_domains(f"pairs:{tmp_path}", image_shape=(8, 8, 3))
    assert len(load_domains(f"domains:{tmp_path}", image_shape=(8, 8, 3))) == 40


def test_an_empty_side(tmp_path):
    two_folders(tmp_path, names=("A", "B"))
    for file in (tmp_path / "train" / "B").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="the set 'B' has no images"):
        load_domains(f"pairs:{tmp_path}")
    with pytest.raises(UserError, match="the set 'B' has no images"):
        load_domains(f"domains:{tmp_path}")


@pytest.mark.parametrize("damage", ["truncated or damaged", "not an image", "empty"])
def test_an_unreadable_file_of_a_pair(tmp_path, damage, caplog):
    lettered(tmp_path)
    file = tmp_path / "trainB" / "05.png"
    file.write_bytes({"truncated or damaged": file.read_bytes()[:300], "not an image": b"text", "empty": b""}[damage])
    with pytest.raises(UserError, match=rf"1 of 20 files cannot be used: trainB/05.png \({damage}\)"):
        load_domains(f"pairs:{tmp_path}")
    with caplog.at_level(logging.WARNING):
        found = load_domains(f"domains:{tmp_path}")
    assert len(found.sets["B"]) == 19 and not found.aligned and "trainB/05.png" in caplog.text


def test_counts_that_do_not_match():
    with pytest.raises(UserError, match="mnist5k has 4500, gaussians8 100000"):
        load_domains("pairs:mnist5k,gaussians8")


def test_images_that_are_not_side_by_side(tmp_path):
    side_by_side(tmp_path, w=12)
    write(tmp_path / "train" / "wide.png", picture(0, 12, 32))
    with pytest.raises(UserError, match="wide.png is not twice as wide as high"):
        load_domains(f"pairs:{tmp_path}")
    left = load_domains(f"pairs:{tmp_path}", roles={"source": "right", "target": "left"}).sets["left"]
    np.testing.assert_array_equal(left.image(20), picture(0, 12, 32)[:, :16])
    write(tmp_path / "train" / "wide.png", picture(0, 12, 33))
    with pytest.raises(UserError, match="wide.png has an odd width"):
        load_domains(f"pairs:{tmp_path}", roles={"source": "right", "target": "left"})


def test_twice_the_same_name_and_no_folder(tmp_path):
    two_folders(tmp_path)
    write(tmp_path / "train" / "A" / "03.bmp", picture(3))
    with pytest.raises(UserError, match="03.bmp and 03.png have the same name"):
        load_domains(f"pairs:{tmp_path}")
    with pytest.raises(UserError, match="no folder .*none; pairs: and domains: take"):
        load_domains(f"pairs:{tmp_path}/none")


def test_images_smaller_than_the_crops_are_left_out(tmp_path, caplog):
    for i in range(20):
        for name in ("A", "B"):
            write(tmp_path / "train" / name / f"{i:02d}.png", picture(i, 12, 16 if i else 9))
    with caplog.at_level(logging.WARNING):
        found = load_domains(f"pairs:{tmp_path}", image_shape=(12, 12, 3), keep_size=True)
    assert found.sets["A"].names == found.sets["B"].names == tuple(f"{i:02d}" for i in range(1, 20))
    assert "1 of 20 images are smaller than the crops of 12x12, left out" in caplog.text
    with pytest.raises(UserError, match="none of 20 images is as large as the crops of 40x40"):
        load_domains(f"pairs:{tmp_path}", image_shape=(40, 40, 3), keep_size=True)


# --- batches ----------------------------------------------------------------------------------------------------------


def numbered(name, n, labels=None):
    images = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 4, 4, 1))
    return ImageSet(name, *pack(name, images), labels=labels)


def numbers(batch, key):
    return pixels(batch[key])[..., 0, 0, 0].ravel()


def domains_of(n, m, pairing="shuffled"):
    return Domains("x", {"A": numbered("A", n), "B": numbered("B", m)}, {"a": ("A",), "b": ("B",)}, pairing, n == m)


def test_shuffled_sets_run_through_epochs_of_their_own():
    drawn = listed(batches(domains_of(6, 10), 4, seed=1, steps=15))
    a, b = (np.concatenate([numbers(batch, key) for batch in drawn]) for key in ("a", "b"))
    assert (np.sort(a.reshape(10, 6)) == np.arange(6)).all() and (np.sort(b.reshape(6, 10)) == np.arange(10)).all()


def test_shuffled_sets_are_independent_and_the_first_has_the_numbers_of_one():
    n = 200
    both = listed(batches(domains_of(n, n), n, seed=2, steps=6, flip=True))
    a, b = (np.stack([numbers(batch, key) for batch in both]) for key in ("a", "b"))
    alone = np.stack([numbers(batch, "image") for batch in listed(batches(numbered("A", n), n, seed=2, steps=6))])
    np.testing.assert_array_equal(a, alone)
    for k in range(6):
        assert abs(np.corrcoef(a[k], b[k])[0, 1]) < 0.25 and (a[k] == b[k]).mean() < 0.05
    assert len({tuple(row) for row in np.concatenate([a, b])}) == 12
    together = listed(batches(domains_of(n, n, "aligned"), n, seed=2, steps=6))
    assert all((numbers(batch, "a") == numbers(batch, "b")).all() for batch in together)
    np.testing.assert_array_equal(np.stack([numbers(batch, "a") for batch in together]), alone)


def test_shuffled_crops_and_flips_are_independent():
    ramp = np.arange(200, dtype=np.uint8).reshape(1, 10, 20, 1).repeat(3, 0)
    sets = {name: ImageSet(name, *pack(name, ramp)) for name in "AB"}
    both = Domains("x", sets, {"a": ("A",), "b": ("B",)}, "shuffled", True)
    batch = listed(batches(both, 1000, seed=0, steps=1, image_shape=(5, 5, 1), crop="random", flip=True))[0]
    a, b = pixels(batch["a"])[..., 0], pixels(batch["b"])[..., 0]
    flipped = [each[:, 0, 0] > each[:, 0, 1] for each in (a, b)]
    corner = [each.min(axis=(1, 2)) for each in (a, b)]
    assert abs(np.corrcoef(*flipped)[0, 1]) < 0.1 and all(450 < each.sum() < 550 for each in flipped)
    assert abs(np.corrcoef(corner[0] % 20, corner[1] % 20)[0, 1]) < 0.1
    assert abs(np.corrcoef(corner[0] // 20, corner[1] // 20)[0, 1]) < 0.1


@pytest.mark.parametrize("pairing", ["aligned", "shuffled"])
@pytest.mark.parametrize("options", [{}, {"image_shape": (9, 7, 3), "crop": "random"}], ids=["whole", "crops"])
def test_resumes_exactly_and_groups_change_no_order(tmp_path, pairing, options):
    two_folders(tmp_path, splits=("train",))
    found = load_domains(f"domains:{tmp_path}", pairing=pairing)
    options = {"seed": 4, "flip": True, **options}
    flat, whole = (listed(batches(found, 12 // (group or 1), steps=8, group=group, **options)) for group in (None, 2))
    for one, two in zip(whole, flat, strict=True):
        assert one["b"].shape == (2, 6, *two["b"].shape[1:])
        np.testing.assert_array_equal(one["b"].reshape(two["b"].shape), two["b"])
    for group, drawn in ((None, flat), (2, whole)):
        rest = listed(batches(found, 12 // (group or 1), start=5, steps=3, group=group, **options))
        for one, two in zip(drawn[5:], rest, strict=True):
            assert set(one) == set(two) == {"a", "b"} and all((one[key] == two[key]).all() for key in one)
    (far,) = listed(batches(found, 6, start=10**11, steps=1, group=2, **options))
    assert far["a"].shape == whole[0]["a"].shape


def test_sets_of_two_sizes_cannot_share_crops():
    sets = {"A": numbered("A", 3), "B": ImageSet("B", *pack("B", np.zeros((3, 5, 4, 1), np.uint8)))}
    both = Domains("x", sets, {"a": ("A",), "b": ("B",)}, "aligned", True)
    with pytest.raises(ValueError, match="'a' and 'b' differ in size"):
        batches(both, 2, seed=0, image_shape=(3, 3, 1))
    with pytest.raises(ValueError, match="cannot be cropped to"):
        batches(both, 2, seed=0, image_shape=(5, 4, 1))


def test_batches_of_one_set_are_what_they_were():
    """Digests recorded before there were several sets: runs resume with the same numbers."""
    rng = np.random.default_rng(0)
    whole = ImageSet(
        "whole", *pack("whole", rng.integers(0, 256, (23, 9, 8, 3), np.uint8)), labels=np.arange(23, dtype=np.int32)
    )
    ragged = ImageSet(
        "ragged", *pack("ragged", [rng.integers(0, 256, (8 + i, 20 - i, 3), np.uint8) for i in range(11)])
    )
    points = load_points("gaussians8", "train", None, None)
    points = points.subset(spread(len(points), 50))

    def digest(dataset):
        state = hashlib.sha256()
        for batch in listed(dataset):
            for key in sorted(batch):
                state.update(key.encode() + batch[key].tobytes())
        return state.hexdigest()[:16]

    crops = dict(image_shape=(6, 5, 3), crop="random", flip=True)
    assert digest(batches(whole, 4, seed=7, start=3, steps=6, group=2)) == "09f03e736991fee0"
    assert digest(batches(whole, 4, seed=7, steps=6, flip=True)) == "fb9b39cb38310da1"
    assert digest(batches(ragged, 3, seed=1, start=2, steps=5, **crops)) == "a4e1fc5f54deed10"
    crops = {**crops, "image_shape": (6, 6, 3), "group": 2, "transform": pair("mask:3+gray")}
    assert digest(batches(ragged, 3, seed=1, start=2, steps=5, **crops)) == "379cb88ba5cf0639"
    assert digest(batches(whole, 4, seed=7, steps=3, flip=True, transform=pair("mask:3"))) == "04c62e4ae500bafd"
    assert digest(batches(points, 4, seed=7, steps=3)) == "ac48cf9f938a0642"
    assert next(iter(batches(whole, 6, seed=7, steps=1)))["label"].numpy().tolist() == [14, 5, 16, 13, 12, 9]


# --- from a recipe ----------------------------------------------------------------------------------------------------


class Recipe:
    """What a recipe of several sets gives to setup."""

    def __init__(self, dataset, image_shape, **fields):
        self.dataset, self.model, self.batch_size = dataset, {"image_shape": image_shape}, 4
        self.degradation, self.crop, self.flip = "", True, True
        self.pairing, self.sets, self.palette, self.load_shape, self.shapes = "", {}, "", 0, {}
        self.__dict__.update(fields)


def test_a_recipe_scales_to_load_shape_and_crops(tmp_path):
    side_by_side(tmp_path, h=20, w=20)
    made = Recipe(f"pairs:{tmp_path}", (16, 16, 3), load_shape=18, sets={"source": "right", "target": "left"})
    source = setup.load_source(made)
    assert source.sets["left"].images.shape == (20, 18, 18, 3) and source.roles["source"] == ("right",)
    drawn = listed(setup.batches(made, source, 0, None, 0, 10))
    assert drawn[0]["source"].shape == drawn[0]["target"].shape == (4, 16, 16, 3)
    for batch in drawn:
        assert np.abs(batch["source"] + batch["target"]).max() < 0.02  # negatives, whatever the crop
    test = load_domains(made.dataset, "test", image_shape=(16, 16, 3), load_shape=18)
    assert test.sets["left"].images.shape == (20, 16, 16, 3)
    with pytest.raises(UserError, match=r"load_shape of \[12, 12\] is smaller than the crops of \[16, 16\]"):
        setup.load_source(Recipe(f"pairs:{tmp_path}", (16, 16, 3), load_shape=12))


def test_a_recipe_without_load_shape_crops_whole_images_or_scales(tmp_path):
    side_by_side(tmp_path, h=20, w=20)
    whole = setup.load_source(Recipe(f"pairs:{tmp_path}", (16, 16, 3)))
    assert whole.sets["left"].images.shape == (20, 20, 20, 3)
    scaled = Recipe(f"pairs:{tmp_path}", None, crop=False, shapes={"source": [8, 8, 1], "target": [16, 16, 3]})
    source = setup.load_source(scaled)
    batch = listed(setup.batches(scaled, source, 0, 2, 0, 1))[0]
    assert batch["source"].shape == (2, 4, 8, 8, 1) and batch["target"].shape == (2, 4, 16, 16, 3)


def test_a_recipe_of_holes_gives_masks():
    holes = Recipe("mnist5k", (28, 28, 1), degradation="mask:8", crop=False, flip=False)
    source = setup.load_source(holes)
    batch = listed(setup.batches(holes, source, 0, None, 0, 1))[0]
    assert set(batch) == {"source", "target", "mask", "label"} and batch["mask"].dtype == bool
    assert batch["mask"].sum() == 4 * 64 and (batch["source"][batch["mask"]] == 0).all()
    np.testing.assert_array_equal(batch["source"][~batch["mask"]], batch["target"][~batch["mask"]])
