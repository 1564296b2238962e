"""The watchdog for the event loop."""

from __future__ import annotations

import sys
from threading import get_ident

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors.rate_limited import QUIET
from pydsl_proxy.net.loop_lag import MAX_FUNCTIONS, LoopLag, functions_of, has_real_time
from tests.support.logged_lines import LoggedLines


class LoopLagTests(SynchronousTestCase):
    """The timer runs on a clock that the test moves; how late it is, on another one."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.time = 100.0
        self.lag = LoopLag(self.clock, 0.4, lambda: self.time)
        self.lines = LoggedLines("pydsl_proxy.net.loop_lag")
        self.lines.__enter__()
        self.addCleanup(self.lines.__exit__, None, None, None)

    def begin(self) -> None:
        """Watch without the thread: the test looks in its place."""
        self.lag._loop_thread = get_ident()
        self.lag._schedule()

    def turn(self, late: float, look: float | None = None) -> None:
        """Let the timer run *late* by so many seconds; the thread looks when it is late by *look*."""
        due = self.time + 0.1
        if look is not None:
            self.time = due + look
            self.lag.look()
        self.time = due + late
        self.clock.advance(0.1)

    def test_in_time(self) -> None:
        """Nothing is logged below the threshold; the longest time is known."""
        self.begin()
        self.turn(0.0, look=0.0)
        self.turn(0.375, look=0.3)
        self.turn(0.1)
        self.assertEqual([], self.lines)
        self.assertAlmostEqual(0.375, self.lag.longest)

    def test_late(self) -> None:
        """From the threshold on one line says how long, and in which function."""
        self.begin()
        self.turn(0.5, look=0.25)
        [line] = self.lines
        self.assertIn("the event loop did not run for 0.50 s", line)
        self.assertIn("called by turn (net/test_loop_lag.py:", line)

    def test_looks_once(self) -> None:
        """The first look counts: the functions that began late are not what took the time."""
        self.begin()
        self.lag._where = "what it was"
        self.turn(0.5, look=0.25)
        self.assertIn("it was in what it was", self.lines[0])

    def test_too_early_to_look(self) -> None:
        """While the timer is late by less than half of the threshold nothing is noted; each time it is noted anew."""
        self.begin()
        self.turn(0.5, look=0.19)
        self.assertIn("a function that is not known", self.lines[0])
        self.turn(0.3, look=0.25)
        self.assertEqual("", self.lag._where)

    def test_bounded(self) -> None:
        """There is one line in ten seconds; the next one tells for how many it stands, itself included."""
        self.begin()
        for _ in range(3):
            self.turn(0.5)
        self.assertEqual(1, len(self.lines))
        self.time += QUIET
        self.turn(0.5)
        self.assertIn(", the last of 3 since the line before", self.lines[1])

    def test_stop(self) -> None:
        """After a stop there is neither timer nor thread; another start goes on."""
        self.addCleanup(self.lag.stop)
        for _ in range(2):
            self.lag.start()
            thread = self.lag._thread
            assert thread is not None
            self.assertTrue(thread.is_alive())
            # A loop that ends without a stop does not wait for it.
            self.assertTrue(thread.daemon)
            self.assertEqual(1, len(self.clock.getDelayedCalls()))
            self.lag.stop()
            self.assertFalse(thread.is_alive())
            self.assertEqual([], self.clock.getDelayedCalls())
        self.lag.stop()

    def test_functions(self) -> None:
        """A bounded number of functions is named."""

        def deep(levels: int) -> str:
            return deep(levels - 1) if levels else functions_of(sys._getframe())

        self.assertEqual(MAX_FUNCTIONS, deep(20).count("test_loop_lag.py:"))
        self.assertEqual("", functions_of(None))

    def test_real_time(self) -> None:
        """A clock of tests stands still: nothing that runs on it is late."""
        from twisted.internet import reactor

        self.assertFalse(has_real_time(Clock()))
        self.assertTrue(has_real_time(reactor))
