"""Conversations over HTTP/2 in which thousands of small frames come at once: nobody else waits for them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, http2, server, upstream
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.body_pieces import SMALL_FRAMES
from pydsl_proxy.wire.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    WINDOW_UPDATE,
    WORK_PER_TURN,
    ErrorCode,
    frame,
    settings,
)
from pydsl_proxy.wire.http2.hpack_literals import literals
from tests.support.h2 import AGREED, GET, TLS, RawClient
from tests.support.messages import get

POST = ((b":method", b"POST"), *GET[1:])
ONE = frame(DATA, 0, 1, b"x")


class Witness:
    """Another client, whose request comes in the turn of the loop in which a flood does."""

    def __init__(self) -> None:
        self.progress: Callable[[], int] = lambda: 0
        #: How far the flood was when the request was answered.
        self.served_at = -1

    def answer(self, request: object) -> str:
        """What is answered at ``/other``."""
        self.served_at = self.progress()
        return "other"

    def asks(self, running: Running, port: int, progress: Callable[[], int]) -> None:
        """Ask in the next turn."""
        self.progress = progress
        running.clock.callLater(0, running.client(listen=port).sends, get("/other"))


def flooded() -> tuple[Running, RawClient, Witness]:
    """A proxy, a client that will flood it, and another one over HTTP/1.1."""
    witness = Witness()
    web = server(443, tls=TLS).location("/").proxy_to(upstream("app", "a:1"))
    plain = server(80).location("/other").respond(200, witness.answer)
    running = run(http(web, plain, clients=clients(keepalive_requests=10**6)))
    return running, RawClient(running.client(listen=443, handshake=AGREED)), witness


class ClientTests(SynchronousTestCase):
    """What clients send."""

    def upload(self, octets: bytes) -> tuple[Running, RawClient, Witness]:
        """An upload is begun, and goes on with *octets*."""
        running, client, witness = flooded()
        client.asks(1, POST, flags=0)
        peer = running.peers["a:1"].connection
        witness.asks(running, 80, lambda: len(peer.takes()))
        client.sends(octets)
        return running, client, witness

    def test_turns(self) -> None:
        """A read is handled in several turns of the loop, and what comes in one turn goes on in one piece."""
        running, client, witness = self.upload(ONE * 6000 + frame(DATA, END_STREAM, 1, b"y"))
        # At most one turn's of it, in a chunk.
        self.assertLess(witness.served_at, 2 * WORK_PER_TURN)
        self.assertIsNone(client.goaway)
        running.peers["a:1"].answers()
        self.assertEqual(running.peers["a:1"].requests[-1].body, b"x" * 6000 + b"y")

    def test_small_data(self) -> None:
        """Far more of them are a flood, after which nothing is read."""
        more = literals([*GET[:3], (b":path", b"/more")])
        flood = ONE * 100_000 + frame(HEADERS, END_STREAM | END_HEADERS, 3, more)
        _, client, _ = self.upload(flood)
        self.assertIs(client.goaway, ErrorCode.ENHANCE_YOUR_CALM)
        self.assertTrue(client.client.is_closed)

    def test_padded(self) -> None:
        """Padding is nothing of a body."""
        _, client, _ = self.upload(frame(DATA, PADDED, 1, b"\x10x" + bytes(16)) * (SMALL_FRAMES[0] + 2000))
        self.assertIs(client.goaway, ErrorCode.ENHANCE_YOUR_CALM)

    def test_small_messages(self) -> None:
        """Messages of gRPC are none, however short; nor are the ends of large pieces."""
        for pieces in (frame(DATA, 0, 1, bytes(5)), frame(DATA, 0, 1, bytes(300)) + ONE):
            running, client, _ = self.upload(b"")
            for _ in range(SMALL_FRAMES[0] // 500):
                client.sends(pieces * 510)
            self.assertIsNone(client.goaway)
            self.assertEqual([each.target for each in running.exchanges], ["/other"])

    def test_bomb(self) -> None:
        """RFC 7541 7.3: a block that refers 8,000 times to an entry of 4 KB is not read to its end."""
        _, client, _ = flooded()
        entry = client.block([*GET, (b"x", b"y" * 3900)])
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 1, entry))
        bomb = client.block(GET) + b"\xbe" * 8000
        client.sends(frame(HEADERS, END_STREAM | END_HEADERS, 3, bomb) * 160)
        self.assertIs(client.goaway, ErrorCode.ENHANCE_YOUR_CALM)

    def test_long_heads(self) -> None:
        """Heads that are too long, and answered, are handled a few at a time."""
        running, client, witness = flooded()
        block = client.block([*GET, *[(b"x", b"y" * 90)] * 300])
        many = 60
        witness.asks(running, 80, lambda: len(running.exchanges))
        client.sends(b"".join([frame(HEADERS, 5, 2 * number + 1, block) for number in range(many)]))
        self.assertLess(witness.served_at, 20)
        self.assertEqual([each.status for each in running.exchanges if each.status == 431], [431] * many)

    def test_others(self) -> None:
        """So are frames that carry nothing of a body: a flood ends at its limit, and nobody waits meanwhile."""
        for flood in (
            frame(PING, 0, 0, bytes(8)),
            frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
            frame(DATA, 0, 1),
            frame(99, 0, 0),
        ):
            _, client, _ = self.upload(flood * 100_000)
            self.assertIs(client.goaway, ErrorCode.ENHANCE_YOUR_CALM)
        _, client, _ = flooded()
        client.sends(frame(HEADERS, END_STREAM, 1, b"\x82") + frame(CONTINUATION, 0, 1) * 100_000)
        self.assertIs(client.goaway, ErrorCode.ENHANCE_YOUR_CALM)

    def test_reads_late(self) -> None:
        """What waits for a turn waits on while the client does not read what it asked for."""
        _, client, _ = flooded()
        client.client.stops_reading()
        client.sends(frame(PING, 0, 0, bytes(8)) * 990)
        client.client.reads()
        client.take()
        self.assertEqual(len(client.of(PING)), 990)

    def test_leaves(self) -> None:
        """A client that is gone before its turn leaves nothing behind."""
        running, client, _ = flooded()
        client.asks(1, POST, flags=0)
        running.clock.callLater(0, client.client.resets)
        client.sends(ONE * 6000)
        self.assertEqual([each.status for each in running.exchanges], [499])


class PeerTests(SynchronousTestCase):
    """What peers send."""

    def download(self, octets: bytes, size: int = 100_000) -> tuple[Running, Witness]:
        """A response is begun, and goes on with *octets*."""
        witness = Witness()
        app = upstream("app", "a:1", via=http2())
        running = run(server(80).location("/other").respond(200, witness.answer).location("/").proxy_to(app))
        running[0].sends(get("/"))
        peer = running.peers["a:1"].connection
        witness.asks(running, 80, lambda: len(running[0].takes()))
        head = frame(HEADERS, END_HEADERS, 1, literals([(b":status", b"200"), (b"content-length", b"%d" % size)]))
        peer.sends(settings({}) + head + octets)
        return running, witness

    def test_turns(self) -> None:
        """A read is handled in several turns of the loop, and what comes in one turn goes on in one piece."""
        running, witness = self.download(ONE * 6000 + frame(DATA, END_STREAM, 1, bytes(5)), size=6005)
        self.assertLess(witness.served_at, 2 * WORK_PER_TURN)
        self.assertEqual((running.exchanges[-1].cause, running.exchanges[-1].sent), ("", 6005))

    def test_small_data(self) -> None:
        """Far more of them end the response, but not those of other streams."""
        running, _ = self.download(b"")
        other = running.client()
        other.sends(get("/"))
        peer = running.peers["a:1"].connection
        for _ in range(20):
            peer.sends(ONE * 600)
        self.assertEqual(running.exchanges[-1].cause, "bad_body")
        head = frame(HEADERS, END_HEADERS | END_STREAM, 3, literals([(b":status", b"204")]))
        peer.sends(head)
        self.assertIn(b"204", other.takes())

    def test_closes(self) -> None:
        """A peer may close behind what it has sent."""
        running, _ = self.download(b"")
        peer = running.peers["a:1"].connection
        peer.sends(ONE * 6000 + frame(DATA, END_STREAM, 1, bytes(16000)) + frame(DATA, 0, 3))
        self.assertEqual(running.exchanges[-1].cause, "bad_body")
        running, _ = self.download(b"")
        peer = running.peers["a:1"].connection
        peer.sends(ONE * 2000 + frame(DATA, 0, 1, bytes(14000)) * 7)
        peer.resets()
        self.assertEqual(running.exchanges[-1].sent, 100_000)

    def test_closes_before_the_next_request(self) -> None:
        """A request that waits for the end of what a closed connection has sent goes to a new one."""
        app = upstream("app", "a:1", via=http2())
        running = run(server(80).location("/").proxy_to(app))
        running[0].sends(get("/") * 2)
        peer = running.peers["a:1"].connection
        # What is sent next is read in the first turn; the peer resets before the second one.
        running.clock.callLater(0, running.clock.callLater, 0, peer.resets)
        head = frame(HEADERS, END_HEADERS, 1, literals([(b":status", b"200")]))
        peer.sends(settings({}) + head + ONE * 6000 + frame(DATA, END_STREAM, 1, bytes(5)))
        self.assertEqual(running.exchanges[0].cause, "")
        self.assertIsNot(running.peers["a:1"].connection, peer)
        self.assertFalse(running.peers["a:1"].connection.is_closed)
        # And it was not sent to the old one first, to be tried again when that is gone.
        running.peers["a:1"].connection.sends(settings({}) + head + frame(DATA, END_STREAM, 1))
        self.assertEqual(running.exchanges[1].peers, (("a:1", 200),))
