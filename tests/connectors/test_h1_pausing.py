"""A connection to a peer whose client is slower than the peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import upstream
from pydsl_proxy.testing import run
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
