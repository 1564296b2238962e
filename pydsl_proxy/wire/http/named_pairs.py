"""Finding one pair by its name in a query or a Cookie field, without looking at the others one by one."""

from __future__ import annotations

import re
from functools import lru_cache

from pydsl_proxy.wire.http.octet_escapes import unquote

# Names are those of the configuration, or few: a function that makes up others is not helped by keeping them.
_MAX_KEPT = 256
_NEVER = re.compile(rb"(?!)")
_HEX = re.compile(rb"[A-F]")
# How an octet may stand in a query, other than percent-encoded; forms write a space as a plus sign.
_UNENCODED = {b" ": rb"[ +]", b"%": rb"%(?![0-9A-Fa-f]{2})", b"&": None, b"=": None, b"+": None, b"#": None}


def query_value(query: bytes, name: bytes) -> bytes | None:
    """The first value of the parameter *name*, decoded as forms are; None if there is none."""
    found = _parameter(name).search(b"&" + query)
    return None if found is None else unquote((found[1] or b"").replace(b"+", b" "))


def cookie_value(line: bytes, name: bytes) -> bytes | None:
    """The value of the first cookie called *name* in one Cookie field, as sent; None if there is none."""
    pattern = _cookie(name)
    # Most of what makes a search slow, as thousands of semicolons, does not have the name.
    found = pattern.search(b";" + line) if name in line else None
    return None if found is None else (found[1] or b"").strip(b" \t")


@lru_cache(maxsize=_MAX_KEPT)
def _parameter(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"&%b(?:=([^&]*+)|(?=&)|\Z)" % b"".join([_spelled(octet) for octet in name]))


def _spelled(octet: int) -> bytes:
    """A pattern for all spellings of an octet in a query."""
    plain = bytes((octet,))
    encoded = b"%" + _HEX.sub(lambda digit: b"[%b%b]" % (digit[0], digit[0].lower()), b"%02X" % octet)
    unencoded = _UNENCODED.get(plain, re.escape(plain))
    return encoded if unencoded is None else b"(?:%b|%b)" % (unencoded, encoded)


@lru_cache(maxsize=_MAX_KEPT)
def _cookie(name: bytes) -> re.Pattern[bytes]:
    if name.strip(b" \t") != name or b"=" in name or b";" in name:
        return _NEVER
    return re.compile(rb";[ \t]*+%b[ \t]*+(?:=([^;]*+)|(?=;)|\Z)" % re.escape(name))
