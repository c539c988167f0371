"""Palettes: ids from colours and back, files of palettes, and label maps and instance maps in files."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from tfgans.data.palettes import LabelMaps, palette
from tfgans.data.set_folders import read_map
from tfgans.errors import UserError


@pytest.mark.parametrize(
    ("name", "classes", "ignored"), [("cityscapes", 34, 15), ("facades", 12, 0), ("camvid", 12, 1), ("dsb2018", 2, 0)]
)
def test_tables(name, classes, ignored):
    table = palette(name)
    assert len(table) == len(set(table.names)) == len(table.rgb) == classes and len(table.ignored) == ignored
    assert table.rgb.dtype == np.uint8


def test_well_known_classes():
    city, camvid, facades = palette("cityscapes"), palette("camvid"), palette("facades")
    assert city.names[7] == "road" and city.rgb[7].tolist() == [128, 64, 128]
    assert city.names[26] == "car" and city.rgb[26].tolist() == [0, 0, 142] and city.names[33] == "bicycle"
    assert [city.names[i] for i in range(34) if i not in city.ignored] == (
        "road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,car,"
        "truck,bus,train,motorcycle,bicycle"
    ).split(",")  # the 19 classes that Cityscapes evaluates, in the order of its trainIds
    assert camvid.names[3] == "road" and camvid.ignored == (11,) and camvid.rgb[11].tolist() == [0, 0, 0]
    assert facades.names[0] == "background" and facades.names[2] == "window" and facades.names[-1] == "shop"


def test_there_and_back():
    table = palette("camvid")
    ids = np.random.default_rng(0).integers(0, 12, (2, 5, 7))
    colours = table.colours(ids)
    assert colours.shape == (2, 5, 7, 3) and colours.dtype == np.uint8
    np.testing.assert_array_equal(table.colours(ids[..., None]), colours)
    np.testing.assert_array_equal(table.colours(np.eye(12, dtype=np.float32)[ids]), colours)
    back, distance = table.ids(colours)
    np.testing.assert_array_equal(back, ids)
    assert distance.max() == 0


@pytest.mark.parametrize("name", ["cityscapes", "facades"])
def test_nearest_colour_is_the_nearest_of_all(name):
    table = palette(name)
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    ids, distance = table.ids(pixels)
    squares = ((pixels[:, :, None].astype(int) - table.rgb.astype(int)) ** 2).sum(-1)
    np.testing.assert_array_equal(ids, squares.argmin(-1))
    np.testing.assert_allclose(distance, np.sqrt(squares.min(-1)), rtol=1e-6)


def test_a_palette_from_a_file(tmp_path):
    file = tmp_path / "nuclei.txt"
    file.write_text("# ids from 0\nback ground 0 0 0 -\n\nnucleus 255 128 1  # all of them\n")
    table = palette(str(file))
    assert table.name == "nuclei" and table.names == ("back ground", "nucleus") and table.ignored == (0,)
    assert table.rgb.tolist() == [[0, 0, 0], [255, 128, 1]]


@pytest.mark.parametrize("line", ["nucleus 1 2", "nucleus 1 2 256", "1 2 3", "nucleus 1 2 x"])
def test_lines_that_are_none(tmp_path, line):
    (tmp_path / "p.txt").write_text(f"ground 0 0 0\n{line}\n")
    with pytest.raises(UserError, match="a line must be 'name r g b'.*" + line):
        palette(str(tmp_path / "p.txt"))


def test_palettes_that_are_none(tmp_path):
    with pytest.raises(UserError, match="no palette 'cityscape'; did you mean 'cityscapes'"):
        palette("cityscape")
    with pytest.raises(UserError, match="there are cityscapes, facades, camvid, dsb2018, or use a file"):
        palette("xyz")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(UserError, match="1 to 256 classes, not 0"):
        palette(str(tmp_path / "empty.txt"))
    (tmp_path / "binary.txt").write_bytes(bytes(range(128, 256)))
    with pytest.raises(UserError, match="cannot be read"):
        palette(str(tmp_path / "binary.txt"))


# --- maps in files ----------------------------------------------------------------------------------------------------


def blocks(ids, side):
    return np.kron(ids, np.ones((side, side), ids.dtype))


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "I;16"])
def test_label_maps_of_every_mode(tmp_path, mode):
    table = palette("camvid")
    ids = blocks(np.arange(12, dtype=np.uint8).reshape(3, 4), 4)
    if mode == "P":  # colours of its own, as of VOC: then the indices are the ids
        image = Image.fromarray(ids).convert("P")
        image.putpalette([value for i in range(12) for value in (i, 2 * i, 255 - i)])
    elif mode == "I;16":
        image = Image.fromarray(ids.astype(np.uint16))
    else:
        image = Image.fromarray(ids if mode == "L" else table.colours(ids)).convert(mode)
    image.save(tmp_path / "a.png")
    found = read_map(tmp_path / "a.png", None, False, None, LabelMaps(table))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[..., 0], ids)


def test_indexed_colours_of_the_palette(tmp_path):
    """An optimized PNG of colours: the indices are in another order than the ids."""
    table = palette("camvid")
    image = Image.fromarray(np.repeat(np.arange(12, dtype=np.uint8)[None], 8, 0)).convert("P")
    image.putpalette(table.rgb[::-1].ravel().tolist())
    image.save(tmp_path / "a.png")
    found = read_map(tmp_path / "a.png", None, False, None, LabelMaps(table))
    assert found[0, :, 0].tolist() == list(range(12))[::-1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(9, 13), (40, 31), (17, 64)])
def test_nearest_neighbour_of_the_centre(tmp_path, dtype, size):
    """No id is made up, and each comes from the pixel under the centre of the new one."""
    ids = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (24, 36)).astype(dtype)
    Image.fromarray(ids).save(tmp_path / "a.png")
    found = read_map(tmp_path / "a.png", (*size, 1), False, None, None)
    assert found.dtype == np.uint16 and found.shape == (*size, 1)
    h, w = size
    part_h, part_w = min(Fraction(24), Fraction(36 * h, w)), min(Fraction(36), Fraction(24 * w, h))
    rows = [int((24 - part_h) / 2 + (i + Fraction(1, 2)) * part_h / h) for i in range(h)]
    columns = [int((36 - part_w) / 2 + (i + Fraction(1, 2)) * part_w / w) for i in range(w)]
    np.testing.assert_array_equal(found[..., 0], ids[rows][:, columns])


def test_ids_above_255_stay(tmp_path):
    ids = np.array([[0, 1, 300, 26_001, 65_535, 7, 8, 9]], np.uint16).repeat(8, 0)
    Image.fromarray(ids).save(tmp_path / "a.png")
    assert read_map(tmp_path / "a.png", None, False, None, None)[0, :, 0].tolist() == ids[0].tolist()


def test_what_is_no_map(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "colour.png")
    Image.new("L", (8, 8), 12).save(tmp_path / "beyond.png")
    Image.new("F", (8, 8), 0.5).save(tmp_path / "fraction.tif")
    assert "one channel" in read_map(tmp_path / "colour.png", None, False, None, None)
    reason = read_map(tmp_path / "beyond.png", None, False, None, LabelMaps(palette("camvid")))
    assert reason == "contains the id 12, but the palette 'camvid' ends at 11"
    assert "fractions" in read_map(tmp_path / "fraction.tif", None, False, None, None)
