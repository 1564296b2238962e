"""The fields of a peer's response that stay when it redirects inside the proxy, as nginx's X-Accel-Redirect has it."""

from __future__ import annotations

from pydsl_proxy.wire.http.field_rules import cut, spans_of
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body

_TYPE, _RANGES, _COOKIE = b"content-type", b"accept-ranges", b"set-cookie"
# Those that nginx copies (``redirect`` in its ngx_http_upstream_headers_in).
CARRIED = (_TYPE, b"content-disposition", _COOKIE, b"cache-control", b"expires", _RANGES)


def carried_over(first: ResponseHead, last: ResponseHead, *, by_a_peer: bool) -> ResponseHead:
    """*last* with what is kept of *first*; *by_a_peer* says that another peer has made it.

    Fields of *first* take the place of those of *last*, where nginx sends both; its cookies come before them.  The type
    and the ranges of a body are known best by who made it: a peer's Content-Type and any Accept-Ranges stay.  An error
    keeps the cookies only: nginx lets what was meant for a file be said of the error's page, to caches too.
    """
    names = [name for name in CARRIED if name not in first.named]
    if last.status >= 400:
        names = [name for name in names if name == _COOKIE]
    if has_no_body(last.status) or (by_a_peer and spans_of(last.lower, _TYPE)) or _has_several_ranges(last):
        names = [name for name in names if name != _TYPE]
    if spans_of(last.lower, _RANGES):
        names = [name for name in names if name != _RANGES]
    gone: list[tuple[int, int]] = []
    cookies = added = b""
    for name in names:
        found = spans_of(first.lower, name)
        lines = b"".join([first.raw[start : end if end != -1 else None] for start, end in found])
        if name == _COOKIE:
            cookies = lines
        elif found:
            gone += spans_of(last.lower, name)
            added += lines
    if not (cookies or added):
        return last
    made = type(last)(last.status, last.reason, cookies + cut(last.raw, gone) + added, None, last.minor)
    for attribute in ("length", "chunked", "persistent", "dated", "named", "usual"):
        setattr(made, attribute, getattr(last, attribute))
    return made


def _has_several_ranges(response: ResponseHead) -> bool:
    return response.status == 206 and (response.get(_TYPE) or b"").lower().startswith(b"multipart/byteranges")


def without(response: ResponseHead, names: frozenset[bytes]) -> ResponseHead:
    """*response* without the fields called *names*; itself if it has none."""
    spans = [span for name in names for span in spans_of(response.lower, name)]
    if not spans:
        return response
    made = ResponseHead(response.status, response.reason, cut(response.raw, spans), None, response.minor)
    for attribute in ("length", "chunked", "persistent", "dated", "marked", "named", "usual"):
        setattr(made, attribute, getattr(response, attribute))
    return made
