"""A connection to a peer whose client is slower than the peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, scgi, server, upstream
from pydsl_proxy.interfaces import Connector
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.cgi.fastcgi_records import STDOUT, record
from tests.support.messages import GET, OK

# One read of 64 KiB does not pause the peer yet, the second does, and is the last of it.
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11170\r\n" + bytes(70_000) + b"\r\n0\r\n\r\n"


class PausedTests(SynchronousTestCase):
    """A response is complete while its client still has to take it."""

    def test_next_exchange(self) -> None:
        """The kept connection is read for the next client, although the last one paused it."""
        for response in (LENGTH, CHUNKED):
            slow, peers = running = run(upstream("app", "a:1"))
            slow.stops_reading()
            slow.sends(GET)
            peers["a:1"].sends(response)
            client = running.client()
            client.sends(GET)
            peers["a:1"].sends(OK)
            client.expects(OK)
            self.assertEqual(len(peers["a:1"].connections), 1)
            slow.reads()
            self.assertEqual(slow.received.count(0), 70_000)


class TimedTests(SynchronousTestCase):
    """``timeouts(read=…)`` is for the peer: it does not run while the client is what holds up the response."""

    def asked(self, via: Connector | None = None) -> Running:
        """A request at a location whose clients are slower than 10 s for what comes in one read."""
        app = upstream("app", "a:1", via=via)
        running = run(server(80).location("/").timeouts(read=10).limit_rate(1000).proxy_to(app))
        running[0].sends(GET)
        return running

    def answers(self) -> list[tuple[Connector | None, bytes, bytes]]:
        """The first read of a response, and the last one, in each protocol."""
        first, last = bytes(50_000), bytes(10)
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc350\r\n" + first + b"\r\n"
        return [
            (None, b"HTTP/1.1 200 OK\r\nContent-Length: 50010\r\n\r\n" + first, last),
            (None, chunked, b"a\r\n" + last + b"\r\n0\r\n\r\n"),
            (scgi(), b"Content-Length: 50010\r\n\r\n" + first, last),
            (
                fastcgi(),
                record(STDOUT, b"Content-Length: 50010\r\n\r\n" + first),
                record(STDOUT, last),
            ),
        ]

    def test_paused_by_the_head(self) -> None:
        """The client may be slow from the head on: what has paused within ``answered`` is not awaited."""
        for via, first, last in self.answers():
            running = self.asked(via)
            client, peers = running
            peers["a:1"].sends(first)
            for _ in range(4):
                running.clock.advance(9)
            self.assertFalse(client.is_closed)
            self.assertFalse(peers["a:1"].is_closed)
            for _ in range(4):
                running.clock.advance(4)
            peers["a:1"].sends(last)
            for _ in range(4):
                running.clock.advance(9)
            self.assertEqual(client.responses[0].body, bytes(50_010))

    def test_resumed(self) -> None:
        """When the client has caught up, the peer has its time anew, and no more than that."""
        for via, first, _ in self.answers():
            running = self.asked(via)
            client, peers = running
            peers["a:1"].sends(first)
            for _ in range(30):
                running.clock.advance(2)
                if peers["a:1"].is_closed:
                    break
            self.assertTrue(client.is_closed)
            self.assertTrue(peers["a:1"].was_reset)
            self.assertEqual(running.exchanges[0].cause, "read_timeout")
