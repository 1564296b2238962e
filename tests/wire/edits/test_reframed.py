"""Tests of header sections with another framing."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.reframed import _OF_THE_BYTES, with_length
from pydsl_proxy.wire.edits.replacing import _UNDERSTOOD
from pydsl_proxy.wire.http.head import Fields, RequestFields
from pydsl_proxy.wire.http1.reader import read_request_fields


class WithLengthTests(SynchronousTestCase):
    """What takes the place of the client's framing."""

    def test_chunks(self) -> None:
        """A length, and neither chunks nor trailers; all else stays, also what a site has put there."""
        read = read_request_fields(
            b"\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nCookie: b\r\nConnection: x-a, close", 100
        )
        read.server = "here"
        made = with_length(read, 7)
        self.assertEqual(made.raw, b"\r\nHost: a\r\nCookie: b\r\nConnection: x-a, close\r\nContent-Length: 7")
        self.assertEqual((made.content_length, made.chunked, made.host_name), (7, False, b"a"))
        self.assertEqual((made.server, made.named, made.close), ("here", frozenset({b"x-a"}), True))
        self.assertEqual((read.chunked, read.content_length), (True, None))

    def test_none(self) -> None:
        """No body, and nothing told of one."""
        read = read_request_fields(b"\r\nHost: a\r\nContent-Length: 3\r\nX-A: b", 100)
        made = with_length(read, None)
        self.assertEqual((made.raw, made.content_length), (b"\r\nHost: a\r\nX-A: b", None))

    def test_edited(self) -> None:
        """What was made of the other section is not taken over."""
        read = read_request_fields(b"\r\nHost: a\r\nContent-Length: 3", 100)
        read.edited["x"] = b"y"
        self.assertEqual(with_length(read, 4).edited, {})

    def test_set_apart(self) -> None:
        """Fields that were set apart are among the others, and the old framing does not come back by them."""
        rest = read_request_fields(b"\r\nHost: a\r\nTransfer-Encoding: chunked", 100)
        made = with_length(rest.followed_by(b"\r\nX-Id: 1"), 7)
        self.assertEqual(made.raw, b"\r\nHost: a\r\nX-Id: 1\r\nContent-Length: 7")
        self.assertEqual((made.base, made.changing, made.count), (None, b"", 3))

    def test_all(self) -> None:
        """Each attribute of a request's fields follows from the bytes, or is carried over: a new one has to be told."""
        names = {name for name, value in vars(RequestFields).items() if not (name[:2] == "__" or callable(value))}
        names |= {*Fields.__slots__, "spans"}
        carried = {"host", "host_name", "named", "close", "keep_alive", "expect", "upgrade", "server"}
        self.assertEqual(names, {*_OF_THE_BYTES, *carried})
        self.assertEqual({*_UNDERSTOOD, "named"}, carried | {"content_length", "chunked"})
