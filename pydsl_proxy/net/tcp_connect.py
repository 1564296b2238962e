"""Connections to peers over TCP, made with as few steps as the kernel asks for.

Twisted's ``connectTCP`` makes a connector, a timer and a Deferred for each connection, connects twice, and watches for
reading and writing meanwhile.  On a proxied request with a connection of its own that was two fifths of the CPU time.
"""

# Much of Twisted's transports is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import TimeoutError, getConnectError
from twisted.internet.interfaces import IProtocol, IReactorFDSet
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from pydsl_proxy.net.tcp_transport import DirectSend

if TYPE_CHECKING:
    from pydsl_proxy.net.epoll import InnerPoll
    from pydsl_proxy.net.reactors import Clock

Build = Callable[[], Protocol]
Failed = Callable[[BaseException], None]


class DialledTCP(DirectSend, tcp.Connection):
    """A connection that was dialled."""

    _tlsClientDefault = True
    logstr = "dialled"

    def __init__(self, sock: socket.socket, protocol: Protocol, poll: InnerPoll) -> None:
        super().__init__(sock, cast(IProtocol, protocol), cast(IReactorFDSet, poll))
        self.connected = True
        self._open()

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The peer's address."""
        return _address(self.socket.getpeername())

    def getHost(self) -> IPv4Address | IPv6Address:
        """Our address."""
        return _address(self.socket.getsockname())


def _address(name: tuple[str, int] | tuple[str, int, int, int]) -> IPv4Address | IPv6Address:
    return (IPv6Address if len(name) == 4 else IPv4Address)("TCP", name[0], name[1])


class _Connecting:
    """A socket of which the kernel has not said yet whether it is connected."""

    def __init__(self, sock: socket.socket, poll: InnerPoll, build: Build, failed: Failed) -> None:
        self._sock: socket.socket | None = sock
        self._poll = poll
        self._build = build
        self._failed = failed

    def fileno(self) -> int:
        """The number of the socket."""
        return -1 if self._sock is None else self._sock.fileno()

    def wait(self, clock: Clock, timeout: float) -> None:
        """Wait for the kernel's word, for so many seconds."""
        self._timer = clock.callLater(timeout, self._expired)
        self._poll.addWriter(self)

    def doRead(self) -> None:
        """Not asked for."""

    def doWrite(self) -> None:
        """Connected, or not."""
        sock = self._take()
        if sock is None:
            return
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            sock.close()
            self._failed(getConnectError((code, os.strerror(code))))
        else:
            _connected(sock, self._poll, self._build)

    def readConnectionLost(self, reason: Failure) -> None:
        """An error came with what looks like an orderly end."""
        self.doWrite()

    def connectionLost(self, reason: Failure) -> None:
        """An error, which the socket tells; or the end of all connections."""
        if self._sock is None:
            return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._refuse(getConnectError((code, os.strerror(code))))
        else:
            self.cancel()

    def _expired(self) -> None:
        self._refuse(TimeoutError())

    def _refuse(self, error: BaseException) -> None:
        sock = self._take()
        if sock is not None:
            sock.close()
            self._failed(error)

    def cancel(self) -> None:
        """Nobody wants the connection any more."""
        sock = self._take()
        if sock is not None:
            sock.close()

    def _take(self) -> socket.socket | None:
        sock = self._sock
        if sock is not None:
            self._poll.removeWriter(self)
            self._sock = None
            if self._timer.active():
                self._timer.cancel()
        return sock


def dial_direct(
    poll: InnerPoll, clock: Clock, address: str, port: int, timeout: float, build: Build, failed: Failed
) -> Callable[[], None]:
    """Connect to an IP address within *timeout* seconds; *build* makes the protocol.  What is returned cancels."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock: socket.socket | None = None
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        # nginx's tcp_nodelay, its default too: no wait to fill a segment.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex((address, port))
    except OSError as error:
        code = error.errno or errno.EINVAL
    if code == 0 and sock is not None:
        # On the same machine the handshake is often over when connect() returns.
        _connected(sock, poll, build)
        return _nothing
    if code == errno.EINPROGRESS and sock is not None:
        connecting = _Connecting(sock, poll, build, failed)
        connecting.wait(clock, timeout)
        return connecting.cancel
    if sock is not None:
        sock.close()
    # Not from within this call: who dials has not noted yet what cancels.
    call = clock.callLater(0, failed, getConnectError((code, os.strerror(code))))
    return lambda: call.cancel() if call.active() else None


def _connected(sock: socket.socket, poll: InnerPoll, build: Build) -> None:
    protocol = build()
    transport = DialledTCP(sock, protocol, poll)
    transport.startReading()
    protocol.makeConnection(transport)


def _nothing() -> None:
    """There is nothing to cancel any more."""
