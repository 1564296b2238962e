"""What takes the place of a matched path: text with groups of the match and values of the request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import Composed, Constant, Text, Value, ValueFunction, as_bytes
from pydsl_proxy.wire.http.octet_escapes import escaper
from pydsl_proxy.wire.http.uri import escape, visible

Replace: TypeAlias = Callable[[re.Match[bytes], Request], bytes]
"""The target for a match."""

_GROUP: Final = re.compile(r"\\(?:([0-9]{1,2})|g<([^<>]*)>|(\\))")
# What ngx_escape_uri(NGX_ESCAPE_ARGS) escapes.
_escape_in_query: Final = escaper(bytes(range(0x21, 0x7F)).translate(None, b'"#%&+;<>?\\^`{|}'), b"%")
# Values that are as they came in a target, in which they may stand again.
_ENCODED: Final = ("request_uri", "query_string", "scheme", "host", "server_port")


def groups_of(text: str) -> list[str]:
    """The numbers and names of the groups that a replacement refers to."""
    return [found[1] or found[2] for found in _GROUP.finditer(text) if found[3] is None]


def as_replacement(value: ValueFunction) -> Replace:
    """The function that makes a target of a replacement, for a match and a request.

    The text of the configuration stands as it is, and so do parts of the client's own target.  Groups and other values
    are escaped: as part of a path, or of a query behind the first ``?``.  A function of the request, or a table, gives
    all of it.
    """
    if isinstance(value, Constant | Text | Value) and not isinstance(value, Composed):
        pieces: list[Replace] = []
        in_query = False
        for part in value.parts if isinstance(value, Text) else (value.text if isinstance(value, Constant) else value,):
            if isinstance(part, str):
                made, in_query = _of_text(part, in_query)
                pieces += made
            else:
                pieces.append(_of_value(part, in_query))
        return lambda match, request: b"".join([piece(match, request) for piece in pieces])
    read = as_bytes(value)
    return lambda match, request: visible(read(request))


def _of_text(text: str, in_query: bool) -> tuple[list[Replace], bool]:
    """The pieces of a text, and whether what follows it is in the query."""
    pieces: list[Replace] = []
    at = 0
    for found in _GROUP.finditer(text):
        literal = text[at : found.start()] + (found[3] or "")
        in_query = in_query or "?" in literal
        pieces.append(_fixed(literal))
        if found[3] is None:
            pieces.append(_group(int(found[1]) if found[1] else found[2], in_query))
        at = found.end()
    rest = text[at:]
    return [*pieces, _fixed(rest)], in_query or "?" in rest


def _fixed(text: str) -> Replace:
    octets = visible(text.encode("utf-8", "surrogateescape"))
    return lambda match, request: octets


def _group(which: int | str, in_query: bool) -> Replace:
    number = int(which) if isinstance(which, str) and which.isdecimal() else which
    # A group that took no part is empty, as in nginx.
    return lambda match, request: _escaped(match[number] or b"", in_query)


def _of_value(value: Value, in_query: bool) -> Replace:
    read = as_bytes(value)
    if value.name in _ENCODED:
        return lambda match, request: visible(read(request))
    return lambda match, request: _escaped(read(request), in_query)


def _escaped(octets: bytes, in_query: bool) -> bytes:
    return _escape_in_query(octets) if in_query else escape(octets)
