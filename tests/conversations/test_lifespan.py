"""ASGI applications start before the proxy listens, and stop with it."""

from __future__ import annotations

import asyncio
import sys

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server
from pydsl_proxy.config.servers import Server
from pydsl_proxy.handlers.asgi.lifespan import NotStarted
from pydsl_proxy.handlers.asgi.types import Receive, Send
from pydsl_proxy.testing import Running, run
from tests.support.asgi_apps import Kept, Living, at_root, body, sending, start, whole_body
from tests.support.logged_lines import LoggedLines

Scope = dict[str, object]
BOTH = ["lifespan.startup", "lifespan.shutdown"]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def at(*locations: tuple[str, Living]) -> Server:
    """A server with applications in its locations."""
    made = server(80).location("/plain").respond(200, "ok")
    for path, application in locations:
        made = made.location(path).asgi(application)
    return made


class StartTests(SynchronousTestCase):
    """Before the first request."""

    def test_started(self) -> None:
        """It is told, and what it keeps in its state each request has a copy of."""
        living = Living()
        running = at_root(living)
        self.assertEqual(living.told, ["lifespan.startup"])
        self.assertEqual(running[0].request("GET").body, b"app")
        running[0].request("GET")
        self.assertEqual(living.states, [{"lives": living.told}] * 2)
        self.assertIsNot(living.states[0], living.states[1])

    def test_refuses(self) -> None:
        """One that cannot start keeps the proxy from starting, which says why."""
        living = Living()
        living.refuses = "no database"
        error = self.assertRaises(NotStarted, at_root, living)
        self.assertIn("cannot start: no database", str(error))

    def test_exits(self) -> None:
        """One that asks for the end of the process at its start has not started; others are not ended for it."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            sys.exit(3)

        error = self.assertRaises(NotStarted, at_root, application)
        self.assertIn("cannot start: it raised SystemExit(3)", str(error))

    def test_raises(self) -> None:
        """One that raises at its start without saying that it failed is asked all the same; a line says so."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await receive()
                raise OSError("no database")
            await send(start())
            await send(body(b"a"))

        with LoggedLines("pydsl_proxy.handlers") as lines:
            self.assertEqual(at_root(application)[0].request("GET").body, b"a")
        self.assertTrue([each for each in lines if "OSError('no database') at its start" in each])

    def test_unsupported(self) -> None:
        """One that knows of no lifespan is asked all the same, whatever it does when it is told."""
        for application in (sending(start(), body(b"a")), Kept()):
            self.assertEqual(at_root(application)[0].request("GET").status, 200)

    def test_unusual_messages(self) -> None:
        """A message of another kind is a mistake; before the start it counts as knowing of no lifespan."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            await send(body(b"a"))

        self.assertEqual(at_root(application)[0].request("GET").body, b"a")

    def test_slow(self) -> None:
        """The proxy does not listen before it has started; stopped meanwhile, it never does."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(5)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await receive()

        running = run(server(80).location("/").respond(200))
        running.reload(http(server(80).location("/").asgi(application), shutdown_grace=30))
        client = running.client()
        client.sends(GET)
        client.expects(b"")
        gone = running.client()
        gone.sends(GET)
        gone.closes()
        running.clock.advance(5)
        # It has started, and answers what waited: with a mistake, as it happens.
        running.clock.advance(5)
        self.assertIn(b" 500 ", client.takes())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_stopped_while_starting(self) -> None:
        """A proxy that is stopped meanwhile does not wait for it for ever."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(1_000)

        running = run(server(80).location("/").respond(200))
        running.reload(http(server(80).location("/").asgi(application), shutdown_grace=30))
        running.stop()
        running.clock.advance(29)
        self.assertFalse(running.is_stopped)
        running.clock.advance(1)
        self.assertTrue(running.is_stopped)


class StopTests(SynchronousTestCase):
    """After the last request."""

    def stopping(self, living: object, grace: float = 30) -> Running:
        """A proxy that was stopped while a request is under way."""
        assert callable(living)
        running = run(http(server(80).location("/").asgi(living), shutdown_grace=grace))
        running[0].sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.stop()
        return running

    def test_stopped(self) -> None:
        """It is told when the last client is gone, and the proxy has stopped when it has."""
        living = Living()
        running = self.stopping(living)
        self.assertEqual((living.told, running.is_stopped), (BOTH[:1], False))
        running[0].sends(b"b")
        self.assertEqual(running[0].responses[-1].body, b"app")
        self.assertEqual((living.told, running.is_stopped), (BOTH, True))

    def test_slow_clients(self) -> None:
        """When ``shutdown_grace`` is over clients are answered 503, and it is told when they have left."""
        living = Living()
        running = self.stopping(living, 3)
        running.clock.advance(3)
        self.assertEqual(running[0].takes()[:12], b"HTTP/1.1 503")
        running.clock.advance(1)
        self.assertEqual((living.told, running.is_stopped), (BOTH, True))
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_hangs(self) -> None:
        """One that does not end is cancelled when the grace is over."""
        seen: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

        running = run(http(server(80).location("/").asgi(application), shutdown_grace=10))
        running.stop()
        running.clock.advance(9)
        self.assertEqual((seen, running.is_stopped), ([], False))
        running.clock.advance(1)
        self.assertEqual((seen, running.is_stopped), (["cancelled"], True))

    def test_unsupported(self) -> None:
        """One without a lifespan is not waited for."""
        running = at_root(sending(start(), body(b"a")))
        running.stop()
        self.assertTrue(running.is_stopped)

    def test_failures(self) -> None:
        """What goes wrong at the end is logged, and ends nothing but itself."""

        async def failing(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.failed", "message": "stuck"})

        async def raising(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            raise ZeroDivisionError

        with LoggedLines("pydsl_proxy.handlers") as lines:
            running = at_root(failing)
            running.stop()
        self.assertTrue(running.is_stopped)
        self.assertTrue(lines[0].endswith("could not stop: stuck"), lines)
        running = at_root(raising)
        running.stop()
        self.assertTrue(running.is_stopped)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_requests_without_end(self) -> None:
        """A request that does not end is cancelled with it."""
        seen: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            assert scope["type"] == "http"
            try:
                await asyncio.sleep(1_000)
            finally:
                seen.append("ended")

        running = run(http(server(80).location("/").asgi(application), shutdown_grace=3))
        running[0].sends(GET)
        running.stop()
        running.clock.advance(3)
        self.assertTrue(running[0].is_closed)
        running.clock.advance(5)
        self.assertEqual((seen, running.is_stopped), (["ended"], True))


class ReloadTests(SynchronousTestCase):
    """A reload tells those that come and go, and no others."""

    def test_kept(self) -> None:
        """An application that is there before and after goes on."""
        living = Living()
        running = run(at(("/", living)))
        running.reload(at(("/", living), ("/other", Living())))
        self.assertEqual(living.told, BOTH[:1])
        running.reload(at(("/", living)))
        self.assertEqual((living.told, running[0].request("GET").body), (BOTH[:1], b"app"))

    def test_once(self) -> None:
        """In several locations it is started once, and stopped with the last of them."""
        living = Living()
        running = run(at(("/a", living), ("/b", living)))
        self.assertEqual(living.told, BOTH[:1])
        running.reload(at(("/b", living)))
        self.assertEqual(living.told, BOTH[:1])
        running.reload(at())
        self.assertEqual(living.told, BOTH)

    def test_replaced(self) -> None:
        """Another one takes its place; requests that it has it may end."""
        old, new = Living("old"), Living("new")
        running = run(at(("/", old)))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.reload(at(("/", new)))
        self.assertEqual((old.told, new.told), (BOTH[:1], BOTH[:1]))
        self.assertEqual(running.client().request("GET").body, b"new")
        client.sends(b"b")
        self.assertEqual(client.responses[-1].body, b"old")
        self.assertEqual(old.told, BOTH)

    def test_others(self) -> None:
        """The end of one is not that of others, though they share a loop."""
        gone, stays = Living("gone"), Living("stays")
        running = run(at(("/a", gone), ("/b", stays)))
        running[0].sends(b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.reload(at(("/b", stays)))
        self.assertEqual((gone.told, stays.told), (BOTH, BOTH[:1]))
        running[0].sends(b"b")
        self.assertEqual(running[0].responses[-1].body, b"stays")
        running.stop()
        self.assertEqual(stays.told, BOTH)

    def test_late(self) -> None:
        """A request that began before, and reaches it when it has ended, is answered 503."""
        old = Living("old")
        running = run(server(80).location("/").buffer_request().asgi(old))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.reload(at())
        self.assertEqual(old.told, BOTH)
        client.sends(b"b")
        self.assertIn(b" 503 ", client.takes())
        self.assertEqual(running.exchanges[-1].cause, "not_started")

    def test_comes_back(self) -> None:
        """One that was taken out is started anew, be the old one still at work."""
        living = Living()
        running = run(at(("/", living)))
        running[0].sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.reload(at())
        running.reload(at(("/", living)))
        self.assertEqual(living.told, [BOTH[0], BOTH[0]])
        self.assertEqual(running.client().request("GET").body, b"app")
        running[0].sends(b"b")
        self.assertEqual(running[0].responses[-1].body, b"app")
        self.assertEqual(living.told, [BOTH[0], BOTH[0], BOTH[1]])

    def test_refuses(self) -> None:
        """One that cannot start fails the reload, and its location is 503; the next reload tries it again."""
        living = Living()
        living.refuses = "no database"
        running = run(at())
        self.assertRaises(NotStarted, running.reload, at(("/", living)))
        self.assertEqual(running.client().request("GET").status, 503)
        self.assertEqual(running.client().request("GET", "/plain").status, 200)
        living.refuses = ""
        running.reload(at(("/", living)))
        self.assertEqual(running.client().request("GET").body, b"app")


class LazyTests(SynchronousTestCase):
    """A resource is not started: applications are, when it is made."""

    def test_body_in_state(self) -> None:
        """The application reads what waited for its start."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await receive()
                await asyncio.sleep(5)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                return
            received = await whole_body(receive)
            await send(start())
            await send(body(received))

        running = run(at())
        running.reload(server(80).location("/").asgi(application))
        client = running.client()
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
        client.expects(b"")
        running.clock.advance(5)
        self.assertEqual(client.responses[-1].body, b"ab")
