"""The reading half of a client's connection over HTTP/2: header blocks become exchanges."""

from __future__ import annotations

from math import inf

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.head import read_fields
from pydsl_proxy.frontends.http2.closing import LEAVING
from pydsl_proxy.frontends.http2.limits import (
    MAX_CONTINUATIONS,
    MAX_REMEMBERED,
    MAX_SKIPPED,
    MAX_STREAMS,
    MAX_TIMES_HEAD,
    RESETS,
    TokenBucket,
)
from pydsl_proxy.frontends.http2.receiving import Receiving
from pydsl_proxy.frontends.http2.sending import Sending
from pydsl_proxy.frontends.http2.stream import H2Stream
from pydsl_proxy.interfaces import FrontendSite, Listening
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import RequestFields
from pydsl_proxy.wire.http.protocols import HTTP_2
from pydsl_proxy.wire.http1.response_writer import error_page, own_response
from pydsl_proxy.wire.http2.frames import (
    END_HEADERS,
    END_STREAM,
    MAX_FRAME_SIZE,
    PADDED,
    WITH_PRIORITY,
    ErrorCode,
    ProtocolError,
    StreamError,
    depends_on,
    fragment,
    rst_stream,
    unpadded,
)
from pydsl_proxy.wire.http2.request import H2Head, HeadReader
from pydsl_proxy.wire.http2.response_block import response_block
from pydsl_proxy.wire.http2.websocket import as_upgrade

_CHUNKED = b"\r\ntransfer-encoding: chunked"
_NO_LENGTH = b"\r\ncontent-length: 0"
_USUALLY_WITH_BODY = frozenset((b"POST", b"PUT", b"PATCH"))
# Some clients end a request without a body by an empty DATA; it is awaited before a peer hears of a body.
_SELDOM_WITH_BODY = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE"))


class Requests(Sending):
    """Begins exchanges; ``_last`` is the client's last stream."""

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        self._reader = HeadReader()
        self._requests = 0
        # A header block that is not complete: its pieces, their size, its stream and flags.
        self._fragments: list[bytes] | None = None
        self._fragments_size = 0
        self._fragments_of = (0, 0)
        # Streams of whose bodies something is to be handed on when the frames of this turn are read.
        self._fed: list[Receiving] = []
        # A header block has begun whose stream depends on itself.
        self._depends_on_itself = False
        # Streams that the client has passed over.
        self._skipped: list[range] = []
        self._resets = TokenBucket(RESETS, "too many streams were reset")

    def hand_on_later(self, stream: Receiving) -> None:
        """Call :meth:`Receiving.hand_on` when the frames of this turn are read: small ones are joined then."""
        self._fed.append(stream)

    def _hand_on(self) -> None:
        fed, self._fed = self._fed, []
        for stream in dict.fromkeys(fed):
            stream.hand_on()

    def take_headers(self, flags: int, stream: int, payload: bytes) -> None:
        """A header block, or its beginning."""
        if not stream & 1:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream that cannot be a client's")
        if flags & (PADDED | WITH_PRIORITY):
            if flags & WITH_PRIORITY and depends_on(stream, unpadded(flags, payload)):
                self._depends_on_itself = True
            payload = fragment(flags, payload)
        if flags & END_HEADERS:
            self._block(stream, flags, payload)
            return
        self._fragments = [payload]
        self._fragments_size = len(payload)
        self._fragments_of = stream, flags
        self._block_due = self.listening.seconds() + self.listening.site.clients.head_timeout
        if not self._blocked:
            self._await_frames()

    def take_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        """More of a header block."""
        fragments = self._fragments
        if fragments is None or stream != self._fragments_of[0]:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        fragments.append(payload)
        self._fragments_size += len(payload)
        most = MAX_TIMES_HEAD * self.listening.site.clients.head
        if self._fragments_size > most or len(fragments) > MAX_CONTINUATIONS + most // MAX_FRAME_SIZE:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, "a header block is too long, or in too many pieces")
        if flags & END_HEADERS:
            self._fragments = None
            self._block_due = inf
            if not self._blocked:
                self._await_frames()
            self._block(stream, self._fragments_of[1], b"".join(fragments))

    def _block(self, number: int, flags: int, block: bytes) -> None:
        """A header block is complete: of a request, or of trailers."""
        ended = flags & END_STREAM > 0
        if self._depends_on_itself:
            self._refuse_dependency(number, block)
        if number > self._last:
            if self._state is not LEAVING:
                if number > self._last + 2:
                    self._skip_streams(self._last + 1, number)
                self._last = number
                self._request(number, block, ended)
            else:
                # RFC 9113 6.8: not taken, and the client knows it.
                self._skip(block)
                self._idle_frames.take(self.listening.seconds())
        elif (stream := self.streams.get(number)) is not None:
            if stream.client_ended:
                # RFC 9113 5.1: whatever the block has.
                self._skip(block)
                raise StreamError(ErrorCode.STREAM_CLOSED, "HEADERS after the stream's end")
            trailers = self._reader.trailers(block)
            if not ended:
                raise StreamError(ErrorCode.PROTOCOL_ERROR, "the stream goes on after trailers")
            stream.take_trailers(trailers)
        else:
            self._skip(block)
            self._idle_frames.take(self.listening.seconds())
            self._frame_on_closed(number, "HEADERS")

    def _skip(self, block: bytes) -> None:
        """Read a header block for what it does to the table alone."""
        clients = self.listening.site.clients
        self._reader.skip(block, clients.head, clients.fields)

    def _request(self, number: int, block: bytes, ended: bool) -> None:
        listening = self.listening
        site, now = listening.site, listening.seconds()
        self._requests += 1
        if self._requests >= site.clients.keepalive_requests or now > self._retires:
            self._retire(site, now)
        if len(self.streams) >= MAX_STREAMS:
            self._skip(block)
            raise StreamError(ErrorCode.REFUSED_STREAM, "too many streams at once")
        line = b""
        try:
            head = self._reader.request(block, site.clients.head, site.clients.fields)
            line = b"%b %b HTTP/2.0" % (head.method, head.target)
            if len(line) > site.clients.request_line:
                raise Malformed("the request line is too long", 414)
            if head.protocol is not None:
                head = H2Head(b"GET", head.target, as_upgrade(head.section, head.protocol), head.sized, head.protocol)
            waits = not ended and head.method in _SELDOM_WITH_BODY and not head.sized and head.protocol is None
            fields = self._fields(site, head, ended)
        except StreamError as fault:
            cause = ProxyError(Source.CLIENT, 400, "bad_request", fault.detail)
            site.refused(H2Stream(self, number, 0), self._identity, line, cause, now, sent=0)
            raise
        except Malformed as error:
            if error.status == 431:
                # A head beyond the limits costs us more than its client, and asks for nothing.
                self._idle_frames.take(now)
            self._refuse(site, number, line, error, ended)
            return
        stream = self.streams[number] = H2Stream(self, number, self._stream_window)
        if not self._blocked:
            self._watch.deadline = inf
        if waits and not fields.expect:
            stream.await_first(lambda bare: self._begin_late(stream, head, bare))
        else:
            self._begin(site, stream, head, fields, ended)

    def _begin_late(self, stream: H2Stream, head: H2Head, bare: bool) -> None:
        """It is known whether a request has a body that seldom has one."""
        site = self.listening.site
        try:
            fields = self._fields(site, head, bare)
        except Malformed as error:
            # The limits have changed meanwhile.
            self.reset(stream, ErrorCode.REFUSED_STREAM, ProxyError(Source.CLIENT, 400, "bad_request", error.detail))
        else:
            self._begin(site, stream, head, fields, bare)

    def _begin(self, site: FrontendSite, stream: H2Stream, head: H2Head, fields: RequestFields, ended: bool) -> None:
        identity = self._identity
        if site.trusted is not None and site.trusted.trusts(identity.address):
            identity = site.trusted.believe(identity, fields)
        now = self.listening.seconds()
        exchange = stream.exchange = site.begin(site, stream, head.method, head.target, HTTP_2, fields, identity, now)
        if head.protocol is not None:
            stream.await_tunnel(ended)
        elif ended:
            stream.client_ended = True
        else:
            stream.await_body(fields.content_length)
            exchange.has_body = fields.content_length != 0
        site.handle(exchange)

    def _retire(self, site: FrontendSite, now: float) -> None:
        """The connection has served enough, and ends when nothing is under way.

        nginx tells at once; but clients built on the Python library h2 break their open streams off when they hear it.
        One that always has some is told after as many requests again, or as much time.
        """
        self._retiring = True
        clients = site.clients
        if self._requests >= 2 * clients.keepalive_requests or now > self._retires + clients.keepalive_time:
            self._end_soon()

    def _fields(self, site: FrontendSite, head: H2Head, ended: bool) -> RequestFields:
        """A body without a length is a chunked one in HTTP/1.1, and so for all who look at the fields.

        One that is missing where there could be one has the length 0 there (RFC 9110 8.6).
        """
        section = head.section
        if not (head.sized or head.protocol is not None):
            if not ended:
                section += _CHUNKED
            elif head.method in _USUALLY_WITH_BODY:
                section += _NO_LENGTH
        fields = site.memo.young.get(section) or read_fields(site, section)
        if fields.host is None:
            raise Malformed("neither :authority nor Host says which host is meant")
        if ended and fields.content_length:
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "the body is shorter than Content-Length")
        return fields

    def _refuse(self, site: FrontendSite, number: int, line: bytes, error: Malformed, ended: bool) -> None:
        """Answer what could not be read; the other streams are as good as before."""
        now = self.listening.seconds()
        stream = H2Stream(self, number, self._stream_window)
        cause = ProxyError(Source.CLIENT, error.status, "bad_request", error.detail)
        most = site.clients.request_line
        rules = site.refused(stream, self._identity, line[:most] if line else b"", cause, now)
        self.streams[number] = stream
        stream.client_ended = ended
        if not ended:
            stream.await_body(None)
        body, pairs = error_page(error.status)
        block = response_block(own_response(error.status, body, pairs), rules, site.date(self.listening.wall_seconds()))
        self.send_head(stream, block, body, True)

    # -- what is wrong with a stream -----------------------------------------------------------------------------------

    def _skip_streams(self, first: int, end: int) -> None:
        """Streams that the client did not begin are closed by one that it begins behind them (RFC 9113 5.1.1)."""
        skipped = self._skipped
        if len(skipped) >= MAX_SKIPPED:
            del skipped[0]
        skipped.append(range(first, end))

    def _refuse_dependency(self, number: int, block: bytes) -> None:
        """RFC 7540 5.3.1: a stream cannot depend on itself."""
        self._depends_on_itself = False
        self._last = max(self._last, number)
        self._skip(block)
        raise StreamError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")

    def _check_begun(self, number: int, kind: str) -> None:
        """RFC 9113 5.1: on a stream that has not begun there is nothing but HEADERS and PRIORITY.

        One that came too late has begun for the client (6.8).
        """
        if self._is_idle(number) and not (self._state is LEAVING and number & 1):
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"{kind} on a stream that has not begun")

    def _is_idle(self, number: int) -> bool:
        """Whether the client has not begun a stream: those of even numbers would be ours, who begin none."""
        return number > self._last or not number & 1

    def _frame_on_closed(self, number: int, kind: str) -> None:
        """DATA or HEADERS on a stream that is not open: under way when it was ended here, or a mistake."""
        if self._state is LEAVING and number > self._last:
            return
        self._check_begun(number, kind)
        if number in self._ended_early:
            return
        ended = self._ended_early
        forgotten = len(ended) >= MAX_REMEMBERED and number < next(iter(ended))
        if number in self._left or forgotten:
            raise StreamError(ErrorCode.STREAM_CLOSED, f"{kind} on a stream that was reset")
        if any(number in each for each in self._skipped):
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"{kind} on a stream that was passed over")
        # RFC 9113 5.1: both sides have ended it.
        raise ProtocolError(ErrorCode.STREAM_CLOSED, f"{kind} after the stream's end")

    def _fail(self, number: int, fault: StreamError) -> None:
        """End a stream for what the client did; CVE-2025-8671: who makes us do that often is shown out.

        RFC 9113 6.4: there is no RST_STREAM for a stream that has not begun, so there the connection ends.
        """
        if self._is_idle(number):
            raise ProtocolError(fault.code, fault.detail)
        error = ProxyError(Source.CLIENT, 400, "bad_request", fault.detail)
        stream = self.streams.get(number)
        if stream is not None:
            self.reset(stream, fault.code, error)
        else:
            self.put(rst_stream(number, fault.code))
            self._remember(number)
        self._resets.take(self.listening.seconds())
