"""Tests of how bytes are taken apart into frames of HTTP/2."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http2.frame_splitter import Frame, FrameSplitter
from pydsl_proxy.wire.http2.frames import DATA, HEADERS, MAX_FRAME_SIZE, PING, WORK, ErrorCode, ProtocolError, frame

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
        self.assertEqual(FrameSplitter().feed(MAX_FRAME_SIZE.to_bytes(3, "big") + bytes(6)), [])
        error = self.assertRaises(
            ProtocolError, FrameSplitter().feed, (MAX_FRAME_SIZE + 1).to_bytes(3, "big") + bytes(6)
        )
        self.assertIs(error.code, ErrorCode.FRAME_SIZE_ERROR)


class WorkTests(SynchronousTestCase):
    """Frames for one turn, and those for the next."""

    def taken(self, one: Frame, work: int) -> int:
        """How many of ten such frames cost so much."""
        splitter = FrameSplitter()
        taken = len(splitter.feed(frame(*one) * 10, work))
        self.assertIs(splitter.has_more, taken < 10)
        return taken

    def test_costs(self) -> None:
        """Each type has its cost, a type that is not known the least; frames are taken while any work is left."""
        for kind in range(12):
            cost = WORK[kind] if kind < len(WORK) else 1
            for work, count in (
                (0, 0),
                (1, 1),
                (cost, 1),
                (cost + 1, 2),
                (2 * cost, 2),
                (3 * cost, 3),
                (10 * cost, 10),
            ):
                self.assertEqual(self.taken((kind, 0, 1, b""), work), count, (kind, work))

    def test_payload(self) -> None:
        """What a frame carries costs one for each eight octets; what DATA carries costs nothing."""
        for size, cost in ((7, 1), (8, 2), (15, 2), (16, 3), (80, 11)):
            for work, count in ((cost, 1), (cost + 1, 2), (4 * cost, 4), (4 * cost + 1, 5)):
                self.assertEqual(self.taken((PING, 0, 0, bytes(size)), work), count, (size, work))
                self.assertEqual(self.taken((DATA, 0, 1, bytes(size)), min(work, 10)), min(work, 10), (size, work))

    def test_more(self) -> None:
        """Nothing is left before the first octets; what is left comes with those that follow, in its order."""
        splitter = FrameSplitter()
        self.assertIs(splitter.has_more, False)
        frames: list[Frame] = [(HEADERS, 0, number, b"") for number in range(1, 6)]
        self.assertEqual(splitter.feed(b"".join(frame(*each) for each in frames[:4]), 17), frames[:2])
        self.assertIs(splitter.has_more, True)
        splitter.hold(frame(*frames[4])[:5])
        self.assertIs(splitter.has_more, True)
        self.assertEqual(splitter.feed(frame(*frames[4])[5:]), frames[2:])
        self.assertIs(splitter.has_more, False)

    def test_begun(self) -> None:
        """A frame that has begun is no work for the next turn, until its header is there."""
        whole = frame(PING, 0, 0, bytes(8))
        for end, more in ((len(whole), False), (len(whole) + 8, False), (len(whole) + 9, True)):
            splitter = FrameSplitter()
            self.assertEqual(len(splitter.feed((whole * 2)[:end], 1)), 1)
            self.assertIs(splitter.has_more, more, end)
