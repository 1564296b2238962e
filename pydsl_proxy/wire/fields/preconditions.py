"""Conditional requests: whether the client has the representation already, or wants another one (RFC 9110 13)."""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.dates import read_http_date
from pydsl_proxy.wire.http.head import Fields

_read_tags = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")').finditer


#: Under this name the answer of :func:`is_conditional` is kept with the section, where it may be looked up: nothing, or
#: the beginning of a field.
CONDITIONAL = "conditional"


def is_conditional(fields: Fields) -> bytes:
    """Something true if there is a condition, or a range, for the functions below to look at."""
    kept = fields.edited.get(CONDITIONAL)
    if kept is None:
        lower = fields.lower
        found = b"\r\nif-" in lower or b"\r\nrange:" in lower
        kept = fields.edited[CONDITIONAL] = b"if" if found else b""
    return kept


def precondition(fields: Fields, etag: bytes, modified: int) -> int:
    """The status that the conditions of a GET or HEAD ask for: 304 or 412, or 0 to go on.

    *etag* is a strong one, *modified* in seconds.  The order is that of RFC 9110 13.2.2: a tag wins over a time.
    ``If-Modified-Since`` must be the very time that was sent, as nginx's ``if_modified_since exact`` has it; so a file
    that was replaced by an older one is sent.
    """
    if_match = fields.get(b"if-match")
    if if_match is not None:
        if not _has(if_match, etag, weak=False):
            return 412
    elif (since := _time(fields, b"if-unmodified-since")) is not None and modified > since:
        return 412
    if_none_match = fields.get(b"if-none-match")
    if if_none_match is not None:
        return 304 if _has(if_none_match, etag, weak=True) else 0
    return 304 if _time(fields, b"if-modified-since") == modified else 0


def range_is_wanted(fields: Fields, etag: bytes, modified: int) -> bool:
    """Whether a range is of the representation that the client has begun to fetch: ``If-Range`` (RFC 9110 13.1.5)."""
    if_range = fields.get(b"if-range")
    if if_range is None:
        return True
    if if_range.endswith(b'"'):
        # The comparison is strong, and a weak tag never equals.
        return if_range == etag
    return read_http_date(if_range) == modified


def _time(fields: Fields, name: bytes) -> int | None:
    value = fields.get(name)
    return None if value is None else read_http_date(value)


def _has(tags: bytes, etag: bytes, *, weak: bool) -> bool:
    if tags == b"*":
        return True
    return any(found[2] == etag and (weak or found[1] is None) for found in _read_tags(tags))
