"""A connection to a peer of HTTP/2 (RFC 9113), and the streams on it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.connectors.http2.stream import Stream
from pydsl_proxy.connectors.http2.timing import QUIET, Timing
from pydsl_proxy.connectors.http2.uploading import Uploading
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt
from pydsl_proxy.wire.http2.frames import (
    END_STREAM,
    MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    WORK_PER_TURN,
    ErrorCode,
    ProtocolError,
    goaway,
    headers,
)
from pydsl_proxy.wire.http2.frames import rst_stream as reset
from pydsl_proxy.wire.http2.hpack_literals import NO_TABLE
from pydsl_proxy.wire.http2.request_block import asks_for_trailers

if TYPE_CHECKING:
    from pydsl_proxy.connectors.http2.pool import Http2Pool, PendingConnection

# Seconds for a peer to take what is queued for it before a close.
CLOSE_WITHIN = 60.0


class H2Connection(Timing):
    """One connection to a peer.

    It has a stream for each attempt that is under way on it, and belongs to its home's pool while it has none.
    *beginning* hears when it can be used, and when the peer has said how.
    """

    def __init__(self, sharing: Http2Pool, beginning: PendingConnection) -> None:
        super().__init__(sharing, beginning)
        self._requests = 0
        # What is written meanwhile goes out in one piece.
        self._cork: list[bytes] | None = None
        # There are frames for a later turn; nothing is read meanwhile.
        self._continues = False
        #: The transport takes no more for now.
        self.blocked = False
        #: Streams of which something waits to be sent.
        self.held: dict[int, Uploading] = {}

    def connectionMade(self) -> None:
        """Connected: our settings, and the attempts that have waited."""
        transport, home = self.transport, self._home
        if ITCPTransport.providedBy(transport):
            transport.setTcpNoDelay(True)
        transport.registerProducer(self, True)
        self._watch = home.watch(self._expired)
        self._heard = home.seconds()
        self._retires = self._heard + home.keepalive_time
        self._secure = getattr(transport, "encrypted", False)
        self._cork = []
        self.greet()
        self._beginning.made(self)
        self._uncork()
        self._speaks_by = self._heard + self._beginning.timeouts.connect
        self._look_by(self._speaks_by)
        if not self._requests:
            self._rest()

    # -- requests ----------------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether one more attempt may be sent."""
        return (
            len(self.streams) < min(self._most_streams, self._sharing.streams)
            and self._answer_by == inf
            and not self.is_spent()
        )

    def is_spent(self) -> bool:
        """Whether it takes no more attempts, ever."""
        home = self._home
        return (
            self._going
            or self._requests >= home.keepalive_requests
            or self.last >= MAX_STREAM_ID - 2
            or home.seconds() >= self._retires
        )

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request, on a stream of its own."""
        if self._idle:
            self._idle = False
            self._home.forget(self)
        exchange = attempt.exchange
        try:
            head = attempt.write_head(exchange)
        except Exception:
            # A field's value is a user's function.
            attempt.crash()
            self._rest()
            return
        if not self.streams:
            # Only a silence in which something is awaited counts.
            self._heard = self._home.seconds()
        attempt.reused = attempt.reused or self._requests > 0
        self._requests += 1
        trailers = asks_for_trailers(exchange.fields.get(b"te"))
        block = self._sharing.requests.block(head, secure=self._secure, trailers=trailers)
        if self.last < 0:
            block = NO_TABLE + block
        number = self.last = self.last + 2
        stream = self.streams[number] = Stream(self, number, attempt, self.first_window)
        attempt.connection = stream
        if exchange.has_body:
            corked = self._begin_cork()
            self.write(headers(number, block, 0))
            stream.upload(attempt)
            if corked:
                self._uncork()
            self._look_by(self._heard + QUIET)
        else:
            self.write(headers(number, block, END_STREAM))
            stream.await_more(attempt)

    def write(self, data: bytes) -> None:
        """Send *data*, or put it to what goes out in one piece."""
        if self._cork is not None:
            self._cork.append(data)
        elif not self.closed:
            self.transport.write(data)

    def _begin_cork(self) -> bool:
        """Whether it is for the caller to pull it."""
        if self._cork is not None:
            return False
        self._cork = []
        return True

    def _uncork(self) -> None:
        cork, self._cork = self._cork, None
        if cork and not self.closed:
            self.transport.write(b"".join(cork))

    # -- what the peer sends -----------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer."""
        if self.closed:
            return
        self._heard = self._home.seconds()
        self._answer_by = inf
        if self._continues:
            self._splitter.hold(data)
        else:
            self._turn(data)

    def _turn(self, data: bytes, work: float = WORK_PER_TURN) -> None:
        """Do as much as one turn of the loop has time for."""
        self._cork = []
        try:
            self._continues = self.take(data, work)
            for stream in self.unanswered:
                stream.answer()
            for stream in self.fed:
                stream.hand_on()
        except ProtocolError as fault:
            self._uncork()
            self._give_up(fault)
        finally:
            self._uncork()
            self.unanswered.clear()
            self.fed.clear()
        if self._continues:
            self.transport.pauseProducing()
            self._home.later(self._go_on, self.transport.abortConnection)

    def _go_on(self) -> None:
        """Another turn."""
        self._continues = False
        if not self.closed:
            self._turn(b"")
        if not self._continues:
            self.transport.resumeProducing()

    def spoken(self) -> None:
        """The peer has said what it takes: those that wait for that are sent, here or elsewhere."""
        self._speaks_by = inf
        self._beginning.spoken(self)

    def flush(self) -> None:
        """Send what waits, of each stream in turn as much as a frame holds."""
        while self.held and self.window > 0 and not self.blocked:
            before = self.window
            for stream in list(self.held.values()):
                stream.flush(MAX_FRAME_SIZE)
            if self.window == before:
                return

    # -- streams that are over ---------------------------------------------------------------------------------------

    def finished(self, stream: Stream) -> None:
        """The response is here as a whole; of the request there may be more, which nobody needs (RFC 9113 8.1)."""
        self.drop(stream, ErrorCode.CANCEL if stream.uploading else None)

    def drop(self, stream: Stream, code: ErrorCode | None = None) -> None:
        """*stream* is over; *code* tells the peer, if it does not know."""
        stream.uploading = False
        self.held.pop(stream.number, None)
        if self.streams.pop(stream.number, None) is None or self.closed:
            return
        if code is not None:
            # What the peer has sent meanwhile is on its way yet.
            self.strays += max(stream.room, 0)
            self.write(reset(stream.number, code))
        self._rest()

    def _rest(self) -> None:
        """Back to the pool if there are no streams, or close."""
        if self.streams or self.closed or self._idle:
            return
        if self.is_spent() or self._answer_by < inf or not self._home.release(self):
            self._close()
        else:
            self._idle = True
            self._idle_until = self._home.seconds() + self._home.keepalive_timeout
            self._look_by(self._idle_until)

    def goes(self, last: int, code: int, name: str) -> None:
        """The peer takes no more streams, and has not looked at those after *last* (RFC 9113 6.8)."""
        self._going = True
        self._sharing.gone(self)
        text = f"peer {self.name} closed the connection before it looked at the request"
        if code != ErrorCode.NO_ERROR:
            text += f": {name}"
        error = ProxyError(Source.PEER, 502, "closed", text, retryable=True)
        for number in [number for number in self.streams if number > last]:
            stream = self.streams.pop(number, None)
            if stream is not None:
                self.held.pop(number, None)
                if stream.attempt is not None:
                    # RFC 9113 8.7, whatever the code: as a kept connection that was closed, it costs no try, and says
                    # nothing of the peer.
                    stream.attempt.reused = True
                stream.lost(error)
        if self._idle:
            self.close()
        else:
            self._rest()

    # -- the transport's room ----------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Much is queued for the peer."""
        self.blocked = True
        self._unsent = self._home.unsent(self.transport)

    def resumeProducing(self) -> None:
        """The peer has taken all there was."""
        self.blocked = False
        if not self.closed:
            self.flush()

    def stopProducing(self) -> None:
        """The connection is gone; the streams hear of it."""

    # -- ends --------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close an idle connection."""
        if self._idle:
            self._idle = False
            self._home.forget(self)
        self._close()

    def _close(self, code: ErrorCode = ErrorCode.NO_ERROR) -> None:
        if self.closed:
            return
        # No stream of the peer's was ever taken.
        self.write(goaway(0, code))
        if self._cork:
            self._uncork()
        self.closed = True
        self._sharing.gone(self)
        self._watch.until(self._home.seconds() + CLOSE_WITHIN)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _give_up(self, fault: ProtocolError) -> None:
        """The peer has done what it must not, and nothing more of it can be understood (RFC 9113 5.4.1)."""
        if self._idle:
            self._idle = False
            self._home.forget(self)
        self._close(fault.code)
        text = f"peer {self.name} broke HTTP/2: {fault.detail}"
        self._lose_streams(ProxyError(Source.PEER, 502, "protocol_error", text))

    def _lose(self, error: ProxyError) -> None:
        """The connection is of no use any more."""
        self.closed = True
        self._sharing.gone(self)
        self._watch.stop()
        self.transport.abortConnection()
        self._lose_streams(error)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        # Not back to the pool, when its last stream ends within what is left.
        self._going = True
        try:
            if self._continues and not self.closed:
                # All of it has come before the end.
                self._turn(b"", inf)
        finally:
            self._gone(reason)

    def _gone(self, reason: Failure) -> None:
        self.closed = True
        self._watch.stop()
        self._sharing.gone(self)
        if self._idle:
            self._idle = False
            self._home.forget(self)
        # TLS has more to say, as that a certificate of ours is wanted.
        why = "" if reason.check(ConnectionDone, ConnectionLost) else f": {reason.getErrorMessage()}"
        text = f"peer {self.name} closed the connection before its response was complete{why}"
        self._lose_streams(ProxyError(Source.PEER, 502, "closed", text))

    def _lose_streams(self, error: ProxyError) -> None:
        streams, self.streams = self.streams, {}
        self.held.clear()
        for stream in streams.values():
            stream.lost(error)
        # Nothing was sent of those that wait for the peer's first word.
        self._beginning.failed(ProxyError(Source.PEER, error.status, error.cause, error.message, retryable=True))
