"""Fields as header blocks of HTTP/2: HPACK, RFC 7541, without a dynamic table.

So a block depends on its fields alone, and is kept with the response that it was made of: what the table would save on
the way is little beside a body, and nginx has done without it for long.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.table import HeaderTable

_huffman: Final = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode
_STATIC_NAMES: Final[dict[bytes, int]] = {}
_STATIC_FIELDS: Final[dict[tuple[bytes, bytes], int]] = {}
for _place, (_name, _value) in enumerate(HeaderTable.STATIC_TABLE, 1):
    _STATIC_NAMES.setdefault(_name, _place)
    _STATIC_FIELDS.setdefault((_name, _value), _place)

# RFC 7541 7.1.3: what an intermediary must not put into a table further on.
_SECRET = frozenset((b"set-cookie", b"authorization", b"proxy-authorization"))

#: RFC 7541 4.2: what a first block begins with towards a decoder that has asked for a smaller table than the usual one.
NO_TABLE: Final = b"\x20"


def write_fields(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """*fields*, whose names are in lower case."""
    return b"".join([write_field(name, value) for name, value in fields])


def write_field(name: bytes, value: bytes) -> bytes:
    """One field: its place in the static table, or a literal that is not to be indexed."""
    place = _STATIC_FIELDS.get((name, value))
    if place is not None:
        return bytes((0x80 | place,))
    place = _STATIC_NAMES.get(name, 0)
    head = _integer(0x10 if name in _SECRET else 0, 0x0F, place)
    return head + _string(value) if place else head + _string(name) + _string(value)


def write_status(status: int) -> bytes:
    """The pseudo-header of a response."""
    return write_field(b":status", b"%d" % status)


def _string(data: bytes) -> bytes:
    coded = _huffman(data)
    return _integer(0x80, 0x7F, len(coded)) + coded if len(coded) < len(data) else _integer(0, 0x7F, len(data)) + data


def _integer(pattern: int, mask: int, value: int) -> bytes:
    """RFC 7541 5.1"""
    if value < mask:
        return bytes((pattern | value,))
    octets = [pattern | mask]
    value -= mask
    while value >= 0x80:
        octets.append(0x80 | (value & 0x7F))
        value >>= 7
    octets.append(value)
    return bytes(octets)
