"""The connections of HTTP/2 to one peer, each shared by several attempts at a time."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.connectors.h2_connection import H2Connection
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import Attempt, Dial, Exchange, Home, Timeouts
from pydsl_proxy.wire.h2_peer_response import ResponseBlocks
from pydsl_proxy.wire.h2_request_block import RequestBlocks


class Sharing:
    """Finds a connection with room for an attempt, or has one dialled, for which several may wait.

    *streams* bounds what one connection carries at a time; the peer may want fewer.
    """

    def __init__(self, home: Home, dial: Dial, streams: int) -> None:
        self.home = home
        self.dial = dial
        self.streams = streams
        self.requests = RequestBlocks()
        self.responses = ResponseBlocks()
        self._open: list[H2Connection] = []
        self._dialling: list[_Dialling] = []

    def connect(self, attempt: Attempt) -> Callable[[], None]:
        """Send *attempt*, now or when there is a connection; what is returned cancels the waiting."""
        for connection in self._open:
            if connection.has_room():
                connection.send(attempt)
                return _sent
        for dialling in self._dialling:
            if len(dialling.waiting) < self.streams:
                return dialling.join(attempt)
        dialling = _Dialling(self, attempt)
        self._dialling.append(dialling)
        dialling.begin()
        return dialling.leaving(attempt)

    def opened(self, connection: H2Connection) -> None:
        """It can be used from now on."""
        self._open.append(connection)

    def gone(self, connection: H2Connection) -> None:
        """It takes no more attempts; may be told twice."""
        if connection in self._open:
            self._open.remove(connection)

    def dialled(self, dialling: _Dialling) -> None:
        """It has come to its end, whatever that is."""
        if dialling in self._dialling:
            self._dialling.remove(dialling)


def _sent() -> None:
    """What cancels an attempt that is sent is its connection."""


class _Dialling:
    """A connection that is being made: for those who wait for it one caller, with the first one's time."""

    def __init__(self, sharing: Sharing, first: Attempt) -> None:
        self._sharing = sharing
        self._first = first
        self._cancel: Callable[[], None] | None = None
        self.waiting: list[Attempt] = [first]

    @property
    def exchange(self) -> Exchange:
        """That of the first one."""
        return self._first.exchange

    @property
    def timeouts(self) -> Timeouts:
        """Those of the first one."""
        return self._first.timeouts

    def begin(self) -> None:
        """Dial."""
        self._cancel = self._sharing.dial(self, lambda: H2Connection(self._sharing, self.made))

    def join(self, attempt: Attempt) -> Callable[[], None]:
        """Wait too."""
        self.waiting.append(attempt)
        return self.leaving(attempt)

    def leaving(self, attempt: Attempt) -> Callable[[], None]:
        """What lets *attempt* wait no more; with the last one the dialling ends."""

        def leave() -> None:
            if attempt in self.waiting:
                self.waiting.remove(attempt)
                if not self.waiting:
                    self._sharing.dialled(self)
                    if self._cancel is not None:
                        self._cancel()

        return leave

    def made(self, connection: H2Connection) -> None:
        """The connection is there: all who wait are sent."""
        self._sharing.dialled(self)
        self._sharing.opened(connection)
        waiting, self.waiting = self.waiting, []
        for attempt in waiting:
            connection.send(attempt)

    def failed(self, error: ProxyError) -> None:
        """There is none."""
        self._sharing.dialled(self)
        waiting, self.waiting = self.waiting, []
        for attempt in waiting:
            attempt.failed(error)
