"""The body of a request over HTTP/2 as it arrives."""

from __future__ import annotations

from pydsl_proxy.frontends.http1.body import BodyProgress
from pydsl_proxy.frontends.http2.limits import STREAM_WINDOW
from pydsl_proxy.interfaces import Trailers
from pydsl_proxy.wire.http2.frames import ErrorCode, StreamError

# Pieces are joined up to this size: thousands of an octet each would take fifty times their size.
CRUMB = 4096


class Incoming(BodyProgress):
    """What has come and was not taken yet; the stream's window bounds it.

    ``ended`` says that all has come.
    """

    __slots__ = ("_left", "_room", "_unreturned", "ended", "held")

    def __init__(self, length: int | None) -> None:
        super().__init__()
        # Octets that the declared length still allows; None if none was declared.
        self._left = length
        self._room = STREAM_WINDOW
        self._unreturned = 0
        self.ended = False
        self.held: list[bytes] = []

    def take(self, data: bytes, used: int) -> None:
        """*data* has come, and has *used* some of the window, with its padding."""
        self._room -= used
        if self._room < 0:
            raise StreamError(ErrorCode.FLOW_CONTROL_ERROR, "the client sends more than the stream's window")
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise StreamError(ErrorCode.PROTOCOL_ERROR, "the body is longer than Content-Length")
        held = self.held
        if held and len(held[-1]) + len(data) <= CRUMB:
            held[-1] += data
        elif data:
            held.append(data)

    def end(self, trailers: Trailers) -> None:
        """All has come."""
        if self._left:
            raise StreamError(ErrorCode.PROTOCOL_ERROR, "the body is shorter than Content-Length")
        self.ended = True
        self.trailers = trailers

    def give_back(self, size: int) -> int:
        """*size* octets are dealt with; how many to let the client send again, 0 if it can wait."""
        self._unreturned += size
        if self.ended or self._unreturned < STREAM_WINDOW // 2:
            return 0
        size, self._unreturned = self._unreturned, 0
        self._room += size
        return size

    def drop(self) -> int:
        """Let go of what nobody will read; its size."""
        size = sum(map(len, self.held))
        self.held.clear()
        return size
