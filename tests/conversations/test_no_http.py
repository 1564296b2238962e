"""Conversations with those that do not speak what they should, and wait: that shows with their first bytes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import fastcgi, scgi, upstream, uwsgi
from pydsl_proxy.interfaces import Connector
from pydsl_proxy.testing import run
from pydsl_proxy.wire.cgi.fastcgi_records import STDOUT, record
from tests.support.messages import GET

APP = upstream("app", "a:1")


class PeerTests(SynchronousTestCase):
    """A peer of HTTP/1.1."""

    #: What no response begins with; the last octet is where that shows.
    NOT_HTTP = (
        b"S",
        b"\n",
        b"\r",
        b"\0",
        b"\x15",
        b"2",
        b"h",
        b"HTTP/2",
        b"HTTP/1.x",
        b"HTTP/1.1\t",
        b"HTTP/1.1 O",
        b"HTTP/1.1 0",
        b"HTTP/1.1 20x",
        b"HTTP/1.1 2000",
        b"HTTP/1.1 200O",
        b"HTTP/1.1 200\n",
        b"HTTP/1.1 200 OK\n",
        b"HTTP/1.1 200 OK\rX",
        b"HTTP/1.1 200 OK\r\r",
        b"HTTP/1.1 200 \0",
        b"HTTP/1.1 200 OK\r\nA: b\rC",
        b"HTTP/1.1 200 OK\r\nA: b\n",
        b"HTTP/1.1 200 OK\r\nA: \x7f",
        b"HTTP/1.1 200 OK\r\nno colon\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n: c\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nS",
    )

    def test_at_once(self) -> None:
        """502 with the first octet that cannot be one of a response, and not when its time is over."""
        for data in self.NOT_HTTP:
            for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
                running = run(APP)
                client, peers = running
                client.sends(GET)
                for piece in pieces[:-1]:
                    peers["a:1"].sends(piece)
                self.assertEqual(client.responses, [], data)
                peers["a:1"].sends(pieces[-1])
                self.assertEqual([each.status for each in client.responses], [502], data)
                self.assertTrue(peers["a:1"].was_reset)
                self.assertEqual(running.exchanges[0].cause, "bad_head")

    def test_greeting(self) -> None:
        """One that greets before it is asked is found out when it is."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(b"SSH-2.0-OpenSSH_9.6\r\n")
        self.assertEqual(client.responses[0].status, 502)

    def test_may_begin(self) -> None:
        """What may yet become a response is awaited, for as long as ``timeouts(read=…)`` has it."""
        whole = b"HTTP/1.1 200 OK\r\nA: b \xff\r\nX_Y:\tz\r\nContent-Length: 05\r\n"
        for cut in range(1, len(whole) + 1):
            running = run(APP)
            client, peers = running
            client.sends(GET)
            peers["a:1"].sends(whole[:cut])
            running.clock.advance(59)
            self.assertEqual(client.responses, [], whole[:cut])
            running.clock.advance(1)
            self.assertEqual(client.responses[0].status, 504)


class CgiPeerTests(SynchronousTestCase):
    """Peers of FastCGI, uwsgi and SCGI."""

    def refused(self, via: Connector, data: bytes) -> None:
        """502 with the last octet of *data*, and nothing before."""
        for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
            running = run(upstream("app", "a:1", via=via))
            client, peers = running
            client.sends(GET)
            for piece in pieces[:-1]:
                peers["a:1"].sends(piece)
            self.assertEqual(client.responses, [], data)
            peers["a:1"].sends(pieces[-1])
            self.assertEqual([each.status for each in client.responses], [502], data)
            self.assertEqual(running.exchanges[0].cause, "bad_head")

    def test_records(self) -> None:
        """The first octet of a record is its version, the second its type."""
        for data in (b"H", b"\0", b"\x02", b"\x01\x01", b"\x01\x05", b"\x01\x0b", b"\x15"):
            self.refused(fastcgi(), data)
        self.refused(fastcgi(), record(STDOUT, b"A: b\n") + b"\x02")

    def test_heads(self) -> None:
        """A head is one of header fields."""
        for data in (
            b"<",
            b"\x15",
            b"no ",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"A: b\nSSH\n",
            b"A: b\rC",
            b"A: \0",
            b"A: b\n ",
            b"Status: 20\n",
        ):
            self.refused(scgi(), data)
        for data in (b"HTTP/2", b"HTTP/1.1 x\n", b"h\0"):
            self.refused(uwsgi(), data)

    def test_may_begin(self) -> None:
        """What may yet become a head is awaited."""
        for via, whole in (
            (scgi(), b"Status: 200 OK\r\nA: b \xff\nX_Y:\tz\r\nContent-Length: 05\r\n"),
            (uwsgi(), b"HTTP/1.1 200 OK\r\nA: b\r\n"),
        ):
            for cut in range(1, len(whole) + 1):
                client, peers = run(upstream("app", "a:1", via=via))
                client.sends(GET)
                peers["a:1"].sends(whole[:cut])
                self.assertEqual(client.responses, [], whole[:cut])


class ClientTests(SynchronousTestCase):
    """A client of HTTP/1.1."""

    def test_at_once(self) -> None:
        """400 with the first octet that cannot be one of a request."""
        for data in (
            b"\x16",
            b"\0",
            b"\n",
            b"\r ",
            b"(",
            b"GET\t",
            b"GET\n",
            b"GET / HTTP/1.1\r\r",
            b"GET / HTTP/1.1\rH",
            b"GET /\x01",
            b"GET / HTTP/1.1\r\nHost: x\rX",
            b"GET / HTTP/1.1\r\nHost: x\n",
            b"GET / HTTP\r\n",
            b"get / HTTP/1.1\r\n",
        ):
            for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
                client, _ = run(APP)
                for piece in pieces[:-1]:
                    client.sends(piece)
                self.assertEqual(client.responses, [], data)
                client.sends(pieces[-1])
                self.assertEqual([each.status for each in client.responses], [400], data)
                self.assertTrue(client.is_closed)

    def test_may_begin(self) -> None:
        """What may yet become a request is awaited."""
        for whole in (b"GET / HTTP/1.1\r\nHost: x\r\nA: b \xff\r\n", b"\r\n\r\nGET http://x/ HTTP/1.0\r\nA: b\r\n"):
            for cut in range(1, len(whole) + 1):
                client, _ = run(APP)
                client.sends(whole[:cut])
                self.assertEqual(client.responses, [], whole[:cut])
                self.assertFalse(client.is_closed)
