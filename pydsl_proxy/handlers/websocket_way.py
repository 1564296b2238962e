"""One direction of a bridged WebSocket: bytes on their way into a leg, while the other side keeps up."""

from __future__ import annotations

from collections.abc import Callable

# Bytes that a leg is given at a time.  Deflated ones become up to 1,032 times as many (RFC 1951), and before the next
# piece the other side is asked whether it keeps up.
PIECE = 64 * 1024
DEFLATED_PIECE = 4096


class Way:
    """Holds what a leg cannot be given yet: no more than one read of a transport, as its *source* is paused meanwhile.

    *source* is called with whether it is to pause.
    """

    __slots__ = ("_feed", "_feeding", "_piece", "_source", "_stalled", "_waiting", "is_blocked")

    def __init__(self, feed: Callable[[bytes], None], source: Callable[[bool], None], *, deflated: bool) -> None:
        self._feed = feed
        self._source = source
        self._piece = DEFLATED_PIECE if deflated else PIECE
        self._waiting = b""
        self._feeding = False
        self._stalled = False
        #: Whether the other side does not keep up.
        self.is_blocked = False

    def take(self, data: bytes) -> None:
        """Give the leg *data*, now or later."""
        self._waiting += data
        self._go_on()

    def block(self) -> None:
        """The other side does not keep up."""
        self.is_blocked = True
        if not self._stalled:
            self._stalled = True
            self._source(True)

    def unblock(self) -> None:
        """It does again."""
        self.is_blocked = False
        self._go_on()

    def stop(self) -> None:
        """Nothing more is wanted; what comes is dropped."""
        self._feed = _drop
        self._waiting = b""
        self.unblock()

    def _go_on(self) -> None:
        if self._feeding:
            return
        self._feeding = True
        try:
            while self._waiting and not self.is_blocked:
                piece, self._waiting = self._waiting[: self._piece], self._waiting[self._piece :]
                self._feed(piece)
        finally:
            self._feeding = False
        if self._stalled and not self.is_blocked:
            self._stalled = False
            self._source(False)


def _drop(data: bytes) -> None:
    """Nobody wants it."""
