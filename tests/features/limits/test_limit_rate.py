"""Tests of what ``.limit_rate()`` takes; what it does is in the conversations."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import KiB, server
from pydsl_proxy.config.features import filters_of
from pydsl_proxy.features.limits.limit_rate import LimitRate
from pydsl_proxy.testing import run
from tests.support.failing import mistake


class VerbTests(SynchronousTestCase):
    """The call."""

    def test_code(self) -> None:
        """Its repr is the call, without what is as by default."""
        made = server(80).limit_rate(500 * KiB).limit_rate(1, after=9).limit_rate(None)
        verbs = [feature.as_verb() for feature in made.features]
        self.assertEqual(verbs, ["limit_rate(512000)", "limit_rate(1, after=9)", "limit_rate(None)"])
        self.assertIn("VerbTests.test_code", server(80).limit_rate(lambda request: 5).features[0].as_verb())

    def test_overrides(self) -> None:
        """The innermost holds."""
        made = server(80).limit_rate(500).limit_rate(None)
        self.assertEqual(filters_of(made.features), (LimitRate(None),))

    def test_no_number(self) -> None:
        """A function that gives no number is named in the log, with its place."""
        web = server(80).limit_rate(lambda request: "fast").location("/").respond(200)  # type: ignore[arg-type,return-value]  # that is what is wrong
        client, _ = run(web)
        self.assertEqual(client.request("GET").status, 500)
        (failure,) = self.flushLoggedErrors(TypeError)[:1]
        self.assertIn("test_limit_rate.py:", failure.getErrorMessage())
        self.assertIn("gave 'fast', which is no number of bytes a second", failure.getErrorMessage())

    def test_mistakes(self) -> None:
        """A rate is a number of bytes, and more than none."""
        limit = server(80).limit_rate
        self.assertEqual(mistake(limit, 0)[1], "write limit_rate(None) for no limit")
        self.assertEqual(mistake(limit, -1)[0], "limit_rate(…) must be 0 or more, not -1")
        self.assertEqual(mistake(limit, cast("int", "500k"))[1], "write 500 * KiB")
        self.assertEqual(mistake(limit, cast("int", 1.5))[0], "limit_rate(…) must be a whole number of bytes, not 1.5")
        self.assertEqual(mistake(limit, 1, after=-1)[0], "limit_rate(after=…) must be 0 or more, not -1")
