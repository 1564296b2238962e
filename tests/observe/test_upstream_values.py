"""Tests of the lists of attempts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.observe.upstream_values import addresses, statuses, times
from tests.observe.doubles import FakeAttempt, FakeExchange


def lists(exchange: FakeExchange) -> tuple[bytes, bytes, bytes]:
    """Addresses, statuses and times."""
    return addresses(exchange), statuses(exchange), times(exchange)


class ListTests(SynchronousTestCase):
    """What is logged of attempts."""

    def test_one(self) -> None:
        """One attempt is no list."""
        exchange = FakeExchange(attempt=FakeAttempt("a:1", 200, 0.0123))
        self.assertEqual(lists(exchange), (b"a:1", b"200", b"0.012"))

    def test_several(self) -> None:
        """Attempts stand in the order in which they were made (observed on nginx 1.22.1)."""
        first = FakeAttempt("a:1", 502, 0.0004)
        exchange = FakeExchange(attempt=FakeAttempt("unix:/b", 200, 1.5, FakeAttempt("a:1", 504, 2.0, first)))
        self.assertEqual(lists(exchange), (b"a:1, a:1, unix:/b", b"502, 504, 200", b"0.000, 2.000, 1.500"))

    def test_unanswered(self) -> None:
        """A peer that had not answered when the client left has no status."""
        self.assertEqual(statuses(FakeExchange(attempt=FakeAttempt("a:1", 0, 1))), b"-")

    def test_none(self) -> None:
        """An exchange that no peer was to have has nothing."""
        for error in (None, ProxyError(Source.CLIENT, 413, "body_too_large", "…")):
            self.assertEqual(lists(FakeExchange(error=error)), (b"", b"", b""))

    def test_no_peer(self) -> None:
        """Where no peer could be chosen, the upstream is named (observed on nginx 1.22.1)."""
        exchange = FakeExchange(error=ProxyError(Source.PEER, 502, "no_live_peers", "…", upstream="app"))
        self.assertEqual(lists(exchange), (b"app", b"502", b"0.000"))
