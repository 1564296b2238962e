"""Tests of FastCGI's records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.testing.cgi_streams import fastcgi_pairs
from pydsl_proxy.wire.cgi.fastcgi_records import (
    END_REQUEST,
    MAX_CONTENT,
    STDERR,
    STDIN,
    STDIN_END,
    STDOUT,
    RecordReader,
    begin_request,
    pair,
    params,
    record,
    stdin,
)
from pydsl_proxy.wire.http.grammar import Malformed

END = record(END_REQUEST, bytes(8))


def padded(kind: int, content: bytes, padding: int) -> bytes:
    """A record with padding, as libfcgi writes it."""
    return bytes((1, kind, 0, 1, *len(content).to_bytes(2, "big"), padding, 0)) + content + b"p" * padding


def fed(*pieces: bytes) -> tuple[bytes, RecordReader]:
    """The stdout in *pieces*, and the reader that has read it."""
    reader = RecordReader()
    return b"".join([reader.feed(piece) for piece in pieces]), reader


class WritingTests(SynchronousTestCase):
    """What an application is sent."""

    def test_begin(self) -> None:
        """Version 1, type 1, request 1, the role of a Responder, and whether to keep the connection."""
        self.assertEqual(begin_request(keep=False), b"\1\1\0\1\0\x08\0\0" + b"\0\1\0\0\0\0\0\0")
        self.assertEqual(begin_request(keep=True)[8:], b"\0\1\1\0\0\0\0\0")

    def test_pairs(self) -> None:
        """The specification's four forms: each length is one octet, or four from 128 on."""
        long = bytes(128)
        self.assertEqual(pair(b"A", b"bc"), b"\1\2Abc")
        self.assertEqual(pair(b"A", long), b"\1\x80\0\0\x80A" + long)
        self.assertEqual(pair(long, b"b"), b"\x80\0\0\x80\1" + long + b"b")
        self.assertEqual(pair(long, long), b"\x80\0\0\x80" * 2 + long + long)

    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.binary(max_size=300))))
    def test_pairs_are_read(self, pairs: list[tuple[bytes, bytes]]) -> None:
        """Whatever they are."""
        self.assertEqual(fastcgi_pairs(b"".join([pair(*each) for each in pairs])), pairs)

    def test_params(self) -> None:
        """One record, and an empty one as the end."""
        self.assertEqual(params((b"a", b"b")), record(4, b"ab") + record(4, b""))

    def test_long_params(self) -> None:
        """No pair goes on in another record, as PHP could not read it; what does not fit in one is refused."""
        half = bytes(MAX_CONTENT - 1)
        self.assertEqual(params((half, b"", b"bc")), record(4, half) + record(4, b"bc") + record(4, b""))
        with self.assertRaises(Malformed) as caught:
            params((half + b"ab", b""))
        self.assertEqual(caught.exception.status, 431)

    def test_stdin(self) -> None:
        """A piece is as many records as it needs; the end is an empty one."""
        self.assertEqual(stdin(b"body"), b"\1\5\0\1\0\4\0\0body")
        data = bytes(2 * MAX_CONTENT + 1)
        self.assertEqual(stdin(data), record(STDIN, data[:MAX_CONTENT]) * 2 + record(STDIN, b"\0"))
        self.assertEqual(STDIN_END, b"\1\5\0\1\0\0\0\0")


class ReadingTests(SynchronousTestCase):
    """What an application sends."""

    def test_whole(self) -> None:
        """The stdout of all records, the stderr message by message, padding and empty records passed over."""
        data, reader = fed(
            padded(STDOUT, b"one", 5)
            + record(STDERR, b"oh no")
            + record(STDERR, b"again")
            + record(STDOUT, b"two")
            + record(STDOUT, b"")
            + END
        )
        self.assertEqual(data, b"onetwo")
        self.assertEqual(reader.stderr, [b"oh no", b"again"])
        self.assertEqual((reader.ended, reader.status, reader.surplus), (True, 0, False))

    @given(st.data())
    def test_split(self, data: st.DataObject) -> None:
        """The same wherever it is cut."""
        stream = padded(STDOUT, b"one", 3) + padded(STDERR, b"err", 2) + record(STDOUT, b"two") + END
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        read, reader = fed(*pieces)
        self.assertEqual((read, reader.stderr, reader.ended), (b"onetwo", [b"err"], True))

    def test_at_once(self) -> None:
        """Stdout is not held until its record is complete."""
        self.assertEqual(fed(record(STDOUT, b"hello")[:10])[0], b"he")

    def test_status(self) -> None:
        """END_REQUEST says what became of the request."""
        self.assertEqual(fed(record(END_REQUEST, b"\0\0\0\xff\2\0\0\0"))[1].status, 2)

    def test_surplus(self) -> None:
        """What comes after the end was not asked for."""
        read, reader = fed(END + record(STDOUT, b"more"))
        self.assertEqual((read, reader.surplus), (b"", True))

    def test_again(self) -> None:
        """A kept connection carries the next request."""
        _, reader = fed(END)
        reader.restart()
        self.assertEqual(reader.feed(record(STDOUT, b"next")), b"next")
        self.assertFalse(reader.ended)

    def test_malformed(self) -> None:
        """Another version, another request, a type that has no place here, or a short end."""
        for data, told in (
            (b"HTTP/1.1 200 OK\r\n", "a record of version 72"),
            (b"\1\6\0\2\0\1\0\0x", "a record for the request 2, which was not made"),
            (b"\1\6\0\0\0\1\0\0x", "a record for the request 0, which was not made"),
            (record(STDIN, b"x"), "a record of type 5"),
            (record(END_REQUEST, b"1234567"), "an END_REQUEST of 7 octets"),
        ):
            with self.assertRaises(Malformed) as caught:
                fed(data)
            self.assertEqual(caught.exception.detail, told)
