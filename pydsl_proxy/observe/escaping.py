"""How text that others sent is written into a log, so that no line can be forged or broken."""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring
from typing import TypeAlias

from pydsl_proxy.wire.http.octet_escapes import escaper

Escape: TypeAlias = Callable[[bytes], bytes]

# All that may stand in a line as it is.
_SAFE = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))
_escape = escaper(_SAFE, b"\\x")
# For a backslash, while surrogates are written with one; UTF-8 has no such character.
_STAND_IN = "\ud85c"


def escape_default(text: bytes) -> bytes:
    r"""As nginx's ``escape=default``: quotes, backslashes, controls and non-ASCII as ``\xXX``; nothing is ``-``."""
    return _escape(text) or b"-"


def escape_json(text: bytes) -> bytes:
    r"""The inside of a JSON string: nginx's ``escape=json``; nothing is nothing.

    Bytes that are not UTF-8 are written ``\\xff``, where nginx passes them through and the line is no JSON.
    """
    if not text.translate(None, _SAFE):
        return text
    try:
        return encode_basestring(text.decode())[1:-1].encode()
    except UnicodeDecodeError:
        # What is not UTF-8 becomes surrogates, which are written as \udcff; "backslashreplace" would be a Python object
        # for each octet.
        characters = text.decode("utf-8", "surrogateescape").replace("\\", _STAND_IN)
        marked = encode_basestring(characters)[1:-1].encode("utf-8", "backslashreplace")
        return marked.replace(b"\\udc", b"\\\\x").replace(b"\\ud85c", b"\\\\")
