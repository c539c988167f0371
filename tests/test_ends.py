"""How commands end: streams that take little, signals, errors of the system and of TensorFlow."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from test_cli import call

from tfgans import cli, files
from tfgans.errors import UserError, line_of

# a command in the place of the real ones, which takes no time to load
COMMAND = """
import os, signal, sys
from pathlib import Path
from tfgans import cli, files
def command():
    {}
cli.app = command
cli.main()
"""


def run(code: str, place: Path, *, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess:
    python = [sys.executable, "-c", COMMAND.format(code.replace("\n", "\n    "))]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(python, cwd=place, env=environment, capture_output=True, timeout=120, **options)


@pytest.mark.parametrize("kept", ["files.whole('x.png')", "files.unfinished_folder(Path('x'))"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_unfinished(tmp_path: Path, kept: str, number: signal.Signals) -> None:
    code = (
        f"with {kept} as made:\n    assert made.exists()\n    os.kill(os.getpid(), {int(number)})\n    signal.pause()"
    )
    usual = f"import signal; signal.signal({int(number)}, signal.SIG_DFL)\n"  # tests under nohup inherit another one
    python = [sys.executable, "-c", usual + COMMAND.format(code.replace("\n", "\n    "))]
    done = subprocess.run(python, cwd=tmp_path, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (128 + number, b"") and list(tmp_path.iterdir()) == []


def test_a_hang_up_that_is_ignored_stays_so(tmp_path: Path) -> None:
    ignored = f"import signal; signal.signal({int(signal.SIGHUP)}, signal.SIG_IGN)\n"
    code = ignored + f"os.kill(os.getpid(), {int(signal.SIGHUP)})\nprint('on')"
    python = [sys.executable, "-c", ignored + COMMAND.format(code.replace("\n", "\n    "))]
    assert subprocess.run(python, cwd=tmp_path, capture_output=True, timeout=120).stdout == b"on\n"


@pytest.mark.parametrize(
    "encoding, printed",
    [
        ("ascii", b"a\xff\\xe9\\u56fe"),
        ("latin-1", b"a\xff\xe9\\u56fe"),
        ("utf-8", b"a\xff" + "é图".encode()),
    ],
)
def test_names_are_printed_whatever_stdout_takes(tmp_path: Path, encoding: str, printed: bytes) -> None:
    done = run(r"print('a\udcff\xe9\u56fe')", tmp_path, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, printed, b"")


def test_a_reader_that_leaves_ends_a_command_quietly(tmp_path: Path) -> None:
    for lines in (1, 100_000):  # in the buffer until the end, or not
        read, write = os.pipe()
        os.close(read)
        python = [sys.executable, "-c", COMMAND.format(f"print('line\\n' * {lines})")]
        done = subprocess.run(python, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, timeout=120)
        os.close(write)
        assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="of Linux")
def test_a_stdout_that_is_full_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        python = [sys.executable, "-c", COMMAND.format("print('line')")]
        done = subprocess.run(python, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert done.stderr == b"tfgans: standard output or a file cannot be written: No space left on device\n"
    assert done.returncode == 2


def test_streams_that_are_closed(tmp_path: Path) -> None:
    code = "print('x')\nprint('y', file=sys.stderr)\nPath('made').touch()"
    python = f'{sys.executable} -c "$CODE" >&- 2>&- <&-'
    env = {**os.environ, "CODE": COMMAND.format(code.replace("\n", "\n    "))}
    assert subprocess.run(python, shell=True, cwd=tmp_path, env=env, timeout=120).returncode == 0
    assert (tmp_path / "made").exists()


FULL = "{{function_node __wrapped__SaveV2}} runs/x/part; No space left on device\n\tFailed to flush [Op:SaveV2] name: "


@pytest.mark.parametrize(
    "error, line",
    [
        (tf.errors.ResourceExhaustedError(None, None, FULL), "runs/x/part cannot be written or read: No space left"),
        (
            tf.errors.PermissionDeniedError(None, None, "/x; Permission denied"),
            "/x cannot be written or read: Permission",
        ),
        (
            tf.errors.FailedPreconditionError(None, None, "/etc/passwd is not a directory [Op:X]"),
            "/etc/passwd is not a",
        ),
        (
            tf.errors.NotFoundError(None, None, "/proc/x; No such file or directory"),
            "/proc/x cannot be written or read",
        ),
        (tf.errors.UnknownError(None, None, "/x/y; Input/output error"), "/x/y cannot be written or read: Input"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"), "there is not enough memory"),
        (MemoryError("Unable to allocate 9 TiB"), "there is not enough memory"),
        (OSError(errno.EIO, "Input/output error", b"disk/\xff"), "disk/\\udcff: Input/output error"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "the working folder no longer exists"),
        (UserError("bad"), "bad"),
    ],
)
def test_errors_of_the_system_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    assert call([], monkeypatch) == 2
    printed = capsys.readouterr().err.encode("utf-8", "backslashreplace").decode()
    assert printed.startswith(f"tfgans: {line}") and printed.count("\n") == 1


def test_faults_of_the_program_have_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (
        tf.errors.InvalidArgumentError(None, None, "shapes differ"),
        tf.errors.FailedPreconditionError(None, None, "variable is not initialized"),
        ValueError("x"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "ours"),
    ):
        assert line_of(error) is None


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="of Linux")
def test_places_where_nothing_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for place, kind, says in (
        ("/proc/x.png", UserError, "/proc/x.png cannot be written"),
        ("/proc/x/y.png", UserError, "/proc/x/y.png cannot be written"),
        ("/dev/null", UserError, "/dev/null is not a regular file"),
        (tmp_path / "folder", UserError, "folder is not a regular file"),
        (tmp_path / "file/x", OSError, "file"),
        (tmp_path / ("x" * 300), OSError, "xxx"),
    ):
        with pytest.raises(kind, match=says):
            files.write_text(place, "text")
    for place, kind in ((Path("/proc/x"), UserError), (tmp_path / "file/x", OSError)):
        with pytest.raises(kind) as error, files.unfinished_folder(place):
            pass
        assert ".tmp-" not in str(error.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_files_are_whole_or_not_there_and_mind_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_json(tmp_path / "a.json", {"name": "\udcff"})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "\udcff"}
    with pytest.raises(OSError, match="a.json") as error, files.whole(tmp_path / "a.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert line_of(error.value) == f"{tmp_path / 'a.json'} cannot be written: No space left on device"
    assert json.loads((tmp_path / "a.json").read_text()) and len(list(tmp_path.iterdir())) == 1


def test_tensorflow_is_given_utf8_names(tmp_path: Path) -> None:
    with files.utf8(tmp_path / "é") as place:
        assert place == str(tmp_path / "é")
    with files.utf8(tmp_path / "x\udcff") as place:
        place.encode()
        tf.io.gfile.makedirs(place + "/inner") if os.path.isdir(place) else os.makedirs(tmp_path / "x\udcff/inner")
        assert os.path.isdir(place + "/inner")
    assert not os.path.lexists(place)
