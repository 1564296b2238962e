"""Tests of threads of the operating system, beside a reactor that is a queue."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import current_thread, enumerate
from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.applications.thread_pool import Job, ThreadPool
from pydsl_proxy.handlers.applications.worker_threads import SWITCH_INTERVAL, WorkerThreads

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorFromThreads, IReactorTime


class Calls:
    """As much of a reactor as threads see: what they want called, for the test to call."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = SimpleQueue()

    def callFromThread(self, function: Callable[..., object], *arguments: object) -> None:
        """Keep it."""
        self._calls.put((function, arguments))

    def next(self) -> None:
        """Wait for a call, and make it."""
        function, arguments = self._calls.get(timeout=20)
        function(*arguments)


class WorkerThreadsTests(SynchronousTestCase):
    """Threads that are started when there is work, and end when they are not wanted."""

    def setUp(self) -> None:
        """A crew of two threads, and what was done in which."""
        self.calls = Calls()
        self.clock = Clock()
        self.threads = WorkerThreads(cast("IReactorFromThreads", self.calls), self.id())
        self.crew = ThreadPool(self.threads, cast("IReactorTime", self.clock), 2, 10)
        self.done: list[str] = []
        self.addCleanup(self.threads.close)

    def ask(self) -> None:
        """Have it done."""
        self.crew.ask(Job(lambda: None, lambda: self.done.append(current_thread().name)))

    def running(self) -> int:
        """How many of the crew's threads there are."""
        return sum(thread.name.startswith(self.id()) for thread in enumerate())

    def test_reused(self) -> None:
        """A thread that has nothing to do takes the next work."""
        self.assertEqual(self.running(), 0)
        for _ in range(3):
            self.ask()
            self.calls.next()
        self.assertEqual(self.done, [f"{self.id()} 1"] * 3)

    def test_switches(self) -> None:
        """When a thread is started Python is told to let the reactor go on soon, unless it does so sooner already."""
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        for before, after in ((0.005, SWITCH_INTERVAL), (0.0001, 0.0001)):
            sys.setswitchinterval(before)
            WorkerThreads(cast("IReactorFromThreads", self.calls), "other").run(lambda: None)
            self.assertAlmostEqual(sys.getswitchinterval(), after, 5)

    def test_more(self) -> None:
        """There are as many as have work at once, and no more."""
        for _ in range(4):
            self.ask()
        for _ in range(4):
            self.calls.next()
        self.assertEqual(len(self.done), 4)
        self.assertLessEqual(set(self.done), {f"{self.id()} 1", f"{self.id()} 2"})
        self.assertEqual(self.running(), 2)

    def test_closed(self) -> None:
        """They end when they are not wanted any more; a late request is answered all the same."""
        self.ask()
        ended: list[object] = []
        self.crew.stop_serving(30).addCallback(ended.append)
        self.assertEqual(ended, [])
        self.calls.next()
        self.assertEqual((len(self.done), ended), (1, [None]))
        self.ask()
        self.calls.next()
        self.assertEqual(len(self.done), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        for thread in enumerate():
            if thread.name.startswith(self.id()):
                thread.join(20)
        self.assertEqual(self.running(), 0)

    def test_hangs(self) -> None:
        """For one that hangs nobody waits for ever, and it does not keep the process from its end."""
        hangs: SimpleQueue[None] = SimpleQueue()
        self.addCleanup(hangs.put, None)
        self.crew.ask(Job(lambda: None, hangs.get))
        self.assertTrue(all(thread.daemon for thread in enumerate() if thread.name.startswith(self.id())))
        ended: list[object] = []
        self.crew.stop_serving(30).addCallback(ended.append)
        self.clock.advance(29)
        self.assertEqual(ended, [])
        self.clock.advance(1)
        self.assertEqual(ended, [None])

    def test_raises(self) -> None:
        """What raises has done, too, and its thread goes on."""

        def bad() -> None:
            raise SystemExit

        self.crew.ask(Job(lambda: None, bad))
        self.calls.next()
        self.ask()
        self.calls.next()
        self.assertEqual(self.done, [f"{self.id()} 1"])
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)
