"""Tests of frames: hyperframe reads what we write."""

from __future__ import annotations

from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.frames import (
    END_STREAM,
    MAX_FRAME_SIZE,
    PADDED,
    WITH_PRIORITY,
    ProtocolError,
    Setting,
    data,
    fragment,
    goaway,
    headers,
    number,
    rst_stream,
    settings,
    unpadded,
    window_update,
)


def parsed(octets: bytes) -> list[Frame]:
    """The frames that hyperframe reads."""
    frames = []
    view = memoryview(octets)
    while view:
        found, length = Frame.parse_frame_header(view[:9])
        found.parse_body(view[9 : 9 + length])
        frames.append(found)
        view = view[9 + length :]
    return frames


class WritingTests(SynchronousTestCase):
    """What is written."""

    @given(st.integers(0, 3 * MAX_FRAME_SIZE), st.sampled_from([0, END_STREAM]))
    def test_data(self, size: int, flags: int) -> None:
        """A body of any size, of which the last frame alone ends the stream."""
        frames = parsed(data(5, bytes(size), flags))
        assert all(isinstance(each, DataFrame) and each.stream_id == 5 for each in frames)
        assert sum(len(getattr(each, "data", b"")) for each in frames) == size
        assert ["END_STREAM" in each.flags for each in frames] == [False] * (len(frames) - 1) + [bool(flags)]

    @given(st.integers(0, 3 * MAX_FRAME_SIZE), st.sampled_from([0, END_STREAM]))
    def test_headers(self, size: int, flags: int) -> None:
        """A header block of any size: END_STREAM on the first frame, END_HEADERS on the last."""
        frames = parsed(headers(5, bytes(size), flags))
        first, *rest = frames
        assert isinstance(first, HeadersFrame) and all(isinstance(each, ContinuationFrame) for each in rest)
        assert ("END_STREAM" in first.flags) is bool(flags)
        assert ["END_HEADERS" in each.flags for each in frames] == [False] * len(rest) + [True]
        assert sum(len(getattr(each, "data", b"")) for each in frames) == size

    def test_others(self) -> None:
        """The small ones."""
        written = settings({Setting.MAX_CONCURRENT_STREAMS: 7}) + rst_stream(3, 8) + window_update(0, 9) + goaway(3, 1)
        first, second, third, fourth = parsed(written)
        assert isinstance(first, SettingsFrame) and first.settings == {3: 7}
        assert isinstance(second, RstStreamFrame) and (second.stream_id, second.error_code) == (3, 8)
        assert isinstance(third, WindowUpdateFrame) and (third.stream_id, third.window_increment) == (0, 9)
        assert isinstance(fourth, GoAwayFrame) and (fourth.last_stream_id, fourth.error_code) == (3, 1)


class ReadingTests(SynchronousTestCase):
    """What is taken apart."""

    def test_padding(self) -> None:
        """RFC 9113 6.1"""
        assert unpadded(0, b"abc") == b"abc"
        assert unpadded(PADDED, b"\x02abcde") == b"abc"
        assert unpadded(PADDED, b"\x00abc") == b"abc"
        assert unpadded(PADDED, b"\x02xx") == b""
        for bad in (b"", b"\x01", b"\x04abc"):
            self.assertRaises(ProtocolError, unpadded, PADDED, bad)

    def test_priority(self) -> None:
        """It is passed over (RFC 9113 5.3.2)."""
        assert fragment(WITH_PRIORITY, b"\0\0\0\0\0abc") == b"abc"
        assert fragment(WITH_PRIORITY | PADDED, b"\x01\0\0\0\0\0abcx") == b"abc"
        self.assertRaises(ProtocolError, fragment, WITH_PRIORITY, b"\0\0\0\0")

    def test_number(self) -> None:
        """Four octets, no more and no less."""
        assert number(b"\0\0\1\0") == 256
        self.assertRaises(ProtocolError, number, b"\0\0\0")
        self.assertRaises(ProtocolError, number, b"\0\0\0\0\0")
