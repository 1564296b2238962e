"""A connection to a peer after a 101: bytes of another protocol, both ways, until one side ends."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Deadline, Exchange, StreamTransport, Trailers
from pydsl_proxy.wire.http.head import ResponseHead

# Seconds for a peer to take what is queued for it once the client is gone.
CLOSE_WITHIN = 60.0


class Switched(Protocol):
    """What an H1Connection becomes; it is not kept afterwards, and an end of either side ends both.

    An end of a half has no meaning here: RFC 6455 7.1.1 has a WebSocket closed by its frames, and then as a whole.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises
    _home: ConnectionPool
    _watch: Deadline
    _attempt: Attempt | None
    _silence: float
    _paused: bool
    _write: Callable[[bytes], None]

    def begin(self, attempt: Attempt, response: ResponseHead, data: bytes, silence: float) -> None:
        """The peer has answered *attempt* with a 101 and *data*; both sides may be silent for *silence* seconds."""
        self._attempt = attempt
        self._silence = silence
        self._paused = False
        attempt.connection = self
        self._watch.stop()
        self._watch = self._home.watch(self._expired)
        self._watch.until(self._home.seconds() + silence)
        self.transport.registerProducer(_Client(attempt.exchange), True)
        attempt.switched(response, data)
        # The exchange's method itself: one call less for each piece.  Filters have left it when it has switched.
        self._write = attempt.exchange.write

    # -- the client's side -------------------------------------------------------------------------------------------

    def send(self, attempt: Attempt) -> None:
        """It never carries another exchange."""
        raise AssertionError("a connection that has switched was kept")

    def send_body(self, data: bytes) -> None:
        """Send what the client sent."""
        self._watch.deadline = self._home.seconds() + self._silence
        self.transport.write(data)

    def send_end(self, trailers: Trailers) -> None:
        """The client has ended: what is queued is sent yet."""
        self._watch.until(self._home.seconds() + CLOSE_WITHIN)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abandon(self) -> None:
        """The client is gone."""
        self._attempt = None
        self._watch.stop()
        self.transport.abortConnection()

    def close(self) -> None:
        """It is never idle in a pool."""

    def pauseProducing(self) -> None:
        """The client is slower than the peer."""
        if self._attempt is not None:
            self._paused = True
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        if self._paused and self._attempt is not None:
            self._paused = False
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; the attempt hears of it from its exchange."""

    # -- the peer's side ---------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer."""
        if self._attempt is not None:
            self._watch.deadline = self._home.seconds() + self._silence
            self._write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The peer has ended, or was asked to."""
        self._watch.stop()
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            if not reason.check(ConnectionDone):
                # No failure of the peer's, which has answered: nginx too counts none after a 101.
                text = f"peer {self._home.name} reset a connection that had switched"
                attempt.exchange.error = ProxyError(Source.PEER, 502, "reset", text)
            attempt.ended(())

    def _expired(self) -> None:
        """The deadline has passed: neither side says anything, or the peer does not take the last words."""
        attempt = self._attempt
        self.abandon()
        if attempt is not None:
            text = f"nothing was sent either way for {self._silence:g} s"
            attempt.exchange.error = ProxyError(Source.US, 504, "tunnel_idle", text)
            attempt.ended(())


class _Client:
    """The client as the transport's producer: a peer that does not read stops it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def pauseProducing(self) -> None:
        """The peer is slower than the client."""
        self._exchange.pause_body()

    def resumeProducing(self) -> None:
        """The peer has caught up."""
        self._exchange.resume_body()

    def stopProducing(self) -> None:
        """The connection is gone; the attempt hears of it."""
