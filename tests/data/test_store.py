"""Decoded images that are too many for memory: the same batches from a file, decoded once, and what can go wrong."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfgans.data import batches, folder, load, store
from tfgans.errors import UserError

BYTES = 12 * 10 * 10 * 3  # of the images below


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of twelve images, and a cache folder; nothing is held in memory."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for i in range(12):
        Image.fromarray(rng.integers(0, 256, (10, 10, 3), np.uint8)).save(tmp_path / f"images/{i}.png")
    monkeypatch.setenv("TFGANS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "MEMORY", 500)
    return tmp_path / "images"


def in_memory(place: Path, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "MEMORY", 1 << 30)
        patch.setattr(store, "cache_folder", lambda: None)
        return load(f"folder:{place}", "all", **options)


def test_a_large_source_is_in_a_file_that_cannot_be_written(images: Path) -> None:
    source, whole = load(f"folder:{images}", "all"), in_memory(images)
    assert isinstance(source.pixels, np.memmap) and not isinstance(whole.pixels, np.memmap)
    assert not source.pixels.flags.writeable and source.pixels.nbytes == BYTES
    assert np.array_equal(source.images, whole.images) and np.array_equal(source.image(5), whole.image(5))
    assert (source.names, source.stamps, source.skipped) == (whole.names, whole.stamps, whole.skipped)
    few = source.subset(np.array([7, 2, 7, 1, 0]))
    assert np.array_equal(few.images, whole.images[[7, 2, 7, 1, 0]])


@pytest.mark.parametrize("options", [{}, {"crop": "random", "flip": True, "image_shape": (6, 8, 3)}])
def test_batches_are_the_same_bit_for_bit(images: Path, options: dict[str, Any]) -> None:
    found = []
    for source in (load(f"folder:{images}", "all", keep_size=True), in_memory(images, keep_size=True)):
        drawn = batches(source, 5, seed=3, start=4, steps=3, **options)
        assert drawn.element_spec["image"].shape == (5, *options.get("image_shape", (10, 10, 3)))
        found.append([batch["image"].numpy() for batch in drawn])
    assert len(found[0]) == 3 and all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_a_folder_is_decoded_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (images / "bad.png").write_bytes(b"")
    first = load(f"folder:{images}", "all")
    assert first.skipped == (("bad.png", "empty"),)

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("decoded again")

    with monkeypatch.context() as patch:
        patch.setattr(folder, "read_image", fail)
        again = load(f"folder:{images}", "all")
        with pytest.raises(AssertionError):
            load(f"folder:{images}", "all", image_shape=(8, 8, 3))  # read in another way
    assert np.array_equal(first.images, again.images)
    assert (first.names, first.stamps, first.skipped) == (again.names, again.stamps, again.skipped)

    Image.new("RGB", (10, 10), "red").save(images / "3.png")
    os.utime(images / "3.png", ns=(1, 1))  # of another time, whatever the clock's resolution
    changed = load(f"folder:{images}", "all")
    assert (changed.image(changed.names.index("3")) == (255, 0, 0)).all()


def test_a_damaged_file_is_decoded_anew(images: Path, tmp_path: Path) -> None:
    first = load(f"folder:{images}", "all").images.copy()
    (kept,) = [path for path in (tmp_path / "cache/images").iterdir() if path.is_dir()]
    with open(kept / "pixels", "r+b") as file:
        file.truncate(BYTES - 1)
    assert np.array_equal(load(f"folder:{images}", "all").images, first)
    (kept / "facts.json").write_text("{")
    assert np.array_equal(load(f"folder:{images}", "all").images, first)


def test_folder_names_need_not_be_utf_8(images: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(images.parent) + b"/\xe9l\xe8ve"))
    images.rename(place)
    assert len(load(f"folder:{place}", "all")) == 12


def test_a_full_disk_is_one_line_and_leaves_nothing(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = open

    def full(path: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        file = real(path, mode, *args, **options)
        if mode == "xb":

            class Full:
                close = file.close

                def write(self, part: Any) -> None:
                    raise OSError(errno.ENOSPC, "No space left on device")

            return Full()
        return file

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(UserError, match="cache/images is full: .*--cache DIR") as caught:
        load(f"folder:{images}", "all")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache/images").iterdir()) == []


def test_without_a_cache_folder(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "cache_folder", lambda: None)
    with pytest.raises(UserError, match="no folder to keep it in: --cache DIR"):
        load(f"folder:{images}", "all")


def test_what_a_killed_process_left_is_removed(images: Path, tmp_path: Path) -> None:
    place = tmp_path / "cache/images"
    place.mkdir(parents=True)
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    dead, alive = place / f".tmp-{pid}-ab", place / f".tmp-{os.getpid()}-cd"
    dead.write_bytes(b"1"), alive.write_bytes(b"1")
    load(f"folder:{images}", "all")
    assert not dead.exists() and alive.exists()


def test_several_folders_as_one(images: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (10, 10), "blue").save(other / "a.png")
    source = load(f"folder:{images},{other}", "all")
    assert len(source) == 13 and isinstance(source.pixels, np.memmap)
    assert np.array_equal(source.images[:12], in_memory(images).images)
