"""Threads for tests: each runs while the loop waits for it, until it ends or waits for the proxy."""

from __future__ import annotations

from collections.abc import Callable
from threading import Semaphore, Thread, get_ident
from types import TracebackType
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed

if TYPE_CHECKING:
    from pydsl_proxy.testing.reactor import MemoryLoop

# Real seconds in which an application must answer, or wait for the proxy; a test that needs more has it block on
# something else.
PATIENCE = 20.0


class _Worker:
    """A thread of which the loop knows when it goes on."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._goes = Semaphore(0)
        self._stops = Semaphore(0)
        self._thread: Thread | None = None

    def go(self) -> None:
        """In the loop: let the thread begin or go on, and wait until it stops."""
        if self._thread is None:
            self._thread = Thread(target=self._main, name="in step", daemon=True)
            self._thread.start()
        else:
            self._goes.release()
        if not self._stops.acquire(timeout=PATIENCE):
            raise AssertionError(f"an application in a thread has done nothing for {PATIENCE:g} seconds")

    def stop(self) -> None:
        """In the thread: let the loop go on until it calls :meth:`go`."""
        self._stops.release()
        self._goes.acquire()

    def _main(self) -> None:
        try:
            self._work()
        finally:
            self._stops.release()


class LockStep:
    """Threads of which never two run at once, nor one beside the loop: so tests take the same course each time.

    An application may block where it reads the request or sends the response; where it blocks on anything else,
    as another request, the test fails after :data:`PATIENCE` seconds.
    """

    def __init__(self, loop: MemoryLoop) -> None:
        self._loop = loop
        self._workers: dict[int, _Worker] = {}

    def run(self, work: Callable[[], None]) -> None:
        """Call *work* in a thread, in the next turn of the loop."""

        def working() -> None:
            self._workers[get_ident()] = worker
            try:
                work()
            finally:
                del self._workers[get_ident()]

        worker = _Worker(working)
        self._loop.callLater(0, worker.go)

    def done(self) -> None:
        """Each has a thread of its own."""

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the loop call *function*; it waits while a thread runs, so nothing is done twice at once."""
        self._loop.callLater(0, function, *arguments)

    def changed(self) -> StepChanged:
        """A lock that nobody else can have."""
        return StepChanged(self._loop, self._workers)

    def close(self) -> Deferred[None]:
        """There is none that has nothing to do."""
        return succeed(None)


class StepChanged:
    """See :class:`~pydsl_proxy.interfaces.Changed`."""

    def __init__(self, loop: MemoryLoop, workers: dict[int, _Worker]) -> None:
        self._loop = loop
        self._workers = workers
        self._waiting: list[_Worker] = []

    def __enter__(self) -> bool:
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        pass

    def wait(self) -> bool:
        """Let the loop go on until it notifies."""
        worker = self._workers[get_ident()]
        self._waiting.append(worker)
        worker.stop()
        return True

    def notify_all(self) -> None:
        """Let those who wait go on, in the next turn of the loop."""
        waiting, self._waiting = self._waiting, []
        for worker in waiting:
            self._loop.callLater(0, worker.go)
