"""A limit for the rate of requests with one key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from pydsl_proxy.errors import ConfigError, ProxyError
from pydsl_proxy.errors.numbers import count
from pydsl_proxy.errors.rates import REQUEST, Rate, read_rate
from pydsl_proxy.features.limits.common import Notices, check_status, read_key, refuse
from pydsl_proxy.features.limits.leaky_bucket import Buckets, short_key
from pydsl_proxy.interfaces import CompileContext, Exchange, Handle
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import ValueFunction, ValueSource, as_bytes, client_network, code_of

VERB = "limit_requests"


def _key(source: ValueSource) -> ValueFunction:
    return read_key(VERB, source)


@frozen
class LimitRequests:
    """What ``.limit_requests()`` asks for; see :meth:`pydsl_proxy.config.verbs.limits.Limits.limit_requests`."""

    # All that hold at a location are asked before any of them counts, as in nginx.
    together: ClassVar[bool] = True

    rate: str
    key: ValueFunction = field(default=client_network, converter=_key, kw_only=True)
    burst: int = field(default=0, kw_only=True)
    delay: int | None = field(default=None, kw_only=True)
    status: int = field(default=429, kw_only=True)
    shadow: bool = field(default=False, kw_only=True)
    keys: int = field(default=10_000, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        read_rate(VERB, self.rate)
        count(f"{VERB}(burst=…)", self.burst, least=0)
        count(f"{VERB}(keys=…)", self.keys, least=1)
        check_status(VERB, self.status)
        if self.delay is not None and count(f"{VERB}(delay=…)", self.delay, least=0) > self.burst:
            text = f"{VERB}(delay={self.delay}): beyond burst={self.burst} requests are refused, so none is delayed"
            raise ConfigError(text, hint=f"leave delay out, or write burst={self.delay + 1}")

    def as_verb(self) -> str:
        """The call that made this."""
        key = [] if self.key == client_network else [f"key={code_of(self.key)}"]
        return call(VERB, repr(self.rate), key, options(self, "burst", "delay", "status", "shadow", "keys"))

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Count, and then go on at once or later, or refuse; one step with those that follow without one between."""
        meter = Meter(self, place.kept(self, partial(State, self, place.clock)))
        if isinstance(inner, Metering):
            return Metering((meter, *inner.meters), inner.inner, place.clock)
        return Metering((meter,), inner, place.clock)


class State:
    """What all locations of one limit share, and reloads keep."""

    __slots__ = ("buckets", "notices")

    def __init__(self, limit: LimitRequests, clock: IReactorTime) -> None:
        self.buckets = Buckets(read_rate(VERB, limit.rate), limit.keys)
        self.notices = Notices(clock.seconds)


class Meter:
    """One limit at one location."""

    __slots__ = ("buckets", "burst", "delay", "key", "name", "notices", "rate", "shadow", "status")

    def __init__(self, limit: LimitRequests, state: State) -> None:
        self.rate: Rate = read_rate(VERB, limit.rate)
        self.key: Callable[[Request], bytes] = as_bytes(limit.key)
        self.burst = limit.burst * REQUEST
        # Without a delay all that is within the burst passes at once.
        self.delay = (limit.burst if limit.delay is None else limit.delay) * REQUEST
        self.status = limit.status
        self.shadow = limit.shadow
        self.name = f"{VERB}({limit.rate!r})"
        self.buckets = state.buckets
        self.notices = state.notices
        self.notices.limit = f"{limit.origin}: {self.name}"

    def refuse(self, exchange: Exchange, key: bytes, excess: int) -> None:
        """Too many requests; the client is told when the next one would pass."""
        self.notices.note(f"a request was refused with {self.status}", key)
        after = self.rate.seconds_for(excess - self.burst)
        message = f"{excess / REQUEST:.3f} requests ahead of {self.name}, {self.burst // REQUEST} are allowed"
        refuse(exchange, self.status, VERB, message, ((b"Retry-After", b"%d" % after),))

    def count(self, key: bytes, excess: int, now: int) -> int:
        """Count a request that every limit lets pass; the milliseconds by which it is to be delayed."""
        if self.buckets.put(key, excess, now):
            self.notices.note("there are more keys than keys=… allows: one was forgotten while it still counted", key)
        if excess <= self.delay:
            return 0
        wait = self.rate.time_for(excess - self.delay)
        if self.shadow and wait:
            self.notices.note(f"a request would have been delayed by {wait} ms", key)
            return 0
        return wait


class Metering:
    """The handle of one limit or several: it asks them all, and then lets all of them count, or none."""

    __slots__ = ("_clock", "inner", "meters")

    def __init__(self, meters: tuple[Meter, ...], inner: Handle, clock: IReactorTime) -> None:
        self.meters = meters
        self.inner = inner
        self._clock = clock

    def __call__(self, exchange: Exchange) -> None:
        """Go on, at once or later, or refuse."""
        now = int(self._clock.seconds() * 1000 + 0.5)
        passing = []
        for meter in self.meters:
            # After a redirect inside the proxy it has counted or refused the exchange already.
            if meter.buckets in exchange.limited_by:
                continue
            key = meter.key(exchange.request)
            if not key:
                continue
            key = short_key(key)
            excess = meter.buckets.excess(key, now)
            if excess <= meter.burst:
                passing.append((meter, key, excess))
            elif meter.shadow:
                meter.notices.note(f"a request would have been refused with {meter.status}", key)
            else:
                # As in nginx a page for the refusal may be in reach of these limits.
                exchange.limited_by += tuple(each.buckets for each in self.meters)
                meter.refuse(exchange, key, excess)
                return
        wait = 0
        for meter, key, excess in passing:
            exchange.limited_by += (meter.buckets,)
            wait = max(wait, meter.count(key, excess, now))
        if wait:
            exchange.running = Delayed(exchange, self.inner, self._clock, wait / 1000)
        else:
            self.inner(exchange)


class Delayed:
    """An exchange that waits for its turn; nothing of its body is read meanwhile."""

    __slots__ = ("_call", "_exchange", "_inner")

    def __init__(self, exchange: Exchange, inner: Handle, clock: IReactorTime, seconds: float) -> None:
        self._exchange = exchange
        self._inner = inner
        self._call = clock.callLater(seconds, self._go_on)

    def cancel(self, error: ProxyError) -> None:
        """The client has left."""
        self._call.cancel()

    def _go_on(self) -> None:
        self._exchange.running = None
        self._exchange.go_on(self._inner)
