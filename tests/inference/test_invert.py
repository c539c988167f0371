"""Translation by the latents of the nearest image: a model whose answer is known, from Python and the command line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from inference_models import declare
from PIL import Image

import tfgans
from tfgans.endpoint import Endpoint, images, latents, number
from tfgans.errors import UserError
from tfgans.inference.exported import Exported
from tfgans.inference.invert import invert, is_pair, translator
from tfgans.inference.pictures import translate_files

SIDE = 4


def shown(first: float, second: float) -> np.ndarray:
    """The image of a of two latents: float32 (SIDE, SIDE, 1)."""
    rows = np.repeat([(first + 1) / 2, second**2], SIDE // 2).astype(np.float32)
    return np.repeat(rows[:, None], SIDE, axis=1)[..., None]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A SavedModel: of a the upper half is as light as the first latent, the lower half as the square of the second.

    Of b, in colours, all is as light as the first one.
    """
    rows = tf.constant([1.0, 1.0, 0.0, 0.0])[:, None, None]

    def generate(z: tf.Tensor) -> dict[str, tf.Tensor]:
        light, square = ((z[:, 0] + 1.0) / 2.0)[:, None, None, None], (z[:, 1] ** 2)[:, None, None, None]
        a = tf.repeat(light * rows + square * (1.0 - rows), SIDE, axis=2)
        return {"a": a, "b": tf.tile(light, (1, SIDE, SIDE, 3))}

    made = {"a": images(1, (None, SIDE, SIDE)), "b": images(3, (None, SIDE, SIDE))}
    functions = {
        "sample": (lambda n, seed: generate(tf.zeros((n, 2))), Endpoint({"n": number(), "seed": number()}, made)),
        "generate": (generate, Endpoint({"latents": latents(2)}, made)),
    }
    return Exported(declare(tmp_path_factory.mktemp("invert") / "pairs", functions, domains=["day", "night"]))


def test_the_latents_of_the_nearest_image_are_found(pairs: Exported) -> None:
    """Both signs of the second latent are right; where no latents make an image, its nearest ones are at a bound."""
    wanted = np.stack([shown(0.5, 0.6), shown(-0.9, 0.0), np.full((SIDE, SIDE, 1), 1.0, np.float32) * 0.25])
    wanted[2, : SIDE // 2] = -0.5  # darker than any image of the model
    shares: list[float] = []
    found = invert(pairs, wanted, steps=300, rate=0.05, starts=4, progress=shares.append)
    np.testing.assert_allclose(found.latents[:, 0], [0.5, -0.9, -1.0], atol=0.01)
    np.testing.assert_allclose(np.abs(found.latents[:, 1]), [0.6, 0.0, 0.5], atol=0.05)
    np.testing.assert_allclose(found.distances, [0.0, 0.0, 0.5**2 / 2], atol=1e-3)
    np.testing.assert_allclose(found.made["a"][:2], wanted[:2], atol=0.01)
    assert found.made["b"].shape == (3, SIDE, SIDE, 3)
    np.testing.assert_allclose(found.made["b"].mean((1, 2, 3)), [0.75, 0.05, 0.0], atol=0.01)
    assert len(shares) == 300 and sum(shares) == pytest.approx(1.0)
    back = invert(pairs, found.made["b"][:1], "b", steps=100)
    assert back.latents[0, 0] == pytest.approx(0.5, abs=0.01)
    assert np.abs(invert(pairs, wanted, steps=300, seed=3).latents).max() <= 1.0


def test_an_image_is_inverted_alone_and_alike_each_time(pairs: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = np.stack([shown(k / 5 - 0.9, k / 10) for k in range(5)])
    found = invert(pairs, wanted, steps=20)
    monkeypatch.setattr("tfgans.inference.invert.AT_ONCE", 16)  # two images of eight starts, and the last one alone
    shares: list[float] = []
    for each in (invert(pairs, wanted, steps=20, progress=shares.append), invert(pairs, wanted, steps=20)):
        np.testing.assert_allclose(each.latents, found.latents, atol=1e-6)
    assert sum(shares) == pytest.approx(1.0)
    assert not np.allclose(invert(pairs, wanted, steps=20, seed=1).latents, found.latents, atol=1e-3)


def test_more_starts_come_nearer(pairs: Exported) -> None:
    """After one step; the starts of few are not among those of many, so that the mean counts."""
    rng = np.random.default_rng(0)
    wanted = np.stack([shown(*rng.uniform(-1, 1, 2)) for _ in range(30)])
    one, many = (invert(pairs, wanted, steps=1, starts=starts).distances.mean() for starts in (1, 32))
    assert many < one / 3


def test_what_cannot_be_inverted(pairs: Exported, tmp_path: Path) -> None:
    one = Endpoint({"latents": latents(2)}, {"images": images(1, (None, SIDE, SIDE))})
    single = Exported(declare(tmp_path / "m", {"generate": (lambda z: tf.zeros((tf.shape(z)[0], 4, 4, 1)), one)}))
    assert is_pair(pairs) and not is_pair(single)
    image = shown(0.0, 0.0)[None]
    wrong: list[tuple[Exported, np.ndarray, dict[str, Any], str]] = [
        (single, image, {}, "does not generate pairs"),
        (pairs, image[:, :2], {}, r"generates images of \[4, 4, 1\] in a, not \[2, 4, 1\]"),
        (pairs, image, {"given": "b"}, "generates images of .* in b"),
        (pairs, image, {"starts": 0}, "at least 1"),
        (pairs, image, {"rate": 0.0}, "above 0"),
    ]
    for model, given, options, says in wrong:
        with pytest.raises(UserError, match=says):
            invert(model, given, **options)
    with pytest.raises(UserError, match="translates into day or night, not 'dawn'"):
        translator(pairs, "dawn")
    with pytest.raises(UserError, match="has no endpoint 'translate'"):
        translator(single)


def test_pictures_of_any_size_and_kind(pairs: Exported, tmp_path: Path) -> None:
    """In Python, and as `tfgans translate` does: scaled to the model's size, and what is made of them back again."""
    picture = np.uint8(np.rint(255 * shown(0.6, 0.8**0.5))).repeat(2, axis=0).repeat(2, axis=1)
    assert (picture == 204).all()
    door = tfgans.load(pairs.path)
    for to in (None, "night", "b"):
        made = door.translate(picture, to)
        assert made.shape == (2 * SIDE, 2 * SIDE, 3) and np.abs(made.astype(int) - 204).max() <= 2
    night = np.full((SIDE, SIDE, 3), 204, np.uint8)
    day = door.translate(night, "day")
    assert day.shape == (SIDE, SIDE, 1) and np.abs(day[: SIDE // 2].astype(int) - 204).max() <= 2, (
        "the lower half may be any"
    )
    np.testing.assert_array_equal(door.translate(night, "day"), day)
    Image.fromarray(picture[..., 0]).save(tmp_path / "here.png")
    written, failed = translate_files(pairs.path, [tmp_path / "here.png"], to="night", output=tmp_path / "there")
    assert written == [tmp_path / "there" / "here.png"] and not failed
    with Image.open(written[0]) as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - 204).max() <= 2 and image.size == (8, 8)
