"""What was read from bytes once, kept by those bytes: browsers repeat their header block, peers theirs."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

# A block is at most a head (32 KiB by default), usually under 1 KiB.  Two generations of this many bytes are kept.
GENERATION_BYTES = 512 * 1024
GENERATION_ENTRIES = 1024
# What is longer than this is seldom repeated and would push out many others.
LONGEST = 8 * 1024
# Hashes of what was seen once.
MAX_SEEN = 4096


class Memo(Generic[T]):
    """A dictionary of two generations: bounded in entries and bytes, and what is in use survives a flood of others.

    A key is kept when it comes for the second time: what never comes again costs no memory, whose first use is half
    the price of keeping it.  When the young generation is full it becomes the old one, whose entries are dropped unless
    they are asked for.  ``young`` may be read directly where a call counts.
    """

    __slots__ = ("_bytes", "_old", "_seen", "young")

    def __init__(self) -> None:
        self.young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}
        self._seen: set[int] = set()
        self._bytes = 0

    def recall(self, key: bytes) -> T | None:
        """The value kept for *key* in the old generation, which makes it young again."""
        value = self._old.pop(key, None)
        if value is not None:
            self._keep(key, value)
        return value

    def keep(self, key: bytes, value: T) -> None:
        """Keep *value* if *key* was seen before, unless it is too long to be worth it."""
        mark = hash(key)
        seen = self._seen
        if mark in seen:
            if len(key) <= LONGEST:
                self._keep(key, value)
            return
        if len(seen) >= MAX_SEEN:
            seen.clear()
        seen.add(mark)

    def _keep(self, key: bytes, value: T) -> None:
        if self._bytes > GENERATION_BYTES or len(self.young) >= GENERATION_ENTRIES:
            self._old, self.young = self.young, {}
            self._bytes = 0
        self.young[key] = value
        self._bytes += len(key)
