"""A watchdog for the event loop: it measures how late a timer is, and logs what held the loop up.

While one function runs, no other client is served.  asyncio logs such functions in its debug mode, from 0.1 s on; here
a timer and a thread find them, with 32 short wake-ups a second in all by default.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import PurePath
from threading import Event, Thread, get_ident
from time import perf_counter
from types import FrameType

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from pydsl_proxy.errors.rate_limited import RateLimited, more
from pydsl_proxy.net.reactors import Clock

log = Logger()

#: Functions that a line names, the innermost first.
MAX_FUNCTIONS = 5


class LoopLag:
    """Logs when the loop of *clock* does not run for *threshold* seconds or more.

    The timer runs every quarter of *threshold*.  When it is late by half of *threshold*, the thread notes in which
    functions the loop is.  If that is a call into C which holds the interpreter, they are noted when it returns.
    *seconds* is a monotonic clock of real time.
    """

    def __init__(self, clock: Clock, threshold: float, seconds: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._threshold = threshold
        self._interval = threshold / 4
        self._seconds = seconds
        #: The longest time in seconds that the loop did not run, since :meth:`start`.
        self.longest = 0.0
        self._due = 0.0
        self._where = ""
        self._loop_thread = 0
        self._stopped = Event()
        self._timer: IDelayedCall | None = None
        self._thread: Thread | None = None
        self._limit = RateLimited(seconds)

    def start(self) -> None:
        """Watch, from the loop's thread."""
        self._loop_thread = get_ident()
        self._stopped = Event()
        self._schedule()
        self._thread = Thread(target=self._watch, args=(self._stopped,), name="pydsl_proxy loop_lag", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _schedule(self) -> None:
        self._due = self._seconds() + self._interval
        self._timer = self._clock.callLater(self._interval, self._beat)

    def _beat(self) -> None:
        """The timer, in the loop."""
        lag = self._seconds() - self._due
        self.longest = max(self.longest, lag)
        if lag >= self._threshold:
            self._report(lag)
        self._where = ""
        self._schedule()

    def _watch(self, stopped: Event) -> None:
        while not stopped.wait(self._interval):
            self.look()

    def look(self) -> None:
        """Note where the loop is, if its timer is late; for the thread."""
        if not self._where and self._seconds() - self._due >= self._threshold / 2:
            frame = sys._current_frames().get(self._loop_thread)
            self._where = functions_of(frame)

    def _report(self, lag: float) -> None:
        if reported := self._limit.note():
            log.warn(
                "the event loop did not run for {lag:.2f} s, and no client was served; it was in {where}{more}",
                lag=lag,
                where=self._where or "a function that is not known",
                more=more(reported),
            )


def functions_of(frame: FrameType | None) -> str:
    """The innermost functions of a stack, each with its file and line."""
    names: list[str] = []
    while frame is not None and len(names) < MAX_FUNCTIONS:
        file = "/".join(PurePath(frame.f_code.co_filename).parts[-2:])
        names.append(f"{frame.f_code.co_name} ({file}:{frame.f_lineno})")
        frame = frame.f_back
    return ", called by ".join(names)


def has_real_time(clock: object) -> bool:
    """Whether *clock* is a reactor that runs in real time, and not one of tests."""
    return isinstance(clock, ReactorBase)
