"""A line in the error log each ten seconds at most, and how much it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary

#: Seconds between two lines: under attack the log must not become the attack.
QUIET: Final = 10.0


class RateLimited:
    """Decides which of many alike events are told; *seconds* is the clock."""

    __slots__ = ("_events", "_every", "_quiet_until", "_seconds")

    def __init__(self, seconds: Callable[[], float], every: float = QUIET) -> None:
        self._seconds = seconds
        self._every = every
        self._quiet_until = 0.0
        self._events = 0

    def note(self) -> int:
        """Count an event: how many a line is to tell of, this one included; 0 if there is to be none now."""
        now = self._seconds()
        self._events += 1
        # A clock that was put back must not silence it.
        if self._quiet_until - self._every <= now < self._quiet_until:
            return 0
        events, self._events = self._events, 0
        self._quiet_until = now + self._every
        return events


def more(events: int) -> str:
    """What a line that stands for several events says at its end."""
    return f", the last of {events} since the line before" if events > 1 else ""


_of_owners: WeakKeyDictionary[object, dict[str, RateLimited]] = WeakKeyDictionary()


def limit_of(owner: object, what: str, seconds: Callable[[], float]) -> RateLimited:
    """The limit of lines about *what* at *owner*, as a listener; it lives as long as that."""
    limits = _of_owners.setdefault(owner, {})
    if what not in limits:
        limits[what] = RateLimited(seconds)
    return limits[what]
