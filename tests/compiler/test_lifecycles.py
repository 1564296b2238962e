"""Tests of states that start and stop with the proxy."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.lifecycles import LEAST, start_all, stop_all


class State:
    """One that starts and stops when the test says so."""

    def __init__(self) -> None:
        self.started: Deferred[None] = Deferred()
        self.stopped: Deferred[None] = Deferred()
        self.within = 0.0

    def start_serving(self) -> Deferred[None]:
        """Not yet."""
        return self.started

    def stop_serving(self, within: float) -> Deferred[None]:
        """Not yet."""
        self.within = within
        return self.stopped


class ServingTests(SynchronousTestCase):
    """All of them together."""

    def test_start(self) -> None:
        """It has started when all have; without any, at once."""
        self.assertIsNone(self.successResultOf(start_all([])))
        one, other = State(), State()
        starting = start_all([one, other])
        one.started.callback(None)
        self.assertNoResult(starting)
        other.started.callback(None)
        self.assertIsNone(self.successResultOf(starting))

    def test_fails(self) -> None:
        """The first that fails tells why, as it is."""
        one, other = State(), State()
        starting = start_all([one, other])
        other.started.errback(ZeroDivisionError("no"))
        self.failureResultOf(starting, ZeroDivisionError)

    def test_stop(self) -> None:
        """It has stopped when all have, whatever came of it; each has some time."""
        one, other = State(), State()
        stopping = stop_all([one, other], -3)
        one.stopped.errback(ZeroDivisionError("no"))
        self.assertNoResult(stopping)
        other.stopped.callback(None)
        self.assertIsNone(self.successResultOf(stopping))
        self.assertEqual(one.within, LEAST)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
