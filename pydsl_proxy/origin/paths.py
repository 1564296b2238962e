"""Where a relative path in a configuration leads: below the folder of the file that is loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_FOLDER: Final[ContextVar[str | None]] = ContextVar("folder", default=None)


@contextmanager
def paths_below(folder: str) -> Iterator[None]:
    """Let relative paths that are written in the block lead to below *folder*."""
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)


def from_file(path: str) -> str:
    """*path* from the folder of the file that is being loaded.

    In a program that makes a configuration of its own there is no such file; a path is left as it is, and is relative
    to the working directory.
    """
    folder = _FOLDER.get()
    if folder is None:
        return path
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    return os.path.join(folder, path)


def socket_from_file(endpoint: str) -> str:
    """As :func:`from_file` for the path in an endpoint string, ``unix:run/web.sock:mode=660``."""
    found = re.fullmatch(r"(unix:(?:address=)?)((?:[^:\\]|\\.)+)(:.*)?", endpoint, re.DOTALL)
    if found is None:
        return endpoint
    path = re.sub(r"\\(.)", r"\1", found[2])
    made = from_file(path)
    if made == path:
        return endpoint
    return found[1] + re.sub(r"([:\\])", r"\\\1", made) + (found[3] or "")


def shown_path(path: str) -> str:
    """A path for a message: a relative one with the place where it was looked for."""
    return repr(path) if os.path.isabs(path) else f"{path!r} (looked for at {os.path.abspath(path)!r})"
