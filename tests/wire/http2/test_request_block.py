"""Tests of the heads of requests for peers of HTTP/2."""

from __future__ import annotations

from hpack import Decoder
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.request_block import RequestBlocks, asks_for_trailers


def fields(head: bytes, *, secure: bool = False) -> list[tuple[bytes, bytes]]:
    """What a head of HTTP/1.1 becomes."""
    return [(bytes(name), bytes(value)) for name, value in decoded(RequestBlocks().block(head, secure=secure))]


def decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    """The fields of a block, as hpack reads them."""
    return [(bytes(name), bytes(value)) for name, value in Decoder().decode(block, raw=True)]


class BlockTests(SynchronousTestCase):
    """A head becomes a block."""

    def test_pseudo(self) -> None:
        """RFC 9113 8.3: pseudo-headers stand first."""
        self.assertEqual(
            fields(b"POST /a?b HTTP/1.1\r\nX-A: 1\r\nHost: h:8080\r\nX-B:2\r\n\r\n", secure=True),
            [
                (b":method", b"POST"),
                (b":scheme", b"https"),
                (b":path", b"/a?b"),
                (b":authority", b"h:8080"),
                (b"x-a", b"1"),
                (b"x-b", b"2"),
            ],
        )

    def test_dropped(self) -> None:
        """RFC 9113 8.2.2: what belongs to connections of HTTP/1.1 is not sent, whoever has set it."""
        names = (b"Connection", b"Upgrade", b"Transfer-Encoding", b"Keep-Alive", b"Proxy-Connection", b"TE")
        head = b"GET / HTTP/1.1%b\r\n\r\n" % b"".join([b"\r\n%b: x" % name for name in names])
        self.assertEqual(fields(head)[3:], [])
        self.assertEqual(fields(b"GET / HTTP/1.1\r\nTE: Trailers\r\n\r\n")[3:], [(b"te", b"trailers")])

    def test_no_authority(self) -> None:
        """RFC 9113 8.3.1: an authority that is empty, or that the location has removed, is left out."""
        for head in (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
            self.assertEqual([name for name, _ in fields(head)], [b":method", b":scheme", b":path"])

    def test_targets(self) -> None:
        """Of a whole URL the path and query are sent (RFC 9113 8.3.1)."""
        for target, path in (
            (b"*", b"*"),
            (b"http://h", b"/"),
            (b"http://h/a", b"/a"),
            (b"http://h?q=/", b"/?q=/"),
            (b"http://h/a?b", b"/a?b"),
        ):
            self.assertEqual(fields(b"OPTIONS %b HTTP/1.1\r\n\r\n" % target)[2], (b":path", path))

    def test_kept(self) -> None:
        """A section that comes again is not read again, whatever the request line."""
        blocks = RequestBlocks()
        section = b"\r\nHost: h\r\nX-A: 1\r\n\r\n"
        made = [blocks.block(b"GET /%d HTTP/1.1" % number + section, secure=False) for number in range(4)]
        self.assertEqual([decoded(block)[2] for block in made], [(b":path", b"/%d" % number) for number in range(4)])
        self.assertEqual([decoded(block)[3:] for block in made], [[(b":authority", b"h"), (b"x-a", b"1")]] * 4)
        self.assertEqual(list(blocks._memo.young), [section[:-4]])

    def test_trailers(self) -> None:
        """RFC 9110 10.1.4: a client says in TE whether it takes trailers."""
        for te, asks in (
            (None, False),
            (b"", False),
            (b"x", False),
            (b"trailers", True),
            (b"gzip;q=1, Trailers", True),
        ):
            self.assertIs(asks_for_trailers(te), asks)
        for line in (b"", b"\r\nTE: trailers"):
            block = RequestBlocks().block(b"GET / HTTP/1.1%b\r\n\r\n" % line, secure=False, trailers=True)
            self.assertEqual(decoded(block)[3:], [(b"te", b"trailers")])
