"""A connection to an application of FastCGI."""

from __future__ import annotations

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.connectors.cgi.connection import CgiConnection, Spoken
from pydsl_proxy.connectors.cgi.stderr_log import StderrLog
from pydsl_proxy.connectors.serial_connection import BODY, CLOSED, IDLE, REST
from pydsl_proxy.interfaces import Attempt
from pydsl_proxy.wire.cgi.fastcgi_records import CANT_MPX_CONN, OVERLOADED, STDIN_END, UNKNOWN_ROLE, RecordReader, stdin
from pydsl_proxy.wire.http.grammar import Malformed

# Bytes of a response beyond its end that are read, and dropped, to hear what the application says meanwhile.
MAX_DROPPED = 64 * 1024

# Why a request was not taken, other than that it was.
_REFUSALS = {CANT_MPX_CONN: "cannot multiplex", OVERLOADED: "is overloaded", UNKNOWN_ROLE: "is no Responder"}


class FastCgiConnection(CgiConnection):
    """Records around the body and the response; with *keep* it carries one attempt after the other."""

    def __init__(self, spoken: Spoken, attempt: Attempt, stderr: StderrLog, *, keep: bool) -> None:
        super().__init__(spoken, attempt)
        self._reader = RecordReader()
        self._stderr = stderr
        self._keep = keep
        self._requests = 0
        # Of the last attempt, when the client has all of its response.
        self._asked = ""
        self._dropped = 0

    def connectionMade(self) -> None:
        """Connected."""
        self._retires = self._home.seconds() + self._home.keepalive_time
        super().connectionMade()

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request."""
        self._requests += 1
        self._reader.restart()
        super().send(attempt)

    def _piece_of_body(self, data: bytes) -> bytes:
        return stdin(data)

    def _end_of_body(self) -> bytes:
        return STDIN_END

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer."""
        attempt = self._attempt
        if attempt is None and self._state is not REST:
            # Nobody asked.
            if self._state is IDLE:
                self.close()
            return
        if self._turning:
            self._for_later += data
            return
        reader = self._reader
        try:
            pieces = reader.feed(data)
        except Malformed as error:
            if attempt is None:
                self.abandon()
            else:
                cause = "bad_body" if self._state is BODY else "bad_head"
                self._fail(attempt, cause, f"sent what is not FastCGI: {error.detail}")
            return
        if reader.more:
            self._await_turn(b"")
        if reader.stderr:
            self._tell(attempt)
        if attempt is None:
            self._dropped += len(pieces)
            if reader.ended:
                self._release()
            elif self._dropped > MAX_DROPPED:
                self.abandon()
            return
        self._read_on(attempt)
        if reader.ended and reader.status:
            self._refused(attempt, reader.status)
        elif pieces or reader.ended:
            self._take(attempt, pieces, reader.ended)

    def _tell(self, attempt: Attempt | None) -> None:
        messages, self._reader.stderr = self._reader.stderr, []
        asked = self._asked if attempt is None else _asked(attempt)
        for each in messages:
            self._stderr.write(asked, each)

    def _refused(self, attempt: Attempt, status: int) -> None:
        """END_REQUEST says that the request was not carried out."""
        what = _REFUSALS.get(status, f"ended the request with the protocol status {status}")
        self._fail(attempt, "overloaded" if status == OVERLOADED else "refused_request", what, retryable=True)

    def _finish(self, end: bool) -> None:
        """The client has all; a script that goes on after its response may do so, and what it says is logged."""
        attempt, self._attempt = self._attempt, None
        self._left = None
        if end or self._uploading or attempt is None:
            self._release()
            return
        self._state = REST
        self._dropped = 0
        self._asked = _asked(attempt)
        self._watch.until(self._home.seconds() + attempt.timeouts.read)

    def _release(self) -> None:
        """The peer has ended the request: back to the pool, or close."""
        self._read_again()
        home = self._home
        now = home.seconds()
        if (
            self._keep
            and not self._uploading
            and not self._reader.surplus
            and self._requests < home.keepalive_requests
            and now < self._retires
            and self._state is not CLOSED
            and home.release(self)
        ):
            self._state = IDLE
            self._watch.until(now + home.keepalive_timeout)
        else:
            self._close()

    def _may_end_by_close(self, reason: Failure = connectionDone) -> bool:
        """Only END_REQUEST tells that nothing is missing."""
        return False


def _asked(attempt: Attempt) -> str:
    return f"{attempt.exchange.method.decode()} {attempt.exchange.target.decode('latin-1')}"
