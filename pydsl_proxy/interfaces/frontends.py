"""A client's connection, and what it needs of its listener and site."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces.bodies import BodyReceiver, Deadline, Producer, Trailers
from pydsl_proxy.interfaces.exchanges import Exchange
from pydsl_proxy.wire.connection.forwarded import Identity, TrustedProxies
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead
from pydsl_proxy.wire.http.memo import Memo
from pydsl_proxy.wire.http1.volatile_fields import VolatileFields


class Frontend(Protocol):
    """A client's connection as an exchange sees it."""

    def read_body(self, receiver: BodyReceiver) -> None:
        """See :meth:`Exchange.read_body`."""

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the request's body yet, which is to come."""

    def pause_body(self) -> None:
        """See :meth:`Exchange.pause_body`."""

    def resume_body(self) -> None:
        """See :meth:`Exchange.resume_body`."""

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """Send an interim response (1xx, but not 101) ahead of the head, if the client's protocol has them.

        100 is for a client that has asked for it and was not sent one yet.
        """

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body."""

    def send_body(self, data: bytes) -> None:
        """Send more."""

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """See :meth:`Exchange.send_file`."""

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
    def changing(self) -> VolatileFields:
        """Which header fields change from request to request."""

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
        """Makes an exchange; called as ``runtime.exchange.Exchange`` is, with this site first."""

    @property
    def handle(self) -> Callable[..., None]:
        """Finds the location of an exchange that this site began, and hands it over."""

    def refused(
        self,
        frontend: Frontend,
        identity: Identity,
        line: bytes,
        error: ProxyError,
        now: float,
        *,
        sent: int | None = None,
    ) -> FieldRules:
        """Note a request that could not be read, and tell which rules its answer is sent by, if there is one."""

    def date(self, now: float) -> bytes:
        """The Date field of a response sent at *now*, seconds of the epoch, as a section."""


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
        """Between two writes to a client that has closed its half, the first included."""

    @property
    def proxy_header_timeout(self) -> float:
        """For a header of the PROXY protocol."""

    @property
    def min_body_rate(self) -> int:
        """Bytes a second of a request's body; 0 for none."""

    @property
    def min_send_rate(self) -> int:
        """Bytes a second that a client takes of what waits for it; 0 for none."""

    @property
    def rate_grace(self) -> float:
        """Over which the two rates are measured."""

    @property
    def connections(self) -> int | None:
        """Connections of all clients; None for no limit."""

    @property
    def connections_per_client(self) -> int | None:
        """Connections of one client; None for no limit."""


class Limited(Protocol):
    """What is compiled for a listener, as far as any protocol of clients looks at it."""

    @property
    def clients(self) -> ClientLimits:
        """Limits on clients."""


class Bound(Protocol):
    """What any protocol of clients needs of its listener."""

    @property
    def scheme(self) -> str:
        """``http`` or ``https``; of streams ``tcp`` or ``tls``."""

    @property
    def site(self) -> Limited:
        """What is compiled for the listener at this moment."""

    def seconds(self) -> float:
        """The clock that measures."""

    def wall_seconds(self) -> float:
        """The time of day, seconds of the epoch."""

    def watch(self, expired: Callable[[], None]) -> Deadline:
        """A deadline over the clock that measures."""

    def later(self, call: Callable[[], None], failed: Callable[[], object] | None) -> None:
        """Call in a later turn of the loop, to go on with work that is too long for one turn.

        The time that such calls take in one turn is bounded for the whole process.  A call cannot be cancelled.  If it
        raises an exception, that is logged and *failed* is called: it ends what the work was for.
        """

    def unsent(self, transport: object) -> int:
        """Bytes that wait in user space to be sent."""

    def unread(self, transport: object) -> int:
        """Bytes that wait to be sent or, as far as that can be known, to be acknowledged."""

    def after_batch(self, transport: object) -> Callable[[Callable[[], None]], bool] | None:
        """What has something called when all is handled that came together, for all connections; None if nothing has.

        It tells whether it will: where nothing else is handled now, there is nothing to come after.
        """

    def opened(self, connection: Drainable, address: str, shown: str | None = None) -> bool:
        """A client has connected from *address*, which the log is told as *shown*; False if it must go again."""

    def closed(self, connection: Drainable) -> None:
        """A client's connection is gone."""


class Listening(Bound, Protocol):
    """What a frontend of HTTP needs of its listener."""

    @property
    def site(self) -> FrontendSite:
        """What is compiled for the listener at this moment."""

    def await_reset(self, transport: object) -> None:
        """Lose the connection when the client resets it, while reading is paused."""

    def has_left(self, transport: object) -> bool:
        """Whether a client that sends no more is known to be gone altogether."""


class Drainable(Protocol):
    """A client's connection that can be asked to end."""

    def drain(self) -> None:
        """Close when what is under way is done."""

    def shut_down(self, error: ProxyError) -> None:
        """Answer *error* where nothing was answered yet, break off all else, and close."""

    def abort(self) -> None:
        """Close now."""
