"""Conversations in which work of a later turn of the loop raises: its connection ends, and no other does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, http2, server, upstream
from pydsl_proxy.connectors.http1.connector import H1Connection
from pydsl_proxy.connectors.http2.connection import H2Connection
from pydsl_proxy.frontends.http1.body import Body
from pydsl_proxy.frontends.http1.connection import H1Frontend
from pydsl_proxy.frontends.http2.connection import H2Frontend
from pydsl_proxy.handlers.websocket.flow import Way
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.frames import DATA, END_HEADERS, HEADERS, frame, settings
from pydsl_proxy.wire.http2.hpack_literals import literals
from tests.conversations.test_websocket import SITE, Opened
from tests.conversations.test_websocket_attacks import masked
from tests.support.h2 import AGREED, GET, TLS, RawClient
from tests.support.messages import get
from tests.support.websockets import BINARY
from tests.support.websockets import frame as message

APP = upstream("app", "a:1")
SITE_OF_APP = server(80).location("/other").respond(200, "other").location("/").proxy_to(APP)
POST = get("/", "Transfer-Encoding: chunked", method="POST")
CHUNKS = b"1\r\nx\r\n" * 6000
HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ONE = frame(DATA, 0, 1, b"x")


class Wrong(Exception):
    """What a fault of the proxy's own would raise."""


class RaisingTests(SynchronousTestCase):
    """A reader of each kind."""

    def raises(self, kind: type, name: str, at: int) -> None:
        """A method is wrong the *at*-th time that it is called."""
        method: Callable[..., Any] = getattr(kind, name)
        times = 0

        def wrong(reader: object, *arguments: object, **options: object) -> object:
            nonlocal times
            times += 1
            if times == at:
                raise Wrong
            return method(reader, *arguments, **options)

        self.patch(kind, name, wrong)

    def ended(self, running: Running, cause: str) -> None:
        """The exception was logged once, and the exchange has ended; other clients are served."""
        self.assertEqual(len(self.flushLoggedErrors(Wrong)), 1)
        self.assertEqual(running.exchanges[-1].cause, cause)
        other = running.client(listen=80)
        other.sends(get("/other"))
        self.assertIn(b"200", other.takes())

    def test_body_of_http1(self) -> None:
        """The body of a request over HTTP/1.1."""
        running = run(SITE_OF_APP)
        self.raises(Body, "feed", 2)
        running[0].sends(POST + CHUNKS)
        self.assertTrue(running[0].is_closed)
        self.assertTrue(running.peers["a:1"].connection.is_closed)
        self.ended(running, "client_closed")

    def test_heads_of_http1(self) -> None:
        """Requests that are sent ahead."""
        running = run(SITE_OF_APP)
        self.raises(H1Frontend, "_heads", 2)
        running[0].sends(get("/other") * 2000)
        self.assertTrue(running[0].is_closed)
        self.ended(running, "")

    def test_response_of_http1(self) -> None:
        """A response over HTTP/1.1: the client sees that it is broken off."""
        running = run(SITE_OF_APP)
        running[0].sends(get("/"))
        self.raises(H1Connection, "dataReceived", 2)
        running.peers["a:1"].connection.sends(HEAD + CHUNKS)
        self.assertTrue(running.peers["a:1"].connection.is_closed)
        self.assertTrue(running[0].is_closed)
        self.ended(running, "closed")

    def test_client_of_http2(self) -> None:
        """The frames of a client."""
        secure = server(443, tls=TLS).location("/").proxy_to(upstream("app", "a:1"))
        running = run(http(secure, SITE_OF_APP))
        client = RawClient(running.client(listen=443, handshake=AGREED))
        client.asks(1, ((b":method", b"POST"), *GET[1:]), flags=0)
        self.raises(H2Frontend, "_frames", 2)
        client.sends(ONE * 6000)
        self.assertTrue(client.client.is_closed)
        self.ended(running, "client_closed")

    def test_peer_of_http2(self) -> None:
        """The frames of a peer: the client sees that its response is broken off."""
        app = upstream("app", "a:1", via=http2())
        running = run(server(80).location("/other").respond(200, "other").location("/").proxy_to(app))
        running[0].sends(get("/"))
        self.raises(H2Connection, "take", 2)
        head = frame(HEADERS, END_HEADERS, 1, literals([(b":status", b"200")]))
        running.peers["a:1"].connection.sends(settings({}) + head + ONE * 6000)
        self.assertTrue(running.peers["a:1"].connection.is_closed)
        self.assertTrue(running[0].is_closed)
        self.ended(running, "closed")

    def test_last_words_of_a_peer_of_http2(self) -> None:
        """What a peer sent before its connection was lost: the client's exchange ends all the same."""
        app = upstream("app", "a:1", via=http2())
        running = run(server(80).location("/other").respond(200, "other").location("/").proxy_to(app))
        running[0].sends(get("/"))
        head = frame(HEADERS, END_HEADERS, 1, literals([(b":status", b"200")]))
        peer = running.peers["a:1"].connection
        # What is sent next is read in the first turn; the peer resets before the second one.
        running.clock.callLater(0, running.clock.callLater, 0, peer.resets)
        self.raises(H2Connection, "take", 2)
        # A reactor logs what connectionLost raises; the loop of a test passes it on.
        self.assertRaises(Wrong, peer.sends, settings({}) + head + ONE * 6000)
        running.clock.advance(0)
        self.assertTrue(running[0].is_closed)
        self.assertEqual(running.exchanges[-1].cause, "closed")

    def test_websocket(self) -> None:
        """The messages of a client, and those of a peer."""
        for sender in ("client", "peer"):
            opened = Opened(SITE.location("/other").respond(200, "other"))
            self.raises(Way, "_rested", 1)
            if sender == "client":
                opened.client.sends(masked(BINARY, b"b") * 4000)
            else:
                opened.peer.sends(message(BINARY, b"b") * 4000)
            self.assertTrue(opened.client.is_closed)
            self.assertTrue(opened.peer.is_closed)
            self.ended(opened.running, "internal_error")
