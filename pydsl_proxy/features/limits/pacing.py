"""A response that is let out by the clock."""

from __future__ import annotations

from collections import deque
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import Producer, Sink, Trailers
from pydsl_proxy.wire.http.head import ResponseHead

# Seconds of a slice: what a response may be ahead of its rate, and how often more of it is sent.
SLICE: Final = 0.1


class RateSink(Passing):
    """Hands a body on at *rate* bytes a second, but for the first *after* bytes, which pass at once.

    A body takes as long as the rate says, within a slice of 0.1 seconds.  While some of it waits, who makes it is
    paused, so that no more waits than came at once; time in which there is nothing to send is not made up for.  A rate
    of 0 hands all on as it comes.  Changing :attr:`rate` and :attr:`after` has an effect until the response begins.
    """

    __slots__ = (
        "_blocked",
        "_call",
        "_clear",
        "_clock",
        "_ended",
        "_free",
        "_holding",
        "_pieces",
        "_producer",
        "_trailers",
        "after",
        "rate",
    )

    def __init__(self, next: Sink, rate: float, clock: IReactorTime, *, after: int = 0) -> None:
        super().__init__(next)
        self.rate = rate
        self.after = after
        self._clock = clock
        # When all that was sent would have been sent at the rate.
        self._clear = 0.0
        self._free = 0
        self._pieces: deque[memoryview] = deque()
        self._call: IDelayedCall | None = None
        self._producer: Producer | None = None
        # The producer is paused: some waits here, or the client does not read.
        self._holding = False
        self._blocked = False
        self._ended = False
        self._trailers: Trailers = ()

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Hand on the head with what may follow it at once."""
        if self.rate <= 0 or (end and not data):
            self.rate = 0
            self.next.start(response, data, end)
            return
        self._clear = self._clock.seconds()
        self._free = self.after
        self._pieces.append(memoryview(data))
        self._ended = end
        first = self._due()
        whole = end and not self._pieces
        self.next.start(response, first, whole)
        if not whole:
            self.next.stream_from(self)
            if not self._blocked:
                self._await()

    def write(self, data: bytes) -> None:
        """Take more of the body, and hand on what may pass."""
        if not self.rate:
            self.next.write(data)
            return
        if not self._pieces:
            self._clear = max(self._clear, self._clock.seconds())
        self._pieces.append(memoryview(data))
        if self._call is None and not self._blocked:
            self._send()

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete, as soon as all of it is sent."""
        self._producer = None
        if self._pieces:
            self._ended = True
            self._trailers = trailers
        else:
            self.next.finish(trailers)

    def stream_from(self, producer: Producer) -> None:
        """Pause *producer* while some waits here, and while the client does not read."""
        if not self.rate:
            self.next.stream_from(producer)
            return
        self._producer = producer
        if self._holding:
            producer.pauseProducing()

    def stop(self) -> None:
        """The exchange is over."""
        self._producer = None
        self._pieces.clear()
        self._cancel()
        super().stop()

    # -- the producer of what is handed on -----------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client is slower than the rate."""
        self._blocked = True
        self._cancel()
        self._hold()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._blocked = False
        self._clear = max(self._clear, self._clock.seconds())
        if self._call is None:
            self._send()

    def stopProducing(self) -> None:
        """The client is gone; the exchange tells."""

    # -- the clock -----------------------------------------------------------------------------------------------------

    def _due(self) -> bytes:
        """Take what may be sent by now."""
        rate, pieces, now = self.rate, self._pieces, self._clock.seconds()
        # A clock is a float since 1970: its last figure is not to cost a byte.
        room = self._free + int((now + SLICE + 1e-6 - self._clear) * rate)
        taken: list[memoryview] = []
        size = 0
        while pieces and size < room:
            piece = pieces.popleft()
            left = room - size
            if len(piece) > left:
                pieces.appendleft(piece[left:])
                piece = piece[:left]
            taken.append(piece)
            size += len(piece)
        while pieces and not pieces[0]:
            pieces.popleft()
        free = min(size, self._free)
        self._free -= free
        self._clear += (size - free) / rate
        return b"".join(taken)

    def _send(self) -> None:
        self._call = None
        data = self._due()
        if data:
            self.next.write(data)
        if not self._blocked:
            self._await()

    def _await(self) -> None:
        """Come back for what waits; where nothing does, end or have more made."""
        if self._pieces:
            want = max(1.0, min(sum(map(len, self._pieces)), self.rate * SLICE))
            due = self._clear - SLICE + want / self.rate
            self._call = self._clock.callLater(max(0.0, due - self._clock.seconds()), self._send)
            self._hold()
        elif self._ended:
            self._ended = False
            self.next.finish(self._trailers)
        elif self._holding:
            self._holding = False
            if self._producer is not None:
                self._producer.resumeProducing()

    def _hold(self) -> None:
        if not self._holding:
            self._holding = True
            if self._producer is not None:
                self._producer.pauseProducing()

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
            self._call = None
