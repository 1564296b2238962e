"""CDN-Loop (RFC 8586): proxies that a request has come through, by which one that goes in a circle is found."""

from __future__ import annotations

import re
from typing import Final

from pydsl_proxy.wire.http.head import Fields

NAME: Final = b"cdn-loop"
#: What each proxy of ours adds: a further field line is a further member of the list (RFC 9110 5.3).
SECTION: Final = b"\r\nCDN-Loop: pydsl_proxy"
#: How often a request may come through proxies of ours.
MAX_HOPS: Final = 10

_MARK = b"\r\ncdn-loop:"
_own_members = re.compile(rb",[ \t]*+pydsl_proxy[ \t]*+(?=[;,]|\Z)").findall


def has_looped(fields: Fields) -> bool:
    """Whether the request has come through too many proxies of ours, or through one of them too often."""
    if _MARK not in fields.lower:
        return False
    return len(_own_members(b"," + (fields.get(NAME) or b"").lower())) >= MAX_HOPS
