"""Responses with parts of a file: one range, or several as a multipart body (RFC 9110 14 and 15.3.7)."""

from __future__ import annotations

import os

from pydsl_proxy.handlers.files.heads import Facts
from pydsl_proxy.handlers.files.sending import Part, length_of
from pydsl_proxy.wire.fields.preconditions import range_is_wanted
from pydsl_proxy.wire.fields.ranges import byte_ranges
from pydsl_proxy.wire.http.head import Fields, ResponseHead


def partial(fields: Fields, facts: Facts) -> tuple[ResponseHead, list[Part]] | None:
    """The head and the body of what a request's Range field asks for; None where it is the whole.

    Raises :class:`~pydsl_proxy.wire.fields.ranges.Unsatisfiable`.
    """
    value = fields.get(b"range")
    if value is None or not range_is_wanted(fields, facts.etag, facts.modified):
        return None
    ranges = byte_ranges(value, facts.size)
    if ranges is None:
        return None
    if len(ranges) > 1:
        return _multipart(facts, ranges)
    pairs = ((b"Content-Type", facts.kind), (b"Content-Range", _told(ranges[0], facts.size)))
    return facts.head(206, pairs, ranges[0][1]), [ranges[0]]


def _multipart(facts: Facts, ranges: list[tuple[int, int]]) -> tuple[ResponseHead, list[Part]]:
    # A boundary that who wrote the file cannot have known.
    boundary = os.urandom(15).hex().encode()
    parts: list[Part] = []
    for each in ranges:
        told = (boundary, facts.kind, _told(each, facts.size))
        parts += [b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: %b\r\n\r\n" % told, each]
    parts.append(b"\r\n--%b--\r\n" % boundary)
    kind = (b"Content-Type", b"multipart/byteranges; boundary=" + boundary)
    return facts.head(206, (kind,), length_of(parts)), parts


def _told(one: tuple[int, int], size: int) -> bytes:
    start, length = one
    return b"bytes %d-%d/%d" % (start, start + length - 1, size)
