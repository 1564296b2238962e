"""Listeners behind a proxy that speaks the PROXY protocol: it tells who the client is before all else."""

from __future__ import annotations

import socket
import sys
from functools import partial
from typing import Protocol as Shape
from typing import cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, ITransport
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.errors.rate_limited import limit_of, more
from pydsl_proxy.interfaces import Bound, StreamTransport
from pydsl_proxy.wire.connection.forwarded import TrustedProxies, unmapped
from pydsl_proxy.wire.connection.proxy_protocol import MAX_V2, ProxyHeader, SocketAddress, read_proxy_header
from pydsl_proxy.wire.http.grammar import Malformed

if sys.platform == "linux":
    from pydsl_proxy.net.tcp_transport import DirectSend

log = Logger()


class _Lean(Shape):
    """What is changed of a lean transport while its header is awaited."""

    socket: socket.socket
    doRead: object


@implementer(IProtocolFactory)
class ProxyProtocolFactory:
    """Puts the header before the protocols of *wrapped*; only proxies that are *trusted* may connect."""

    def __init__(self, wrapped: IProtocolFactory, listening: Bound, trusted: TrustedProxies) -> None:
        self._wrapped = wrapped
        self._listening = listening
        self._trusted = trusted

    def buildProtocol(self, addr: IAddress) -> IProtocol:
        """What awaits the header of a connection."""
        return cast(IProtocol, _Awaited(self._wrapped, self._listening, self._trusted))

    def doStart(self) -> None:
        """The endpoint is bound."""
        self._wrapped.doStart()

    def doStop(self) -> None:
        """The endpoint is closed."""
        self._wrapped.doStop()


class _Awaited(Protocol):
    """A connection whose header is awaited; then it is another protocol's, and nothing of this is left."""

    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises

    def __init__(self, wrapped: IProtocolFactory, listening: Bound, trusted: TrustedProxies) -> None:
        self._wrapped = wrapped
        self._listening = listening
        self._trusted = trusted
        self._held = b""
        self._over = False

    def connectionMade(self) -> None:
        """A proxy has connected, or a stranger: a sender of clients' addresses must be trusted."""
        listening, transport = self._listening, self.transport
        self._watch = listening.watch(self._expired)
        address = self._address()
        # It counts as a client's when it is known whose.
        if not listening.opened(self, "unix:", address):
            self.abort()
            return
        if not self._trusted.trusts(address):
            self._refuse("it is no proxy that is trusted")
            self.drain()
            return
        self._watch.until(listening.seconds() + listening.site.clients.proxy_header_timeout)
        if sys.platform == "linux" and isinstance(transport, DirectSend):
            cast(_Lean, transport).doRead = self._read_exactly

    def _address(self) -> str:
        address: str = getattr(self.transport.getPeer(), "host", "unix:")
        return address

    def _read_exactly(self) -> ConnectionDone | ConnectionLost | None:
        """In the place of a lean transport's ``doRead``: what follows the header stays in the socket.

        OpenSSL reads from there by itself.  No header is longer than what is looked at.
        """
        sock = cast(_Lean, self.transport).socket
        try:
            seen = sock.recv(MAX_V2, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not seen:
            return CONNECTION_DONE
        before = len(self._held)
        header = self._take(seen)
        if not self._over:
            # A header that is not complete is all that there is: left there, the socket would be readable without end.
            sock.recv(len(seen) if header is None else header.size - before)
        if header is not None:
            del cast(_Lean, self.transport).doRead
            self._hand_over(header)
        return None

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the header, and of what follows."""
        header = None if self._over else self._take(data)
        if header is not None:
            rest, self._held = self._held[header.size :], b""
            protocol = self._hand_over(header)
            if rest:
                protocol.dataReceived(rest)

    def _take(self, data: bytes) -> ProxyHeader | None:
        """The header, if it is complete; it is refused if it is malformed."""
        self._held += data
        try:
            return read_proxy_header(self._held)
        except Malformed as error:
            self._refuse(error.detail)
            self.drain()
            return None

    def _hand_over(self, header: ProxyHeader) -> IProtocol:
        """Tell the addresses to whom the connection is for, and leave it to that."""
        self._over = True
        self._watch.stop()
        transport = self.transport
        if header.source is not None and header.destination is not None:
            peer, host = _address_of(header.source), _address_of(header.destination)
            transport.getPeer = partial(_same, peer)  # type: ignore[method-assign]  # what is told is believed
            transport.getHost = partial(_same, host)  # type: ignore[method-assign]  # as above
        self._listening.closed(self)
        protocol = self._wrapped.buildProtocol(transport.getPeer())
        assert protocol is not None
        setattr(transport, "wrappedProtocol" if isinstance(transport, ProtocolWrapper) else "protocol", protocol)
        protocol.makeConnection(cast(ITransport, transport))
        return protocol

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self._watch.stop()
        self._listening.closed(self)

    def _expired(self) -> None:
        self._refuse("its PROXY header did not come")
        self.abort()

    def _refuse(self, why: str) -> None:
        if closed := limit_of(self._listening, "PROXY", self._listening.seconds).note():
            text = "a connection from {address} is closed: {why}{more}"
            log.info(text, address=self._address(), why=why, more=more(closed))

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


def _address_of(place: SocketAddress) -> IPv4Address | IPv6Address:
    host, port = unmapped(place[0]), place[1]
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


def _same(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return address
