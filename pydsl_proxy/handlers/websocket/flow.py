"""One direction of a bridged WebSocket: bytes on their way into a leg, while the other side keeps up."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.interfaces import Later

# Bytes of one frame that a leg is given at a time.  Deflated ones become up to 1,032 times as many (RFC 1951), and
# before the next piece the other side is asked whether it keeps up.
PIECE: Final = 64 * 1024
DEFLATED_PIECE: Final = 512
# Seconds of parsing in one turn of the loop.  A read of 64 KiB may be 9,000 frames, each of which costs some 50 µs.
BUDGET: Final = 0.001


class Way:
    """Holds what a leg cannot be given yet: no more than one read of a transport, as its *source* is paused meanwhile.

    *parse* is given bytes, the place of the first one that counts, and how many of one frame it may take; it returns
    how many it took, which is none if the head of a frame is not complete.  *source* is called with whether it is to
    pause.  When :data:`BUDGET` is used up the rest is parsed in a later turn of the loop, by *later*;
    if that raises, *failed* is called.
    """

    __slots__ = (
        "_at",
        "_ended",
        "_failed",
        "_later",
        "_left",
        "_more",
        "_parse",
        "_parsing",
        "_piece",
        "_released",
        "_resting",
        "_seconds",
        "_source",
        "_waiting",
        "is_blocked",
        "is_stalled",
    )

    def __init__(
        self,
        parse: Callable[[bytes, int, int], int],
        source: Callable[[bool], None],
        later: Later,
        failed: Callable[[], None],
        *,
        deflated: bool,
        seconds: Callable[[], float] = perf_counter,
    ) -> None:
        self._parse = parse
        self._source = source
        self._later = later
        self._failed = failed
        self._seconds = seconds
        self._piece = DEFLATED_PIECE if deflated else PIECE
        # What counts begins at _at, and goes on with what came since.
        self._waiting = b""
        self._at = 0
        self._more: list[bytes] = []
        self._parsing = False
        # Nothing of it is passed on any more.
        self._released = False
        # Called behind all that waits.
        self._ended: Callable[[], None] | None = None
        # Of the budget; one that is used up is given anew in a later turn, and until then nothing is parsed.
        self._left = BUDGET
        self._resting = False
        #: Whether the other side does not keep up.
        self.is_blocked = False
        #: Whether the source is paused, for that or for the budget.
        self.is_stalled = False

    def take(self, data: bytes) -> None:
        """Give the leg *data*, now or later."""
        if self._parse is _nothing:
            return
        if self._waiting or self._more:
            self._more.append(data)
        else:
            self._waiting = data
        self._go_on()

    def end(self, ended: Callable[[], None]) -> None:
        """Nothing more comes: call *ended* when what is here has been parsed."""
        self._ended = ended
        self._go_on()

    def block(self) -> None:
        """The other side does not keep up."""
        if not self._released:
            self.is_blocked = True
            self._pause(True)

    def unblock(self) -> None:
        """It does again."""
        self.is_blocked = False
        self._go_on()

    def release(self) -> None:
        """From now on the leg drops what it parses: the other side need not keep up with that."""
        self._released = True
        self.unblock()

    def stop(self) -> None:
        """Nothing more is wanted; what comes is dropped, and not parsed."""
        self._parse = _nothing
        self._waiting = b""
        self._at = 0
        self._more.clear()
        self._ended = None
        self.release()

    def _go_on(self) -> None:
        if self._parsing:
            return
        if not (self.is_blocked or self._resting):
            self._parsing = True
            try:
                self._give()
            finally:
                self._parsing = False
        if not self.is_blocked:
            self._pause(self._resting and bool(self._more or self._at < len(self._waiting)))
            if self._ended is not None and not self.is_stalled:
                ended, self._ended = self._ended, None
                ended()

    def _give(self) -> None:
        seconds = self._seconds
        began = now = seconds()
        until = began + self._left
        while not self.is_blocked and now < until:
            if self._more:
                self._waiting = b"".join((self._waiting[self._at :], *self._more))
                self._at = 0
                self._more.clear()
            taken = self._parse(self._waiting, self._at, self._piece)
            self._at += taken
            now = seconds()
            if not (taken or self._more):
                break
        if self._at >= len(self._waiting):
            self._waiting = b""
            self._at = 0
        self._left = until - now
        if now >= until:
            self._resting = True
            self._later(self._rested, self._failed)

    def _rested(self) -> None:
        """A later turn of the loop."""
        self._resting = False
        self._left = BUDGET
        self._go_on()

    def _pause(self, pause: bool) -> None:
        if pause is not self.is_stalled:
            self.is_stalled = pause
            self._source(pause)


def crash() -> ProxyError:
    """The error of a WebSocket whose reading raised an exception in a later turn of the loop."""
    return ProxyError(Source.US, 500, "internal_error", "reading a WebSocket raised an exception")


def _nothing(data: bytes, at: int, most: int) -> int:
    """The parser of a way that was stopped."""
    return 0
