"""A request's body that was read as a whole, and is delivered as often as it is asked for."""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import BodyReceiver, Exchange
from pydsl_proxy.spooling import Spool, SpoolFile

# Delivered in one turn of the reactor: others are served in between.
PIECE: Final = 64 * 1024


def spool_error(error: OSError) -> ProxyError:
    """A disk that is full or broken is our fault; nginx answers 500 too."""
    return ProxyError(Source.US, 500, "spool_failed", f"the request's body cannot be buffered: {error}")


class SpooledBody:
    """Up to *memory* bytes in memory, and what follows in a temporary file.

    It belongs to one exchange, and is closed when that is over.
    """

    __slots__ = ("_beginning", "_clock", "_delivery", "_exchange", "_file", "_memory", "_spool", "size")

    def __init__(self, exchange: Exchange, memory: int, spool: Spool, clock: IReactorTime) -> None:
        self._exchange: Exchange | None = exchange
        self._memory = memory
        self._spool = spool
        self._clock = clock
        self._beginning = bytearray()
        self._file: SpoolFile | None = None
        self._delivery: _Delivery | None = None
        self.size = 0

    def add(self, data: bytes) -> None:
        """More of it has come; raises OSError."""
        room = self._memory - len(self._beginning)
        # The file begins where the memory ends.
        self._beginning += data[:room]
        if room < len(data):
            if self._file is None:
                self._file = SpoolFile(self._spool)
            self._file.write(memoryview(data)[room:], self.size + room - self._memory)
        self.size += len(data)

    def read_body(self, receiver: BodyReceiver) -> None:
        """Deliver it from its first byte: a piece at once, and one in each turn while the receiver keeps up."""
        self._stop()
        if self._exchange is not None:
            self._delivery = _Delivery(self, self._exchange, receiver, self._clock)
            self._delivery.go_on()

    def pause_body(self) -> None:
        """The receiver is slower than the disk."""
        if self._delivery is not None:
            self._delivery.pause()

    def resume_body(self) -> None:
        """It has caught up."""
        if self._delivery is not None:
            self._delivery.resume()

    def read(self, at: int) -> bytes:
        """A piece of it; raises OSError."""
        if at < len(self._beginning):
            return bytes(self._beginning[at : at + PIECE])
        assert self._file is not None
        return self._file.read(min(PIECE, self.size - at), at - len(self._beginning))

    def close(self) -> None:
        """The exchange is over: let go of everything."""
        self._stop()
        self._exchange = None
        self._beginning = bytearray()
        self.size = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _stop(self) -> None:
        if self._delivery is not None:
            self._delivery.stop()
            self._delivery = None


class _Delivery:
    """One reading of a body."""

    __slots__ = ("_at", "_body", "_clock", "_exchange", "_over", "_paused", "_receiver", "_turn")

    def __init__(self, body: SpooledBody, exchange: Exchange, receiver: BodyReceiver, clock: IReactorTime) -> None:
        self._body = body
        self._exchange = exchange
        self._receiver = receiver
        self._clock = clock
        self._at = 0
        self._paused = False
        self._over = False
        self._turn: IDelayedCall | None = None

    def go_on(self) -> None:
        """Deliver a piece, and the end after the last one."""
        self._turn = None
        body, exchange, receiver = self._body, self._exchange, self._receiver
        try:
            data = body.read(self._at)
        except OSError as error:
            self._lose(error)
            return
        self._at += len(data)
        if self._at < body.size:
            receiver.request_body(data)
            self._await_turn()
            return
        exchange.has_body = False
        receiver.request_body(data)
        # The receiver may have let go of it, or have begun anew.
        if not self._over:
            self.stop()
            receiver.request_end(())

    def pause(self) -> None:
        """Deliver no more."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self._await_turn()

    def stop(self) -> None:
        """Nobody reads any more."""
        self._over = True
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def _await_turn(self) -> None:
        if self._turn is None and not self._paused and not self._over:
            self._turn = self._clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        self._turn = None
        if not self._paused:
            self.go_on()

    def _lose(self, error: OSError) -> None:
        self.stop()
        exchange, lost = self._exchange, spool_error(error)
        running, exchange.running = exchange.running, None
        if running is not None:
            running.cancel(lost)
        exchange.fail(lost)
