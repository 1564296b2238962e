"""Work that is too long for one turn of the loop: the rest waits in a queue and is done in later turns.

One client may send, in one read of 256 KiB, thousands of messages that each cost a Python call: empty WebSocket frames,
chunks of one byte, HTTP/2 frames.  A reader therefore handles a bounded number of messages, puts the rest here, and
reads no more until the rest is done.  Between two turns the loop serves every other connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from weakref import WeakKeyDictionary, ref

from twisted.logger import Logger

from pydsl_proxy.net.reactors import Clock

log = Logger()


class Turns:
    """A queue of continuations, first in, first out.

    In one turn of the loop continuations run until :attr:`BUDGET` is used up, and each at most once.  So with many
    readers that have work left, the loop still polls after that time and the time of one continuation.  A reader should
    stop after about a millisecond.
    """

    #: Seconds of continuations in one turn of the loop.  Another connection waits for it at most once per event: four
    #: events make a proxied request.
    BUDGET = 0.005

    def __init__(self, clock: Clock, seconds: Callable[[], float] = perf_counter) -> None:
        # A weak reference: the clock is the key under which this queue is found.
        self._clock = ref(clock)
        self._seconds = seconds
        self._queue: deque[tuple[Callable[[], None], Callable[[], object] | None]] = deque()
        self._is_scheduled = False

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """Call *call* in the next turn of the loop, or in a later one if the next has enough to do.

        It cannot be cancelled: a connection that was closed meanwhile does nothing.  An exception is logged, and
        *failed* is called then: it ends what the work was for, as a reactor ends a connection whose ``dataReceived``
        raises.  Otherwise that connection would stay open with its reading paused.
        """
        self._queue.append((call, failed))
        if not self._is_scheduled:
            self._schedule()

    def _schedule(self) -> None:
        clock = self._clock()
        if clock is not None:
            self._is_scheduled = True
            clock.callLater(0, self._run)

    def _run(self) -> None:
        self._is_scheduled = False
        queue, seconds = self._queue, self._seconds
        until = seconds() + self.BUDGET
        try:
            for _ in range(len(queue)):
                call, failed = queue.popleft()
                try:
                    call()
                except Exception:
                    log.failure("Unhandled error in work that was continued in a later turn of the loop")
                    if failed is not None:
                        _end(failed)
                if seconds() >= until:
                    break
        finally:
            # Whatever ends the loop, as SystemExit does: the reactor goes on.
            if queue and not self._is_scheduled:
                self._schedule()


def _end(failed: Callable[[], object]) -> None:
    try:
        failed()
    except Exception:
        log.failure("Unhandled error at the end of work that had raised")


_of_clocks: WeakKeyDictionary[Clock, Turns] = WeakKeyDictionary()


def turns_of(clock: Clock) -> Turns:
    """The queue of all that runs on *clock*: what is bounded is the turn of a loop, not that of one listener.

    An object that stands in for a reactor names it as its ``outer_reactor``, and shares its queue.
    """
    clock = getattr(clock, "outer_reactor", clock)
    turns = _of_clocks.get(clock)
    if turns is None:
        turns = _of_clocks[clock] = Turns(clock)
    return turns
