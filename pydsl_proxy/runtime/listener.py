"""A bound endpoint: its site, its clients, and how they are asked to leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IDelayedCall

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Deadline, Drainable, Later
from pydsl_proxy.net import deadlines
from pydsl_proxy.net.data_path import after_batch, await_reset, has_left, unread, unsent
from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.net.turns import turns_of
from pydsl_proxy.runtime.connection_limits import ConnectionLimiter
from pydsl_proxy.runtime.site import Site
from pydsl_proxy.runtime.stream.site import StreamSite

# Seconds for the last bytes to reach the clients of a proxy that has stopped, and for these to close.
LAST_WORDS: Final = 1.0


class Listener:
    """What the frontends of one endpoint share; ``site`` is replaced whole on reload, by one of its kind."""

    def __init__(
        self, site: Site | StreamSite, scheme: str, clock: Clock, limiter: ConnectionLimiter | None = None
    ) -> None:
        self.site = site
        self.scheme = scheme
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds
        self.wall_seconds: Callable[[], float] = wall_clock(clock)
        self.later: Later = turns_of(clock).later
        self.unsent: Callable[[object], int] = unsent
        self.unread: Callable[[object], int] = unread
        self.await_reset: Callable[[object], None] = await_reset
        self.has_left: Callable[[object], bool] = has_left
        self.after_batch: Callable[[object], Callable[[Callable[[], None]], bool] | None] = after_batch
        self._limiter = ConnectionLimiter(clock) if limiter is None else limiter
        self._connections: set[Drainable] = set()
        self._emptied: list[Callable[[], None]] = []
        self._aborting: IDelayedCall | None = None

    def takes(self, site: Site | StreamSite) -> bool:
        """Whether *site* can be put in the place of this one's: its clients speak to what they know."""
        return isinstance(site, StreamSite) is isinstance(self.site, StreamSite)

    def watch(self, expired: Callable[[], None]) -> Deadline:
        """A deadline over the listener's clock."""
        return deadlines.Deadline(self._clock, expired)

    def opened(self, connection: Drainable, address: str, shown: str | None = None) -> bool:
        """A client has connected from *address*, in the log *shown*; False if there are too many."""
        site = self.site
        if not self._limiter.enter(connection, address, site.clients, site.trusted, shown):
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: Drainable) -> None:
        """A client's connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._limiter.leave(connection)
        if not self._connections:
            if self._aborting is not None:
                self._aborting.cancel()
                self._aborting = None
            if self._emptied:
                self._empty()

    def drain(self, emptied: Callable[[], None]) -> None:
        """Ask every client to leave, the idle ones at once; *emptied* is called when the last is gone.

        Asked again, each *emptied* is called.
        """
        self._emptied.append(emptied)
        for connection in tuple(self._connections):
            connection.drain()
        if self._emptied and not self._connections:
            self._empty()

    def _empty(self) -> None:
        waiting, self._emptied = self._emptied, []
        for emptied in waiting:
            emptied()

    def shut_down(self) -> None:
        """The time to end is over: answer 503 where nothing was answered yet, and close all that is left.

        A client that does not take its last bytes is cut off a moment later, and all are when this is called again.
        """
        if self._aborting is not None:
            self._aborting.reset(0)
            return
        for connection in tuple(self._connections):
            connection.shut_down(ProxyError(Source.US, 503, "shutdown", "the proxy was stopped before the end"))
        if self._connections:
            self._aborting = self._clock.callLater(LAST_WORDS, self._abort)

    def _abort(self) -> None:
        self._aborting = None
        for connection in tuple(self._connections):
            connection.abort()
