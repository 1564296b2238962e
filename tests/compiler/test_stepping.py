"""Tests of running the steps of a compilation in turns."""

from __future__ import annotations

from collections.abc import Callable, Generator

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.stepping import AT_ONCE, BUDGET, Stepping, completed


class Case(SynchronousTestCase):
    """Has a loop, and a clock that each step moves."""

    def setUp(self) -> None:
        """Nothing is done yet."""
        self.turns: list[Callable[[], None]] = []
        self.now = 0.0
        self.done = 0
        self.closed = False

    def steps(self, number: int, takes: float = 0.0) -> Generator[None, None, str]:
        """So many steps, then a value."""
        try:
            for _ in range(number):
                self.done += 1
                self.now += takes
                yield
        except GeneratorExit:
            self.closed = True
            raise
        return "made"

    def later(self, call: Callable[[], None], failed: object) -> None:
        """Call in another turn."""
        self.turns.append(call)

    def begun(self, number: int, takes: float = 0.0) -> Stepping[str]:
        """Steps that have begun."""
        stepping = Stepping(self.steps(number, takes), self.later, lambda: self.now)
        stepping.begin()
        return stepping


class SteppingTests(Case):
    """What is done when."""

    def test_few(self) -> None:
        """A small configuration is compiled at once."""
        self.assertEqual(self.successResultOf(self.begun(AT_ONCE - 1).done), "made")
        self.assertEqual(self.turns, [])

    def test_many(self) -> None:
        """Of a large one a turn does what fits into its time, and at least one step."""
        stepping = self.begun(AT_ONCE + 7, takes=BUDGET / 2)
        self.assertNoResult(stepping.done)
        self.assertEqual((self.done, len(self.turns)), (AT_ONCE, 1))
        for done in (2, 4, 6):
            self.now = 0.0
            self.turns.pop()()
            self.assertEqual((self.done, len(self.turns)), (AT_ONCE + done, 1))
        self.turns.pop()()
        self.assertEqual(self.successResultOf(stepping.done), "made")
        self.assertEqual(self.turns, [])

    def test_long_steps(self) -> None:
        """A step that takes longer than a turn is a turn of its own."""
        self.begun(AT_ONCE + 2, takes=BUDGET * 2)
        self.turns.pop()()
        self.assertEqual(self.done, AT_ONCE + 1)

    def test_mistakes(self) -> None:
        """What a step raises is what comes of it."""

        def steps() -> Generator[None, None, str]:
            yield
            raise ValueError("wrong")

        stepping = Stepping(steps(), self.later)
        stepping.begin()
        self.failureResultOf(stepping.done, ValueError)

    def test_cancelled(self) -> None:
        """What is given up is not gone on with."""
        stepping = self.begun(AT_ONCE + 9)
        stepping.cancel()
        self.failureResultOf(stepping.done, CancelledError)
        self.assertTrue(self.closed)
        self.turns.pop()()
        self.assertEqual((self.done, self.turns), (AT_ONCE, []))

    def test_cancelled_late(self) -> None:
        """What is made stays made."""
        stepping = self.begun(1)
        stepping.cancel()
        self.assertEqual(self.successResultOf(stepping.done), "made")

    def test_completed(self) -> None:
        """Where nobody waits, all is done now."""
        self.assertEqual(completed(self.steps(AT_ONCE * 2)), "made")
