"""Conversations over HTTP/1.1 at the edges: what is held, dropped and counted, and deadlines up to them and at them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, clients, http, named, request_uri, server, upstream
from pydsl_proxy.frontends.http1.receiving import MAX_DROPPED, MAX_HELD
from pydsl_proxy.testing import Handshake, run
from pydsl_proxy.wire.http2.frames import DATA, END_STREAM, PREFACE, frame
from tests.support.h2 import AGREED, GET, TLS, RawClient
from tests.support.messages import OK, get

APP = upstream("app", "a:1")
PROXY = server(80).location("/").timeouts(read=10**6, send=10**6).proxy_to(APP)
KNOWN = server(80, http2="prior-knowledge").location("/").timeouts(read=10**6).proxy_to(APP)
TURNED = (
    server(80).location("/a").error_page(404, to=named("b")).respond(404)
    .location(named("b")).proxy_to(APP)
)  # fmt: skip
TURNED_H2 = server(443, tls=TLS).including(*TURNED.locations)
POST = b"POST /a HTTP/1.1\r\nHost: h\r\n"


class HeldTests(SynchronousTestCase):
    """What a client sends ahead of an answer."""

    def test_bounded(self) -> None:
        """It is held up to a size, and not read beyond it until the answer is complete."""
        for more in (0, 1, 5 * MAX_HELD):
            running = run(PROXY)
            client, peer = running[0], running.peers["a:1"]
            client.sends(get("/"))
            for _ in range(4):
                client.sends(b"\r\n" * (MAX_HELD // 8))
            self.assertEqual(client.unread, 0)
            client.sends(b"\r\n" * more)
            client.sends(b"\r\n" * more)
            self.assertEqual(client.unread > 0, more > 0, more)
            peer.sends(OK)
            client.sends(get("/again"))
            self.assertEqual(client.unread, 0)
            self.assertIn(b"GET /again ", peer.takes())

    def test_many(self) -> None:
        """Any number of requests that came together are answered, each once and in their order."""
        running = run(server(80).location("/").respond(200, request_uri))
        client = running[0]
        client.sends(b"".join(get(f"/{number}") for number in range(100)))
        answers = client.takes().split(b"HTTP/1.1 200 OK\r\n")[1:]
        self.assertEqual([each.rpartition(b"\r\n\r\n")[2] for each in answers], [b"/%d" % n for n in range(100)])
        self.assertEqual(len(running.exchanges), 100)

    def test_many_are_not_read(self) -> None:
        """While requests wait for their turn no more are read: what is held of them stays bounded."""
        ahead: list[int] = []

        def note(request: Request) -> str:
            ahead.append(len(flood) - client.unread - len(ahead) * len(get("/")))
            return "ok"

        running = run(http(server(80).location("/").respond(200, note), clients=clients(keepalive_requests=10**6)))
        client = running[0]
        flood = get("/") * 8_000
        client.sends(flood)
        self.assertEqual(len(ahead), 8_000)
        self.assertLessEqual(max(ahead), 2 * MAX_HELD)


class TurnedTests(SynchronousTestCase):
    """A request that another location answers after the first one has not read its body."""

    def test_body(self) -> None:
        """The body is read there, also if it comes later."""
        for body in (b"Content-Length: 5\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"):
            for early in (True, False):
                running = run(TURNED)
                client, peer = running[0], running.peers["a:1"]
                end = b"\r\n0\r\n\r\n" if b"chunked" in body else b""
                if early:
                    client.sends(POST + body + b"hello" + end)
                else:
                    client.sends(POST + body)
                    client.sends(b"hello" + end)
                received = peer.takes()
                self.assertIn(b"hello", received)
                peer.sends(OK)
                self.assertTrue(client.takes().startswith(b"HTTP/1.1 404 "))

    def test_body_over_http2(self) -> None:
        """So it is over HTTP/2."""
        for early in (True, False):
            running = run(TURNED_H2, handshake=AGREED)
            client, peer = RawClient(running[0]), running.peers["a:1"]
            asked = ((b":method", b"POST"), *GET[1:3], (b":path", b"/a"), (b"content-length", b"5"))
            client.asks(1, asked, flags=0)
            if not early:
                self.assertIn(b"POST /a ", peer.received)
            client.sends(frame(DATA, END_STREAM, 1, b"hello"))
            self.assertTrue(peer.takes().endswith(b"hello"))
            peer.sends(OK)
            client.take()
            self.assertEqual(client.of(DATA), [(1, b"ok")])


class DroppedTests(SynchronousTestCase):
    """Bodies that nobody reads."""

    def test_bounded(self) -> None:
        """The connection is kept for a body up to a size, whole or in pieces, and not for a larger one."""
        site = server(80).location("/").respond(200, "ok")
        for size, kept in ((MAX_DROPPED, True), (MAX_DROPPED + 1, False)):
            client = run(site)[0]
            client.sends(POST + b"Content-Length: %d\r\n\r\n" % size)
            self.assertEqual(b"\r\nConnection: close\r\n" in client.received, not kept, size)
            for _ in range(8):
                client.sends(bytes(size // 8))
            client.sends(bytes(size % 8) + get("/"))
            self.assertEqual(client.takes().count(b"HTTP/1.1 200 OK\r\n"), 1 + kept)


class DeadlineTests(SynchronousTestCase):
    """Times of clients."""

    def test_undecided(self) -> None:
        """The time of a first head has begun with the connection, though its protocol was not known."""
        for begun, answer in ((b"GET / HTTP/1.1\r\n", b"HTTP/1.1 408 "), (PREFACE, b"\0\0")):
            running = run(KNOWN)
            client = running[0]
            running.clock.advance(50)
            client.sends(begun)
            running.clock.advance(9.9)
            self.assertFalse(client.is_closed)
            running.clock.advance(0.1)
            self.assertTrue(client.takes().startswith(answer))
            self.assertTrue(client.is_closed)

    def test_decided(self) -> None:
        """It ends with the head, whatever becomes of the answer."""
        running = run(KNOWN)
        client = running[0]
        running.clock.advance(50)
        client.sends(get("/"))
        running.clock.advance(1000)
        running.peers["a:1"].sends(OK)
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 200 "))

    def test_pieces(self) -> None:
        """A head has its time in all, from its first octet on a connection that was idle."""
        running = run(
            http(server(80).location("/").respond(200), clients=clients(head_timeout=10, keepalive_timeout=50))
        )
        client = running[0]
        client.sends(get("/"))
        client.takes()
        running.clock.advance(49)
        for octet in b"GET / HTT":
            client.sends(bytes((octet,)))
            running.clock.advance(1)
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 408 "))


class LeavingTests(SynchronousTestCase):
    """Clients that leave."""

    def test_over_tls(self) -> None:
        """Over TLS the end of what a client sends is that of what it reads: its request is given up at once."""
        for sent in (get("/"), POST + b"Content-Length: 5\r\n\r\nhe"):
            running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=Handshake())
            client = running[0]
            client.sends(sent)
            self.assertEqual(len(running.peers["a:1"].connections), 1)
            client.half_closes()
            self.assertEqual([each.status for each in running.exchanges], [499])
            self.assertTrue(running.peers["a:1"].is_closed)
            self.assertTrue(client.is_gone)


class ChunkFramingTests(SynchronousTestCase):
    """Chunk framing that can never become right."""

    def test_client(self) -> None:
        """It is answered at once, whether or not its line is complete."""
        for start in (b"x", b"2\rZ", b"2;a\rZ", b"0\r\nX:y\n", b"0\r\n\rZ"):
            client, _ = run(server(80).location("/").proxy_to(upstream("app", "a:1")))
            client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + start)
            self.assertTrue(client.takes().startswith(b"HTTP/1.1 400 "), start)

    def test_peer(self) -> None:
        """The connection to it ends at once, and here nothing of the response was sent yet."""
        for start in (b"x", b"2\rZ", b"2;a\rZ", b"0\r\nX:y\n", b"0\r\n\rZ"):
            client, peers = run(server(80).location("/").proxy_to(upstream("app", "a:1")))
            client.sends(get("/"))
            peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + start)
            self.assertTrue(client.takes().startswith(b"HTTP/1.1 502 "), start)
            self.assertTrue(peers["a:1"].is_closed, start)
