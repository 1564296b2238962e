"""Tests of the times in header fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.http.dates import http_date, read_http_date

# The example of RFC 9110 5.6.7.
WHEN = 784111777


class DateTests(SynchronousTestCase):
    """What is written and read."""

    def test_forms(self) -> None:
        """All three forms of the RFC are read; the first is written."""
        self.assertEqual(http_date(WHEN), b"Sun, 06 Nov 1994 08:49:37 GMT")
        for form in (
            b"Sun, 06 Nov 1994 08:49:37 GMT",
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
        ):
            self.assertEqual(read_http_date(form), WHEN)

    def test_short_years(self) -> None:
        """Two digits below 70 are of this century."""
        self.assertEqual(read_http_date(b"Friday, 06-Nov-26 08:49:37 GMT"), 1793954977)

    def test_others(self) -> None:
        """All else is no time."""
        for text in (
            b"",
            b"784111777",
            b"Sun, 06 Nov 1994 08:49:37",
            b"Sun, 06 Nov 1994 08:49:37 CET",
            b"Sun, 31 Feb 1994 08:49:37 GMT",
            b"Sun, 06 Foo 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 24:49:37 GMT",
            b"Sun, 06 Nov 1994 08:49:37 GMT; length=3",
        ):
            self.assertIsNone(read_http_date(text), text)

    def test_leap_second(self) -> None:
        """The 61st second is the one before it."""
        self.assertEqual(
            read_http_date(b"Sat, 31 Dec 2016 23:59:60 GMT"), read_http_date(b"Sat, 31 Dec 2016 23:59:59 GMT")
        )

    @given(st.integers(0, 2**33))
    def test_back_and_forth(self, when: int) -> None:
        """What is written is read as the same."""
        self.assertEqual(read_http_date(http_date(when)), when)
