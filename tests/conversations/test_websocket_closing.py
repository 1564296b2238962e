"""Conversations: the closing handshakes of WebSockets of which one side was held up by the other."""

from __future__ import annotations

import asyncio

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http
from pydsl_proxy.handlers.asgi.types import Receive, Send
from pydsl_proxy.testing import Client, Running
from tests.conversations.test_asgi_websocket import ACCEPT, Scope, only, opened
from tests.conversations.test_websocket import SITE, Opened
from tests.support.asgi_apps import Message
from tests.support.websockets import BINARY, CLOSE, TEXT, closing, frame, frames_in

MUCH = bytes(10_000)
APPLICATION_CLOSES: Message = {"type": "websocket.close", "code": 4001, "reason": "enough"}


def flood(client: Client) -> None:
    """Send messages until the client is not read any more, and then some, the last of them a close."""
    for _ in range(100):
        client.sends(frame(TEXT, b"", masked=True) * 100)
    client.sends(closing(4001, masked=True))
    assert client.unread


def codes(data: bytes) -> list[bytes]:
    """The codes of the closes in what was received."""
    return [payload[:2] for opcode, payload, _ in frames_in(data) if opcode == CLOSE]


class ApplicationTests(SynchronousTestCase):
    """A client that was not read because the application does not receive is read again once that has closed."""

    def test_closed(self) -> None:
        """What the client still sends is dropped, so that its close is seen at once."""
        codes_told: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(10)
            await send(APPLICATION_CLOSES)
            await asyncio.sleep(10)
            while (message := await receive())["type"] == "websocket.receive":
                pass
            codes_told.append(message["code"])

        client, running = opened(only(answer))
        flood(client)
        running.clock.advance(10)
        self.assertEqual(codes(client.takes()), [(4001).to_bytes(2, "big")])
        self.assertEqual((client.is_closed, client.unread), (True, 0))
        self.assertEqual([(each.status, each.cause) for each in running.exchanges], [(101, "")])
        running.clock.advance(10)
        self.assertEqual(codes_told, [4001])

    def test_otherwise(self) -> None:
        """So it is if the application returns or raises."""
        for error in (None, ZeroDivisionError()):

            async def answer(scope: Scope, receive: Receive, send: Send, error: Exception | None = error) -> None:
                await receive()
                await send(ACCEPT)
                await asyncio.sleep(10)
                if error is not None:
                    raise error

            client, running = opened(only(answer))
            flood(client)
            running.clock.advance(10)
            self.assertEqual(codes(client.takes()), [(1000 if error is None else 1011).to_bytes(2, "big")])
            self.assertTrue(client.is_closed)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), error is not None)

    def test_without_end(self) -> None:
        """A client that goes on sending and does not close has its five seconds."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(10)
            await send(APPLICATION_CLOSES)

        client, running = opened(only(answer))
        message = frame(BINARY, MUCH, masked=True)
        for _ in range(100):
            client.sends(message)
        running.clock.advance(10)
        for _ in range(100):
            client.sends(message)
        self.assertEqual((client.unread, client.is_closed), (0, False))
        running.clock.advance(5)
        self.assertTrue(client.is_closed)


class BridgeTests(SynchronousTestCase):
    """A side that was not read because the other one is slow is read again once it was sent a close."""

    def test_peer_closes(self) -> None:
        """The client's answer to the close of a peer that does not read is seen at once."""
        opened = Opened()
        opened.peer.stops_reading()
        for _ in range(100):
            opened.client.sends(frame(BINARY, MUCH, masked=True))
        opened.client.sends(closing(1000, masked=True))
        self.assertTrue(opened.client.unread)
        opened.peer.sends(closing(1000))
        self.assertEqual(codes(opened.client.takes()), [b"\x03\xe8"])
        self.assertEqual((opened.client.is_closed, opened.client.unread), (True, 0))

    def test_client_closes(self) -> None:
        """And the answer of a peer to that of a client that does not read."""
        opened = Opened()
        opened.client.stops_reading()
        for _ in range(100):
            opened.peer.sends(frame(BINARY, MUCH))
        opened.peer.sends(closing(1000))
        self.assertTrue(opened.peer.unread)
        opened.client.sends(closing(1000, masked=True))
        self.assertEqual(codes(opened.peer.takes()), [b"\x03\xe8"])
        self.assertEqual(opened.peer.unread, 0)

    def stopped(self) -> tuple[Opened, Running]:
        """One whose proxy is stopped while the peer does not read."""
        opened = Opened(http(SITE, shutdown_grace=30))
        opened.peer.stops_reading()
        for _ in range(100):
            opened.client.sends(frame(BINARY, MUCH, masked=True))
        opened.running.stop()
        opened.running.clock.advance(5)
        return opened, opened.running

    def test_proxy_closes(self) -> None:
        """Both are sent the code with which the proxy closes, though the client's answer was here before."""
        opened, running = self.stopped()
        self.assertEqual(codes(opened.client.takes()), [b"\x03\xf4"])
        self.assertEqual((opened.client.unread, opened.client.is_closed), (0, False))
        opened.client.sends(closing(1012, masked=True))
        self.assertTrue(opened.client.is_closed)
        opened.client.closes()
        opened.peer.reads()
        self.assertEqual(codes(opened.peer.takes()), [b"\x03\xf4"])
        opened.peer.sends(closing(1012))
        opened.peer.closes()
        self.assertTrue(running.is_stopped)

    def test_answered_before(self) -> None:
        """A client's close that waits behind its messages ends it without another turn of the clock."""
        opened = Opened(http(SITE, shutdown_grace=30))
        opened.peer.stops_reading()
        for _ in range(100):
            opened.client.sends(frame(BINARY, MUCH, masked=True))
        opened.client.sends(closing(4000, masked=True))
        opened.running.stop()
        opened.running.clock.advance(5)
        self.assertTrue(opened.client.is_closed)
        opened.peer.reads()
        self.assertEqual(codes(opened.peer.takes()), [b"\x03\xf4"])
