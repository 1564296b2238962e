"""Responses of our own in the place of errors: which ones are ours to replace, and what they keep."""

from __future__ import annotations

from typing import Final

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import OwnHead, ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http1.response_writer import error_page, own_response

# What tells a client how to ask again; the rest of a response that is replaced is about its body.
_KEPT: Final = (b"www-authenticate", b"retry-after", b"allow")

Pairs = tuple[tuple[bytes, bytes], ...]


class PageHead(ResponseHead):
    """The head of an error's page: no error page takes the place of another."""

    __slots__ = ()


def is_plain(response: ResponseHead, data: bytes, *, failed: bool) -> bool:
    """Whether this is an error of our own that says nothing but its status, or the exchange *failed*.

    A text that the configuration gives, as ``.respond(404, "gone")``, is an answer.
    """
    if not isinstance(response, OwnHead):
        return False
    plain, _ = error_page(response.status)
    return failed or not response.length or (response.length == len(plain) and data in (b"", plain))


def kept_fields(response: ResponseHead) -> Pairs:
    """The fields of a replaced response that go with its replacement."""
    return tuple((name.title(), value) for name in _KEPT for value in response.all(name))


def page(status: int, body: bytes, fields: Pairs) -> ResponseHead:
    """The head of a complete response that is not replaced again."""
    return _as_page(own_response(status, body, fields))


def restated(response: ResponseHead, status: int, fields: Pairs) -> ResponseHead:
    """*response* with another status, and with *fields* unless it has some of these names."""
    section = response.raw
    length = response.length
    if has_no_body(response.status):
        # With the new status it would have one.
        section = cut(section, spans_of(response.lower, b"content-length")) + b"\r\nContent-Length: 0"
        length = 0
    section += b"".join([b"\r\n%b: %b" % pair for pair in fields if response.get(pair[0].lower()) is None])
    made = PageHead(status, b"", section, None, response.minor)
    made.length = length
    made.chunked = response.chunked
    made.persistent = response.persistent
    made.dated = response.dated
    made.named = response.named
    return made


def _as_page(head: ResponseHead) -> ResponseHead:
    made = PageHead(head.status, head.reason, head.raw)
    made.length = head.length
    made.dated = head.dated
    return made
