"""What a client of HTTP/2 may do that costs it little and us much."""

from __future__ import annotations

from typing import Final

from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError

# Streams at once. nginx: http2_max_concurrent_streams 128; RFC 9113 6.5.2 recommends no less than 100.
MAX_STREAMS: Final = 128

# What is taken of bodies before it is handed on. Go's server has 1 MiB for a connection and for a stream; half of it is
# given back at a time, as nghttp2 does.
CONNECTION_WINDOW: Final = 1024 * 1024
STREAM_WINDOW: Final = 256 * 1024

# CVE-2023-44487, rapid reset, and CVE-2025-8671, where the client makes us reset.  Twisted 26.10 lets a client reset
# 1000 streams, and 33 a second from then on; both kinds count here.
RESETS: Final = (1000, 33.0)
# CVE-2019-9512, 9515, 9518 and the like: frames that ask for nothing.  Node allows 1000 or so in all kinds together.
IDLE_FRAMES: Final = (1000, 100.0)
# What a client may answer to each frame of a body that it is sent, now or later: gRPC's gives room back for every
# message, however small, to the stream and to the connection, and measures the path with PINGs meanwhile.  HAProxy
# gives it back as it empties its buffers, a full frame in several pieces.
ANSWERS_TO_DATA: Final = 3
# And one more for so many octets of it.
OCTETS_PER_ANSWER: Final = 16

# CVE-2024-27316: nghttp2 takes 8 CONTINUATION frames; more only where clients(head=…) is larger than they hold.
MAX_CONTINUATIONS: Final = 8
# A block that is too long is read, and answered with 431, up to so many times clients(head=…).
MAX_TIMES_HEAD: Final = 2

# Streams that we have ended before the client did: what it had sent meanwhile is dropped silently.
MAX_REMEMBERED: Final = 256
# Ranges of streams that a client has passed over; who begins one of them later has lost count.
MAX_SKIPPED: Final = 16


class TokenBucket:
    """So many at once, and so many a second; and besides what is earned, which does not lapse."""

    __slots__ = ("_burst", "_earned", "_left", "_rate", "_since", "_what")

    def __init__(self, burst_and_rate: tuple[int, float], what: str) -> None:
        self._burst, self._rate = burst_and_rate
        self._left = float(self._burst)
        self._earned = 0
        self._since = 0.0
        self._what = what

    def give(self, more: int) -> None:
        """There is a reason for so many *more*, but not beyond the burst."""
        self._left = min(float(self._burst), self._left + more)

    def earn(self, size: int) -> None:
        """The other side is sent *size* octets of a body, in as few frames as hold them, and may answer each frame.

        What it earns is not bounded by the burst: it may have megabytes of small frames before it answers the first.
        """
        self._earned += ANSWERS_TO_DATA + size // OCTETS_PER_ANSWER

    def take(self, now: float) -> None:
        """One more; raises :class:`~pydsl_proxy.wire.http2.frames.ProtocolError` if it is one too many."""
        if self._earned:
            self._earned -= 1
            return
        elapsed = now - self._since
        if elapsed > 0:
            self._left = min(float(self._burst), self._left + elapsed * self._rate)
        self._since = now
        self._left -= 1
        if self._left < 0:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, self._what)
