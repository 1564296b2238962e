"""The sink that takes a response as fast as it comes, and gives it to the client at the client's pace."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.buffering.spool_queue import SpoolQueue
from pydsl_proxy.interfaces import Exchange, Producer, Sink, Trailers
from pydsl_proxy.wire.edits.event_stream import is_event_stream
from pydsl_proxy.wire.http.head import ResponseHead

# What is given to the client at once, and so what may be queued for it beyond what the buffer itself holds.
PIECE: Final = 64 * 1024
# Of what waits, in one turn of the reactor: other clients are served in between.
MAX_IN_A_TURN: Final = 4 * PIECE


class Supplies:
    """What the buffers of one location have in common: how they hold bytes, the clock, and who hears of a full disk."""

    __slots__ = ("clock", "hold", "tell")

    def __init__(self, hold: Callable[[], SpoolQueue], clock: IReactorTime, tell: Callable[[OSError], None]) -> None:
        self.hold = hold
        self.clock = clock
        self.tell = tell


class ResponseBuffer:
    """Stands before one client, for one response.

    While the client keeps up, bytes go straight through.  When it does not they wait, and only if no more of them can
    be held is the peer paused.  A peer that has sent all is done with the exchange: then this is what runs it.
    """

    __slots__ = (
        "_end",
        "_exchange",
        "_halted",
        "_over",
        "_paused",
        "_producer",
        "_straight",
        "_supplies",
        "_turn",
        "_waiting",
        "next",
    )

    def __init__(self, exchange: Exchange, next: Sink, supplies: Supplies) -> None:
        self._exchange = exchange
        self.next = next
        self._supplies = supplies
        self._waiting: SpoolQueue | None = None
        self._producer: Producer | None = None
        # Nothing is held of this response.
        self._straight = True
        # The client takes nothing now; the peer was told to wait.
        self._paused = self._halted = False
        self._turn: IDelayedCall | None = None
        # What the client is told when it has taken all there is.
        self._end: Callable[[], None] | None = None
        self._over = False

    # -- from the peer -----------------------------------------------------------------------------------------------

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Pass the head on at once; a response that is complete or must not wait goes straight through."""
        if end or not may_wait(response):
            self.next.start(response, data, end)
            return
        self._straight = False
        self.next.start(response, data[:PIECE], False)
        self.next.stream_from(self)
        if len(data) > PIECE:
            self.write(data[PIECE:])

    def write(self, data: bytes) -> None:
        """Pass *data* on, or keep it."""
        if self._straight:
            self.next.write(data)
            return
        given = 0
        while given < len(data) and not self._paused and not self._waiting:
            self.next.write(data[given : given + PIECE])
            given += PIECE
        if given < len(data) and not self._over:
            self._keep(data[given:])

    def _keep(self, data: bytes) -> None:
        waiting = self._waiting
        if waiting is None:
            waiting = self._waiting = self._supplies.hold()
        waiting.put(data)
        if waiting.broken is not None:
            self._supplies.tell(waiting.broken)
        if waiting.full and not self._halted and self._producer is not None:
            self._halted = True
            self._producer.pauseProducing()

    def finish(self, trailers: Trailers = ()) -> None:
        """The peer is done; the client may not be."""
        if self._waiting:
            self._run_on(partial(self.next.finish, trailers))
        else:
            self.next.finish(trailers)

    def fail(self, error: ProxyError) -> None:
        """The peer broke off: the client gets what is here, and then no end."""
        if self._waiting and self._end is None:
            self._run_on(partial(self.next.fail, error))
        else:
            self.next.fail(error)

    def _run_on(self, end: Callable[[], None]) -> None:
        self._end = end
        self._producer = None
        self._exchange.running = self

    def stream_from(self, producer: Producer) -> None:
        """The producer is paused when nothing more can be held; or as the client reads, if nothing is to be held."""
        if self._straight:
            self.next.stream_from(producer)
            return
        self._producer = producer
        if self._waiting is not None and self._waiting.full:
            self._halted = True
            producer.pauseProducing()

    # -- to the client -----------------------------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The client is slower than the peer."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._paused = False
        if self._turn is None and self._waiting is not None:
            self._give(self._waiting)

    def stopProducing(self) -> None:
        """The client is gone; :meth:`stop` tells."""

    def _give(self, waiting: SpoolQueue) -> None:
        """Give the client what waits for it, as long as it takes it."""
        self._turn = None
        given = 0
        while waiting and given < MAX_IN_A_TURN and not self._paused:
            try:
                data = waiting.take(PIECE)
            except OSError as error:
                self._lose(error)
                return
            given += len(data)
            self.next.write(data)
        if self._halted and len(waiting) <= waiting.limit // 2 and self._producer is not None:
            self._halted = False
            self._producer.resumeProducing()
        if waiting:
            if not self._paused and self._turn is None:
                self._turn = self._supplies.clock.callLater(0, self._give, waiting)
        elif self._end is not None:
            end, self._end = self._end, None
            end()

    def _lose(self, error: OSError) -> None:
        """What was written to the disk cannot be read: the response breaks off."""
        running, self._exchange.running = self._exchange.running, None
        lost = ProxyError(Source.US, 500, "spool_failed", f"a buffered response cannot be read: {error}")
        self._release()
        if running is not None and running is not self:
            running.cancel(lost)
        self.next.fail(lost)

    # -- ends --------------------------------------------------------------------------------------------------------

    def cancel(self, error: ProxyError) -> None:
        """The client has left, after the peer was done."""
        self._release()

    def stop(self) -> None:
        """The exchange is over."""
        self._release()
        self.next.stop()

    def _release(self) -> None:
        self._over = True
        self._producer = self._end = None
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            # One that is just giving what it has (_give) finds nothing more.
            waiting.close()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None


def may_wait(response: ResponseHead) -> bool:
    """Whether a response may be held: no events, no tunnel, and the peer does not say that it must not be."""
    if response.status == 101:
        return False
    if (response.get(b"x-accel-buffering") or b"").lower() == b"no":
        return False
    return not is_event_stream(response)
