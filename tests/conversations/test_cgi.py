"""Conversations with applications of uwsgi and of SCGI."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import client_address, peer, scgi, upstream, uwsgi
from pydsl_proxy.interfaces import Connector
from pydsl_proxy.testing import Client, Peer, Running, run
from tests.support.messages import GET, get

BOTH: tuple[Connector, ...] = (uwsgi(), scgi())
HEAD = b"Status: 200 OK\r\nContent-Type: text/plain\r\n"


class Case(SynchronousTestCase):
    """One application at ``a:1``."""

    def asks(self, via: Connector, request: bytes = GET) -> tuple[Client, Peer]:
        """A client that has sent *request*, and the application."""
        self.running: Running = run(upstream("app", "a:1", via=via))
        client, peers = self.running
        client.sends(request)
        return client, peers["a:1"]


class RequestTests(Case):
    """What an application is sent."""

    def test_uwsgi(self) -> None:
        """A packet with the modifiers, and the body behind it as it is."""
        client, app = self.asks(
            uwsgi(modifier1=0, modifier2=7), b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo"
        )
        sent = app.takes()
        self.assertEqual((sent[0], sent[3]), (0, 7))
        self.assertEqual(int.from_bytes(sent[1:3], "little"), len(sent) - 4 - 2)
        self.assertIn(b"\x09\0PATH_INFO\2\0/a", sent)
        client.sends(b"dy")
        app.expects(b"dy")
        self.assertEqual(app.requests[0].body, b"body")

    def test_scgi(self) -> None:
        """A netstring that begins with the length of the body, which follows as it is."""
        client, app = self.asks(scgi(), b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo")
        sent = app.takes()
        size, _, rest = sent.partition(b":")
        self.assertTrue(rest.startswith(b"CONTENT_LENGTH\x004\0SCGI\x001\0"))
        self.assertEqual(rest[int(size) :], b",bo")
        self.assertEqual(rest.count(b"CONTENT_LENGTH"), 1)
        client.sends(b"dy")
        app.expects(b"dy")

    def test_application(self) -> None:
        """All of the path is PATH_INFO, decoded, as WSGI has it; params of one's own stand beside it."""
        for via in (uwsgi(params={"WHO": client_address}), scgi(params={"WHO": client_address})):
            _, app = self.asks(via, get("/a%20b/?c=d", "Proxy: evil"))
            params = app.requests[0].params
            self.assertEqual((params["SCRIPT_NAME"], params["PATH_INFO"], params["QUERY_STRING"]), ("", "/a b/", "c=d"))
            self.assertEqual(params["WHO"], "127.0.0.1")
            self.assertNotIn("HTTP_PROXY", params)

    def test_unknown_length(self) -> None:
        """A body of unknown length is buffered first, and declared."""
        for via in BOTH:
            body = b"4\r\nbody\r\n0\r\n\r\n"
            _, app = self.asks(via, get("/", "Transfer-Encoding: chunked", method="POST") + body)
            [request] = app.requests
            self.assertEqual((request.body, request.params["CONTENT_LENGTH"]), (b"body", "4"))

    def test_refused(self) -> None:
        """Params for which there is no room."""
        client, app = self.asks(uwsgi(params={"LONG": "x" * 65_535}))
        self.assertIn(b"HTTP/1.1 431 ", client.received)
        self.assertTrue(app.is_closed)


class ResponseTests(Case):
    """What applications answer."""

    def test_heads(self) -> None:
        """With a status line or with a field Status; a body is ended by the close."""
        for via in BOTH:
            for line in (b"HTTP/1.1 404 Not Here\r\n", b"HTTP/1.0 404 Not Here\r\n", b"Status: 404 Not Here\r\n"):
                client, app = self.asks(via)
                app.sends(line + b"Content-Type: text/plain\r\n\r\nhello")
                app.sends(b"!")
                app.closes()
                self.assertIn(b"HTTP/1.1 404 Not Here\r\nContent-Type: text/plain\r\n", client.received)
                self.assertTrue(client.takes().endswith(b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"))

    def test_declared(self) -> None:
        """A declared length is kept: more is cut off, less is broken off."""
        for via in BOTH:
            client, app = self.asks(via)
            app.sends(HEAD + b"Content-Length: 4\r\n\r\nbo")
            app.sends(b"dy and more")
            self.assertTrue(client.takes().endswith(b"\r\n\r\nbody"))
            self.assertTrue(app.is_closed)
            client, app = self.asks(via)
            app.sends(HEAD + b"Content-Length: 4\r\n\r\nbo")
            app.closes()
            self.assertTrue(client.is_closed)
            self.assertEqual(self.running.exchanges[0].cause, "closed")

    def test_broken(self) -> None:
        """A reset is no end of a body."""
        client, app = self.asks(scgi())
        app.sends(HEAD + b"\r\nhello")
        app.resets()
        self.assertTrue(client.is_closed)
        self.assertEqual(self.running.exchanges[0].cause, "closed")

    def test_malformed(self) -> None:
        """A head that has no single reading."""
        for via in BOTH:
            for head in (b"HTTP/1.1 101 No\r\n\r\n", b"no head\r\n\r\n", b"\r\n\r\n", b"x" * 70_000):
                client, app = self.asks(via)
                app.sends(head)
                self.assertIn(b"HTTP/1.1 502 ", client.takes())
                self.assertEqual(self.running.exchanges[0].cause, "bad_head")
                self.assertTrue(app.is_closed)

    def test_elsewhere(self) -> None:
        """Balancing, health and retries are those of all upstreams."""
        for via in BOTH:
            client, peers = run(upstream("app", peer("a:1", weight=9), "b:1", via=via))
            peers["a:1"].refuses()
            peers["b:1"].answers(200, b"from b")
            for _ in range(2):
                self.assertEqual(client.request("GET", "/").text, "from b")

    def test_silence(self) -> None:
        """One that says nothing is given up."""
        for via in BOTH:
            client, app = self.asks(via)
            self.running.clock.advance(61)
            self.assertIn(b"HTTP/1.1 504 ", client.takes())
            self.assertTrue(app.was_reset)
