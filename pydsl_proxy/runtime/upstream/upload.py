"""The body of a request on its way to a peer, or to one peer after another."""

from __future__ import annotations

from pydsl_proxy.interfaces import Exchange, PeerConnection, ReplayableBody, Trailers
from pydsl_proxy.runtime.replayed_body import ReplayedBody

# What of a body is kept to be sent again: a request that came in one read is repeatable, an upload is not.
MAX_KEPT = 64 * 1024


def may_be_kept(exchange: Exchange) -> bool:
    """Whether the body will still be here when it was sent, as far as its declared length tells."""
    length = exchange.fields.content_length
    return exchange.kept_body is not None or (length is not None and length <= MAX_KEPT)


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
        return self._size <= MAX_KEPT or self.rewinds

    @property
    def rewinds(self) -> bool:
        """Whether the body was here as a whole before it was sent to anyone."""
        return self._exchange.kept_body is not None

    def whole(self) -> ReplayableBody | None:
        """The body, to be delivered by others; None if it did not come as a whole, or is not here any more."""
        if not self._ended or self._size > MAX_KEPT:
            return None
        return ReplayedBody(self._exchange, b"".join(self._kept), self._trailers)

    def send_on(self, connection: PeerConnection) -> None:
        """Let the body go to *connection*, from its first byte."""
        self._connection = connection
        if not self._reading:
            self._reading = True
            self._exchange.read_body(self)
        elif self._size > MAX_KEPT:
            self._kept.clear()
            self._size = 0
            self._ended = False
            self._exchange.read_body(self)
        else:
            self._send_kept(connection)

    def _send_kept(self, connection: PeerConnection) -> None:
        for data in tuple(self._kept):
            connection.send_body(data)
        if self._ended:
            self._exchange.has_body = False
            connection.send_end(self._trailers)
        else:
            self._exchange.resume_body()

    def detach(self) -> None:
        """The connection is of no use any more: keep what comes until there is another, then read no more."""
        self._connection = None
        if self._reading and not self._ended:
            self._exchange.pause_body()

    def request_body(self, data: bytes) -> None:
        """Take some of the body."""
        self._size += len(data)
        if self._size <= MAX_KEPT:
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
