"""The two connections of a stream: what comes on one is written to the other at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableDescriptor, IHalfCloseableProtocol, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.interfaces import Deadline, MissingCloseNotify, StreamTransport

if TYPE_CHECKING:
    from pydsl_proxy.frontends.stream.connection import StreamFrontend

# Facts on how bytes pass:
#
# - Each transport is the producer of the other: one whose queue is full pauses the other's reads, without a call of
#   ours.  So a connection holds at most what two reads yield.
# - The deadline is moved by assignment; the timer looks at it when it fires (net/deadlines.py).


def is_an_end(reason: Failure) -> bool:
    """Whether a side was not broken off.  As with nginx a FIN is enough for that, with TLS too."""
    return reason.check(ConnectionDone, MissingCloseNotify) is not None


@implementer(IHalfCloseableProtocol)
class RelaySide(Protocol):
    """One of the two connections.

    ``write`` is the other's transport's, None until both are there; ``counted`` the bytes that came here.  ``ended``
    says that this side sends no more, ``gone`` that the connection is lost.
    """

    # Nothing is called on it before the connection is made or after it is lost.
    transport: StreamTransport  # type: ignore[assignment]  # more than Protocol promises
    watch: Deadline
    seconds: Callable[[], float]
    idle: float
    write: Callable[[bytes], object] | None = None
    other: RelaySide | None = None
    counted = 0
    ended = False
    gone = False
    # Its transport has been told to send no more, or to close.
    finished = False
    closed = False

    def dataReceived(self, data: bytes) -> None:
        """Pass it on."""
        write = self.write
        if write is None:
            self.early(data)
            return
        self.counted += len(data)
        self.watch.deadline = self.seconds() + self.idle
        write(data)

    def early(self, data: bytes) -> None:
        """There is no other side yet."""

    def readConnectionLost(self) -> None:
        """This side sends no more; the other may still answer."""
        self.ended = True
        other = self.other
        if other is None:
            self.ended_early()
        elif other.ended:
            self.close()
            other.close()
        else:
            other.end()

    def ended_early(self) -> None:
        """This side has ended before there was another."""

    def writeConnectionLost(self) -> None:
        """All that was for this side is sent, and its end."""

    def end(self) -> None:
        """Send what is queued, then nothing more; read on, if the transport has halves."""
        transport = self.transport
        self.finished = True
        # A producer that is paused would be resumed when the queue is sent, and the end forgotten.
        transport.unregisterProducer()
        # UNIX sockets have halves too, though Twisted tells it of descriptors, not of IUNIXTransport.
        if IHalfCloseableDescriptor.providedBy(transport) or ITCPTransport.providedBy(transport):
            cast(ITCPTransport, transport).loseWriteConnection()
        else:
            self.closed = True
            transport.loseConnection()

    def close(self) -> None:
        """Send what is queued, then close."""
        if not (self.gone or self.closed):
            self.closed = True
            if not self.finished:
                self.transport.unregisterProducer()
            self.transport.loseConnection()

    def cut(self) -> None:
        """Close now."""
        if not self.gone:
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the other: in good order, or broken off as this one was."""
        self.gone = True
        other = self.other
        if other is None:
            self.lost_alone()
        elif other.gone:
            self.both_gone()
        elif self.ended or is_an_end(reason):
            # All that this side had to say is on its way.
            other.close()
        else:
            self.broke()
            other.cut()

    def lost_alone(self) -> None:
        """There was no other side yet."""

    def broke(self) -> None:
        """This side broke the connection off."""
        raise NotImplementedError

    def both_gone(self) -> None:
        """The stream is over."""
        raise NotImplementedError


class PeerSide(RelaySide):
    """The connection to a peer."""

    def __init__(self, client: StreamFrontend, connected: Callable[[], None]) -> None:
        self._client = client
        self._connected = connected

    def connectionMade(self) -> None:
        """Connected: from now on bytes pass."""
        self._connected()
        self._client.join(self)

    def broke(self) -> None:
        """See :class:`RelaySide`."""
        self._client.peer_broke()

    def both_gone(self) -> None:
        """See :class:`RelaySide`."""
        self._client.both_gone()
