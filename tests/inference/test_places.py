"""Folders of pictures, one picture into a file, and what happens to names, permissions and terminals."""

import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inference_models import double, photograph, save, twice
from PIL import Image

from tfgans import cli
from tfgans.inference import pictures
from tfgans.inference.pictures import restore_files


@pytest.fixture(scope="module")
def doubler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("doubler") / "m", double, 3)


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of all kinds of names in folders, and what is none."""
    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(NAMES):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photograph(8, 10, seed=i)).save(path, "PNG" if "b" in path.suffix.lower() else "JPEG")
    Path("photos/empty").mkdir()
    Path("photos/notes.txt").write_text("no picture")
    Path("photos/.hidden.png").write_bytes(b"")
    Path("photos/drawing.psd").write_bytes(b"8BPS")
    Path("photos/trip/sub/loop").symlink_to(tmp_path / "photos")
    os.mkfifo("photos/pipe")
    os.mkfifo("photos/pipe.png")
    return tmp_path


NAMES = ["one.JPG", "trip/one.jpg", "trip/sub/ä ö.jpeg", "trip/b.jfif", "trip/c.jpe", "no_suffix", "IMG.bak"]


def call(arguments: list[object], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["tfgans", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def files_in(folder: str) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def test_a_folder_keeps_its_sub_folders(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["restore", doubler, "photos", "-o", "photos/out"], monkeypatch) == 2
    printed = capsys.readouterr()
    assert files_in("photos/out") == sorted(NAMES)
    assert sorted(printed.out.splitlines()) == sorted(f"photos/out/{name}" for name in NAMES)
    assert printed.err.splitlines()[-2:] == [
        "tfgans: 1 pictures were not restored:",
        "  photos/drawing.psd: .psd is not read",
    ]
    with Image.open("photos/out/no_suffix") as made:
        assert made.format == "JPEG" and made.size == (20, 16)
    Path("photos/drawing.psd").unlink()
    assert call(["restore", doubler, "photos", "-o", "photos/out", "--force"], monkeypatch) == 0
    assert files_in("photos/out") == sorted(NAMES), "what was made before is no picture of the folder"


def test_several_folders_keep_their_names(doubler: Path, album: Path) -> None:
    Path("photos/trip/sub/loop").unlink()
    done, failed = restore_files(doubler, [Path("photos/trip"), Path("photos")], output=Path("out"))
    assert Path("out/trip/one.jpg") in done and Path("out/photos/trip/one.jpg") in done and len(done) == 4 + 7
    assert failed == ["photos/drawing.psd: .psd is not read"]


def test_an_empty_folder_is_one_line(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(["restore", doubler, "photos/empty"], monkeypatch) == 2
    assert capsys.readouterr().err == "tfgans: photos/empty: contains no pictures\n" and not Path("restored").exists()


def test_sheets_of_equal_stems_have_names_of_their_own(doubler: Path, album: Path) -> None:
    for name in ("a.jpg", "a.png"):
        Image.fromarray(photograph(8, 10)).save(name)
    done, failed = restore_files(doubler, [Path("a.jpg"), Path("a.png")], output=Path("out"), sheet=True)
    assert failed == [] and files_in("out") == ["a-sheet.png", "a.jpg", "a.png", "a.png-sheet.png"]


@pytest.mark.parametrize("suffix, kind", [("png", "PNG"), ("JPG", "JPEG"), ("webp", "WEBP"), ("avif", "AVIF")])
def test_one_picture_goes_into_a_file(doubler: Path, album: Path, suffix: str, kind: str) -> None:
    place = Path("new", f"big.{suffix}")
    done, failed = restore_files(doubler, [Path("photos/one.JPG")], output=place, sheet=True)
    assert failed == [] and done == [place, Path("new/big-sheet.png")]
    with Image.open(place) as made:
        assert made.format == kind and made.size == (20, 16)
    assert restore_files(doubler, [Path("photos/one.JPG")], output=place)[1] == [
        f"photos/one.JPG: {place} exists; --force replaces it"
    ]
    Path("folder.png").mkdir()
    assert restore_files(doubler, [Path("photos/one.JPG")], output=Path("folder.png"))[0] == [
        Path("folder.png/one.JPG")
    ]


def test_names_come_when_pictures_are_done_and_no_bar_in_a_log(
    doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written = pictures.whole

    def whole(path: Path) -> Any:
        print("writes", path, flush=True)
        return written(path)

    monkeypatch.setattr(pictures, "whole", whole)
    Path("photos/trip/sub/loop").unlink()
    assert call(["restore", doubler, "photos/trip"], monkeypatch) == 0
    printed = capfd.readouterr()
    lines = printed.out.splitlines()
    assert lines[::2] == [f"writes {line}" for line in lines[1::2]] and len(lines) == 8
    assert "%|" not in printed.err and "\r" not in printed.err


def test_one_bar_on_a_terminal(doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    restore_files(doubler, [Path("photos/trip/b.jfif"), Path("photos/one.JPG")], output=Path("out"))
    assert "| 0.0/2 [" in terminal.getvalue() and "\n" not in terminal.getvalue()


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_honour_the_umask(doubler: Path, album: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        done, _ = restore_files(doubler, [Path("photos/one.JPG")], output=Path("out"), sheet=True)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in done] == [0o666 & ~mask] * 2
    os.chmod(done[0], 0o640)
    restore_files(doubler, [Path("photos/one.JPG")], output=Path("out"), force=True)
    assert stat.S_IMODE(done[0].stat().st_mode) == 0o640, "a file that is replaced keeps its permissions"


def test_a_link_to_the_picture_is_not_replaced(doubler: Path, album: Path) -> None:
    Path("out").mkdir()
    Path("out/one.JPG").symlink_to(Path("photos/one.JPG").resolve())
    before = Path("photos/one.JPG").read_bytes()
    done, failed = restore_files(doubler, [Path("photos/one.JPG")], output=Path("out"), force=True)
    assert done == [] and "would replace the picture itself" in failed[0]
    assert Path("photos/one.JPG").read_bytes() == before


def test_a_place_that_cannot_be_written_is_one_line(doubler: Path, album: Path) -> None:
    Path("out").mkdir()
    Path("out/trip").write_text("a file in the way")
    done, failed = restore_files(doubler, [Path("photos")], output=Path("out"))
    assert Path("out/one.JPG") in done and len(failed) == 5
    assert any(line.startswith("photos/trip/one.jpg: out/trip/one.jpg") for line in failed)


def test_avif_is_read_and_heic_or_what_it_needs(doubler: Path, album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(photograph(8, 10)).save("a.avif", quality=100, subsampling="4:4:4")
    done, failed = restore_files(doubler, [Path("a.avif")], output=Path("out"))
    assert failed == []
    with Image.open(done[0]) as made:
        assert made.format == "AVIF" and np.abs(np.asarray(made).astype(int) - twice(photograph(8, 10))).mean() < 4
    Path("a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert restore_files(doubler, [Path("a.heic")], output=Path("out"))[1] == [
        "a.heic: HEIC needs another package: pip install pillow-heif"
    ]
    _, failed = restore_files(doubler, [Path("a.avif")], output=Path("b.heic"))
    assert failed == ["a.avif: HEIC needs another package: pip install pillow-heif"] and not Path("b.heic").exists()
