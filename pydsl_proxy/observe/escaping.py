"""How text that others sent is written into a log, so that no line can be forged or broken."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TypeAlias

Escape: TypeAlias = Callable[[bytes], bytes]

# All that may stand in a line as it is.  bytes.translate() deletes these in C, which is quicker than a pattern.
_SAFE = bytes(set(range(0x20, 0x7F)) - set(b'"\\'))
_unsafe = re.compile(rb"[^ !#-\[\]-~]").sub


def escape_default(text: bytes) -> bytes:
    r"""As nginx's ``escape=default``: quotes, backslashes, controls and non-ASCII as ``\xXX``; nothing is ``-``."""
    if text.translate(None, _SAFE):
        return _unsafe(lambda match: b"\\x%02X" % match[0][0], text)
    return text or b"-"


def escape_json(text: bytes) -> bytes:
    r"""The inside of a JSON string: nginx's ``escape=json``; nothing is nothing.

    Bytes that are not UTF-8 are written ``\\xff``, where nginx passes them through and the line is no JSON.
    """
    if text.translate(None, _SAFE):
        return json.dumps(text.decode("utf-8", "backslashreplace"), ensure_ascii=False)[1:-1].encode()
    return text
