"""The proxy's side of a connection in memory: Twisted's own buffering, over a far end where the socket would be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IDelayedCall, IHalfCloseableProtocol, IProtocol, ITCPTransport
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure
from zope.interface import implementedBy, implementer, implementer_only

from pydsl_proxy.wire.connection.tls_info import TlsInfo

#: Where an end of a connection is.
Address: TypeAlias = IPv4Address | IPv6Address | UNIXAddress


class Loop(Protocol):
    """What a transport asks of its reactor."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object) -> IDelayedCall:
        """Call later."""

    def addReader(self, reader: MemoryTransport) -> None:
        """Read it when there is something."""

    def removeReader(self, reader: MemoryTransport) -> None:
        """Read it no more."""

    def addWriter(self, writer: MemoryTransport) -> None:
        """Write it when the far end has room."""

    def removeWriter(self, writer: MemoryTransport) -> None:
        """Write it no more."""


class FarEnd(Protocol):
    """What stands where the socket would be."""

    @property
    def readable(self) -> bool:
        """Whether there is something to read: data, or the end of it."""

    @property
    def has_room(self) -> bool:
        """Whether some data would be taken now."""

    @property
    def unread(self) -> int:
        """Bytes that were sent to the proxy, and it has not read."""

    def give(self, most: int) -> bytes:
        """Some of what was sent to the proxy; nothing is the end."""

    def take(self, data: memoryview) -> int:
        """Take some of *data*, and tell how much."""

    def closed(self) -> None:
        """The proxy will send no more."""

    def lost(self, *, reset: bool) -> None:
        """The connection is gone."""


@implementer(ITCPTransport)
class MemoryTransport(FileDescriptor):
    """A TCP transport as Twisted's reactors have it: producers, half closes and aborts behave alike.

    It is a descriptor of :class:`~pydsl_proxy.testing.reactor.MemoryLoop`, which reads and writes it in turns.
    """

    #: What is taken for its TLS.
    security: TlsInfo | None = None

    def __init__(self, loop: Loop, end: FarEnd, host: Address, peer: Address) -> None:
        super().__init__(loop)  # type: ignore[arg-type]  # as much of IReactorFDSet as is used
        self._loop = loop
        self._end = end
        self._host = host
        self._peer = peer
        self.protocol: IProtocol | None = None
        self._aborting = False
        self.no_delay = False
        self.keep_alive = False

    def begin(self, protocol: IProtocol) -> None:
        """The connection is made."""
        self.protocol = protocol
        self.connected = 1
        self.startReading()
        protocol.makeConnection(self)

    @property
    def readable(self) -> bool:
        """Whether :meth:`doRead` has something to do."""
        return not self._aborting and self._end.readable

    @property
    def writable(self) -> bool:
        """Whether :meth:`doWrite` has something to do."""
        return not self._aborting and (self._end.has_room or not self.unsent)

    @property
    def unsent(self) -> int:
        """Bytes that wait here because the far end does not read."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    def peek(self) -> bytes | None:
        """What :func:`pydsl_proxy.net.data_path.peek` tells."""
        if not self.readable:
            return None
        return b"?" if self._end.unread else b""

    def startReading(self) -> None:
        """Be read."""
        self._loop.addReader(self)

    def stopReading(self) -> None:
        """Be read no more."""
        self._loop.removeReader(self)

    def startWriting(self) -> None:
        """Be written."""
        self._loop.addWriter(self)

    def stopWriting(self) -> None:
        """Be written no more."""
        self._loop.removeWriter(self)

    def doWrite(self) -> Exception | None:
        """Send what the far end takes."""
        why: Exception | None = FileDescriptor.doWrite(self)
        return why

    def doRead(self) -> Exception | None:
        """Deliver what the far end sent, as much as one read takes."""
        data = self._end.give(self.bufferSize)
        if not data:
            return CONNECTION_DONE
        assert self.protocol is not None
        self.protocol.dataReceived(data)
        return None

    def writeSomeData(self, data: bytes) -> int:
        """Hand over what the far end takes."""
        return self._end.take(memoryview(data)[: self.SEND_LIMIT])

    def abortConnection(self) -> None:
        """Break off, dropping what waits to be sent; as with sockets the protocol hears of it a turn later."""
        if self.disconnected or self._aborting:
            return
        self._aborting = True
        self.stopReading()
        self.stopWriting()
        self._loop.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def _closeWriteConnection(self) -> None:
        self._end.closed()
        half_closeable = IHalfCloseableProtocol(self.protocol, None)
        if half_closeable is not None:
            half_closeable.writeConnectionLost()

    def readConnectionLost(self, reason: Failure) -> None:
        """The far end sends no more."""
        half_closeable = IHalfCloseableProtocol(self.protocol, None)
        if half_closeable is not None:
            half_closeable.readConnectionLost()
        else:
            self.connectionLost(reason)

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone; what the far end sent and nobody read makes a socket's close a reset."""
        protocol, self.protocol = self.protocol, None
        if protocol is None:
            return
        FileDescriptor.connectionLost(self, reason)
        self._end.lost(reset=bool(reason.check(ConnectionAborted)) or self._end.unread > 0)
        protocol.connectionLost(reason)

    def getHost(self) -> Address:  # type: ignore[override]  # annotated for TCP alone
        """The address of the proxy's side."""
        return self._host

    def getPeer(self) -> Address:  # type: ignore[override]  # annotated for TCP alone
        """The address of the far end."""
        return self._peer

    def getTcpNoDelay(self) -> bool:
        """Kept, without effect."""
        return self.no_delay

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Keep it."""
        self.no_delay = bool(enabled)

    def getTcpKeepAlive(self) -> bool:
        """Kept, without effect."""
        return self.keep_alive

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Keep it."""
        self.keep_alive = bool(enabled)


# As the lean connections to peers over UNIX sockets: nobody is to ask for what TCP alone has.
@implementer_only(*(each for each in implementedBy(MemoryTransport) if each is not ITCPTransport))  # type: ignore[no-untyped-call]
class MemoryUNIXTransport(MemoryTransport):
    """The same of a UNIX socket."""
