"""A peer's Location and Refresh fields, as the client must see them (nginx's ``proxy_redirect default``)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import ResponseHead

# A URL elsewhere in the value, as in the query of another, is not where the client is sent to.
_read_location = re.compile(rb"()(https?)://(.*)", re.IGNORECASE).fullmatch
_read_refresh = re.compile(rb"([^=]*url=)(https?)://(.*)", re.IGNORECASE).fullmatch


def relocated(
    response: ResponseHead,
    peers: Sequence[bytes],
    replaced: bytes,
    prefix: bytes,
    here: bytes,
    scheme: bytes = b"http",
) -> ResponseHead:
    """*response* with URLs below a peer's turned into URLs below *here*.

    A URL that begins with the *scheme* by which peers are spoken to, one of the names in *peers* and the path
    *replaced* points back at the peer, where the client cannot go: that beginning gives way to *here* (scheme and
    authority as the client asked for them) and *prefix*, the path of the location.  Every other URL is the
    application's own affair and stays.
    """
    changed = [
        (span, name, new)
        for name in (b"location", b"refresh")
        for span in spans_of(response.lower, name)
        if (new := _moved(_value(response, span), name, scheme, peers, replaced, here + prefix)) is not None
    ]
    if not changed:
        return response
    section = cut(response.raw, [span for span, _, _ in changed])
    section += b"".join([b"\r\n%b: %b" % (name.title(), new) for _, name, new in changed])
    made = ResponseHead(response.status, response.reason, section, None, response.minor)
    for attribute in ("length", "chunked", "persistent", "dated", "named", "usual"):
        setattr(made, attribute, getattr(response, attribute))
    return made


def _value(response: ResponseHead, span: tuple[int, int]) -> bytes:
    start, end = span
    line = response.raw[start : end if end != -1 else len(response.raw)]
    return line.partition(b":")[2].strip(b" \t")


def _moved(
    value: bytes, name: bytes, scheme: bytes, peers: Sequence[bytes], replaced: bytes, instead: bytes
) -> bytes | None:
    # What stands before the URL of a Refresh stays.
    match = _read_refresh(value) if name == b"refresh" else _read_location(value)
    if match is None:
        return None
    before, own, url = match.groups()
    if own.lower() != scheme:
        return None
    for peer in peers:
        if url.startswith(peer + replaced):
            return before + instead + url[len(peer) + len(replaced) :]
    return None
