"""A connection to an application of CGI's lineage: what FastCGI, uwsgi and SCGI have in common."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf

from attrs import frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.connectors.head_memo import read_and_keep
from pydsl_proxy.connectors.preflight import Refusal, answer
from pydsl_proxy.connectors.serial_connection import BODY, CLOSED, HEAD, IDLE, SerialConnection
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Exchange, MissingCloseNotify, Trailers
from pydsl_proxy.wire.cgi.head import check_cgi_start, head_end, read_cgi_head
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http.statuses import has_no_body

# As connectors/http1/connector.py has it; nginx's fastcgi_buffer_size is 4 or 8 KiB.
MAX_HEAD = 64 * 1024


@frozen
class Spoken:
    """How requests are written for one peer.

    ``begin`` makes what stands before the body of an exchange's request, of its head as a peer of HTTP/1.1 gets it, or
    raises Malformed if the protocol cannot carry it; ``refusal`` is asked before.  ``status_line`` says that a response
    may begin with one.
    """

    home: ConnectionPool
    memo: Memo[ResponseHead]
    begin: Callable[[Exchange, bytes], bytes]
    refusal: Refusal
    status_line: bool = False


class CgiConnection(SerialConnection):
    """One connection to a peer, whose response is its own and ended by the close.

    It belongs to one attempt from :meth:`send` to the end of the response.
    """

    def __init__(self, spoken: Spoken, attempt: Attempt) -> None:
        super().__init__(spoken.home, attempt)
        self._spoken = spoken
        # Bytes of the body to come; None if that is not known.
        self._left: int | None = None

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
        self._end_upload()
        self._watch.until(self._home.seconds() + attempt.timeouts.read)

    def _piece_of_body(self, data: bytes) -> bytes:
        return data

    def _end_of_body(self) -> bytes:
        return b""

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
        if found is None or found[0] > MAX_HEAD:
            self._held = data
            if len(data) > MAX_HEAD:
                self._fail(attempt, "bad_head", f"sent a response head of more than {MAX_HEAD} bytes")
            elif end:
                self._fail(attempt, "bad_head", "ended its response within the head" if data else "sent no response")
            else:
                self._check_start(attempt, data)
            return
        self._held = b""
        response = self._read_head(attempt, data[: found[0]])
        if response is not None:
            self._begin_body(attempt, response, data[found[1] :], end)

    def _check_start(self, attempt: Attempt, data: bytes) -> None:
        """What is no response from its start on would be waited for in vain."""
        try:
            check_cgi_start(data, status_line=self._spoken.status_line)
        except Malformed as error:
            self._fail(attempt, "bad_head", f"sent a response that is malformed: {error.detail}")

    def _read_head(self, attempt: Attempt, head: bytes) -> ResponseHead | None:
        spoken = self._spoken
        memo = spoken.memo
        response = memo.young.get(head) or memo.recall(head)
        if response is not None:
            return response
        read = partial(read_cgi_head, status_line=spoken.status_line)
        try:
            return read_and_keep(memo, read, head, attempt.exchange.method)
        except Malformed as error:
            self._fail(attempt, "bad_head", f"sent a response that is malformed: {error.detail}")
            return None

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
        self._read_again()
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
            attempt.failed(self._lost(was, reason))

    def _may_end_by_close(self, reason: Failure) -> bool:
        """uWSGI sends no close_notify, and nginx asks for none (its SSL_OP_IGNORE_UNEXPECTED_EOF)."""
        return reason.check(ConnectionDone, MissingCloseNotify) is not None
