"""A bound endpoint: its site, its clients, and how they are asked to leave."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.interfaces import Drainable, Watch
from pydsl_proxy.runtime import deadlines
from pydsl_proxy.runtime.crowd import Crowd
from pydsl_proxy.runtime.reactors import Clock
from pydsl_proxy.runtime.site import Site
from pydsl_proxy.runtime.stream_site import StreamSite
from pydsl_proxy.runtime.transport import after_batch, has_left, unread, unsent
from pydsl_proxy.runtime.turns import turns_of


class Listener:
    """What the frontends of one endpoint share; ``site`` is replaced whole on reload, by one of its kind."""

    def __init__(self, site: Site | StreamSite, scheme: str, clock: Clock, crowd: Crowd | None = None) -> None:
        self.site = site
        self.scheme = scheme
        self._clock = clock
        self.seconds: Callable[[], float] = clock.seconds
        self.wall_seconds: Callable[[], float] = wall_clock(clock)
        self.later: Callable[[Callable[[], None]], None] = turns_of(clock).later
        self.unsent: Callable[[object], int] = unsent
        self.unread: Callable[[object], int] = unread
        self.has_left: Callable[[object], bool] = has_left
        self.after_batch: Callable[[object], Callable[[Callable[[], None]], bool] | None] = after_batch
        self._crowd = Crowd(clock) if crowd is None else crowd
        self._connections: set[Drainable] = set()
        self._emptied: list[Callable[[], None]] = []

    def takes(self, site: Site | StreamSite) -> bool:
        """Whether *site* can be put in the place of this one's: its clients speak to what they know."""
        return isinstance(site, StreamSite) is isinstance(self.site, StreamSite)

    def watch(self, expired: Callable[[], None]) -> Watch:
        """A deadline over the listener's clock."""
        return deadlines.Watch(self._clock, expired)

    def opened(self, connection: Drainable, address: str, shown: str | None = None) -> bool:
        """A client has connected from *address*, in the log *shown*; False if there are too many."""
        site = self.site
        if not self._crowd.enter(connection, address, site.clients, site.trusted, shown):
            return False
        self._connections.add(connection)
        return True

    def closed(self, connection: Drainable) -> None:
        """A client's connection is gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._crowd.leave(connection)
        if self._emptied and not self._connections:
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

    def abort(self) -> None:
        """Close all that is left, now."""
        for connection in tuple(self._connections):
            connection.abort()
