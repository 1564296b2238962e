"""Tests of the ranges that a request asks for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.fields.ranges import MAX_RANGES, Unsatisfiable, byte_ranges


class RangeTests(SynchronousTestCase):
    """Of a hundred bytes."""

    def test_single(self) -> None:
        """From, from to, and the last ones; what lies beyond the end is cut."""
        for value, expected in (
            (b"bytes=0-0", [(0, 1)]),
            (b"bytes=10-19", [(10, 10)]),
            (b"bytes=90-", [(90, 10)]),
            (b"bytes=90-1000", [(90, 10)]),
            (b"bytes=90-99999999999999999999999", [(90, 10)]),
            (b"bytes=-10", [(90, 10)]),
            (b"bytes=-1000", [(0, 100)]),
            (b"Bytes= 0-0 ", [(0, 1)]),
        ):
            self.assertEqual(byte_ranges(value, 100), expected, value)

    def test_several(self) -> None:
        """They keep their order; those beyond the end are left out, and empty elements passed over."""
        self.assertEqual(byte_ranges(b"bytes=50-59, 0-9", 100), [(50, 10), (0, 10)])
        self.assertEqual(byte_ranges(b"bytes=0-9,100-", 100), [(0, 10)])
        self.assertEqual(byte_ranges(b"bytes=,0-9,,", 100), [(0, 10)])

    def test_whole(self) -> None:
        """Other units, nothing to take a part of, too many ranges and overlapping ones give the whole."""
        many = b",".join([b"1-1"] * (MAX_RANGES + 1))
        for value in (
            b"lines=1-2",
            b"0-9",
            b"bytes",
            b"bytes=",
            b"bytes=" + many,
            b"bytes=0-60,20-80",
            b"bytes=0-,0-,0-",
        ):
            self.assertIsNone(byte_ranges(value, 100), value)
        self.assertIsNone(byte_ranges(b"bytes=0-", 0))
        self.assertEqual(len(byte_ranges(b"bytes=" + b",".join([b"1-1"] * MAX_RANGES), 1000) or ()), MAX_RANGES)

    def test_unsatisfiable(self) -> None:
        """Beyond the end, none of the last bytes, and what cannot be read: 416."""
        for value in (b"100-", b"-0", b"100-200,300-", b"x", b"-", b"5-4", b"1-2-3", b",", b"0-1,x", b"+1-2"):
            self.assertRaises(Unsatisfiable, byte_ranges, b"bytes=" + value, 100)

    @given(st.lists(st.tuples(st.integers(0, 120), st.integers(0, 120)), min_size=1, max_size=5), st.integers(1, 100))
    def test_bounds(self, pairs: list[tuple[int, int]], size: int) -> None:
        """Whatever is asked for, what is given lies within, and is no more than the whole."""
        value = b"bytes=" + b",".join([b"%d-%d" % (min(pair), max(pair)) for pair in pairs])
        try:
            found = byte_ranges(value, size)
        except Unsatisfiable:
            self.assertTrue(all(min(pair) >= size for pair in pairs))
            return
        for start, length in found or ():
            self.assertTrue(0 <= start < start + length <= size)
        self.assertLessEqual(sum(length for _, length in found or ()), size)
