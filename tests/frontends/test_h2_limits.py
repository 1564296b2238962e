"""Tests of what is counted of clients of HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.frontends.h2_limits import Allowance
from pydsl_proxy.wire.h2_frames import Code, Fault


class AllowanceTests(SynchronousTestCase):
    """So many at once, and so many a second."""

    def test_burst_and_rate(self) -> None:
        """What is used up comes back with time."""
        allowance = Allowance((3, 2.0), "too many")
        for _ in range(3):
            allowance.take(0.0)
        error = self.assertRaises(Fault, allowance.take, 0.0)
        self.assertEqual((error.code, error.detail), (Code.ENHANCE_YOUR_CALM, "too many"))
        allowance.take(1.0)

    def test_given(self) -> None:
        """What there is a reason for is not counted; it cannot be saved up."""
        allowance = Allowance((3, 2.0), "too many")
        for _ in range(100):
            allowance.give(1)
            allowance.take(0.0)
        allowance.give(50)
        for _ in range(3):
            allowance.take(0.0)
        self.assertRaises(Fault, allowance.take, 0.0)
