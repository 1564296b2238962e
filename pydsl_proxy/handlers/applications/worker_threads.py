"""Threads of the operating system for applications that block."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Final, Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from pydsl_proxy.interfaces import Changed, Threads

log = Logger()

# Seconds for which a thread that computes may keep Python's lock while the reactor waits for it, which it does after
# each system call.  Python's default of 5 ms makes a request of four calls wait for 20 ms, with one such thread.
SWITCH_INTERVAL: Final = 0.001


def share_python() -> None:
    """Let no thread of an application keep the reactor waiting for long; for the whole process."""
    if sys.getswitchinterval() > SWITCH_INTERVAL:
        sys.setswitchinterval(SWITCH_INTERVAL)


class HasThreads(Protocol):
    """A reactor that brings its own threads, as the one for tests does."""

    def threads_in_step(self) -> Threads:
        """Threads that run while the reactor waits for them."""


def threads_of(reactor: object, name: str) -> Threads:
    """Threads beside *reactor*; none is started before it is needed."""
    if hasattr(reactor, "threads_in_step"):
        return cast(HasThreads, reactor).threads_in_step()
    return WorkerThreads(cast(IReactorFromThreads, reactor), name)


class WorkerThreads:
    """As many threads as had work at once; they wait for more, and do not keep the process from its end.

    Twisted's ``ThreadPool`` joins its threads when it is stopped, and those of the standard library are joined when the
    process ends: one application that hangs would keep the proxy for ever.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        # Both as the reactor knows it.
        self._threads = 0
        self._busy = 0
        self._closed: Deferred[None] | None = None
        self._reactor = reactor

    def run(self, work: Callable[[], None]) -> None:
        """Call *work* in a thread."""
        if self._busy == self._threads:
            share_python()
            # It raises RuntimeError where the system gives no more.
            Thread(target=self._main, name=f"{self._name} {self._threads + 1}", daemon=True).start()
            self._threads += 1
        self._busy += 1
        self._work.put(work)

    def done(self) -> None:
        """One of them has nothing to do."""
        self._busy -= 1
        if self._closed is not None:
            self._end_idle()

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the reactor call *function*."""
        self._reactor.callFromThread(function, *arguments)

    def changed(self) -> Changed:
        """A lock between threads and the reactor."""
        return Condition()

    def close(self) -> Deferred[None]:
        """Let threads end; see :meth:`pydsl_proxy.interfaces.Threads.close`."""
        if self._closed is not None:
            return succeed(None)
        closed = self._closed = Deferred()
        self._end_idle()
        return closed

    def _end_idle(self) -> None:
        while self._threads > self._busy:
            self._threads -= 1
            self._work.put(None)
        if not self._threads and self._closed is not None and not self._closed.called:
            self._closed.callback(None)

    def _main(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except BaseException:
                log.failure("work in a thread raised an exception")
            # Until the next comes this thread would keep all that the last one was about.
            del work
