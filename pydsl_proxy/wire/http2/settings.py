"""What the other side of HTTP/2 says that it takes (RFC 9113 6.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pydsl_proxy.wire.http2.frames import MOST_PAYLOAD, MOST_WINDOW, Code, Fault, Setting, unpack_settings

# The largest value of MAX_FRAME_SIZE.
_LARGEST_FRAME = 0xFFFFFF
# Values in one frame; seven are registered, and those that test extensibility add one or two (RFC 8701).
_MOST_VALUES = 32


def read_settings(payload: bytes) -> Iterator[tuple[int, int]]:
    """The values in the order in which they are to be applied, each checked; unknown ones are among them."""
    if len(payload) % 6:
        raise Fault(Code.FRAME_SIZE_ERROR, f"SETTINGS of {len(payload)} bytes")
    if len(payload) > 6 * _MOST_VALUES:
        raise Fault(Code.ENHANCE_YOUR_CALM, f"SETTINGS with {len(payload) // 6} values")
    for name, value in unpack_settings(payload):
        _check(name, value)
        yield name, value


def _check(name: int, value: int) -> None:
    """RFC 9113 6.5.2."""
    if name in (Setting.ENABLE_PUSH, Setting.ENABLE_CONNECT_PROTOCOL) and value > 1:
        raise Fault(Code.PROTOCOL_ERROR, f"a setting {name} of {value}, which is 0 or 1")
    if name == Setting.INITIAL_WINDOW_SIZE and value > MOST_WINDOW:
        raise Fault(Code.FLOW_CONTROL_ERROR, f"an initial window of {value} bytes")
    if name == Setting.MAX_FRAME_SIZE and not MOST_PAYLOAD <= value <= _LARGEST_FRAME:
        raise Fault(Code.PROTOCOL_ERROR, f"a largest frame of {value} bytes")


def error_name(code: int) -> str:
    """A code as RFC 9113 7 names it, or as a number: unknown ones mean nothing special."""
    try:
        return Code(code).name
    except ValueError:
        return f"error {code:#x}"
