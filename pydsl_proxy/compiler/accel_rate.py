"""The rate of one response, as its peer asks for it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.features.limits.pacing import RateSink
from pydsl_proxy.runtime.exchange import Exchange
from pydsl_proxy.runtime.filter_chain import place_last, sinks_of


def slowing(clock: IReactorTime) -> Callable[[Exchange, int], None]:
    """What bounds the rate of a response that has not begun, in bytes a second; 0 lifts the bound of its location."""

    def slow(exchange: Exchange, rate: int) -> None:
        for sink in sinks_of(exchange):
            if isinstance(sink, RateSink):
                sink.rate = rate
                return
        if rate:
            place_last(exchange, lambda exchange, sink: RateSink(sink, rate, clock))

    return slow
