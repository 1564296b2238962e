"""Exchanges whose response goes through filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydsl_proxy import interfaces
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces import AttachedFilter, Handle, Producer, Sink, Trailers
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.wire.head import ResponseHead


class FilteredExchange(Exchange):
    """An exchange at a location with filters: what is answered goes to ``sink``, the filter nearest to the handler.

    An exchange is made before its location is known, so one becomes this by a change of its class.  That way exchanges
    without filters are not asked, by any of their methods, whether they have some.
    """

    sink: Sink

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body through the filters."""
        self.sink.start(response, data, end)

    def write(self, data: bytes) -> None:
        """Send more of the body through the filters."""
        self.sink.write(data)

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete, for the handler."""
        self.sink.finish(trailers)

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the filters take the response."""
        self.sink.stream_from(producer)

    def fail(self, error: ProxyError) -> None:
        """Answer with the error's status, or break off."""
        answered = self.answered
        super().fail(error)
        if answered:
            self.sink.stop()

    def leave(self, error: ProxyError) -> None:
        """The client is not there for an answer any more."""
        super().leave(error)
        self.sink.stop()


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

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client reads."""
        Exchange.stream_from(self._exchange, producer)

    def stop(self) -> None:
        """There is nothing to let go of."""


def filtered(filters: Sequence[AttachedFilter], inner: Handle) -> Handle:
    """A handle that puts *filters*, from the handler to the client, before the response that *inner* makes."""
    outwards = tuple(reversed(filters))

    def attach(exchange: interfaces.Exchange) -> None:
        unfilter(exchange)
        exchange.__class__ = FilteredExchange
        filtered_exchange = cast(FilteredExchange, exchange)
        sink: Sink = Client(filtered_exchange)
        for each in outwards:
            sink = each(exchange, sink) or sink
        filtered_exchange.sink = sink
        inner(exchange)

    return attach


def unfilter(exchange: interfaces.Exchange) -> None:
    """Take an exchange from its filters, before anything was sent through them."""
    if isinstance(exchange, FilteredExchange):
        exchange.sink.stop()
        del exchange.sink
        exchange.__class__ = Exchange  # type: ignore[assignment]  # back to what it was made as
