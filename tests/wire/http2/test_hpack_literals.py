"""Tests of fields that are written without HPACK's dynamic table; the hpack library reads them."""

from __future__ import annotations

from hpack import Decoder
from hpack.struct import NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.hpack_literals import NO_TABLE, integer, literal, literals

NAMES = st.sampled_from([b":path", b"accept-encoding", b"cookie", b"x-own", b"x" * 200])
VALUES = st.one_of(st.sampled_from([b"", b"/", b"gzip, deflate"]), st.binary(max_size=400))


class LiteralTests(SynchronousTestCase):
    """Fields as bytes."""

    @given(st.lists(st.tuples(NAMES, VALUES), max_size=8))
    def test_read(self, fields: list[tuple[bytes, bytes]]) -> None:
        """What was written is read, by a decoder that has no table."""
        decoder = Decoder(max_header_list_size=1 << 20)
        decoder.max_allowed_table_size = 0
        self.assertEqual(list(decoder.decode(NO_TABLE + literals(fields), raw=True)), fields)

    def test_integer(self) -> None:
        """RFC 7541 C.1."""
        self.assertEqual(integer(10, 5), b"\x0a")
        self.assertEqual(integer(1337, 5), b"\x1f\x9a\x0a")
        self.assertEqual(integer(42, 8), b"\x2a")

    def test_static(self) -> None:
        """A field of the static table is one byte, a name of it one or two."""
        self.assertEqual(literal(b":method", b"GET"), b"\x82")
        self.assertEqual(literal(b":path", b"/a"), b"\x04\x02/a")
        self.assertEqual(literal(b"user-agent", b"a"), b"\x0f\x2b\x01a")

    def test_secret(self) -> None:
        """RFC 7541 7.1.3: credentials are marked so that nobody further on puts them into a table."""
        for name in (b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"):
            (field,) = Decoder().decode(literal(name, b"secret"), raw=True)
            self.assertIsInstance(field, NeverIndexedHeaderTuple)
