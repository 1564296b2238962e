"""Tests of fields that stay when a peer redirects inside the proxy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.carried import carried_over, without
from pydsl_proxy.wire.http.head import OwnHead, ResponseHead
from pydsl_proxy.wire.http1.reader import read_response_head
from pydsl_proxy.wire.http1.response_writer import own_response


def head(*fields: bytes, status: bytes = b"200 OK") -> ResponseHead:
    """A response's head."""
    return read_response_head(b"\r\n".join([b"HTTP/1.1 " + status, *fields]))


FIRST = head(
    b"content-type: a/a",
    b"Set-Cookie: a",
    b"content-length: 9",
    b"set-cookie: b",
    b"cache-control: c",
    b"Cache-Control: d",
    b"accept-ranges: e",
    b"x-other: f",
)


class CarriedTests(SynchronousTestCase):
    """Of two heads, one."""

    def test_file(self) -> None:
        """What a file has gives way, but for its ranges; cookies come first."""
        last = head(b"content-length: 2", b"Content-Type: text/x", b"ETag: y", b"Accept-Ranges: bytes", b"Expires: z")
        made = carried_over(FIRST, last, by_a_peer=False)
        self.assertEqual(
            made.raw,
            b"\r\nSet-Cookie: a\r\nset-cookie: b\r\ncontent-length: 2\r\nETag: y\r\nAccept-Ranges: bytes\r\nExpires: z"
            b"\r\ncontent-type: a/a\r\ncache-control: c\r\nCache-Control: d",
        )
        self.assertEqual((made.length, made.status, made.persistent), (2, 200, True))

    def test_peer(self) -> None:
        """A peer knows its type; one that does not tell has the first one's."""
        last = head(b"Content-Type: text/x", b"Set-Cookie: s")
        made = carried_over(FIRST, last, by_a_peer=True)
        self.assertEqual(made.all(b"content-type"), [b"text/x"])
        self.assertEqual(made.all(b"set-cookie"), [b"a", b"b", b"s"])
        self.assertEqual(carried_over(FIRST, head(b"a: b"), by_a_peer=True).all(b"content-type"), [b"a/a"])

    def test_several_ranges(self) -> None:
        """The type that tells the boundary of several ranges stays; of one range it is the first one's."""
        kind = b"multipart/byteranges; boundary=x"
        several = head(b"Content-Type: " + kind, status=b"206 Partial Content")
        self.assertEqual(carried_over(FIRST, several, by_a_peer=False).all(b"content-type"), [kind])
        one = head(b"Content-Type: text/x", status=b"206 Partial Content")
        self.assertEqual(carried_over(FIRST, one, by_a_peer=False).all(b"content-type"), [b"a/a"])

    def test_error(self) -> None:
        """An error has the cookies."""
        made = carried_over(FIRST, head(b"Content-Type: text/x", status=b"404 Not Found"), by_a_peer=False)
        self.assertEqual(made.raw, b"\r\nSet-Cookie: a\r\nset-cookie: b\r\nContent-Type: text/x")

    def test_no_body(self) -> None:
        """304 has no type."""
        made = carried_over(FIRST, head(status=b"304 Not Modified"), by_a_peer=False)
        self.assertEqual((made.all(b"content-type"), made.all(b"cache-control")), ([], [b"c", b"d"]))

    def test_hop_by_hop(self) -> None:
        """What the first peer's Connection named was for the proxy alone."""
        first = head(b"Cache-Control: a", b"Connection: cache-control")
        last = head(b"a: b")
        self.assertIs(carried_over(first, last, by_a_peer=False), last)

    def test_our_own(self) -> None:
        """A response of our own remains one."""
        self.assertIsInstance(carried_over(FIRST, own_response(404, b""), by_a_peer=False), OwnHead)

    def test_without(self) -> None:
        """Fields that are taken out; a head that has none of them is the same one."""
        made = without(FIRST, frozenset({b"set-cookie", b"cache-control", b"content-type"}))
        self.assertEqual(made.raw, b"\r\ncontent-length: 9\r\naccept-ranges: e\r\nx-other: f")
        self.assertEqual(made.length, 9)
        self.assertIs(without(FIRST, frozenset({b"none"})), FIRST)
