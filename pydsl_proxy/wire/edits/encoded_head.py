"""The head of a response whose body is to be sent in a content coding, and of one that might have been."""

from __future__ import annotations

import re

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import Fields, RequestFields, ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body

# What says that the bytes are to stay as they are.  Any Content-Encoding: a body is not encoded twice, and
# "identity", which RFC 9110 8.4 has nobody send, is how applications ask to be left alone.  A range is one of these
# bytes; a digest (RFC 9530, RFC 3230, RFC 1864) was made of them, and may be signed (RFC 9421).
_find_obstacle = re.compile(
    rb"\r\n(?:content-encoding|content-range|content-digest|repr-digest|digest|content-md5):"
).search
# In a trailer section they come too late to be obstacles.
DIGESTS = frozenset((b"content-digest", b"repr-digest", b"digest", b"content-md5"))
# Whatever a peer's Connection names: without these a client cannot read the body, or a cache mixes clients up.
_NEVER_NAMED = frozenset((b"content-encoding", b"vary"))
_VARY = b"Accept-Encoding"
# Members of a list in lower case with a comma before it: no Python is run for each of the others.
_covers_encoding = re.compile(rb",[ \t]*+(?:\*|accept-encoding)[ \t]*+(?:,|\Z)").search
_lists_no_transform = re.compile(rb",[ \t]*+no-transform[ \t]*+(?:,|\Z)").search


def may_be_encoded(response: ResponseHead) -> bool:
    """Whether nothing in the head forbids to encode the body."""
    return not has_no_body(response.status) and response.status != 206 and not _is_left_alone(response)


def _is_left_alone(response: ResponseHead) -> bool:
    return _find_obstacle(response.lower) is not None or forbids_transforming(response)


def forbids_transforming(fields: Fields) -> bool:
    """RFC 9111 5.2.1.6 and 5.2.2.6: whether ``Cache-Control`` has ``no-transform``."""
    if b"no-transform" not in fields.lower:
        return False
    value = fields.get(b"cache-control")
    return value is not None and _lists_no_transform(b"," + value.lower()) is not None


def varied(response: ResponseHead) -> ResponseHead:
    """The head of a body that is sent as it is, but is encoded for other clients (RFC 9110 12.5.5)."""
    vary = _vary(response)
    if not vary:
        return response
    section = cut(response.raw, spans_of(response.lower, b"vary")) + vary
    return _made(response, section, response.length, response.chunked)


def encoded(response: ResponseHead, coding: bytes) -> ResponseHead:
    """The head of a body that is sent in *coding*, its length unknown.

    The encoded bytes are others than the peer's: RFC 9110 8.8.1 has only a weak validator hold for both.  There are no
    ranges of them.
    """
    vary = _vary(response)
    replaced = (b"content-length", b"accept-ranges", b"etag", *([b"vary"] if vary else []))
    spans = [span for name in replaced for span in spans_of(response.lower, name)]
    section = cut(response.raw, spans) + _weak(response.get(b"etag")) + vary + b"\r\nContent-Encoding: " + coding
    return _made(response, section, None, True)


def sized(response: ResponseHead, length: int) -> ResponseHead:
    """*response*, whose length was unknown, with a length."""
    return _made(response, b"%b\r\nContent-Length: %d" % (response.raw, length), length, False)


def not_modified(response: ResponseHead, request: RequestFields, *, wanted: bool) -> ResponseHead:
    """A 304 in place of a 200 whose body may be encoded; *wanted* says that it would be, for this client.

    It has the Vary and the ETag of that 200 (RFC 9110 15.4.5).  A client whose copy is an encoded one asks with the
    weak tag that it was given.  The peer finds its own strong one to match (RFC 9110 13.1.2 compares weakly) and sends
    that; but RFC 9111 4.3.4 has a cache refuse to freshen a weak entry by a strong tag, so the client is sent the tag
    that it asked with.  One that asks with ``*`` is sent the tag of the 200 that it would get.
    """
    if _is_left_alone(response):
        return response
    section = response.raw
    tag = response.get(b"etag")
    if tag is not None and tag.startswith(b'"'):
        asked = (request.get(b"if-none-match") or b"").strip(b" \t")
        if b"W/" + tag in asked or (wanted and asked == b"*"):
            section = cut(section, spans_of(response.lower, b"etag")) + _weak(tag)
    vary = _vary(response)
    if vary:
        section = cut(section, spans_of(section.lower(), b"vary")) + vary
    if section is response.raw:
        return response
    return _made(response, section, response.length, response.chunked)


def _vary(response: ResponseHead) -> bytes:
    """The section that takes the place of the response's Vary; empty if that may stay."""
    listed = b", ".join(filter(None, [value.strip(b" \t,") for value in response.all(b"vary")]))
    lower = listed.lower()
    if (b"*" in lower or b"accept-encoding" in lower) and _covers_encoding(b"," + lower) is not None:
        return b""
    return b"\r\nVary: " + (listed + b", " + _VARY if listed else _VARY)


def _weak(tag: bytes | None) -> bytes:
    """An ETag as a weak one; nginx too drops one that is not quoted."""
    if tag is None or not tag.startswith((b'"', b"W/")):
        return b""
    return b"\r\nETag: " + (tag if tag.startswith(b"W/") else b"W/" + tag)


def _made(response: ResponseHead, section: bytes, length: int | None, chunked: bool) -> ResponseHead:
    made = ResponseHead(response.status, response.reason, section, None, response.minor)
    made.length = length
    made.chunked = chunked
    made.persistent, made.marked, made.dated = response.persistent, response.marked, response.dated
    made.named = response.named - _NEVER_NAMED
    made.usual = length is not None and response.dated
    return made
