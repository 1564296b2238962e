"""A loop of asyncio in memory: its time is that of the test, and it runs as a part of the test's own loop."""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.testing.threads import PATIENCE

if TYPE_CHECKING:
    from pydsl_proxy.testing.reactor import MemoryLoop

log = Logger()

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class MemoryEventLoop(asyncio.BaseEventLoop):
    """What coroutines of an application run in; ``asyncio.sleep`` waits until the test lets time pass.

    Functions that an application gives to threads run there, and the test waits for them: those of
    ``run_in_executor``, with ``asyncio.to_thread`` and asgiref, and those of anyio's usual threads, with FastAPI.
    """

    def __init__(self, loop: MemoryLoop) -> None:
        # Before the base looks at them.
        self._memory = loop
        self._thread = get_ident()
        super().__init__()
        self.set_exception_handler(_log)
        # Called by other threads.
        self._arrived: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._elsewhere = 0
        self._probe: asyncio.Task[int] | None = None
        self._probed = False

    def __del__(self) -> None:
        """It ends with the test; there is nothing to close."""

    def is_running(self) -> bool:
        """It does, as far as coroutines can tell."""
        return True

    def time(self) -> float:
        """The test's."""
        return self._memory.seconds()

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """In the next turn of the test's loop."""
        return self.call_at(self.time(), callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """When the test has come so far."""
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._memory.callLater(max(when - self.time(), 0.0), self._call, handle, context, callback, *args)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """The same; from another thread, when the test next waits for one."""
        if get_ident() == self._thread:
            return self.call_soon(callback, *args, context=context)
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._arrived.put(lambda: self._call(handle, context, callback, *args))
        return handle

    def _call(self, handle: asyncio.Handle, context: Context, callback: Callable[..., object], *args: object) -> None:
        if handle.cancelled():
            return
        outer = events._get_running_loop()
        events._set_running_loop(self)
        try:
            context.run(callback, *args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.call_exception_handler({"message": f"in {callback!r}", "exception": error, "handle": handle})
        finally:
            events._set_running_loop(outer)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """In a thread, for which the test waits."""
        future = super().run_in_executor(executor, func, *args)
        self._elsewhere += 1
        future.add_done_callback(self._has_come)
        return future

    def _has_come(self, future: asyncio.Future[T]) -> None:
        self._elsewhere -= 1

    # -- threads -------------------------------------------------------------------------------------------------------

    def wait_for_threads(self) -> bool:
        """Take what a thread has to say, if one works for the loop; False if there is nothing to do."""
        if self._take(block=False):
            return True
        if self._elsewhere:
            return self._take(block=True)
        anyio = sys.modules.get("anyio.to_thread")
        if anyio is None or not any(not task.done() and task is not self._probe for task in asyncio.all_tasks(self)):
            return False
        # How many of its threads work is known to tasks only.
        if self._probe is None:
            self._probe = self.create_task(_borrowed(anyio.current_default_thread_limiter))
            return True
        probe, self._probe = self._probe, None
        return probe.done() and probe.result() > 0 and self._take(block=True)

    def _take(self, *, block: bool) -> bool:
        try:
            arrived = self._arrived.get(block, PATIENCE)
        except Empty:
            if block:
                raise AssertionError(f"a thread of an application has done nothing for {PATIENCE:g} seconds") from None
            return False
        arrived()
        return True


def _log(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What went wrong in the loop; that a test has ended before the application is nothing of the kind."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        log.failure("asyncio: {text}", Failure(error), text=context.get("message"))


async def _borrowed(limiter: Callable[[], object]) -> int:
    return int(getattr(limiter(), "borrowed_tokens", 0))
