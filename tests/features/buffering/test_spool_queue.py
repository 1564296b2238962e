"""Tests of bytes that wait in memory and in a file."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.features.buffering.spool_queue import SpoolQueue

_sizes = st.integers(1, 40)
# How much comes, or how much is taken.
_acts = st.lists(st.tuples(st.booleans(), st.integers(1, 60)), max_size=40)


class WaitingBytesTests(SynchronousTestCase):
    """First in, first out."""

    def waiting(self, memory: int, size: int, spool: str | bool = True) -> SpoolQueue:
        """What is closed when the test is over."""
        made = SpoolQueue(memory, size, spool)
        self.addCleanup(made.close)
        return made

    @settings(max_examples=300, deadline=None)
    @example(1, 3, True, [(True, 60), (False, 1), (False, 2), (False, 55), (True, 1)])
    @given(_sizes, _sizes, st.booleans(), _acts)
    def test_order(self, memory: int, size: int, spool: bool, acts: list[tuple[bool, int]]) -> None:
        """Whatever comes and goes, the bytes come out as they went in; no more is in memory than was told.

        Who fills it heeds ``full``, but what came at once is taken as a whole.
        """
        waiting = SpoolQueue(memory, size, spool)
        expected = bytearray()
        number = 0
        for comes, many in acts:
            if comes and not waiting.full:
                data = bytes((number + at) % 251 for at in range(many))
                number += many
                expected += data
                waiting.put(data)
                in_memory = len(waiting._first) + len(waiting._last)
                over = max(0, len(waiting) - waiting.limit)
                self.assertLessEqual(in_memory, min(memory, size) + over)
                self.assertLess(over, many)
            else:
                data = waiting.take(many)
                self.assertLessEqual(len(data), many)
                self.assertEqual(bool(data), bool(expected))
                self.assertEqual(data, bytes(expected[: len(data)]))
                del expected[: len(data)]
            self.assertEqual(len(waiting), len(expected))
        out = b""
        while waiting:
            out += waiting.take(7)
        self.assertEqual(out, bytes(expected))
        waiting.close()

    def test_file_is_reused(self) -> None:
        """The file does not grow with what has gone through it."""
        waiting = self.waiting(10, 110)
        waiting.put(bytes(100))
        file = waiting._file
        assert file is not None and file._fd is not None
        for _ in range(50):
            waiting.put(bytes(7))
            waiting.take(7)
        self.assertLessEqual(len(_content(file._fd)), 100)

    def test_no_file_before_it_is_needed(self) -> None:
        """What fits in memory opens none, and asks for no directory."""
        waiting = self.waiting(10, 110, "/nowhere/at/all")
        waiting.put(bytes(10))
        self.assertEqual((waiting.broken, waiting.full), (None, False))
        self.assertIsNone(waiting._file)

    def test_broken(self) -> None:
        """Without a directory all stays in memory, and it is full where the memory is."""
        waiting = self.waiting(10, 110, "/nowhere/at/all")
        waiting.put(b"0123456789ab")
        self.assertIsInstance(waiting.broken, OSError)
        self.assertEqual((waiting.full, waiting.limit), (True, 10))
        self.assertEqual(waiting.take(11) + waiting.take(11), b"0123456789ab")
        self.assertFalse(waiting.full)

    def test_broken_later(self) -> None:
        """What was written before the disk was full is read, and what came then follows it."""
        waiting = self.waiting(2, 1000)
        waiting.put(b"0123")
        file = waiting._file
        assert file is not None and file._fd is not None
        kept, file._fd = file._fd, None
        waiting.put(b"4567")
        self.assertIsInstance(waiting.broken, OSError)
        file._fd = kept
        waiting.put(b"89")
        self.assertEqual(b"".join(waiting.take(3) for _ in range(6)), b"0123456789")

    def test_closed(self) -> None:
        """Closed, it is empty, and may be closed again."""
        waiting = self.waiting(2, 1000)
        waiting.put(b"0123")
        waiting.close()
        waiting.close()
        self.assertEqual((len(waiting), waiting.take(9)), (0, b""))


def _content(fd: int) -> bytes:
    with open(f"/proc/self/fd/{fd}", "rb") as file:
        return file.read()
