"""The answering half of a client's connection over HTTP/2: responses become frames, as far as there is room."""

from __future__ import annotations

from collections import deque

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.frontends.http2.closing import LEAVING, NOTICED, OPEN, Closing
from pydsl_proxy.frontends.http2.limits import (
    CONNECTION_WINDOW,
    IDLE_FRAMES,
    MAX_REMEMBERED,
    TokenBucket,
)
from pydsl_proxy.frontends.http2.stream import H2Stream
from pydsl_proxy.interfaces import Listening
from pydsl_proxy.wire.http2.body_pieces import frame_size, least_frame
from pydsl_proxy.wire.http2.frames import (
    END_STREAM,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MIN_PIECE,
    ErrorCode,
    data,
    headers,
    rst_stream,
    window_update,
)


class Sending(Closing):
    """Sends the responses of its streams, and is the transport's producer.

    A body goes out at once while nothing waits: neither for the windows of the stream and the connection, nor for the
    transport.  Otherwise it waits in its stream, whose producer is paused, and streams send a frame each in turn.
    While the transport is full no frames of the client are read: what it asks for it does not get before it reads.
    """

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        self._window = self._widest = INITIAL_WINDOW
        self._idle_frames = TokenBucket(IDLE_FRAMES, "too many frames that ask for nothing")
        # When the client last gave the connection room, while it has none.
        self._grew = 0.0
        self._stream_window = INITIAL_WINDOW
        self._line: deque[H2Stream] = deque()
        # What the client may still send of all bodies, and what of it was dealt with.
        self._room = CONNECTION_WINDOW
        self._unreturned = 0
        # Streams that ended here before the client ended them.
        self._ended_early: dict[int, None] = {}
        # Streams that the client has reset: what it sends on them is an error of the stream alone.
        self._left: dict[int, None] = {}
        # What the first header block begins with.
        self._first = b""

    def send_head(self, stream: H2Stream, block: bytes, body: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""
        if self._first:
            block, self._first = self._first + block, b""
        size = len(body)
        if not end:
            self.put(headers(stream.number, block, 0))
            if size:
                self.send_body(stream, body)
        elif not size:
            self.put(headers(stream.number, block, END_STREAM))
            self._over(stream)
        elif size <= stream.window and size <= self._window and not self._line and not self._blocked:
            self._window -= size
            self.put(headers(stream.number, block, 0) + data(stream.number, body, END_STREAM))
            self._over(stream)
        else:
            self.put(headers(stream.number, block, 0))
            self.send_body(stream, body)
            self.send_end(stream, b"")

    def send_interim(self, stream: int, block: bytes) -> None:
        """Send the head of an interim response."""
        if self._first:
            block, self._first = self._first + block, b""
        self.put(headers(stream, block, 0))

    def send_body(self, stream: H2Stream, body: bytes) -> None:
        """Send more, now or when there is room."""
        size = len(body)
        if not (stream.queue or self._line or self._blocked) and size <= stream.window and size <= self._window:
            stream.window -= size
            self._window -= size
            self._idle_frames.earn(size)
            self.put(data(stream.number, body, 0))
            return
        stream.wait_with(body)
        self._line_up(stream)
        self._pump()
        stream.hold_up()

    def _line_up(self, stream: H2Stream) -> None:
        if not stream.in_line and stream.queue and stream.window > 0:
            stream.in_line = True
            self._line.append(stream)

    def send_end(self, stream: H2Stream, trailers: bytes) -> None:
        """The response is complete."""
        stream.answered()
        stream.trailers = trailers
        if stream.queue:
            stream.ending = True
        else:
            self._end(stream)

    def _end(self, stream: H2Stream) -> None:
        """Nothing of the response waits: end it."""
        if stream.trailers:
            block, self._first = self._first + stream.trailers, b""
            self.put(headers(stream.number, block, END_STREAM))
        else:
            self.put(data(stream.number, b"", END_STREAM))
        self._over(stream)

    def cut(self, stream: H2Stream) -> None:
        """End the stream when what waits is sent, so that nobody takes its response for complete."""
        stream.answered()
        if stream.queue:
            stream.is_cut = True
        else:
            self._break_off(stream, ErrorCode.INTERNAL_ERROR)

    # -- room ----------------------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client is slower than what it is sent."""
        self._blocked = True
        self._await_progress()
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        if self._blocked:
            self._blocked = False
            self._await_frames()
            self.transport.resumeProducing()
            self._pump()

    def stopProducing(self) -> None:
        """The transport is gone; connectionLost tells the exchanges."""

    def _pump(self) -> None:
        """Let the streams that wait send, a frame each in turn."""
        line = self._line
        while line and self._window > 0 and not self._blocked:
            stream = line[0]
            queue = stream.queue
            room = min(stream.window, self._window)
            if queue is not None and room < queue.size and room < MAX_FRAME_SIZE:
                # A small window, or the rest of one: which of the two has to grow?
                if stream.window < least_frame(max(stream.widest, self._stream_window)):
                    queue = None
                    stream.await_more_room()
                elif self._window < least_frame(self._widest):
                    stream.await_more_room()
                    return
            line.popleft()
            stream.in_line = False
            if queue is not None and room > 0:
                self._send_piece(stream, frame_size(queue.size, room))

    def send_small(self, stream: H2Stream) -> None:
        """Send of what waits as much as there is room for, however small the frame."""
        while stream.queue is not None and not self._blocked and (room := min(stream.window, self._window)) > 0:
            self._send_piece(stream, frame_size(stream.queue.size, room))

    def _send_piece(self, stream: H2Stream, size: int) -> None:
        piece = stream.piece(size)
        stream.window -= size
        self._window -= size
        if size >= MIN_PIECE or not stream.queue:
            # Small frames before more are of the client's own making.
            self._idle_frames.earn(size)
        last = stream.ending and not stream.queue and not stream.trailers
        self.put(data(stream.number, piece, END_STREAM if last else 0))
        if stream.queue:
            self._line_up(stream)
        elif last:
            self._over(stream)
            return
        elif stream.ending:
            self._end(stream)
            return
        elif stream.is_cut:
            self._break_off(stream, ErrorCode.INTERNAL_ERROR)
            return
        stream.go_on_producing()

    def has_room_for(self, stream: H2Stream) -> bool:
        """Whether it is not the client that holds up what waits; a connection's window serves one after the other."""
        if stream.window <= 0:
            return False
        timeout = self.listening.site.clients.send_timeout
        return self._window > 0 or self._blocked or self.listening.seconds() - self._grew < timeout

    def give_back(self, stream: int, size: int, room: int) -> None:
        """*size* octets of a body are dealt with; the client may send *room* more on the stream."""
        if room:
            self.put(window_update(stream, room))
        self._unreturned += size
        if self._unreturned >= CONNECTION_WINDOW // 2:
            self.put(window_update(0, self._unreturned))
            self._room += self._unreturned
            self._unreturned = 0

    # -- the end of streams --------------------------------------------------------------------------------------------

    def _over(self, stream: H2Stream) -> None:
        """The response is sent."""
        if not stream.client_ended:
            # RFC 9113 8.1: the rest of the request is not needed.
            self.put(rst_stream(stream.number, ErrorCode.NO_ERROR))
            self._remember(stream.number)
        self._forget(stream)

    def _break_off(self, stream: H2Stream, code: ErrorCode) -> None:
        self.put(rst_stream(stream.number, code))
        self._remember(stream.number)
        self._forget(stream)

    def reset(self, stream: H2Stream, code: ErrorCode, error: ProxyError) -> None:
        """End the stream, whatever it is about."""
        exchange = stream.exchange
        self._break_off(stream, code)
        if exchange is not None:
            exchange.leave(error)

    def _remember(self, number: int) -> None:
        note(self._ended_early, number)

    def _forget(self, stream: H2Stream) -> None:
        """The stream is closed."""
        if self.streams.pop(stream.number, None) is None:
            return
        unread = stream.over()
        if unread:
            self.give_back(0, unread, 0)
        if not self.streams:
            self._idle()

    def _idle(self) -> None:
        """No stream is open."""
        if self._state is NOTICED:
            self._take_no_more()
        elif self._retiring:
            self._end_soon()
        elif self._state is OPEN and not self._blocked:
            self._await_frames()
        if self._state is LEAVING and not self._gathering:
            self._linger()


def note(streams: dict[int, None], number: int) -> None:
    """Put a stream to others, the oldest of which is forgotten if they are many."""
    if len(streams) >= MAX_REMEMBERED:
        del streams[next(iter(streams))]
    streams[number] = None
