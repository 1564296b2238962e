"""What the other side of HTTP/2 says that it takes (RFC 9113 6.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.wire.http2.frames import MAX_FRAME_SIZE, MAX_WINDOW, ErrorCode, ProtocolError, Setting, unpack_settings

# The largest value of MAX_FRAME_SIZE.
_LARGEST_FRAME = 0xFFFFFF
# Values in one frame; seven are registered, and those that test extensibility add one or two (RFC 8701).
_MAX_VALUES = 32


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """The values in the order in which they are to be applied, each checked; unknown ones are among them."""
    if len(payload) % 6:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    if len(payload) > 6 * _MAX_VALUES:
        raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"SETTINGS with {len(payload) // 6} values")
    for name, value in unpack_settings(payload):
        _check(name, value)
        yield name, value


def _check(name: int, value: int) -> None:
    """RFC 9113 6.5.2."""
    if name in (Setting.ENABLE_PUSH, Setting.ENABLE_CONNECT_PROTOCOL) and value > 1:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"a setting {name} of {value}, which is 0 or 1")
    if name == Setting.INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
        raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, f"an initial window of {value} bytes")
    if name == Setting.MAX_FRAME_SIZE and not MAX_FRAME_SIZE <= value <= _LARGEST_FRAME:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"a largest frame of {value} bytes")


def error_name(code: int) -> str:
    """A code as RFC 9113 7 names it, or as a number: unknown ones mean nothing special."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"error {code:#x}"
