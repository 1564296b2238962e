"""What the runtime asks of a reactor: the clock, and connections over TCP and UNIX sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IConnector, IDelayedCall
from twisted.internet.protocol import ClientFactory


class Clock(Protocol):
    """What tells the time and calls later."""

    def seconds(self) -> float:
        """Now."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kwargs: object) -> IDelayedCall:
        """Call after *delay* seconds."""


class DataReactor(Clock, Protocol):
    """A Twisted reactor, or what :func:`~pydsl_proxy.runtime.transport.data_path` made of one."""

    def connectTCP(self, host: str, port: int, factory: ClientFactory, timeout: float = ...) -> IConnector:
        """Connect to an IP address."""

    def connectUNIX(self, address: str, factory: ClientFactory, timeout: float = ...) -> IConnector:
        """Connect to a UNIX socket."""


def is_in_clear(reactor: object) -> bool:
    """Whether the connections of *reactor* carry messages alone, as those of the kit for tests do.

    Then there is neither TLS nor the PROXY protocol on them, and no files of certificates are read.
    """
    return getattr(reactor, "in_clear", False)
