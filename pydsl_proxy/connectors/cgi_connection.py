"""A connection to an application of CGI's lineage: what FastCGI, uwsgi and SCGI have in common."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import inf

from attrs import frozen
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.connectors.refusing_requests import Refusal, answer
from pydsl_proxy.connectors.uploading import PacedUpload
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, Exchange, Home, StreamTransport, Trailers, UnannouncedEnd
from pydsl_proxy.wire.cgi_head import head_end, read_cgi_head
from pydsl_proxy.wire.grammar import Malformed
from pydsl_proxy.wire.head import ResponseHead
from pydsl_proxy.wire.memo import Memo
from pydsl_proxy.wire.statuses import has_no_body

# As connectors/h1.py has it; nginx's fastcgi_buffer_size is 4 or 8 KiB.
MOST_HEAD = 64 * 1024
# Seconds for a peer to take what is queued for it before a close.
CLOSE_WITHIN = 60.0


class State(Enum):
    """What a connection to a peer is about."""

    IDLE = "no attempt is under way"
    HEAD = "the head of a response is awaited"
    BODY = "a response's body comes"
    REST = "the client has its response, the peer has not ended"
    CLOSED = "nothing is read or sent any more"


IDLE, HEAD, BODY, REST, CLOSED = State


@frozen
class Spoken:
    """How requests are written for one peer.

    ``begin`` makes what stands before the body of an exchange's request, of its head as a peer of HTTP/1.1 gets it, or
    raises Malformed if the protocol cannot carry it; ``refusal`` is asked before.  ``status_line`` says that a response
    may begin with one.
    """

    home: Home
    memo: Memo[ResponseHead]
    begin: Callable[[Exchange, bytes], bytes]
    refusal: Refusal
    status_line: bool = False


class CgiConnection(Protocol):
    """One connection to a peer, whose response is its own and ended by the close.

    It belongs to one attempt from :meth:`send` to the end of the response.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises

    def __init__(self, spoken: Spoken, attempt: Attempt) -> None:
        self._spoken = spoken
        self._home = spoken.home
        self._state = IDLE
        self._attempt: Attempt | None = attempt
        self._held = b""
        # Bytes of the body to come; None if that is not known.
        self._left: int | None = None
        self._corked: bytes | None = None
        # What was unsent when the peer's progress was last looked at.
        self._taken = 0
        self._uploading = False
        self._paused = False

    def connectionMade(self) -> None:
        """Connected: send the attempt that asked for this connection, if it is still wanted."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._watch = self._home.watch(self._expired)
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self.send(attempt)

    # -- the request -------------------------------------------------------------------------------------------------

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request."""
        exchange = attempt.exchange
        self._attempt = attempt
        attempt.connection = self
        self._state = HEAD
        # Of another attempt it was asked before there was a connection.
        status = self._spoken.refusal(exchange) if attempt.reused else None
        if status is not None:
            self._refuse(attempt, status)
            return
        try:
            head = self._spoken.begin(exchange, attempt.write_head(exchange))
        except Malformed as error:
            self._refuse(attempt, error.status)
            return
        except Exception:
            # A field or a param is a user's function.
            attempt.crash()
            return
        if exchange.has_body:
            self._watch.until(inf)
            self._send_with_body(attempt, exchange, head)
        else:
            self._watch.until(self._home.seconds() + attempt.timeouts.read)
            self.transport.write(head + self._end_of_body())

    def _refuse(self, attempt: Attempt, status: int) -> None:
        self._attempt = None
        self._release()
        answer(attempt, status)

    def _send_with_body(self, attempt: Attempt, exchange: Exchange, head: bytes) -> None:
        """The head waits for what is here of the body: one write, one packet."""
        self._uploading = True
        self._corked = head
        attempt.send_body_on(self)
        rest, self._corked = self._corked, None
        if rest and self._attempt is attempt:
            self.transport.write(rest)
        if self._uploading and self._attempt is attempt:
            self.transport.registerProducer(PacedUpload(self, exchange), True)

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""
        if self._attempt is not None:
            self._write(self._piece_of_body(data))

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete: from now on the peer's time runs.  There is no place for trailers."""
        attempt = self._attempt
        if attempt is None:
            return
        if end := self._end_of_body():
            self._write(end)
        if self._uploading:
            self._uploading = False
            if self._corked is None:
                self.transport.unregisterProducer()
        self._watch.until(self._home.seconds() + attempt.timeouts.read)

    def _write(self, data: bytes) -> None:
        if self._corked:
            data = self._corked + data
            self._corked = b""
        self.transport.write(data)

    def _piece_of_body(self, data: bytes) -> bytes:
        return data

    def _end_of_body(self) -> bytes:
        return b""

    def await_reading(self, *, paused: bool = True) -> None:
        """The peer takes none of the request's body, or does again."""
        attempt = self._attempt
        if attempt is not None:
            self._taken = self._home.unsent(self.transport)
            self._watch.until(self._home.seconds() + attempt.timeouts.send if paused else inf)

    # -- the response ------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer."""
        attempt = self._attempt
        if attempt is not None:
            self._read_on(attempt)
            self._take(attempt, data, False)

    def _read_on(self, attempt: Attempt) -> None:
        """The peer has sent something, and has its time anew for the rest."""
        if not self._uploading and not self._paused:
            self._watch.deadline = self._home.seconds() + attempt.timeouts.read

    def _take(self, attempt: Attempt, data: bytes, end: bool) -> None:
        """Some of the response; *end* says that there is no more."""
        if self._state is BODY:
            self._take_body(attempt, data, end)
            return
        data = self._held + data if self._held else data
        found = head_end(data)
        if found is None or found[0] > MOST_HEAD:
            self._held = data
            if len(data) > MOST_HEAD:
                self._fail(attempt, "bad_head", f"sent a response head of more than {MOST_HEAD} bytes")
            elif end:
                self._fail(attempt, "bad_head", "ended its response within the head" if data else "sent no response")
            return
        self._held = b""
        response = self._read_head(attempt, data[: found[0]])
        if response is not None:
            self._begin_body(attempt, response, data[found[1] :], end)

    def _read_head(self, attempt: Attempt, head: bytes) -> ResponseHead | None:
        memo = self._spoken.memo
        response = memo.young.get(head) or memo.recall(head)
        if response is None:
            try:
                response = read_cgi_head(head, status_line=self._spoken.status_line)
            except Malformed as error:
                self._fail(attempt, "bad_head", f"sent a response that is malformed: {error.detail}")
                return None
            memo.keep(head, response)
        return response

    def _begin_body(self, attempt: Attempt, response: ResponseHead, data: bytes, end: bool) -> None:
        length = response.length
        if attempt.exchange.method == b"HEAD" or has_no_body(response.status):
            # What comes all the same is nobody's.
            length = 0
        if length is not None and len(data) >= length:
            self._finish(end)
            attempt.answered(response, data[:length], True)
        elif end and length is None:
            self._finish(True)
            attempt.answered(response, data, True)
        elif end:
            self._cut_short(attempt)
        else:
            self._state = BODY
            self._left = None if length is None else length - len(data)
            attempt.answered(response, data, False)
            if self._attempt is attempt and not self._uploading and not self._paused:
                # The attempt may have got other times with the head, and shorter ones.
                self._watch.until(self._home.seconds() + attempt.timeouts.read)

    def _take_body(self, attempt: Attempt, data: bytes, end: bool) -> None:
        left = self._left
        if left is not None:
            data = data[:left]
            left = self._left = left - len(data)
        if data:
            attempt.body(data)
        if self._attempt is not attempt:
            return
        if left == 0 or (end and left is None):
            self._end(attempt, end)
        elif end:
            self._cut_short(attempt)

    def _end(self, attempt: Attempt, end: bool) -> None:
        """The body is here as a whole, though the client may be slower."""
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()
        self._finish(end)
        attempt.ended(())

    def _finish(self, end: bool) -> None:
        """The client has all of its response; *end* says that the peer has ended too."""
        self._attempt = None
        self._left = None
        self._release()

    def _release(self) -> None:
        """The connection has done with an attempt."""
        self._close()

    def _cut_short(self, attempt: Attempt) -> None:
        self._fail(attempt, "bad_body", "sent less of a body than it had declared")

    # -- ends --------------------------------------------------------------------------------------------------------

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone: the end of a response that has no other, or of an attempt."""
        was, self._state = self._state, CLOSED
        self._watch.stop()
        attempt, self._attempt = self._attempt, None
        if was is IDLE:
            self._home.forget(self)
        elif attempt is not None and was is BODY and self._left is None and self._may_end_by_close(reason):
            attempt.ended(())
        elif attempt is not None:
            phase = "in the middle of its response" if was is BODY else "before it answered"
            why = "" if reason.check(ConnectionDone, ConnectionLost) else f": {reason.getErrorMessage()}"
            text = f"peer {self._home.name} closed {phase}{why}"
            attempt.failed(ProxyError(Source.PEER, 502, "closed", text))

    def _may_end_by_close(self, reason: Failure) -> bool:
        """uWSGI sends no close_notify, and nginx asks for none (its SSL_OP_IGNORE_UNEXPECTED_EOF)."""
        return reason.check(ConnectionDone, UnannouncedEnd) is not None

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
        """The attempt is of no interest any more: close, which tells the application too."""
        self._attempt = None
        if self._state is not CLOSED:
            self._state = CLOSED
            self._watch.stop()
            self.transport.abortConnection()

    def close(self) -> None:
        """Close an idle connection."""
        if self._state is IDLE:
            self._home.forget(self)
        self._close()

    def _close(self) -> None:
        self._state = CLOSED
        self._watch.until(self._home.seconds() + CLOSE_WITHIN)
        self.transport.loseConnection()

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
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; the attempt hears of it from its exchange."""
