"""Frames of HTTP/2: RFC 9113, sections 4, 6 and 7."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

#: RFC 9113 3.4: what a client's connection begins with, before its SETTINGS.
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Octets of a frame's header.
HEADER: Final = 9
#: RFC 9113 6.5.2: the least SETTINGS_MAX_FRAME_SIZE, and what we ask for and send.
MAX_FRAME_SIZE: Final = 16 * 1024
#: CVE-2019-9511: a frame that carries less is small, unless it is all that there is.
MIN_PIECE: Final = 256
#: RFC 9113 6.9.2: the windows of a connection and its streams as they begin.
INITIAL_WINDOW: Final = 65_535
#: RFC 9113 6.9.1
MAX_WINDOW: Final = 2**31 - 1
#: RFC 9113 5.1.1
MAX_STREAM_ID: Final = 2**31 - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

#: What a frame of each type costs to handle, in units of the cheapest, without what it carries.
WORK: Final = (1, 16, 1, 4, 4, 1, 1, 1, 1, 2)
#: How much of that is done in one turn of the loop for one connection: about a millisecond's.
WORK_PER_TURN: Final = 512
#: A frame that is no DATA costs one more for so many octets that it carries, as a shift.
WORK_OF_PAYLOAD: Final = 3

#: High 16 bits and low 8 bits of the length, type, flags, stream with a reserved bit.
unpack_header = struct.Struct(">HBBBL").unpack_from
pack_header = struct.Struct(">HBBBL").pack
unpack_settings = struct.Struct(">HL").iter_unpack
_pack_setting = struct.Struct(">HL").pack
_pack_number = struct.Struct(">L").pack
_unpack_number = struct.Struct(">L").unpack


class ErrorCode(IntEnum):
    """RFC 9113 7: why a stream or a connection is ended."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    CONNECT_ERROR = 0xA
    ENHANCE_YOUR_CALM = 0xB
    INADEQUATE_SECURITY = 0xC
    HTTP_1_1_REQUIRED = 0xD


class Setting(IntEnum):
    """RFC 9113 6.5.2, and RFC 8441 3."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8


class ProtocolError(Exception):
    """What ends a connection: an error of the other side (RFC 9113 5.4.1)."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class StreamError(ProtocolError):
    """What ends a stream, and leaves the others alone (RFC 9113 5.4.2)."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    size = len(payload)
    return pack_header(size >> 8, size & 0xFF, kind, flags, stream) + payload


def headers(stream: int, block: bytes, flags: int) -> bytes:
    """A header block, in as many frames as it needs; *flags* are END_STREAM or 0."""
    if len(block) <= MAX_FRAME_SIZE:
        return frame(HEADERS, flags | END_HEADERS, stream, block)
    frames = [frame(HEADERS, flags, stream, block[:MAX_FRAME_SIZE])]
    for at in range(MAX_FRAME_SIZE, len(block), MAX_FRAME_SIZE):
        last = END_HEADERS if at + MAX_FRAME_SIZE >= len(block) else 0
        frames.append(frame(CONTINUATION, last, stream, block[at : at + MAX_FRAME_SIZE]))
    return b"".join(frames)


def data(stream: int, body: bytes, flags: int) -> bytes:
    """Bytes of a body, in as many frames as they need; *flags* are END_STREAM or 0."""
    size = len(body)
    if size <= MAX_FRAME_SIZE:
        return pack_header(size >> 8, size & 0xFF, DATA, flags, stream) + body
    pieces = []
    at = 0
    while at < size:
        length = min(MAX_FRAME_SIZE, size - at)
        if length < size - at < length + MIN_PIECE:
            # Two frames of the same size are better than one that is full and a small one.
            length = (size - at) // 2
        end = at + length
        pieces.append(pack_header(length >> 8, length & 0xFF, DATA, flags if end == size else 0, stream))
        pieces.append(body[at:end])
        at = end
    return b"".join(pieces)


def settings(values: dict[Setting, int]) -> bytes:
    """Our settings."""
    return frame(SETTINGS, 0, 0, b"".join([_pack_setting(*each) for each in values.items()]))


SETTINGS_ACK: Final = frame(SETTINGS, ACK, 0)


def rst_stream(stream: int, code: int) -> bytes:
    """The end of a stream."""
    return frame(RST_STREAM, 0, stream, _pack_number(code))


def window_update(stream: int, size: int) -> bytes:
    """Room for *size* octets more."""
    return frame(WINDOW_UPDATE, 0, stream, _pack_number(size))


def goaway(last: int, code: int, detail: bytes = b"") -> bytes:
    """The end of a connection, after streams up to *last*."""
    return frame(GOAWAY, 0, 0, _pack_number(last) + _pack_number(code) + detail)


def number(payload: bytes) -> int:
    """The one number of 32 bits that RST_STREAM and WINDOW_UPDATE have."""
    if len(payload) != 4:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a frame's length is not that of its type")
    value: int = _unpack_number(payload)[0]
    return value


def unpadded(flags: int, payload: bytes) -> bytes:
    """What DATA or HEADERS carry; RFC 9113 6.1: padding as long as the payload is an error."""
    if not flags & PADDED:
        return payload
    if not payload:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a padded frame is empty")
    end = len(payload) - payload[0]
    if end < 1:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "there is more padding than payload")
    return payload[1:end]


def depends_on(stream: int, payload: bytes) -> bool:
    """Whether the priority that *payload* begins with has *stream* depend on itself (RFC 7540 5.3.1)."""
    return len(payload) >= 4 and int.from_bytes(payload[:4]) & MAX_STREAM_ID == stream


def fragment(flags: int, payload: bytes) -> bytes:
    """The part of a header block that HEADERS carries; RFC 9113 5.3.2 has its priority passed over."""
    payload = unpadded(flags, payload)
    if not flags & WITH_PRIORITY:
        return payload
    if len(payload) < 5:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "the priority in HEADERS is cut off")
    return payload[5:]
