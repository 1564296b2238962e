"""The states of a client's connection over HTTP/1.1, and how it ends."""

from __future__ import annotations

from enum import Enum
from math import inf

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import Deadline, Exchange, Listening, StreamTransport
from pydsl_proxy.wire.connection.forwarded import Identity

# nginx: lingering_timeout 5s, lingering_time 30s.
LINGER_IDLE = 5.0
LINGER_ALL = 30.0
# When the proxy is stopped: what is under way reaches the client, and what that still sends is of no use to anybody.
LINGER_DRAINED = 0.5


class State(Enum):
    """What a connection is about."""

    HEAD = "a request's head is awaited"
    BODY = "an exchange is under way and its request's body is not complete"
    ANSWER = "an exchange is under way and its request is complete"
    DROP = "the response is sent, and what comes of its request's body is read and dropped; another request may follow"
    LINGER = "the last response is sent; what still comes is read and dropped"
    CLOSED = "nothing is read or sent any more, but what is queued"
    SWITCHED = "another protocol is spoken; the connection is of another class, a Switched"


HEAD, BODY, ANSWER, DROP, LINGER, CLOSED, SWITCHED = State

# Every transition there is; the tests hold all conversations to it.
TRANSITIONS: dict[State, frozenset[State]] = {
    HEAD: frozenset((BODY, ANSWER, LINGER, CLOSED)),
    BODY: frozenset((ANSWER, DROP, LINGER, CLOSED)),
    ANSWER: frozenset((HEAD, LINGER, CLOSED, SWITCHED)),
    DROP: frozenset((ANSWER, LINGER, CLOSED)),
    LINGER: frozenset((CLOSED,)),
    CLOSED: frozenset(),
    SWITCHED: frozenset((LINGER, CLOSED)),
}


class Sending:
    """How much of a response, and of what is left of earlier ones, a client had read, and when."""

    __slots__ = ("exchange", "read", "since")

    def __init__(self, exchange: Exchange | None, read: int, since: float) -> None:
        self.exchange = exchange
        self.read = read
        self.since = since


class Closing(Protocol):
    """The part of a connection that knows its state, its deadline and how to end.

    ``_last`` says that it ends after the response at hand, ``_held`` is what came before its time, ``_taken`` what was
    unsent when the client's progress was last looked at.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises
    _watch: Deadline
    _identity: Identity
    _lingering_ends: float
    # When it is too old for another request.
    _retires: float

    def __init__(self, listening: Listening) -> None:
        self._listening = listening
        self._state = HEAD
        self._exchange: Exchange | None = None
        self._held = b""
        self._last = False
        self._half_closed = False
        self._paused = False
        self._taken = 0
        self._sending: Sending | None = None

    def _pause(self) -> None:
        if not self._paused and self._state is not CLOSED:
            self._paused = True
            self.transport.pauseProducing()
            # A peer that does not read must not hide that the client has gone.
            self._listening.await_reset(self.transport)

    def _resume(self) -> None:
        if self._paused and self._state is not CLOSED:
            self._paused = False
            self.transport.resumeProducing()

    def _linger(self) -> None:
        """Close for writing and read on for a while, so that no reset destroys the response before it is read."""
        self._held = b""
        if self._half_closed:
            self._close()
            return
        self._state = LINGER
        is_drained = self._retires == -inf
        self._lingering_ends = self._listening.seconds() + (LINGER_DRAINED if is_drained else LINGER_ALL)
        self._linger_on()
        self._resume()
        if ITCPTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()

    def _linger_on(self) -> None:
        """Something was read and dropped."""
        self._watch.until(min(self._listening.seconds() + LINGER_IDLE, self._lingering_ends))

    def _close(self) -> None:
        """Send what is queued, then close; a client that takes none of it for ``send_timeout`` is cut off."""
        self._state = CLOSED
        self._held = b""
        self._await_progress()
        self.transport.loseConnection()

    def _await_progress(self) -> None:
        listening = self._listening
        clients = listening.site.clients
        self._taken = listening.unsent(self.transport)
        time, self._sending = clients.send_timeout, None
        if clients.min_send_rate and (self._exchange is not None or self._state is CLOSED):
            self._sending = Sending(self._exchange, self._read_by_client(), listening.seconds())
            # As in Kestrel, what waits may take the time that the rate gives it, if that is more than the grace.
            time = min(time, max(clients.rate_grace, self._taken / clients.min_send_rate))
        self._watch.until(listening.seconds() + time)

    def _read_by_client(self) -> int:
        """Of the exchange at hand; negative for what waits from before."""
        sent = 0 if self._exchange is None else self._exchange.sent
        return sent - self._listening.unread(self.transport)

    def _has_progressed(self) -> bool:
        """Whether a client that did not take all in time has taken something: it is slow, not dead."""
        listening = self._listening
        unsent, sending = listening.unsent(self.transport), self._sending
        if not unsent:
            return False
        if sending is not None and sending.exchange is self._exchange:
            owed = listening.site.clients.min_send_rate * (listening.seconds() - sending.since)
            if self._read_by_client() - sending.read < owed:
                return False
        elif unsent == self._taken:
            return False
        self._await_progress()
        return True

    def drain(self) -> None:
        """Close as soon as no exchange is under way."""
        self._last = True
        self._retires = -inf
        if self._state is HEAD and not self._held:
            self._close()
        elif self._state is LINGER:
            self._lingering_ends = self._listening.seconds() + LINGER_DRAINED
            self._linger_on()

    def shut_down(self, error: ProxyError) -> None:
        """The proxy stops: answer *error* if nothing was answered yet, and close."""
        exchange = self._exchange
        self._last = True
        if exchange is not None:
            running, exchange.running = exchange.running, None
            if running is not None:
                running.cancel(error)
            exchange.fail(error)
        elif self._state is HEAD:
            self.abort()

    def abort(self) -> None:
        """Close at once, whatever is queued."""
        self._state = CLOSED
        self._watch.stop()
        self.transport.abortConnection()
