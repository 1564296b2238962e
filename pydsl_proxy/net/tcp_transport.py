"""TCP and UNIX transports that send at once and read with one call, and their ports and connectors.

They are Twisted's, with the steps on the way of each read and write left out.  Twisted's ``write`` queues, and sends
when the poll next says that the socket is writable: an ``epoll_ctl`` on and off, an ``epoll_wait`` and some ten calls
for a response that nearly always fits the socket's buffer.  Measured on a proxied request: 45 µs of CPU with Twisted's
transports, 35 µs with these.
"""

# Much of Twisted's transports is not annotated.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorFDSet, IReactorTime
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure

from pydsl_proxy.errors.rate_limited import RateLimited

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLContextFactory, IProducer, IPushProducer

    from pydsl_proxy.net.epoll import InnerPoll

log = Logger()

# Clients accepted in one turn of the loop, which takes some milliseconds.
MAX_ACCEPTS = 100


class DirectSend(tcp.Connection):
    """What the transports below have in common."""

    #: Bytes asked for by a read, at first.  Bulk costs 0.43 CPU s/GB with reads of 64 KiB, 0.33 with 256 KiB; the
    #: memory is taken for each read, and given back but for what was read.
    READ_START = 64 * 1024
    #: Bytes asked for at most.  Reached by doubling while reads come back full.
    READ_MAX = 256 * 1024

    #: Bytes of a file sent by one call, so that one fast client does not hold up others; nginx: sendfile_max_chunk 2m.
    FILE_MAX = 4 * 1024 * 1024
    #: The send buffer (SO_SNDBUF, which Linux doubles) towards a client on this machine, once it is sent a file.  The
    #: kernel lets it grow to 4 MiB, for the round trips of a far network; here that much falls out of the processor's
    #: cache before it is read.  10 MB to four clients, CPU s/GB: 0.38 as it grows, 0.25 with this, 0.28 with half of
    #: it, 0.51 with twice as much.
    LOCAL_ROOM = 256 * 1024

    read_size = READ_START

    #: Bytes of a file that wait for room; see :meth:`send_file`.
    file_left = 0
    _bounded = False

    # Before a close: sockets are closed on exec, so nobody else holds them open, and a close shuts them down.
    _shouldShutdown = False

    # A write may go to the socket if nothing is queued: connected, not aborted, and Twisted's queue is not needed for
    # something else.  One flag, since `write` is called for each message.
    _direct = False

    def _open(self) -> None:
        # On the instance, because `write` and `doRead` look at them: an attribute of a class far up costs thrice that.
        self.dataBuffer = b""
        self.read_size = self.READ_START
        self._direct = True

    def doRead(self) -> ConnectionDone | ConnectionLost | None:  # type: ignore[override]  # a mixin puts a lambda here
        """Give the protocol what one ``recv`` yields."""
        size = self.read_size
        try:
            data = self.socket.recv(size)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        if not data:
            return CONNECTION_DONE
        if len(data) == size:
            if size < self.READ_MAX:
                self.read_size = size * 2
        elif size != self.READ_START and len(data) < self.READ_START:
            self.read_size = self.READ_START
        self.protocol.dataReceived(data)
        return None

    def pauseProducing(self) -> None:
        """Stop reading: what was read goes out more slowly than it comes in, so large reads only fill memory."""
        self.read_size = self.READ_START
        super().pauseProducing()

    def write(self, data: bytes) -> None:
        """Send *data* now as far as the socket takes it, and queue the rest."""
        if not self._direct or self._tempDataLen or self.dataBuffer:
            super().write(data)
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The queue meets the error again, outside of the protocol's call, and loses the connection.
            super().write(data)
            return
        if sent != len(data):
            # The queue is empty: the data becomes its head, without a copy of the rest.
            self.dataBuffer = data
            self.offset = sent
            self._maybePauseProducer()
            self.startWriting()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send all of *iovec* with one call, as :meth:`write` does."""
        if not self._direct or self._tempDataLen or self.dataBuffer:
            super().writeSequence(iovec)
        else:
            self.write(b"".join(iovec))

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Send up to *count* bytes of an open file now, after all that was written, and tell how many were taken.

        If not all were, the streaming producer is paused, and resumed when there is room.  None says that this
        transport sends no files now, but takes what is written.  Raises EOFError if the file ends before *offset*, and
        OSError if it cannot be read, or not be sent in this way (EINVAL).
        """
        # A subclass that changes what is written, as TLS does, must not have a file go past it.
        if not self._direct or type(self).write is not DirectSend.write or self.producer is None:
            return None
        sent = self.file_left = 0
        if not self._bounded:
            self._bound_files()
        if not (self._tempDataLen or self.dataBuffer):
            try:
                sent = os.sendfile(self.socket.fileno(), fd, offset, min(count, self.FILE_MAX))
            except (BlockingIOError, ConnectionError):
                # A lost connection is met again outside of the protocol's call, as in write().
                pass
            else:
                if not sent:
                    raise EOFError("the file ends early")
        if sent < count:
            self.file_left = count - sent
            self.producerPaused = True
            cast("IPushProducer", self.producer).pauseProducing()
            self.startWriting()
        return sent

    def _bound_files(self) -> None:
        """Let less of a file be on its way to a client on this machine than the kernel would."""
        self._bounded = True
        if getattr(self.getPeer(), "host", "").startswith(("127.", "::1")):
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.LOCAL_ROOM)

    def doWrite(self) -> object:  # type: ignore[override]  # a mixin puts a lambda here
        """Go on with what waits for room: what is queued, or a file, of which the producer sends more."""
        if not self.file_left or self.dataBuffer or self._tempDataLen or self.producer is None:
            return super().doWrite()
        # Without Twisted's way: to send nothing, and to be watched no more and watched again.
        self.file_left = 0
        self.producerPaused = False
        cast("IPushProducer", self.producer).resumeProducing()
        if not (self.file_left or self.dataBuffer or self._tempDataLen or self._awaits_turn()):
            self.stopWriting()
        return None

    def _awaits_turn(self) -> bool:
        """Whether Twisted's way has something to do when all is sent: to end, or to ask a producer that is pulled."""
        pulled = self.producer is not None and not self.streamingProducer
        return bool(self.disconnecting or self._writeDisconnecting or pulled)

    def _decide(self) -> None:
        self._direct = bool(self.connected) and not (self._aborting or self.TLS)

    def registerProducer(self, producer: IProducer, streaming: bool) -> None:
        """Take a producer; one that is to be pulled is asked again whenever the queue has been sent, so it needs it."""
        if not streaming:
            self._direct = False
        super().registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        super().unregisterProducer()
        self._decide()

    def startTLS(self, ctx: IOpenSSLContextFactory, normal: bool = True) -> None:
        """Hand reads and writes to a TLS protocol."""
        super().startTLS(ctx, normal)
        self._direct = False

    def loseConnection(self) -> None:
        """Close when all that is queued has been sent: if nothing is, when the batch of events is handled.

        Twisted waits for the socket to be writable, and sends nothing.
        """
        if self._direct and not (self._tempDataLen or self.dataBuffer or self._writeDisconnected or self.producer):
            self.stopReading()
            self.disconnecting = True
            cast("InnerPoll", self.reactor).close_soon(self)
        elif self._writeDisconnected and self.connected and not (self.disconnecting or self._aborting):
            # Its half has ended: nothing is queued.
            self.stopReading()
            self.disconnecting = True
            cast("InnerPoll", self.reactor).close_soon(self)
        else:
            super().loseConnection()

    def loseWriteConnection(self) -> None:
        """End this half when all that is queued has been sent: if nothing is, when the batch of events is handled."""
        if self._direct and not (self._tempDataLen or self.dataBuffer or self.producer):
            self._writeDisconnecting = True
            cast("InnerPoll", self.reactor).close_soon(self)
        else:
            super().loseWriteConnection()

    def end_half(self) -> None:
        """Nothing is queued, and nothing more will be sent."""
        if not (self._writeDisconnected or self._aborting):
            self._direct = False
            self._writeDisconnected = True
            self._closeWriteConnection()

    def abortConnection(self) -> None:
        """Close at once and drop what is queued."""
        self._direct = False
        super().abortConnection()

    def connectionLost(self, reason: Failure) -> None:
        """The connection is over."""
        self._direct = False
        cast("InnerPoll", self.reactor).await_reset_no_more(self)
        super().connectionLost(reason)


class DirectSendUNIX(DirectSend):
    """UNIX sockets too: file descriptors are sent through Twisted's queue; those received are dropped."""

    _sendmsgQueue: list[int]

    def _decide(self) -> None:
        super()._decide()
        self._direct = self._direct and not self._sendmsgQueue

    def sendFileDescriptor(self, fileno: int) -> None:
        """Send a file descriptor with the next byte."""
        self._direct = False
        super().sendFileDescriptor(fileno)  # type: ignore[misc]  # of unix._SendmsgMixin, which comes later in the MRO


class DirectSendClient(DirectSend, tcp.BaseClient):
    """A connection that we make."""

    def _connectDone(self) -> None:
        self._open()
        super()._connectDone()


class TCPServer(DirectSend, tcp.Server):
    """A TCP connection that a client made to us."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: IProtocol,
        client: tuple[object, ...],
        server: TCPPort,
        sessionno: int,
        reactor: IReactorFDSet,
    ) -> None:
        super().__init__(sock, protocol, client, server, sessionno, server.poll)
        self._open()


class UNIXServer(DirectSendUNIX, unix.Server):
    """A UNIX connection that a client made to us."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: IProtocol,
        client: bytes,
        server: UNIXPort,
        sessionno: int,
        reactor: IReactorFDSet,
    ) -> None:
        super().__init__(sock, protocol, client, server, sessionno, server.poll)
        self._open()


class TCPClient(DirectSendClient, tcp.Client):
    """A TCP connection that we make."""

    def createInternetSocket(self) -> socket.socket:
        """A socket that does not wait to fill a segment: nginx's tcp_nodelay, its default too."""
        made: socket.socket = super().createInternetSocket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


class UNIXClient(DirectSendUNIX, DirectSendClient, unix.Client):
    """A UNIX connection that we make."""


class Accepting:
    """Accepts a bounded number of clients in a turn, and tells in few lines of those for whom no file was left.

    Twisted has three lines for each of these, and accepts more and more in a turn while many come.
    """

    numberAccepts: int
    _logger: Logger

    def _bound(self, seconds: Callable[[], float]) -> None:
        self._logger = Logger(__name__, observer=cast(ILogObserver, partial(_not_accepted, RateLimited(seconds))))

    def doRead(self) -> None:
        """Accept clients."""
        self.numberAccepts = min(self.numberAccepts, MAX_ACCEPTS)
        super().doRead()  # type: ignore[misc]  # a port's


def _not_accepted(limit: RateLimited, event: LogEvent) -> None:
    """What Twisted tells of clients that it could not accept."""
    address, problem = event.get("address"), event.get("acceptError")
    if address is None and problem is None:
        # That a descriptor which it keeps for the purpose is used, or kept again.
        return
    if refused := limit.note():
        text = "{refused} connections were closed at once, the last one of {address}: {why}"
        host = address[0] if isinstance(address, tuple) else address or "unix:"
        why = problem or "the process may have no more open files (EMFILE), see ulimit -n"
        log.warn(text, refused=refused, address=host, why=why)


class TCPPort(Accepting, tcp.Port):
    """A TCP listener: the reactor watches it, *poll* the connections that it accepts."""

    transport = TCPServer  # type: ignore[assignment]  # its server is a TCPPort

    def __init__(
        self, port: int, factory: IProtocolFactory, backlog: int, interface: str, reactor: object, poll: InnerPoll
    ) -> None:
        self.poll = cast(IReactorFDSet, poll)
        super().__init__(port, factory, backlog, interface, reactor)
        self._bound(cast(IReactorTime, reactor).seconds)

    def createInternetSocket(self) -> socket.socket:
        """Linux hands TCP_NODELAY down to accepted connections: no system call for each of them.

        One of IPv6 is of IPv6 alone, nginx's ``ipv6only=on``, so that there may be one of IPv4 with the same port.
        """
        made: socket.socket = super().createInternetSocket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made


class UNIXPort(Accepting, unix.Port):
    """A UNIX listener, as :class:`TCPPort`."""

    transport = UNIXServer

    def __init__(
        self,
        path: bytes,
        factory: IProtocolFactory,
        backlog: int,
        mode: int,
        reactor: object,
        want_pid: int,
        poll: InnerPoll,
    ) -> None:
        self.poll = cast(IReactorFDSet, poll)
        super().__init__(path, factory, backlog, mode, reactor, want_pid)
        self._bound(cast(IReactorTime, reactor).seconds)


class TCPConnector(tcp.Connector):
    """Makes a TCP connection, and another if the factory asks again."""

    def _makeTransport(self) -> TCPClient:
        return TCPClient(self.host, self.port, self.bindAddress, self, self.reactor)


class UNIXConnector(unix.Connector):
    """Makes a UNIX connection, and another if the factory asks again."""

    def _makeTransport(self) -> UNIXClient:  # type: ignore[override]  # annotated for TCP alone
        return UNIXClient(self.address, self, self.reactor, self.checkPID)
