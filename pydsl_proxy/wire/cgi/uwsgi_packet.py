"""The packet that begins a request of the uwsgi protocol; the body follows it as it is."""

from __future__ import annotations

from struct import Struct

from pydsl_proxy.wire.http.grammar import Malformed

_HEADER = Struct("<BHB")
_LENGTH = Struct("<H")
MOST = 0xFFFF


def pair(name: bytes, value: bytes) -> bytes:
    """A name and its value, each with its length before it; Malformed says that one is too long."""
    if len(name) > MOST or len(value) > MOST:
        raise Malformed("the params are too long", 431)
    return b"%b%b%b%b" % (_LENGTH.pack(len(name)), name, _LENGTH.pack(len(value)), value)


def packet(pairs: bytes, modifier1: int = 0, modifier2: int = 0) -> bytes:
    """A packet; modifier 0 is a request of WSGI, others are plugins of uWSGI's.  It may be too long, as a pair."""
    if len(pairs) > MOST:
        raise Malformed("the params are too long", 431)
    return _HEADER.pack(modifier1, len(pairs), modifier2) + pairs
