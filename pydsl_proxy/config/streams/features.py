"""What a stream may ask for beside its upstream: times, tries, and how many connections at once."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import field, frozen

from pydsl_proxy.config.streams.values import check_stream_value
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.errors.numbers import count, seconds
from pydsl_proxy.features.limits.common import read_key
from pydsl_proxy.origin import Origin, here
from pydsl_proxy.origin.spelling import call, options
from pydsl_proxy.values.value import ValueFunction, ValueSource, client_network, code_of

# nginx: proxy_timeout 10m.
IDLE = 600.0


@frozen(kw_only=True)
class StreamTimeouts:
    """What ``.timeouts()`` of a stream asks for; None leaves what is set further out."""

    connect: float | None = None
    idle: float | None = None
    origin: Origin = field(eq=False, repr=False, factory=here)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("timeouts", options(self, "connect", "idle"))


@frozen
class StreamRetry:
    """What ``.retry()`` of a stream asks for; ``tries`` counts the first one, None is one for each peer."""

    tries: int | None = None
    timeout: float | None = field(default=None, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def as_verb(self) -> str:
        """The call that made this."""
        return call("retry", [] if self.tries is None else [repr(self.tries)], options(self, "timeout"))


def _key(source: ValueSource) -> ValueFunction:
    value = read_key("limit_connections", source)
    check_stream_value("limit_connections(key=…)", value)
    return value


@frozen
class StreamConnections:
    """What ``.limit_connections()`` of a stream asks for."""

    most: int
    key: ValueFunction = field(default=client_network, converter=_key, kw_only=True)
    origin: Origin = field(eq=False, repr=False, factory=here, kw_only=True)

    def __attrs_post_init__(self) -> None:
        count("limit_connections(…)", self.most, least=1)

    def as_verb(self) -> str:
        """The call that made this."""
        key = [] if self.key == client_network else [f"key={code_of(self.key)}"]
        return call("limit_connections", repr(self.most), key)


def stream_timeouts(*, connect: float | None, idle: float | None) -> StreamTimeouts:
    """The feature of ``.timeouts()``, its arguments checked."""
    if connect is None and idle is None:
        raise ConfigError("timeouts() without a time", hint="write .timeouts(connect=1, idle=3600)")
    for name, value in (("connect", connect), ("idle", idle)):
        if value is not None:
            seconds(f"timeouts({name}=…)", value)
    return StreamTimeouts(connect=connect, idle=idle)


def stream_retry(tries: int | None, *, timeout: float | None) -> StreamRetry:
    """The feature of ``.retry()``, its arguments checked."""
    if tries is not None and tries == 0:
        raise ConfigError("retry(0): the first try counts too", hint="write .retry(1) for no second try")
    if tries is not None:
        count("retry(tries)", tries, least=1)
    if timeout is not None:
        seconds("retry(timeout=…)", timeout)
    return StreamRetry(tries, timeout=timeout)


def idle_of(features: Iterable[object]) -> float:
    """The seconds without a byte that *features* come to."""
    idle = IDLE
    for feature in features:
        if isinstance(feature, StreamTimeouts) and feature.idle is not None:
            idle = feature.idle
    return idle
