"""An exchange as steps, handlers, connectors and filters see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Protocol, TypeAlias

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.interfaces.bodies import BodyReceiver, Producer, ReplayableBody, Running, Trailers
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.head import RequestHead, ResponseHead


class Exchange(RequestHead, Protocol):
    """One request and its response, as steps, handlers, connectors and filters see it.

    It is itself the head of its request.  ``path`` is normalised and decoded; ``peer_target`` is the request target
    that peers are sent, the client's own unless a step or handler changes it; ``running`` is what answers it;
    ``has_body`` says that some of its request's body is to come, ``body_limit`` bounds it in bytes, ``kept_body`` is
    the body if it was read already and is here as a whole.  ``status`` is 0
    until the response begins, ``error`` why the exchange ended badly.  ``limited_by`` holds the counters that have
    counted or refused it, so that none does twice, after a redirect inside the proxy.  ``sent`` counts the bytes of the
    response's body.  ``redirects`` is how often it was redirected inside the proxy, ``lasting`` are filters that stay
    with it when it is, the next to the client first.
    ``user`` is who has given a password that was checked, "" if nobody has; ``dropped_trailers`` are names, in lower
    case, that the trailers of its request must not have.
    """

    identity: Identity
    path: bytes
    peer_target: bytes
    started: float
    has_body: bool
    body_limit: int | None
    kept_body: ReplayableBody | None
    limited_by: tuple[object, ...]
    running: Running | None
    status: int
    sent: int
    error: ProxyError | None
    redirects: int
    user: str
    dropped_trailers: frozenset[bytes]
    lasting: tuple[AttachedFilter, ...]

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

    def copy_body(self, copy: BodyReceiver) -> None:
        """Deliver the body to *copy* too, when it is delivered for the first time."""

    def rewind_body(self) -> bool:
        """Have the body delivered anew, to another receiver; False if some of it was read and is not here any more."""

    def pause_body(self) -> None:
        """Read no more of the client's body until :meth:`resume_body`."""

    def resume_body(self) -> None:
        """Read on."""

    def keep_body(self, body: ReplayableBody) -> None:
        """From now on the request's body is *body*, which was read and is not empty; it can be sent again at any time.

        The length in :attr:`fields` must be its own.  Who made it lets go of it, see :meth:`when_over`.
        """

    def leave(self, error: ProxyError) -> None:
        """The client is not there for an answer any more."""

    def respond(self, status: int, body: bytes = b"", fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a complete response of our own."""

    def fail(self, error: ProxyError) -> None:
        """Answer with the error's status, or break off; its message goes to the log, not to the client."""

    def send_interim(self, response: ResponseHead) -> None:
        """Send an interim response (RFC 9110 15.2), which is not 101; nothing once the response has begun.

        It goes past the filters, and gets no fields from the location: those are for the response.
        """

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body; *end* says that they are all of it."""

    def switch(self, response: ResponseHead, data: bytes) -> None:
        """Answer with a 101: from now on both bodies are bytes of another protocol, each until its side ends.

        *data* are the first bytes of the response's; those of the request are delivered to who calls
        :meth:`read_body` now.  Filters see nothing of them.
        """

    def write(self, data: bytes) -> None:
        """Send more of the body; *data* is not empty."""

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client keeps up with the response."""

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Send some of an open file as more of the body, without reading it into memory: as many bytes as are told.

        If they are not all of *count*, the producer of :meth:`stream_from` is paused, and resumed when there is room.
        None says that the bytes of this response must be read and given to :meth:`write`: filters want to see them, or
        TLS.  Raises EOFError if the file ends before *offset*, and OSError if it cannot be read or sent in this way.
        """

    def allow_silence(self, seconds: float) -> None:
        """From now on the peer may be silent for so long within its response, in place of ``timeouts(read=…)``.

        To be called when the response begins; nothing happens where no peer answers.
        """

    def is_here(self, path: bytes) -> bool:
        """Whether the location of this exchange is also that of *path*: then nothing is to be redirected."""

    def add_response_fields(self, section: bytes) -> None:
        """Send the client the fields of *section* as well, whichever location answers."""

    def when_over(self, told: Callable[[], None]) -> None:
        """Call *told* once, when the exchange is over: answered, broken off, or left by the client.

        What is told last is called first.  It must not raise.
        """

    def drain(self) -> None:
        """The proxy is stopped; see :meth:`when_draining`."""

    def when_draining(self, told: Callable[[], None]) -> None:
        """Call *told* when the proxy is stopped and waits for exchanges to end: one that has no end by itself ends."""

    def go_on(self, handle: Handle) -> None:
        """Call *handle* from outside a handle, as a timer's or a subrequest's; what it raises is answered with 500."""

    def retarget(self, target: bytes) -> None:
        """Make *target* what :attr:`path` and :attr:`peer_target` come from, as nginx's ``rewrite … break`` does.

        Raises :class:`~pydsl_proxy.wire.http.grammar.Malformed` if it is no path.
        """

    def redirect(self, target: bytes) -> None:
        """Find a location anew, for *target* or, as ``b"@name"``, a named one: nginx's internal redirect.

        After ten of them the answer is 500.
        """


Handle: TypeAlias = Callable[[Exchange], None]


class Sink(Protocol):
    """Where a response goes on its way to the client: a filter, and behind the last one the client."""

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Take the head and the first bytes of the body; *end* says that they are all of it."""

    def write(self, data: bytes) -> None:
        """Take more of the body; *data* is not empty."""

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""

    def fail(self, error: ProxyError) -> None:
        """The response breaks off after its head: pass on what is held or drop it, then hand this on."""

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the response is taken."""

    def stop(self) -> None:
        """The exchange is over, well or not: let go of timers, files and memory."""


AttachedFilter: TypeAlias = Callable[[Exchange, Sink], Sink | None]
"""A compiled filter: the sink that stands before another one for the response of an exchange; None to stand aside."""


class FilterOrder(IntEnum):
    """How near to the client a filter works: the order of filters, whatever the order in which they are written."""

    OWN = 0
    #: Answers with another response instead.
    INTERCEPT = 10
    #: Frees the peer from the client's pace.
    BUFFER = 20
    #: Adds bytes of its own.
    FILL = 25
    #: Changes the bytes.
    ENCODE = 30
    #: Holds bytes back.
    PACE = 40
