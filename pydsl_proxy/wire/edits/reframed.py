"""A request's header section for a body that is framed in another way than the client sent it, or is gone."""

from __future__ import annotations

import sys

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.framing import FRAMING
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http1.reader import read_request_fields

# What follows from the bytes, and is to be found anew.
_OF_THE_BYTES = (
    "_lower",
    "base",
    "binds",
    "changing",
    "chunked",
    "content_length",
    "count",
    "edited",
    "logged",
    "raw",
    "spans",
    "without",
)


def with_length(fields: RequestFields, length: int | None) -> RequestFields:
    """*fields* for a body of *length* bytes, without trailers; None for no body."""
    spans = [(start, end) for name, start, end in fields.spans if name in FRAMING]
    block = cut(fields.raw, [*spans, *spans_of(fields.lower, b"trailer")])
    if length is not None:
        block += b"\r\nContent-Length: %d" % length
    # Their number was bounded when they came.
    made = read_request_fields(block, sys.maxsize)
    for name, value in vars(fields).items():
        if name not in _OF_THE_BYTES:
            setattr(made, name, value)
    return made
