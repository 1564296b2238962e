"""Event loops of asyncio, beside the reactor or within it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class EventLoop(Protocol):
    """A loop of asyncio and the ways across, in which the order of calls is kept."""

    def begin(self) -> None:
        """Have it run; called by the reactor, and matched by :meth:`end`."""

    def end(self) -> Deferred[None]:
        """Let it end, if nobody else has begun it; fires when it has, and what still ran in it is cancelled."""

    def within(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the loop call *function*; called by the reactor."""

    def outside(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the reactor call *function*; called in the loop."""
