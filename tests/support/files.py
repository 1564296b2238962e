"""Folders with files, for locations that serve them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

#: When every file of such a folder was changed last, in seconds and as a header field has it.
WHEN, THEN = 784111777, "Sun, 06 Nov 1994 08:49:37 GMT"


def write(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write *files* into *folder*, each below the path that is its name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (WHEN, WHEN))
    return folder


class FilesCase(SynchronousTestCase):
    """A test with a folder of its own."""

    def folder(self, **files: bytes | str) -> Path:
        """A new folder with *files*; in their names two underscores are a slash, and one is a dot."""
        named = {name.replace("__", "/").replace("_", "."): content for name, content in files.items()}
        return write(Path(self.mktemp()).absolute(), {".keep": b"", **named})
