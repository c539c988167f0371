"""`upscale` in the place of a model: which one each file goes to."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfgans
from tfgans.errors import UserError
from tfgans.inference.pictures import restore_files
from tfgans.inference.upscale import CLEAN, REAL, VISIBLE, quality_of


def save(folder: Path, level: float) -> None:
    """A model that enlarges by 4 to one level of gray."""
    module = tf.Module()
    module.restore = tf.function(
        lambda images: tf.fill(tf.shape(images) * [1, 4, 4, 1], level),
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, "images")],
    )
    tf.saved_model.save(module, str(folder), signatures={"restore": module.restore.get_concrete_function()})


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with both models: of what is real white comes, of what is clean black."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfgans.inference.exported.ROOT", tmp_path)
    save(tmp_path / "saved_models" / REAL, 1.0)
    save(tmp_path / "saved_models" / CLEAN, 0.0)
    return tmp_path


def jpeg(path: Path, quality: int) -> Path:
    with open(path, "wb") as file:
        Image.effect_noise((24, 20), 60).save(file, "JPEG", quality=quality)
    return path


def made(path: Path) -> int:
    """The level of what was made of a picture."""
    return round(float(np.asarray(Image.open(Path("restored") / path.name)).mean()))


def test_each_file_goes_to_the_model_that_suits_it(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = place / "a.png"
    Image.effect_noise((24, 20), 60).save(plain)
    spoiled, fine = jpeg(place / "b.png", 60), jpeg(place / "c.jpg", VISIBLE + 1)  # the first one's suffix is wrong
    again = jpeg(place / "d.jpg", 10)
    with caplog.at_level(logging.WARNING):
        written, failed = restore_files("upscale", [plain, spoiled, fine, again, place / "none.png"])
    assert len(written) == 4 and [line.split(": ")[-1] for line in failed] == ["there is no such file"]
    assert [made(path) for path in (plain, spoiled, fine, again)] == [0, 255, 0, 255]
    said = [record.getMessage() for record in caplog.records if "enlarges" in record.getMessage()]
    other = f"for another model, replace 'upscale' by {REAL} or {CLEAN}"
    assert said == [
        f"{plain} is not a JPEG; {CLEAN} enlarges it; {other}",
        f"{spoiled} is a JPEG of quality 60; {REAL} enlarges it; {other}",
        f"{fine} is a JPEG of quality {VISIBLE + 1}; {CLEAN} enlarges it; {other}",
        f"{again} is a JPEG of quality 10; {REAL} enlarges it; {other}",
    ]


def test_a_model_that_is_named_is_used(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    spoiled = jpeg(place / "b.jpg", 60)
    restore_files(CLEAN, [spoiled])
    assert made(spoiled) == 0 and "enlarges" not in caplog.text
    save(place / "saved_models" / "upscale", 0.5)
    restore_files("upscale", [spoiled], force=True)
    assert made(spoiled) == 128, "one of that name, too"


def test_what_is_not_there_is_replaced(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    (place / "saved_models" / REAL).rename(place / "elsewhere")
    spoiled, other = jpeg(place / "b.jpg", 60), jpeg(place / "c.jpg", 50)
    restore_files("upscale", [spoiled, other])
    assert made(spoiled) == 0
    (said,) = (record.getMessage() for record in caplog.records if "enlarges" in record.getMessage())
    assert f"quality 60; {CLEAN} enlarges it ({REAL} is not in saved_models/); " in said
    (place / "saved_models" / CLEAN).rename(place / "elsewhere too")
    with pytest.raises(UserError, match="neither is in saved_models/; name a model"):
        restore_files("upscale", [spoiled])


def test_python_chooses_too(place: Path) -> None:
    model = tfgans.load("upscale")
    file = io.BytesIO()
    Image.effect_noise((24, 20), 60).save(file, "JPEG", quality=60)
    assert np.asarray(model.restore(Image.open(file))).min() == 255
    assert model.restore(np.zeros((8, 8, 3), np.uint8)).max() == 0, "an array knows no compression"
    assert repr(model) == f"<tfgans model upscale: {REAL}, {CLEAN}>"
    with pytest.raises(UserError, match="no endpoint 'sample'"):
        model.sample(1)


def test_the_quality_of_a_jpeg_is_that_of_pillow() -> None:
    image = Image.effect_noise((16, 16), 60).convert("RGB")
    for quality in (5, 10, 49, 50, 51, 75, 92, 93, 100):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        assert quality_of(Image.open(file)) == quality
    assert quality_of(image) is None
    file = io.BytesIO()
    table = [round(1.02 * entry + 0.4) for entry in Image.open(_at(image, 75)).quantization[0]]
    image.save(file, "JPEG", qtables=[table, table])
    assert abs((quality_of(Image.open(file)) or 0) - 75) <= 3, "the nearest, of a table of another program"


def _at(image: Image.Image, quality: int) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file
