"""The seams of the house, as typing protocols: what one room may expect of another.

A *config value* (strategy, step, handler, connector) is frozen and has ``compile``, which is called once, when the
configuration is compiled.  What it returns runs per request and never looks at a config value again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.origin import Origin
from pydsl_proxy.wire.field_rules import FieldRules
from pydsl_proxy.wire.forwarded import Identity, TrustedProxies
from pydsl_proxy.wire.head import RequestFields, RequestHead, ResponseHead
from pydsl_proxy.wire.memo import Memo
from pydsl_proxy.wire.request import Request

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IReactorTime
    from twisted.internet.protocol import Protocol as TwistedProtocol

Trailers: TypeAlias = "Sequence[tuple[bytes, bytes]]"


class BodyReceiver(Protocol):
    """Who takes the body of a request while the client sends it."""

    def request_body(self, data: bytes) -> None:
        """Take some bytes of the body."""

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete."""


class Running(Protocol):
    """Who works on an exchange and must hear that it is over."""

    def cancel(self, error: ProxyError) -> None:
        """The client has left, or what it sent cannot be used: stop, and answer nothing."""


class Producer(Protocol):
    """The sender of a body, to be paused when the other side is slower (Twisted's IPushProducer)."""

    def pauseProducing(self) -> None:
        """Send no more until resumed."""

    def resumeProducing(self) -> None:
        """Go on."""

    def stopProducing(self) -> None:
        """The other side is gone."""


class StreamTransport(Protocol):
    """What every transport of a stream offers, TCP, UNIX or TLS: Twisted's ITransport, IConsumer and IPushProducer."""

    def write(self, data: bytes, /) -> object:
        """Send, now or when what is queued is sent."""

    def loseConnection(self) -> object:
        """Close when what is queued is sent."""

    def abortConnection(self) -> object:
        """Close now."""

    def getPeer(self) -> IAddress:
        """The other side's address."""

    def getHost(self) -> IAddress:
        """Our side's address."""

    def pauseProducing(self) -> object:
        """Read no more."""

    def resumeProducing(self) -> object:
        """Read on."""

    def registerProducer(self, producer: Producer, streaming: bool, /) -> object:
        """Tell *producer* to pause while much is queued."""

    def unregisterProducer(self) -> object:
        """Tell the producer no more."""


class Watch(Protocol):
    """One moving deadline over a clock; ``deadline`` and ``armed`` may be read and set where a call counts."""

    deadline: float
    armed: float

    def until(self, when: float) -> None:
        """Move the deadline; infinity means none."""

    def arm(self) -> None:
        """To be called when :attr:`deadline` was set to earlier than :attr:`armed`."""

    def stop(self) -> None:
        """Watch no more."""


class Exchange(RequestHead, Protocol):
    """One request and its response, as steps, handlers, connectors and filters see it.

    It is itself the head of its request.  ``path`` is normalised and decoded; ``peer_target`` is the request target
    that peers are sent, the client's own unless a step or handler changes it; ``running`` is whoever answers it;
    ``has_body`` says that some of its request's body is to come, ``body_limit`` bounds it in bytes.
    """

    identity: Identity
    path: bytes
    peer_target: bytes
    started: float
    has_body: bool
    body_limit: int | None
    running: Running | None

    @property
    def client_address(self) -> str:
        """The client's IP address; behind trusted proxies, the one that they tell."""

    @property
    def request(self) -> Request:
        """The request as text, for values and users' functions."""

    @property
    def answered(self) -> bool:
        """Whether the response has begun."""

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the request's body to *receiver*, from its first byte; at once where there is none."""

    def pause_body(self) -> None:
        """Read no more of the client's body until :meth:`resume_body`."""

    def resume_body(self) -> None:
        """Read on."""

    def leave(self, error: ProxyError) -> None:
        """The client is not there for an answer any more."""

    def respond(self, status: int, body: bytes = b"", fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a complete response of our own."""

    def fail(self, error: ProxyError) -> None:
        """Answer with the error's status, or break off; its message goes to the log, not to the client."""

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body; *end* says that they are all of it."""

    def write(self, data: bytes) -> None:
        """Send more of the body; *data* is not empty."""

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client keeps up with the response."""


Handle: TypeAlias = Callable[[Exchange], None]


class Frontend(Protocol):
    """A client's connection as an exchange sees it."""

    def read_body(self, receiver: BodyReceiver) -> None:
        """See :meth:`Exchange.read_body`."""

    def pause_body(self) -> None:
        """See :meth:`Exchange.pause_body`."""

    def resume_body(self) -> None:
        """See :meth:`Exchange.resume_body`."""

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""

    def send_body(self, data: bytes) -> None:
        """Send more."""

    def send_end(self, trailers: Trailers) -> None:
        """The response is complete."""

    def cut(self) -> None:
        """Break the response off so that the client cannot take it for complete."""

    def stream_from(self, producer: Producer) -> None:
        """See :meth:`Exchange.stream_from`."""


class FrontendSite(Protocol):
    """What is compiled for a listener, as a frontend sees it; replaced whole on reload."""

    @property
    def memo(self) -> Memo[RequestFields]:
        """The header sections that were read before."""

    @property
    def trusted(self) -> TrustedProxies | None:
        """Whose forwarding fields are believed."""

    @property
    def clients(self) -> ClientLimits:
        """Limits on clients."""

    def place(self, fields: RequestFields) -> None:
        """Choose the server for a header section that was read for the first time, as ``fields.server``."""

    @property
    def begin(self) -> Callable[..., Exchange]:
        """Makes an exchange; called as ``runtime.exchange.Exchange`` is, but for its site."""

    @property
    def handle(self) -> Callable[..., None]:
        """Finds the location of an exchange that this site began, and hands it over."""

    def refused(self, frontend: Frontend, identity: Identity, line: bytes, error: ProxyError, now: float) -> FieldRules:
        """Note a request that could not be read, and tell which rules its answer is sent by."""

    def date(self, now: float) -> bytes:
        """The Date field of a response, as a section."""


class ClientLimits(Protocol):
    """Limits on clients; sizes in bytes, times in seconds."""

    @property
    def request_line(self) -> int:
        """Bytes of a request line."""

    @property
    def head(self) -> int:
        """Bytes of a request's head."""

    @property
    def fields(self) -> int:
        """Header fields of a request."""

    @property
    def head_timeout(self) -> float:
        """For a whole head."""

    @property
    def body_timeout(self) -> float:
        """Between two reads of a body."""

    @property
    def send_timeout(self) -> float:
        """Between two writes of a response."""

    @property
    def keepalive_timeout(self) -> float:
        """An idle connection's."""

    @property
    def keepalive_requests(self) -> int:
        """Requests on one connection."""

    @property
    def keepalive_time(self) -> float:
        """The age of a connection."""

    @property
    def half_close(self) -> float:
        """Until the answer to a client that has closed its half begins."""


class Listening(Protocol):
    """What a frontend needs of its listener."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""

    @property
    def site(self) -> FrontendSite:
        """What is compiled for the listener at this moment."""

    def seconds(self) -> float:
        """The clock."""

    def watch(self, expired: Callable[[], None]) -> Watch:
        """A deadline over that clock."""

    def unsent(self, transport: object) -> int:
        """Bytes that wait in user space to be sent."""

    def opened(self, connection: Drainable) -> None:
        """A client has connected."""

    def closed(self, connection: Drainable) -> None:
        """A client's connection is gone."""


class Drainable(Protocol):
    """A client's connection that can be asked to end."""

    def drain(self) -> None:
        """Close when what is under way is done."""

    def abort(self) -> None:
        """Close now."""


class Attempt(Protocol):
    """One try of an exchange at one peer, as a connector sees it."""

    connection: PeerConnection | None
    reused: bool

    @property
    def exchange(self) -> Exchange:
        """The exchange that is tried."""

    @property
    def timeouts(self) -> Timeouts:
        """Seconds, in force for this attempt."""

    @property
    def write_head(self) -> Callable[..., bytes]:
        """Writes the head of :attr:`exchange` for a peer of HTTP/1.1; called with it."""

    def send_body_on(self, connection: PeerConnection) -> None:
        """The request's head is sent: let its body follow, what is here of it at once."""

    def answered(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """The peer's head is here, with the first bytes of the body; *end* says that they are all of it."""

    def body(self, data: bytes) -> None:
        """More of the body."""

    def ended(self, trailers: Trailers) -> None:
        """The body is complete."""

    def failed(self, error: ProxyError) -> None:
        """The attempt cannot be carried to its end."""

    def crash(self) -> None:
        """An exception was raised by a user's function: 500, and nothing against the peer."""


class PeerConnection(Producer, Protocol):
    """A connection to a peer."""

    def send(self, attempt: Attempt) -> None:
        """Send the attempt's request, and tell the attempt what comes of it."""

    def send_body(self, data: bytes) -> None:
        """Send some of the request's body."""

    def send_end(self, trailers: Trailers) -> None:
        """The request's body is complete."""

    def abandon(self) -> None:
        """The attempt is of no interest any more: close."""

    def close(self) -> None:
        """Close an idle connection."""


class Home(Protocol):
    """Where a peer's connections come from and return to."""

    keepalive_requests: int
    keepalive_time: float
    keepalive_timeout: float

    @property
    def name(self) -> str:
        """The peer's address, for messages."""

    def seconds(self) -> float:
        """The clock."""

    def watch(self, expired: Callable[[], None]) -> Watch:
        """A deadline over that clock."""

    def unsent(self, transport: object) -> int:
        """Bytes that wait in user space to be sent."""

    def release(self, connection: PeerConnection) -> bool:
        """Keep an idle connection; False if there are enough, then it closes."""

    def forget(self, connection: PeerConnection) -> None:
        """An idle connection is gone."""


class Dial(Protocol):
    """How the runtime reaches one address."""

    def __call__(
        self, build: Callable[[], TwistedProtocol], timeout: float, failed: Callable[[ProxyError], None], /
    ) -> Callable[[], None]:
        """Connect within *timeout* seconds; *build* makes the protocol.  What is returned cancels."""


class Connector(Protocol):
    """How a peer is spoken to: a frozen value."""

    def compile(self, home: Home, dial: Dial) -> Callable[[Attempt], Callable[[], None]]:
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


class Timeouts(Protocol):
    """Seconds, in force at a location."""

    @property
    def connect(self) -> float:
        """Until a connection to a peer is made."""

    @property
    def send(self) -> float:
        """Between two writes to a peer."""

    @property
    def read(self) -> float:
        """Between two reads from a peer."""


class Place(Protocol):
    """The surroundings for which a handler or step is compiled: one location, with all that it inherits."""

    @property
    def origin(self) -> Origin:
        """The line of the user's file that made the location."""

    @property
    def clock(self) -> IReactorTime:
        """The clock of the whole proxy."""

    @property
    def prefix(self) -> bytes | None:
        """The matched prefix or exact path; None for a regex."""

    @property
    def timeouts(self) -> Timeouts:
        """Seconds."""

    @property
    def request_rules(self) -> FieldRules:
        """What ``set_request_header`` and ``remove_request_header`` ask for."""

    def relay(self, upstream: object, replaced: bytes | None = None) -> Handle:
        """The handle that sends exchanges to *upstream*, with their ``peer_target``.

        *replaced* is the path that stands for :attr:`prefix` at the peer, for the rewriting of its ``Location`` fields.
        """


class Handler(Protocol):
    """What answers at a location: a frozen value.

    If it has an attribute ``has_paths_below`` that is true, a location ``/app/`` also answers ``/app``: by a redirect.
    """

    def compile(self, place: Place) -> Handle:
        """The function that answers exchanges at *place*."""


class Step(Protocol):
    """What happens to an exchange on its way to the handler: a frozen value."""

    def compile(self, inner: Handle, place: Place) -> Handle:
        """A handle that does the step's work and goes on with *inner*, at once or later, or answers itself."""
