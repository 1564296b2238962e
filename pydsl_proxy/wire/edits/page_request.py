"""The header section of a request that a page is fetched with, in the place of the one that failed."""

from __future__ import annotations

import sys
from typing import Final

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http1.reader import read_request_fields

_FRAMING: Final = (b"content-length", b"transfer-encoding", b"trailer", b"expect")
# RFC 9110 13.1 and 14.2: conditions and ranges are about the resource that was asked for.
_ABOUT_ANOTHER: Final = (
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"if-range",
    b"range",
)


def page_request(fields: RequestFields) -> RequestFields:
    """*fields* as of a GET, which has no body, for another resource."""
    return _without(fields, (*_FRAMING, *_ABOUT_ANOTHER))


def unconditional(fields: RequestFields) -> RequestFields:
    """*fields* for another resource."""
    return _without(fields, _ABOUT_ANOTHER)


def _without(fields: RequestFields, names: tuple[bytes, ...]) -> RequestFields:
    spans = [span for name in names for span in spans_of(fields.lower, name)]
    if not spans:
        return fields
    # Their number was bounded when they came.
    made = read_request_fields(cut(fields.raw, spans), sys.maxsize)
    made.server = fields.server
    # What a step has put in the place of the client's own is not named any more.
    made.named = fields.named
    return made
