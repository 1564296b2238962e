"""A limit for the rate at which a response is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeAlias

from attrs import field, frozen

from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count, size
from pydsl_proxy.features.limits.pacing import RateSink
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, Exchange, FilterOrder, Sink
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import place_of

VERB = "limit_rate"

#: Bytes a second, a function that tells them of a request, or None for no limit.
RateSource: TypeAlias = "int | Callable[[Request], float | None] | None"


@frozen
class LimitRate:
    """What ``.limit_rate()`` asks for; see :meth:`pydsl_proxy.config.verbs.limits.Limits.limit_rate`."""

    overrides: ClassVar[bool] = True
    nearness: ClassVar[FilterOrder] = FilterOrder.PACE

    rate: RateSource
    after: int = field(default=0, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        size(f"{VERB}(after=…)", self.after)
        if self.rate is None or callable(self.rate):
            return
        size(f"{VERB}(…)", self.rate)
        if not count(f"{VERB}(…)", self.rate, least=0):
            raise ConfigError(f"{VERB}(0): nothing would ever be sent", hint=f"write {VERB}(None) for no limit")

    def as_verb(self) -> str:
        """The call that made this."""
        rate = getattr(self.rate, "__qualname__", repr(self.rate))
        return call(VERB, rate, options(self, "after"))

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """A sink with a clock, where there is a limit."""
        rate, after, clock = self.rate, self.after, place.clock
        if rate is None:
            return None

        def attach(exchange: Exchange, sink: Sink) -> Sink | None:
            each = _told(rate, exchange.request) if callable(rate) else rate
            return RateSink(sink, each, clock, after=after) if each is not None and each > 0 else None

        return attach


def _told(rate: Callable[[Request], float | None], request: Request) -> float | None:
    each = rate(request)
    if each is not None and not isinstance(each, int | float):
        raise TypeError(f"{place_of(rate)} gave {each!r}, which is no number of bytes a second")
    return each
