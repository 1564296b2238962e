"""How long an application may send nothing: as long as a peer, ``.timeouts(read=…)``."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Silence:
    """Calls *expired* when an application has been silent for *seconds*, unless it waits for the client."""

    __slots__ = ("_call", "_clock", "_deadline", "_expired", "seconds")

    def __init__(self, clock: IReactorTime, seconds: float, expired: Callable[[], None]) -> None:
        self._clock = clock
        self._expired = expired
        self._deadline = inf
        self._call: IDelayedCall | None = None
        self.seconds = seconds

    def restart(self) -> None:
        """From now on the application has its time."""
        self._deadline = self._clock.seconds() + self.seconds
        if self._call is None:
            # Later deadlines are looked at when it fires.
            self._call = self._clock.callLater(self.seconds, self._look)

    def pause(self) -> None:
        """It waits for the client."""
        self._deadline = inf

    def stop(self) -> None:
        """Nothing is awaited any more."""
        self._deadline = inf
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _look(self) -> None:
        self._call = None
        left = self._deadline - self._clock.seconds()
        if left <= 0:
            self._deadline = inf
            self._expired()
        elif left < inf:
            self._call = self._clock.callLater(left, self._look)
