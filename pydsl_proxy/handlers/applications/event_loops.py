"""Where applications of asyncio run: in the reactor's own loop if it has one, otherwise in a thread beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import Protocol, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from pydsl_proxy.handlers.applications.contained_tasks import contain, mark
from pydsl_proxy.handlers.applications.worker_threads import share_python
from pydsl_proxy.interfaces import EventLoop

log = Logger()

# Exceptions that asyncio passes from any task to the caller of the loop.
_EXITS = (SystemExit, KeyboardInterrupt)


class HasEventLoop(Protocol):
    """A reactor that brings a loop of asyncio, as the one for tests does."""

    def event_loop(self) -> asyncio.AbstractEventLoop:
        """The loop; it runs with the reactor."""


def event_loop_of(reactor: object) -> EventLoop:
    """The loop for applications; none is begun before it is needed."""
    if hasattr(reactor, "event_loop"):
        return SharedLoop(cast(HasEventLoop, reactor).event_loop)
    # Twisted has no public name for it; get_running_loop() knows it only while the reactor runs.
    own = getattr(reactor, "_asyncioEventloop", None)
    if isinstance(own, asyncio.AbstractEventLoop):
        return SharedLoop(lambda: own)
    return ThreadLoop(cast(IReactorFromThreads, reactor))


class Tasks:
    """Tasks of one application that are under way, in the loop; asyncio itself knows them weakly only."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run *work*."""
        context = mark(copy_context())
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Let none go on."""
        for task in tuple(self._tasks):
            task.cancel()


class SharedLoop:
    """The loop in which the reactor runs: both are in one thread."""

    def __init__(self, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = loop

    def begin(self) -> None:
        """It runs with the reactor, and is to go on whatever an application does."""
        contain(self._loop())

    def end(self) -> Deferred[None]:
        """It goes on."""
        return succeed(None)

    def within(self, function: Callable[..., object], *arguments: object) -> None:
        """Not at once: who calls may be in the midst of something."""
        self._loop().call_soon(function, *arguments)

    outside = within


class ThreadLoop:
    """A loop in a thread of its own, from the first that begins until the last has ended."""

    def __init__(self, reactor: IReactorFromThreads) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._users = 0
        self._stop: asyncio.Event | None = None
        self._ended: Deferred[None] | None = None
        self._reactor = reactor

    def begin(self) -> None:
        """Start the thread, if there is none."""
        self._users += 1
        if self._users == 1:
            share_python()
            self._loop, self._stop, self._ended = asyncio.new_event_loop(), asyncio.Event(), Deferred()
            self._loop.set_exception_handler(_log)
            arguments = (self._loop, self._stop, self._ended)
            # A daemon: an application that hangs must not keep the process from its end.
            Thread(target=self._main, args=arguments, name="asgi", daemon=True).start()

    def end(self) -> Deferred[None]:
        """Let the thread end, if nobody else has begun."""
        self._users -= 1
        loop, stop, ended = self._loop, self._stop, self._ended
        if self._users or loop is None or stop is None or ended is None:
            return succeed(None)
        self._loop = None
        loop.call_soon_threadsafe(stop.set)
        return ended

    def within(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the loop's thread call it; what comes too late is dropped with the loop."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function, *arguments)

    def outside(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the reactor call it."""
        self._reactor.callFromThread(function, *arguments)

    def _main(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event, ended: Deferred[None]) -> None:
        async def until_stopped() -> None:
            await stop.wait()

        try:
            # What is still under way at the end is cancelled by the runner.
            with suppress(Exception, *_EXITS), asyncio.Runner(loop_factory=lambda: loop) as runner:
                while not stop.is_set():
                    # It has gone on until then whatever a task did, but for sys.exit() and loop.stop().
                    try:
                        runner.run(until_stopped())
                    except (Exception, *_EXITS):
                        log.failure(
                            "an application of asyncio tried to end the process or the loop, which others share"
                        )
        finally:
            self.outside(ended.callback, None)


def _log(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What asyncio would tell the log of the standard library, which nobody may have set up."""
    log.error("asyncio: {text}: {error!r}", text=context.get("message"), error=context.get("exception"))
