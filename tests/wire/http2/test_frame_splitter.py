"""Tests of how bytes are taken apart into frames of HTTP/2."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.frame_splitter import Frame, FrameSplitter
from pydsl_proxy.wire.http2.frames import DATA, MOST_PAYLOAD, Code, Fault, frame

BYTE = st.integers(0, 255)
FRAMES = st.lists(st.tuples(BYTE, BYTE, st.integers(0, 0x7FFFFFFF), st.binary(max_size=40)), max_size=6)


class SplitterTests(SynchronousTestCase):
    """Bytes taken apart."""

    @given(FRAMES, st.lists(st.integers(0, 300), max_size=6))
    def test_any_split(self, frames: list[Frame], cuts: list[int]) -> None:
        """What was written is read, wherever the bytes are cut."""
        data = b"".join([frame(*each) for each in frames])
        splitter = FrameSplitter()
        read: list[Frame] = []
        for start, end in pairwise([0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]):
            read += splitter.feed(data[start:end])
        self.assertEqual(read, frames)

    def test_reserved_bit(self) -> None:
        """RFC 9113 4.1: the first bit of the stream's number is ignored."""
        self.assertEqual(FrameSplitter().feed(b"\0\0\1\0\0\x80\0\0\5!"), [(DATA, 0, 5, b"!")])

    def test_too_long(self) -> None:
        """A frame that is longer than we said is told by its head, before its payload is held."""
        self.assertEqual(FrameSplitter().feed(MOST_PAYLOAD.to_bytes(3, "big") + bytes(6)), [])
        error = self.assertRaises(Fault, FrameSplitter().feed, (MOST_PAYLOAD + 1).to_bytes(3, "big") + bytes(6))
        self.assertIs(error.code, Code.FRAME_SIZE_ERROR)
