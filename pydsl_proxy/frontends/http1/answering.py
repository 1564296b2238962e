"""The answering half of a client's connection over HTTP/1.1: responses become bytes."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from pydsl_proxy.frontends.http1.body import Body
from pydsl_proxy.frontends.http1.state import ANSWER, BODY, HEAD, Closing
from pydsl_proxy.interfaces import Exchange, Listening, Producer, Trailers
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.framing import Framing
from pydsl_proxy.wire.http.grammar import HEAD_END
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.chunked import chunk, last_chunk
from pydsl_proxy.wire.http1.response_writer import interim_head, response_head, switching_head, usual_head

# Unsent bytes of answers beyond which a client's further requests wait: as much as Twisted queues before it pauses.
MAX_UNSENT = 64 * 1024


class _Room:
    """A pull producer that produces nothing, but hears when the queue is sent: it is asked at once, and then again."""

    def __init__(self, have_room: Callable[[], None]) -> None:
        self._have_room = have_room
        self._asked = False

    def resumeProducing(self) -> None:
        """The transport wants more."""
        if self._asked:
            self._have_room()
        self._asked = True

    def pauseProducing(self) -> None:
        """A pull producer is not paused."""

    def stopProducing(self) -> None:
        """The transport is gone."""


class Answering(Closing):
    """Sends the responses of the exchange at hand, and is the transport's producer while one streams."""

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        # The body of the request at hand, while some of it is to come.
        self._body: Body | None = None
        self._framing = Framing.NONE
        self._producer: Producer | None = None
        # The bytes that a client which had closed its half was sent, when they were last looked at.
        self._seen = 0
        # So much is unsent that no further request is begun.
        self._crowded = False
        # Requests that came together are begun one after the other by the one call that reads them.
        self._reading = False

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """Send an interim response; HTTP/1.0 has none (RFC 9110 15.2)."""
        exchange = self._exchange
        if exchange is None or exchange.minor != 1:
            return
        if response.status == 100:
            body = self._body
            if body is None or body.continued or not exchange.fields.expect:
                return
            body.continued = True
        self.transport.write(interim_head(response, rules))
        if self._half_closed:
            self._await_sign()

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""
        exchange = self._exchange
        assert exchange is not None
        if response.usual and not self._last and self._state is ANSWER and exchange.minor and not rules.computed:
            head = response.edited.get(rules) or usual_head(response, rules)
            self._framing = Framing.LENGTH
            self.transport.write(b"%b\r\n\r\n%b" % (head, data))
            if end:
                self._finished()
        else:
            self._send_unusual(exchange, response, rules, data, end)

    def _send_unusual(
        self, exchange: Exchange, response: ResponseHead, rules: FieldRules, data: bytes, end: bool
    ) -> None:
        if response.status == 101:
            added = rules.compute(exchange.request) if rules.computed else b""
            self._framing = Framing.NONE
            self._switch(switching_head(response, rules, added) + data)
            return
        # An answer that is complete before the request is does not wait for the rest of it, unless that is little.
        if end and self._state is BODY and not self._may_drop_body(exchange, response.status):
            self._last = True
        added = b"" if response.dated else self._listening.site.date(self._listening.wall_seconds())
        if rules.computed:
            added += rules.compute(exchange.request)
        head, framing = response_head(response, rules, exchange.method, exchange.minor, self._last, added)
        self._framing = framing
        if framing is Framing.CLOSE:
            self._last = True
        elif framing is Framing.NONE:
            data = b""
        elif framing is Framing.CHUNKED and data:
            data = chunk(data)
        if end and framing is Framing.CHUNKED:
            data += last_chunk(())
        self.transport.write(head + data)
        if end:
            self._finished()

    def send_body(self, data: bytes) -> None:
        """Send more of the body."""
        if self._framing is Framing.CHUNKED:
            data = chunk(data)
        self.transport.write(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Send some of a file, where the transport can; see :meth:`pydsl_proxy.net.tcp_transport.DirectSend`."""
        send: Callable[[int, int, int], int | None] | None = getattr(self.transport, "send_file", None)
        return None if send is None or self._framing is not Framing.LENGTH else send(fd, offset, count)

    def send_end(self, trailers: Trailers) -> None:
        """The response is complete; a client is sent trailers only in a chunked body."""
        if self._framing is Framing.CHUNKED:
            self.transport.write(last_chunk(trailers))
        self._finished()

    def cut(self) -> None:
        """Break the response off: a close before the announced end, or a reset where the end is the close."""
        self._forget_exchange()
        if self._framing is Framing.CLOSE:
            self.abort()
        else:
            self._close()

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client reads."""
        self._producer = producer
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """The client is slower than the peer; nginx's send_timeout runs while it takes nothing."""
        self._await_progress()
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._watch.deadline = inf
        if self._half_closed:
            self._await_sign()
        if self._producer is not None:
            self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost tells the exchange."""

    def _await_sign(self) -> None:
        """A client that has closed its half may be gone, which shows when something is sent to it."""
        exchange = self._exchange
        if exchange is None:
            return
        # The head is a sign too.
        self._seen = exchange.sent if exchange.answered else -1
        if exchange.answered and self._listening.unsent(self.transport):
            self._await_progress()
        else:
            self._watch.until(self._listening.seconds() + self._listening.site.clients.half_close)

    def _shows_none(self, exchange: Exchange) -> bool:
        """Whether nothing was sent for ``half_close``."""
        if exchange.answered and exchange.sent > self._seen:
            self._await_sign()
            return False
        return True

    def _forget_exchange(self) -> None:
        self._exchange = None
        if self._producer is not None:
            self._producer = None
            self.transport.unregisterProducer()

    def _finished(self) -> None:
        """The response is sent: await the next request, or end."""
        self._exchange = None
        if self._producer is not None:
            self._forget_exchange()
        if self._state is BODY:
            if not self._last:
                self._drop_body()
            if self._state is BODY:
                self._linger()
            if self._state is not ANSWER:
                return
        if self._last and self._held:
            # Unread bytes of the client would turn a close into a reset.
            self._linger()
        elif self._last or (self._half_closed and HEAD_END not in self._held):
            self._close()
        else:
            self._state = HEAD
            listening, watch = self._listening, self._watch
            watch.deadline = listening.seconds() + listening.site.clients.keepalive_timeout
            if watch.deadline < watch.armed:
                watch.arm()
            if self._held and listening.unsent(self.transport) > MAX_UNSENT:
                self._await_room()
            elif self._paused or self._held:
                self._go_on()

    def _await_room(self) -> None:
        """A client that sends requests ahead but reads no answers gets no more of them until it has read these."""
        self._crowded = True
        self._pause()
        self._await_progress()
        self.transport.registerProducer(_Room(self._have_room), False)

    def _have_room(self) -> None:
        self.transport.unregisterProducer()
        self._crowded = False
        self._watch.until(self._listening.seconds() + self._listening.site.clients.keepalive_timeout)
        self._go_on()

    def _go_on(self) -> None:
        """A request was sent ahead of this response's end."""
        if not self._reading:
            held, self._held = self._held, b""
            if held:
                self._heads(held)
                self._go_on_without_client()
        if self._state is HEAD and not self._crowded:
            self._resume()

    def _go_on_without_client(self) -> None:
        """If the client has closed its half: what was begun must be whole, and nothing else follows."""
        if self._half_closed and (self._state is ANSWER or self._state is BODY):
            self._end_half()
        elif self._half_closed and self._state is HEAD and not self._crowded:
            self._close()

    def _await_turn_of_heads(self) -> None:
        """Begin no more requests in this turn of the loop."""
        self._crowded = True
        self._pause()
        self._listening.later(self._take_turn_of_heads, self.abort)

    def _take_turn_of_heads(self) -> None:
        self._crowded = False
        if self._state is HEAD:
            self._go_on()

    def _may_drop_body(self, exchange: Exchange, status: int) -> bool:
        """Whether an answer with *status* may leave the request's body to be dropped; the receiving half knows."""
        raise NotImplementedError

    def _drop_body(self) -> None:
        """Read that and drop it, if it is little; the receiving half does."""
        raise NotImplementedError

    def _end_half(self) -> None:
        """The client has closed its half; the receiving half goes on with what is here."""
        raise NotImplementedError

    def _heads(self, data: bytes) -> None:
        """Begin the exchanges whose heads are in *data*; the reading half does."""
        raise NotImplementedError

    def _switch(self, head: bytes) -> None:
        """Send *head*, of a 101, and speak HTTP no more; the reading half does."""
        raise NotImplementedError
