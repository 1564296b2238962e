"""A proxy in memory at the level of connections and bytes, and h11 as the judge of what it sends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import cast

import h11
from attrs import frozen
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol, ITCPTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy import server, upstream
from pydsl_proxy.compiler.site import compile_config
from pydsl_proxy.config.servers import Http, Server, as_http
from pydsl_proxy.frontends.http1.connection import H1Factory, H1Frontend
from pydsl_proxy.interfaces import Listening
from pydsl_proxy.net.reactors import DataReactor
from pydsl_proxy.observe.logged_exchange import LoggedExchange
from pydsl_proxy.runtime.listener import Listener

# No message of the tests is longer.
MOST = 1 << 20


@implementer(ITCPTransport)
class MemoryTransport(StringTransport):
    """A TCP connection that tells what was done to it; ``half_closed`` says that no more can be written."""

    half_closed = False

    def write(self, data: bytes) -> None:
        """Keep what is written, which nothing may be after an end."""
        assert not self.half_closed and not self.disconnecting, f"written after the end: {data!r}"
        super().write(data)

    def loseWriteConnection(self) -> None:
        """Write no more."""
        self.half_closed = True

    def getTcpNoDelay(self) -> bool:
        """Whether Nagle's algorithm is off; nobody asks."""
        return True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed."""

    def getTcpKeepAlive(self) -> bool:
        """Whether probes are sent; nobody asks."""
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is nothing to probe."""


class End:
    """The far end of one connection of the proxy."""

    def __init__(self, protocol: IProtocol) -> None:
        self.protocol = protocol
        self.transport = MemoryTransport()
        self.lost = False
        self._queued = b""
        self._read = 0
        protocol.makeConnection(self.transport)

    @property
    def received(self) -> bytes:
        """All that the proxy has sent here."""
        received: bytes = self.transport.value()
        return received

    def news(self) -> bytes:
        """What the proxy has sent since the last time this was asked."""
        received = self.received
        news, self._read = received[self._read :], len(received)
        return news

    @property
    def ended(self) -> bool:
        """Whether the proxy will send nothing more."""
        return self.transport.half_closed or self.transport.disconnecting or self.lost

    @property
    def aborted(self) -> bool:
        """Whether the proxy cut the connection off."""
        return self.transport.disconnected

    def sends(self, data: bytes) -> None:
        """Send bytes to the proxy; they wait while it does not read."""
        self._queued += data
        self.deliver()

    def deliver(self) -> bool:
        """Let what waits arrive, if the proxy reads; whether anything did."""
        transport = self.transport
        if not self._queued or self.lost or transport.disconnecting or transport.producerState != "producing":
            return False
        data, self._queued = self._queued[:65536], self._queued[65536:]
        self.protocol.dataReceived(data)
        return True

    def closes(self, error: Exception | None = None) -> None:
        """Close the connection, in good order unless *error* says otherwise."""
        if not self.lost:
            self.lost = True
            self.transport.connected = False
            self.protocol.connectionLost(Failure(error or ConnectionDone()))

    def half_closes(self) -> None:
        """Send no more, and read on."""
        if not self.lost and not self.transport.disconnecting:
            cast("IHalfCloseableProtocol", self.protocol).readConnectionLost()

    def settle(self) -> bool:
        """Let the proxy's close arrive; whether there was one."""
        if self.lost or not self.transport.disconnecting:
            return False
        self.closes(ConnectionAborted() if self.transport.disconnected else None)
        return True


@frozen
class Ended:
    """One exchange as the access log is told of it; ``proxied`` says that a peer was tried."""

    method: bytes
    target: bytes
    status: int
    proxied: bool


class Proxied:
    """A configuration that runs in memory; peers accept every connection at once.

    ``peers`` are the connections made to them, in order; ``exchanges`` those that have ended.
    """

    def __init__(self, config: Server | Http | None = None) -> None:
        self.clock = MemoryReactorClock()
        self.exchanges: list[Ended] = []
        self.peers: list[End] = []
        self.clients: list[End] = []
        config = config or server(8080).location("/").proxy_to(upstream("app", "10.0.0.1:9000"))
        # MemoryReactorClock has what DataReactor asks for, but no annotations.
        compiled = compile_config(as_http(config), cast("DataReactor", self.clock), Random(1), log=self._log)
        [site] = compiled.sites.values()
        self.factory = H1Factory(cast(Listening, Listener(site, "http", self.clock)))

    def _log(self, exchange: LoggedExchange) -> None:
        ended = Ended(exchange.method, exchange.target, exchange.status, exchange.attempt is not None)
        self.exchanges.append(ended)

    def client(self, *data: bytes) -> End:
        """A client that connects and sends *data*, a read for each."""
        end = End(self.factory.buildProtocol(None))
        self.clients.append(end)
        for piece in data:
            end.sends(piece)
            self.pump()
        self.pump()
        return end

    def pump(self) -> None:
        """Let connections be made, bytes arrive and closes be seen until nothing moves."""
        moved = True
        while moved:
            moved = False
            for connecting in self.clock.tcpClients[:]:
                self.clock.tcpClients.remove(connecting)
                protocol = connecting[2].buildProtocol(None)
                assert protocol is not None
                self.peers.append(End(protocol))
                moved = True
            for end in (*self.clients, *self.peers):
                moved |= end.deliver() | end.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.clock.seconds() + seconds
        while (now := self.clock.seconds()) < end:
            timers = [call.getTime() for call in self.clock.getDelayedCalls()]
            self.clock.advance(max(min([*timers, end]) - now, 0))
            self.pump()

    @property
    def held(self) -> int:
        """Bytes that the frontends hold back."""
        return sum(len(cast("H1Frontend", end.protocol)._held) for end in self.clients if not end.lost)

    @property
    def timers(self) -> int:
        """Timers that are set."""
        return len(self.clock.getDelayedCalls())


@frozen
class Message:
    """One message as h11 reads it: its start line, its fields with lower-case names, its body and trailers."""

    line: tuple[bytes, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]

    def field(self, name: bytes) -> list[bytes]:
        """The values of a field."""
        return [value for found, value in self.fields if found == name]


class Requests:
    """h11 as a server: reads the requests in a stream of bytes.

    ``error`` is why it could read no further; ``within`` says that a message is not complete.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.error = ""
        self.over = False
        self._restart(b"")

    def _restart(self, rest: bytes) -> None:
        self._connection = h11.Connection(h11.SERVER, MOST)
        self._head: h11.Request | None = None
        self._body = b""
        # RFC 9112 2.2 asks servers to pass over empty lines before a request line; h11 does not.
        while rest.startswith(b"\r\n"):
            rest = rest[2:]
        self._fresh = not rest
        if rest:
            self._connection.receive_data(rest)

    @property
    def within(self) -> bool:
        """Whether bytes of an incomplete message are here."""
        return not self.over and not self.error and not self._fresh

    def feed(self, data: bytes) -> list[Message]:
        """The messages that *data* completes."""
        before = len(self.messages)
        if data and not self.over and not self.error:
            if self._fresh:
                self._restart(data)
            else:
                self._connection.receive_data(data)
            try:
                self._read()
            except h11.RemoteProtocolError as error:
                self.error = str(error)
        return self.messages[before:]

    def _read(self) -> None:
        while not self.over:
            event = self._connection.next_event()
            if isinstance(event, h11.Request):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                head = self._head
                assert head is not None
                line = (head.method, head.target, head.http_version)
                self.messages.append(Message(line, tuple(head.headers), self._body, tuple(event.headers)))
                self.over = self._connection.their_state is h11.MUST_CLOSE
                self._restart(self._connection.trailing_data[0])
            else:
                return


def responses_in(data: bytes, methods: Sequence[bytes], *, closed: bool) -> list[Message]:
    """The responses in *data* to requests of these methods as h11 reads them; raises h11's errors.

    Fewer than asked for is no error, and so is a response that is not complete: it is not there.
    """
    messages = []
    for method in methods:
        connection = h11.Connection(h11.CLIENT, MOST)
        connection.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(data)
        if closed and data:
            connection.receive_data(b"")
        message = _response(connection)
        if message is None:
            break
        messages.append(message)
        data = connection.trailing_data[0]
    return messages


def _response(connection: h11.Connection) -> Message | None:
    body = b""
    head = None
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            if "without sending complete message" in str(error) or "peer unexpectedly closed" in str(error):
                return None
            raise
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return Message((b"%d" % head.status_code,), tuple(head.headers), body, tuple(event.headers))
        elif not isinstance(event, h11.InformationalResponse):
            return None


def final_statuses(data: bytes) -> list[int]:
    """The statuses of the responses in *data*, without interim ones (RFC 9110 15.2)."""
    return [status for status in statuses_in(data) if status >= 200]


def statuses_in(data: bytes) -> list[int]:
    """The status codes of the responses in *data*, none of whose bodies looks like a status line."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", data)]


def ok(body: bytes = b"ok", *fields: bytes) -> bytes:
    """A response of a peer, with a body of declared length."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*lines, b"", body])


def converse(
    proxied: Proxied, client: End, pieces: Iterable[bytes], answer: Callable[[Message], bytes]
) -> list[Requests]:
    """A client sends *pieces*, and each request that h11 reads at a peer is answered; what each peer's h11 read."""
    readers: list[Requests] = []

    def serve() -> None:
        proxied.pump()
        moved = True
        while moved:
            moved = False
            readers.extend(Requests() for _ in proxied.peers[len(readers) :])
            for reader, peer in zip(readers, tuple(proxied.peers), strict=False):
                for message in reader.feed(peer.news()):
                    peer.sends(answer(message))
                    moved = True
            proxied.pump()

    for piece in pieces:
        client.sends(piece)
        serve()
    serve()
    return readers
