"""A client's connection after a 101: bytes of another protocol, both ways, until one side ends."""

from __future__ import annotations

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.frontends.http1.answering import Answering
from pydsl_proxy.frontends.http1.state import CLOSED, LINGER, SWITCHED
from pydsl_proxy.interfaces import BodyReceiver, Trailers


@implementer(IHalfCloseableProtocol)
class Switched(Answering):
    """What an H1Frontend becomes; its exchange goes on, and its bodies are these bytes."""

    _receiver: BodyReceiver | None

    def begin(self, head: bytes) -> None:
        """Send *head*, with what the peer has sent behind it; the client's bytes wait for :meth:`read_body`."""
        self._state = SWITCHED
        self._last = True
        self._receiver = None
        self._watch.stop()
        self._watch = self._listening.watch(self._expired)
        # As in read_body(): what is sent is not framed any more.
        self.send_body = self.transport.write  # type: ignore[method-assign,assignment]  # told above
        self.transport.write(head)
        if self._retires < 0:
            # The proxy was stopped while the peer was asked.
            self.drain()

    def dataReceived(self, data: bytes) -> None:
        """Bytes that nobody has asked for yet, or does any more."""
        if self._state is SWITCHED:
            self._held += data
            self._pause()
        elif self._state is LINGER:
            self._linger_on()

    def readConnectionLost(self) -> None:
        """The client has ended; WebSockets know no half of a connection, so the peer is told, and ends too."""
        self._half_closed = True
        if self._state is SWITCHED and self._receiver is not None:
            self._receiver.request_end(())
        else:
            self._close()

    def writeConnectionLost(self) -> None:
        """Our side is closed, as lingering asked."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone, and with it the exchange."""
        self._state = CLOSED
        self._watch.stop()
        self._stop_reading()
        exchange, self._exchange = self._exchange, None
        self._producer = None
        if exchange is not None:
            exchange.leave(ProxyError(Source.CLIENT, 499, "client_closed", "the client closed the connection"))
        if self._identity.pins is not None:
            self._identity.pins.close()
        self._listening.closed(self)

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver what the client sends."""
        self._receiver = receiver
        # The receiver's method itself: one call less for each piece.
        self.dataReceived = receiver.request_body  # type: ignore[method-assign]  # told above
        held, self._held = self._held, b""
        if held:
            receiver.request_body(held)
        self._resume()
        if self._half_closed and self._receiver is receiver:
            # It ended before the peer had switched; see readConnectionLost().
            receiver.request_end(())

    @property
    def body_untouched(self) -> bool:
        """Whether nobody has asked for the client's bytes."""
        return self._receiver is None

    def pause_body(self) -> None:
        """The peer is slower than the client."""
        self._pause()

    def resume_body(self) -> None:
        """The peer has caught up."""
        self._resume()

    def send_end(self, trailers: Trailers) -> None:
        """The peer has ended; what the client still sends must not destroy what it has not read yet."""
        self._stop_reading()
        self._forget_exchange()
        self._linger()

    def cut(self) -> None:
        """Break off."""
        self._stop_reading()
        super().cut()

    def _stop_reading(self) -> None:
        self._receiver = None
        vars(self).pop("dataReceived", None)

    def drain(self) -> None:
        """The proxy is stopped: the speaker of the protocol may bring it to its end."""
        super().drain()
        if self._exchange is not None:
            self._exchange.drain()

    def abort(self) -> None:
        """Close at once, whatever is queued."""
        self._stop_reading()
        super().abort()

    def _expired(self) -> None:
        """The client takes nothing of what waits for it, or has had its time to close."""
        if self._has_progressed():
            return
        if self._state is LINGER and not self._listening.unsent(self.transport):
            self._close()
        else:
            self.abort()

    def _heads(self, data: bytes) -> None:
        """No request follows."""
