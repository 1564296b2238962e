"""Tests of contents that are kept."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.files.contents import BESIDE, MAX_KEPT, SETTLED, Contents
from pydsl_proxy.handlers.files.heads import Dates, Facts

CHANGED = 1000


def facts(*, changed: int = CHANGED, modified: int = CHANGED) -> Facts:
    """What is known of a file that was asked for before."""
    identity = (changed * 10**9, 1, 5, modified * 10**9, 1)
    made = Facts(identity, 5, modified, b"text/plain", (), Dates(lambda: 0.0))
    made.at(0)
    return made


class ContentTests(SynchronousTestCase):
    """What is kept, and how much."""

    def test_settled(self) -> None:
        """A content is kept if the file has not changed for some seconds, neither in content nor in name."""
        for changed, modified, kept in ((0, 0, True), (1, 0, False), (0, 1, False), (-9, 0, True)):
            file = facts(changed=CHANGED + changed, modified=CHANGED + modified)
            Contents().offer(file, b"12345", CHANGED + SETTLED)
            self.assertEqual(file.content, b"12345" if kept else None)

    def test_second_time(self) -> None:
        """What is asked for once is not kept."""
        file = facts()
        file.second = -1
        Contents().offer(file, b"12345", CHANGED + SETTLED)
        self.assertIsNone(file.content)

    def test_bounded(self) -> None:
        """When there is more than a location keeps, all is let go but what came last."""
        contents, large = Contents(), b"x" * (MAX_KEPT // 2 - BESIDE)
        files = [facts() for _ in range(3)]
        for file in files:
            contents.offer(file, large, CHANGED + SETTLED)
        self.assertEqual([file.content is None for file in files], [True, True, False])

    def test_empty(self) -> None:
        """So is the number of files with nothing in them."""
        contents = Contents()
        files = [facts() for _ in range(MAX_KEPT // BESIDE + 1)]
        for file in files:
            contents.offer(file, b"", CHANGED + SETTLED)
        self.assertEqual(sum(file.content is not None for file in files), 1)
