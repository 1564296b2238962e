"""What a peer of HTTP/2 sends, frame by frame."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.protocol import Protocol

from pydsl_proxy.connectors.http2.flood_guard import FloodGuard
from pydsl_proxy.connectors.http2.stream import WINDOW, Stream
from pydsl_proxy.interfaces import StreamTransport
from pydsl_proxy.wire.http.grammar import Malformed
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http2.body_pieces import MIN_MESSAGE, SMALL_FRAMES
from pydsl_proxy.wire.http2.frame_splitter import FrameSplitter
from pydsl_proxy.wire.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    MAX_WINDOW,
    MIN_PIECE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    WORK_PER_TURN,
    ErrorCode,
    ProtocolError,
    Setting,
    fragment,
    frame,
    number,
    settings,
    unpadded,
    window_update,
)
from pydsl_proxy.wire.http2.peer_response import MAX_HEAD
from pydsl_proxy.wire.http2.settings import error_name, read_settings

if TYPE_CHECKING:
    from pydsl_proxy.connectors.http2.pool import Http2Pool

# Bytes of all streams that a peer may send before it hears from us.  Those of each are bounded by its own window; this
# one must not let a slow client hold up the others, so it is opened again whatever becomes of the bytes.
ROOM = 16 * 1024 * 1024
# CVE-2024-27316: nghttp2 takes 8 CONTINUATION frames; here beside those that a large block needs.
MAX_PIECES = 8 + MAX_HEAD // MAX_FRAME_SIZE
GREETING = (
    PREFACE
    + settings(
        {
            # A block of the peer then means the same on every connection; nginx asks for this too.
            Setting.HEADER_TABLE_SIZE: 0,
            Setting.ENABLE_PUSH: 0,
            Setting.INITIAL_WINDOW_SIZE: WINDOW,
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEAD,
        }
    )
    + window_update(0, ROOM - INITIAL_WINDOW)
)


class Reading(Protocol):
    """The receiving half of a connection to a peer.

    ``window`` is what the peer takes yet of all streams, in bytes, ``widest`` the most that it has been, and
    ``first_window`` that of a new stream; ``last`` is the number of the newest stream; ``strays`` are bytes that may
    come yet on streams that we have reset; ``unanswered`` are those whose head waits for the rest of this read, and
    ``fed`` those of whose bodies some does.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises

    def __init__(self, sharing: Http2Pool) -> None:
        self._sharing = sharing
        self._home = sharing.home
        self.name = sharing.home.name
        self.streams: dict[int, Stream] = {}
        self.unanswered: list[Stream] = []
        self.fed: list[Stream] = []
        self.calm = FloodGuard(sharing.home.seconds)
        self._small_frames = FloodGuard(sharing.home.seconds, *SMALL_FRAMES)
        self.window = self.widest = INITIAL_WINDOW
        self.first_window = INITIAL_WINDOW
        self.last = -1
        self.strays = 0
        self.closed = False
        self._going = False
        # One until the peer has spoken, or what it said last time; see Beginning.
        self._most_streams = sharing.expected or 1
        self._splitter = FrameSplitter()
        self._greeted = False
        self._room = ROOM
        self._eaten = 0
        # A field block that goes on in CONTINUATIONs: its stream, its flags, and what is here of it.
        self._block: tuple[int, int, list[bytes]] | None = None
        self._block_size = 0
        self._takers = {
            HEADERS: self._take_headers,
            CONTINUATION: self._take_continuation,
            RST_STREAM: self._take_reset,
            SETTINGS: self._take_settings,
            PING: self._take_ping,
            GOAWAY: self._take_goaway,
            WINDOW_UPDATE: self._take_window,
            PUSH_PROMISE: self._take_promise,
            PRIORITY: self._take_priority,
        }

    def greet(self) -> None:
        """RFC 9113 3.4: what we send first."""
        self.write(GREETING)

    def take(self, data: bytes, work: float = WORK_PER_TURN) -> bool:
        """Do what the frames in *data* say; whether there are more than cost *work*; raises ProtocolError."""
        if not self._greeted and data.startswith(b"HTTP/1."):
            raise ProtocolError(ErrorCode.HTTP_1_1_REQUIRED, "it answers in HTTP/1.1")
        for kind, flags, stream, payload in self._splitter.feed(data, work):
            if self._block is not None and (kind != CONTINUATION or stream != self._block[0]):
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a field block is interrupted")
            if kind == DATA:
                self._take_data(flags, stream, payload)
            elif not self._greeted and kind != SETTINGS:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "it does not begin with SETTINGS")
            else:
                taker = self._takers.get(kind)
                if taker is not None:
                    taker(flags, stream, payload)
                else:
                    # RFC 9113 5.5: unknown types are ignored.
                    self.calm.spend()
            if kind != PING:
                self.heard_more()
            if self.closed:
                return False
        return self._splitter.has_more

    # -- of streams --------------------------------------------------------------------------------------------------

    def _take_data(self, flags: int, stream_number: int, payload: bytes) -> None:
        size = len(payload)
        self._room -= size
        self._eaten += size
        if self._room < 0:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._eaten >= ROOM // 2:
            self.write(window_update(0, self._eaten))
            self._room += self._eaten
            self._eaten = 0
        data = unpadded(flags, payload) if flags & PADDED else payload
        end = bool(flags & END_STREAM)
        if data or end:
            self.calm.earn()
        else:
            self.calm.spend()
        stream = self.streams.get(stream_number)
        if stream is None:
            self._stray(stream_number)
            self.strays -= size
            if self.strays < 0:
                raise ProtocolError(ErrorCode.STREAM_CLOSED, "a body on a stream that is over")
            return
        stream.room -= size
        if stream.room < 0:
            stream.fail("bad_body", "sent more than the stream's window", code=ErrorCode.FLOW_CONTROL_ERROR)
            return
        if len(data) >= MIN_PIECE:
            self._small_frames.earn(len(data) // MIN_PIECE)
        elif 0 < len(data) < MIN_MESSAGE and not end:
            try:
                self._small_frames.spend()
            except ProtocolError:
                # The other streams are as good as before.
                text = "sent its body in too many frames with hardly anything of it"
                stream.fail("bad_body", text, code=ErrorCode.ENHANCE_YOUR_CALM)
                return
        stream.take_data(data, end)
        stream.give_back(size)

    def _take_headers(self, flags: int, stream: int, payload: bytes) -> None:
        block = fragment(flags, payload)
        if flags & END_HEADERS:
            self._take_block(stream, flags, block)
        else:
            self._block = (stream, flags, [block])
            self._block_size = len(block)

    def _take_continuation(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        first, pieces = self._block[1:]
        pieces.append(payload)
        self._block_size += len(payload)
        if len(pieces) > MAX_PIECES:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, "a field block in too many pieces")
        if self._block_size > MAX_HEAD:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"a field block of more than {MAX_HEAD} bytes")
        if flags & END_HEADERS:
            self._block = None
            self._take_block(stream, first, b"".join(pieces))

    def _take_block(self, stream_number: int, flags: int, block: bytes) -> None:
        stream = self.streams.get(stream_number)
        if stream is None:
            self._stray(stream_number)
            self.calm.spend()
            return
        self.calm.earn()
        end = bool(flags & END_STREAM)
        try:
            if stream.response is None:
                take = partial(stream.take_head, self._read_head(stream, block), end)
            elif end:
                take = partial(stream.take_trailers, self._sharing.responses.trailers(block))
            else:
                take = partial(stream.fail, "bad_head", "sent a second head")
        except Malformed as error:
            cause = "bad_head" if stream.response is None else "bad_body"
            take = partial(stream.fail, cause, f"sent a response that is malformed: {error.detail}")
        take()

    def _read_head(self, stream: Stream, block: bytes) -> ResponseHead:
        attempt = stream.attempt
        return self._sharing.responses.head(block, bodiless=attempt is not None and attempt.exchange.method == b"HEAD")

    def _take_reset(self, flags: int, stream_number: int, payload: bytes) -> None:
        code = number(payload)
        stream = self.streams.get(stream_number)
        if stream is None:
            self._stray(stream_number)
            self.calm.spend()
        else:
            stream.was_reset(code, error_name(code))

    def _stray(self, stream_number: int) -> None:
        """A stream that is over may be spoken of yet; one that never was is an error (RFC 9113 5.1)."""
        if stream_number > self.last or not stream_number & 1:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"a frame of stream {stream_number}, which nobody opened")

    # -- of the connection -------------------------------------------------------------------------------------------

    def _take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        _check_connection(stream)
        self.calm.spend()
        if flags & ACK:
            if payload:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with a payload")
            return
        if not self._greeted:
            # RFC 9113 6.5.2: no limit, unless it says one.
            self._limit(MAX_STREAM_ID)
        for name, value in read_settings(payload):
            if name == Setting.ENABLE_PUSH and value:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a server that wants to be pushed to")
            if name == Setting.MAX_CONCURRENT_STREAMS:
                self._limit(value)
            elif name == Setting.INITIAL_WINDOW_SIZE:
                self._resize(value)
        self.write(SETTINGS_ACK)
        self.flush()
        if not self._greeted:
            self._greeted = True
            self.spoken()

    def _limit(self, streams: int) -> None:
        # A peer that is busy may say 0 for a while; the next connection has to try at least.
        self._most_streams, self._sharing.expected = streams, max(1, streams)

    def _resize(self, size: int) -> None:
        """RFC 9113 6.9.2: windows that are open change too, and may be below zero then."""
        more, self.first_window = size - self.first_window, size
        for stream in self.streams.values():
            stream.window += more
            stream.widest += more if stream.widest else 0
            if stream.window > MAX_WINDOW:
                raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window is too large")

    def _take_ping(self, flags: int, stream: int, payload: bytes) -> None:
        _check_connection(stream)
        if len(payload) != 8:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"a PING of {len(payload)} bytes")
        self.calm.spend()
        if not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))

    def _take_goaway(self, flags: int, stream: int, payload: bytes) -> None:
        _check_connection(stream)
        if len(payload) < 8:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"a GOAWAY of {len(payload)} bytes")
        self.calm.spend()
        code = number(payload[4:8])
        self.goes(number(payload[:4]) & MAX_STREAM_ID, code, error_name(code))

    def _take_window(self, flags: int, stream_number: int, payload: bytes) -> None:
        more = number(payload) & MAX_WINDOW
        self.calm.spend()
        stream = self.streams.get(stream_number) if stream_number else None
        if not more:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a WINDOW_UPDATE of nothing")
        if stream is not None:
            stream.window += more
            stream.widest = max(stream.widest, stream.window)
            if stream.window > MAX_WINDOW:
                stream.fail("bad_head", "opened a window too far", code=ErrorCode.FLOW_CONTROL_ERROR)
            elif stream.stalled:
                stream.flush()
        elif stream_number:
            self._stray(stream_number)
        else:
            self.window += more
            self.widest = max(self.widest, self.window)
            if self.window > MAX_WINDOW:
                raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
            self.flush()

    def _take_promise(self, flags: int, stream: int, payload: bytes) -> None:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, though we said that we take none")

    def _take_priority(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 5.3.2: without effect."""
        self.calm.spend()

    # -- what the other half does ------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send *data*."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send what waits for room."""
        raise NotImplementedError

    def spoken(self) -> None:
        """The peer has said what it takes."""
        raise NotImplementedError

    def heard_more(self) -> None:
        """The peer has said something of its own accord."""
        raise NotImplementedError

    def goes(self, last: int, code: int, name: str) -> None:
        """The peer takes no more streams, and has not looked at those after *last*."""
        raise NotImplementedError


def _check_connection(stream: int) -> None:
    if stream:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"a frame of stream {stream} that is for the connection")
