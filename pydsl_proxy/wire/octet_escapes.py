"""Octets written as two hexadecimal digits behind a mark, and read back, at the speed of C.

A Python call for each octet costs milliseconds for the 30 KB that a client may send.  Codecs of CPython do the same in
microseconds: ``unicode_escape`` writes what is not printable ASCII as ``\\xff``, and reads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

# A stand-in for a printable character that is escaped too: of the private use area, which latin-1 does not have.
_PRIVATE: Final = 0xE000
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
    # A backslash is always replaced, and last: until then each one begins what unicode_escape wrote.
    replaced = [each for each in range(0x20, 0x7F) if each not in safe and each != _BACKSLASH]
    stand_ins = [(chr(each), chr(_PRIVATE + each), b"\\uE0%02X" % each, mark + b"%02X" % each) for each in replaced]
    backslash = b"\\" if _BACKSLASH in safe else mark + b"5C"
    stand_ins.append(("\\", chr(_PRIVATE + _BACKSLASH), b"\\uE05C", backslash))
    short = [(octet, written, mark + b"%02X" % ord(octet)) for octet, written in _SHORT]

    def escape(text: bytes) -> bytes:
        if not text.translate(None, safe):
            return text
        characters = text.translate(_SWAPPED).decode("latin-1")
        used = [each for each in stand_ins if each[0] in characters]
        for character, stand_in, _, _ in used:
            characters = characters.replace(character, stand_in)
        escaped = characters.encode("unicode_escape").translate(_SWAPPED)
        for octet, written, shown in short:
            if octet in text:
                escaped = escaped.replace(written, shown)
        if mark != b"\\x":
            escaped = escaped.replace(b"\\x", mark)
        for _, _, written, shown in used:
            escaped = escaped.replace(written, shown)
        return escaped

    return escape


def unquote(text: bytes) -> bytes:
    """*text* with its percent-escapes decoded; a percent sign that begins none stays."""
    if b"%" not in text:
        return text
    text = _lone_percent.sub(b"%25", text).replace(b"\\", b"\\\\").replace(b"%", b"\\x")
    return text.decode("unicode_escape").encode("latin-1")
