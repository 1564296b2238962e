"""Conversations: WebSockets on which thousands of small frames come at once; other clients do not wait for them."""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import WebSocketMessage, close_websocket, server
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Client, Running
from pydsl_proxy.testing.endpoint import End
from tests.conversations.test_http2_websocket import asked
from tests.conversations.test_websocket import SITE, Opened, grant
from tests.conversations.test_websocket_attacks import masked
from tests.support.h2 import TLS
from tests.support.messages import get
from tests.support.websockets import BINARY, CLOSE, PING, PONG, TEXT, closing, frame

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
# So many frames cost some 0.1 s.
MANY = 4000
ONE = masked(BINARY, b"b")
POLICY = (CLOSE, b"\x03\xf0too many messages", True)


def bomb(size: int) -> bytes:
    """A deflated message of *size* zeros."""
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return masked(BINARY, (deflater.compress(bytes(size)) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv=4)


class Witness:
    """Another client, whose request comes in the turn of the loop in which a flood does."""

    def __init__(self, running: Running, progress: Callable[[], int]) -> None:
        client: Client = running.client()
        running.clock.callLater(0, client.sends, get("/other"))
        self.progress = progress
        #: How far the flood was when the request was answered.
        self.served_at = -1


def watched(site: Server, *fields: str) -> tuple[Opened, Callable[[Callable[[], int]], Witness]]:
    """A WebSocket at ``/``, and what makes a witness, who is answered at ``/other``."""
    witnesses: list[Witness] = []

    def answer(request: object) -> str:
        for each in witnesses:
            each.served_at = each.progress()
        return "other"

    opened = Opened(site.location("/other").respond(200, answer), *fields)

    def make(progress: Callable[[], int]) -> Witness:
        witnesses.append(Witness(opened.running, progress))
        return witnesses[-1]

    return opened, make


class FairTests(SynchronousTestCase):
    """In one turn of the loop a bounded number of frames is parsed; the rest waits, and nothing is lost."""

    def waits(self, data: bytes, whole: int, received: Callable[[Opened], int], *, by_peer: bool = False) -> None:
        """Of *data* less than a tenth has passed when another client is served, and all of it, *whole*, in the end."""
        opened, make = watched(SITE, OFFER)
        witness = make(lambda: received(opened))
        (opened.peer if by_peer else opened.client).sends(data)
        self.assertGreaterEqual(witness.served_at, 0)
        self.assertLess(witness.served_at, whole / 10)
        self.assertEqual(received(opened), whole)

    def test_messages(self) -> None:
        """Messages of one byte."""
        self.waits(ONE * MANY, MANY * 7, lambda opened: len(opened.peer.received))

    def test_messages_of_the_peer(self) -> None:
        """A peer is no better than a client."""
        self.waits(
            frame(BINARY, b"b") * MANY,
            MANY,
            lambda opened: opened.client.received.count(b"\x82\x01b") + opened.client.received.count(b"\xc2"),
            by_peer=True,
        )

    def test_fragments(self) -> None:
        """Fragments of one byte."""
        data = masked(BINARY, b"b", fin=False) + masked(0, b"b", fin=False) * (MANY - 1)
        self.waits(data, MANY * 7, lambda opened: len(opened.peer.received))

    def test_pings(self) -> None:
        """Pings, each of which is answered."""
        self.waits(masked(PING, b"b") * MANY, MANY * 3, lambda opened: len(opened.client.received))

    def test_bomb(self) -> None:
        """A small message that is a large one without deflate."""
        size = 30_000_000
        opened, make = watched(SITE, OFFER)
        witness = make(lambda: len(opened.peer.received))
        opened.client.sends(bomb(size))
        self.assertGreaterEqual(witness.served_at, 0)
        self.assertLess(witness.served_at, size / 10)
        self.assertEqual(sum(len(payload) for _, payload, _ in opened.to_peer()), size)

    def test_order(self) -> None:
        """All of it passes in order, whatever else comes meanwhile, and the close at its end."""
        opened = Opened()
        messages = [b"%d" % number for number in range(MANY)]
        opened.client.sends(b"".join(masked(TEXT, each) for each in messages) + closing(4001, masked=True))
        self.assertEqual([payload for _, payload, _ in opened.to_peer()], [*messages, b"\x0f\xa1"])
        self.assertTrue(opened.client.is_closed)

    def test_end_behind(self) -> None:
        """An end that comes with many messages is behind them: none is lost, whichever side ends."""
        for by_peer in (False, True):
            opened = Opened()
            sends = opened.peer.connections[-1] if by_peer else opened.client
            one = frame(BINARY, b"b") if by_peer else ONE

            def send_and_end(sends: End = sends, one: bytes = one) -> None:
                sends.sends(one * MANY)
                sends.half_closes()

            opened.running.clock.callLater(0, send_and_end)
            opened.running.clock.advance(0)
            frames = opened.to_client() if by_peer else opened.to_peer()
            self.assertEqual(len(frames), MANY + 1)
            self.assertEqual(frames[-1][1][:2], b"\x03\xf3" if by_peer else b"\x03\xe9")

    def test_end_behind_a_slow_client(self) -> None:
        """So it is with what a client has not taken when the peer ends, however long it takes."""
        opened = Opened()
        opened.client.stops_reading()
        opened.peer.sends(frame(BINARY, bytes(1000)) * 500)
        opened.peer.closes()
        opened.running.clock.advance(25)
        opened.client.sends(masked(PONG))
        opened.client.reads()
        frames = [each for each in opened.to_client() if each[0] != PING]
        self.assertEqual(sum(len(payload) for opcode, payload, _ in frames if opcode != CLOSE), 500_000)
        self.assertEqual(frames[-1][1][:2], b"\x03\xf3")

    def test_memory(self) -> None:
        """What waits is one read, however much is sent."""
        opened = Opened()
        opened.client.sends(ONE * 100)
        opened.peer.takes()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(5):
            opened.client.sends(ONE * 1000)
            opened.peer.takes()
        kept = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(False, "*/testing/*"), tracemalloc.Filter(False, "*/tests/*")]
        )
        self.assertLess(sum(each.size for each in kept.traces), 100_000)

    def test_stream(self) -> None:
        """The same on a stream of HTTP/2, whose other streams go on; each DATA frame may be one message."""
        seen: list[object] = []
        at: list[int] = []

        def hook(message: WebSocketMessage) -> None:
            seen.append(message.data)

        def answer(request: object) -> str:
            at.append(len(seen))
            return "other"

        site = server(443, tls=TLS).location("/bridge").websocket_to("a:1", on_message=hook)
        client, peers, _, stream = asked("/bridge", config=site.location("/other").respond(200, answer))
        peers["a:1"].sends(grant(peers["a:1"].takes()))
        client.flush()
        for _ in range(8):
            client.h2.send_data(stream, ONE * 500)
        client.h2.end_stream(stream)
        client.begin(target="/other")
        client.flush()
        self.assertEqual(len(seen), 4000)
        self.assertLess(at[0], 400)


class LimitTests(SynchronousTestCase):
    """What a location allows holds for all that costs as much as a message; after that nothing is parsed."""

    def refused(self, flood: bytes, **options: object) -> Opened:
        """A WebSocket that is closed for *flood*."""
        opened = Opened(server(80).location("/").websocket_to("a:1", **options))  # type: ignore[arg-type]
        opened.client.sends(flood)
        return opened

    def test_rate(self) -> None:
        """Messages, fragments, pings and pongs count; the connection ends with the close (RFC 6455 7.1.7)."""
        begun = masked(BINARY, b"b", fin=False)
        for flood in (
            ONE * 200,
            begun + masked(0, b"b", fin=False) * 200,
            begun + masked(0, b"", fin=False) * 200,
            masked(PING, b"b") * 200,
            masked(PONG, b"b") * 200,
        ):
            # A ping behind it is not answered, nor is a close looked at.
            opened = self.refused(flood + masked(PING, b"?") + closing(1000, masked=True), message_rate="20/s")
            frames = opened.to_client()
            self.assertEqual(frames[-1], POLICY, flood[:20])
            self.assertLessEqual(len(frames), 11)
            self.assertTrue(opened.client.is_closed)
            passed = opened.to_peer()
            self.assertLessEqual(len(passed), 11)
            self.assertEqual(passed[-1], POLICY)
            opened.client.closes()
            opened.running.clock.advance(6)
            self.assertEqual([each.cause for each in opened.running.exchanges], ["message_rate"])
            self.assertTrue(opened.peer.is_closed)

    def test_large_fragments(self) -> None:
        """A fragment of some size does not count: browsers cut large messages."""
        data = masked(BINARY, bytes(2000), fin=False) + masked(0, bytes(2000), fin=False) * 100
        opened = self.refused(data, message_rate="20/s")
        self.assertEqual(opened.to_client(), [])
        self.assertEqual(sum(len(payload) for _, payload, _ in opened.to_peer()), 202_000)

    def test_answers(self) -> None:
        """A pong that answers a ping of ours does not count."""
        opened = self.refused(b"", message_rate="1/m", burst=1)
        for _ in range(5):
            opened.running.clock.advance(20)
            self.assertEqual(opened.to_client(), [(PING, b"", True)])
            opened.client.sends(masked(PONG))
            opened.peer.sends(frame(PONG))
        opened.client.sends(ONE)
        self.assertEqual(opened.to_client(), [])

    def test_max_message(self) -> None:
        """A message that is too large ends it at once: nothing behind it is answered, and no hook sees it."""
        seen: list[object] = []

        def hook(message: WebSocketMessage) -> object:
            seen.append(message.data)
            return message.data

        flood = masked(BINARY, bytes(101)) + masked(PING, b"?") + ONE * 200
        opened = self.refused(flood, max_message=100, on_message=hook)
        [(opcode, payload, _)] = opened.to_client()
        self.assertEqual((opcode, payload[:2]), (CLOSE, b"\x03\xf1"))
        self.assertTrue(opened.client.is_closed)
        self.assertEqual(seen, [])
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xe9", True)])

    def test_peer_fails(self) -> None:
        """A peer that breaks the protocol is heard no more either."""
        opened = Opened()
        opened.peer.sends(frame(3) + frame(PING, b"?") + frame(TEXT, b"late"))
        self.assertEqual([(opcode, payload[:2]) for opcode, payload, _ in opened.to_peer()], [(CLOSE, b"\x03\xea")])
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xf3", True)])
        opened.running.clock.advance(6)
        self.assertTrue(opened.peer.is_closed)

    def test_after_a_verdict(self) -> None:
        """A function that has closed the WebSocket is asked of nothing more, though the client's close is awaited."""
        seen: list[object] = []

        def hook(message: WebSocketMessage) -> object:
            seen.append(message.data)
            return close_websocket(4000)

        opened = self.refused(ONE * 200, on_message=hook)
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x0f\xa0", True)])
        self.assertEqual(seen, [b"b"])
        self.assertFalse(opened.client.is_closed)
        opened.client.sends(closing(4000, masked=True))
        self.assertTrue(opened.client.is_closed)
