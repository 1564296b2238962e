"""A file that is written at its end only, and found again when it was moved or removed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Final

from pydsl_proxy.observe.outputs import STDOUT, opened_again, writer_of
from pydsl_proxy.units import KiB

STANDARD_OUTPUT = "-"

#: Bytes that wait for a slow reader of a pipe.
MAX_HELD: Final = 1024 * KiB


class LogFile:
    """An open file; the path ``-`` is the standard output.

    Each time it is written, the path is looked at: when logrotate has moved the file away, a new one is begun there,
    without a signal.  Nothing of it blocks: what a pipe does not take is held, and new lines are lost beyond that.

    What is still at its path is never opened again, be it asked for: a line that is half in a pipe goes on there, and a
    FIFO keeps its reader.  nginx opens it again, but waits for the reader at each write, and holds nothing.  Where
    something else is at the path, the old reader gets first what is held for it, unless no more can be held.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        self._write: Callable[[memoryview], int] = _closed
        # The last write broke off within a line.
        self._torn = False
        self._held = b""
        #: Lines that were lost since this was set to 0.
        self.lost = 0

    @property
    def closed(self) -> bool:
        """Whether it is not open."""
        return self._fd < 0

    @property
    def held(self) -> int:
        """Bytes that are held for a slow reader."""
        return len(self._held)

    @property
    def waits(self) -> bool:
        """Whether something is held for a slow reader."""
        return bool(self._held)

    def open(self) -> None:
        """Open the file, or make it; raises OSError."""
        identity = None
        if self._path == STANDARD_OUTPUT:
            own = opened_again(STDOUT)
            # The outputs of others are not closed with the log.
            fd = os.dup(STDOUT) if own is None else own
        else:
            fd = _opened(self._path)
            identity = _identity(os.fstat(fd))
        self.close()
        self._fd, self._identity = fd, identity
        self._write = writer_of(fd)
        self._torn = False

    def append(self, lines: bytes) -> str | None:
        """Write *lines*; what is told is what went wrong."""
        problem = self.follow()
        if len(self._held) + len(lines) > MAX_HELD and self._held and self._is_moved():
            # The reader of what was there is stuck.
            problem = self._open_again()
        if not self._held:
            self._held = b"\n" + lines if self._torn else lines
        elif len(self._held) + len(lines) <= MAX_HELD:
            self._held += lines
        else:
            self.lost += lines.count(b"\n")
            return self.write_held() or "cannot be written, lines are lost: its reader is too slow"
        return self.write_held() or problem

    def write_held(self) -> str | None:
        """Write what is held, as far as it goes; what is told is what went wrong."""
        data = memoryview(self._held)
        try:
            while data:
                data = data[self._write(data) :]
                self._torn = True
            self._torn = False
        except BlockingIOError:
            self._held = bytes(data)
            return None
        except OSError as error:
            self.lost += bytes(data).count(b"\n")
            self._held = b""
            return f"cannot be written, lines are lost: {error.strerror}"
        self._held = b""
        return None

    def follow(self) -> str | None:
        """Open anew what is not there any more, and is owed nothing; what is told is what went wrong."""
        return self._open_again() if not self._held and self._is_moved() else None

    def _is_moved(self) -> bool:
        """Whether something else is at the path, or nothing; the standard output is where it was."""
        if self._identity is None:
            return False
        try:
            return _identity(os.stat(self._path)) != self._identity
        except OSError:
            return True

    def _open_again(self) -> str | None:
        try:
            self.open()
        except OSError as error:
            # What was moved away is still open, and better than nothing.
            return f"was moved and cannot be opened again, lines go to the old file: {error.strerror}"
        return None

    def close(self) -> None:
        """Close it; the standard output of others stays open, and what is held is lost."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
        self._identity = None
        self._write = _closed
        self.lost += self._held.count(b"\n")
        self._held = b""


def _opened(path: str) -> int:
    flags = os.O_APPEND | os.O_CREAT | os.O_NOCTTY | os.O_NONBLOCK
    try:
        return os.open(path, os.O_WRONLY | flags, 0o644)
    except OSError as error:
        if error.errno != errno.ENXIO:
            raise
        # A FIFO that nobody reads: as a reader too it is open, and its reader may come and go.
        return os.open(path, os.O_RDWR | flags, 0o644)


def _closed(data: memoryview) -> int:
    raise OSError(errno.EBADF, "it is closed")


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
