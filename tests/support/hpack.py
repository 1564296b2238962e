"""Field blocks as anybody might write them, right or wrong."""

from __future__ import annotations

from collections.abc import Iterable


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """RFC 7541 6.2.2: literals without indexing, and without Huffman's code."""
    return b"".join([b"\0" + _string(name) + _string(value) for name, value in fields])


def _string(data: bytes) -> bytes:
    length = len(data)
    if length < 127:
        return bytes((length,)) + data
    length -= 127
    octets = [127]
    while length >= 128:
        octets.append(length & 127 | 128)
        length >>= 7
    return bytes((*octets, length)) + data
