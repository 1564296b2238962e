"""How much a peer of HTTP/2 may send that leads to nothing."""

from __future__ import annotations

from collections.abc import Callable

from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError

# nghttp2's numbers for what it calls glitches, and those of Twisted for resets: so many at once, so many a second.
MOST = 1000
PER_SECOND = 33.0
# Two WINDOW_UPDATEs, and a PING that measures the path: what comes with a frame of data in either direction.
EARNED = 3
# A peer gives room back as it empties its buffers, a full frame in several pieces: one more answer for so many bytes.
BYTES_PER_ANSWER = 16


class FloodGuard:
    """So many at once, and so many a second.

    Counts PINGs, SETTINGS, WINDOW_UPDATEs, empty frames and those on streams that are over.
    Each costs little and asks for nothing in return, so only their number shows an attack (CVE-2019-9512, -9515,
    -9518).  Frames that carry something earn some of them.
    """

    __slots__ = ("_answers", "_left", "_most", "_per_second", "_seconds", "_since")

    def __init__(self, seconds: Callable[[], float], most: int = MOST, per_second: float = PER_SECOND) -> None:
        self._most, self._per_second = most, per_second
        self._seconds = seconds
        self._since = seconds()
        self._left: float = most
        self._answers = 0

    def earn(self, answers: int = EARNED) -> None:
        """Something that leads somewhere was received."""
        if self._left < self._most:
            self._left += answers

    def sent(self, size: int) -> None:
        """The peer was sent a frame with *size* bytes of a body, and may answer it, now or later."""
        self._answers += EARNED + size // BYTES_PER_ANSWER

    def spend(self) -> None:
        """Another frame without use; raises ProtocolError if they are too many."""
        if self._answers:
            self._answers -= 1
            return
        self._left -= 1
        if self._left < 0:
            now = self._seconds()
            self._left = min(self._most, self._left + (now - self._since) * self._per_second)
            self._since = now
            if self._left < 0:
                raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that carry nothing")
