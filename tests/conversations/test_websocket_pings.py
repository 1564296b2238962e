"""Conversations: pings of WebSockets, while one side keeps the other waiting."""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.handlers.asgi.types import Receive, Send
from tests.conversations.test_asgi_websocket import ACCEPT, Scope, only, opened
from tests.conversations.test_http2_websocket import bridged
from tests.conversations.test_websocket import Opened
from tests.support.websockets import BINARY, CLOSE, PING, PONG, TEXT, closing, frame, frames_in

MUCH = bytes(10_000)


def opcodes(frames: list[tuple[int, bytes, bool]]) -> list[int]:
    """What kinds of control frames are among *frames*."""
    return [opcode for opcode, _, _ in frames if opcode >= CLOSE]


class HeldUp(Opened):
    """A WebSocket that is open on both sides, with pings every 20 seconds; at 20 both were pinged."""

    def __init__(self, *, idle: float = 1000) -> None:
        super().__init__(server(80).location("/").timeouts(idle=idle).websocket_to("a:1"))
        self.clock = self.running.clock
        self.clock.advance(20)
        assert opcodes(self.to_client()) == opcodes(self.to_peer()) == [PING]

    def peer_stops(self) -> None:
        """The peer does not read what the client sends, so the client is not read either."""
        self.peer.stops_reading()
        for _ in range(100):
            self.client.sends(frame(BINARY, MUCH, masked=True))
        assert self.client.unread

    def client_stops(self) -> None:
        """And the other way round."""
        self.client.stops_reading()
        for _ in range(100):
            self.peer.sends(frame(BINARY, MUCH))
        assert self.peer.unread

    def answer(self, *, client: bool = True, peer: bool = True) -> None:
        """Send the pongs."""
        if client:
            self.client.sends(frame(PONG, masked=True))
        if peer:
            self.peer.sends(frame(PONG))

    @property
    def cause(self) -> str:
        """Why it has ended; nothing while it is open."""
        if self.client.is_closed and not self.running.exchanges:
            self.client.closes()
        return self.running.exchanges[0].cause if self.running.exchanges else ""


class BridgeHeldUpTests(SynchronousTestCase):
    """A pong is awaited only while it could come: while its side is read, and takes what is sent to it."""

    def test_client_unread(self) -> None:
        """A client that is not read because its peer is slow may have answered."""
        held = HeldUp()
        held.answer()
        held.peer_stops()
        held.clock.advance(20)
        held.answer()
        held.clock.advance(200)
        self.assertEqual(held.cause, "")
        held.peer.reads()
        self.assertEqual(held.client.unread, 0)
        self.assertEqual(sum(len(payload) for _, payload, _ in held.to_peer()), 100 * len(MUCH))

    def test_peer_unread(self) -> None:
        """So may a peer whose client is slow."""
        held = HeldUp()
        held.answer()
        held.client_stops()
        held.clock.advance(20)
        held.answer()
        held.clock.advance(35)
        self.assertEqual(held.cause, "")
        held.client.reads()
        self.assertEqual(held.peer.unread, 0)
        self.assertEqual(sum(len(payload) for _, payload, _ in held.to_client()), 100 * len(MUCH))

    def test_stands_still(self) -> None:
        """The time goes on where it stood, for both sides: pinged at 20, they have until 60 if 20 s are not theirs."""
        for stop, go_on in ((HeldUp.peer_stops, "peer"), (HeldUp.client_stops, "client")):
            for began, ended in ((25, 45), (39, 59), (20, 40)):
                held = HeldUp()
                held.clock.advance(began - 20)
                stop(held)
                held.clock.advance(ended - began)
                getattr(held, go_on).reads()
                held.to_client(), held.to_peer()
                held.clock.advance(60 - ended - 0.5)
                self.assertEqual((held.cause, held.to_client(), held.to_peer()), ("", [], []))
                held.clock.advance(0.5)
                # One of them has sent messages.
                self.assertEqual(held.cause, "ping_timeout")

    def test_within(self) -> None:
        """It stands still, too, if all goes on again before the time is over."""
        held = HeldUp()
        held.clock.advance(5)
        for _ in range(2):
            held.peer_stops()
            held.clock.advance(4)
            held.peer.reads()
            held.clock.advance(1)
        held.clock.advance(12.5)
        self.assertEqual(held.cause, "")
        held.clock.advance(0.5)
        self.assertEqual(held.cause, "ping_timeout")

    def test_goes_on(self) -> None:
        """After that pings are sent as before."""
        held = HeldUp()
        held.answer()
        held.peer_stops()
        held.clock.advance(50)
        held.peer.reads()
        held.to_peer(), held.to_client()
        for _ in range(3):
            held.clock.advance(20)
            self.assertEqual((opcodes(held.to_client()), opcodes(held.to_peer())), ([PING], [PING]))
            held.answer()
        held.clock.advance(20)
        held.answer(client=False)
        held.clock.advance(20)
        self.assertEqual(held.cause, "ping_timeout")

    def test_idle(self) -> None:
        """What never goes on again ends as silence does."""
        held = HeldUp(idle=100)
        held.answer()
        held.peer_stops()
        held.clock.advance(99)
        self.assertEqual(held.cause, "")
        held.clock.advance(1)
        self.assertEqual(opcodes(held.to_client()), [CLOSE])
        held.clock.advance(5)
        self.assertEqual(held.cause, "tunnel_idle")

    def test_silence_between_pings(self) -> None:
        """That silence is looked for between two pings shortens no time for a pong."""
        held = HeldUp(idle=30)
        held.clock.advance(5)
        held.client.sends(frame(TEXT, b"a", masked=True))
        held.clock.advance(5)
        self.assertEqual(held.cause, "")
        self.assertNotIn(PING, opcodes(held.to_client()))
        held.clock.advance(9.5)
        self.assertEqual(held.cause, "")
        held.clock.advance(0.5)
        self.assertEqual(held.cause, "ping_timeout")

    def test_closing(self) -> None:
        """The time for a closing handshake does not stand still, nor is anybody pinged in it."""
        held = HeldUp()
        held.peer_stops()
        held.clock.advance(25)
        held.peer.sends(closing(1000))
        held.clock.advance(4)
        held.peer.reads()
        held.to_peer()
        held.clock.advance(0.5)
        self.assertEqual(opcodes(held.to_client()), [CLOSE])
        self.assertEqual(held.cause, "")
        held.clock.advance(0.5)
        self.assertTrue(held.client.is_closed and held.peer.is_closed)

    def test_no_pings(self) -> None:
        """Without pings nothing is awaited, held up or not."""
        opened = Opened(server(80).location("/").timeouts(idle=100).websocket_to("a:1", ping=None))
        opened.peer.stops_reading()
        for _ in range(100):
            opened.client.sends(frame(BINARY, MUCH, masked=True))
        opened.running.clock.advance(50)
        opened.peer.reads()
        opened.to_peer()
        opened.running.clock.advance(99.5)
        self.assertEqual(opened.to_client(), [])
        opened.running.clock.advance(0.5)
        self.assertEqual(opcodes(opened.to_client()), [CLOSE])


class Http2HeldUpTests(SynchronousTestCase):
    """The same where the client's connection is one of HTTP/2, on whose streams room alone holds it up."""

    def test_client_unread(self) -> None:
        """A client that is given no room for its pong is not cut off."""
        client, peers, running, stream = bridged()
        peers["a:1"].stops_reading()
        message = frame(BINARY, MUCH, masked=True)
        while client.h2.local_flow_control_window(stream) >= len(message):
            client.send(stream, message)
        running.clock.advance(200)
        client.flush()
        self.assertEqual((client.answers[stream].ended, running.exchanges), (False, []))
        peers["a:1"].reads()
        client.flush()
        self.assertGreater(client.h2.local_flow_control_window(stream), len(message))
        # They have been pinged, and have all of their time.
        running.clock.advance(39.5)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(0.5)
        client.flush()
        self.assertEqual([each.cause for each in running.exchanges], ["ping_timeout"])

    def test_peer_unread(self) -> None:
        """Nor is the peer of a client that makes no room, or the client."""
        client, peers, running, stream = bridged()
        client.takes = False
        for _ in range(100):
            peers["a:1"].sends(frame(BINARY, MUCH))
        client.flush()
        self.assertTrue(peers["a:1"].unread)
        running.clock.advance(50)
        client.flush()
        self.assertEqual((client.answers[stream].ended, running.exchanges), (False, []))


class ApplicationHeldUpTests(SynchronousTestCase):
    """And where an application is the other side."""

    def test_client_unread(self) -> None:
        """A client is not cut off while the application does not receive."""
        told: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(100)
            while (message := await receive())["type"] == "websocket.receive":
                pass
            told.append(message["code"])

        client, running = opened(only(answer))
        for _ in range(30):
            client.sends(frame(TEXT, b"", masked=True) * 100)
        client.sends(frame(PONG, masked=True))
        self.assertTrue(client.unread)
        running.clock.advance(99.5)
        self.assertEqual((client.is_closed, running.exchanges), (False, []))
        running.clock.advance(0.5)
        self.assertEqual((client.is_closed, client.unread), (False, 0))
        # From then on there are pings, and their time.
        running.clock.advance(19.5)
        self.assertEqual(opcodes(frames_in(client.takes())), [])
        running.clock.advance(0.5)
        self.assertEqual(opcodes(frames_in(client.takes())), [PING])
        running.clock.advance(20)
        self.assertEqual((running.exchanges[-1].cause, told), ("ping_timeout", [1006]))

    def test_slow_client(self) -> None:
        """Nor while it has yet to take what was sent before: pinged at 20, it has until 70 if 30 s are not its own."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(35)
            await send({"type": "websocket.send", "bytes": bytes(500_000)})
            await receive()

        client, running = opened(only(answer))
        running.clock.advance(20)
        self.assertEqual(opcodes(frames_in(client.takes())), [PING])
        client.stops_reading()
        running.clock.advance(45)
        client.reads()
        running.clock.advance(4.5)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(0.5)
        self.assertEqual(running.exchanges[-1].cause, "ping_timeout")
