"""Which protocol a client speaks: over TLS it was agreed on (ALPN, RFC 7301), elsewhere the first bytes tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape
from typing import TypeVar, cast

from twisted.internet.interfaces import IAddress, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.frontends.http1.connection import H1Factory, H1Frontend
from pydsl_proxy.frontends.http2.connection import H2Frontend
from pydsl_proxy.interfaces import Listening, StreamTransport
from pydsl_proxy.wire.http2.frames import PREFACE

# RFC 9113 3.2, and RFC 7301 6.
H2, H1 = "h2", "http/1.1"


class Decided(Shape):
    """What becomes of a connection."""

    def makeConnection(self, transport: ITransport) -> None:
        """Take it."""

    def has_begun(self, due: float) -> None:
        """Some of the time of its first head has passed, which must be complete when the clock is at *due*."""

    def dataReceived(self, data: bytes) -> None:
        """Take bytes."""


D = TypeVar("D", bound=Decided)
H1Build = Callable[[], H1Frontend]
H2Build = Callable[[], H2Frontend]


class ProtocolDetector(Protocol):
    """A connection until its first bytes; then it is another protocol's, and nothing of this is left.

    With *by_preface* a client that names no protocol may begin with HTTP/2's preface (RFC 9113 3.3).
    """

    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises

    def __init__(
        self, listening: Listening, by_preface: bool, h1: Callable[[], H1Frontend], h2: Callable[[], H2Frontend]
    ) -> None:
        self._listening = listening
        self._by_preface = by_preface
        self._h1, self._h2 = h1, h2
        self._held = b""
        self._over = False

    def connectionMade(self) -> None:
        """A client has connected; it begins to speak in the time of a request's head."""
        listening, peer = self._listening, self.transport.getPeer()
        self._watch = listening.watch(self.drain)
        self._due = listening.seconds() + listening.site.clients.head_timeout
        self._watch.until(self._due)
        if not listening.opened(self, getattr(peer, "host", "unix:")):
            self.abort()

    def dataReceived(self, data: bytes) -> None:
        """The client speaks: over TLS after its handshake."""
        if self._over:
            return
        data = self._held + data
        secured = getattr(self.transport, "security", None)
        agreed = "" if secured is None else secured.application_protocol
        if agreed == H2:
            self._hand_over(self._h2, data)
        elif agreed or not self._by_preface:
            self._hand_over(self._h1, data)
        elif not PREFACE.startswith(data[: len(PREFACE)]):
            if _speaks_nothing_known(data):
                self._hand_over(self._h2, data)
            else:
                self._hand_over(self._h1, data)
        elif len(data) >= len(PREFACE):
            self._hand_over(self._h2, data)
        else:
            self._held = data

    def refused_plain_http(self, sent: int) -> None:
        """As that of HTTP/1.1."""
        if not self._over:
            self._hand_over(self._h1, b"").refused_plain_http(sent)

    def _hand_over(self, build: Callable[[], D], data: bytes) -> D:
        self._over = True
        self._watch.stop()
        self._listening.closed(self)
        transport, protocol = self.transport, build()
        setattr(transport, "wrappedProtocol" if isinstance(transport, ProtocolWrapper) else "protocol", protocol)
        protocol.makeConnection(cast(ITransport, transport))
        protocol.has_begun(self._due)
        protocol.dataReceived(data)
        return protocol

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._over = True
        self._watch.stop()
        self._listening.closed(self)

    def drain(self) -> None:
        """Close: no request is under way."""
        self._over = True
        self.transport.loseConnection()

    def shut_down(self, error: ProxyError) -> None:
        """The proxy stops: nothing was asked yet."""
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._over = True
        self.transport.abortConnection()


def _speaks_nothing_known(data: bytes) -> bool:
    """Whether the first line is here and is none of HTTP/1: then the connection ends as RFC 9113 3.4 has it.

    One that names a version of HTTP, whatever else is wrong with it, is answered in HTTP/1.1.
    """
    line, ended, _ = data.partition(b"\n")
    return bool(ended) and line.strip() != b"" and b" HTTP/" not in line


class ChoosingFactory(Factory):
    """Makes the protocols of a listener that offers HTTP/2 beside HTTP/1.1."""

    noisy = False

    def __init__(self, listening: Listening, by_preface: bool) -> None:
        h1 = H1Factory(listening)
        self._listening = listening
        self._by_preface = by_preface
        self._h1: H1Build = lambda: h1.buildProtocol(None)
        self._h2: H2Build = lambda: H2Frontend(listening)

    def buildProtocol(self, addr: IAddress | None) -> ProtocolDetector:
        """What waits for a client's first bytes."""
        return ProtocolDetector(self._listening, self._by_preface, self._h1, self._h2)
