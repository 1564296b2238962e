"""A connection to a peer that carries one attempt at a time: sending a body, the peer's times, and ends."""

from __future__ import annotations

from enum import Enum
from math import inf

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from pydsl_proxy.connectors.body_producer import BodyProducer
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Deadline, Exchange, Owner, StreamTransport, Trailers

# Seconds for a peer to take what is queued for it before a close: one that answers early may never read the rest.
CLOSE_WITHIN = 60.0


class State(Enum):
    """What a connection to a peer is about."""

    IDLE = "no attempt is under way"
    HEAD = "the head of a response is awaited"
    BODY = "a response's body comes"
    REST = "the client has its response, the peer has not ended; of protocols that tell the end apart"
    CLOSED = "nothing is read or sent any more"
    SWITCHED = "another protocol is spoken; the connection is of another class, a Switched"


IDLE, HEAD, BODY, REST, CLOSED, SWITCHED = State


class SerialConnection(Protocol):
    """It belongs to one attempt from ``send`` to the end of the response, and to its home's pool between attempts.

    ``_corked`` is a head that waits for the first of its body, ``_taken`` what was unsent when the peer's progress was
    last looked at.  ``_for_later`` is what of a read waits for another turn of the loop, ``_turning`` says that this
    comes by itself, ``_stopped`` that nothing is read until then.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises
    _watch: Deadline
    # Where it returns to, if that is not its home.
    _owner: Owner | None = None

    def __init__(self, home: ConnectionPool, attempt: Attempt) -> None:
        self._home = home
        self._state = IDLE
        self._attempt: Attempt | None = attempt
        self._held = b""
        self._corked: bytes | None = None
        self._taken = 0
        self._uploading = False
        self._paused = False
        self._for_later = b""
        self._turning = False
        self._stopped = False

    # -- the request's body ------------------------------------------------------------------------------------------

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request."""
        raise NotImplementedError

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""
        raise NotImplementedError

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete."""
        raise NotImplementedError

    def _send_with_body(self, attempt: Attempt, exchange: Exchange, request_head: bytes) -> None:
        """The head waits for what is here of the body: one write, one packet."""
        self._uploading = True
        self._corked = request_head
        attempt.send_body_on(self)
        head, self._corked = self._corked, None
        if head and self._attempt is attempt:
            self.transport.write(head)
        if self._uploading and self._attempt is attempt:
            self.transport.registerProducer(BodyProducer(self, exchange), True)

    def _write(self, data: bytes) -> None:
        if self._corked:
            data = self._corked + data
            self._corked = b""
        self.transport.write(data)

    def _end_upload(self) -> None:
        if self._uploading:
            self._uploading = False
            if self._corked is None:
                self.transport.unregisterProducer()

    def await_reading(self, *, paused: bool = True) -> None:
        """The peer takes none of the request's body, or does again."""
        attempt = self._attempt
        if attempt is not None:
            self._taken = self._home.unsent(self.transport)
            self._watch.until(self._home.seconds() + attempt.timeouts.send if paused else inf)

    # -- the client's pace -------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client is slower than the peer, whose time does not run meanwhile."""
        # The end of a response is also written, when its connection is another exchange's already.
        if self._state is not CLOSED and self._attempt is not None:
            self._watch.deadline = inf
            self._paused = True
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has caught up."""
        attempt = self._attempt
        if self._state is not CLOSED and attempt is not None:
            self._watch.until(self._home.seconds() + attempt.timeouts.read)
            self._paused = False
            if not self._stopped:
                self.transport.resumeProducing()
            elif not self._turning:
                self._take_rest()

    def stopProducing(self) -> None:
        """The client is gone; the attempt hears of it from its exchange."""

    # -- what is too much for one turn of the loop --------------------------------------------------------------------

    def _await_turn(self, rest: bytes) -> None:
        """Go on with *rest* in another turn of the loop, and read no more until it is taken."""
        self._for_later = rest
        self._turning = True
        if not self._stopped:
            self._stopped = True
            self.transport.pauseProducing()
        self._home.later(self._next_turn, self.transport.abortConnection)

    def _next_turn(self) -> None:
        self._turning = False
        if self._state is not CLOSED and not self._paused:
            self._take_rest()

    def _take_rest(self) -> None:
        rest, self._for_later = self._for_later, b""
        self.dataReceived(rest)
        if self._stopped and not (self._turning or self._paused or self._state is CLOSED):
            self._read_again()

    def _read_again(self) -> None:
        """The response is here as a whole, or what was too much of it: that must not stop the next exchange."""
        if self._paused or self._stopped:
            self._paused = self._stopped = False
            self.transport.resumeProducing()

    # -- ends --------------------------------------------------------------------------------------------------------

    def _lost(self, was: State, reason: Failure) -> ProxyError:
        phase = "in the middle of its response" if was is BODY else "before it answered"
        # TLS has more to say, as that a certificate of ours is wanted.
        why = "" if reason.check(ConnectionDone, ConnectionLost) else f": {reason.getErrorMessage()}"
        return ProxyError(Source.PEER, 502, "closed", f"peer {self._home.name} closed {phase}{why}")

    def _fail(self, attempt: Attempt, cause: str, what: str, status: int = 502, *, retryable: bool = False) -> None:
        self.abandon()
        text = f"peer {self._home.name} {what}"
        attempt.failed(ProxyError(Source.PEER, status, cause, text, retryable=retryable))

    def _expired(self) -> None:
        """The deadline has passed: an idle connection has had its time, or the peer is too slow."""
        attempt = self._attempt
        if self._state is CLOSED:
            self.transport.abortConnection()
        elif self._state is REST:
            self.abandon()
        elif attempt is None:
            self.close()
        elif self._uploading and self._home.unsent(self.transport) != self._taken:
            # It is slow, but reads.
            self.await_reading()
        elif self._uploading:
            self._fail(attempt, "send_timeout", f"took none of the request for {attempt.timeouts.send:g} s", 504)
        else:
            self._fail(attempt, "read_timeout", f"sent nothing for {attempt.timeouts.read:g} s", 504)

    def abandon(self) -> None:
        """The attempt is of no interest any more; what the peer still sends could answer another, so close."""
        self._attempt = None
        if self._state is not CLOSED:
            self._state = CLOSED
            self._watch.stop()
            self.transport.abortConnection()

    def close(self) -> None:
        """Close an idle connection."""
        if self._state is IDLE:
            (self._owner or self._home).forget(self)
        self._close()

    def _close(self) -> None:
        self._state = CLOSED
        self._watch.until(self._home.seconds() + CLOSE_WITHIN)
        self.transport.loseConnection()
