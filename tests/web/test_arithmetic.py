"""The page's arithmetic, run by Node.js, against that of tfgans: resizing, colours, tiles, holes, files."""

import dataclasses
import io
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from tfgans.data.colour import lightness, rgb_to_lab
from tfgans.endpoint import Array, Endpoint, images
from tfgans.inference import holes
from tfgans.inference.gamut import tinted
from tfgans.inference.scaling import resized, spread
from tfgans.inference.tiling import Pictures, overlap_of, tile_starts, tile_weights

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs Node.js")
PROGRAM = Path(__file__).parent / "arithmetic.mjs"


def called(tmp_path: Path, *calls: tuple[str, list[Any]]) -> list[Any]:
    """The results of the page's functions, by name with their arguments."""
    (tmp_path / "calls.json").write_text(json.dumps(calls, default=plain))
    ended = subprocess.run(["node", str(PROGRAM), str(tmp_path / "calls.json")], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def plain(value: Any) -> Any:
    """For JSON: a picture (h, w, c), or another array as a flat list; an endpoint as a dictionary."""
    if isinstance(value, Endpoint):
        return dataclasses.asdict(value)
    if isinstance(value, np.ndarray) and value.ndim == 3:
        height, width, channels = value.shape
        kind = "int32" if value.dtype == bool else value.dtype.name
        flat = value.astype(kind).ravel().tolist()
        return {"data": flat, "height": height, "width": width, "channels": channels, "type": kind}
    return value.ravel().tolist()


def photo(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A smooth picture with some noise, uint8."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.uniform(0, 255, (height, width, channels)), (4, 4, 0))
    wide = (smooth - smooth.min()) / np.ptp(smooth) * 255 + rng.normal(0, 4, smooth.shape)
    return wide.clip(0, 255).astype(np.uint8)


def test_resizing_is_that_of_pillow(tmp_path: Path) -> None:
    levels, floats = photo(37, 50), photo(23, 31, 2).astype(np.float32) / 255
    mask = photo(40, 40, 1) > 128
    box = (3.5, 2.25, 28.0, 20.5)
    made = called(
        tmp_path,
        ("resized", [levels, 90, 61]),
        ("resized", [levels, 12, 50]),
        ("resized", [floats, 11, 47, box]),
        ("resized", [mask, 17, 29]),
    )
    np.testing.assert_array_equal(made[0], resized(levels, (90, 61)).ravel())
    np.testing.assert_array_equal(made[1], resized(levels, (12, 50)).ravel())
    np.testing.assert_allclose(made[2], resized(floats, (11, 47), box).ravel(), atol=1e-6)
    np.testing.assert_array_equal(made[3], resized(mask, (17, 29)).ravel())


def test_colours_and_transparency_are_those_of_the_command_line(tmp_path: Path) -> None:
    picture, alpha = photo(20, 30), photo(20, 30, 1, seed=1)[..., 0]
    alpha[:5], alpha[15:] = 0, 255
    floats = picture.astype(np.float32) / 255
    lab = rgb_to_lab(2.0 * floats - 1.0).numpy()
    a_b = np.random.default_rng(0).uniform(-110, 110, (20, 30, 2)).astype(np.float32)
    made = called(
        tmp_path,
        ("rgbToLab", [floats]),
        ("lightness", [floats]),
        ("tinted", [lab.reshape(-1), a_b.reshape(-1)]),
        ("spread", [picture, alpha]),
    )
    np.testing.assert_allclose(made[0], lab.ravel(), atol=1e-3)
    np.testing.assert_allclose(made[1], (lightness(2.0 * floats - 1.0).numpy().ravel() + 1) / 2, atol=1e-5)
    np.testing.assert_allclose(made[2], tinted(lab[..., :1], a_b).ravel(), atol=1e-3)
    np.testing.assert_allclose(made[3], spread(picture, alpha).ravel(), atol=1)


def test_tiles_lie_where_those_of_the_command_line_lie(tmp_path: Path) -> None:
    sizes = [(n, tile) for n in (1, 32, 159, 160, 161, 500, 1001) for tile in (32, 160)]
    calls: list[tuple[str, list[Any]]] = []
    for n, tile in sizes:
        overlap, ramp = overlap_of(tile)
        starts = tile_starts(n, tile, overlap)
        calls += [("overlapOf", [tile]), ("tileStarts", [n, tile, overlap])]
        calls += [("tileWeights", [starts, min(n, tile), ramp, 4])]
    made = called(tmp_path, *calls)
    for i, (n, tile) in enumerate(sizes):
        overlap, ramp = overlap_of(tile)
        starts = tile_starts(n, tile, overlap)
        assert made[3 * i] == [overlap, ramp]
        assert made[3 * i + 1] == starts
        np.testing.assert_allclose(made[3 * i + 2], tile_weights(starts, min(n, tile), ramp, 4), atol=1e-6)


# -- whole pictures through a stand-in for a network ---------------------------------------------------------------


def network(scale: int) -> Any:
    """Means of 3x3 pixels with zeros beyond the border, each pixel repeated; holes count as white."""

    def run(images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        seen = images if masks is None else np.where(masks, np.float32(1), images)
        mean = ndimage.uniform_filter(seen, (0, 3, 3, 0), mode="constant")
        return mean.repeat(scale, axis=1).repeat(scale, axis=2)

    return run


def colours(grays: np.ndarray) -> np.ndarray:
    return np.concatenate([grays, 0.5 * grays, (1 - grays) * grays], axis=-1)


def same(tmp_path: Path, rules: Endpoint, picture: np.ndarray, mask: np.ndarray | None = None) -> None:
    """Asserts that the page makes the same of a picture as Python, to a level."""
    pictures = Pictures(rules, colours if rules.keeps_lightness else network(rules.scale))
    given = None if mask is None else mask[..., None]
    (made,) = called(tmp_path, ("applied", [rules, picture, given, None]))
    wanted = pictures.apply(picture, mask)
    assert made["count"] == made["ticks"] == pictures.count(*picture.shape[:2])
    assert np.abs(np.array(made["data"]) - wanted.ravel()).max() <= 1
    assert np.ptp(wanted) > 20


def test_tiled_pictures_are_those_of_the_command_line(tmp_path: Path) -> None:
    taken = {"images": images(3)}
    same(tmp_path, Endpoint(taken, taken, scale=4, tiles=True, tile=64, margin=10), photo(70, 150))
    same(tmp_path, Endpoint(taken, taken, scale=2, tiles=True, tile=32, multiple=8), photo(45, 5, 1))
    gray = {"images": images(1)}
    same(tmp_path, Endpoint(gray, gray, scale=2, tiles=True, tile=32), photo(40, 50))


def test_whole_pictures_are_those_of_the_command_line(tmp_path: Path) -> None:
    taken = {"images": images(3)}
    same(tmp_path, Endpoint(taken, taken, multiple=32, largest=64), photo(100, 75))
    same(tmp_path, Endpoint(taken, taken, size=(24, 16)), photo(50, 75))


def test_coloured_pictures_are_those_of_the_command_line(tmp_path: Path) -> None:
    rules = Endpoint({"images": images(1)}, {"images": images(3)}, keeps_lightness=True, largest=64)
    same(tmp_path, rules, photo(90, 130))
    same(tmp_path, rules, photo(30, 40, 1))


def test_filled_pictures_are_those_of_the_command_line(tmp_path: Path) -> None:
    masks = Array((None, None, None, 1), "bool", 0, 1, "mask")
    rules = Endpoint({"images": images(3), "masks": masks}, {"images": images(3)}, hole=16)
    picture, mask = photo(100, 140), np.zeros((100, 140), bool)
    mask[2:12, 3:10] = mask[20:30, 30:44] = mask[31, 44] = mask[90:100, 130:140] = True
    same(tmp_path, rules, picture, mask)
    mask[50:90, 50:85] = True  # larger than the model fills
    same(tmp_path, rules, picture, mask)
    (note,) = called(tmp_path, ("noteOn", [mask[..., None], 16]))
    assert "40 pixels" in note and holes.note(mask, 16)


# -- files -----------------------------------------------------------------------------------------------------------


def saved(kind: str, picture: Image.Image, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def test_headers_of_files(tmp_path: Path) -> None:
    frames = [Image.fromarray(photo(21, 34, seed=i)) for i in range(3)]
    still = {kind: saved(kind, frames[0]) for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "AVIF")}
    still["JPEG"] = saved("JPEG", frames[0], progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    several = {kind: saved(kind, frames[0], save_all=True, append_images=frames[1:]) for kind in ("PNG", "GIF", "WEBP")}
    lossless = saved("WEBP", frames[0], lossless=True)
    broken = [b"", b"not a picture", still["PNG"][:12], still["JPEG"][:20], b"\x89PNG\r\n\x1a\n", b"RIFF", b"GIF89a"]
    calls = [*still.values(), *several.values(), lossless, *broken]
    made = called(tmp_path, *[("header", [list(each)]) for each in calls])
    for found, kind in zip(made, still, strict=False):
        assert found["format"].upper() == kind
        assert (found["width"], found["height"], found["animated"]) == (34, 21, False)
    for found in made[len(still) : len(still) + len(several)]:
        assert (found["width"], found["height"], found["animated"]) == (34, 21, True)
    assert (made[9]["width"], made[9]["height"]) == (34, 21)
    assert made[10:] == [None] * len(broken)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_written_files_hold_the_pixels(tmp_path: Path, channels: int) -> None:
    picture = photo(33, 45, channels)
    (made,) = called(tmp_path, ("png", [picture]))
    read = np.asarray(Image.open(io.BytesIO(bytes(made))))
    np.testing.assert_array_equal(read.reshape(33, 45, channels), picture)


def test_previews_of_large_pictures_are_means_of_blocks(tmp_path: Path) -> None:
    picture = photo(41, 60)
    (made,) = called(tmp_path, ("preview", [picture, 400]))
    assert (made["height"], made["width"]) == (13, 20)
    blocks = picture[:39].reshape(13, 3, 20, 3, 3).mean((1, 3))
    found = np.array(made["data"]).reshape(13, 20, 4)
    assert np.abs(found[..., :3] - blocks).max() <= 0.5 + 1e-6
    assert (found[..., 3] == 255).all()


def test_latents_follow_from_the_seed_and_have_the_declared_distribution(tmp_path: Path) -> None:
    normal, uniform = {"shape": [None, 4000], "low": -4, "high": 4}, {"shape": [None, 4000], "low": -1, "high": 1}
    calls = [("latentsOf", [1, normal]), ("latentsOf", [1, normal]), ("latentsOf", [2, normal])]
    first, again, other, even = called(tmp_path, *calls, ("latentsOf", [1, uniform]))
    assert first == again and first != other
    assert abs(np.mean(first)) < 0.05 and abs(np.std(first) - 1) < 0.05
    assert abs(np.mean(even)) < 0.05 and abs(np.std(even) - 3**-0.5) < 0.02 and np.abs(even).max() <= 1


def test_the_way_between_normal_latents_keeps_their_length(tmp_path: Path) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 100))
    start, middle, end, straight = called(
        tmp_path,
        *[("between", [a.tolist(), b.tolist(), share, True]) for share in (0, 0.5, 1)],
        ("between", [a.tolist(), b.tolist(), 0.25, False]),
    )
    np.testing.assert_allclose(start, a)
    np.testing.assert_allclose(end, b)
    np.testing.assert_allclose(straight, 0.75 * a + 0.25 * b)
    lengths = [np.linalg.norm(each) for each in (a, middle, b)]
    assert min(lengths[0], lengths[2]) * 0.98 < lengths[1] < max(lengths[0], lengths[2]) * 1.02
