"""Connections to peers over UNIX sockets, made with as few steps as the kernel asks for; see ``direct_dial``.

The kernel connects at once, or says why not.
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
from twisted.internet.address import UNIXAddress
from twisted.internet.error import TimeoutError, getConnectError
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableDescriptor,
    IProtocol,
    IPushProducer,
    IReactorFDSet,
    IReadWriteDescriptor,
    ISystemHandle,
    ITransport,
)
from zope.interface import implementer_only

from pydsl_proxy.net.tcp_connect import Build, Failed
from pydsl_proxy.net.tcp_transport import DirectSend

if TYPE_CHECKING:
    from pydsl_proxy.net.epoll import InnerPoll
    from pydsl_proxy.net.reactors import Clock

# Seconds between two tries while the listener's backlog is full.  nginx gives up at once; over TCP the kernel would try
# again, after a second first.
TRY_AGAIN = 0.01


# Not of TCP, which tcp.Connection says: nobody is to ask for TCP_NODELAY.
@implementer_only(ITransport, IConsumer, IPushProducer, IHalfCloseableDescriptor, IReadWriteDescriptor, ISystemHandle)
class DialledUNIX(DirectSend, tcp.Connection):
    """A connection that was dialled; file descriptors are not sent on it."""

    logstr = "dialled"

    def __init__(self, sock: socket.socket, protocol: IProtocol, poll: InnerPoll, path: str) -> None:
        super().__init__(sock, protocol, cast(IReactorFDSet, poll))
        self.connected = True
        self._path = path
        self._open()

    def getPeer(self) -> UNIXAddress:
        """The peer's address."""
        return UNIXAddress(self._path)

    def getHost(self) -> UNIXAddress:
        """Ours, which has no name."""
        return UNIXAddress(None)


class _Trying:
    """A path to which there is no connection yet."""

    def __init__(self, poll: InnerPoll, clock: Clock, path: str, timeout: float, build: Build, failed: Failed) -> None:
        self._poll = poll
        self._clock = clock
        self._path = path
        self._until = clock.seconds() + timeout
        self._build = build
        self._failed = failed

    def dial(self) -> Callable[[], None] | None:
        """Try; what is returned cancels, if there is no connection yet."""
        sock = None
        try:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            code = sock.connect_ex(self._path)
        except OSError as error:
            code = error.errno or errno.EINVAL
        if code == 0 and sock is not None:
            protocol = self._build()
            transport = DialledUNIX(sock, cast(IProtocol, protocol), self._poll, self._path)
            transport.startReading()
            protocol.makeConnection(transport)
            return None
        if sock is not None:
            sock.close()
        return self._wait(code)

    def _wait(self, code: int) -> Callable[[], None]:
        if code != errno.EAGAIN:
            # Not from within the dial: who dials has not noted yet what cancels.
            self._call = self._clock.callLater(0, self._failed, getConnectError((code, os.strerror(code))))
        elif self._clock.seconds() >= self._until:
            self._call = self._clock.callLater(0, self._failed, TimeoutError())
        else:
            self._call = self._clock.callLater(TRY_AGAIN, self.dial)
        return self._cancel

    def _cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


def dial_unix_direct(
    poll: InnerPoll, clock: Clock, path: str, timeout: float, build: Build, failed: Failed
) -> Callable[[], None]:
    """Connect to a UNIX socket within *timeout* seconds; *build* makes the protocol.  What is returned cancels."""
    return _Trying(poll, clock, path, timeout, build, failed).dial() or _nothing


def _nothing() -> None:
    """There is nothing to cancel any more."""
