"""Files that are read together, and read again when they have changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from twisted.logger import Logger

from pydsl_proxy.net.tls.key_pairs import BadFile

T = TypeVar("T")

log = Logger()


class WatchedFiles(Generic[T]):
    """What *read* makes of *files*; raises :class:`~pydsl_proxy.net.tls.key_pairs.BadFile` if it cannot be made.

    After that ``value`` is always usable: files that have changed and cannot be used leave it as it is.
    """

    def __init__(self, files: Sequence[str], read: Callable[[], T]) -> None:
        self._files = tuple(files)
        self._read = read
        # Taken before they are read: what is written meanwhile is seen the next time.
        self._seen = self._look()
        self.value = read()
        self._complaint = ""

    def has_changed(self) -> bool:
        """Whether there is another ``value`` than before; a mistake is logged once, and its files tried again."""
        seen = self._look()
        if seen == self._seen:
            return False
        try:
            value = self._read()
        except BadFile as error:
            if error.message != self._complaint:
                self._complaint = error.message
                log.error("tls: {why}; what was read before stays in use", why=error.message)
            return False
        self._seen, self.value, self._complaint = seen, value, ""
        return True

    def _look(self) -> tuple[tuple[int, ...], ...]:
        """What tells one version of a file from another; a file renamed over it has another inode."""
        return tuple(map(_version, self._files))


def _version(file: str) -> tuple[int, ...]:
    try:
        status = os.stat(file)
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
