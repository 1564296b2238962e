"""Tests of loops of asyncio: in a thread beside a reactor that is a queue, and in the reactor's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import Context
from queue import SimpleQueue
from threading import current_thread, enumerate
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.applications.event_loops import SharedLoop, Tasks, ThreadLoop, event_loop_of
from tests.support.logged_lines import LoggedLines

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads


class Calls:
    """As much of a reactor as a loop sees: what it wants called, for the test to call."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = SimpleQueue()

    def callFromThread(self, function: Callable[..., object], *arguments: object) -> None:
        """Keep it."""
        self._calls.put((function, arguments))

    def next(self) -> None:
        """Wait for a call, and make it."""
        function, arguments = self._calls.get(timeout=20)
        function(*arguments)


class ThreadLoopTests(SynchronousTestCase):
    """A loop in a thread of its own."""

    def setUp(self) -> None:
        """A loop that was not begun."""
        self.calls = Calls()
        self.loop = ThreadLoop(cast("IReactorFromThreads", self.calls))
        self.seen: list[object] = []
        self.before = set(enumerate())

    def threads(self) -> int:
        """How many threads there are more than before."""
        return len([each for each in enumerate() if each not in self.before and each.name == "asgi"])

    def ended(self, ending: Deferred[None]) -> None:
        """The loop has ended, and its thread with it."""
        self.calls.next()
        self.assertIsNone(self.successResultOf(ending))
        for each in enumerate():
            if each not in self.before:
                each.join(20)

    def answer(self, number: int) -> None:
        """In the loop: tell where that is."""
        self.loop.outside(self.seen.append, (number, current_thread().name))

    def test_across(self) -> None:
        """Calls go across in their order, to the loop's thread and back."""
        self.loop.begin()
        for number in range(3):
            self.loop.within(
                lambda number: self.loop.outside(self.seen.append, (number, current_thread().name)), number
            )
        for _ in range(3):
            self.calls.next()
        self.assertEqual(self.seen, [(0, "asgi"), (1, "asgi"), (2, "asgi")])
        self.ended(self.loop.end())

    def test_spawned(self) -> None:
        """Tasks run there; those that have not ended with the loop are cancelled."""

        async def work() -> None:
            try:
                self.loop.outside(self.seen.append, "begun")
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                self.loop.outside(self.seen.append, "cancelled")
                raise

        self.loop.begin()
        self.loop.within(lambda: Tasks().spawn(work()))
        self.calls.next()
        ending = self.loop.end()
        self.calls.next()
        self.assertEqual(self.seen, ["begun", "cancelled"])
        self.ended(ending)

    def test_users(self) -> None:
        """It ends with the last of those that have begun, and may be begun again."""
        self.loop.begin()
        self.loop.begin()
        self.assertEqual(self.threads(), 1)
        self.assertIsNone(self.successResultOf(self.loop.end()))
        self.ended(self.loop.end())
        self.assertEqual(self.threads(), 0)
        self.loop.within(self.seen.append, "too late")
        self.loop.begin()
        self.loop.within(self.loop.outside, self.seen.append, "again")
        self.calls.next()
        self.assertEqual(self.seen, ["again"])
        self.ended(self.loop.end())

    def test_exceptions(self) -> None:
        """What a callback raises is logged, and the loop goes on."""

        def bad() -> None:
            raise ZeroDivisionError("of a callback")

        with LoggedLines("pydsl_proxy.handlers") as lines:
            self.loop.begin()
            self.loop.within(bad)
            self.loop.within(self.loop.outside, self.seen.append, "on")
            self.calls.next()
            self.ended(self.loop.end())
        self.assertEqual(self.seen, ["on"])
        self.assertEqual(len(lines), 1)
        self.assertIn("ZeroDivisionError('of a callback')", lines[0])

    def test_exits(self) -> None:
        """A task that asks for the end of the process, or of the loop, is logged; what others do goes on."""

        async def exits() -> None:
            sys.exit(5)

        async def stops() -> None:
            asyncio.get_running_loop().stop()

        async def goes_on() -> None:
            await asyncio.sleep(0.01)
            self.loop.outside(self.seen.append, "on")

        tasks = Tasks()
        for bad in (exits, stops):
            with LoggedLines("pydsl_proxy.handlers") as lines:
                self.loop.begin()
                self.loop.within(lambda: tasks.spawn(goes_on()))
                self.loop.within(lambda bad=bad: tasks.spawn(bad()))
                self.calls.next()
                self.loop.within(self.loop.outside, self.seen.append, "after")
                self.calls.next()
                self.ended(self.loop.end())
            self.assertEqual(self.seen, ["on", "after"])
            self.assertIn("tried to end the process or the loop", lines[0])
            self.seen.clear()
        self.flushLoggedErrors()

    def test_exits_at_the_end(self) -> None:
        """One that does so when it is cancelled does not keep the loop from its end."""

        async def exits() -> None:
            try:
                self.loop.outside(self.seen.append, "begun")
                await asyncio.sleep(1_000)
            finally:
                sys.exit(5)

        tasks = Tasks()
        self.loop.begin()
        self.loop.within(lambda: tasks.spawn(exits()))
        self.calls.next()
        self.ended(self.loop.end())


class HasLoop:
    """A reactor in a loop of asyncio."""

    def __init__(self) -> None:
        self._asyncioEventloop = asyncio.new_event_loop()


class SharedLoopTests(SynchronousTestCase):
    """The loop in which the reactor runs."""

    def test_across(self) -> None:
        """Calls keep their order, none is made at once; tasks are cancelled at the end, and the loop goes on."""
        reactor = HasLoop()
        self.addCleanup(reactor._asyncioEventloop.close)
        loop = event_loop_of(reactor)
        self.assertIsInstance(loop, SharedLoop)
        seen: list[object] = []

        async def work() -> None:
            seen.append("begun")
            try:
                await asyncio.sleep(1_000)
            finally:
                seen.append("ended")

        async def test() -> None:
            loop.begin()
            loop.within(seen.append, 1)
            loop.outside(seen.append, 2)
            tasks = Tasks()
            loop.within(lambda: tasks.spawn(work()))
            self.assertEqual(seen, [])
            for _ in range(5):
                await asyncio.sleep(0)
            self.assertEqual(seen, [1, 2, "begun"])
            tasks.cancel()
            self.assertIsNone(self.successResultOf(loop.end()))
            for _ in range(5):
                await asyncio.sleep(0)

        reactor._asyncioEventloop.run_until_complete(test())
        self.assertEqual(seen, [1, 2, "begun", "ended"])

    def test_exits(self) -> None:
        """A task of an application that asks for the end of the process fails, is logged, and the loop goes on."""
        reactor = HasLoop()
        self.addCleanup(reactor._asyncioEventloop.close)
        loop = event_loop_of(reactor)
        seen: list[object] = []

        async def exits() -> None:
            await asyncio.sleep(0)
            sys.exit(5)

        async def exits_when_cancelled() -> None:
            try:
                await asyncio.sleep(1_000)
            finally:
                sys.exit(5)

        async def application() -> None:
            for bad in (exits, exits_when_cancelled):
                task = asyncio.create_task(bad())
                await asyncio.sleep(0)
                if bad is exits_when_cancelled:
                    task.cancel()
                try:
                    await task
                except RuntimeError as error:
                    seen.append((str(error), getattr(task.get_coro(), "__name__", "")))
            cancelled = asyncio.create_task(exits())
            cancelled.cancel()
            await asyncio.wait([cancelled])
            seen.append(cancelled.cancelled())

        async def test() -> None:
            loop.begin()
            factory = reactor._asyncioEventloop.get_task_factory()
            loop.begin()
            # However often it begins, as with each reload.
            self.assertIs(reactor._asyncioEventloop.get_task_factory(), factory)
            tasks = Tasks()
            loop.within(lambda: tasks.spawn(application()))
            for _ in range(20):
                await asyncio.sleep(0)

        text = "an application of asyncio tried to end the process, which others share"
        reactor._asyncioEventloop.run_until_complete(test())
        self.assertEqual(seen, [(text, "exits"), (text, "exits_when_cancelled"), True])
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 2)

    def others_exit(self, context: Context | None) -> None:
        """A task that is no application's ends the loop."""
        reactor = HasLoop()
        own = reactor._asyncioEventloop
        self.addCleanup(own.close)
        made: list[object] = []

        def factory(loop: asyncio.AbstractEventLoop, work: object, **options: object) -> asyncio.Task[None]:
            made.append(type(work).__name__)
            return asyncio.Task(work, loop=loop, **options)  # type: ignore[arg-type]

        own.set_task_factory(factory)  # type: ignore[arg-type]
        loop = event_loop_of(reactor)
        loop.begin()

        tasks: list[asyncio.Task[None]] = []

        async def exits() -> None:
            sys.exit(5)

        async def test() -> None:
            Tasks().spawn(asyncio.sleep(0))
            await asyncio.sleep(0)
            tasks.append(asyncio.create_task(exits(), context=context))
            await tasks[0]

        self.assertRaises(SystemExit, own.run_until_complete, test())
        self.assertIsInstance(tasks[0].exception(), SystemExit)
        self.assertEqual(made, ["coroutine", "_Contained", "coroutine"])

    def test_others_exit(self) -> None:
        """Tasks that are no application's keep what they can do; a factory of tasks that was there before is used."""
        self.others_exit(None)

    def test_others_exit_in_a_context(self) -> None:
        """So do those with a context of their own, in which nobody has said whose they are."""
        self.others_exit(Context())
