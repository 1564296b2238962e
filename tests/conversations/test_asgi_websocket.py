"""WebSockets of ASGI applications: the handshake, messages both ways, and how they end."""

from __future__ import annotations

import asyncio
import zlib
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server
from pydsl_proxy.handlers.asgi.types import Application, Receive, Send
from pydsl_proxy.testing import Client, Running, run
from tests.support.asgi_apps import Message
from tests.support.messages import get
from tests.support.websockets import (
    ASK,
    ASKED,
    BINARY,
    CLOSE,
    GRANTED,
    KEY,
    PING,
    PONG,
    TEXT,
    closing,
    frame,
    frames_in,
)

Scope = dict[str, object]
ACCEPT: Message = {"type": "websocket.accept"}


def only(answer: Application) -> Application:
    """An application without a lifespan, which takes WebSockets alone."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise ValueError(f"no {scope['type']}")
        await answer(scope, receive, send)

    return application


def sending(*messages: Message) -> Application:
    """One that sends these messages, and returns."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        for message in messages:
            await send(message)

    return only(answer)


class Echo:
    """One that accepts, answers each message with itself, and keeps all that it receives."""

    def __init__(self) -> None:
        self.received: list[dict[str, object]] = []
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise ValueError(f"no {scope['type']}")
        self.scopes.append(scope)
        while True:
            message = await receive()
            self.received.append(message)
            if message["type"] == "websocket.connect":
                await send(ACCEPT)
            elif message["type"] == "websocket.receive":
                await send({**message, "type": "websocket.send"})
            else:
                return


def opened(application: Application, **terms: int) -> tuple[Client, Running]:
    """A client whose WebSocket is open."""
    running = run(server(80).location("/").asgi(application, **terms))
    client = running[0]
    client.sends(ASK)
    client.takes()
    return client, running


def received(client: Client) -> list[tuple[int, bytes, bool]]:
    """The frames that have come."""
    return frames_in(client.takes())


class HandshakeTests(SynchronousTestCase):
    """What the application is told, and how it accepts or refuses."""

    def test_scope(self) -> None:
        """The request, as that of any other, and what the client has offered."""
        echo = Echo()
        running = run(server(80).location("/app/").asgi(echo))
        running[0].sends(get("/app/a?b=c", *ASKED, "Sec-WebSocket-Protocol: chat, superchat"))
        scope = echo.scopes[0]
        headers = dict(cast("list[tuple[bytes, bytes]]", scope.pop("headers")))
        self.assertEqual(headers[b"sec-websocket-key"], KEY.encode())
        self.assertEqual(
            scope,
            {
                "type": "websocket",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "scheme": "ws",
                "path": "/app/a",
                "raw_path": b"/app/a",
                "query_string": b"b=c",
                "root_path": "/app",
                "client": ("127.0.0.1", 50001),
                "server": ("127.0.0.1", 80),
                "subprotocols": ["chat", "superchat"],
                "extensions": {"websocket.http.response": {}},
                "state": {},
            },
        )

    def test_accepts(self) -> None:
        """101, with its subprotocol and fields of its own, and those of the location."""
        message = {**ACCEPT, "subprotocol": "chat", "headers": [(b"x-a", b"1")]}
        running = run(server(80).set_response_header("X-B", "2").location("/").asgi(sending(message)))
        running[0].sends(get("/", *ASKED, "Sec-WebSocket-Protocol: chat"))
        head, _, rest = running[0].takes().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        for line in (*GRANTED, "Sec-WebSocket-Protocol: chat", "x-a: 1", "X-B: 2"):
            self.assertIn(line, lines)
        self.assertEqual(frames_in(rest), [(CLOSE, b"\x03\xe8", True)])

    def test_refuses(self) -> None:
        """A close before it has accepted is 403."""
        running = run(server(80).location("/").asgi(sending({"type": "websocket.close"})))
        running[0].sends(ASK)
        self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 403 "))
        self.assertEqual(running.exchanges[-1].cause, "bad_handshake")

    def test_denies(self) -> None:
        """With a response of its own: its head and body are what the client gets; the connection goes on."""
        begin: Message = {"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"who")]}
        last: Message = {"type": "websocket.http.response.body", "body": b"you"}
        more: Message = {"type": "websocket.http.response.body", "body": b"who are ", "more_body": True}
        head = "HTTP/1.1 401 Unauthorized\r\nx-why: who\r\n"
        for messages, expected in (
            ((begin, last), "Content-Length: 3\r\n\r\nyou"),
            ((begin, more, last), "Transfer-Encoding: chunked\r\n\r\n8\r\nwho are \r\n3\r\nyou\r\n0\r\n\r\n"),
        ):
            running = run(server(80).location("/").asgi(sending(*messages)))
            running[0].sends(ASK)
            running[0].expects((head + expected).encode())
            self.assertFalse(running[0].is_closed)
            self.assertEqual([(each.status, each.cause) for each in running.exchanges], [(401, "")])

    def test_denies_badly(self) -> None:
        """A status that would grant it is a mistake, as what is not complete, and what comes behind."""
        begin: Message = {"type": "websocket.http.response.start", "status": 403}
        last: Message = {"type": "websocket.http.response.body", "body": b"no"}
        for messages, error, status in (
            (({**begin, "status": 200}, last), ValueError, 500),
            ((begin,), RuntimeError, 500),
            ((begin, ACCEPT), RuntimeError, 500),
            ((last,), RuntimeError, 500),
            ((begin, last, last), RuntimeError, 403),
            (({**begin, "headers": [(b"content-length", b"3")]}, last), ValueError, 403),
        ):
            running = run(server(80).location("/").asgi(sending(*cast("tuple[Message, ...]", messages))))
            running[0].sends(ASK)
            self.assertEqual(running[0].takes()[9:12], b"%d" % status, messages)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1, messages)

    def test_no_handshake(self) -> None:
        """A request that is not sound is refused; one for something else is one of HTTP."""
        echo = Echo()
        running = run(server(80).location("/").asgi(echo))
        running[0].sends(get("/", *ASKED[:2], "Sec-WebSocket-Version: 12", ASKED[3]))
        self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 426 "))
        self.assertEqual(running.client().request("GET").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(echo.scopes, [])

    def test_mistakes(self) -> None:
        """What breaks the specification before the 101 is 500, and logged."""
        for messages, error in (
            ((), RuntimeError),
            (({"type": "websocket.send", "text": "a"},), RuntimeError),
            (({"type": "http.response.start", "status": 200},), RuntimeError),
            (({**ACCEPT, "subprotocol": "chat"},), ValueError),
            (({**ACCEPT, "headers": [(b"a", b"b\r\nc: d")]},), ValueError),
            (({**ACCEPT, "headers": [(b"Sec-WebSocket-Protocol", b"b")]},), ValueError),
            (({"type": "websocket.close", "code": 1006},), ValueError),
        ):
            running = run(server(80).location("/").asgi(sending(*cast("tuple[Message, ...]", messages))))
            running[0].sends(ASK)
            self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 500 "), messages)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1, messages)

    def test_user_function_raises(self) -> None:
        """A response field that cannot be computed is 500, and the application is told that the client is gone."""
        echo = Echo()

        def bad(request: object) -> str:
            raise ZeroDivisionError

        running = run(server(80).set_response_header("X-A", bad).location("/").asgi(echo))
        running[0].sends(ASK)
        self.assertTrue(running[0].takes().startswith(b"HTTP/1.1 500 "))
        self.assertEqual(echo.received[-1]["type"], "websocket.disconnect")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_leaves(self) -> None:
        """A client that leaves before it was accepted is one that has disconnected."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            seen.append(await receive())
            await send(ACCEPT)

        running = run(server(80).location("/").asgi(only(answer)))
        running[0].sends(ASK)
        running[0].closes()
        self.assertEqual(seen, [{"type": "websocket.disconnect", "code": 1006, "reason": ""}])
        self.assertEqual(running.exchanges[-1].status, 499)


class MessageTests(SynchronousTestCase):
    """Text and bytes, whole."""

    def test_echo(self) -> None:
        """Each arrives as what it is; fragments are put together."""
        echo = Echo()
        client, _ = opened(echo)
        for opcode, data in ((TEXT, "grüße".encode()), (BINARY, bytes(300)), (TEXT, b""), (BINARY, bytes(70_000))):
            client.sends(frame(opcode, data, masked=True))
            self.assertEqual(received(client), [(opcode, data, True)])
        client.sends(frame(TEXT, b"one ", masked=True, fin=False) + frame(0, b"two", masked=True))
        self.assertEqual(received(client), [(TEXT, b"one two", True)])
        self.assertEqual(echo.received[1], {"type": "websocket.receive", "text": "grüße"})
        self.assertEqual(echo.received[2], {"type": "websocket.receive", "bytes": bytes(300)})

    def test_ping(self) -> None:
        """Pings are answered by the proxy, which sends its own; who answers none is cut off."""
        echo = Echo()
        client, running = opened(echo)
        client.sends(frame(PING, b"a", masked=True))
        self.assertEqual(received(client), [(PONG, b"a", True)])
        running.clock.advance(20)
        self.assertEqual([each[0] for each in received(client)], [PING])
        running.clock.advance(20)
        self.assertEqual((client.is_closed, running.exchanges[-1].cause), (True, "ping_timeout"))
        self.assertEqual(echo.received[-1], {"type": "websocket.disconnect", "code": 1006, "reason": ""})

    def test_too_large(self) -> None:
        """A message beyond its bound is closed with 1009, and the application told so."""
        echo = Echo()
        client, _ = opened(echo, max_message=1000)
        client.sends(frame(TEXT, bytes(1001), masked=True))
        [(opcode, payload, _)] = received(client)
        self.assertEqual((opcode, payload[:2]), (CLOSE, (1009).to_bytes(2, "big")))
        self.assertEqual((echo.received[-1]["type"], echo.received[-1]["code"]), ("websocket.disconnect", 1009))

    def test_not_utf8(self) -> None:
        """Text that is none is closed with 1007."""
        client, _ = opened(Echo())
        client.sends(frame(TEXT, b"\xff", masked=True))
        self.assertEqual(received(client)[0][1][:2], (1007).to_bytes(2, "big"))

    def test_mistakes(self) -> None:
        """A message that is neither text nor bytes ends the WebSocket with 1011; those before it were sent."""
        bad: list[Message] = [
            {"type": "websocket.send"},
            {"type": "websocket.send", "text": "a", "bytes": b"b"},
            {"type": "websocket.send", "text": b"a"},
            ACCEPT,
        ]
        for message in bad:
            application = sending(ACCEPT, {"type": "websocket.send", "text": "a"}, message)
            client, _ = run(server(80).location("/").asgi(application))
            client.sends(ASK)
            frames = frames_in(client.takes().partition(b"\r\n\r\n")[2])
            self.assertEqual(frames, [(TEXT, b"a", True), (CLOSE, (1011).to_bytes(2, "big"), True)])
            self.assertEqual(len(self.flushLoggedErrors(TypeError, RuntimeError)), 1)

    def test_slow_client(self) -> None:
        """A client that does not read stops the application."""
        sent: list[int] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while len(sent) < 10_000:
                await send({"type": "websocket.send", "bytes": bytes(10_000)})
                sent.append(1)
            await asyncio.sleep(1000)

        running = run(server(80).location("/").asgi(only(answer)))
        running[0].stops_reading()
        running[0].sends(ASK)
        self.assertLess(len(sent), 40)
        running[0].reads()
        self.assertEqual(len(sent), 10_000)

    def test_slow_application(self) -> None:
        """An application that does not receive stops the client, be its messages empty."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await asyncio.sleep(10)
            got = 0
            while got < 3000:
                got += (await receive())["type"] == "websocket.receive"
            await send({"type": "websocket.close"})

        client, running = opened(only(answer))
        for _ in range(30):
            client.sends(frame(TEXT, b"", masked=True) * 100)
        self.assertGreater(client.unread, 5_000)
        running.clock.advance(10)
        self.assertEqual(client.unread, 0)
        self.assertEqual(received(client), [(CLOSE, b"\x03\xe8", True)])


class EndTests(SynchronousTestCase):
    """Who closes."""

    def test_client_closes(self) -> None:
        """Its code and reason are told; the answer is a close, and the connection ends."""
        for sent, code, reason in (
            (closing(4000, b"bye", masked=True), 4000, "bye"),
            (frame(CLOSE, masked=True), 1005, ""),
        ):
            echo = Echo()
            client, running = opened(echo)
            client.sends(sent)
            self.assertEqual(received(client)[0][0], CLOSE)
            self.assertEqual(echo.received[-1], {"type": "websocket.disconnect", "code": code, "reason": reason})
            self.assertTrue(client.is_closed)
            self.assertEqual((running.exchanges[-1].status, running.exchanges[-1].cause), (101, ""))

    def test_application_closes(self) -> None:
        """With its code and reason; a client that does not answer has five seconds."""
        client, running = opened(sending(ACCEPT, {"type": "websocket.close", "code": 4001, "reason": "enough"}))
        self.assertFalse(client.is_closed)
        running.clock.advance(5)
        self.assertTrue(client.is_closed)
        self.assertEqual(running.exchanges[-1].status, 101)

    def test_client_answers(self) -> None:
        """The client's close ends it at once."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            await send({"type": "websocket.close", "code": 4001, "reason": "enough"})

        client, _ = opened(only(answer))
        client.sends(frame(TEXT, b"a", masked=True))
        self.assertEqual(received(client), [(CLOSE, (4001).to_bytes(2, "big") + b"enough", True)])
        client.sends(closing(4001, masked=True))
        self.assertTrue(client.is_closed)

    def test_raises(self) -> None:
        """An exception closes with 1011."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            raise ZeroDivisionError

        client, _ = opened(only(answer))
        client.sends(frame(TEXT, b"a", masked=True))
        self.assertEqual(received(client), [(CLOSE, (1011).to_bytes(2, "big"), True)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_large(self) -> None:
        """What the application sends is not bounded by what it takes: a message of 2 MiB with deflate, too."""
        text = "x" * 2 * 1024 * 1024
        application = sending(ACCEPT, {"type": "websocket.send", "text": text})
        for offers in ([], ["Sec-WebSocket-Extensions: permessage-deflate"]):
            running = run(server(80).location("/").asgi(application, max_message=1000))
            running[0].sends(get("/ws", *ASKED, *offers))
            opcode, payload, _ = frames_in(running[0].takes().partition(b"\r\n\r\n")[2])[0]
            if offers:
                payload = zlib.decompressobj(-15).decompress(payload)
            self.assertEqual((opcode, payload.decode()), (TEXT, text))

    def test_empty_unread(self) -> None:
        """Empty messages to a client that does not read are bounded, too."""
        sent: list[int] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()
            for number in range(100_000):
                await send({"type": "websocket.send", "text": ""})
                sent.append(number)

        client, _ = opened(only(answer))
        client.stops_reading()
        client.sends(frame(TEXT, b"go", masked=True))
        self.assertLess(len(sent), 50_000)

    def test_client_leaves(self) -> None:
        """A client that is gone has disconnected with 1006; what is sent to it raises OSError, and nobody is blamed."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            seen.append((await receive())["code"])
            try:
                await send({"type": "websocket.send", "text": "a"})
            except OSError as error:
                seen.append(type(error).__name__)
                raise

        for leave in (Client.closes, Client.half_closes):
            client, _ = opened(only(answer))
            leave(client)
            self.assertEqual(seen, [1006, "ClientLeft"])
            seen.clear()

    def test_proxy_stops(self) -> None:
        """A proxy that stops closes with 1012 within five seconds, and tells the application the same."""
        echo = Echo()
        running = run(http(server(80).location("/").asgi(echo), shutdown_grace=30))
        running[0].sends(ASK)
        running[0].takes()
        running.stop()
        running.clock.advance(5)
        self.assertEqual(received(running[0]), [(CLOSE, (1012).to_bytes(2, "big"), True)])
        self.assertEqual(echo.received[-1], {"type": "websocket.disconnect", "code": 1012, "reason": ""})
        running[0].sends(closing(1012, masked=True))
        running[0].closes()
        self.assertTrue(running.is_stopped)
