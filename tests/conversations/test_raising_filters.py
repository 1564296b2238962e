"""Filters of the user's own that raise."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, FilterOrder, Trailers
from pydsl_proxy.testing import run
from tests.support.h2_peer import H2Peer

GET = b"GET /%b HTTP/1.1\r\nhost: x\r\n\r\n"


class PickySink(Passing):
    """Raises for some data, and for some trailers."""

    def write(self, data: bytes) -> None:
        """Pass data on, but not any."""
        if b"bad" in data:
            raise ValueError("bad data")
        super().write(data)

    def finish(self, trailers: Trailers = ()) -> None:
        """End, but not with trailers."""
        if trailers:
            raise ValueError("bad trailers")
        super().finish(trailers)


@frozen
class Picky:
    """The filter."""

    nearness = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink for each exchange."""
        return lambda exchange, sink: PickySink(sink)


class RaisingTests(SynchronousTestCase):
    """A response whose filter raises after its head breaks off, and no other."""

    def test_http1(self) -> None:
        """The client's connection ends, and the peer's, unless its response was complete; the log has the exception."""
        for rest, whole in ((b"3\r\nbad\r\n", False), (b"0\r\nx: y\r\n\r\n", True)):
            running = run(server(80).location("/").filter(Picky()).proxy_to(upstream("app", "a:1")))
            client = running[0]
            client.sends(GET % b"")
            peer = running.peers["a:1"]
            peer.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
            peer.sends(rest)
            self.assertTrue(client.takes().endswith(b"3\r\none\r\n"))
            self.assertTrue(client.is_closed)
            self.assertEqual(peer.is_closed, not whole)
            [ended] = running.exchanges
            self.assertEqual((ended.status, ended.cause), (200, "internal_error"))
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            if whole:
                peer.takes()
                running.client().sends(GET % b"next")
                self.assertTrue(peer.takes().startswith(b"GET /next "))

    def test_shared(self) -> None:
        """Other streams of the same connection to an HTTP/2 peer go on, and new ones begin there."""
        running = run(server(80).location("/").filter(Picky()).proxy_to(upstream("app", "a:1", via=http2())))
        one, other = running[0], running.client()
        one.sends(GET % b"one")
        peer = H2Peer(running.peers["a:1"].connection, {})
        other.sends(GET % b"other")
        peer.hears()
        for stream in (1, 3):
            peer.begins(stream)
        peer.sends(1, b"bad")
        peer.sends(3, b"good", end=True)
        self.assertTrue(one.is_closed)
        self.assertTrue(other.takes().endswith(b"4\r\ngood\r\n0\r\n\r\n"))
        other.sends(GET % b"more")
        peer.hears()
        peer.begins(5)
        peer.sends(5, b"again", end=True)
        self.assertTrue(other.takes().endswith(b"5\r\nagain\r\n0\r\n\r\n"))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
