"""HTTP/1.1 as clients speak it: a connection's bytes become exchanges, one after the other."""

from __future__ import annotations

from math import inf
from typing import cast

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.body import Body
from pydsl_proxy.frontends.http1.head import read_head
from pydsl_proxy.frontends.http1.receiving import Receiving
from pydsl_proxy.frontends.http1.state import ANSWER, BODY, CLOSED, DROP, HEAD, LINGER
from pydsl_proxy.frontends.http1.switched import Switched
from pydsl_proxy.interfaces import Exchange, FrontendSite, Listening
from pydsl_proxy.wire.connection.forwarded import Identity
from pydsl_proxy.wire.http.grammar import CRLF, HEAD_END, Malformed, read_usual_line
from pydsl_proxy.wire.http1.reader import check_request_start, without_empty_lines
from pydsl_proxy.wire.http1.response_writer import error_page, own_response, response_head

# Requests that came together and are begun in one turn of the loop.
MAX_BEGUN = 16


@implementer(IHalfCloseableProtocol)
class H1Frontend(Receiving):
    """One connection of a client.

    Requests are answered in the order received (RFC 9112 9.3.2); while one is answered, what follows is held and,
    beyond :data:`~pydsl_proxy.frontends.http1.receiving.MAX_HELD`, not read.
    """

    def __init__(self, listening: Listening) -> None:
        super().__init__(listening)
        self._requests = 0
        # The head's time has begun: at once on a new connection, with the first byte on one that was idle.
        self._head_begun = True

    def connectionMade(self) -> None:
        """A client has connected; its first head is awaited."""
        transport, listening = self.transport, self._listening
        peer, host = transport.getPeer(), transport.getHost()
        self._identity = Identity(
            getattr(peer, "host", "unix:"),
            getattr(peer, "port", 0),
            listening.scheme,
            getattr(host, "port", 0),
            server_address=getattr(host, "host", ""),
        )
        self._identity.tls = getattr(transport, "security", None)
        self._watch = listening.watch(self._expired)
        clients = listening.site.clients
        now = listening.seconds()
        self._retires = now + clients.keepalive_time
        self._watch.until(now + clients.head_timeout)
        if not listening.opened(self, self._identity.address):
            self.abort()

    def has_begun(self, due: float) -> None:
        """Some of the first head's time has passed, while it was not known which protocol the client speaks."""
        if self._state is HEAD:
            self._watch.until(due)

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the client."""
        state = self._state
        if state is HEAD:
            if self._held:
                data = self._held + data
                self._held = b""
            self._heads(data)
        elif state is BODY:
            self._take_body(data)
        elif state is ANSWER:
            self._hold(data)
        elif state is LINGER:
            self._linger_on()
        elif state is DROP:
            self._drop(data)

    def readConnectionLost(self) -> None:
        """The client sends no more; it may still read, as simple tools do after a half close.

        Over TCP, whether it has left altogether shows only when something is sent to it, so a request is given up if
        nothing of its answer is sent within ``half_close`` seconds, before it begins or while it goes on.
        """
        if self._state is not ANSWER and self._state is not BODY:
            self._close()
        elif self._exchange is None or self._listening.has_left(self.transport):
            self._leave("the client closed the connection")
            self.abort()
        else:
            self._half_closed = True
            self._end_half()

    def writeConnectionLost(self) -> None:
        """Our side is closed, as lingering asked."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the exchange that was under way."""
        self._state = CLOSED
        self._watch.stop()
        self._leave("the client closed the connection")
        self._producer = None
        self._held = b""
        if self._identity.pins is not None:
            self._identity.pins.close()
        # Last: when all clients are gone, a proxy that stops closes its log and its connections to peers.
        self._listening.closed(self)

    def _heads(self, data: bytes) -> None:
        """Begin the exchanges whose heads are in *data*, until one of them has to be awaited."""
        site = self._listening.site
        if self._crowded:
            self._hold(data)
            return
        self._reading = True
        begun = 0
        while data:
            end = data.find(HEAD_END)
            # A head begins with its request line: an end at 0 is that of an empty line.
            if not 0 < end <= site.clients.head:
                if not data.startswith(CRLF):
                    self._partial(site, data, end)
                    break
                data = without_empty_lines(data)
                continue
            exchange = self._begin(site, data, end)
            if exchange is None:
                break
            site.handle(exchange)
            if self._state is not HEAD or self._crowded:
                break
            if self._held:
                begun += 1
                if begun == MAX_BEGUN:
                    self._await_turn_of_heads()
                    break
            data, self._held = self._held, b""
        self._reading = False

    def _begin(self, site: FrontendSite, data: bytes, end: int) -> Exchange | None:
        """The exchange of the head that ends at *end*; None if it is refused."""
        now = self._listening.seconds()
        line_end = data.find(CRLF)
        match = read_usual_line(data, 0, line_end)
        block = data[line_end:end]
        fields = site.memo.young.get(block)
        clients = site.clients
        if match is None or fields is None or line_end > clients.request_line:
            # RFC 9112 2.2: empty lines before the request line are passed over.
            start = 0
            if line_end == 0:
                start, line_end = 2, data.find(CRLF, 2)
                block = data[line_end:end]
            try:
                method, target, minor, fields = read_head(site, match, data[start:line_end], block)
            except Malformed as error:
                self._refuse(site, data[start : min(line_end, clients.request_line)], error, now)
                return None
        else:
            method, target = match.groups()
            minor = 1
        identity = self._identity
        if site.trusted is not None and site.trusted.trusts(identity.address):
            try:
                identity = site.trusted.believe(identity, fields)
            except Malformed as error:
                self._refuse(site, data[:line_end].lstrip(CRLF), error, now)
                return None
        self._requests += 1
        self._last = (
            fields.close
            or (not minor and not fields.keep_alive)
            or self._requests >= clients.keepalive_requests
            or now > self._retires
        )
        self._held = data[end + 4 :]
        self._head_begun = False
        if self._half_closed and HEAD_END not in self._held:
            self._last = True
        exchange = self._exchange = site.begin(site, self, method, target, minor, fields, identity, now)
        if fields.content_length or fields.chunked:
            exchange.has_body = True
            self._state = BODY
            self._body = Body(fields)
            # The client's time runs when somebody reads.
            self._watch.deadline = inf
        else:
            self._state = ANSWER
            self._watch.deadline = inf
        return exchange

    def _partial(self, site: FrontendSite, data: bytes, end: int) -> None:
        """A head that is not complete: wait for the rest, within its limits and its time."""
        clients, now = site.clients, self._listening.seconds()
        line_end = data.find(CRLF)
        line = data.partition(CRLF)[0][: clients.request_line]
        if line_end > clients.request_line or (line_end == -1 and len(data) > clients.request_line + 1):
            self._refuse(site, line, Malformed("the request line is too long", 414), now)
        elif end != -1 or len(data) > clients.head + 3:
            self._refuse(site, line, Malformed("the request head is too long", 431), now)
        else:
            try:
                # What is no request from its start on would be waited for in vain.
                check_request_start(data, line_end)
            except Malformed as error:
                self._refuse(site, line.partition(b"\n")[0], error, now)
                return
            self._held = data
            if not self._head_begun:
                # nginx's client_header_timeout: for the head as a whole, not for each of its bytes.
                self._head_begun = True
                self._watch.until(now + clients.head_timeout)

    def _refuse(self, site: FrontendSite, line: bytes, error: Malformed, now: float) -> None:
        """Answer what could not be read, and close: nothing that follows can be trusted to be a head."""
        cause = ProxyError(Source.CLIENT, error.status, "bad_request", error.detail)
        rules = site.refused(self, self._identity, line, cause, now)
        self._last = True
        body, fields = error_page(error.status)
        response = own_response(error.status, body, fields)
        head, _ = response_head(response, rules, b"GET", 1, True, site.date(self._listening.wall_seconds()))
        self.transport.write(head + body)
        self._linger()

    def refused_plain_http(self, sent: int) -> None:
        """The client sent a request without TLS where TLS is spoken, and was answered so with a body of *sent* bytes.

        OpenSSL has taken a part of the request line.
        """
        identity = self._identity
        identity.tls = None
        cause = ProxyError(Source.CLIENT, 400, "plain_http", "the client sent HTTP where TLS is spoken")
        self._listening.site.refused(self, identity, b"", cause, self._listening.seconds(), sent=sent)

    def _switch(self, head: bytes) -> None:
        """Become a connection of another protocol; no request pays for asking whether it is one."""
        self.__class__ = Switched  # type: ignore[assignment]  # told above
        cast(Switched, self).begin(head)

    def _expired(self) -> None:
        """The deadline has passed."""
        state = self._state
        if self._has_progressed():
            return
        if self._listening.unsent(self.transport) or state is CLOSED:
            self.abort()
        elif state is LINGER or state is DROP or (state is HEAD and not self._held):
            self._close()
        elif state is HEAD:
            site = self._listening.site
            self._refuse(site, b"", Malformed("the head did not come in time", 408), self._listening.seconds())
        elif state is BODY and not self._half_closed:
            body = self._body
            if body is not None and body.keeps_up(self._listening.seconds(), self._listening.site.clients):
                self._await_body(body)
            else:
                slow = "the client stopped sending its body, or sent it too slowly"
                self._give_up(ProxyError(Source.CLIENT, 408, "body_timeout", slow))
        elif self._exchange is None or self._shows_none(self._exchange):
            self._leave("the client closed, at least its half, and nothing could be sent to it in time")
            self.abort()


class H1Factory(Factory):
    """Makes the frontends of one listener."""

    noisy = False

    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    def buildProtocol(self, addr: IAddress | None) -> H1Frontend:
        """A frontend for a client that connects."""
        return H1Frontend(self._listening)
