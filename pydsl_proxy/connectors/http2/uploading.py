"""The request's half of a stream: its body goes out as far as the peer's windows let it."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pydsl_proxy.wire.http2.body_pieces import MAX_WAITING, SMALL_FRAME_AFTER, WaitingPieces, frame_size, least_frame
from pydsl_proxy.wire.http2.frames import END_STREAM, MAX_FRAME_SIZE, MIN_PIECE, data, headers
from pydsl_proxy.wire.http2.hpack_literals import literals

if TYPE_CHECKING:
    from pydsl_proxy.connectors.http2.connection import H2Connection
    from pydsl_proxy.interfaces import Attempt, Trailers


class Uploading:
    """What of a stream sends.

    ``window`` is what the peer takes yet of this stream's body, in bytes, ``widest`` the most that it has been if a
    WINDOW_UPDATE has changed it; ``deadline`` when the peer must have done something, by the clock.  ``attempt`` is
    None when the stream is over.
    """

    # No slots: most of a stream's state is as it begins, and what is not set costs nothing.
    deadline = inf
    #: Some of the request is to be sent yet.
    uploading = False
    #: Some of it waits here, because the peer takes no more for now.
    stalled = False
    widest = 0
    _corked = False
    _complete = False
    # The client waits because much is queued.
    _client_waits = False
    # When the peer must have taken some of what is queued.
    _room_due = inf
    _trailers: Trailers = ()
    _queue: WaitingPieces

    def __init__(self, connection: H2Connection, number: int, attempt: Attempt, window: int) -> None:
        self._connection = connection
        self.number = number
        self.attempt: Attempt | None = attempt
        self.window = window

    def upload(self, attempt: Attempt) -> None:
        """Let the body follow the head; what is here of it goes with the head in one write."""
        self._queue = WaitingPieces()
        self.uploading = self._corked = True
        attempt.send_body_on(self)  # type: ignore[arg-type]  # a Stream is
        self._corked = False
        if self.attempt is attempt:
            self.flush()

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""
        if self.uploading:
            self._queue.put(data)
            if not self._corked:
                self.flush()

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete."""
        if self.uploading:
            self._complete = True
            self._trailers = trailers
            if not self._corked:
                self.flush()

    def flush(self, most: float = inf, *, least: int = 0) -> None:
        """Send what waits, of it *most* bytes, as far as the peer takes it; the client waits for the rest.

        No frame of less than *least* bytes is sent before others, or than :func:`least_frame` has it.
        """
        connection, queue = self._connection, self._queue
        pieces = []
        held_back = False
        while queue.size and most > 0 and not connection.blocked:
            room = min(self.window, connection.window)
            if room <= 0:
                break
            if room < queue.size and room < MAX_FRAME_SIZE and room < (least or self._least(connection)):
                held_back = True
                break
            size = frame_size(queue.size, room)
            self.window -= size
            connection.window -= size
            most -= size
            piece = queue.take(size)
            last = self._complete and not queue.size and not self._trailers
            pieces.append(data(self.number, piece, END_STREAM if last else 0))
            if size >= MIN_PIECE or not queue.size:
                # Small frames before more are of the peer's own making.
                connection.calm.sent(size)
            if last:
                self.uploading = False
        if self.uploading and self._complete and not queue.size:
            self.uploading = False
            pieces.append(self._end())
        if pieces:
            connection.write(b"".join(pieces))
        self._pace(moved=bool(pieces), held_back=held_back)

    def _least(self, connection: H2Connection) -> int:
        """The least frame before others: as much as the smaller of the two windows should have room for."""
        if self.window <= connection.window:
            return least_frame(max(self.widest, connection.first_window))
        return least_frame(connection.widest)

    def send_small(self) -> bool:
        """Send as much as there is room for, however small the frame; False when it is time to give up."""
        connection = self._connection
        if connection.seconds() >= self._room_due:
            return False
        self.deadline = self._room_due
        self.flush(least=1)
        return True

    def _end(self) -> bytes:
        """What ends a request when its body has gone already."""
        if self._trailers:
            return headers(self.number, literals(self._trailers), END_STREAM)
        return data(self.number, b"", END_STREAM)

    def _pace(self, *, moved: bool, held_back: bool) -> None:
        """The client waits while much is queued, and the peer's time to take it runs (nginx's send_timeout)."""
        attempt, connection = self.attempt, self._connection
        if attempt is None:
            return
        waiting = self._queue.size
        if waiting:
            connection.held[self.number] = self
            if moved or not self.stalled:
                self._room_due = connection.until(self, attempt.timeouts.send)
            if held_back:
                connection.until(self, min(SMALL_FRAME_AFTER, attempt.timeouts.send))
            self.stalled = True
        elif self.stalled:
            self.stalled = False
            self.deadline = inf
            connection.held.pop(self.number, None)
        if not self.uploading:
            self.await_more(attempt)
        if self._complete:
            return
        if waiting > MAX_WAITING:
            if not self._client_waits:
                self._client_waits = True
                attempt.exchange.pause_body()
        elif self._client_waits:
            self._client_waits = False
            attempt.exchange.resume_body()

    def await_more(self, attempt: Attempt) -> None:
        """The peer has its time anew to send something; the response's half tells whether it runs."""
        raise NotImplementedError
