"""A file that is written at its end only, and found again when it was moved or removed."""

from __future__ import annotations

import os

STANDARD_OUTPUT = "-"
_STDOUT_FD = 1


class LogFile:
    """An open file; the path ``-`` is the standard output.

    Each time it is written, the path is looked at: when logrotate has moved the file away, a new one is begun there,
    without a signal.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._identity: tuple[int, int] | None = None
        # The last write broke off within a line.
        self._torn = False

    @property
    def closed(self) -> bool:
        """Whether it is not open."""
        return self._fd < 0

    def open(self) -> None:
        """Open the file, or make it; raises OSError."""
        if self._path == STANDARD_OUTPUT:
            self._fd = _STDOUT_FD
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOCTTY, 0o644)
        self.close()
        self._fd = fd
        self._identity = _identity(os.fstat(fd))
        self._torn = False

    def append(self, lines: bytes) -> str | None:
        """Write *lines*; what is told is what went wrong."""
        problem = self._follow()
        data = memoryview(b"\n" + lines if self._torn else lines)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
                self._torn = True
            self._torn = False
        except OSError as error:
            return f"cannot be written, lines are lost: {error.strerror}"
        return problem

    def _follow(self) -> str | None:
        """Open anew what is not there any more."""
        if self._identity is None:
            return None
        try:
            if _identity(os.stat(self._path)) == self._identity:
                return None
        except OSError:
            pass
        try:
            self.open()
        except OSError as error:
            # What was moved away is still open, and better than nothing.
            return f"was moved and cannot be opened again, lines go to the old file: {error.strerror}"
        return None

    def close(self) -> None:
        """Close it; the standard output stays open."""
        fd, self._fd = self._fd, -1
        if fd >= 0 and self._identity is not None:
            os.close(fd)
        self._identity = None


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
