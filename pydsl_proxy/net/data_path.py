"""The reactor of the data path: where there is epoll, connections made through it are lean ones."""

# Much of Twisted's transports is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

import select
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet.abstract import FileDescriptor
from zope.interface import directlyProvides, providedBy

from pydsl_proxy.net.reactors import measured

if sys.platform == "linux":
    from fcntl import ioctl
    from termios import TIOCOUTQ

    from twisted.internet.epollreactor import EPollReactor

    from pydsl_proxy.net.epoll import InnerPoll
    from pydsl_proxy.net.tcp_connect import dial_direct
    from pydsl_proxy.net.tcp_transport import TCPConnector, TCPPort, UNIXConnector, UNIXPort
    from pydsl_proxy.net.unix_connect import dial_unix_direct

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import Binding, IOpenSSLContextFactory, IProtocolFactory
    from twisted.internet.protocol import ClientFactory, P, Protocol

    from pydsl_proxy.net.epoll import Descriptor

R = TypeVar("R")


def data_path(reactor: R) -> R:
    """What stands in as the *reactor* where listeners and connections of the data path are made.

    It offers all that *reactor* offers, and every use of it runs on *reactor*.  With another reactor than Twisted's
    for epoll (asyncio, poll, select, one in memory) it is *reactor* itself, and with it Twisted's own transports.
    Each call makes one with an epoll of its own; one is enough for a process.
    """
    if sys.platform == "linux" and isinstance(reactor, EPollReactor):
        return cast(R, DataPath(reactor))
    return reactor


def cut_data_path(reactor: object) -> None:
    """Lose the connections that live in what :func:`data_path` gave; a plain reactor is left alone.

    It may be used again after that.  The shutdown of the reactor does the same.
    """
    if isinstance(reactor, DataPath):
        reactor.cut()


def unsent(transport: object) -> int:
    """Bytes written to *transport*, or of a file, that the kernel has not taken yet; 0 if that cannot be known.

    A TLS wrapper is looked through: the bytes count encrypted, and those that wait for the handshake in the clear.
    """
    waiting = 0
    while (below := getattr(transport, "transport", None)) is not None:
        waiting += sum(map(len, getattr(transport, "_appSendBuffer", ())))
        transport = below
    if isinstance(transport, FileDescriptor):
        waiting += len(transport.dataBuffer) - transport.offset + transport._tempDataLen
        waiting += getattr(transport, "file_left", 0)
    return waiting


def peek(connection: object) -> bytes | None:
    """The first byte that has come and is not read yet: nothing if the other side has closed, None if it is silent.

    *connection* is a transport or what has one.  With TLS the byte is one of a record, as of a close_notify.
    """
    transport = connection
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    sock = getattr(transport, "socket", None)
    if not isinstance(sock, socket.socket):
        # One in memory, or one of which this cannot be seen.
        look: Callable[[], bytes | None] | None = getattr(transport, "peek", None)
        return None if look is None else look()
    try:
        return sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def unread(transport: object) -> int:
    """As :func:`unsent`, and the bytes in the kernel that the other side has not acknowledged, where it tells (Linux).

    The kernel takes more in lumps, as far apart as a slow reader needs for a third of the socket's buffer.
    """
    waiting = unsent(transport)
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    if sys.platform == "linux" and isinstance(transport, FileDescriptor) and transport.fileno() >= 0:
        with suppress(OSError):
            waiting += int.from_bytes(ioctl(transport.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder)
    return waiting


def await_reset(transport: object) -> None:
    """Have the connection lost when the other side resets it, although reading is paused; where there is an epoll."""
    while (below := getattr(transport, "transport", None)) is not None:
        transport = below
    if sys.platform == "linux" and isinstance(transport, FileDescriptor):
        poll: object = transport.reactor
        if isinstance(poll, InnerPoll):
            poll.await_reset(cast("Descriptor", transport))


def has_left(transport: object) -> bool:
    """Whether the other side, whose half is closed, is known to hear no more; over TCP that cannot be seen.

    RFC 5246 7.2.1: a close_notify ends both directions.  In TLS 1.3 it ends one (RFC 8446 6.1), but clients of HTTP
    send it when they leave.
    """
    if getattr(transport, "security", None) is not None:
        return True
    sock = getattr(transport, "socket", None)
    if not isinstance(sock, socket.socket) or sock.family != getattr(socket, "AF_UNIX", None):
        return False
    poll = select.poll()
    poll.register(sock, 0)
    return any(event & select.POLLHUP for _, event in poll.poll(0))


def after_batch(transport: object) -> Callable[[Callable[[], None]], bool] | None:
    """What has something called when all is handled that came together; None where each event comes alone.

    It tells whether there is something to come after.
    """
    if sys.platform == "linux" and isinstance(transport, FileDescriptor):
        poll: object = transport.reactor
        if isinstance(poll, InnerPoll):
            return poll.after_batch
    return None


class DataPath:
    """An epoll reactor whose TCP, TLS and UNIX connections send at once and are watched by an epoll of their own."""

    def __init__(self, outer: EPollReactor) -> None:
        self._outer = self.outer_reactor = outer
        self._poll = InnerPoll(outer)
        self._clock = measured(outer)
        self.seconds = self._clock.seconds
        # Twisted's endpoints ask for interfaces, such as IReactorPluggableNameResolver.
        directlyProvides(self, providedBy(outer))

    def __getattr__(self, name: str) -> object:
        return getattr(self._outer, name)

    def cut(self) -> None:
        """Lose all connections."""
        self._poll.cut()

    def dial(
        self,
        address: str,
        port: int,
        timeout: float,
        build: Callable[[], Protocol],
        failed: Callable[[BaseException], None],
    ) -> Callable[[], None]:
        """Connect to an IP address within *timeout* seconds, as :meth:`connectTCP` does but with less around it.

        *build* makes the protocol, *failed* is told why there is none; what is returned cancels.
        """
        return dial_direct(self._poll, self._clock, address, port, timeout, build, failed)

    def dial_unix(
        self, path: str, timeout: float, build: Callable[[], Protocol], failed: Callable[[BaseException], None]
    ) -> Callable[[], None]:
        """Connect to a UNIX socket, as :meth:`dial` does to an address."""
        return dial_unix_direct(self._poll, self._clock, path, timeout, build, failed)

    # The names and signatures of IReactorTCP, IReactorUNIX and IReactorSSL.

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> TCPPort:
        """Listen on a TCP port."""
        listener = TCPPort(port, factory, backlog, interface, self._outer, self._poll)
        listener.startListening()
        return listener

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[P],
        timeout: float = 30.0,
        bindAddress: Binding | tuple[str, int] | None = None,
    ) -> TCPConnector:
        """Connect to a TCP port; *timeout* in seconds."""
        connector = TCPConnector(host, port, factory, timeout, bindAddress, self._poll)
        connector.connect()
        return connector

    def listenUNIX(
        self, address: bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> UNIXPort:
        """Listen on a UNIX socket."""
        listener = UNIXPort(address, factory, backlog, mode, self._outer, wantPID, self._poll)
        listener.startListening()
        return listener

    def connectUNIX(
        self, address: bytes, factory: ClientFactory[P], timeout: float = 30.0, checkPID: int = 0
    ) -> UNIXConnector:
        """Connect to a UNIX socket; *timeout* in seconds."""
        connector = UNIXConnector(address, factory, timeout, self._poll, checkPID)
        connector.connect()
        return connector

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: IOpenSSLContextFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> TCPPort:
        """Listen on a TCP port and speak TLS, as ``PosixReactorBase.listenSSL`` does."""
        from twisted.protocols.tls import TLSMemoryBIOFactory  # needs pyOpenSSL, which is optional

        listener = self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)
        listener._type = "TLS"
        return listener

    def connectSSL(
        self,
        host: str,
        port: int,
        factory: ClientFactory[P],
        contextFactory: IOpenSSLContextFactory,
        timeout: float = 30.0,
        bindAddress: Binding | tuple[str, int] | None = None,
    ) -> TCPConnector:
        """Connect to a TCP port and speak TLS, as ``PosixReactorBase.connectSSL`` does."""
        from twisted.protocols.tls import TLSMemoryBIOFactory  # needs pyOpenSSL, which is optional

        return self.connectTCP(host, port, TLSMemoryBIOFactory(contextFactory, True, factory), timeout, bindAddress)
