"""TLS to peers: a handshake and a look at the certificate come first, then the connection is the connector's."""

# Much of Twisted's TLS is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast
from typing import Protocol as Shape

from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator, ITransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import ConnectRequest, Dial
from pydsl_proxy.net.tls.endings import CloseNotifyProtocol
from pydsl_proxy.net.tls.peer_certificates import is_ip, mismatch

if sys.platform == "linux":
    from pydsl_proxy.net.tls.tcp_connect import greet
else:

    def greet(transport: object, peer: PeerTls, greeting: Greeting) -> bool:
        """There are lean transports on Linux alone."""
        return False


if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from pydsl_proxy.net.reactors import Clock

# Seconds for which a session is used without a look at the chain of certificates again, which only a full handshake
# takes; the age at which connections are closed by default.
SESSION_TIME = 3600.0


class Encrypted(Shape):
    """A connection to a peer, encrypted.

    ``problem`` is what was wrong with the chain of certificates, ``verified`` when that was last looked at;
    ``encrypted`` is true.
    """

    encrypted: bool
    problem: str | None
    verified: float

    def getHandle(self) -> SSL.Connection:
        """What encrypts."""

    def abortConnection(self) -> object:
        """Close now."""

    def hand_over(self, protocol: Protocol) -> None:
        """From now on the connection is that of *protocol*."""


@implementer(IOpenSSLClientConnectionCreator)
class PeerTls:
    """One peer as TLS sees it: the context of its upstream, whom it must be, and the last session with it.

    *name* is for messages.  *host* is a DNS name or an IP address, or None if that is unknown; it is not verified
    unless *verifies*.  *alpn* is what the peer must choose by ALPN, None if it need not.
    """

    def __init__(
        self,
        name: str,
        context: SSL.Context,
        host: str | None,
        verifies: bool,
        clock: Clock,
        alpn: bytes | None = None,
    ) -> None:
        self.name = name
        self.alpn = alpn
        self._context = context
        self._host = host
        self._verifies = verifies
        self._clock = clock
        # RFC 6066 3: no literal addresses, and no dot at the end.
        self._told = host.rstrip(".").encode() if host is not None and not is_ip(host) else None
        # Who has the newest session: its tickets come after the handshake, so it is asked as late as possible.
        self._latest: Encrypted | None = None
        self._session: SSL.Session | None = None
        self._verified = 0.0
        # The certificate that was found to be the host's, by its digest: to read its names anew costs ten times that.
        self._matching = b""
        self.factory = TLSMemoryBIOFactory(self, True, Factory(), cast("IReactorTime", clock))

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """What encrypts a new connection over memory BIOs."""
        return self.connection(cast(OverTls, protocol))

    def connection(self, encrypted: Encrypted, sock: socket.socket | None = None) -> SSL.Connection:
        """What encrypts a new connection, with the last session to resume."""
        connection = SSL.Connection(self._context, sock)
        connection.set_app_data(encrypted)
        if self._told is not None:
            connection.set_tlsext_host_name(self._told)
        now = self._clock.seconds()
        encrypted.verified = now
        if self._latest is not None:
            self._session = self._latest.getHandle().get_session()
        if self._session is not None and now - self._verified < SESSION_TIME:
            connection.set_session(self._session)
            # Whether the peer takes it is not known yet; if not, the time is only shorter than it might be.
            encrypted.verified = self._verified
        connection.set_connect_state()
        return connection

    def problem_with(self, connection: SSL.Connection) -> str | None:
        """Why the peer's certificate, whose chain is valid, is not the one of *host*; None if it is."""
        if not self._verifies:
            return None
        certificate = connection.get_peer_certificate()
        if certificate is None or self._host is None:
            return "there is none, or no name that it could be for"
        digest = certificate.digest("sha256")
        if digest == self._matching:
            return None
        problem = mismatch(connection, self._host, is_ip=self._told is None)
        if problem is None:
            self._matching = digest
        return problem

    def trusted(self, encrypted: Encrypted) -> None:
        """A handshake has come to a good end."""
        self._latest = encrypted
        self._verified = encrypted.verified

    def lost(self, encrypted: Encrypted) -> None:
        """A connection is about to go."""
        if self._latest is encrypted:
            self._latest = None
            self._session = encrypted.getHandle().get_session()


class OverTls(CloseNotifyProtocol):
    """TLS for one connection: on the socket of a lean transport, and with Twisted's memory BIOs over all others."""

    encrypted = True
    problem: str | None = None
    verified = 0.0

    def __init__(self, peer: PeerTls, greeting: Greeting) -> None:
        super().__init__(peer.factory, greeting)
        self._peer = peer

    def makeConnection(self, transport: ITransport) -> None:
        """Take the transport, or leave it to itself if it can do this better."""
        if not greet(transport, self._peer, cast(Greeting, self.wrappedProtocol)):
            super().makeConnection(transport)

    def hand_over(self, protocol: Protocol) -> None:
        """From now on the connection is that of *protocol*."""
        self.wrappedProtocol = protocol
        protocol.makeConnection(cast(ITransport, self))

    def loseWriteConnection(self) -> None:
        """Send a close_notify after what was written, and read on until the peer's: so does Twisted's close."""
        self.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone; its session stays."""
        self._peer.lost(self)
        self._fin = reason.check(ConnectionDone) is not None
        super().connectionLost(reason)


@implementer(IHandshakeListener)
class Greeting(Protocol):
    """What stands on a new connection until it is known to lead to the right peer."""

    transport: Encrypted  # type: ignore[assignment]  # more than Protocol promises

    def __init__(self, peer: PeerTls, caller: ConnectRequest, build: Callable[[], Protocol], clock: Clock) -> None:
        self._peer = peer
        self._caller = caller
        self._build = build
        self._clock = clock
        self._ends = clock.seconds() + caller.timeouts.connect
        self._over = False
        self.connecting: Callable[[], None] | None = None

    def begin(self) -> Protocol:
        """The protocol for a connection that is made."""
        return OverTls(self._peer, self)

    def connectionMade(self) -> None:
        """The handshake begins, within what is left of the caller's time to connect."""
        self._timer = self._clock.callLater(max(0.0, self._ends - self._clock.seconds()), self._expired)

    def handshakeCompleted(self) -> None:
        """Both sides have their keys; nothing of the request was sent yet."""
        if self._over:
            return
        problem = self._peer.problem_with(self.transport.getHandle())
        if problem is not None:
            self._fail(_not_valid(self._peer.name, problem))
            return
        wanted, chosen = self._peer.alpn, self.transport.getHandle().get_alpn_proto_negotiated()
        if wanted is not None and chosen != wanted:
            self._fail(_not_agreed(self._peer.name, wanted, chosen))
            return
        self._end()
        self._peer.trusted(self.transport)
        self.transport.hand_over(self._build())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone before the handshake was over."""
        if not self._over:
            self._end()
            self._caller.failed(self._why(reason))

    def _why(self, reason: Failure) -> ProxyError:
        name = self._peer.name
        if self.transport.problem is not None:
            return _not_valid(name, self.transport.problem)
        told = f"the TLS handshake with peer {name} failed: {_told_by(reason)}"
        return ProxyError(Source.PEER, 502, "tls_handshake", told, retryable=True)

    def _expired(self) -> None:
        text = f"peer {self._peer.name} did not end the TLS handshake in time"
        self._fail(ProxyError(Source.PEER, 504, "connect_timeout", text, retryable=True))

    def _fail(self, error: ProxyError) -> None:
        self._end()
        self.transport.abortConnection()
        self._caller.failed(error)

    def _end(self) -> None:
        self._over = True
        if self._timer.active():
            self._timer.cancel()

    def cancel(self) -> None:
        """Nobody wants the connection any more."""
        if self._over:
            return
        if self.transport is not None:
            self._end()
            self.transport.abortConnection()
        elif self.connecting is not None:
            self._over = True
            self.connecting()


def _not_valid(name: str, problem: str) -> ProxyError:
    text = f"the certificate of peer {name} is not accepted: {problem}"
    return ProxyError(Source.PEER, 502, "tls_verify", text, retryable=True)


def _not_agreed(name: str, wanted: bytes, chosen: bytes) -> ProxyError:
    instead = repr(chosen.decode("latin-1")) if chosen else "nothing"
    text = f"peer {name} does not speak {wanted.decode()!r} over TLS: by ALPN it chose {instead}"
    return ProxyError(Source.PEER, 502, "alpn", text, retryable=True)


def _told_by(reason: Failure) -> str:
    """OpenSSL's words, which stand last in each entry of its queue of errors."""
    if not isinstance(reason.value, SSL.Error):
        return "the peer closed the connection"
    queue = reason.value.args[0] if reason.value.args else ()
    words = [str(entry[-1]) for entry in queue if isinstance(entry, tuple)]
    # The latter is what OpenSSL before 3.6 makes of the answer of a server of plain HTTP.
    if "wrong version number" in words or "packet length too long" in words:
        return "what it answers is not TLS"
    return ", ".join(words) or "the peer closed the connection"


def over_tls(dial: Dial, peer: PeerTls, clock: Clock) -> Dial:
    """Reach a peer as *dial* does, and speak TLS to it."""

    def dial_and_greet(caller: ConnectRequest, build: Callable[[], Protocol]) -> Callable[[], None]:
        greeting = Greeting(peer, caller, build, clock)
        greeting.connecting = dial(caller, greeting.begin)
        return greeting.cancel

    return dial_and_greet
