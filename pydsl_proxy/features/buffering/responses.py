"""Buffered responses: the peer is freed from the pace of the client."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Final

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pydsl_proxy.errors.rate_limited import RateLimited
from pydsl_proxy.features.buffering.response_buffer import ResponseBuffer, Supplies
from pydsl_proxy.features.buffering.spool_queue import SpoolQueue
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Sink
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.spooling import MEMORY, SIZE, Spool

log = Logger()

# Seconds between two lines on a disk that is full.
QUIET: Final = 60.0


@frozen
class BufferResponse:
    """What ``.buffer_response()`` asks for; *size* is None where an outer one is lifted."""

    nearness: ClassVar[FilterOrder] = FilterOrder.BUFFER
    overrides: ClassVar[bool] = True

    size: int | None = SIZE
    memory: int = field(default=MEMORY, kw_only=True)
    spool: Spool = field(default=True, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        size = [] if self.size == SIZE else [repr(self.size)]
        return call("buffer_response", size, options(self, "memory", "spool"))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """A buffer for each response that is not complete when it begins; none where no peer is asked."""
        size, memory, spool = self.size, self.memory, self.spool
        if size is None or not place.proxies:
            return None
        told = Telling(place.clock, self.origin).tell
        supplies = Supplies(partial(SpoolQueue, memory, size, spool), place.clock, told)

        def buffered(exchange: Exchange, sink: Sink) -> Sink:
            return ResponseBuffer(exchange, sink, supplies)

        return buffered


class Telling:
    """Tells the error log that a disk cannot be written to, once in a while."""

    def __init__(self, clock: IReactorTime, origin: Origin) -> None:
        self._origin = origin
        self._limit = RateLimited(clock.seconds, QUIET)

    def tell(self, error: OSError) -> None:
        """A response is buffered in memory alone because of *error*."""
        if self._limit.note():
            log.warn("{origin}: responses are buffered in memory alone: {error}", origin=self._origin, error=error)
