"""The factory that puts TLS around another one."""

# Twisted's TLS protocol is not annotated.
# mypy: allow-untyped-calls, allow-untyped-defs

from __future__ import annotations

import sys
from contextlib import suppress
from typing import cast

from OpenSSL.SSL import Connection, Context, Error, WantReadError, ZeroReturnError
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

from pydsl_proxy.net.reactors import Clock
from pydsl_proxy.net.tls.contexts import Contexts
from pydsl_proxy.net.tls.endings import CloseNotifyProtocol
from pydsl_proxy.net.tls.failed_handshakes import note_failed_handshake
from pydsl_proxy.net.tls.info import ConnectionTlsInfo
from pydsl_proxy.net.tls.plain_http import PLAIN_HTTP, is_plain_http, refused_plain_http

if sys.platform == "linux":
    from pydsl_proxy.net.tls.tcp_transport import secure
else:

    def secure(transport: object, context: Context, protocol: IProtocol) -> bool:
        """There are lean transports on Linux alone."""
        return False


class SecureProtocol(CloseNotifyProtocol):
    """TLS for one client: on the socket of a lean transport, and with Twisted's memory BIOs over all others.

    Over these it does as on a socket: a close_notify ends one half, and is not waited for.
    """

    factory: SecureFactory
    _read_ended = False
    _write_ended = False

    @property
    def security(self) -> ConnectionTlsInfo:
        """What is known of the client's TLS."""
        return ConnectionTlsInfo(self._tlsConnection)

    def makeConnection(self, transport: ITransport) -> None:
        """Take the transport, or leave it to itself if it can do this better."""
        if not secure(transport, self.factory.contexts.current, self.wrappedProtocol):
            super().makeConnection(transport)
            alsoProvides(self, IHalfCloseableProtocol)

    def _checkHandshakeStatus(self) -> None:
        super()._checkHandshakeStatus()
        reason = self._reason
        if reason is not None and isinstance(reason.value, Error):
            note_failed_handshake(self.factory, cast(ITransport, self.transport), reason.value)
            if is_plain_http(reason.value):
                cast(ITransport, self.transport).write(PLAIN_HTTP)
                refused_plain_http(self.wrappedProtocol)

    def _flushReceiveBIO(self) -> None:
        """As Twisted's, but for the end of the client's half."""
        while not self._lostTLSConnection and not self._read_ended:
            try:
                data = self._tlsConnection.recv(2**15)
            except WantReadError:
                break
            except ZeroReturnError:
                self._read_ended = True
                self._end_of_reading()
            except Error:
                self._tlsShutdownFinished(Failure())
            else:
                if not self._aborted:
                    self.wrappedProtocol.dataReceived(data)
        if self._tlsConnection is not None:
            self._flushSendBIO()

    def _end_of_reading(self) -> None:
        half = IHalfCloseableProtocol(self.wrappedProtocol, None)
        if half is None:
            self._shutdownTLS()
            self._tlsShutdownFinished(None)
        elif not self.disconnecting:
            half.readConnectionLost()

    def readConnectionLost(self) -> None:
        """The client's FIN: after its close_notify it says nothing new, without one the connection was cut."""
        if not self._read_ended:
            self._fin = True
            self._tlsConnection.bio_shutdown()
            self._flushReceiveBIO()

    def writeConnectionLost(self) -> None:
        """Our half is closed."""
        half = IHalfCloseableProtocol(self.wrappedProtocol, None)
        if half is not None:
            half.writeConnectionLost()

    def write(self, bytes: bytes) -> None:
        """Send, unless our half is closed."""
        if not self._write_ended:
            super().write(bytes)

    def loseWriteConnection(self) -> None:
        """Send a close_notify after what was written, and read on."""
        self._write_ended = True
        with suppress(Error):
            self._tlsConnection.shutdown()
        self._flushSendBIO()
        cast(ITCPTransport, self.transport).loseWriteConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is over; an end is unexpected only if neither side announced it, and nothing else is known."""
        if self.disconnecting or self._read_ended or not reason.check(ConnectionDone):
            self._lostTLSConnection = True
        else:
            self._fin = True
        super().connectionLost(reason)

    def _shutdownTLS(self) -> None:
        super()._shutdownTLS()
        cast(ITransport, self.transport).loseConnection()

    def abortConnection(self) -> None:
        """Close at once, without the close_notify that Twisted sends: what was cut off must look so."""
        self._aborted = True
        self.disconnecting = True
        cast(ITCPTransport, self.transport).abortConnection()


@implementer(IOpenSSLServerConnectionCreator)
class _Creator:
    """Makes the TLS of a connection."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> Connection:
        """TLS over memory BIOs."""
        return Connection(self._contexts.current, None)


class SecureFactory(TLSMemoryBIOFactory):
    """Makes the protocols of *wrapped* speak TLS; what they are given has ``security``, a SecuredConnection."""

    protocol = SecureProtocol

    def __init__(self, contexts: Contexts, wrapped: IProtocolFactory, clock: Clock) -> None:
        super().__init__(_Creator(contexts), False, wrapped, cast(IReactorTime, clock))
        self.contexts = contexts
