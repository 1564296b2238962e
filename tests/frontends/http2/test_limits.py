"""Tests of what is counted of clients of HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.frontends.http2.limits import ANSWERS_TO_DATA, OCTETS_PER_ANSWER, TokenBucket
from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError


class AllowanceTests(SynchronousTestCase):
    """So many at once, and so many a second."""

    def test_burst_and_rate(self) -> None:
        """What is used up comes back with time."""
        allowance = TokenBucket((3, 2.0), "too many")
        for _ in range(3):
            allowance.take(0.0)
        error = self.assertRaises(ProtocolError, allowance.take, 0.0)
        self.assertEqual((error.code, error.detail), (ErrorCode.ENHANCE_YOUR_CALM, "too many"))
        allowance.take(1.0)

    def test_earned(self) -> None:
        """Answers to a body are not counted, however late they come; full frames may have more of them."""
        allowance = TokenBucket((3, 2.0), "too many")
        for _ in range(100):
            allowance.earn(10)
        allowance.earn(OCTETS_PER_ANSWER)
        for _ in range(101 * ANSWERS_TO_DATA + 1):
            allowance.take(0.0)
        for _ in range(3):
            allowance.take(0.0)
        self.assertRaises(ProtocolError, allowance.take, 0.0)
