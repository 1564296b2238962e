"""HPACK's Huffman code (RFC 7541, appendix B), read a byte at a time, and long strings by zlib.

The library hpack reads half a byte at a time, in 9 ms for a field of 30 KB.  The code is a canonical one, as those of
Deflate (RFC 1951, 3.2.2) are, whose codes have up to 15 bits: all printable ASCII but the backslash.  What remains has
15 ones at its beginning.  So zlib reads a string up to the first character that is not of these, as the literals of one
block of Deflate, in which 15 ones are its end.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final, TypeAlias

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

_EOS: Final = 256
# RFC 7541 5.2
_MAX_PADDING: Final = 7
# RFC 1951 3.2.7
_LONGEST: Final = 15
# zlib has a window and tables of its own for each string: shorter ones are read here.
_LONG: Final = 400
_REVERSED: Final = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_LENGTHS: Final = bytes(REQUEST_CODES_LENGTH[:256])
_ENDING: Final = b"\xff" * 3

# A state is the bits of a code that have been read, as their value with a 1 before them.
_Row: TypeAlias = "list[tuple[int, bytes] | None]"


class BadCode(Exception):
    """Octets that are no string in Huffman's code."""


_symbols: Final = {
    1 << length | code: symbol
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True))
}
_rows: dict[int, _Row] = {}


def decode(data: bytes) -> bytes:
    """The string; raises :class:`BadCode`."""
    if len(data) < _LONG:
        return _decode(1, data)
    whole = zlib.decompressobj(-zlib.MAX_WBITS)
    # The length of what is read is bounded by the data: no code has fewer than five bits.
    text = whole.decompress(_HEADER + data.translate(_REVERSED) + _ENDING)
    lengths = text.translate(_LENGTHS)
    bits = sum(length * lengths.count(length) for length in range(5, _LONGEST + 1))
    left = 8 * len(data) - bits
    if 0 <= left <= _MAX_PADDING:
        return text
    if left < 0:
        raise BadCode("the last character is cut off")
    # A longer code; all the rest is read here.
    at, offset = divmod(bits, 8)
    state, out = _step(1, data[at], 8 - offset)
    return text + out + _decode(state, data[at + 1 :])


def _decode(state: int, data: bytes) -> bytes:
    pieces = []
    row = _row(state)
    for octet in data:
        found = row[octet]
        if found is None:
            raise BadCode("the code of the end is in the string")
        state, out = found
        if out:
            pieces.append(out)
        row = _rows.get(state) or _row(state)
    # What is left over is the beginning of the code of the end, ones alone.
    if state & (state + 1) or state.bit_length() - 1 > _MAX_PADDING:
        raise BadCode("the padding is wrong")
    return b"".join(pieces)


def _row(state: int) -> _Row:
    row = _rows.get(state)
    if row is None:
        row = _rows[state] = []
        _fill(row, state, 8)
    return row


def _fill(row: _Row, state: int, bits: int) -> None:
    """Append what each value of the next *bits* leads to."""
    bits -= 1
    for following in (state << 1, state << 1 | 1):
        symbol = _symbols.get(following)
        if symbol == _EOS:
            row += [None] * (1 << bits)
        elif symbol is not None:
            octet = bytes((symbol,))
            row += [(rest, octet + more) for rest, more in _AFTER_SYMBOL[bits]]
        elif bits:
            _fill(row, following, bits)
        else:
            row.append((following, b""))


def _step(state: int, octet: int, bits: int) -> tuple[int, bytes]:
    """The state behind the last *bits* of *octet*, and what they complete."""
    out = b""
    for place in range(bits - 1, -1, -1):
        state = state << 1 | octet >> place & 1
        symbol = _symbols.get(state)
        if symbol == _EOS:
            raise BadCode("the code of the end is in the string")
        if symbol is not None:
            out += bytes((symbol,))
            state = 1
    return state, out


def _block_header() -> bytes:
    """The head of a block of Deflate with this code (RFC 1951, 3.2.7), a whole number of octets."""
    literals = [length if length <= _LONGEST else 0 for length in _LENGTHS] + [_LONGEST]
    # Eleven lengths occur.  Five of them have codes of three bits, six of four.
    used = sorted({*literals, 0})
    size = {length: 3 if place < 5 else 4 for place, length in enumerate(used)}
    code = {length: place if place < 5 else 10 + place - 5 for place, length in enumerate(used)}
    # 16, 17, 18, 0, 8 and so on to 1, 15.
    order = bytes.fromhex("10 11 12 00 08 07 09 06 0a 05 0b 04 0c 03 0d 02 0e 01 0f")
    for distances in range(1, 9):
        # None is used; each one more moves what follows by three bits.
        bits = [1, *_bits(2, 2), *_bits(0, 5), *_bits(distances - 1, 5), *_bits(15, 4)]
        for length in order:
            bits += _bits(size.get(length, 0), 3)
        for length in (*literals, *[0] * distances):
            bits += reversed(_bits(code[length], size[length]))
        if len(bits) % 8 == 0:
            return bytes(_octets(bits))
    raise AssertionError("no multiple of three is left over")


def _bits(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in range(count)]


def _octets(bits: list[int]) -> Iterable[int]:
    for at in range(0, len(bits), 8):
        yield sum(bit << place for place, bit in enumerate(bits[at : at + 8]))


_HEADER: Final = _block_header()
# What follows a whole character, for each value of the bits that are left of an octet.
_AFTER_SYMBOL: Final = [[_step(1, octet, bits) for octet in range(1 << bits)] for bits in range(8)]
