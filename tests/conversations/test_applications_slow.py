"""Conversations: applications that hang, and those that send thousands of small pieces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, server
from pydsl_proxy.handlers.asgi.types import Application, Receive, Send
from pydsl_proxy.testing import Client, Running, run
from tests.conversations.test_asgi_websocket import ACCEPT, only
from tests.conversations.test_websocket_attacks import masked
from tests.support.asgi_apps import body, http_only, start, whole_body
from tests.support.logged_lines import LoggedLines
from tests.support.messages import get
from tests.support.websockets import ASK, BINARY, PING, frame, frames_in
from tests.support.wsgi_apps import answering

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Scope = dict[str, object]
MANY = 5000
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class SilentTests(SynchronousTestCase):
    """An application is given up after ``.timeouts(read=…)`` seconds in which it sends nothing, as a peer is."""

    def asked(self, application: Application, data: bytes) -> tuple[Client, Running]:
        """A client that has sent *data* to an ASGI application."""
        running = run(server(80).timeouts(read=30).location("/").asgi(application))
        running[0].sends(data)
        return running[0], running

    def given_up(self, client: Client, running: Running) -> None:
        """It is answered 504, and the log says why."""
        self.assertEqual(client.takes()[:12], b"HTTP/1.1 504")
        [ended] = running.exchanges
        self.assertEqual((ended.status, ended.cause), (504, "read_timeout"))
        self.assertIn("the application sent nothing for 30 s", ended.message)

    def test_hangs(self) -> None:
        """Before its head: 504; what it sends after that raises, and what it receives is the end."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            seen.append((await receive())["type"])
            try:
                await send(start())
            except OSError:
                seen.append("late")
                raise

        client, running = self.asked(http_only(answer), get("/"))
        running.clock.advance(29.9)
        client.expects(b"")
        running.clock.advance(0.1)
        self.given_up(client, running)
        self.assertEqual(seen, ["http.disconnect", "late"])
        self.assertEqual(running.clock.getDelayedCalls()[1:], [])

    def test_sends(self) -> None:
        """Each piece begins the time anew; a response that has begun breaks off."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(20)
            await send(start())
            for _ in range(4):
                await send(body(b"a", more=True))
                await asyncio.sleep(20)
            await asyncio.sleep(20)
            await send(body(b"b"))

        client, running = self.asked(http_only(answer), get("/"))
        running.clock.advance(109)
        self.assertEqual((client.takes()[:12], client.is_closed), (b"HTTP/1.1 200", False))
        running.clock.advance(1)
        self.assertTrue(client.is_closed)
        self.assertEqual([each.cause for each in running.exchanges], ["read_timeout"])

    def test_waits_for_the_client(self) -> None:
        """Its time does not count while the client sends a body, or does not read."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await whole_body(receive)
            await send(start())
            for _ in range(20):
                await send(body(bytes(100_000), more=True))
            await send(body(b"!"))

        client, running = self.asked(http_only(answer), POST + b"ab")
        running.clock.advance(40)
        client.stops_reading()
        client.sends(b"cd")
        running.clock.advance(40)
        self.assertEqual(running.exchanges, [])
        client.reads()
        self.assertEqual([each.status for each in running.exchanges], [200])

    def test_after_the_client(self) -> None:
        """Its time begins anew when the client has taken all there was."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            for _ in range(3):
                await send(body(bytes(100_000), more=True))
            await asyncio.sleep(10**6)

        running = run(server(80).timeouts(read=30).location("/").asgi(http_only(answer)))
        client = running[0]
        client.stops_reading()
        client.sends(get("/"))
        running.clock.advance(50)
        self.assertEqual(running.exchanges, [])
        client.reads()
        running.clock.advance(29.9)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(0.1)
        self.assertEqual([each.cause for each in running.exchanges], ["read_timeout"])

    def test_does_not_receive(self) -> None:
        """But it counts while the application does not take what has come."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(1000)

        client, running = self.asked(http_only(answer), POST.replace(b"4", b"400000") + bytes(200_000))
        running.clock.advance(30)
        self.given_up(client, running)

    def test_websocket(self) -> None:
        """An application that neither accepts nor closes a WebSocket: 504; an accepted one has its own silence."""

        async def hangs(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

        async def accepts(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            await receive()

        client, running = self.asked(only(hangs), ASK)
        running.clock.advance(30)
        self.given_up(client, running)
        client, running = self.asked(only(accepts), ASK)
        client.takes()
        running.clock.advance(35)
        self.assertEqual(frames_in(client.takes()), [(PING, b"", True)])

    def test_wsgi(self) -> None:
        """A WSGI application too, though its thread goes on until it sends something."""
        for waits in (0.0, 20.0):
            running = run(server(80).timeouts(read=30).location("/").wsgi(self.blocks(), threads=1))
            first, second = running[0], running.client()
            first.stops_reading()
            first.sends(get("/"))
            second.sends(get("/"))
            running.clock.advance(30 + waits)
            # It waits for a thread, and then for nothing.
            self.assertEqual(second.takes()[:12], b"HTTP/1.1 504")
            first.reads()
            self.assertEqual(len(first.takes().partition(b"\r\n\r\n")[2]), 1_000_000)

    def blocks(self) -> WSGIApplication:
        """One that waits for its client."""
        headers = [("Content-Length", "1000000")]
        return answering(lambda environ: iter([bytes(10_000)] * 100), headers=headers)


class FloodTests(SynchronousTestCase):
    """Thousands of small pieces do not hold the reactor: another client is served between them, and none is lost."""

    def served(self, config: object, data: bytes, size: int) -> bytes:
        """What the client gets; another one is served before a tenth of it has come."""
        at: list[int] = []

        def answer(request: Request) -> str:
            at.append(len(client.received))
            return "other"

        running = run(config.location("/other").respond(200, answer))  # type: ignore[attr-defined]
        client, other = running[0], running.client()
        running.clock.callLater(0, other.sends, get("/other"))
        client.sends(data)
        received = client.takes()
        self.assertGreaterEqual(len(received), size)
        self.assertLess(at[0], size / 10)
        return received

    def test_asgi(self) -> None:
        """An ASGI application that sends a body byte by byte."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            for _ in range(MANY):
                await send(body(b"x", more=True))
            await send(body())

        received = self.served(server(80).location("/").asgi(http_only(answer)), get("/"), MANY)
        self.assertEqual(received.count(b"\r\nx\r\n"), MANY)

    def test_asgi_messages(self) -> None:
        """And one that sends messages of a WebSocket."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            for _ in range(MANY):
                await send({"type": "websocket.send", "bytes": b"x"})
            await receive()

        received = self.served(server(80).location("/").asgi(only(answer)), ASK, MANY)
        self.assertEqual(received.count(frame(BINARY, b"x")), MANY)

    def test_asgi_echo(self) -> None:
        """A client that sends as many is not worked for longer than one turn either."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "bytes": message["bytes"]})

        received = self.served(server(80).location("/").asgi(only(answer)), ASK + masked(BINARY, b"x") * MANY, MANY)
        self.assertEqual(received.count(frame(BINARY, b"x")), MANY)

    def test_wsgi(self) -> None:
        """What a WSGI application yields while the reactor is busy is sent together."""

        def pieces() -> Iterator[bytes]:
            for _ in range(MANY):
                yield b"x"

        config = server(80).location("/").wsgi(answering(lambda environ: pieces()))
        client = run(config)[0]
        client.sends(get("/"))
        _, _, chunks = client.takes().partition(b"\r\n\r\n")
        self.assertEqual(chunks.count(b"x"), MANY)


class LengthTests(SynchronousTestCase):
    """A body and its declared length."""

    def test_asgi_short(self) -> None:
        """The last piece of a body that ends short is sent, then the response breaks off; that is logged."""
        headers = [(b"content-length", b"5")]

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start(headers=headers))
            await send(body(b"ab", more=True))
            await send(body(b"cd"))

        client = run(server(80).location("/").asgi(http_only(answer)))[0]
        client.sends(get("/"))
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd")
        self.assertTrue(client.is_closed)
        [error] = self.flushLoggedErrors(ValueError)
        self.assertIn("1 bytes shorter", str(error.value))

    def test_wsgi_long(self) -> None:
        """What is beyond the length is dropped, and logged once a response; the connection goes on."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Length", "3")])
            return iter([b"ab", b"cd", b"ef", b"g"])

        client = run(server(80).location("/").wsgi(application))[0]
        for _ in range(2):
            with LoggedLines("pydsl_proxy.handlers") as lines:
                client.sends(get("/"))
                client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
            self.assertEqual(len(lines), 1)
            self.assertIn("wrote 4 bytes more than its Content-Length says, which were not sent", lines[0])
            client.sends(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.takes()

    def test_wsgi_no_body(self) -> None:
        """Of a response that has no body, whatever is written, nothing is beyond its length."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            write = start_response("200 OK", [("Content-Length", "4")])
            write(b"ab")
            write(b"cd")
            return []

        client = run(server(80).location("/").wsgi(application))[0]
        with LoggedLines("pydsl_proxy.handlers") as lines:
            client.sends(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(lines, [])

    def test_wsgi_more_than_one(self) -> None:
        """A result that says it is one piece has the length of its first; what comes behind that is beyond it."""

        class Two(list[bytes]):
            def __len__(self) -> int:
                return 1

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            return Two((b"ab", b"cd"))

        client = run(server(80).location("/").wsgi(application))[0]
        with LoggedLines("pydsl_proxy.handlers") as lines:
            client.sends(get("/"))
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
        self.assertFalse(client.is_closed)
        self.assertIn("wrote 2 bytes more", lines[0])
