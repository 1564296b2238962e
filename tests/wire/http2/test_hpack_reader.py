"""Tests of reading header blocks: hpack's encoder is the other side."""

from __future__ import annotations

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.hpack_reader import TABLE_SIZE, BadBlock, BlockReader, Table

NAMES = st.sampled_from([b":path", b"cookie", b"x-a", b"x-b", b"accept", b"user-agent"])
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=12)


def read(table: Table, block: bytes) -> list[tuple[bytes, bytes]]:
    """All fields of a block."""
    reader = BlockReader(table, block)
    fields = []
    while not reader.ended:
        fields.append(reader.field())
    return fields


class ReadingTests(SynchronousTestCase):
    """What an encoder wrote is read."""

    @given(st.lists(st.tuples(FIELDS, st.integers(0, TABLE_SIZE), st.booleans()), max_size=8))
    def test_any(self, blocks: list[tuple[list[tuple[bytes, bytes]], int, bool]]) -> None:
        """Any fields, over blocks that share a table whose size changes, with Huffman's code or without."""
        encoder, table = Encoder(), Table()
        for fields, size, huffman in blocks:
            encoder.header_table_size = size
            assert read(table, encoder.encode(fields, huffman=huffman)) == fields

    @given(st.binary(max_size=64))
    def test_noise(self, block: bytes) -> None:
        """Anything is read or refused."""
        try:
            read(Table(), block)
        except BadBlock:
            pass

    def test_examples(self) -> None:
        """RFC 7541 C.3: requests without Huffman's code."""
        table = Table()
        first = bytes.fromhex("828684410f7777772e6578616d706c652e636f6d")
        assert read(table, first)[3] == (b":authority", b"www.example.com")
        assert table.changes == 1
        assert read(table, bytes.fromhex("828684be58086e6f2d6361636865"))[4] == (b"cache-control", b"no-cache")
        third = bytes.fromhex("828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565")
        assert read(table, third)[4] == (b"custom-key", b"custom-value")

    def test_large_index(self) -> None:
        """An index may need several octets (RFC 7541 5.1)."""
        table = Table()
        for number in range(100):
            table.add((b"n", b"%d" % number))
        assert read(table, b"\xff\x22") == [(b"n", b"%d" % (99 - (127 + 0x22 - 62)))]

    def test_static(self) -> None:
        """The static table's ends."""
        assert read(Table(), b"\x81\xbd") == [(b":authority", b""), (b"www-authenticate", b"")]


class RefusalTests(SynchronousTestCase):
    """What cannot be read."""

    def test_refused(self) -> None:
        """Each way in which a block can be wrong."""
        for block, why in (
            (b"\x80", "field 0"),
            (b"\xbe", "field 62"),
            (b"\xff", "integer is cut off"),
            (b"\xff\xff\xff\xff\xff\x7f", "too large"),
            (b"\x00", "string is missing"),
            (b"\x00\x05ab", "string is cut off"),
            (b"\x00\x81\xff", "string is missing"),
            (b"\x00\x01a\x82\xff\xff", "Huffman"),
            (b"\x82\x20", "within a block"),
            (b"\x20\x20\x20\x82", "within a block"),
            (b"\x3f\xe2\x1f", "larger than allowed"),
        ):
            error = self.assertRaises(BadBlock, read, Table(), block)
            assert why in str(error) or "Huffman" in str(error), (block, error)

    def test_size_alone(self) -> None:
        """A block may do nothing but to change the size of the table, twice."""
        table = Table()
        table.add((b"a", b"b"))
        assert read(table, b"\x20") == []
        assert read(table, b"\x20\x3f\xe1\x1f") == []
        self.assertRaises(BadBlock, read, table, b"\xbe")

    def test_eviction(self) -> None:
        """What is larger than the table empties it (RFC 7541 4.4)."""
        table = Table()
        table.add((b"a", b"b"))
        table.add((b"a", b"b" * TABLE_SIZE))
        self.assertRaises(BadBlock, table.look_up, 62)
