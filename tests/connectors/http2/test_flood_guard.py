"""Tests of how much that leads to nothing a peer of HTTP/2 may send."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.connectors.http2.flood_guard import BYTES_PER_ANSWER, EARNED, FloodGuard
from pydsl_proxy.wire.http2.frames import ErrorCode, ProtocolError


class CalmTests(SynchronousTestCase):
    """Frames without use."""

    def setUp(self) -> None:
        """Ten at once, and two a second."""
        self.clock = Clock()
        self.calm = FloodGuard(self.clock.seconds, 10, 2.0)

    def allowed(self) -> int:
        """How many more of them are taken before the connection is ended."""
        for count in range(1000):
            try:
                self.calm.spend()
            except ProtocolError as fault:
                self.assertEqual(fault.code, ErrorCode.ENHANCE_YOUR_CALM)
                return count
        return 1000

    def test_at_once(self) -> None:
        """So many, and no more as long as no time passes."""
        self.assertEqual(self.allowed(), 10)

    def test_a_second(self) -> None:
        """What time gives is bounded by what is allowed at once."""
        self.allowed()
        self.clock.advance(2)
        # The time is looked at when nothing is left; what was refused before is paid for.
        self.assertEqual(self.allowed(), 3)
        self.clock.advance(1000)
        self.assertEqual(self.allowed(), 1 + 10)

    def test_before(self) -> None:
        """Time that passed before counts only when nothing is left; the frame that found nothing is paid by it."""
        self.clock.advance(1000)
        self.assertEqual(self.allowed(), 10 + 1 + 10)

    def test_sent(self) -> None:
        """A frame that was sent may be answered, by some frames and one more for each so many bytes of it."""
        self.calm.sent(10 * BYTES_PER_ANSWER + BYTES_PER_ANSWER - 1)
        self.assertEqual(self.allowed(), 10 + EARNED + 10)

    def test_earned(self) -> None:
        """What was received earns some, and never more than are allowed at once, but for one frame's."""
        self.calm.earn()
        self.assertEqual(self.allowed(), 10)
        self.calm = FloodGuard(self.clock.seconds, 10, 2.0)
        for _ in range(5):
            self.calm.spend()
        for _ in range(5):
            self.calm.earn()
        self.assertIn(self.allowed(), range(10, 10 + EARNED))
