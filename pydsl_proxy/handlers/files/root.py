"""Opening files below a folder, and nothing that is not below it."""

from __future__ import annotations

import os
from operator import attrgetter

#: Not to be inherited, no terminal becomes ours, and no wait for the other end of a FIFO.
FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
FOLDER_FLAGS = FLAGS | os.O_DIRECTORY

#: What makes an open file the same as one that was opened before.  The change time is that of the inode: it moves with
#: every change of content, owner, mode and name.
identity_of = attrgetter("st_ctime_ns", "st_ino", "st_size", "st_mtime_ns", "st_dev")


class Root:
    """A folder, or for an exact path one file, and what is below it.

    A file is opened first and looked at then: the kernel tells where what is open really is, so that no link that is
    put in place meanwhile leads elsewhere.  Links within the folder are followed, unless *follow* is false (nginx's
    ``disable_symlinks on``).  The folder itself may be a link, which may come to point elsewhere, as deployments do.
    """

    __slots__ = ("_follow", "_real", "path")

    def __init__(self, path: bytes, *, follow: bool) -> None:
        # The root of the file system is the empty path, to which names with a slash are added.
        self.path = os.path.abspath(path).rstrip(b"/")
        self._follow = follow
        self._real = b""
        self._resolve()

    def holds(self, fd: int, name: bytes) -> bool:
        """Whether what was opened as *name*, which begins with :attr:`path`, is in the folder."""
        real = real_path(fd, name)
        return self._is_below(real, name) or (self._resolve() and self._is_below(real, name))

    def _is_below(self, real: bytes, name: bytes) -> bool:
        if not self._follow:
            return real == (self._real + name[len(self.path) :].rstrip(b"/") or b"/")
        return real == (self._real or b"/") or real.startswith(self._real + b"/")

    def _resolve(self) -> bool:
        """Look where the folder is; whether it has moved."""
        before, self._real = self._real, os.path.realpath(self.path or b"/").rstrip(b"/")
        return self._real != before


def real_path(fd: int, name: bytes) -> bytes:
    """Where the file that was opened as *name* is, without links; nothing if that cannot be known."""
    try:
        return os.readlink(b"/proc/self/fd/%d" % fd)
    except OSError:
        return _looked_up(fd, name)


def _looked_up(fd: int, name: bytes) -> bytes:
    """The same where there is no ``/proc``: what is at the path now must be what is open."""
    try:
        real = os.path.realpath(name, strict=True)
        return real if os.path.samestat(os.lstat(real), os.fstat(fd)) else b""
    except OSError:
        return b""
