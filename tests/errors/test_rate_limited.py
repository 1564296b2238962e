"""Tests of lines that stand for several events."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors.rate_limited import QUIET, RateLimited, limit_of, more


class Owner:
    """A listener, say."""


class RateLimitedTests(SynchronousTestCase):
    """One line each ten seconds."""

    def test_counts(self) -> None:
        """The first event is told at once; then a line each ten seconds at most, with the number of all since."""
        clock = Clock()
        limit = RateLimited(clock.seconds)
        self.assertEqual([limit.note() for _ in range(4)], [1, 0, 0, 0])
        clock.advance(QUIET - 0.1)
        self.assertEqual(limit.note(), 0)
        clock.advance(0.1)
        self.assertEqual([limit.note(), limit.note()], [5, 0])
        clock.advance(QUIET)
        self.assertEqual(limit.note(), 2)

    def test_clock_set_back(self) -> None:
        """A clock that was put back does not silence it."""
        now = 1000.0
        limit = RateLimited(lambda: now)
        self.assertEqual(limit.note(), 1)
        now -= 500
        self.assertEqual(limit.note(), 1)

    def test_more(self) -> None:
        """A line of one event says nothing of others."""
        self.assertEqual((more(1), more(3)), ("", ", the last of 3 since the line before"))

    def test_owners(self) -> None:
        """Each has a limit for each of its matters, for as long as it lives."""
        one, other, clock = Owner(), Owner(), Clock()
        limit = limit_of(one, "PROXY", clock.seconds)
        self.assertIs(limit_of(one, "PROXY", clock.seconds), limit)
        others = {limit_of(one, "HTTP/2", clock.seconds), limit_of(other, "PROXY", clock.seconds), limit}
        self.assertEqual(len(others), 3)
