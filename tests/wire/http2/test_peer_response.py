"""Tests of the heads and trailers that peers of HTTP/2 send."""

from __future__ import annotations

from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http1.reader import MAX_TRAILER_FIELDS
from pydsl_proxy.wire.http2.frames import ProtocolError
from pydsl_proxy.wire.http2.peer_response import MAX_FIELDS, ResponseBlocks
from tests.support.hpack import block

HEAD = [(b":status", b"200"), (b"content-length", b"2"), (b"date", b"now"), (b"location", b"/")]


class HeadTests(SynchronousTestCase):
    """Heads of responses."""

    def test_understood(self) -> None:
        """What a proxy looks at is found."""
        head = ResponseBlocks().head(block(HEAD))
        self.assertEqual((head.status, head.length, head.dated, head.marked, head.usual), (200, 2, True, True, True))
        self.assertEqual(head.raw, b"\r\ncontent-length: 2\r\ndate: now\r\nlocation: /")
        plain = ResponseBlocks().head(block([(b":status", b"204"), (b"content-length", b"2")]))
        self.assertEqual((plain.length, plain.dated, plain.marked, plain.usual), (None, False, False, False))

    def test_kept(self) -> None:
        """From the second time on the same bytes are the same head."""
        blocks = ResponseBlocks()
        heads = [blocks.head(block(HEAD)) for _ in range(4)]
        self.assertIsNot(heads[0], heads[1])
        self.assertIs(heads[1], heads[3])

    def test_without_table(self) -> None:
        """A peer that was told to use no table may say so, and may ask for entries that are then not made."""
        encoder = Encoder()
        encoder.header_table_size = 0
        blocks = ResponseBlocks()
        for _ in range(3):
            self.assertEqual(blocks.head(encoder.encode(HEAD)).status, 200)
        self.assertRaises(ProtocolError, blocks.head, b"\x88\xbe")
        self.assertRaises(ProtocolError, blocks.head, b"\x3f\xe1\x1f\x88")

    def test_many(self) -> None:
        """Nothing is read beyond the greatest number of fields, in a head or in trailers."""
        for most, read in ((MAX_FIELDS, ResponseBlocks().head), (MAX_TRAILER_FIELDS, ResponseBlocks().trailers)):
            begun = b"\x88" if most is MAX_FIELDS else b"\x10\x01a\x00"
            read(begun + b"\x10\x01b\x00" * (most - 1))
            error = self.assertRaises(Malformed, read, begun + b"\x10\x01b\x00" * most + b"\xff")
            self.assertIn("too many", error.detail)

    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        """Whatever comes is read, or refused in one of two ways."""
        for read in (ResponseBlocks().head, ResponseBlocks().trailers):
            try:
                read(data)
            except (Malformed, ProtocolError):
                pass


class FramingTests(SynchronousTestCase):
    """Lengths."""

    def test_without_body(self) -> None:
        """RFC 9112 6.3 step 1 holds here too: where no body follows, a length that is not clear goes."""
        twice = [(b"content-length", b"5"), (b"a", b"b"), (b"content-length", b"5")]
        for status in (b"103", b"204", b"304"):
            self.assertEqual(ResponseBlocks().head(block([(b":status", status), *twice])).raw, b"\r\na: b")
        blocks, data = ResponseBlocks(), block([(b":status", b"200"), *twice])
        for _ in range(3):
            self.assertEqual(blocks.head(data, bodiless=True).raw, b"\r\na: b")
            self.assertRaises(Malformed, blocks.head, data)

    def test_spelling(self) -> None:
        """A length has one spelling in what is sent on."""
        head = ResponseBlocks().head(block([(b":status", b"200"), (b"content-length", b"005"), (b"a", b"b")]))
        self.assertEqual((head.length, head.raw), (5, b"\r\ncontent-length: 5\r\na: b"))

    def test_status(self) -> None:
        """Any of three digits that is none of HTTP's beginnings."""
        self.assertEqual(ResponseBlocks().head(block([(b":status", b"999")])).status, 999)


class TrailerTests(SynchronousTestCase):
    """Trailers of responses."""

    def test_kept(self) -> None:
        """Those that may be trailers stay, and are the same again."""
        blocks = ResponseBlocks()
        data = block([(b"grpc-status", b"0"), (b"content-type", b"x"), (b"set-cookie", b"a"), (b"x_y", b"b")])
        read = [blocks.trailers(data) for _ in range(3)]
        self.assertEqual(read[0], ((b"grpc-status", b"0"), (b"x_y", b"b")))
        self.assertIs(read[1], read[2])
        self.assertEqual([blocks.trailers(b"") for _ in range(3)], [()] * 3)

    def test_malformed(self) -> None:
        """They are fields as others are."""
        for pairs in ([(b":status", b"200")], [(b"X", b"y")], [(b"x", b"y\n")], [(b"x", b"y" * 17_000)]):
            self.assertRaises(Malformed, ResponseBlocks().trailers, block(pairs))
