"""Tests of how responses go out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.h1 import MemoryTransport, Proxied

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


class Counting(MemoryTransport):
    """A transport that keeps what it is given to write apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)
        super().write(data)


class OneWriteTests(SynchronousTestCase):
    """Each write is a system call."""

    def writes(self, response: bytes) -> list[bytes]:
        """What the client of a peer that answers *response* in one piece is written."""
        proxied, transport = Proxied(), Counting()
        protocol = proxied.factory.buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(GET)
        proxied.pump()
        proxied.peers[0].sends(response)
        proxied.pump()
        return transport.writes

    def test_whole(self) -> None:
        """A response that is here as a whole is one write, with its end, whatever its framing."""
        for response, end in (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: now\r\n\r\nok", b"\r\n\r\nok"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"\r\n\r\nok"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"2\r\nok\r\n0\r\n\r\n"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"\r\n\r\n0\r\n\r\n"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b"\r\n\r\n"),
        ):
            [written] = self.writes(response)
            self.assertTrue(written.startswith(b"HTTP/1.1 20"))
            self.assertTrue(written.endswith(end), written)
