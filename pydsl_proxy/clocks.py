"""Two clocks: one measures how much time passes, the other tells people what time it is.

Whatever is waited for, limited or counted is measured by the clock of the reactor, which nobody can set.  The time of
day, which an operator or NTP may set forwards and back, stands in dates, in cookies and in logs, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time
from typing import Protocol, cast


class Clock(Protocol):
    """What tells the time, as a reactor does."""

    def seconds(self) -> float:
        """Now."""


def wall_clock(clock: Clock) -> Callable[[], float]:
    """The time of day beside *clock*, in seconds of the epoch.

    A clock in memory may have one of its own, ``wall_seconds``; otherwise its time is the time of day, too.
    """
    own = getattr(clock, "wall_seconds", None)
    if own is not None:
        return cast("Callable[[], float]", own)
    return time if clock.seconds is monotonic else clock.seconds
