"""CDN-Loop (RFC 8586): proxies that a request has come through, by which one that goes in a circle is found."""

from __future__ import annotations

from typing import Final

from pydsl_proxy.wire.head import RequestFields

NAME: Final = b"cdn-loop"
#: What each proxy of ours adds: a further field line is a further member of the list (RFC 9110 5.3).
SECTION: Final = b"\r\nCDN-Loop: pydsl_proxy"
#: How often a request may come through proxies of ours.
MAX_HOPS: Final = 10

_MARK = b"\r\ncdn-loop:"


def has_looped(fields: RequestFields) -> bool:
    """Whether the request has come through too many proxies of ours, or through one of them too often."""
    if _MARK not in fields.lower:
        return False
    members = [each for value in fields.all(NAME) for each in value.split(b",")]
    return sum(each.partition(b";")[0].strip(b" \t").lower() == b"pydsl_proxy" for each in members) >= MAX_HOPS
