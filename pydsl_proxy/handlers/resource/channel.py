"""An exchange as the channel that a request of twisted.web expects: what it calls of ``HTTPChannel``, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IConsumer, IProducer, IPullProducer, IPushProducer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.server import Request
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.handlers.resource.request import MountedRequest, MountedSite, Pulling
from pydsl_proxy.interfaces import Exchange, Producer, Trailers
from pydsl_proxy.wire.http.grammar import CRLF, HEAD_END, Malformed, is_value
from pydsl_proxy.wire.http.head import Fields, ResponseHead
from pydsl_proxy.wire.http.statuses import has_no_body
from pydsl_proxy.wire.http.uri import host_and_port
from pydsl_proxy.wire.http1.reader import read_response_head

log = Logger()

# Written anew: by the frontend in responses, and in requests because the body is here as a whole.
_CODING = b"transfer-encoding"


@implementer(ITransport, IConsumer, IPushProducer)
class Channel:
    """Takes the body of one exchange's request, has the request rendered, and sends what it writes.

    ``prepath`` and ``postpath`` are the request's; ``corked`` says that more may follow at once, so that a head and a
    body of one piece are sent as one; ``producer`` writes the response if the application registered one.
    """

    def __init__(self, site: MountedSite, exchange: Exchange, prepath: list[bytes], postpath: list[bytes]) -> None:
        self.site = site
        self.prepath = prepath
        self.postpath = postpath
        self.corked = False
        self.producer: Producer | Pulling | None = None
        self._exchange = exchange
        # Written and not sent yet: a head, and the first piece of the body.
        self._head = b""
        self._reason = b""
        self._response: ResponseHead | None = None
        self._held = b""
        # Of the declared length; None if there is none.
        self._left: int | None = None
        self._paused = False
        self._over = False
        self.request: Request = MountedRequest(self)  # type: ignore[no-untyped-call]  # Twisted's is not annotated

    # -- the request ---------------------------------------------------------------------------------------------------

    def begin(self, head: bytes) -> None:
        """Take the body, if there is one, and then render; *head* is what a peer would be sent."""
        request, exchange = self.request, self._exchange
        for name, value in Fields(head[head.find(CRLF) : -len(HEAD_END)]).items():
            # RequestWriter gives a request of HTTP/1.0 an empty Host; a resource can tell an absent one.
            if value or name.lower() != b"host":
                request.requestHeaders.addRawHeader(name, value)
        request.parseCookies()
        fields = exchange.fields
        request.gotLength(None if fields.chunked else fields.content_length or 0)
        exchange.running = self
        exchange.read_body(self)

    def request_body(self, data: bytes) -> None:
        """Keep some of the body."""
        if self._over:
            return
        try:
            self.request.handleContentChunk(data)
        except OSError:
            log.failure("{request} has no place for its body", request=self.request)
            self.fail("no_space", "the body of a request for a mounted resource could not be kept")
            self.request.connectionLost(Failure(ConnectionDone()))

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete: render."""
        request, exchange = self.request, self._exchange
        if self._over:
            return
        if exchange.fields.chunked and request.content is not None:
            # As nginx tells FastCGI and uwsgi applications: what reads by a length, as WSGI does, gets one.
            request.requestHeaders.removeHeader(_CODING)
            request.requestHeaders.setRawHeaders(b"content-length", [b"%d" % request.content.tell()])
        self.corked = True
        try:
            request.requestReceived(exchange.method, exchange.peer_target, b"HTTP/1.%d" % min(exchange.minor, 1))
        except Exception:
            request.processingFailed(Failure())
        self.corked = False
        self.flush()

    def cancel(self, error: ProxyError) -> None:
        """The client is gone: those who asked with ``notifyFinish`` hear of it."""
        if self._over:
            return
        self._end()
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.request.connectionLost(Failure(ConnectionDone(error.message)))

    # -- what the request asks of its connection -----------------------------------------------------------------------

    @property
    def transport(self) -> Channel:
        """The exchange itself: the client's connection is not to be had, it may carry other exchanges."""
        return self

    def getPeer(self) -> IAddress:
        """The client, behind trusted proxies as they tell."""
        identity = self._exchange.identity
        return _address(identity.address, identity.port)

    def getHost(self) -> IAddress:
        """Host and port as the client named them, which is what URLs are made of (``Request.setHost``)."""
        fields, identity = self._exchange.fields, self._exchange.identity
        if not fields.host:
            return _address("localhost", identity.server_port)
        name, port = host_and_port(fields.host)
        return _address(name.decode().strip("[]"), port or (443 if identity.scheme == "https" else 80))

    def isSecure(self) -> bool:
        """Whether the client came by https."""
        return self._exchange.identity.scheme == "https"

    # -- the response --------------------------------------------------------------------------------------------------

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """Take the head of the response; its framing is the frontend's."""
        # The request would write chunks of its own.
        self.request.chunked = 0
        fields = [
            b"\r\n%b: %b" % (name, value)
            for name, values in headers.getAllRawHeaders()
            if name.lower() != _CODING
            for value in values
        ]
        self._head = b"HTTP/1.1 %b%b" % (code, b"".join(fields))
        self._reason = reason if is_value(reason) else b""
        response = self._read_head(b"")
        if response is not None:
            self._response = response
            self._left = None if self._is_bodiless(response) else response.length

    def _read_head(self, added: bytes) -> ResponseHead | None:
        try:
            response = read_response_head(self._head + added)
            if response.status < 200:
                raise Malformed(f"{response.status} is no final status")
        except Malformed as error:
            self.fail("bad_head", f"a mounted resource wrote a response that cannot be sent: {error.detail}")
            return None
        response.reason = self._reason
        return response

    def _is_bodiless(self, response: ResponseHead) -> bool:
        return self._exchange.method == b"HEAD" or has_no_body(response.status)

    def write(self, data: bytes) -> None:
        """Take some of the body; what is beyond the declared length would be read as the next response."""
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
        if self._over or not data:
            return
        if self._response is not None and not self._held:
            self._held = data
            return
        if self._response is not None:
            self._start(self._response)
        elif not self._head:
            raise RuntimeError("the connection of a mounted resource cannot be written to: use the request's methods")
        if not self._over:
            self._exchange.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Take some of the body."""
        self.write(b"".join(data))

    def flush(self) -> None:
        """Send what is held, unless more may follow at once."""
        if self._response is not None and not self.corked:
            self._start(self._response)

    def _start(self, response: ResponseHead, *, end: bool = False) -> None:
        data, self._held, self._response = self._held, b"", None
        self._exchange.start(response, data, end)
        if not end and not self._over:
            self._exchange.stream_from(self)

    def requestDone(self, request: Request) -> None:
        """The response is complete."""
        response = self._response
        if self._over:
            return
        if self._left:
            self.fail("short_body", f"a mounted resource wrote {self._left} bytes less than it declared")
        elif response is None:
            self._end()
            self._exchange.finish()
        else:
            if response.length is None and not self._is_bodiless(response):
                # It is here as a whole.
                response = self._read_head(b"\r\nContent-Length: %d" % len(self._held)) or response
            self._over = True
            self._start(response, end=True)

    def _end(self) -> None:
        self._over = True
        self._response = None
        self._held = b""

    def fail(self, cause: str, message: str) -> None:
        """The application cannot answer, or cannot go on."""
        self._break_off(ProxyError(Source.US, 500, cause, message))

    def _break_off(self, error: ProxyError) -> None:
        if not self._over:
            self._end()
            self._exchange.running = None
            self._exchange.fail(error)

    def _respondToBadRequestAndDisconnect(self) -> None:
        """The request has a form that it could not read; it renders nothing."""
        self._break_off(ProxyError(Source.CLIENT, 400, "bad_body", "the body is no multipart form"))
        self.request.connectionLost(Failure(ConnectionDone()))

    def loseConnection(self) -> None:
        """The application gives up, as ``WSGIResource`` does if its application raises late."""
        if not self._over:
            self.fail("broken_off", "a mounted resource closed the connection")
            self.request.connectionLost(Failure(ConnectionDone()))

    abortConnection = loseConnection

    # -- who writes it -------------------------------------------------------------------------------------------------

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Pause and resume *producer* as the client reads; one that is not *streaming* is asked for each piece."""
        if streaming:
            self.producer = cast("Producer", producer)
        else:
            self.producer = Pulling(cast("IPullProducer", producer), self.site, self)
        if self._paused:
            self.producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """The producer has done."""
        producer, self.producer = self.producer, None
        if isinstance(producer, Pulling):
            producer.stop()

    def pauseProducing(self) -> None:
        """The client is slower than the application."""
        self._paused = True
        if self.producer is not None:
            self.producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has taken all there was."""
        self._paused = False
        if self.producer is not None:
            self.producer.resumeProducing()

    def stopProducing(self) -> None:
        """The client is gone; the exchange tells."""


class UNIXClient(UNIXAddress):
    """A client on a UNIX socket; its host is nginx's ``$remote_addr``, for WSGI applications have no other kind."""

    host = "unix:"
    port = 0


def _address(host: str, port: int) -> IAddress:
    if host == "unix:":
        return UNIXClient(None)
    return IPv6Address("TCP", host, port) if ":" in host else IPv4Address("TCP", host, port)
