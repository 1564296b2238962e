"""Tests of what the kit for tests does with threads and with asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from threading import Event, get_ident
from time import sleep
from typing import TYPE_CHECKING

from anyio import to_thread
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server
from pydsl_proxy.handlers.asgi.types import Receive, Send
from pydsl_proxy.testing import run
from pydsl_proxy.testing import threads as lock_step
from tests.support.asgi_apps import at_root, body, http_only, start
from tests.support.wsgi_apps import answering

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

Scope = dict[str, object]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class LockStepTests(SynchronousTestCase):
    """Threads, one at a time."""

    def test_other_thread(self) -> None:
        """An application is called in another thread than the test's, which waits for it."""
        seen: list[int] = []

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            sleep(0.01)
            seen.append(get_ident())
            return [b"a"]

        self.assertEqual(run(server(80).location("/").wsgi(answering(answer)))[0].request("GET").body, b"a")
        self.assertNotEqual(seen, [get_ident()])

    def test_blocks(self) -> None:
        """One that blocks on anything but the proxy fails the test."""

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            released.wait()
            return [b"a"]

        released = Event()
        self.addCleanup(released.set)
        self.patch(lock_step, "PATIENCE", 0.01)
        running = run(server(80).location("/").wsgi(answering(answer)))
        error = self.assertRaises(AssertionError, running[0].request, "GET")
        self.assertIn("has done nothing for 0.01 seconds", str(error))


class EventLoopTests(SynchronousTestCase):
    """A loop of asyncio in memory."""

    def seen(self, *answers: object) -> list[object]:
        """What coroutines come to that an application awaits, each told with the time that has passed."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            for each in answers:
                assert callable(each)
                seen.append((await each(), loop.time() - begun))
            await send(start())
            await send(body(b"a"))

        running = at_root(http_only(answer))
        running[0].sends(GET)
        running.clock.advance(100)
        self.assertEqual(running[0].responses[-1].body, b"a")
        return seen

    def test_time(self) -> None:
        """Time is the test's."""

        async def timed_out() -> str:
            try:
                await asyncio.wait_for(asyncio.sleep(50), 10)
            except TimeoutError:
                return "timed out"
            return "slept"

        self.assertEqual(self.seen(lambda: asyncio.sleep(5, "slept"), timed_out), [("slept", 5), ("timed out", 15)])

    def test_threads(self) -> None:
        """Threads of asyncio and of anyio are waited for, while the clock stands."""

        def work() -> bool:
            sleep(0.02)
            return get_ident() != here

        here = get_ident()
        seen = self.seen(lambda: asyncio.to_thread(work), lambda: to_thread.run_sync(work))
        self.assertEqual(seen, [(True, 0), (True, 0)])

    def test_tasks(self) -> None:
        """Groups of tasks, events and queues work as in any loop."""

        async def together() -> list[int]:
            queue: asyncio.Queue[int] = asyncio.Queue()
            async with asyncio.TaskGroup() as group:
                for number in range(3):
                    group.create_task(queue.put(number))
            return [await queue.get() for _ in range(3)]

        self.assertEqual(self.seen(together), [([0, 1, 2], 0)])

    def test_callbacks(self) -> None:
        """What a callback raises is logged; one that was cancelled is not called."""

        def bad() -> None:
            raise ZeroDivisionError

        async def calls() -> None:
            loop = asyncio.get_running_loop()
            loop.call_soon(bad)
            loop.call_later(1, bad).cancel()
            loop.call_soon_threadsafe(lambda: None)

        self.seen(calls)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_nothing_running_around(self) -> None:
        """Outside of an application no loop seems to run; within another loop, that one does."""
        self.assertRaises(RuntimeError, asyncio.get_running_loop)
        self.seen(lambda: asyncio.sleep(0))
        self.assertRaises(RuntimeError, asyncio.get_running_loop)

        async def within() -> None:
            outer = asyncio.get_running_loop()
            self.seen(lambda: asyncio.sleep(0))
            self.assertIs(asyncio.get_running_loop(), outer)

        asyncio.run(within())
