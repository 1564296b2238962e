"""Temporary files for what does not fit in memory: without a name, so that nothing is left behind by any end."""

from __future__ import annotations

import os
import tempfile
from typing import Final, TypeAlias

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.origin.paths import from_file
from pydsl_proxy.units import GiB, KiB

# What a buffer holds by default.  nginx: proxy_max_temp_file_size 1024m and proxy_buffers 8 8k for responses; Apache:
# LimitRequestBody 1 GiB since 2.4.54 for requests, where nginx's client_max_body_size of 1m is often too little.
SIZE: Final = 1 * GiB
MEMORY: Final = 64 * KiB

# The directory of the files; True for the system's, False for no files.
Spool: TypeAlias = str | bool


def checked_spool(verb: str, spool: str | os.PathLike[str] | bool | None) -> Spool:
    """*spool* as a feature keeps it; whether the directory is there shows when a file is needed."""
    if spool is None or isinstance(spool, bool):
        return bool(spool)
    if not isinstance(spool, str | os.PathLike) or not os.fspath(spool):
        hint = 'write spool="/var/spool/proxy", or spool=False for no files'
        raise ConfigError(f"{verb}(spool=…) must be a directory, not {spool!r}", hint=hint)
    return from_file(os.fspath(spool))


class SpoolFile:
    """A file in *spool* that has no name from the beginning; :meth:`close` frees it, and so does the process's end."""

    __slots__ = ("_fd",)

    _fd: int | None

    def __init__(self, spool: Spool) -> None:
        """Open it; raises OSError."""
        self._fd = None
        # Where the system has O_TMPFILE no name is ever there, elsewhere it is taken away at once.
        with tempfile.TemporaryFile(buffering=0, dir=spool if isinstance(spool, str) else None) as file:
            self._fd = os.dup(file.fileno())

    def write(self, data: memoryview, at: int) -> None:
        """Write all of *data* at a place; raises OSError, then some of it may have been written."""
        fd = self._open
        # Not pwrite and pread, which Windows does not have.
        os.lseek(fd, at, os.SEEK_SET)
        while data:
            data = data[os.write(fd, data) :]

    def read(self, size: int, at: int) -> bytes:
        """The *size* bytes at a place; raises OSError, also where there are fewer."""
        fd = self._open
        os.lseek(fd, at, os.SEEK_SET)
        data = os.read(fd, size)
        while len(data) < size:
            more = os.read(fd, size - len(data))
            if not more:
                raise OSError("a temporary file is shorter than what was written to it")
            data += more
        return data

    @property
    def _open(self) -> int:
        if self._fd is None:
            raise OSError("the temporary file was closed")
        return self._fd

    def close(self) -> None:
        """Free it; may be called twice."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __del__(self) -> None:
        # For exchanges that nobody ends, as in tests.
        self.close()
