"""The request's half of a stream of HTTP/2: its body is handed on as it is read."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Protocol

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http2.body import Incoming
from pydsl_proxy.interfaces import BodyReceiver, Deadline, Exchange, Listening, Trailers
from pydsl_proxy.wire.http2.frames import ErrorCode, StreamError
from pydsl_proxy.wire.http2.hpack_literals import literal

# Seconds for the first of a body, or the end of a request that seldom has one, before a peer is sent the head.
FIRST_WITHIN = 1.0
CONTINUE = literal(b":status", b"100")


class BodyConnection(Protocol):
    """What the body of a request needs of its connection."""

    @property
    def listening(self) -> Listening:
        """The listener."""

    def send_interim(self, stream: int, block: bytes) -> None:
        """Send the head of an interim response."""

    def give_back(self, stream: int, size: int, room: int) -> None:
        """*size* octets of a body are dealt with; the client may send *room* more on the stream."""

    def hand_on_later(self, stream: Receiving) -> None:
        """Call :meth:`Receiving.hand_on` when the frames of this turn are read."""


class Receiving:
    """The part of a stream that takes the request's body.

    ``exchange`` is None once all of the response is here, ``client_ended`` says that all of the request is.
    """

    # No slots: most of this is as it begins in most streams, and what is not set costs nothing.
    exchange: Exchange | None = None
    client_ended = False
    #: Has asked for a tunnel, by RFC 8441; and has got it, so that both bodies are raw.
    asks_for_tunnel = False
    switched = False
    _body: Incoming | None = None
    # Begins the exchange of a request that seldom has a body; it is told whether there is none.
    _begin: Callable[[bool], None] | None = None
    _reading: Deadline | None = None
    _connection: BodyConnection
    number: int

    def await_body(self, length: int | None) -> None:
        """The client has not ended the stream with its head."""
        if self._body is None:
            self._body = Incoming(length)

    def await_first(self, begin: Callable[[bool], None]) -> None:
        """The request begins when it is known whether it has a body; for long that is not awaited."""
        self._begin = begin
        self._body = Incoming(None)
        listening = self._connection.listening
        self._reading = listening.watch(self._not_sent)
        self._reading.until(listening.seconds() + FIRST_WITHIN)

    def _begin_now(self, bare: bool) -> None:
        begin, self._begin = self._begin, None
        if begin is not None:
            self._stop_reading()
            begin(bare)

    def await_tunnel(self, ended: bool) -> None:
        """The client has asked to switch; what it sends is nobody's body before that was granted."""
        self.asks_for_tunnel = True
        self._body = body = Incoming(None)
        if ended:
            self._take_end(body, ())

    def take_data(self, data: bytes, used: int, ended: bool) -> None:
        """DATA have come, and have *used* some of the windows; raises StreamError."""
        body = self._body
        try:
            if body is None or self.client_ended:
                raise StreamError(ErrorCode.STREAM_CLOSED, "DATA after the stream's end")
            body.take(data, used)
        except StreamError:
            self._connection.give_back(self.number, used, 0)
            raise
        if used > len(data):
            self._give_back(body, used - len(data))
        if self._begin is not None and (data or ended):
            self._begin_now(ended and not data)
            if ended and not data:
                return
        if ended:
            self._take_end(body, ())
            self._go_on(body)
        elif data:
            # Padding alone is no progress.
            self._connection.hand_on_later(self)

    def hand_on(self) -> None:
        """Hand on what has come in several frames, if it was not yet."""
        body = self._body
        if body is not None:
            self._go_on(body)

    def take_trailers(self, trailers: Trailers) -> None:
        """The body ends with *trailers*, and had not ended before; raises StreamError."""
        body = self._body
        assert body is not None
        self._begin_now(False)
        self._take_end(body, trailers)
        self._go_on(body)

    def _take_end(self, body: Incoming, trailers: Trailers) -> None:
        body.end(trailers)
        self.client_ended = True

    def _go_on(self, body: Incoming) -> None:
        if self.exchange is None:
            # Its response is complete and waits for room: nobody reads any more.
            self._give_back(body, body.drop())
        elif body.receiver is not None and not body.paused:
            self._await_body(body)
            self._deliver(body, self.exchange)

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the body; RFC 9110 10.1.1: now a client that asked is told to send it."""
        body, exchange = self._body, self.exchange
        if body is None or exchange is None or not (exchange.has_body or self.switched):
            receiver.request_end(())
            return
        body.receiver = receiver
        if self.switched:
            self._deliver(body, exchange)
            return
        listening = self._connection.listening
        body.measure(listening.seconds(), listening.site.clients)
        if exchange.fields.expect and not (body.received or body.held or body.ended):
            body.continued = True
            self._connection.send_interim(self.number, CONTINUE)
        self._await_body(body)
        self._deliver(body, exchange)

    def _deliver(self, body: Incoming, exchange: Exchange) -> None:
        """Hand on what has come, for as long as it is taken."""
        receiver = body.receiver
        while receiver is body.receiver and receiver is not None and not body.paused and self.exchange is exchange:
            data = body.held.pop(0) if body.held else b""
            body.received += len(data)
            # What goes through a tunnel is nobody's body.
            limit = None if self.switched else exchange.body_limit
            if limit is not None and body.received > limit:
                text = f"the body is larger than {limit} bytes"
                self._connection.give_back(self.number, len(data), 0)
                self.give_up(ProxyError(Source.CLIENT, 413, "body_too_large", text))
                return
            last = body.ended and not body.held
            if last and self.switched:
                self._await_last_words(data, receiver)
                self._give_back(body, len(data))
                return
            if last:
                self._body = None
                exchange.has_body = False
                self._stop_reading()
            if data:
                receiver.request_body(data)
                self._give_back(body, len(data))
            if last:
                receiver.request_end(body.trailers)
            if last or not data:
                return

    def _await_last_words(self, data: bytes, receiver: BodyReceiver) -> None:
        """The client of a tunnel has ended its half; the peer is told after a while, if it does not end by itself.

        Browsers end theirs with WebSocket's Close, and wait for the peer's, which would be lost with its connection.
        """
        listening = self._connection.listening
        if self._reading is None:
            self._reading = listening.watch(self._not_sent)
        self._reading.until(listening.seconds() + listening.site.clients.half_close)
        if data:
            receiver.request_body(data)

    def _give_back(self, body: Incoming, size: int) -> None:
        if size:
            # The stream may be over.
            room = body.give_back(size) if self._body is body else 0
            self._connection.give_back(self.number, size, room)

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the body."""
        body = self._body
        return body is not None and body.receiver is None and self.exchange is not None and self.exchange.has_body

    def pause_body(self) -> None:
        """The peer is slower than the client: what comes is held, and no more room is given."""
        body = self._body
        if body is not None and not body.paused:
            body.paused = True
            self._stop_reading()

    def resume_body(self) -> None:
        """The peer has caught up."""
        body, exchange = self._body, self.exchange
        if body is not None and exchange is not None and body.paused:
            body.paused = False
            listening = self._connection.listening
            body.measure(listening.seconds(), listening.site.clients)
            self._await_body(body)
            self._deliver(body, exchange)

    def _await_body(self, body: Incoming) -> None:
        """The client's time runs, and its rate counts; a tunnel may be silent."""
        if body.ended or self.switched:
            return
        listening = self._connection.listening
        if self._reading is None:
            self._reading = listening.watch(self._not_sent)
        self._reading.until(min(listening.seconds() + listening.site.clients.body_timeout, body.due))

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.deadline = inf

    def _not_sent(self) -> None:
        if self._begin is not None:
            self._begin_now(False)
            return
        body, exchange, listening = self._body, self.exchange, self._connection.listening
        if body is None or exchange is None:
            return
        if self.switched:
            if body.receiver is not None:
                body.receiver.request_end(())
        elif body.keeps_up(listening.seconds(), listening.site.clients):
            self._await_body(body)
        else:
            slow = "the client stopped sending its body, or sent it too slowly"
            self.give_up(ProxyError(Source.CLIENT, 408, "body_timeout", slow))

    def give_up(self, error: ProxyError) -> None:
        """The request cannot be completed: answer *error* if nothing was answered yet."""
        exchange = self.exchange
        if exchange is None:
            return
        running, exchange.running = exchange.running, None
        if running is not None:
            running.cancel(error)
        exchange.fail(error)

    def leave_body(self) -> int:
        """Nobody will read the rest; the size of what is held of it."""
        if self._reading is not None:
            self._reading.stop()
        body, self._body = self._body, None
        return 0 if body is None else body.drop()
