"""Frames of a client of HTTP/2 that carry no message: settings, windows, resets and the like."""

from __future__ import annotations

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http2.closing import NOTICE, NOTICED, OPEN
from pydsl_proxy.frontends.http2.requests import Requests
from pydsl_proxy.frontends.http2.sending import note
from pydsl_proxy.interfaces import Listening
from pydsl_proxy.wire.http2.frames import (
    ACK,
    MAX_FRAME_SIZE,
    MAX_WINDOW,
    MIN_PIECE,
    PING,
    SETTINGS_ACK,
    ErrorCode,
    ProtocolError,
    Setting,
    StreamError,
    depends_on,
    frame,
    number,
    unpack_settings,
)
from pydsl_proxy.wire.http2.hpack_literals import NO_TABLE
from pydsl_proxy.wire.http2.hpack_reader import TABLE_SIZE


class Control(Requests):
    """Takes these frames, each with its flags, its stream and its payload."""

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        # The client's first SETTINGS have come.
        self._greeted = False

    def take_priority(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 5.3.2: passed over."""
        if not stream:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "PRIORITY without a stream")
        if len(payload) != 5:
            raise StreamError(ErrorCode.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self._idle_frames.take(self.listening.seconds())
        if depends_on(stream, payload):
            # RFC 7540 5.3.1
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself")

    def take_reset(self, flags: int, stream: int, payload: bytes) -> None:
        """The client gives a stream up."""
        code = number(payload)
        self._check_begun(stream, "RST_STREAM")
        found = self.streams.get(stream)
        self._ended_early.pop(stream, None)
        note(self._left, stream)
        self._resets.take(self.listening.seconds())
        if found is not None:
            exchange = found.exchange
            self._forget(found)
            if exchange is not None:
                text = f"the client reset the stream, with code {code}"
                exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", text))

    def take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 6.5"""
        if stream:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if len(payload) % 6 or (flags & ACK and payload):
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self._idle_frames.take(self.listening.seconds())
        if flags & ACK:
            return
        self._greeted = True
        values = dict(unpack_settings(payload))
        self._check_settings(values)
        table = values.get(Setting.HEADER_TABLE_SIZE)
        if table is not None and table < TABLE_SIZE:
            self._first = NO_TABLE
        window = values.get(Setting.INITIAL_WINDOW_SIZE)
        if window is not None:
            self._resize_windows(window)
        self.put(SETTINGS_ACK)
        self._pump()

    def _check_settings(self, values: dict[int, int]) -> None:
        """RFC 9113 6.5.2"""
        if values.get(Setting.ENABLE_PUSH, 0) > 1:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a setting has a value that it cannot have")
        if not MAX_FRAME_SIZE <= values.get(Setting.MAX_FRAME_SIZE, MAX_FRAME_SIZE) < 2**24:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a setting has a value that it cannot have")
        if values.get(Setting.INITIAL_WINDOW_SIZE, 0) > MAX_WINDOW:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a setting has a value that it cannot have")

    def _resize_windows(self, size: int) -> None:
        """RFC 9113 6.9.2: the windows of open streams change by as much, and may become negative."""
        grown, self._stream_window = size - self._stream_window, size
        for stream in self.streams.values():
            stream.window += grown
            stream.widest += grown if stream.widest else 0
            if stream.window > MAX_WINDOW:
                raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a window becomes too large")
            self._line_up(stream)

    def take_push_promise(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 8.4: a client pushes nothing."""
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE of a client")

    def take_ping(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 6.7"""
        if stream:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        self._idle_frames.take(self.listening.seconds())
        if flags & ACK:
            if payload == NOTICE and self._state is NOTICED:
                self._take_no_more()
        else:
            self.put(frame(PING, ACK, 0, payload))

    def take_goaway(self, flags: int, stream: int, payload: bytes) -> None:
        """The client takes no streams of ours, of which there are none, and begins none any more."""
        if stream:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
        if len(payload) < 8:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
        if self._state in (OPEN, NOTICED):
            self._take_no_more()

    def take_window_update(self, flags: int, stream: int, payload: bytes) -> None:
        """RFC 9113 6.9"""
        size = number(payload) & MAX_WINDOW
        if size < MIN_PIECE:
            self._idle_frames.take(self.listening.seconds())
        if not stream:
            self._grow(size)
            return
        self._check_begun(stream, "WINDOW_UPDATE")
        found = self.streams.get(stream)
        if found is None:
            return
        if not size:
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        found.window += size
        if found.window > MAX_WINDOW:
            raise StreamError(ErrorCode.FLOW_CONTROL_ERROR, "a window becomes too large")
        if found.window > found.widest:
            found.widest = found.window
        self._line_up(found)
        self._pump()

    def _grow(self, size: int) -> None:
        if not size:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing")
        self._window += size
        if self._window > MAX_WINDOW:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a window becomes too large")
        if self._window > self._widest:
            self._widest = self._window
        self._grew = self.listening.seconds()
        self._pump()
