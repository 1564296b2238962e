"""Header blocks of HTTP/2 as fields: HPACK, RFC 7541, for one direction of one connection.

The library hpack has the static table; it reads a block at a time, and has 20 µs for eleven fields
that stand in its tables.  Here what was made of a block can be kept for as long as the dynamic table stays as it is,
and clients repeat most of their blocks: see :attr:`Table.changes`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hpack.table import HeaderTable

from pydsl_proxy.wire.http2.huffman import BadCode, decode

# RFC 9113 6.5.2: SETTINGS_HEADER_TABLE_SIZE unless said otherwise, and we do not.
TABLE_SIZE: Final = 4096
# RFC 7541 4.1
ENTRY_OVERHEAD: Final = 32
# An integer of more octets than this is none that anybody needs (RFC 7541 5.1: such must be an error).
_MAX_OCTETS = 4
_STATIC: Final[tuple[tuple[bytes, bytes], ...]] = tuple((name, value) for name, value in HeaderTable.STATIC_TABLE)

Field = tuple[bytes, bytes]


class BadBlock(Exception):
    """A header block that cannot be read; the tables of both sides differ from now on (RFC 7541 2.2)."""


class Table:
    """The tables of one direction.  ``changes`` counts what has changed the dynamic one.

    *allowed* is the SETTINGS_HEADER_TABLE_SIZE of the reader.
    """

    __slots__ = ("_allowed", "_dynamic", "_most", "_size", "changes")

    def __init__(self, allowed: int = TABLE_SIZE) -> None:
        self._allowed = allowed
        self._dynamic: deque[Field] = deque()
        self._size = 0
        self._most = allowed
        self.changes = 0

    def look_up(self, index: int) -> Field:
        """The field at *index*, from 1."""
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1]
        try:
            if index > 0:
                return self._dynamic[index - len(_STATIC) - 1]
        except IndexError:
            pass
        raise BadBlock(f"there is no field {index} in the tables")

    def add(self, field: Field) -> None:
        """Put *field* in front (RFC 7541 4.4)."""
        self.changes += 1
        self._size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        self._dynamic.appendleft(field)
        self._evict()

    def resize(self, most: int) -> None:
        """The other side has chosen another size."""
        if most > self._allowed:
            raise BadBlock("the dynamic table was made larger than allowed")
        self.changes += 1
        self._most = most
        self._evict()

    def _evict(self) -> None:
        while self._size > self._most:
            name, value = self._dynamic.pop()
            self._size -= len(name) + len(value) + ENTRY_OVERHEAD


class BlockReader:
    """Reads one header block from its first octet on; raises :class:`BadBlock`."""

    __slots__ = ("_block", "_table", "at")

    def __init__(self, table: Table, block: bytes) -> None:
        self._table = table
        self._block = block
        self.at = 0
        # RFC 7541 4.2: changes of the size stand at the beginning, two at most.
        for _ in range(2):
            if block and block[self.at] & 0xE0 == 0x20:
                table.resize(self._integer(0x1F))
                if self.at >= len(block):
                    return

    @property
    def ended(self) -> bool:
        """Whether all was read."""
        return self.at >= len(self._block)

    def field(self) -> Field:
        """The next field."""
        table, start = self._table, self._block[self.at]
        if start & 0x80:
            # RFC 7541 6.1; most of what clients send.
            if start < 0xFF:
                self.at += 1
                return table.look_up(start & 0x7F)
            return table.look_up(self._integer(0x7F))
        if start & 0x40:
            field = self._literal(0x3F)
            table.add(field)
            return field
        if start & 0x20:
            raise BadBlock("the size of the dynamic table changes within a block")
        return self._literal(0x0F)

    def _literal(self, mask: int) -> Field:
        index = self._integer(mask)
        name = self._table.look_up(index)[0] if index else self._string()
        return name, self._string()

    def _integer(self, mask: int) -> int:
        """RFC 7541 5.1"""
        block, at = self._block, self.at
        value = block[at] & mask
        at += 1
        if value == mask:
            for shift in range(0, 7 * _MAX_OCTETS, 7):
                if at >= len(block):
                    raise BadBlock("an integer is cut off")
                octet = block[at]
                at += 1
                value += (octet & 0x7F) << shift
                if octet < 0x80:
                    break
            else:
                raise BadBlock("an integer is too large")
        self.at = at
        return value

    def _string(self) -> bytes:
        """RFC 7541 5.2"""
        if self.at >= len(self._block):
            raise BadBlock("a string is missing")
        coded = self._block[self.at] & 0x80
        length = self._integer(0x7F)
        end = self.at + length
        if end > len(self._block):
            raise BadBlock("a string is cut off")
        data = self._block[self.at : end]
        self.at = end
        if not coded:
            return data
        try:
            return decode(data)
        except BadCode:
            raise BadBlock("a string is not in Huffman's code") from None
