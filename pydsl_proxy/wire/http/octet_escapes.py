"""Octets written as two hexadecimal digits behind a mark, and read back, at the speed of C.

A Python call for each octet costs milliseconds for the 30 KB that a client may send.  Codecs of CPython do the same in
microseconds: ``unicode_escape`` writes what is not printable ASCII as ``\\xff``, and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# A stand-in for a backslash that stays, and how it is written: of the private use area, which latin-1 does not have.
_STAND_IN: Final = "\ue05c"
_WRITTEN: Final = b"\\uE05C"
# unicode_escape writes digits in lower case: the letters among them are swapped twice in the text, and once in these.
_SWAPPED: Final = bytes.maketrans(b"abcdefABCDEF", b"ABCDEFabcdef")
# What it writes in a shorter way.
_SHORT: Final = ((b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"))
_BACKSLASH: Final = ord("\\")
_lone_percent = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def escaper(safe: bytes, mark: bytes) -> Callable[[bytes], bytes]:
    """The function that writes each octet that is not in *safe* as *mark* and two upper-case hexadecimal digits.

    *safe* has printable ASCII alone, all letters and digits among it.
    """
    replaced = [each for each in range(0x20, 0x7F) if each not in safe and each != _BACKSLASH]
    short = [(octet, shown, b"\\x%02X" % ord(octet)) for octet, shown in _SHORT]
    safe_backslash = _BACKSLASH in safe

    def escape(text: bytes) -> bytes:
        if not text.translate(None, safe):
            return text
        characters = text.translate(_SWAPPED).decode("latin-1")
        if safe_backslash:
            characters = characters.replace("\\", _STAND_IN)
        escaped = characters.encode("unicode_escape").translate(_SWAPPED)
        # A backslash that is doubled begins nothing: read from the left, two side by side are always such a pair.
        escaped = escaped.replace(b"\\\\", b"\\x5C")
        for octet, shown, wanted in short:
            if octet in text:
                escaped = escaped.replace(shown, wanted)
        for number in set(text).intersection(replaced):
            escaped = escaped.replace(bytes((number,)), b"\\x%02X" % number)
        if mark != b"\\x":
            escaped = escaped.replace(b"\\x", mark)
        return escaped.replace(_WRITTEN, b"\\") if safe_backslash else escaped

    return escape


def unquote(text: bytes) -> bytes:
    """*text* with its percent-escapes decoded; a percent sign that begins none stays."""
    if b"%" not in text:
        return text
    text = _lone_percent.sub(b"%25", text).replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    return text.decode("unicode_escape").encode("latin-1")
