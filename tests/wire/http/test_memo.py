"""Tests of what is kept by the bytes that it was read from."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.memo import GENERATION_BYTES, GENERATION_ENTRIES, LONGEST, MAX_SEEN, Memo


def twice(memo: Memo[int], key: bytes, value: int) -> None:
    """Offer *value* until it is kept."""
    memo.keep(key, value)
    memo.keep(key, value)


class MemoTests(SynchronousTestCase):
    """What is kept, and for how long."""

    def test_second_time(self) -> None:
        """What comes for the first time is not kept: it may never come again."""
        memo: Memo[int] = Memo()
        memo.keep(b"a", 1)
        self.assertEqual((memo.young.get(b"a"), memo.recall(b"a")), (None, None))
        memo.keep(b"a", 1)
        self.assertEqual(memo.young, {b"a": 1})

    def test_too_long(self) -> None:
        """What is very long is never kept."""
        memo: Memo[int] = Memo()
        twice(memo, b"a" * LONGEST, 1)
        twice(memo, b"a" * (LONGEST + 1), 2)
        self.assertEqual(list(memo.young.values()), [1])

    def test_entries(self) -> None:
        """Two generations of a bounded number of entries are kept."""
        memo: Memo[int] = Memo()
        for number in range(3 * GENERATION_ENTRIES):
            twice(memo, b"%d" % number, number)
        self.assertLessEqual(len(memo.young), GENERATION_ENTRIES)
        kept = [number for number in range(3 * GENERATION_ENTRIES) if self.is_kept(memo, b"%d" % number)]
        self.assertLessEqual(len(kept), 2 * GENERATION_ENTRIES)
        self.assertEqual(kept[-1], 3 * GENERATION_ENTRIES - 1)

    def test_bytes(self) -> None:
        """Two generations of a bounded size are kept."""
        memo: Memo[int] = Memo()
        most = 2 * (GENERATION_BYTES + LONGEST)
        for number in range(4 * GENERATION_BYTES // LONGEST):
            twice(memo, b"%d " % number + b"a" * (LONGEST - 10), number)
            self.assertLessEqual(sum(map(len, [*memo.young, *memo._old])), most)
        self.assertGreater(sum(map(len, [*memo.young, *memo._old])), GENERATION_BYTES)

    def test_in_use(self) -> None:
        """What is asked for survives any number of others."""
        memo: Memo[int] = Memo()
        twice(memo, b"used", -1)
        for number in range(5 * GENERATION_ENTRIES):
            twice(memo, b"%d" % number, number)
            self.assertEqual(memo.young.get(b"used") or memo.recall(b"used"), -1)

    def test_seen(self) -> None:
        """A flood of what never comes again leaves nothing behind, and the count of it is bounded."""
        memo: Memo[int] = Memo()
        for number in range(2 * MAX_SEEN):
            memo.keep(b"%d" % number, number)
            self.assertLessEqual(len(memo._seen), MAX_SEEN)
        self.assertEqual(memo.young, {})

    def is_kept(self, memo: Memo[int], key: bytes) -> bool:
        """Whether *key* is in either generation."""
        return key in memo.young or key in memo._old
