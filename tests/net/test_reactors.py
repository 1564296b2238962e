"""Rules for the clocks of reactors."""

from __future__ import annotations

import sys
from time import monotonic, time

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IReactorPluggableNameResolver, IReactorTCP, IReactorTime
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.clocks import wall_clock
from pydsl_proxy.net.data_path import data_path
from pydsl_proxy.net.reactors import measure_timers, measured


def reactors() -> list[ReactorBase]:
    """Reactors that run by the time of day."""
    if sys.platform != "linux":
        return [SelectReactor()]
    from twisted.internet.epollreactor import EPollReactor

    return [SelectReactor(), EPollReactor()]


class MeasuredTests(SynchronousTestCase):
    """What stands in for a reactor measures time."""

    def test_seconds(self) -> None:
        """Its ``seconds`` are those of a clock that nobody can set; the reactor's stay the time of day."""
        for reactor in reactors():
            for stand_in in (measured(reactor), measured(data_path(reactor))):
                self.assertLess(abs(stand_in.seconds() - (monotonic())), 60)
            self.assertLess(abs(reactor.seconds() - (time())), 60)

    def test_the_rest(self) -> None:
        """All else is the reactor's."""
        reactor = SelectReactor()
        stand_in = measured(reactor)
        for interface in (IReactorTCP, IReactorTime, IReactorPluggableNameResolver):
            self.assertIs(interface(stand_in), stand_in)
        call = stand_in.callLater(5, self.fail)
        self.assertEqual(reactor.getDelayedCalls(), [call])
        call.cancel()

    def test_clocks_in_memory(self) -> None:
        """One whose time is its own is used as it is."""
        for clock in (Clock(), MemoryReactorClock()):
            self.assertIs(measured(clock), clock)

    def test_timers(self) -> None:
        """The timers of a process of its own run by that clock too."""
        for reactor in reactors():
            measure_timers(reactor)
            self.assertIs(measured(reactor), reactor)
            self.assertIs(data_path(reactor).seconds, monotonic)
            call = reactor.callLater(5, self.fail)
            self.assertLess(abs(call.getTime() - (monotonic() + 5)), 60)
            self.assertLess(reactor.timeout() or 0, 6)
            call.cancel()

    def test_timers_in_memory(self) -> None:
        """Those of a clock in memory run as the test moves it."""
        clock = Clock()
        measure_timers(clock)
        clock.advance(3)
        self.assertEqual(clock.seconds(), 3)


class WallClockTests(SynchronousTestCase):
    """The time of day beside a clock."""

    def test_measured(self) -> None:
        """It is the process's, beside a reactor and beside what stands in for one."""
        for reactor in reactors():
            for clock in (reactor, measured(reactor), measured(data_path(reactor))):
                self.assertLess(abs(wall_clock(clock)() - (time())), 60)

    def test_in_memory(self) -> None:
        """It is the clock's own time, or what it says."""
        clock = Clock()
        clock.advance(7)
        self.assertEqual(wall_clock(clock)(), 7)
