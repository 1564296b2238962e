"""Locations: what handlers, steps and filters are compiled for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces.bodies import Running
from pydsl_proxy.interfaces.exchanges import AttachedFilter, Exchange, FilterOrder, Handle
from pydsl_proxy.interfaces.frontends import Frontend
from pydsl_proxy.origin import Origin
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")


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

    @property
    def idle(self) -> float:
        """That a connection which has switched to WebSocket may be silent."""


class CompileContext(Protocol):
    """The surroundings for which a handler or step is compiled: one location, with all that it inherits."""

    @property
    def origin(self) -> Origin:
        """The line of the user's file that made the location."""

    @property
    def clock(self) -> IReactorTime:
        """The clock of the whole proxy."""

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """Call in a later turn of the loop, to go on with work that is too long for one turn.

        The time that such calls take in one turn is bounded for the whole process.  A call cannot be cancelled.  If it
        raises an exception, that is logged and *failed* is called: it ends what the work was for.
        """

    @property
    def random(self) -> Random:
        """The source of random numbers of the whole proxy."""

    @property
    def prefix(self) -> bytes | None:
        """The matched prefix or exact path; None for a regex."""

    @property
    def timeouts(self) -> Timeouts:
        """Seconds."""

    @property
    def proxies(self) -> bool:
        """Whether its handler sends exchanges to an upstream; known when its filters are attached."""

    @property
    def request_rules(self) -> FieldRules:
        """What ``set_request_header`` and ``remove_request_header`` ask for."""

    @property
    def response_rules(self) -> FieldRules:
        """What ``set_response_header`` and ``hide_response_header`` ask for, and what every response loses."""

    def relay(self, upstream: object, replaced: bytes | None = None, *, websocket: bool = False) -> Handle:
        """The handle that sends exchanges to *upstream*, with their ``peer_target``.

        *replaced* is the path that stands for :attr:`prefix` at the peer, for the rewriting of its ``Location`` fields.
        With *websocket* peers are asked to switch to it; then the connection may be silent for :attr:`Timeouts.idle`.
        """

    def asker(self, upstream: object, *, edited: bool = True) -> Ask:
        """The function that sends requests of our own to *upstream*, on behalf of exchanges.

        Unless they are to be *edited*, :attr:`request_rules` do not hold for them.
        """

    def caller(self, upstream: object, replaced: bytes | None = None, *, websocket: bool = False) -> Call:
        """The function that sends an exchange's request to *upstream*, for a handler between client and peer.

        The arguments are those of :meth:`relay`.
        """

    def kept(self, feature: object, make: Callable[[], T]) -> T:
        """The living state of *feature*, made once for all locations that inherit it, and kept by reloads.

        After a reload a feature that is equal goes on with the state that it had.  A state that is
        :class:`~pydsl_proxy.interfaces.Lifecycle` hears when the proxy starts and stops.
        """


class Asked(Protocol):
    """Who asked for a subrequest, and hears what came of it."""

    def __call__(self, response: ResponseHead | None, body: bytes, error: ProxyError | None, /) -> None:
        """The complete response, or why there is none."""


class Call(Protocol):
    """Sends the request of an exchange to an upstream, and the response to who called."""

    def __call__(self, exchange: Exchange, make: Callable[[Exchange], Frontend], fields: RequestFields, /) -> None:
        """Begin an exchange with the peers, of *exchange* with *fields* in the place of its own.

        *make* is given that exchange, and makes the frontend that its response goes to, which must end *exchange* too.
        If it fails or breaks off, its ``error`` says why; ``leave`` ends it before its time.
        """


class Ask(Protocol):
    """Sends a request of our own to an upstream; what is returned cancels it."""

    def __call__(
        self,
        exchange: Exchange,
        asked: Asked,
        /,
        *,
        method: bytes,
        target: bytes,
        fields: bytes,
        body: bytes = b"",
        most: int | None = 64 * 1024,
    ) -> Running:
        """Ask on behalf of *exchange*: *fields* is a section as of a request that was read, without framing.

        A response body of more than *most* bytes is an error; None drops it, whatever its size.  *asked* may be called
        before this returns.
        """


class Handler(Protocol):
    """What answers at a location: a frozen value.

    If it has an attribute ``has_paths_below`` that is true, a location ``/app/`` also answers ``/app``: by a redirect.
    """

    def compile(self, place: CompileContext) -> Handle:
        """The function that answers exchanges at *place*."""


@runtime_checkable
class Step(Protocol):
    """What happens to an exchange on its way to the handler: a frozen value."""

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """A handle that does the step's work and goes on with *inner*, at once or later, or answers itself."""


@runtime_checkable
class Filter(Protocol):
    """What happens to a response on its way to the client: a frozen value."""

    @property
    def nearness(self) -> FilterOrder:
        """Where among the filters of a location it stands."""

    def attach(self, place: CompileContext) -> AttachedFilter | None:
        """The function that puts the filter before the sink of an exchange at *place*; called for each exchange.

        None if there is nothing to do for any of them.
        A sink passes the head on when it gets it, or never: an exchange counts as answered when the client is sent the
        head, and until then it may be answered with an error instead.
        """
