"""The connections of HTTP/2 to one peer, each shared by several attempts at a time."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.connectors.http2.connection import H2Connection
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, Exchange, Timeouts
from pydsl_proxy.wire.http2.peer_response import ResponseBlocks
from pydsl_proxy.wire.http2.request_block import RequestBlocks


class Http2Pool:
    """Finds a connection with room for an attempt, or has one dialled, for which several may wait.

    *streams* bounds what one connection carries at a time.  The peer may want fewer, as it says on each connection:
    ``expected`` is what it said last, by which a new one goes until then, and None before it has said anything.
    """

    def __init__(self, home: ConnectionPool, dial: Dial, streams: int) -> None:
        self.home = home
        self.dial = dial
        self.streams = streams
        self.expected: int | None = None
        self.requests = RequestBlocks()
        self.responses = ResponseBlocks()
        self._open: list[H2Connection] = []
        self._beginnings: list[PendingConnection] = []
        self._waiting: dict[Attempt, PendingConnection] = {}

    def connect(self, attempt: Attempt) -> Callable[[], None]:
        """Send *attempt*, now or when there is a connection; what is returned cancels the waiting."""
        for connection in self._open:
            if connection.has_room() and (attempt.repeatable or self.home.peek(connection) != b""):
                connection.send(attempt)
                return _sent
        # Those with long streams are many if each has its own.
        self._open = [connection for connection in self._open if not connection.is_spent()]
        most = min(self.streams, self.expected or self.streams)
        for beginning in self._beginnings:
            if len(beginning.waiting) < most:
                self.wait(attempt, beginning)
                break
        else:
            beginning = PendingConnection(self, attempt)
            self._beginnings.append(beginning)
            self.wait(attempt, beginning)
            beginning.dial()
        return lambda: self._leave(attempt)

    def wait(self, attempt: Attempt, beginning: PendingConnection) -> None:
        """Let *attempt* be sent when it can be."""
        self._waiting[attempt] = beginning
        beginning.waiting.append(attempt)

    def no_longer_waits(self, attempt: Attempt) -> None:
        """It is sent, or has failed."""
        self._waiting.pop(attempt, None)

    def _leave(self, attempt: Attempt) -> None:
        beginning = self._waiting.pop(attempt, None)
        if beginning is not None:
            beginning.leave(attempt)

    def opened(self, connection: H2Connection) -> None:
        """It can be used from now on."""
        self._open.append(connection)

    def gone(self, connection: H2Connection) -> None:
        """It takes no more attempts; may be told twice."""
        if connection in self._open:
            self._open.remove(connection)

    def begun(self, beginning: PendingConnection) -> None:
        """It has come to its end, whatever that is; may be told twice."""
        if beginning in self._beginnings:
            self._beginnings.remove(beginning)


def _sent() -> None:
    """What cancels an attempt that is sent is its connection."""


class PendingConnection:
    """A connection from its dialling to the peer's first word, which is how many streams it takes.

    Who waits for it is one caller for the dial, with the time of the first one, which is forgotten when the connection
    is made: the connection keeps this object for as long as it lives.  Of several only the first is sent
    before the peer has spoken, if nothing is known of it: a stream too many would be refused, and a long body, of which
    some is gone by then, could not be sent again.
    """

    def __init__(self, sharing: Http2Pool, first: Attempt) -> None:
        self._sharing = sharing
        self._first: Attempt | None = first
        #: Those of the first one.
        self.timeouts: Timeouts = first.timeouts
        self._cancel: Callable[[], None] | None = None
        self._connection: H2Connection | None = None
        self.waiting: list[Attempt] = []

    @property
    def exchange(self) -> Exchange:
        """That of the first one; nobody asks when the connection is made."""
        assert self._first is not None
        return self._first.exchange

    def dial(self) -> None:
        """Begin."""
        self._cancel = self._sharing.dial(self, lambda: H2Connection(self._sharing, self))

    def leave(self, attempt: Attempt) -> None:
        """*attempt* waits no more; with the last one the dialling ends."""
        self.waiting.remove(attempt)
        if not self.waiting and self._connection is None:
            self._sharing.begun(self)
            if self._cancel is not None:
                self._cancel()

    def made(self, connection: H2Connection) -> None:
        """There is a connection."""
        self._connection = connection
        self._first = None
        self._sharing.opened(connection)
        if self._sharing.expected is None:
            self._send(connection)
        else:
            self.spoken(connection)

    def spoken(self, connection: H2Connection) -> None:
        """The peer's SETTINGS are known: attempts beyond MAX_CONCURRENT_STREAMS go to another connection."""
        self._sharing.begun(self)
        self._send(connection)
        waiting, self.waiting = self.waiting, []
        for attempt in waiting:
            self._sharing.no_longer_waits(attempt)
            self._sharing.connect(attempt)

    def _send(self, connection: H2Connection) -> None:
        while self.waiting and connection.has_room():
            attempt = self.waiting.pop(0)
            self._sharing.no_longer_waits(attempt)
            connection.send(attempt)

    def silent(self) -> None:
        """The peer has taken the connection and said nothing on it: those that are sent have their own time."""
        text = f"peer {self._sharing.home.name} did not begin to speak HTTP/2 in time"
        self.failed(ProxyError(Source.PEER, 504, "connect_timeout", text, retryable=True))

    def failed(self, error: ProxyError) -> None:
        """There is no connection, or none any more."""
        self._sharing.begun(self)
        waiting, self.waiting = self.waiting, []
        for attempt in waiting:
            self._sharing.no_longer_waits(attempt)
            attempt.failed(error)
