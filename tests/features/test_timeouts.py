"""Tests of timeouts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, location, server
from pydsl_proxy.config.features import merged
from pydsl_proxy.features.timeouts import Timeouts, timeouts_of
from tests.support.failing import mistake


class TimeoutsTests(SynchronousTestCase):
    """How the times of scopes within scopes add up."""

    def test_defaults(self) -> None:
        """Connect 5, send 60, read 60."""
        self.assertEqual(timeouts_of(()), Timeouts(connect=5, send=60, read=60))

    def test_each_by_itself(self) -> None:
        """An inner scope wins for the times that it names, and inherits the others."""
        place = location("/").timeouts(read=3).respond(200)
        web = server(80).timeouts(read=2, send=2).including(place)
        whole = http(web).timeouts(connect=1, send=1, read=1)
        self.assertEqual(timeouts_of(merged(whole, web, place)), Timeouts(connect=1, send=2, read=3))

    def test_later_wins(self) -> None:
        """In one scope the last one said holds."""
        features = server(80).timeouts(read=1).timeouts(read=2).features
        self.assertEqual(timeouts_of(features).read, 2)

    def test_mistakes(self) -> None:
        """A time is more than nothing, and at least one is given."""
        self.assertEqual(
            mistake(server(80).timeouts), ("timeouts() without a time", "write .timeouts(connect=1, read=30)")
        )
        self.assertEqual(mistake(server(80).timeouts, read=0)[0], "timeouts(read=…) must be more than 0 seconds, not 0")
