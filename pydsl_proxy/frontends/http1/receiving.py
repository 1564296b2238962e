"""The receiving half of a client's connection over HTTP/1.1: bodies of requests, and the end of the client's half."""

from __future__ import annotations

from math import inf

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.answering import Answering
from pydsl_proxy.frontends.http1.body import Body
from pydsl_proxy.frontends.http1.state import ANSWER, BODY, DROP, LINGER_ALL
from pydsl_proxy.interfaces import BodyReceiver, Exchange
from pydsl_proxy.wire.http.grammar import HEAD_END, Malformed

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# What a client may send ahead of the answer to its last request (pipelining, RFC 9112 9.3.2) before we stop reading.
MAX_HELD = 64 * 1024
# Bytes of a body that nobody wants, chunks with their framing, which are read to keep the connection.  nginx reads any
# number for lingering_time.
MAX_DROPPED = 64 * 1024


class Receiving(Answering):
    """Delivers the bodies of requests; what is too much for one turn of the loop waits for the next one."""

    # What is held is for the next turn.
    _turning = False
    # Bytes that may be dropped yet.
    _to_drop = 0

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the body; RFC 9110 10.1.1: now a client that asked is told to send it."""
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            receiver.request_end(())
            return
        body.receiver = receiver
        self._measure_body(body)
        held, self._held = self._held, b""
        if held:
            self._take_body(held)
        elif exchange.fields.expect and exchange.minor and not body.received:
            body.continued = True
            self.transport.write(CONTINUE)
        self._read_on(body)

    def _take_body(self, data: bytes) -> None:
        body, exchange = self._body, self._exchange
        assert body is not None and exchange is not None
        if body.receiver is None or body.paused or self._turning:
            self._hold(data)
            return
        try:
            data, rest, ended = body.feed(data)
        except Malformed as error:
            self._give_up(ProxyError(Source.CLIENT, error.status, "bad_body", error.detail))
            return
        limit = exchange.body_limit
        if limit is not None and body.received > limit:
            self._give_up(ProxyError(Source.CLIENT, 413, "body_too_large", f"the body is larger than {limit} bytes"))
        elif ended:
            self._body_ended(rest)
            exchange.has_body = False
            if data:
                body.receiver.request_body(data)
            body.receiver.request_end(body.trailers)
        else:
            self._await_body(body)
            if rest:
                self._await_turn(rest)
            if data:
                body.receiver.request_body(data)

    def _body_ended(self, rest: bytes) -> None:
        self._state = ANSWER
        self._body = None
        self._held = rest
        self._watch.deadline = inf
        if self._half_closed:
            self._last = self._last or HEAD_END not in rest
            self._await_sign()

    def _await_turn(self, rest: bytes) -> None:
        """Go on with *rest* in the next turn, and read no more until then."""
        self._held = rest
        self._turning = True
        self._pause()
        self._listening.later(self._next_turn, self.abort)

    def _next_turn(self) -> None:
        self._turning = False
        body = self._body
        if self._state is DROP:
            self._drop(b"")
        elif self._state is BODY and body is not None and body.receiver is not None and not body.paused:
            held, self._held = self._held, b""
            self._take_body(held)
            self._read_on(body)

    def _measure_body(self, body: Body) -> None:
        """The client's time runs, and its rate counts."""
        body.measure(self._listening.seconds(), self._listening.site.clients)
        self._await_body(body)

    def _await_body(self, body: Body) -> None:
        self._watch.until(min(self._listening.seconds() + self._listening.site.clients.body_timeout, body.due))

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the body."""
        return self._body is not None and self._body.receiver is None

    def pause_body(self) -> None:
        """The peer is slower than the client."""
        body = self._body
        if body is not None and not body.paused and self._state is BODY:
            body.paused = True
            self._watch.deadline = inf
            self._pause()

    def resume_body(self) -> None:
        """The peer has caught up."""
        body = self._body
        if body is not None and body.paused and self._state is BODY:
            body.paused = False
            self._measure_body(body)
            held, self._held = self._held, b""
            if held:
                self._take_body(held)
            self._read_on(body)

    def _read_on(self, body: Body) -> None:
        """Read again, unless the peer or what is held forbids it: a client that leaves shows in reading alone."""
        state = self._state
        if (state is BODY and not body.paused and not self._turning) or (
            state is ANSWER and len(self._held) <= MAX_HELD
        ):
            self._resume()

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > MAX_HELD:
            self._pause()

    # -- bodies that nobody wants --------------------------------------------------------------------------------------

    def _may_drop_body(self, exchange: Exchange, status: int) -> bool:
        """Whether nobody has read of the body, and it is little as far as that is known.

        As nginx, 413 closes, and so does an answer to a client that waits for 100 before it sends the body.
        """
        body = self._body
        if body is None or body.receiver is not None or status == 413:
            return False
        return bool(self._held or not exchange.fields.expect) and body.lacks(len(self._held)) <= MAX_DROPPED

    def _drop_body(self) -> None:
        """The request was answered without its body, which is read to its end; the next request stands behind it."""
        body = self._body
        if body is None or body.receiver is not None or body.lacks(len(self._held)) > MAX_DROPPED:
            return
        self._state = DROP
        self._to_drop = MAX_DROPPED + len(self._held)
        self._lingering_ends = self._listening.seconds() + LINGER_ALL
        if not self._turning:
            self._drop_some(body, b"")
        if self._state is DROP and not self._turning:
            self._resume()

    def _drop(self, data: bytes) -> None:
        """Some more of that body."""
        body = self._body
        if body is None:
            return
        if self._turning:
            self._hold(data)
            return
        self._drop_some(body, data)
        if self._state is ANSWER:
            self._finished()
        elif self._state is DROP and not self._turning:
            self._resume()

    def _drop_some(self, body: Body, data: bytes) -> None:
        held, self._held = self._held + data, b""
        try:
            _, rest, ended = body.feed(held)
        except Malformed:
            self._linger()
            return
        self._to_drop -= len(held) - len(rest)
        if ended:
            self._body_ended(rest)
        elif self._to_drop < 0:
            self._linger()
        else:
            self._linger_on()
            if rest:
                self._await_turn(rest)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _end_half(self) -> None:
        """The client sends no more: the request at hand is answered if it is whole, and what was sent ahead."""
        body = self._body
        if self._state is BODY and not (body is not None and body.is_whole(self._held)):
            self._leave("the client closed before its request's end")
            # Not at once: it may have yet to read the answer to an earlier request.
            self._close()
            return
        # Behind a body more may follow; that shows at its end.
        if self._state is ANSWER and HEAD_END not in self._held:
            self._last = True
        self._await_sign()

    def _give_up(self, error: ProxyError) -> None:
        """The request cannot be completed: answer *error* if nothing was answered yet, and close."""
        self._last = True
        exchange = self._exchange
        assert exchange is not None
        running, exchange.running = exchange.running, None
        if running is not None:
            running.cancel(error)
        exchange.fail(error)

    def _leave(self, message: str) -> None:
        """The client is not there for an answer any more."""
        exchange, self._exchange = self._exchange, None
        self._body = None
        if exchange is not None:
            exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", message))
