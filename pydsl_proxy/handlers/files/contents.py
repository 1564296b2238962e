"""The contents of small files that are asked for again and again, kept while they stay as they are."""

from __future__ import annotations

from pydsl_proxy.handlers.files.heads import Facts

#: Bytes of contents that a location keeps; when there are more, all are let go.
MAX_KEPT = 4 * 1024 * 1024
#: What is known of a file beside its content, about, in bytes: so that the number of empty files is bounded too.
BESIDE = 1024
#: Seconds since a file's last change before its content is kept.  Clocks of file systems are coarse, FAT's by two: a
#: file may change again just after it was read, without a change of its time.  git takes the same care.
SETTLED = 3


class Contents:
    """Keeps contents with what is known of their files.

    What is kept is used only when the file has still the inode, the size and the times that it had.  That costs one
    ``stat`` in place of an open, a look, a read and a close: 40 % of what a file of 10 KB costs.
    """

    __slots__ = ("_bytes", "_keeping")

    def __init__(self) -> None:
        self._keeping: list[Facts] = []
        self._bytes = 0

    def offer(self, facts: Facts, content: bytes, now: float) -> None:
        """Keep *content*, which was just read, if it was asked for before and did not change lately."""
        changed, _, _, modified, _ = facts.identity
        if facts.second < 0 or max(changed, modified) > (now - SETTLED) * 1e9:
            return
        size = len(content) + BESIDE
        if self._bytes + size > MAX_KEPT:
            for each in self._keeping:
                each.content = None
            self._keeping.clear()
            self._bytes = 0
        facts.content = content
        self._keeping.append(facts)
        self._bytes += size
