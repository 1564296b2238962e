"""A connection's bytes taken apart into frames of HTTP/2."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

from pydsl_proxy.wire.http2.frames import (
    DATA,
    HEADER,
    MAX_FRAME_SIZE,
    MAX_STREAM_ID,
    WORK,
    WORK_OF_PAYLOAD,
    ErrorCode,
    ProtocolError,
    unpack_header,
)

# Type, flags, stream and payload.
Frame: TypeAlias = "tuple[int, int, int, bytes]"


class FrameSplitter:
    """Takes bytes as they arrive; it holds less than one frame, unless ``has_more``."""

    __slots__ = ("_held", "has_more")

    def __init__(self) -> None:
        self._held = b""
        #: Whether there are frames for the next turn.
        self.has_more = False

    def hold(self, data: bytes) -> None:
        """Keep *data* for the next :meth:`feed`."""
        self._held += data

    def feed(self, data: bytes, work: float = inf) -> list[Frame]:
        """The frames that are complete; raises ProtocolError for one that is longer than we said that we take.

        They are as many as cost *work*; ``has_more`` says whether others are left.
        """
        if self._held:
            data = self._held + data
        frames: list[Frame] = []
        at, size = 0, len(data)
        self.has_more = False
        while size - at >= HEADER:
            if work <= 0:
                self.has_more = True
                break
            high, low, kind, flags, stream = unpack_header(data, at)
            length = high << 8 | low
            if length > MAX_FRAME_SIZE:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            end = at + HEADER + length
            if end > size:
                break
            work -= 1 if kind == DATA else (WORK[kind] if kind < len(WORK) else 1) + (length >> WORK_OF_PAYLOAD)
            # RFC 9113 4.1: the first bit of the stream's number is ignored.
            frames.append((kind, flags, stream & MAX_STREAM_ID, data[at + HEADER : end]))
            at = end
        self._held = data[at:] if at else data
        return frames
