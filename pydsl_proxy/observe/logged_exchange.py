"""What an access log sees of an exchange that is over, and what the proxy expects of a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.head import RequestHead


class LoggedPeer(Protocol):
    """The peer of an attempt."""

    @property
    def name(self) -> str:
        """The address as configured."""


class LoggedAttempt(Protocol):
    """One try of an exchange at one peer."""

    @property
    def peer(self) -> LoggedPeer:
        """Where it was tried."""

    @property
    def status(self) -> int:
        """What the peer answered, or what its failure means; 0 while neither is known."""

    @property
    def took(self) -> float:
        """Seconds."""

    @property
    def previous(self) -> LoggedAttempt | None:
        """The attempt before this one."""


class LoggedExchange(RequestHead, Protocol):
    """An exchange that is over.

    A request that could not be read has ``minor`` -1, and its raw first line, as much of it as came, as ``method``.  A
    stream has ``minor`` :data:`~pydsl_proxy.wire.http.protocols.STREAM`, and ``TCP`` as ``method``.
    """

    @property
    def identity(self) -> Identity:
        """Who the client is."""

    @property
    def request(self) -> Request:
        """The request as text."""

    @property
    def started(self) -> float:
        """When the head of the request was read, by :meth:`LogReactor.seconds`."""

    @property
    def status(self) -> int:
        """The status the client was sent; 499 if it left before."""

    @property
    def sent(self) -> int:
        """Bytes of the response's body; of a stream, all that the client was sent."""

    @property
    def received(self) -> int | None:
        """Bytes that the client of a stream has sent; None for an exchange."""

    @property
    def error(self) -> ProxyError | None:
        """Why it ended badly."""

    @property
    def attempt(self) -> LoggedAttempt | None:
        """The last attempt; None if no peer was tried."""


class LogSink(Protocol):
    """A log at work, made once from what ``http(access_log=…)`` was given.

    A log of one's own is any object with ``compile(reactor)`` that gives one of these.
    """

    @property
    def write(self) -> Callable[[LoggedExchange], None] | None:
        """Called with each exchange when it is over, so it must be quick and raise nothing; None to log none."""

    def start(self) -> None:
        """The proxy begins to listen, for the first time or again."""

    def close(self) -> None:
        """The last exchange is over: write out what is held."""


class LogReactor(Protocol):
    """What a log asks of a reactor."""

    def seconds(self) -> float:
        """The clock that measures; the time of day is ``time.time()``."""

    def callLater(self, delay: float, callable: Callable[[], None], /) -> IDelayedCall:
        """Call later."""
