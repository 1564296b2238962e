"""What the runtime asks of a reactor: the clock, and connections over TCP and UNIX sockets."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Protocol, TypeVar, cast

from twisted.internet.interfaces import IConnector, IDelayedCall
from twisted.internet.protocol import ClientFactory
from twisted.python.runtime import seconds as time_of_day
from zope.interface import directlyProvides, providedBy

R = TypeVar("R")


class Clock(Protocol):
    """What tells the time and calls later."""

    def seconds(self) -> float:
        """A time to measure by, from a beginning of its own."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object) -> IDelayedCall:
        """Call after *delay* seconds."""


class DataReactor(Clock, Protocol):
    """A Twisted reactor, or what :func:`~pydsl_proxy.net.data_path.data_path` made of one."""

    def connectTCP(self, host: str, port: int, factory: ClientFactory, timeout: float = ...) -> IConnector:
        """Connect to an IP address."""

    def connectUNIX(self, address: str, factory: ClientFactory, timeout: float = ...) -> IConnector:
        """Connect to a UNIX socket."""


def is_in_clear(reactor: object) -> bool:
    """Whether the connections of *reactor* carry messages alone, as those of the kit for tests do.

    Then there is neither TLS nor the PROXY protocol on them, and no files of certificates are read.
    """
    return getattr(reactor, "in_clear", False)


class Measured:
    """A reactor whose ``seconds`` nobody can set; all else is the reactor's own."""

    def __init__(self, outer: object) -> None:
        self._outer = outer
        self.seconds = monotonic
        # Twisted's endpoints ask for interfaces, such as IReactorPluggableNameResolver.
        directlyProvides(self, providedBy(outer))

    def __getattr__(self, name: str) -> object:
        return getattr(self._outer, name)


def measured(reactor: R) -> R:
    """*reactor*, or what stands in for it: its ``seconds`` are not the time of day, which may be set.

    Its timers are the reactor's own, see :func:`measure_timers`.
    """
    return cast(R, Measured(reactor)) if _tells_time_of_day(reactor) else reactor


def measure_timers(reactor: object) -> None:
    """Run all timers of *reactor* by the clock that nobody can set; to be called before the first one is set.

    Twisted's reactors run them by the time of day: when that is set back an hour, they are an hour late.  It is for a
    process that is a proxy and nothing else: others may take what ``reactor.seconds()`` gives for the time of day.
    """
    if _tells_time_of_day(reactor):
        reactor.seconds = monotonic  # type: ignore[attr-defined]  # it has one


def _tells_time_of_day(reactor: object) -> bool:
    return getattr(reactor, "seconds", None) is time_of_day
