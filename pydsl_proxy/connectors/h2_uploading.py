"""The request's half of a stream: its body goes out as far as the peer's windows let it."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

from pydsl_proxy.wire.h2_frames import END_STREAM, data, headers
from pydsl_proxy.wire.hpack_literals import literals

if TYPE_CHECKING:
    from pydsl_proxy.connectors.h2_connection import H2Connection
    from pydsl_proxy.interfaces import Attempt, Trailers


class Uploading:
    """What of a stream sends.

    ``window`` is what the peer takes yet of this stream's body, in bytes; ``deadline`` when the peer must have done
    something, by the clock.  ``attempt`` is None when the stream is over.
    """

    # No slots: most of a stream's state is as it begins, and what is not set costs nothing.
    deadline = inf
    #: Some of the request is to be sent yet.
    uploading = False
    #: Some of it waits here, because the peer takes no more for now.
    stalled = False
    _corked = False
    _complete = False
    _trailers: Trailers = ()

    def __init__(self, connection: H2Connection, number: int, attempt: Attempt, window: int) -> None:
        self._connection = connection
        self.number = number
        self.attempt: Attempt | None = attempt
        self.window = window
        self._queue: deque[bytes] = deque()

    def upload(self, attempt: Attempt) -> None:
        """Let the body follow the head; what is here of it goes with the head in one write."""
        self.uploading = self._corked = True
        attempt.send_body_on(self)  # type: ignore[arg-type]  # a Stream is
        self._corked = False
        if self.attempt is attempt:
            self.flush()

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""
        if self.uploading:
            self._queue.append(data)
            if not self._corked:
                self.flush()

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete."""
        if self.uploading:
            self._complete = True
            self._trailers = trailers
            if not self._corked:
                self.flush()

    def flush(self, most: float = inf) -> None:
        """Send what waits, of it *most* bytes, as far as the peer takes it; the client waits for the rest."""
        connection, queue = self._connection, self._queue
        pieces = []
        while queue and most > 0:
            room = int(min(self.window, connection.window, most))
            if room <= 0 or connection.blocked:
                break
            piece = queue.popleft()
            if len(piece) > room:
                queue.appendleft(piece[room:])
                piece = piece[:room]
            self.window -= len(piece)
            connection.window -= len(piece)
            most -= len(piece)
            last = self._complete and not queue and not self._trailers
            pieces.append(data(self.number, piece, END_STREAM if last else 0))
            if last:
                self.uploading = False
        if self.uploading and self._complete and not queue:
            self.uploading = False
            pieces.append(self._end())
        if pieces:
            connection.calm.earn()
            connection.write(b"".join(pieces))
        self._pace(moved=bool(pieces))

    def _end(self) -> bytes:
        """What ends a request when its body has gone already."""
        if self._trailers:
            return headers(self.number, literals(self._trailers), END_STREAM)
        return data(self.number, b"", END_STREAM)

    def _pace(self, *, moved: bool) -> None:
        """The client waits while something is queued, and the peer's time to take it runs (nginx's send_timeout)."""
        attempt, connection = self.attempt, self._connection
        if attempt is None:
            return
        if self._queue:
            connection.held[self.number] = self
            if moved or not self.stalled:
                connection.until(self, attempt.timeouts.send)
            if not self.stalled:
                self.stalled = True
                if not self._complete:
                    attempt.exchange.pause_body()
            return
        resumes = self.stalled and not self._complete
        if self.stalled:
            self.stalled = False
            self.deadline = inf
            connection.held.pop(self.number, None)
        if not self.uploading:
            self.await_more(attempt)
        if resumes:
            attempt.exchange.resume_body()

    def await_more(self, attempt: Attempt) -> None:
        """The peer has its time anew to send something; the response's half tells whether it runs."""
        raise NotImplementedError
