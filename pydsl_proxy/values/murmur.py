"""MurmurHash2 with 32 bits, as nginx's ``split_clients`` has it."""

from __future__ import annotations

from struct import iter_unpack
from typing import Final

_M: Final = 0x5BD1E995
_ALL: Final = 0xFFFFFFFF


def murmur_hash2(data: bytes) -> int:
    """The hash of *data* with the seed 0: nginx's ``ngx_murmur_hash2``, which reads little-endian everywhere."""
    length = len(data)
    # The seed and the length.
    h = length & _ALL
    whole = length & ~3
    for (k,) in iter_unpack("<I", data[:whole]):
        k = k * _M & _ALL
        h = (h * _M & _ALL) ^ ((k ^ k >> 24) * _M & _ALL)
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _ALL
    h = (h ^ h >> 13) * _M & _ALL
    return h ^ h >> 15
