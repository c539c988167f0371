"""Errors that the command line prints as one line, and how a command ends."""

import codecs
import errno
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class UserError(Exception):
    """Bad input: the message is one line that states the problem and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Diverged(Exception):
    """A loss became NaN or infinite; the message names the step, the term and the last good checkpoint.

    The command line prints it without a traceback and exits with code 1.
    """


UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# files instead of folders, names that are too long
NO_PLACE = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP)
SYSTEM = (errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOTEMPTY)
TOO_LARGE = "there is not enough memory; make the batches (--batch-size), tiles (--tile) or pictures smaller"


def line_of(error: BaseException) -> str | None:
    """One line for an error of the input or the system; None for a fault of this program."""
    if isinstance(error, (UserError, Diverged)):
        return str(error)
    if isinstance(error, MemoryError):
        return TOO_LARGE
    if isinstance(error, OSError):
        where, reason = error.filename or "standard output or a file", error.strerror
        where = os.fsdecode(where) if isinstance(where, (str, bytes)) else where
        if error.errno in NO_PLACE:
            return f"{where} cannot be used ({reason}); choose another place"
        if error.errno in UNWRITABLE:
            return f"{where} cannot be written: {reason}"
        if error.errno == errno.ENOENT and not error.filename:
            return "the working folder no longer exists; change to another one"
        return f"{where}: {reason}" if error.errno in SYSTEM or error.errno == errno.ENOMEM else None
    return _of_tensorflow(error)


def _of_tensorflow(error: BaseException) -> str | None:
    """The same for TensorFlow's own errors, which replace the system's when it reads and writes files."""
    errors = getattr(sys.modules.get("tensorflow"), "errors", None)
    if errors is None or not isinstance(error, errors.OpError):
        return None
    text = re.sub(r"\{\{.*?\}\}|\[Op:\w+\]( name:)?", "", str(error.message)).strip()  # type: ignore[attr-defined]
    text = text.splitlines()[0].strip()[:300] if text else type(error).__name__
    if any(os.strerror(number) in text for number in (*UNWRITABLE, *NO_PLACE, *SYSTEM, errno.ENOENT)):
        where, _, reason = text.rpartition("; ")
        return f"{where} cannot be written or read: {reason}" if where else text
    if isinstance(error, errors.ResourceExhaustedError):
        return TOO_LARGE
    of_files = (errors.NotFoundError, errors.PermissionDeniedError, errors.AlreadyExistsError, errors.DataLossError)
    if isinstance(error, (*of_files, errors.UnavailableError)) or "is not a directory" in text:
        return text
    return None


# --- streams and signals ----------------------------------------------------------------------------------------------


def _as_bytes(error: UnicodeError) -> tuple[str | bytes, int]:
    """For a character that a stream cannot encode: the byte of a file name that it represents, or its number."""
    assert isinstance(error, UnicodeEncodeError)
    error.end = error.start + 1
    kind = "surrogateescape" if "\udc80" <= error.object[error.start] <= "\udcff" else "backslashreplace"
    return codecs.lookup_error(kind)(error)


def open_streams() -> None:
    """Make standard output accept any text, as standard error does, and open both if they are closed."""
    codecs.register_error("tfgans", _as_bytes)
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="tfgans" if name == "stdout" else "backslashreplace")


def abandon_stdout() -> None:
    """After an error in writing to it, discard the rest of its buffer."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """In this context, SIGTERM and SIGHUP end the process by an exception, so that unfinished files are removed."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)  # a second one kills
        sys.exit(128 + number)

    try:
        for number, handler in before.items():
            if handler == signal.SIG_DFL:  # under nohup a hang-up is ignored
                signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
