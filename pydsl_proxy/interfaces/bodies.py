"""Streams of bytes, who makes them and who takes them, and the deadlines over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from pydsl_proxy.errors import ProxyError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress


Trailers: TypeAlias = "Sequence[tuple[bytes, bytes]]"


class BodyReceiver(Protocol):
    """Who takes the body of a request while the client sends it."""

    def request_body(self, data: bytes) -> None:
        """Take some bytes of the body."""

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete."""


class ReplayableBody(Protocol):
    """The body of a request that is here as a whole, and can be delivered again."""

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver it to *receiver* from its first byte, and to nobody else any more."""

    def pause_body(self) -> None:
        """Deliver no more of it until :meth:`resume_body`."""

    def resume_body(self) -> None:
        """Go on."""


class Running(Protocol):
    """Who works on an exchange and must hear that it is over."""

    def cancel(self, error: ProxyError) -> None:
        """The client has left, or what it sent cannot be used: stop, and answer nothing."""


class Producer(Protocol):
    """The sender of a body, to be paused when the other side is slower (Twisted's IPushProducer)."""

    def pauseProducing(self) -> None:
        """Send no more until resumed."""

    def resumeProducing(self) -> None:
        """Go on."""

    def stopProducing(self) -> None:
        """The other side is gone."""


class StreamTransport(Protocol):
    """What every transport of a stream offers, TCP, UNIX or TLS: Twisted's ITransport, IConsumer and IPushProducer."""

    def write(self, data: bytes, /) -> object:
        """Send, now or when what is queued is sent."""

    def loseConnection(self) -> object:
        """Close when what is queued is sent."""

    def abortConnection(self) -> object:
        """Close now."""

    def getPeer(self) -> IAddress:
        """The other side's address."""

    def getHost(self) -> IAddress:
        """Our side's address."""

    def pauseProducing(self) -> object:
        """Read no more."""

    def resumeProducing(self) -> object:
        """Read on."""

    def registerProducer(self, producer: Producer, streaming: bool, /) -> object:
        """Tell *producer* to pause while much is queued."""

    def unregisterProducer(self) -> object:
        """Tell the producer no more."""


#: Calls its first argument in a later turn of the loop, and its second one, if that is not None, when the first raises.
Later: TypeAlias = "Callable[[Callable[[], None], Callable[[], object] | None], None]"


class Deadline(Protocol):
    """One moving deadline over a clock; ``deadline`` and ``armed`` may be read and set where a call counts."""

    deadline: float
    armed: float

    def until(self, when: float) -> None:
        """Move the deadline; infinity means none."""

    def arm(self) -> None:
        """To be called when :attr:`deadline` was set to earlier than :attr:`armed`."""

    def stop(self) -> None:
        """Watch no more."""
