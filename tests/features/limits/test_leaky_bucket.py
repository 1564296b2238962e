"""Tests of rates and of the buckets that leak by them."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors.rates import Rate, read_rate
from pydsl_proxy.features.limits.leaky_bucket import Buckets, short_key
from tests.support.failing import mistake
from tests.support.nginx_bucket import NginxBucket

MINUTE = 60_000


def ask(buckets: Buckets, rate: Rate, key: bytes, now: int, burst: int, delay: int) -> int | None:
    """What the step does: the delay of one request in milliseconds, or None."""
    excess = buckets.excess(key, now)
    if excess > burst * 1000:
        return None
    buckets.put(key, excess, now)
    return rate.time_for(excess - delay * 1000) if excess > delay * 1000 else 0


class RateTests(SynchronousTestCase):
    """``"10/s"``."""

    def test_read(self) -> None:
        """Requests by the second, the minute or the hour."""
        self.assertEqual(read_rate("f", "10/s"), Rate(10, 1000))
        self.assertEqual(read_rate("f", "600/m"), Rate(600, MINUTE))
        self.assertEqual(read_rate("f", "5/h"), Rate(5, 60 * MINUTE))

    def test_leaks(self) -> None:
        """A rate by the minute is exact, where nginx rounds it to thousandths of a request a second."""
        self.assertEqual(Rate(1, MINUTE).leaked(MINUTE), 1000)
        self.assertEqual(Rate(10, 1000).leaked(100), 1000)
        self.assertEqual(Rate(10, 1000).time_for(1500), 150)
        self.assertEqual([Rate(10, 1000).seconds_for(excess) for excess in (1, 10_000, 10_001)], [1, 1, 2])

    def test_mistakes(self) -> None:
        """What nginx and others write is told how to be written here."""
        hints = {
            "10r/s": "10/s",
            "30r/m": "30/m",
            "10 per second": "10/s",
            "100/min": "100/m",
            "0.5/s": "30/m",
            ".25r/s": "12/m",
            "0/s": "10/s",
            "": "10/s",
            "1e3/s": "10/s",
        }
        for text, meant in hints.items():
            message, hint = mistake(read_rate, "limit_requests", text)
            self.assertEqual(message, f"limit_requests: {text!r} is no rate")
            self.assertIn(f'write limit_requests("{meant}")', hint or "", text)
        self.assertIn('("10/s")', mistake(read_rate, "limit_requests", cast("str", 10))[1] or "")
        self.assertIn('("10/s")', mistake(read_rate, "limit_requests", cast("str", True))[1] or "")
        self.assertIn('("10/s")', mistake(read_rate, "limit_requests", cast("str", None))[1] or "")
        for text in ("²/s", "١/s", "10/s\n", "10/S", "10000000000/s"):
            mistake(read_rate, "limit_requests", text)


class BucketTests(SynchronousTestCase):
    """One bucket."""

    @given(
        st.integers(1, 2000),
        st.integers(0, 20),
        st.integers(0, 20),
        st.lists(st.one_of(st.integers(0, 300), st.integers(0, 130_000), st.just(0)), max_size=60),
    )
    def test_nginx(self, requests: int, burst: int, delay: int, pauses: list[int]) -> None:
        """At any rate by the second requests fare as with nginx."""
        rate = Rate(requests, 1000)
        oracle, buckets = NginxBucket(requests, burst, delay), Buckets(rate, 1)
        now = 10**12
        for pause in pauses:
            now += pause
            self.assertEqual(ask(buckets, rate, b"k", now, burst, delay), oracle.ask(now))

    @given(st.integers(1, 50), st.sampled_from([1000, MINUTE]), st.integers(0, 9), st.lists(st.integers(0, 2000)))
    def test_never_more(self, requests: int, period: int, burst: int, pauses: list[int]) -> None:
        """In any time no more pass than the rate and the burst allow, and one that comes first."""
        rate, now, passed = Rate(requests, period), 0, 0
        buckets = Buckets(rate, 1)
        for pause in pauses:
            now += pause
            passed += ask(buckets, rate, b"k", now, burst, burst) is not None
            # What leaks is rounded down each time.
            self.assertLessEqual(passed, burst + 1 + requests * now / period + 1e-9)

    def test_set_back(self) -> None:
        """A clock that is set back lets nobody in, and shuts nobody out for longer than the rate says."""
        rate = Rate(10, 1000)
        for step in (1, 100, MINUTE, 60 * MINUTE):
            buckets = Buckets(rate, 1)
            now = 100 * MINUTE
            self.assertEqual(ask(buckets, rate, b"k", now, 0, 0), 0)
            now -= step
            self.assertEqual([ask(buckets, rate, b"k", now + wait, 0, 0) for wait in (0, 99, 100)], [None, None, 0])

    def test_refused(self) -> None:
        """A request that is refused changes nothing."""
        rate = Rate(10, 1000)
        buckets = Buckets(rate, 1)
        self.assertEqual([ask(buckets, rate, b"k", 0, 0, 0) for _ in range(3)], [0, None, None])
        self.assertIsNone(ask(buckets, rate, b"k", 99, 0, 0))
        self.assertEqual(ask(buckets, rate, b"k", 100, 0, 0), 0)


class TableTests(SynchronousTestCase):
    """Many buckets."""

    @given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 90_000)), max_size=200), st.integers(1, 9))
    def test_bounded(self, asked: list[tuple[int, int]], most: int) -> None:
        """There are never more than the most, whatever keys come."""
        rate, now = Rate(1, 1000), 0
        buckets = Buckets(rate, most)
        for key, pause in asked:
            now += pause
            ask(buckets, rate, b"%d" % key, now, 3, 3)
            self.assertLessEqual(len(buckets), most)

    def test_oldest(self) -> None:
        """The one that was looked at the longest time ago makes room, and it is told whether it still counted."""
        rate = Rate(1, 1000)
        buckets = Buckets(rate, 2)
        for key in (b"a", b"b", b"a"):
            ask(buckets, rate, key, 0, 9, 9)
        # Refused, and still in use.
        self.assertIsNone(ask(buckets, rate, b"a", 1, 0, 0))
        self.assertFalse(buckets.put(b"c", 0, 1))
        self.assertEqual(buckets.excess(b"b", 1), 0)
        self.assertGreater(buckets.excess(b"a", 1), 1000)
        self.assertGreater(buckets.excess(b"c", 1), 0)
        self.assertTrue(buckets.put(b"d", 0, 1))
        self.assertEqual(buckets.excess(b"a", 1), 0)

    def test_empty(self) -> None:
        """For each new one up to two go that have been empty for a minute."""
        rate = Rate(1, 1000)
        buckets = Buckets(rate, 100)
        for key in range(5):
            buckets.put(b"%d" % key, 0, 0)
        buckets.put(b"x", 0, MINUTE - 1)
        self.assertEqual(len(buckets), 6)
        buckets.put(b"y", 0, MINUTE)
        self.assertEqual(len(buckets), 5)
        buckets.put(b"z", 0, 2 * MINUTE)
        self.assertEqual(len(buckets), 4)

    def test_not_empty(self) -> None:
        """One that still counts stays, however old it is."""
        rate = Rate(1, 60 * MINUTE)
        buckets = Buckets(rate, 100)
        buckets.put(b"a", 1000, 0)
        buckets.put(b"b", 0, 2 * MINUTE)
        self.assertEqual(len(buckets), 2)

    def test_long_keys(self) -> None:
        """A long key counts by its digest, which is the key of nobody else."""
        self.assertEqual(short_key(b"k" * 64), b"k" * 64)
        digest = short_key(b"k" * 65)
        self.assertEqual(len(digest), 65)
        self.assertNotEqual(digest, short_key(b"k" * 66))
        self.assertNotEqual(short_key(digest), digest)
