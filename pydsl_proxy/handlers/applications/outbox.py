"""Calls between the reactor and an application, in their order; the other side is woken once for those that wait.

Waking it is a system call, which lets go of Python's lock: while the other thread computes, getting that back takes
longer than all the rest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

from pydsl_proxy.interfaces import Later

# Seconds of calls in one turn of the reactor; thousands may be made before it has one.
BUDGET: Final = 0.001


class Outbox:
    """What *outside* is for one call, for all those of one application and exchange.

    The reactor is woken once for all calls that wait, and makes them until :data:`BUDGET` is used up; the rest waits
    for a later turn, by *later*.  After each such batch it calls *done*.
    """

    __slots__ = ("_calls", "_done", "_later", "_outside", "_posted", "_resting", "_seconds")

    def __init__(
        self,
        outside: Callable[..., None],
        later: Later,
        done: Callable[[], None],
        seconds: Callable[[], float] = perf_counter,
    ) -> None:
        self._outside = outside
        self._later = later
        self._done = done
        self._seconds = seconds
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        # The reactor was woken, and has not begun; the rest waits for a later turn.
        self._posted = self._resting = False

    def put(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the reactor call *function*; called by the application's thread or task."""
        self._calls.append((function, arguments))
        if not self._posted:
            self._posted = True
            self._outside(self._begin)

    def _begin(self) -> None:
        # First of all: what is put from now on wakes the reactor again.
        self._posted = False
        if not self._resting:
            self._work()

    def _rested(self) -> None:
        self._resting = False
        self._work()

    def _work(self) -> None:
        calls, seconds = self._calls, self._seconds
        until = seconds() + BUDGET
        try:
            while calls:
                function, arguments = calls.popleft()
                function(*arguments)
                if seconds() >= until:
                    break
        finally:
            # One that raises is logged by the reactor, and does not keep the others.
            if calls:
                self._resting = True
                self._later(self._rested, None)
            self._done()


class Inbox:
    """What *within* is for one call, for all those of one application and exchange."""

    __slots__ = ("_calls", "_posted", "_within")

    def __init__(self, within: Callable[..., None]) -> None:
        self._within = within
        self._calls: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._posted = False

    def put(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the loop call *function*, which is to be quick; called by the reactor."""
        self._calls.append((function, arguments))
        if not self._posted:
            self._posted = True
            self._within(self._begin)

    def _begin(self) -> None:
        # First of all: what is put from now on wakes the loop again.
        self._posted = False
        calls = self._calls
        while calls:
            function, arguments = calls.popleft()
            function(*arguments)
