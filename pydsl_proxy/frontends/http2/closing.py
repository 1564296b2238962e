"""The deadlines of a client's connection over HTTP/2, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import inf

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.state import LINGER_ALL, LINGER_DRAINED, LINGER_IDLE
from pydsl_proxy.frontends.http2.stream import H2Stream
from pydsl_proxy.interfaces import Deadline, Listening, StreamTransport
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http2.frames import MAX_STREAM_ID, PING, ErrorCode, frame, goaway

# Gathered before they are sent with one call.
MAX_GATHERED = 64 * 1024


class State(Enum):
    """What a connection is about."""

    OPEN = "streams come and go"
    NOTICED = "the client was told that soon no further stream is taken"
    LEAVING = "no further stream is taken; those that are open may end"
    LINGER = "all is sent; what still comes is read and dropped"
    CLOSED = "nothing is read or sent any more, but what is queued"


OPEN, NOTICED, LEAVING, LINGER, CLOSED = State

# By its answer a client says that it has read what came before.
NOTICE = b"leaving!"
# Seconds for that, though a client owes the answer at once (RFC 9113 6.7); Envoy: drain_timeout 5s.
NOTICED_WITHIN = 5.0


class Closing(Protocol):
    """The part of a connection that gathers what is sent, and knows its state, its deadlines and how to end.

    ``_blocked`` says that the transport has more than it can send, ``_taken`` what was unsent when the client's
    progress was last looked at.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises
    _watch: Deadline
    _identity: Identity
    _lingering_ends: float
    # When it is too old for another request.
    _retires: float
    # Of a client that was told to leave.
    _noticing: Deadline | None = None

    def __init__(self, listening: Listening) -> None:
        self.listening = listening
        self.streams: dict[int, H2Stream] = {}
        self._state = OPEN
        self._last = 0
        # It has served enough, and is drained when no stream is open.
        self._retiring = False
        self._drained = False
        self._out: list[bytes] = []
        self._out_size = 0
        # Frames of the client are handled, and what is sent goes out when all of them are; or when all is handled that
        # came together, for all connections: a response each from several peers.
        self._gathering = False
        self._flushes_later = False
        self._after_batch: Callable[[Callable[[], None]], bool] | None = None
        self._blocked = False
        self._taken = 0
        # Octets given to the transport; and how many of them the client had read, and when, while it is measured.
        self._sent = 0
        self._measured: tuple[int, float] | None = None
        # When a header block that has begun must be complete.
        self._block_due = inf

    def put(self, data: bytes) -> None:
        """Send frames, with others that are sent by what came together with the reason for these."""
        if not (self._gathering or self._flushes_later):
            if self._after_batch is None or not self._after_batch(self._flush_later):
                self._sent += len(data)
                self.transport.write(data)
                return
            self._flushes_later = True
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size > MAX_GATHERED:
            self.flush()

    def _flush_later(self) -> None:
        self._flushes_later = False
        self.flush()

    def flush(self) -> None:
        """Send what was gathered."""
        if self._out:
            data = b"".join(self._out)
            self._out.clear()
            self._out_size = 0
            self._sent += len(data)
            self.transport.write(data)

    # -- deadlines -----------------------------------------------------------------------------------------------------

    def _await_frames(self) -> None:
        """The deadline of a client that takes what it is sent: nothing is awaited of one that has open streams."""
        if self._block_due < inf:
            self._watch.until(self._block_due)
        elif self.streams:
            self._watch.deadline = inf
        else:
            listening = self.listening
            self._watch.until(listening.seconds() + listening.site.clients.keepalive_timeout)

    def _await_progress(self) -> None:
        """nginx's send_timeout, for what the transport could not send; and the client's rate counts."""
        listening = self.listening
        clients, now = listening.site.clients, listening.seconds()
        self._taken = listening.unsent(self.transport)
        time, self._measured = clients.send_timeout, None
        if clients.min_send_rate:
            self._measured = self._read_by_client(), now
            # As in Kestrel, what waits may take the time that the rate gives it, if that is more than the grace.
            time = min(time, max(clients.rate_grace, self._taken / clients.min_send_rate))
        self._watch.until(now + time)

    def _read_by_client(self) -> int:
        return self._sent - self.listening.unread(self.transport)

    def _has_progressed(self) -> bool:
        """Whether a client that did not take all in time has taken something: it is slow, not dead."""
        listening = self.listening
        unsent, measured = listening.unsent(self.transport), self._measured
        if not unsent:
            return False
        if measured is not None:
            read, since = measured
            if self._read_by_client() - read < listening.site.clients.min_send_rate * (listening.seconds() - since):
                return False
        elif unsent == self._taken:
            return False
        self._await_progress()
        return True

    def _expired(self) -> None:
        """The deadline has passed."""
        if (self._blocked or self._state is CLOSED) and self._has_progressed():
            return
        if self._blocked or self._state is CLOSED:
            self.abort()
        elif self._state is LINGER:
            self._close()
        else:
            self._leave(ErrorCode.NO_ERROR)

    # -- the end -------------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """The listener takes no more clients: end, and do not linger for long."""
        self._drained = True
        if self._state is LINGER:
            self._lingering_ends = self.listening.seconds() + LINGER_DRAINED
            self._linger_on()
        self._end_soon()

    def _end_soon(self) -> None:
        """Take no further stream soon, and close when those that are open have ended.

        RFC 9113 6.8: streams that the client has begun meanwhile would be lost, so it is told first, and which stream
        is the last one once it has heard that.
        """
        if self._state is not OPEN:
            return
        self._drain_exchanges()
        if self.streams:
            self._state = NOTICED
            self._noticing = self.listening.watch(self._take_no_more)
            self._noticing.until(self.listening.seconds() + NOTICED_WITHIN)
            self.put(goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR) + frame(PING, 0, 0, NOTICE))
        else:
            self._take_no_more()

    def _take_no_more(self) -> None:
        """Tell which stream was the last one: what the client sends beyond it it may send again elsewhere."""
        self._stop_noticing()
        self._state = LEAVING
        self._drain_exchanges()
        self.put(goaway(self._last, ErrorCode.NO_ERROR))
        if not self.streams and not self._gathering:
            self._linger()

    def _stop_noticing(self) -> None:
        if self._noticing is not None:
            self._noticing.stop()

    def _drain_exchanges(self) -> None:
        """The speakers of other protocols within streams, now or soon, may bring them to their end."""
        for stream in tuple(self.streams.values()):
            if stream.exchange is not None:
                stream.exchange.drain()

    def _leave(self, code: ErrorCode, detail: bytes = b"") -> None:
        """Tell why, and close; streams that are open have been or will be told by :meth:`connectionLost`."""
        if self._state in (OPEN, NOTICED, LEAVING):
            if self._state is not LEAVING or code:
                self.put(goaway(self._last, code, detail))
            self._linger()

    def _linger(self) -> None:
        """Close for writing and read on for a while, so that no reset destroys what is under way."""
        self.flush()
        self._stop_noticing()
        self._state = LINGER
        self._abandon("the connection was ended")
        self._unblock()
        self._lingering_ends = self.listening.seconds() + (LINGER_DRAINED if self._drained else LINGER_ALL)
        self._linger_on()
        if ITCPTransport.providedBy(self.transport):
            self.transport.loseWriteConnection()

    def _abandon(self, why: str) -> None:
        """No stream can be answered any more."""
        streams, self.streams = self.streams, {}
        for stream in streams.values():
            exchange = stream.exchange
            stream.over()
            if exchange is not None:
                exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", why))

    def _linger_on(self) -> None:
        """Something was read and dropped."""
        self._watch.until(min(self.listening.seconds() + LINGER_IDLE, self._lingering_ends))

    def _close(self) -> None:
        """Send what is queued, then close; a client that takes none of it for ``send_timeout`` is cut off."""
        self._state = CLOSED
        self._unblock()
        self._await_progress()
        self.transport.loseConnection()

    def _unblock(self) -> None:
        """The transport needs to tell us no more how full it is."""
        if self._blocked:
            self._blocked = False
            self.transport.resumeProducing()
        self.transport.unregisterProducer()

    def shut_down(self, error: ProxyError) -> None:
        """The proxy stops: answer *error* in each stream that has no answer yet, break off the others, and close."""
        for stream in tuple(self.streams.values()):
            stream.give_up(error)
        self._leave(ErrorCode.NO_ERROR)

    def abort(self) -> None:
        """Close at once, whatever is queued."""
        self._state = CLOSED
        self._out.clear()
        self._out_size = 0
        self._watch.stop()
        self._stop_noticing()
        self.transport.abortConnection()
