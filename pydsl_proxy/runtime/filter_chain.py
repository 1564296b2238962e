"""Exchanges whose response goes through filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, cast

from pydsl_proxy import interfaces
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import AttachedFilter, Handle, Producer, Sink, Trailers
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.wire.http.head import ResponseHead


class FilteredExchange(Exchange):
    """An exchange at a location with filters: what is answered goes to ``sink``, the filter nearest to the handler.

    An exchange is made before its location is known, so one becomes this by a change of its class.  That way exchanges
    without filters are not asked, by any of their methods, whether they have some.
    """

    sink: Sink

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body through the filters."""
        if end:
            # A filter may hold some of it back: that is nobody's to cancel but the filter's.
            self.running = None
        self.sink.start(response, data, end)

    def switch(self, response: ResponseHead, data: bytes) -> None:
        """Answer with a 101, past the filters: they know bodies of HTTP."""
        unfilter(cast(interfaces.Exchange, self))
        self.switch(response, data)

    def write(self, data: bytes) -> None:
        """Send more of the body through the filters."""
        self.sink.write(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Send some of an open file, if all filters stand aside; others have to see its bytes."""
        return super().send_file(fd, offset, count) if type(self.sink) is Client else None

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete, for the handler."""
        self.running = None
        self.sink.finish(trailers)

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the filters take the response."""
        self.sink.stream_from(producer)

    def fail(self, error: ProxyError) -> None:
        """Answer with the error's status, or break off."""
        if self.answered:
            self.sink.fail(error)
        else:
            super().fail(error)

    def leave(self, error: ProxyError) -> None:
        """The client is not there for an answer any more."""
        super().leave(error)
        self.sink.stop()


class Chained(Protocol):
    """A sink that tells its next one."""

    next: Sink


class Client:
    """The sink behind the last filter: it sends the client what it gets."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: FilteredExchange) -> None:
        self._exchange = exchange

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body."""
        Exchange.start(self._exchange, response, data, end)
        if end:
            self._exchange.sink.stop()

    def write(self, data: bytes) -> None:
        """Send more of the body."""
        Exchange.write(self._exchange, data)

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""
        Exchange.finish(self._exchange, trailers)
        self._exchange.sink.stop()

    def fail(self, error: ProxyError) -> None:
        """Break the response off."""
        Exchange.fail(self._exchange, error)
        self._exchange.sink.stop()

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client reads."""
        Exchange.stream_from(self._exchange, producer)

    def stop(self) -> None:
        """There is nothing to let go of."""


def filtered(filters: Sequence[AttachedFilter], inner: Handle) -> Handle:
    """A handle that puts *filters*, from the handler to the client, before the response that *inner* makes."""
    outwards = tuple(reversed(filters))

    def attach(exchange: interfaces.Exchange) -> None:
        filtered_exchange = _before_client(exchange)
        for each in outwards:
            # One that raises is answered through those that stand already.
            filtered_exchange.sink = each(exchange, filtered_exchange.sink) or filtered_exchange.sink
        inner(exchange)

    return attach


def _before_client(exchange: interfaces.Exchange) -> FilteredExchange:
    """*exchange*, with a sink before which filters may stand: the client, or what lasts."""
    if not isinstance(exchange, FilteredExchange):
        exchange.__class__ = FilteredExchange
        living = cast(FilteredExchange, exchange)
        living.sink = Client(living)
    return cast(FilteredExchange, exchange)


def sinks_of(exchange: Exchange) -> Iterator[Sink]:
    """The sinks before the client, from the handler on; behind one that does not tell its next none is known."""
    sink = exchange.sink if isinstance(exchange, FilteredExchange) else None
    while sink is not None and not isinstance(sink, Client):
        yield sink
        sink = getattr(sink, "next", None)


def place_last(exchange: Exchange, attached: AttachedFilter) -> None:
    """Put a filter next to the client, before anything was sent through it."""
    made_for = cast(interfaces.Exchange, exchange)
    living = _before_client(made_for)
    sinks = list(sinks_of(living))
    if sinks and hasattr(sinks[-1], "next"):
        last = cast(Chained, sinks[-1])
        last.next = attached(made_for, last.next) or last.next
    else:
        living.sink = attached(made_for, living.sink) or living.sink


def refilter(exchange: interfaces.Exchange) -> None:
    """Take an exchange from its filters, before anything was sent through them, but for those that last."""
    unfilter(exchange)
    if exchange.lasting:
        living = _before_client(exchange)
        for each in exchange.lasting:
            living.sink = each(exchange, living.sink) or living.sink


def unfilter(exchange: interfaces.Exchange) -> None:
    """Take an exchange from its filters, before anything was sent through them."""
    if isinstance(exchange, FilteredExchange):
        exchange.sink.stop()
        del exchange.sink
        exchange.__class__ = Exchange  # type: ignore[assignment]  # back to what it was made as
