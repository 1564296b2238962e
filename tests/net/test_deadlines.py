"""One moving deadline a connection."""

from __future__ import annotations

import gc
from math import inf
from weakref import ref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.net.deadlines import Deadline


class WatchTests(SynchronousTestCase):
    """A deadline, and the timer that looks at it."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.expired: list[float] = []
        self.watch = Deadline(self.clock, lambda: self.expired.append(self.clock.seconds()))

    def timers(self) -> list[float]:
        """When the timers fire."""
        return [call.getTime() for call in self.clock.getDelayedCalls()]

    def test_expires(self) -> None:
        """It is called at the deadline, once, and there is no timer after it."""
        self.watch.until(105)
        self.clock.advance(4.9)
        self.assertEqual(self.expired, [])
        self.clock.advance(0.1)
        self.assertEqual(self.expired, [105])
        self.assertEqual((self.timers(), self.watch.deadline, self.watch.armed), ([], inf, inf))
        self.clock.advance(100)
        self.assertEqual(self.expired, [105])

    def test_later(self) -> None:
        """A later deadline costs no timer: the one there is looks, and is set for what is left."""
        self.watch.until(105)
        self.watch.until(120)
        self.assertEqual((self.timers(), self.watch.armed), ([105], 105))
        self.clock.advance(5)
        self.assertEqual((self.timers(), self.watch.armed), ([120], 120))
        self.clock.advance(15)
        self.assertEqual(self.expired, [120])

    def test_earlier(self) -> None:
        """An earlier one sets the timer anew, and leaves no other behind; one for the same moment does not."""
        self.watch.until(120)
        [timer] = self.clock.getDelayedCalls()
        self.watch.until(120)
        self.assertEqual(self.clock.getDelayedCalls(), [timer])
        self.watch.until(105)
        self.assertEqual(self.timers(), [105])
        self.clock.advance(5)
        self.assertEqual(self.expired, [105])

    def test_none(self) -> None:
        """Without a deadline nothing is called; the timer that was set goes, and the next deadline has its own."""
        self.watch.until(inf)
        self.assertEqual(self.timers(), [])
        self.watch.until(105)
        self.watch.until(inf)
        self.clock.advance(5)
        self.assertEqual((self.timers(), self.watch.armed), ([], inf))
        self.watch.until(110)
        self.clock.advance(5)
        self.assertEqual(self.expired, [110])

    def test_past(self) -> None:
        """A deadline that has passed already is for the next turn of the loop."""
        self.watch.until(90)
        self.assertEqual((self.expired, self.timers()), ([], [100]))
        self.clock.advance(0)
        self.assertEqual(self.expired, [100])

    def test_moved_by_what_is_called(self) -> None:
        """What is called may set the next deadline."""

        def expired() -> None:
            watch.until(110)

        watch = Deadline(self.clock, expired)
        watch.until(105)
        self.clock.advance(5)
        self.assertEqual((self.timers(), watch.deadline), ([110], 110))

    def test_stop(self) -> None:
        """After a stop, and after two, there is no timer, and a deadline is set in vain."""
        self.watch.until(105)
        self.watch.stop()
        self.assertEqual((self.timers(), self.watch.deadline, self.watch.armed), ([], inf, inf))
        self.watch.stop()
        self.watch.until(105)
        self.clock.advance(5)
        self.assertEqual(self.expired, [])

    def test_lets_go(self) -> None:
        """A stopped watch holds nobody."""

        class Watcher:
            def __init__(self, clock: Clock) -> None:
                self.watch = Deadline(clock, self.expired)

            def expired(self) -> None:
                """Never."""

        gc.disable()
        self.addCleanup(gc.enable)
        watcher = Watcher(self.clock)
        watcher.watch.until(200)
        watcher.watch.stop()
        held = ref(watcher)
        del watcher
        self.assertIsNone(held())
