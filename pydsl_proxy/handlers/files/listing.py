"""The page that lists a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import escape
from itertools import islice
from urllib.parse import quote_from_bytes

from pydsl_proxy.handlers.files.root import FLAGS

#: Names that are read of a folder, and entries that are shown; a page of more is of no use, and takes long to make.
MAX_NAMES = 10_000
MAX_SHOWN = 1_000

# Linux looks without opening: devices are not touched.
_LOOK = getattr(os, "O_PATH", FLAGS) | os.O_CLOEXEC

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Index of {path}</title>
<style>td {{ padding-right: 2em; font-family: monospace }} td + td {{ text-align: right }}</style>
</head>
<body>
<h1>Index of {path}</h1>
<table>
{rows}
</table>{rest}
</body>
</html>
"""

#: Nothing in the page but its own style; what it shows are names that somebody else may have chosen.
FIELDS = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'"),
    (b"X-Content-Type-Options", b"nosniff"),
)


def listing(folder: int, path: bytes, *, hidden: bool, links: bool, shows: Callable[[int, str], bool]) -> bytes:
    """The page for the open *folder*, which clients know as *path*.

    Folders come first, then files, each by name.  Names that begin with a dot are left out unless *hidden*, links
    unless *links* and *shows*, which is called with what a link leads to: outside of the root nothing is told of it.
    """
    with os.scandir(folder) as entries:
        names = [
            (not entry.is_dir(), entry.name, entry.is_symlink())
            for entry in islice(entries, MAX_NAMES)
            if (hidden or not entry.name.startswith(".")) and (links or not entry.is_symlink())
        ]
    shown = sorted(names)[:MAX_SHOWN]
    rows = [] if path == b"/" else ['<tr><td><a href="../">../</a></td><td></td><td></td></tr>']
    rows += [_row(name, is_file, when, size) for name, is_file, when, size in _looked_at(folder, shown, shows)]
    rest = f"\n<p>Only {MAX_SHOWN} of the entries are shown.</p>" if len(names) > MAX_SHOWN else ""
    return _PAGE.format(path=_text(os.fsdecode(path)), rows="\n".join(rows), rest=rest).encode()


def _looked_at(
    folder: int, names: list[tuple[bool, str, bool]], shows: Callable[[int, str], bool]
) -> Iterator[tuple[str, bool, float, int]]:
    for is_file, name, is_link in names:
        try:
            stat = _of_link(folder, name, shows) if is_link else os.stat(name, dir_fd=folder)
        except OSError:
            # It is gone, or a link without a target.
            continue
        if stat is not None:
            yield name, is_file, stat.st_mtime, stat.st_size


def _of_link(folder: int, name: str, shows: Callable[[int, str], bool]) -> os.stat_result | None:
    fd = os.open(name, _LOOK, dir_fd=folder)
    try:
        return os.fstat(fd) if shows(fd, name) else None
    finally:
        os.close(fd)


def _row(name: str, is_file: bool, when: float, size: int) -> str:
    shown = name if is_file else name + "/"
    # A colon in the first segment would make a scheme of what is before it.
    link = "./" + quote_from_bytes(os.fsencode(shown), safe="/")
    changed = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d %H:%M")
    told = str(size) if is_file else "-"
    return f'<tr><td><a href="{escape(link)}">{_text(shown)}</a></td><td>{changed}</td><td>{told}</td></tr>'


def _text(text: str) -> str:
    """Text of a page: what is no UTF-8 shows as such."""
    return escape(text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
