"""A connection's bytes taken apart into frames of HTTP/2."""

from __future__ import annotations

from typing import TypeAlias

from pydsl_proxy.wire.h2_frames import HEADER, LAST_STREAM, MOST_PAYLOAD, Code, Fault, unpack_header

# Type, flags, stream and payload.
Frame: TypeAlias = "tuple[int, int, int, bytes]"


class FrameSplitter:
    """Takes bytes as they arrive; it holds less than one frame."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete; raises Fault for one that is longer than we said that we take."""
        if self._held:
            data = self._held + data
        frames: list[Frame] = []
        at, size = 0, len(data)
        while size - at >= HEADER:
            high, low, kind, flags, stream = unpack_header(data, at)
            length = high << 8 | low
            if length > MOST_PAYLOAD:
                raise Fault(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            end = at + HEADER + length
            if end > size:
                break
            # RFC 9113 4.1: the first bit of the stream's number is ignored.
            frames.append((kind, flags, stream & LAST_STREAM, data[at + HEADER : end]))
            at = end
        self._held = data[at:] if at else data
        return frames
