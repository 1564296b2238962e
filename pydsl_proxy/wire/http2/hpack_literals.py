"""Fields written for HPACK without its dynamic table (RFC 7541).

A block is then the same bytes on every connection, and can be kept: what a table saves in bytes is little beside what
it costs in CPU, to both sides.  nginx's grpc module writes in this way too.
"""

from __future__ import annotations

from collections.abc import Iterable

from hpack.table import HeaderTable

# RFC 7541 4.2 and 6.3: an update of the table's size to 0, which every decoder takes whatever it allows.  It stands at
# the start of a connection's first block, because a limit below the usual 4,096 bytes has to be acknowledged so.
NO_TABLE = b"\x20"

# RFC 7541 7.1.3: never to be put into a table by anybody, as it might be guessed by what it saves there.
_NEVER_INDEXED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))

# The places of RFC 7541's appendix A.
_NAMES: dict[bytes, int] = {}
_PAIRS: dict[tuple[bytes, bytes], int] = {}
for _place, _pair in enumerate(HeaderTable.STATIC_TABLE, 1):
    _NAMES.setdefault(_pair[0], _place)
    _PAIRS.setdefault(_pair, _place)


def integer(value: int, bits: int, first: int = 0) -> bytes:
    """RFC 7541 5.1, with a prefix of *bits* below those of *first*."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    pieces = bytearray((first | most,))
    value -= most
    while value >= 128:
        pieces.append(value & 127 | 128)
        value >>= 7
    pieces.append(value)
    return bytes(pieces)


def literal(name: bytes, value: bytes) -> bytes:
    """One field; *name* is in lower case."""
    place = _PAIRS.get((name, value))
    if place is not None and value:
        return bytes((0x80 | place,))
    first = 0x10 if name in _NEVER_INDEXED else 0
    place = _NAMES.get(name, 0)
    start = integer(place, 4, first) if place else b"%c%b%b" % (first, integer(len(name), 7), name)
    return b"%b%b%b" % (start, integer(len(value), 7), value)


def literals(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields whose names may be in any case."""
    return b"".join([literal(name.lower(), value) for name, value in fields])
