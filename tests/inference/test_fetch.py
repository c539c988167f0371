"""Models that are not here: they come from an address or a folder, whole or not at all, and only once."""

import functools
import hashlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfgans.errors import UserError
from tfgans.features.judges import load_judge
from tfgans.files import ROOT
from tfgans.inference import fetch
from tfgans.inference.exported import find
from tfgans.reports import notebook
from tfgans.reports.listing import lines

FILES = {"saved_model.pb": b"graph" * 100_000, "card.json": b"{}", "variables/variables.index": b"\0\1"}


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder on this machine, and notes what is asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.cut = False  # answers break off in the middle
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.cut:
            self.send_response(200)
            self.send_header("Content-Length", str(1 << 20))
            self.end_headers()
            self.wfile.write(b"graph")
            return
        super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


def facts(content: bytes) -> fetch.Facts:
    return len(content), hashlib.sha256(content).hexdigest()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of a package without a checkout that knows one model, `tiny`, and one card, `plain`."""
    known = {f"tiny/{name}": facts(content) for name, content in FILES.items()} | {"plain/card.json": facts(b"{}")}
    monkeypatch.setattr(fetch, "known", lambda: known)
    monkeypatch.setattr("tfgans.inference.exported.ROOT", tmp_path / "site")
    monkeypatch.setenv("TFGANS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def served(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    folder = tmp_path / "served"
    for name, content in FILES.items():
        (folder / "tiny" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tiny" / name).write_bytes(content)
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("TFGANS_MODELS", f"{server.address}/")
        yield server
        server.shutdown()
        thread.join()


def refused(cache: Path, expected: str) -> None:
    """Loading `tiny` gives one line and leaves nothing in the cache."""
    with pytest.raises(UserError, match=expected) as error:
        find("tiny")
    assert "\n" not in str(error.value)
    assert not cache.exists() or [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_model_is_downloaded_once(served: Server, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = find("tiny")
    assert folder.name == "tiny" and folder.is_relative_to(cache / "models")
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")} == FILES
    assert sorted(served.asked) == sorted(f"/tiny/{name}" for name in FILES)
    assert "tiny: 100%" in capsys.readouterr().err
    assert find("tiny") == folder and len(served.asked) == len(FILES)
    assert [path.name for path in (cache / "models").iterdir()] == [folder.parent.name], "nothing unfinished is left"


def test_a_damaged_copy_and_another_version_are_downloaded_anew(
    served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = find("tiny")
    (folder / "saved_model.pb").write_bytes(b"gra")
    assert find("tiny") == folder and (folder / "saved_model.pb").read_bytes() == FILES["saved_model.pb"]
    (tmp_path / "served/tiny/card.json").write_bytes(b"{ }")
    newer = fetch.known() | {"tiny/card.json": facts(b"{ }")}
    monkeypatch.setattr(fetch, "known", lambda: newer)
    assert find("tiny") != folder and (find("tiny") / "card.json").read_bytes() == b"{ }"


@pytest.mark.parametrize("content", [b"[]", b"{", b"{}" * 1_000_000], ids=["other", "short", "long"])
def test_a_file_that_is_not_the_known_one(served: Server, cache: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "served/tiny/card.json").write_bytes(content)
    refused(cache, rf"{served.address}/tiny/card.json is not the file that .* \(its size or sha256 differs\)")


def test_a_file_that_breaks_off(served: Server, cache: Path) -> None:
    served.cut = True
    refused(cache, "saved_model.pb (is not the file that|cannot be downloaded)")


def test_a_file_that_is_not_there(served: Server, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "served/tiny/card.json").unlink()
    refused(cache, r"tiny/card.json cannot be downloaded \(File not found\); set TFGANS_MODELS")


def test_no_network(served: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    monkeypatch.setenv("TFGANS_MODELS", f"http://127.0.0.1:{port}")
    refused(cache, r"cannot be downloaded \(Connection refused\)")


def test_no_place_to_keep_it(served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFGANS_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot be kept in .* set TFGANS_CACHE"):
        find("tiny")
    assert served.asked == []


def test_unknown_names_and_cards_alone_are_not_asked_for(served: Server, cache: Path) -> None:
    for name in ("plain", "tiny/variables", "../tiny", "."):
        with pytest.raises(UserError, match="there is no SavedModel at"):
            find(name)
    assert served.asked == [] and not cache.exists()


def test_a_folder_in_the_place_of_an_address(
    cache: Path, served: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFGANS_MODELS", str(tmp_path / "served"))
    assert (find("tiny") / "card.json").read_bytes() == b"{}" and served.asked == []


def test_what_can_be_downloaded_is_listed(cache: Path) -> None:
    listed = list(lines())
    assert listed[listed.index("Downloaded when first used:") + 1] == "  tiny"


def test_a_judge_without_a_checkout(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("tfgans.features.judges.SAVED_MODELS", cache)
    monkeypatch.setenv("TFGANS_CACHE", str(cache))
    monkeypatch.setenv("TFGANS_MODELS", str(ROOT / "saved_models"))
    assert load_judge("mnist").path.is_relative_to(cache / "models")
    with pytest.raises(UserError, match="There is no judge at"):
        load_judge("emnist")


def test_chapters_without_a_checkout(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    for module in ("reports.notebook", "card"):
        monkeypatch.setattr(f"tfgans.{module}.ROOT", tmp_path / "site")
    monkeypatch.setenv("TFGANS_MODELS", str(ROOT / "saved_models"))
    notebook.results("cyclegan-negative", tmp_path)  # a card alone
    assert "The cards of full trainings are not here: " in (said := capsys.readouterr().out)
    assert "There is no card of cyclegan-negative" in said
    monkeypatch.setenv("TFGANS_CACHE", str(cache))
    notebook.results("cyclegan-negative", tmp_path)
    assert "cyclegan-negative: training seeds 0" in capsys.readouterr().out
    assert (tmp_path / "cyclegan-negative.png").is_file()
    shutil.rmtree(cache)


def test_the_list_has_the_files_of_the_checkout() -> None:
    assert set(fetch.names()) == {path.parent.name for path in ROOT.glob("saved_models/*/saved_model.pb")}
    path, (size, sha256) = next((path, one) for path, one in fetch.known().items() if path == "judge-mnist/card.json")
    assert facts((ROOT / "saved_models" / path).read_bytes()) == (size, sha256)
