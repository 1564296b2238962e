"""The body of a request on its way to a peer, or to one peer after another."""

from __future__ import annotations

from pydsl_proxy.interfaces import Exchange, PeerConnection, Trailers

# What of a body is kept to be sent again: a request that came in one read is repeatable, an upload is not.
MOST_KEPT = 64 * 1024


class Upload:
    """Takes the body from the client and gives it to the connection of the attempt at hand."""

    __slots__ = ("_connection", "_dropped", "_ended", "_exchange", "_kept", "_reading", "_size", "_trailers")

    def __init__(self, exchange: Exchange, dropped: frozenset[bytes] = frozenset()) -> None:
        self._exchange = exchange
        # Lower-case names that the location keeps from peers, in trailers too.
        self._dropped = dropped
        self._connection: PeerConnection | None = None
        self._kept: list[bytes] = []
        self._size = 0
        self._reading = False
        self._ended = False
        self._trailers: Trailers = ()

    @property
    def repeatable(self) -> bool:
        """Whether all that was read of the body is still here."""
        return self._size <= MOST_KEPT

    def send_on(self, connection: PeerConnection) -> None:
        """Let the body go to *connection*, from its first byte."""
        self._connection = connection
        for data in tuple(self._kept):
            connection.send_body(data)
        if self._ended:
            self._exchange.has_body = False
            connection.send_end(self._trailers)
        elif self._reading:
            self._exchange.resume_body()
        else:
            self._reading = True
            self._exchange.read_body(self)

    def detach(self) -> None:
        """The connection is of no use any more: keep what comes until there is another, then read no more."""
        self._connection = None
        if self._reading and not self._ended:
            self._exchange.pause_body()

    def request_body(self, data: bytes) -> None:
        """Take some of the body."""
        self._size += len(data)
        if self._size <= MOST_KEPT:
            self._kept.append(data)
        else:
            self._kept.clear()
        if self._connection is not None:
            self._connection.send_body(data)

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete."""
        self._ended = True
        self._trailers = tuple(field for field in trailers if field[0].lower() not in self._dropped)
        if self._connection is not None:
            self._connection.send_end(self._trailers)
