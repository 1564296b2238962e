"""Requests of a twisted.web Site as exchanges: the frontend of a proxy that is a resource."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ITCPTransport
from twisted.python.failure import Failure
from twisted.web.server import Request

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.head import read_head
from pydsl_proxy.interfaces import BodyReceiver, Exchange, FrontendSite, Producer, Trailers
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.field_rules import FieldRules
from pydsl_proxy.wire.http.grammar import Malformed, read_usual_line
from pydsl_proxy.wire.http.head import Fields, ResponseHead, section
from pydsl_proxy.wire.http.statuses import has_no_body, reason
from pydsl_proxy.wire.http1.response_writer import error_page, own_response

# Of the body, in one turn of the reactor.
PIECE = 64 * 1024

# The Site has taken the body as a whole, in whatever framing; and it offers no other protocol (RFC 9110 7.8 lets a
# server pass over Upgrade), so there are no WebSockets.
_PASSED_OVER = (b"content-length", b"transfer-encoding", b"upgrade")


class WebFrontend:
    """One request of a Site.  Limits and timeouts of clients are the Site's, and so is the end of a connection.

    The target is read as the client sent it, wherever in a tree of resources the proxy stands.
    """

    def __init__(self, site: FrontendSite, clock: IReactorTime, request: Request) -> None:
        self._site = site
        self._clock = clock
        self._request = request
        self._exchange: Exchange | None = None
        self._left = 0
        self._receiver: BodyReceiver | None = None
        self._paused = False
        self._turn: IDelayedCall | None = None
        self._streaming = False
        self._over = False

    def begin(self) -> None:
        """Read the request's head anew, by the rules of the proxy, and hand the exchange over."""
        site, request, now = self._site, self._request, self._clock.seconds()
        if request.content is not None:
            self._left = request.content.seek(0, 2)
            request.content.seek(0)
        identity = _identity(request)
        minor = 0 if request.clientproto == b"HTTP/1.0" else 1
        line = b"%b %b HTTP/1.%d" % (request.method, request.uri, minor)
        try:
            method, target, minor, fields = read_head(site, read_usual_line(line), line, self._block())
            if site.trusted is not None and site.trusted.trusts(identity.address):
                identity = site.trusted.believe(identity, fields)
        except Malformed as error:
            cause = ProxyError(Source.CLIENT, error.status, "bad_request", error.detail)
            rules = site.refused(self, identity, line[: site.clients.request_line], cause, now)
            body, pairs = error_page(error.status)
            self.send_head(own_response(error.status, body, pairs), rules, body, True)
            return
        exchange = self._exchange = site.begin(site, self, method, target, minor, fields, identity, now)
        exchange.has_body = self._left > 0
        request.notifyFinish().addErrback(self._lost)
        site.handle(exchange)

    def _block(self) -> bytes:
        """The request's fields, with the length that its body turned out to have."""
        headers = self._request.requestHeaders
        pairs = [
            (name, value)
            for name, values in headers.getAllRawHeaders()
            if name.lower() not in _PASSED_OVER
            for value in values
        ]
        if self._left or headers.hasHeader(b"content-length"):
            pairs.append((b"Content-Length", b"%d" % self._left))
        return section(tuple(pairs))

    def _lost(self, failure: Failure) -> None:
        """The client's connection is gone before the end."""
        if not self._over and self._exchange is not None:
            self._end()
            self._exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", "the client closed the connection"))

    # -- the request's body --------------------------------------------------------------------------------------------

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the body: a piece at once, and one in each turn of the reactor while the receiver keeps up."""
        exchange = self._exchange
        assert exchange is not None
        limit = exchange.body_limit
        if limit is not None and self._left > limit:
            running, exchange.running = exchange.running, None
            error = ProxyError(Source.CLIENT, 413, "body_too_large", f"the body is larger than {limit} bytes")
            if running is not None:
                running.cancel(error)
            exchange.fail(error)
        elif self._left:
            self._receiver = receiver
            self._deliver()
        else:
            receiver.request_end(())

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the body."""
        return self._left > 0 and self._receiver is None

    def _deliver(self) -> None:
        self._turn = None
        exchange, content, receiver = self._exchange, self._request.content, self._receiver
        if exchange is None or receiver is None or content is None or self._paused:
            return
        data = content.read(min(PIECE, self._left))
        self._left -= len(data)
        exchange.has_body = self._left > 0
        receiver.request_body(data)
        if self._left:
            self._await_turn()
        elif not self._over:
            receiver.request_end(())

    def _await_turn(self) -> None:
        if self._turn is None and not self._paused and not self._over:
            self._turn = self._clock.callLater(0, self._deliver)

    def pause_body(self) -> None:
        """The receiver is slower than the disk."""
        self._paused = True

    def resume_body(self) -> None:
        """It has caught up."""
        if self._paused:
            self._paused = False
            if self._left and self._receiver is not None:
                self._await_turn()

    # -- the response --------------------------------------------------------------------------------------------------

    def send_interim(self, response: ResponseHead, rules: FieldRules) -> None:
        """twisted.web sends no interim responses of others."""

    def send_head(self, response: ResponseHead, rules: FieldRules, data: bytes, end: bool) -> None:
        """Send a response's head with the first bytes of its body; the framing is the Site's."""
        request, exchange = self._request, self._exchange
        named = response.named
        if has_no_body(response.status) and response.status != 304:
            named = named | {b"content-length"}
        edited = rules.edit(response, named)
        if rules.computed and exchange is not None:
            edited += rules.compute(exchange.request)
        request.setResponseCode(response.status, response.reason or reason(response.status))
        # Those that Twisted sets: the type of a response that tells none, its own name, and the date.
        request.defaultContentType = None
        request.responseHeaders.removeHeader(b"server")
        _set(request, Fields(edited).items())
        if end:
            self._end()
        request.write(data)
        if end:
            self._finish()

    def send_body(self, data: bytes) -> None:
        """Send more."""
        self._request.write(data)

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """twisted.web takes bytes only."""
        return None

    def send_end(self, trailers: Trailers) -> None:
        """The response is complete; twisted.web sends no trailers."""
        self._end()
        self._finish()

    def cut(self) -> None:
        """Break the response off; a client of HTTP/1.0 tells a close from a reset only."""
        self._end()
        request = self._request
        if request.clientproto == b"HTTP/1.0":
            cast("ITCPTransport", request.transport).abortConnection()
        else:
            request.loseConnection()

    def stream_from(self, producer: Producer) -> None:
        """Pause and resume *producer* as the client reads."""
        self._streaming = True
        self._request.registerProducer(cast("IPushProducer", producer), True)

    def _finish(self) -> None:
        if self._streaming:
            self._request.unregisterProducer()
        self._request.finish()

    def _end(self) -> None:
        """The exchange is over, or all but its last bytes."""
        self._over = True
        self._receiver = None
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None


def _identity(request: Request) -> Identity:
    peer, host = request.getClientAddress(), request.getHost()
    scheme = "https" if request.isSecure() else "http"
    return Identity(
        getattr(peer, "host", "unix:"),
        getattr(peer, "port", 0),
        scheme,
        getattr(host, "port", 0),
        server_address=getattr(host, "host", ""),
    )


def _set(request: Request, fields: Iterable[tuple[bytes, bytes]]) -> None:
    """Let *fields* take the place of others called the same; cookies add to those of resources further up."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name.lower() == b"set-cookie":
            request.cookies.append(value)
        else:
            values.setdefault(name, []).append(value)
    for name, each in values.items():
        request.responseHeaders.setRawHeaders(name, each)
