"""HTTP/1.1 as peers speak it: attempts go out, responses come back, one after the other on a kept connection."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import ClassVar, cast

from attrs import frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from pydsl_proxy.connectors.head_memo import read_and_keep
from pydsl_proxy.connectors.http1.body import ResponseBody
from pydsl_proxy.connectors.http1.switched import Switched
from pydsl_proxy.connectors.serial_connection import BODY, CLOSED, HEAD, IDLE, SWITCHED, SerialConnection, State
from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Attempt, ConnectionPool, Dial, Trailers
from pydsl_proxy.wire.http.grammar import HEAD_END, Malformed
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http1.chunked import chunk, last_chunk
from pydsl_proxy.wire.http1.reader import check_response_start, read_response_head
from pydsl_proxy.wire.websocket import fault_of_switch

# nginx's proxy_buffer_size is 4 or 8 KiB and the most asked-about 502; Node sends up to 16, Go's client reads 1 MiB.
MAX_HEAD = 64 * 1024
# Interim responses (1xx) before the final one; a peer that sends more is out of order.
MAX_INTERIM = 8

TRANSITIONS: dict[State, frozenset[State]] = {
    IDLE: frozenset((HEAD, CLOSED)),
    HEAD: frozenset((BODY, IDLE, CLOSED, SWITCHED)),
    BODY: frozenset((IDLE, CLOSED)),
    CLOSED: frozenset(),
    SWITCHED: frozenset(),
}


class H1Connection(SerialConnection):
    """One connection to a peer.

    It belongs to one attempt from :meth:`send` to the end of the response, and to its home's pool between attempts.
    """

    def __init__(self, home: ConnectionPool, memo: Memo[ResponseHead], attempt: Attempt) -> None:
        super().__init__(home, attempt)
        self._memo = memo
        self._left = 0
        self._body: ResponseBody | None = None
        self._response: ResponseHead | None = None
        self._interim = 0
        self._requests = 0

    def connectionMade(self) -> None:
        """Connected: send the attempt that asked for this connection, if it is still wanted."""
        home = self._home
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
        self._watch = home.watch(self._expired)
        self._retires = home.seconds() + home.keepalive_time
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self.send(attempt)

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request."""
        exchange = attempt.exchange
        self._attempt = attempt
        attempt.connection = self
        self._state = HEAD
        self._requests += 1
        try:
            head = attempt.write_head(exchange)
        except Exception:
            # A field's value is a user's function.
            attempt.crash()
            return
        if exchange.fields.binds and self._owner is None:
            self._owner = self._home.owner(attempt)
        watch = self._watch
        if exchange.has_body:
            watch.deadline = inf
            self._send_with_body(attempt, exchange, head)
        else:
            watch.deadline = self._home.seconds() + attempt.timeouts.read
            if watch.deadline < watch.armed:
                watch.arm()
            self.transport.write(head)

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""
        attempt = self._attempt
        if attempt is not None:
            self._write(chunk(data) if attempt.exchange.fields.chunked else data)

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete: from now on the peer's time runs."""
        attempt = self._attempt
        if attempt is None:
            return
        if attempt.exchange.fields.chunked:
            self._write(last_chunk(trailers))
        self._end_upload()
        self._watch.until(self._home.seconds() + attempt.timeouts.read)

    # -- the response ------------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the peer."""
        attempt = self._attempt
        if attempt is None:
            # Nobody asked: a peer out of step with its requests could answer the next client with this one's response.
            self.close()
        elif self._state is BODY:
            if not self._uploading:
                self._watch.deadline = self._home.seconds() + attempt.timeouts.read
            left = self._left
            if left > len(data):
                self._left = left - len(data)
                attempt.body(data)
            else:
                self._take_body(attempt, data)
        else:
            self._take_head(attempt, self._held + data if self._held else data)

    def _take_head(self, attempt: Attempt, data: bytes) -> None:
        end = data.find(HEAD_END)
        if end < 0 or end > MAX_HEAD:
            self._take_some_of_head(attempt, data)
            return
        self._held = b""
        head = data[:end]
        memo = self._memo
        response = memo.young.get(head) or memo.recall(head)
        if response is None:
            try:
                response = read_and_keep(memo, read_response_head, head, attempt.exchange.method)
            except Malformed as error:
                self._fail(attempt, "bad_head", f"sent a response that is malformed: {error.detail}")
                return
        if response.binds and self._owner is None:
            self._owner = self._home.owner(attempt)
        data = data[end + 4 :]
        if response.length == len(data) and not self._uploading and attempt.exchange.method != b"HEAD":
            # The usual response is here as a whole.
            self._finish(response.persistent)
            attempt.answered(response, data, True)
        elif response.status < 200:
            self._take_interim(attempt, response, data)
        else:
            self._begin_body(attempt, response, data)

    def _take_some_of_head(self, attempt: Attempt, data: bytes) -> None:
        known, self._held = len(self._held), data
        self._read_on(attempt)
        if len(data) > MAX_HEAD:
            self._fail(attempt, "bad_head", f"sent a response head of more than {MAX_HEAD} bytes")
            return
        try:
            # What is no response from its start on would be waited for in vain.
            check_response_start(data, known)
        except Malformed as error:
            self._fail(attempt, "bad_head", f"sent a response that is malformed: {error.detail}")

    def _take_interim(self, attempt: Attempt, response: ResponseHead, data: bytes) -> None:
        """RFC 9110 15.2: what comes before the final response."""
        self._interim += 1
        self._read_on(attempt)
        if response.status == 101:
            self._switch(attempt, response, data)
        elif self._interim > MAX_INTERIM:
            self._fail(attempt, "bad_head", f"sent more than {MAX_INTERIM} interim responses")
        else:
            attempt.interim(response)
            if data and self._attempt is attempt:
                self._take_head(attempt, data)

    def _switch(self, attempt: Attempt, response: ResponseHead, data: bytes) -> None:
        silence = attempt.switches
        if silence is None:
            fault: str | None = "switched protocols without being asked"
        else:
            fault = fault_of_switch(attempt.exchange.fields, response)
        if fault is not None or silence is None:
            self._fail(attempt, "bad_head", fault or "")
            return
        self._state = SWITCHED
        # What it speaks from here on is no business of this class; no request pays for asking.
        self.__class__ = Switched  # type: ignore[assignment]  # told above
        cast(Switched, self).begin(attempt, response, data, silence)

    def _read_on(self, attempt: Attempt) -> None:
        """The peer has sent something, and has its time anew for the rest."""
        if not self._uploading:
            self._watch.deadline = self._home.seconds() + attempt.timeouts.read

    def _begin_body(self, attempt: Attempt, response: ResponseHead, data: bytes) -> None:
        body = ResponseBody(attempt.exchange.method, response)
        try:
            pieces = body.feed(data)
        except Malformed as error:
            self._fail(attempt, "bad_body", f"sent a body that is malformed: {error.detail}")
            return
        if body.ended and not body.trailers:
            self._finish(response.persistent and not body.surplus)
            attempt.answered(response, pieces, True)
            return
        self._state = BODY
        self._response = response
        self._body = body
        self._left = body.left
        if body.rest:
            self._await_turn(body.rest)
        attempt.answered(response, pieces, False)
        if self._attempt is not attempt:
            return
        if body.ended:
            self._end(attempt, response, body)
        elif not self._uploading and not self._paused:
            # Not _read_on(): the attempt may have got other times with the head, and shorter ones.
            self._watch.until(self._home.seconds() + attempt.timeouts.read)

    def _take_body(self, attempt: Attempt, data: bytes) -> None:
        """The end of a body of declared length, or some of another."""
        body, response = self._body, self._response
        assert body is not None and response is not None
        if self._turning:
            self._for_later += data
            return
        body.left = self._left
        try:
            data = body.feed(data)
        except Malformed as error:
            self._fail(attempt, "bad_body", f"sent a body that is malformed: {error.detail}")
            return
        self._left = body.left
        if body.rest:
            self._await_turn(body.rest)
        if data:
            attempt.body(data)
        if body.ended and self._attempt is attempt:
            self._end(attempt, response, body)

    def _end(self, attempt: Attempt, response: ResponseHead, body: ResponseBody) -> None:
        """The body is here as a whole, though the client may be slower: that must not stop the next exchange."""
        self._read_again()
        self._finish(response.persistent and not body.surplus)
        attempt.ended([field for field in body.trailers if field[0].lower() not in response.named])

    def _finish(self, persistent: bool) -> None:
        """The response is here as a whole: back to the pool, or close."""
        home = self._home
        self._attempt = None
        if self._state is BODY:
            self._body = self._response = None
            self._left = 0
        self._interim = 0
        now = home.seconds()
        if (
            persistent
            and not self._uploading
            and self._requests < home.keepalive_requests
            and now < self._retires
            and self._state is not CLOSED
            and (self._owner or home).release(self)
        ):
            self._state = IDLE
            watch = self._watch
            watch.deadline = now + home.keepalive_timeout
            if watch.deadline < watch.armed:
                watch.arm()
        else:
            self._close()

    # -- ends --------------------------------------------------------------------------------------------------------

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone: the end of a body that has no other, or of an attempt."""
        was, self._state = self._state, CLOSED
        self._watch.stop()
        attempt, self._attempt = self._attempt, None
        if was is IDLE:
            (self._owner or self._home).forget(self)
        elif attempt is not None and self._body is not None and self._body.may_end_by_close:
            self._body = None
            if reason.check(ConnectionDone):
                attempt.ended(())
            else:
                attempt.failed(ProxyError(Source.PEER, 502, "reset", f"peer {self._home.name} reset its response"))
        elif attempt is not None:
            attempt.failed(self._lost(was, reason))


@frozen
class H1Connector:
    """HTTP/1.1 with kept connections: how an upstream is spoken to by default."""

    switches: ClassVar[bool] = True

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """See :class:`~pydsl_proxy.interfaces.Connector`."""
        memo: Memo[ResponseHead] = Memo()

        def connect(attempt: Attempt) -> Callable[[], None]:
            return dial(attempt, lambda: H1Connection(home, memo, attempt))

        return connect
