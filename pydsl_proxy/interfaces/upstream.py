"""Peers: how they are chosen, reached and spoken to."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces.bodies import Deadline, Producer, Trailers
from pydsl_proxy.interfaces.exchanges import Exchange
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.head import ResponseHead

if TYPE_CHECKING:
    from twisted.internet.protocol import Protocol as TwistedProtocol

    from pydsl_proxy.interfaces.compile import Timeouts


class Identified(Protocol):
    """What has a client: an exchange, or a stream's passage."""

    @property
    def identity(self) -> Identity:
        """Who the client is."""


class Attempt(Protocol):
    """One try of an exchange at one peer, as a connector sees it."""

    connection: PeerConnection | None
    reused: bool

    @property
    def exchange(self) -> Exchange:
        """The exchange that is tried."""

    @property
    def timeouts(self) -> Timeouts:
        """Seconds, in force for this attempt.

        Other ones may come in force within :meth:`answered`, for the body that follows: event streams may be silent for
        longer.  A connector asks anew for each deadline, and so for the first one after :meth:`answered`.
        """

    @property
    def switches(self) -> float | None:
        """The request asks for a WebSocket, which may be silent for so many seconds; None if it does not."""

    @property
    def repeatable(self) -> bool:
        """Whether the request may be sent again after a peer may have acted on it.

        If not, a connector that shares connections looks whether one is open yet before it sends on it.
        """

    @property
    def write_head(self) -> Callable[..., bytes]:
        """Writes the head of :attr:`exchange` for a peer of HTTP/1.1; called with it."""

    def send_body_on(self, connection: PeerConnection) -> None:
        """The request's head is sent: let its body follow, what is here of it at once."""

    def interim(self, response: ResponseHead) -> None:
        """The peer has sent an interim response, which is not 101; a connector bounds how many."""

    def answered(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """The peer's head is here, with the first bytes of the body; *end* says that they are all of it."""

    def switched(self, response: ResponseHead, data: bytes) -> None:
        """The peer has switched: from here on both bodies are raw, with *data* the first bytes of the response's.

        :attr:`connection` takes what the client sends, until :meth:`PeerConnection.send_end`.
        """

    def body(self, data: bytes) -> None:
        """More of the body."""

    def ended(self, trailers: Trailers) -> None:
        """The body is complete."""

    def failed(self, error: ProxyError) -> None:
        """The attempt cannot be carried to its end."""

    def crash(self) -> None:
        """An exception was raised by a user's function: 500, and nothing against the peer."""


class IdleConnection(Protocol):
    """A connection to a peer that is kept for the next attempt."""

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request, and tell the attempt what comes of it."""

    def close(self) -> None:
        """Close it, as it is idle."""


class PeerConnection(Producer, Protocol):
    """The connection to a peer that an attempt has: to itself, or as a stream among others."""

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete."""

    def abandon(self) -> None:
        """The attempt is of no interest any more: close."""


class Owner(NamedTuple):
    """The pool of one client's connections, as :meth:`ConnectionPool.release` and :meth:`ConnectionPool.forget`."""

    release: Callable[[IdleConnection], bool]
    forget: Callable[[IdleConnection], None]


class ConnectionPool(Protocol):
    """Where a peer's connections come from and return to."""

    keepalive_requests: int
    keepalive_time: float
    keepalive_timeout: float

    @property
    def name(self) -> str:
        """The peer's address, for messages."""

    def seconds(self) -> float:
        """The clock that measures; it is not the time of day."""

    def watch(self, expired: Callable[[], None]) -> Deadline:
        """A deadline over that clock."""

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """Call in a later turn of the loop, to go on with work that is too long for one turn.

        The time that such calls take in one turn is bounded for the whole process.  A call cannot be cancelled.  If it
        raises an exception, that is logged and *failed* is called: it ends what the work was for.
        """

    def unsent(self, transport: object) -> int:
        """Bytes that wait in user space to be sent."""

    def peek(self, connection: object) -> bytes | None:
        """The first byte that has come and is not read yet: nothing if the peer has closed, None if it is silent."""

    def owner(self, attempt: Attempt) -> Owner:
        """Where the connection of *attempt* returns to from now on: the peer has bound its user to it."""

    def release(self, connection: IdleConnection) -> bool:
        """Keep an idle connection; False if there are enough, then it closes."""

    def forget(self, connection: IdleConnection) -> None:
        """An idle connection is gone."""


class ConnectRequest(Protocol):
    """For whom a connection is made: an attempt, a connector that shares it among several, or a stream."""

    @property
    def exchange(self) -> Identified:
        """The exchange that is tried, or one of them; or the passage of a stream."""

    @property
    def timeouts(self) -> Timeouts:
        """Seconds."""

    def failed(self, error: ProxyError) -> None:
        """There is no connection."""


class Dial(Protocol):
    """How the runtime reaches one address."""

    def __call__(self, caller: ConnectRequest, build: Callable[[], TwistedProtocol], /) -> Callable[[], None]:
        """Connect for *caller*, within its time for that; *build* makes the protocol.  What is returned cancels."""


class Connector(Protocol):
    """How a peer is spoken to: a frozen value, given to ``upstream(…, via=…)``.

    If it has an attribute ``over_tls`` that is false, an upstream with TLS refuses it; ``alpn`` is the protocol that a
    peer must choose there (RFC 7301).  ``shares_connections``, if true, says that one connection carries the requests
    of several clients; ``switches``, if true, it supports :attr:`Attempt.switches`; ``needs_length``, if true, that a
    request's body must have a declared length: one without is buffered first.
    """

    def compile(self, home: ConnectionPool, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
        """The function that opens a connection and sends an attempt on it; what it returns cancels."""


class PeerState(Protocol):
    """What a strategy may see of a peer.

    ``usable`` is kept by the runtime: not down, not failed, below ``max_conns``.  The two weights are the working
    state of smooth weighted round robin and live with the peer, as in nginx's ``ngx_http_upstream_rr_peer_t``: the
    runtime lowers ``effective_weight`` when the peer fails, the strategy raises it again.
    """

    @property
    def name(self) -> str:
        """The address as configured, ``host:port`` or ``unix:/path``."""

    @property
    def weight(self) -> int:
        """The configured weight."""

    @property
    def usable(self) -> bool:
        """May be picked now."""

    in_flight: int
    current_weight: int
    effective_weight: int


class Pick(Protocol):
    """A compiled strategy: chooses a usable peer that is not in *tried*; None if there is none."""

    def __call__(self, exchange: Exchange, tried: Container[PeerState], /) -> PeerState | None:
        """Choose."""


class Strategy(Protocol):
    """How an upstream chooses a peer: a frozen value."""

    def compile(self, peers: Sequence[PeerState], random: Random) -> Pick:
        """The choice among *peers*; called once for each set of peers, all of them, usable or not.

        A pick asks ``peer.usable`` itself: a peer that comes and goes must not move the keys of the others.
        """
