"""One moving deadline a connection, instead of a timer a phase."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall

from pydsl_proxy.net.reactors import Clock


def _nothing() -> None:
    """Who has stopped watching hears no more."""


class Deadline:
    """Calls *expired* when the clock passes :attr:`deadline`.

    A deadline is moved for every request and almost always to later; then nothing is done but to store it (a
    ``callLater`` with its ``cancel`` costs 1 µs).  The timer looks at it when it fires, and is armed anew for what is
    left.  Only a deadline before the armed time needs :meth:`arm`.
    """

    __slots__ = ("_call", "_clock", "_expired", "armed", "deadline")

    def __init__(self, clock: Clock, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._call: IDelayedCall | None = None
        self.deadline = inf
        self.armed = inf

    def until(self, when: float) -> None:
        """Move the deadline to the clock's *when*; infinity means none."""
        self.deadline = when
        if when < self.armed:
            self.arm()

    def arm(self) -> None:
        """Set the timer for :attr:`deadline`, which is before the one it is set for."""
        if self._call is not None:
            self._call.cancel()
        self.armed = self.deadline
        self._call = self._clock.callLater(max(0.0, self.deadline - self._clock.seconds()), self._fire)

    def _fire(self) -> None:
        self._call = None
        self.armed = inf
        if self._clock.seconds() >= self.deadline:
            self.deadline = inf
            self._expired()
        elif self.deadline < inf:
            self.arm()

    def stop(self) -> None:
        """Watch no more, ever; may be called twice."""
        self.deadline = inf
        # Who watches holds the watch: without this a closed connection, with its buffers, would wait for the collector.
        self._expired = _nothing
        if self._call is not None:
            self._call.cancel()
            self._call = None
            self.armed = inf
