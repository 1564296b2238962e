"""One stream of a client's connection over HTTP/2: one exchange."""

from __future__ import annotations

from math import inf
from typing import Protocol

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http2.receiving import BodyConnection, Receiving
from pydsl_proxy.interfaces import Deadline, Exchange, Producer, Trailers
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http1.response_writer import error_page, own_response
from pydsl_proxy.wire.http2.body_pieces import MAX_WAITING, SMALL_FRAME_AFTER, WaitingPieces
from pydsl_proxy.wire.http2.frames import ErrorCode
from pydsl_proxy.wire.http2.hpack_literals import literals
from pydsl_proxy.wire.http2.response_block import KEY, interim_block, response_block, usual_block
from pydsl_proxy.wire.http2.websocket import granted_block


class Connection(BodyConnection, Protocol):
    """What a stream needs of its connection."""

    def send_head(self, stream: H2Stream, block: bytes, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""

    def send_body(self, stream: H2Stream, data: bytes) -> None:
        """Send more, now or when there is room."""

    def send_end(self, stream: H2Stream, trailers: bytes) -> None:
        """The response is complete; *trailers* are a header block, or empty."""

    def cut(self, stream: H2Stream) -> None:
        """End the stream when what waits is sent, so that nobody takes its response for complete."""

    def has_room_for(self, stream: H2Stream) -> bool:
        """Whether it is not the stream's client that holds up what waits."""

    def send_small(self, stream: H2Stream) -> None:
        """Send of what waits as much as there is room for, however small the frame."""

    def reset(self, stream: H2Stream, code: ErrorCode, error: ProxyError) -> None:
        """End the stream, whatever it is about."""


class H2Stream(Receiving):
    """The frontend of its exchange.

    ``window`` is how much the client takes, ``widest`` the most that it has been if a WINDOW_UPDATE has changed it;
    ``queue`` is what of the response waits for room, None or not empty; ``ending`` says that the response is complete
    then, after the header block ``trailers``, and ``is_cut`` that it breaks off.
    """

    ending = False
    is_cut = False
    trailers = b""
    widest = 0
    #: Stands in the connection's line of streams that have something to send.
    in_line = False
    queue: WaitingPieces | None = None
    _producer: Producer | None = None
    _held_up = False
    # Its client was answered, whatever comes yet.
    _is_muted = False
    _sending: Deadline | None = None
    # When the client must have made room.
    _room_due = inf
    _connection: Connection

    def __init__(self, connection: Connection, number: int, window: int) -> None:
        self._connection = connection
        self.number = number
        self.window = window

    def __repr__(self) -> str:
        return f"<H2Stream {self.number}: {self.exchange}>"

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """Send an interim response; 100 to a client that has asked for it and was not sent one."""
        if response.status == 100:
            body, exchange = self._body, self.exchange
            if body is None or body.continued or exchange is None or not exchange.fields.expect:
                return
            body.continued = True
        self._connection.send_interim(self.number, interim_block(response, rules))

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""
        exchange = self.exchange
        assert exchange is not None
        if self.asks_for_tunnel and response.status < 300:
            self._answer_tunnel(exchange, response, rules, data)
            return
        if response.usual and not rules.computed:
            block = response.edited.get((rules, KEY)) or usual_block(response, rules)
        else:
            listening = self._connection.listening
            added = b"" if response.dated else listening.site.date(listening.wall_seconds())
            if rules.computed:
                added += rules.compute(exchange.request)
            block = response_block(response, rules, added)
        if data and (exchange.method == b"HEAD" or has_no_body(response.status)):
            data = b""
        self._connection.send_head(self, block, data, end)

    def _answer_tunnel(self, exchange: Exchange, response: ResponseHead, rules: FieldRules, data: bytes) -> None:
        """A 101 grants what was asked for; any other success would be taken for that (RFC 8441 5), and is none."""
        if response.status == 101:
            # It may raise; then nothing has switched.
            added = rules.compute(exchange.request) if rules.computed else b""
            self.switched = True
            self._connection.send_head(self, granted_block(response, rules, added), data, False)
            return
        self._is_muted = True
        exchange.error = ProxyError(Source.CLIENT, 501, "no_websocket", "no WebSocket is spoken at this location")
        body, pairs = error_page(501)
        listening = self._connection.listening
        added = listening.site.date(listening.wall_seconds())
        block = response_block(own_response(501, body, pairs), rules, added)
        self._connection.send_head(self, block, body, True)

    def send_body(self, data: bytes) -> None:
        """Send more."""
        if not self._is_muted:
            self._connection.send_body(self, data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Frames stand between the bytes of a file."""
        return None

    def send_end(self, trailers: Trailers) -> None:
        """The response is complete."""
        if not self._is_muted:
            self._connection.send_end(self, literals(trailers))

    def cut(self) -> None:
        """Break the response off."""
        if not self._is_muted:
            self._connection.cut(self)

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client takes the response."""
        if self._is_muted:
            return
        self._producer = producer
        self._held_up = False
        self.hold_up()

    def hold_up(self) -> None:
        """Pause who makes the response if enough of it waits."""
        queue, producer = self.queue, self._producer
        if queue is not None and queue.size > MAX_WAITING and producer is not None and not self._held_up:
            self._held_up = True
            producer.pauseProducing()

    # -- for the connection: what waits for room -----------------------------------------------------------------------

    def wait_with(self, data: bytes) -> None:
        """*data* must wait."""
        queue = self.queue
        if queue is None:
            queue = self.queue = WaitingPieces()
            self.await_room()
        queue.put(data)

    def piece(self, size: int) -> bytes:
        """The first *size* octets of what waits, which wait no more."""
        queue = self.queue
        assert queue is not None
        piece = queue.take(size)
        if queue.size:
            self.await_room()
        else:
            self.queue = None
            if self._sending is not None:
                self._sending.deadline = inf
        return piece

    def await_room(self) -> None:
        """nginx's send_timeout: between two writes."""
        listening = self._connection.listening
        if self._sending is None:
            self._sending = listening.watch(self._not_taken)
        self._room_due = listening.seconds() + listening.site.clients.send_timeout
        self._sending.until(self._room_due)

    def await_more_room(self) -> None:
        """There is room, but for a small frame alone; if it stays so, that is sent."""
        if self._sending is not None:
            self._sending.until(min(self._room_due, self._connection.listening.seconds() + SMALL_FRAME_AFTER))

    def go_on_producing(self) -> None:
        """Little or nothing waits any more: the source of the response may go on."""
        queue = self.queue
        if self._held_up and self._producer is not None and (queue is None or queue.size <= MAX_WAITING):
            self._held_up = False
            self._producer.resumeProducing()

    def _not_taken(self) -> None:
        """CVE-2019-9517 and its like: a client that gives no room would have the response wait without end."""
        if self._connection.listening.seconds() < self._room_due:
            assert self._sending is not None
            self._sending.until(self._room_due)
            self._connection.send_small(self)
        elif self._connection.has_room_for(self):
            self.await_room()
        else:
            error = ProxyError(Source.CLIENT, 499, "send_timeout", "the client made no room for the response")
            self._connection.reset(self, ErrorCode.CANCEL, error)

    def answered(self) -> None:
        """All of the response is here: the exchange is over."""
        self.exchange = None
        self._producer = None

    def over(self) -> int:
        """Forget all; how much of the request's body nobody will read."""
        self.exchange = None
        self._producer = None
        self.queue = None
        if self._sending is not None:
            self._sending.stop()
        return self.leave_body()
