"""One request and its response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import (
    AttachedFilter,
    BodyReceiver,
    Frontend,
    Handle,
    Producer,
    ReplayableBody,
    Running,
    Trailers,
)
from pydsl_proxy.runtime.replayed_body import TeeReceiver
from pydsl_proxy.runtime.upstream.attempt import Attempt
from pydsl_proxy.runtime.upstream.redirected_body import bring_body
from pydsl_proxy.values.request import Request
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.head import RequestFields, ResponseHead
from pydsl_proxy.wire.http.statuses import CLIENT_CLOSED
from pydsl_proxy.wire.http.uri import check_inner_path, inner_target, normalised_path
from pydsl_proxy.wire.http1.response_writer import error_page, own_response

if TYPE_CHECKING:
    from pydsl_proxy.runtime.upstream.relay import Trail

# nginx's NGX_HTTP_MAX_URI_CHANGES.
MAX_REDIRECTS = 10


class Surroundings(Protocol):
    """Where an exchange began: a site, or for a subrequest what stands for one."""

    @property
    def rules(self) -> FieldRules:
        """Those of responses that no location gives."""

    @property
    def plain_rules(self) -> FieldRules:
        """Rules without functions of the user."""

    @property
    def log(self) -> Callable[[Exchange], None]:
        """Notes an exchange that is over."""

    def run(self, exchange: Exchange, handle: Handle) -> None:
        """Call *handle*; what it raises is answered."""

    def locate(self, exchange: Exchange, path: bytes) -> None:
        """Hand the exchange to the location of *path*."""


class Watched:
    """Where an exchange began, with somebody who hears of its end: every end is noted there."""

    def __init__(self, site: Surroundings, told: Callable[[], None]) -> None:
        self._site = site
        self._told: Callable[[], None] | None = told
        self.rules = site.rules
        self.plain_rules = site.plain_rules
        self.run = site.run
        self.locate = site.locate

    def log(self, exchange: Exchange) -> None:
        """It is over; a log that raises makes it end twice."""
        told, self._told = self._told, None
        if told is not None:
            told()
        self._site.log(exchange)


class Exchange:
    """Made by a site for a frontend, which gives it up when the response is complete or the client is gone.

    ``rules`` are those of its location for responses; ``attempt`` is the last attempt, ``trail`` what led to it if
    there was more than one; ``status`` is 0 and ``answered`` false until the response begins; ``sent`` counts the bytes
    of its body; ``error`` is why it ended badly.  ``site`` is the one it began with, whatever has been loaded since.

    When it is over it lets its attempts go, which know it: without the cycle both are freed at once, while they are in
    the processor's cache, and not by the collector.
    """

    # No slots: most of this is as it begins in most exchanges, and what is not set costs nothing.
    path = b""
    status = 0
    sent = 0
    received: int | None = None
    has_body = False
    body_limit: int | None = None
    kept_body: ReplayableBody | None = None
    limited_by: tuple[object, ...] = ()
    running: Running | None = None
    attempt: Attempt | None = None
    trail: Trail | None = None
    error: ProxyError | None = None
    redirects = 0
    added_fields = b""
    user = ""
    dropped_trailers: frozenset[bytes] = frozenset()
    lasting: tuple[AttachedFilter, ...] = ()
    _request: Request | None = None
    _drained: Callable[[], None] | None = None
    _is_draining = False

    def __init__(
        self,
        site: Surroundings,
        frontend: Frontend,
        method: bytes,
        target: bytes,
        minor: int,
        fields: RequestFields,
        identity: Identity,
        now: float,
    ) -> None:
        self.site = site
        self.frontend = frontend
        self.method = method
        self.target = self.peer_target = target
        self.minor = minor
        self.fields = fields
        self.identity = identity
        self.started = now
        self.rules: FieldRules = site.rules

    def __repr__(self) -> str:
        return f"<Exchange {self.method.decode()} {self.target.decode()} {self.status or 'not answered'}>"

    @property
    def client_address(self) -> str:
        """The client's IP address; behind trusted proxies, the one that they tell."""
        return self.identity.address

    @property
    def request(self) -> Request:
        """The request as text, for values and users' functions."""
        request = self._request
        if request is None:
            identity = self.identity
            request = self._request = Request(
                self,
                identity.address,
                identity.port,
                identity.scheme,
                self.fields.host_name.decode("latin-1"),
                self.path,
                identity.server_port,
                identity.tls,
            )
        return request

    @property
    def answered(self) -> bool:
        """Whether the response has begun."""
        return self.status > 0

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the request's body to *receiver*, from its first byte; at once where there is none."""
        self.frontend.read_body(receiver)

    def copy_body(self, copy: BodyReceiver) -> None:
        """Deliver the body to *copy* too, when it is delivered for the first time."""
        read = self.read_body

        def read_both(receiver: BodyReceiver) -> None:
            # On the instance, as in keep_body: only exchanges that are copied pay for it.
            self.read_body = read  # type: ignore[method-assign]  # told above
            read(TeeReceiver(receiver, copy))

        self.read_body = read_both  # type: ignore[method-assign]  # told above

    def rewind_body(self) -> bool:
        """Have the body delivered anew; what an attempt has read of it may be kept yet."""
        fields = self.fields
        if not (fields.content_length or fields.chunked) or self.frontend.body_untouched:
            return True
        kept = self.kept_body
        if kept is None:
            upload = None if self.attempt is None else self.attempt.upload
            kept = None if upload is None else upload.whole()
        if kept is not None:
            self.keep_body(kept)
        return kept is not None

    def pause_body(self) -> None:
        """Read no more of the client's body until :meth:`resume_body`."""
        self.frontend.pause_body()

    def resume_body(self) -> None:
        """Read on."""
        self.frontend.resume_body()

    def keep_body(self, body: ReplayableBody) -> None:
        """From now on the request's body is *body*, which is here as a whole."""
        self.kept_body = body
        self.has_body = True
        # On the instance: exchanges whose body the client still sends are not asked, by any of these, which it is.
        self.read_body = body.read_body  # type: ignore[method-assign]  # told above
        self.pause_body = body.pause_body  # type: ignore[method-assign]  # told above
        self.resume_body = body.resume_body  # type: ignore[method-assign]  # told above

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client keeps up with the response."""
        self.frontend.stream_from(producer)

    def respond(self, status: int, body: bytes = b"", fields: Sequence[tuple[bytes, bytes]] = ()) -> None:
        """Answer with a complete response of our own."""
        response = own_response(status, body, fields)
        self.start(response, b"" if self.method == b"HEAD" or response.length is None else body, True)

    def fail(self, error: ProxyError) -> None:
        """Answer with the error's status, or break off; its message goes to the log, not to the client."""
        self.error = error
        if self.status:
            self.running = None
            self.frontend.cut()
            self.site.log(self)
            self.attempt = None
        else:
            self.respond(error.status, *error_page(error.status))

    def send_interim(self, response: ResponseHead) -> None:
        """Send an interim response (RFC 9110 15.2), which is not 101; nothing once the response has begun."""
        if not self.status:
            self.frontend.send_interim(response, self.rules)

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Send the head and the first bytes of the body; *end* says that they are all of it."""
        if end:
            self.running = None
        # It may raise, where a field is a user's function; then nothing was answered yet.
        self.frontend.send_head(response, self.rules, data, end)
        self.status = response.status
        self.sent += len(data)
        if end:
            self.site.log(self)
            self.attempt = None

    def switch(self, response: ResponseHead, data: bytes) -> None:
        """Answer with a 101: from now on both bodies are bytes of another protocol, each until its side ends."""
        self.start(response, data, False)

    def write(self, data: bytes) -> None:
        """Send more of the body; *data* is not empty."""
        self.sent += len(data)
        self.frontend.send_body(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Send some of an open file as more of the body; None if it must be read and written."""
        taken = self.frontend.send_file(fd, offset, count)
        self.sent += taken or 0
        return taken

    def finish(self, trailers: Trailers = ()) -> None:
        """The response is complete."""
        self.running = None
        if trailers:
            trailers = [field for field in trailers if field[0].lower() not in self.rules.removed]
        self.frontend.send_end(trailers)
        self.site.log(self)
        self.attempt = None

    def leave(self, error: ProxyError) -> None:
        """The client is not there for an answer any more; logged with nginx's status 499 if none had begun."""
        running, self.running = self.running, None
        if running is not None:
            running.cancel(error)
        # What made the client leave says more.
        self.error = self.error or error
        if not self.status:
            self.status = CLIENT_CLOSED
        self.site.log(self)
        self.attempt = None

    def crash(self) -> None:
        """A step, a handler or a user's function raised: 500, or break off."""
        error = ProxyError(Source.US, 500, "internal_error", "a handler raised an exception")
        running, self.running = self.running, None
        if running is not None:
            running.cancel(error)
        # What raised may be one of the rules.
        self.rules = self.site.plain_rules
        self.fail(error)

    def add_response_fields(self, section: bytes) -> None:
        """Send the client the fields of *section* as well, whichever location answers."""
        self.added_fields += section
        self.rules = self.rules.adding(section)

    def allow_silence(self, seconds: float) -> None:
        """From now on the peer may be silent for so long within its response, in place of ``timeouts(read=…)``."""
        if isinstance(self.running, Attempt):
            self.running.allow_silence(seconds)

    def when_over(self, told: Callable[[], None]) -> None:
        """Call *told* once, when the exchange is over, whatever its end."""
        self.site = Watched(self.site, told)

    def when_draining(self, told: Callable[[], None]) -> None:
        """Call *told* when the proxy is stopped and waits for exchanges to end; at once if that is so already."""
        if self._is_draining:
            told()
        else:
            self._drained = told

    def drain(self) -> None:
        """The proxy is stopped; most exchanges come to an end by themselves."""
        self._is_draining = True
        told, self._drained = self._drained, None
        if told is not None:
            told()

    def go_on(self, handle: Handle) -> None:
        """Call *handle* from outside a handle, as a timer's or a subrequest's; what it raises is answered with 500."""
        before = self.attempt
        self.site.run(self, handle)
        if self.attempt is not None and self.attempt is not before:
            # A relay takes the beginning of the exchange for the present, which it is in all others.
            self.attempt.started = self.attempt.peer.seconds()

    def retarget(self, target: bytes) -> None:
        """Make *target* what :attr:`path` and :attr:`peer_target` come from; raises Malformed if it is no path.

        Every target that did not come through the reader of a request passes here, and is made fit for a request line.
        """
        target = inner_target(target)
        self.path = normalised_path(target)
        self.peer_target = target
        self._request = None

    def is_here(self, path: bytes) -> bool:
        """Whether the location of this exchange is also that of *path*."""
        # Each location has rules of its own; see Site.locate.
        room = self.fields.server(path)  # type: ignore[operator]  # a Locate, put there by Site.place()
        return room is not None and room.rules.base is self.rules.base

    @property
    def outermost(self) -> Exchange:
        """The one that a client began; see :class:`~pydsl_proxy.runtime.inner_exchange.InnerExchange`."""
        return self

    def redirect(self, target: bytes) -> None:
        """Find a location anew, for *target* or, as ``b"@name"``, a named one: nginx's internal redirect."""
        self.redirects += 1
        # What peers of another location have been tried does not count there.
        self.trail = None
        if self.redirects > MAX_REDIRECTS:
            error = ProxyError(Source.US, 500, "redirect_cycle", f"more than {MAX_REDIRECTS} internal redirects")
            self.fail(error)
            return
        bring_body(self)
        if target.startswith(b"@"):
            self.site.locate(self, target)
        else:
            check_inner_path(target)
            self.retarget(target)
            self.site.locate(self, self.path)
