"""Octets written as two hexadecimal digits behind a mark, and read back, at the speed of C.

A Python call for each octet costs milliseconds for the 30 KB that a client may send.  Tables of octets write escapes in
less than one, and a codec of CPython, ``unicode_escape``, reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# Stands where the escape of an octet is shorter than others; NUL itself is always escaped.
_NOTHING: Final = b"\0"
_lone_percent = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def escaper(safe: bytes, mark: bytes) -> Callable[[bytes], bytes]:
    """The function that writes each octet that is not in *safe* as *mark* and two upper-case hexadecimal digits.

    *safe* does not have NUL.
    """
    width = len(mark) + 2
    written = [bytes((each,)) if each in safe else b"%b%02X" % (mark, each) for each in range(256)]
    # What the first octet of each escape is, what the second, and so on.
    tables = [bytes(column) for column in zip(*[each.ljust(width, _NOTHING) for each in written], strict=True)]

    def escape(text: bytes) -> bytes:
        if not text.translate(None, safe):
            return text
        columns = bytearray(width * len(text))
        for at, table in enumerate(tables):
            columns[at::width] = text.translate(table)
        return bytes(columns.translate(None, _NOTHING))

    return escape


def unquote(text: bytes) -> bytes:
    """*text* with its percent-escapes decoded; a percent sign that begins none stays."""
    if b"%" not in text:
        return text
    text = _lone_percent.sub(b"%25", text).replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    return text.decode("unicode_escape").encode("latin-1")
