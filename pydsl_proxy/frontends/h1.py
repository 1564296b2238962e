"""HTTP/1.1 as clients speak it: a connection's bytes become exchanges, one after the other."""

from __future__ import annotations

from math import inf
from typing import cast

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.h1_answering import Answering
from pydsl_proxy.frontends.h1_body import Body
from pydsl_proxy.frontends.h1_head import read_head
from pydsl_proxy.frontends.h1_state import ANSWER, BODY, CLOSED, HEAD, LINGER
from pydsl_proxy.frontends.h1_switched import Switched
from pydsl_proxy.interfaces import BodyReceiver, Exchange, FrontendSite, Listening
from pydsl_proxy.wire.forwarded import Identity
from pydsl_proxy.wire.grammar import CRLF, HEAD_END, Malformed, read_usual_line
from pydsl_proxy.wire.h1_reader import without_empty_lines
from pydsl_proxy.wire.h1_response import error_page, own_response, response_head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# What a client may send ahead of the answer to its last request (pipelining, RFC 9112 9.3.2) before we stop reading.
MOST_HELD = 64 * 1024


@implementer(IHalfCloseableProtocol)
class H1Frontend(Answering):
    """One connection of a client.

    Requests are answered in the order received (RFC 9112 9.3.2); while one is answered, what follows is held and,
    beyond :data:`MOST_HELD`, not read.
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

    def readConnectionLost(self) -> None:
        """The client sends no more; it may still read, as simple tools do after a half close.

        Over TCP, whether it has left altogether shows only when something is sent to it, so a request is given up if
        nothing of its answer is sent within ``half_close`` seconds, before it begins or while it goes on.
        """
        if self._state is ANSWER and self._exchange is not None and not self._listening.has_left(self.transport):
            self._half_closed = True
            # What was sent ahead is answered yet.
            if HEAD_END not in self._held:
                self._last = True
            self._await_sign()
        elif self._state is BODY:
            self._leave("the client closed before its request's end")
            self.abort()
        elif self._state is ANSWER:
            self._leave("the client closed the connection")
            self.abort()
        else:
            self._close()

    def writeConnectionLost(self) -> None:
        """Our side is closed, as lingering asked."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the exchange that was under way."""
        self._state = CLOSED
        self._watch.stop()
        self._leave("the client closed the connection")
        self._producer = None
        self._held = b""
        # Last: when all clients are gone, a proxy that stops closes its log and its connections to peers.
        self._listening.closed(self)

    def _heads(self, data: bytes) -> None:
        """Begin the exchanges whose heads are in *data*, until one of them has to be awaited."""
        site = self._listening.site
        if self._crowded:
            self._hold(data)
            return
        self._reading = True
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
        exchange = self._exchange = site.begin(self, method, target, minor, fields, identity, now)
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
        line = data[: min(line_end if line_end >= 0 else len(data), clients.request_line)]
        if max(line_end, 0) > clients.request_line or (line_end < 0 and len(data) > clients.request_line + 1):
            self._refuse(site, line, Malformed("the request line is too long", 414), now)
        elif end >= 0 or len(data) > clients.head + 3:
            self._refuse(site, line, Malformed("the request head is too long", 431), now)
        elif data.count(b"\n") != data.count(CRLF):
            # A bare LF never ends a line that we read: better told now than when the time is over.
            self._refuse(site, line.partition(b"\n")[0], Malformed("a line ends without CR"), now)
        else:
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

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver the body; RFC 9110 10.1.1: now a client that asked is told to send it."""
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            receiver.request_end(())
            return
        body.receiver = receiver
        self._measure_body(body)
        held, self._held = self._held, b""
        if held:
            self._take_body(held)
        elif exchange.fields.expect and exchange.minor and not body.received:
            body.continued = True
            self.transport.write(CONTINUE)
        self._read_on(body)

    def _take_body(self, data: bytes) -> None:
        body, exchange = self._body, self._exchange
        assert body is not None and exchange is not None
        if body.receiver is None or body.paused:
            self._hold(data)
            return
        try:
            data, rest, ended = body.feed(data)
        except Malformed as error:
            self._give_up(ProxyError(Source.CLIENT, error.status, "bad_body", error.detail))
            return
        limit = exchange.body_limit
        if limit is not None and body.received > limit:
            self._give_up(ProxyError(Source.CLIENT, 413, "body_too_large", f"the body is larger than {limit} bytes"))
        elif ended:
            self._state = ANSWER
            self._body = None
            self._held = rest
            exchange.has_body = False
            self._watch.deadline = inf
            if data:
                body.receiver.request_body(data)
            body.receiver.request_end(body.trailers)
        else:
            self._await_body(body)
            if data:
                body.receiver.request_body(data)

    def _measure_body(self, body: Body) -> None:
        """The client's time runs, and its rate counts."""
        body.measure(self._listening.seconds(), self._listening.site.clients)
        self._await_body(body)

    def _await_body(self, body: Body) -> None:
        self._watch.until(min(self._listening.seconds() + self._listening.site.clients.body_timeout, body.due))

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the body."""
        return self._body is not None and self._body.receiver is None

    def pause_body(self) -> None:
        """The peer is slower than the client."""
        body = self._body
        if body is not None and not body.paused and self._state is BODY:
            body.paused = True
            self._watch.deadline = inf
            self._pause()

    def resume_body(self) -> None:
        """The peer has caught up."""
        body = self._body
        if body is not None and body.paused and self._state is BODY:
            body.paused = False
            self._measure_body(body)
            held, self._held = self._held, b""
            if held:
                self._take_body(held)
            self._read_on(body)

    def _read_on(self, body: Body) -> None:
        """Read again, unless the peer or what is held forbids it: a client that leaves shows in reading alone."""
        if (self._state is BODY and not body.paused) or (self._state is ANSWER and len(self._held) <= MOST_HELD):
            self._resume()

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > MOST_HELD:
            self._pause()

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
        elif state is LINGER or (state is HEAD and not self._held):
            self._close()
        elif state is HEAD:
            site = self._listening.site
            self._refuse(site, b"", Malformed("the head did not come in time", 408), self._listening.seconds())
        elif state is BODY:
            body = self._body
            if body is not None and body.keeps_up(self._listening.seconds(), self._listening.site.clients):
                self._await_body(body)
            else:
                slow = "the client stopped sending its body, or sent it too slowly"
                self._give_up(ProxyError(Source.CLIENT, 408, "body_timeout", slow))
        elif self._exchange is None or self._shows_none(self._exchange):
            self._leave("the client closed, at least its half, and nothing could be sent to it in time")
            self.abort()

    def _give_up(self, error: ProxyError) -> None:
        """The request cannot be completed: answer *error* if nothing was answered yet, and close."""
        self._last = True
        exchange = self._exchange
        if exchange is None:
            self._close()
            return
        running, exchange.running = exchange.running, None
        if running is not None:
            running.cancel(error)
        exchange.fail(error)

    def _leave(self, message: str) -> None:
        """The client is not there for an answer any more."""
        exchange, self._exchange = self._exchange, None
        self._body = None
        if exchange is not None:
            exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", message))


class H1Factory(Factory):
    """Makes the frontends of one listener."""

    noisy = False

    def __init__(self, listening: Listening) -> None:
        self._listening = listening

    def buildProtocol(self, addr: IAddress | None) -> H1Frontend:
        """A frontend for a client that connects."""
        return H1Frontend(self._listening)
