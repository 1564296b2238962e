"""Work that is continued in later turns of the loop."""

from __future__ import annotations

import gc
from collections.abc import Callable
from weakref import ref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.net.turns import Turns, turns_of


class Loop(Clock):
    """A clock that stands, and runs what is due as a reactor does: what asks for no delay waits for the next turn."""

    def turn(self) -> None:
        """One turn of the loop."""
        due, self.calls = self.calls, []
        for call in due:
            call.called = 1
            call.func(*call.args, **call.kw)


class TurnsTests(SynchronousTestCase):
    """``Turns``: a bounded time of continuations in each turn of the loop."""

    def setUp(self) -> None:
        self.clock = Loop()
        self.cpu = 0.0
        self.turns = Turns(self.clock, lambda: self.cpu)
        self.done: list[str] = []

    def work(self, name: str, seconds: float, rounds: int = 1) -> Callable[[], None]:
        """A continuation that takes *seconds*, and asks to go on until it has run *rounds* times."""

        def run() -> None:
            self.cpu += seconds
            self.done.append(name)
            if rounds > 1:
                self.turns.later(self.work(name, seconds, rounds - 1), None)

        return run

    def turn(self) -> list[str]:
        """One turn of the loop; what it did."""
        self.done.clear()
        self.clock.turn()
        return list(self.done)

    def test_nothing_at_once(self) -> None:
        """A continuation never runs within the call that asks for it."""
        self.turns.later(self.work("a", 0), None)
        self.assertEqual([], self.done)
        self.assertEqual(["a"], self.turn())
        self.assertEqual([], self.turn())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_all_within_the_budget(self) -> None:
        """As long as the budget is not used up, every continuation that waits runs in one turn."""
        for name in "abc":
            self.turns.later(self.work(name, self.turns.BUDGET / 4), None)
        self.assertEqual(["a", "b", "c"], self.turn())

    def test_budget(self) -> None:
        """A turn ends with the continuation that uses the budget up; the others keep their order."""
        for name in "abcd":
            self.turns.later(self.work(name, self.turns.BUDGET / 2), None)
        self.assertEqual(["a", "b"], self.turn())
        self.assertEqual(["c", "d"], self.turn())
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_once_a_turn(self) -> None:
        """A continuation that asks to go on waits for the next turn, even if it takes no time."""
        self.turns.later(self.work("a", 0, 3), None)
        self.turns.later(self.work("b", 0, 2), None)
        self.assertEqual([["a", "b"], ["a", "b"], ["a"], []], [self.turn() for _ in range(4)])

    def test_fair(self) -> None:
        """A reader with much work does not overtake one that waits."""
        self.turns.later(self.work("long", self.turns.BUDGET, 3), None)
        self.turns.later(self.work("short", 0), None)
        self.assertEqual([["long"], ["short", "long"], ["long"]], [self.turn() for _ in range(3)])

    def test_exception(self) -> None:
        """An exception costs the others nothing, and is logged."""

        def fail() -> None:
            raise ValueError("of a reader")

        self.turns.later(fail, None)
        self.turns.later(self.work("b", 0), None)
        self.assertEqual(["b"], self.turn())
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))

    def test_end_of_work_that_raises(self) -> None:
        """What raises has its end called at once, and no other has; an end that raises is logged, too."""
        ends: list[str] = []

        def fail() -> None:
            raise ValueError("of a reader")

        def end() -> None:
            ends.append("raising")
            raise KeyError("of an end")

        self.turns.later(fail, end)
        self.turns.later(self.work("b", 0), lambda: ends.append("b"))
        self.assertEqual(["b"], self.turn())
        self.assertEqual(["raising"], ends)
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))

    def test_exit(self) -> None:
        """What ends the reactor's turn, as SystemExit does, leaves nothing behind: the rest runs in the next one."""

        def leave() -> None:
            raise SystemExit

        self.turns.later(leave, None)
        self.turns.later(self.work("b", 0), None)
        self.assertRaises(SystemExit, self.turn)
        self.assertEqual(["b"], self.turn())

    def test_one_queue_for_a_clock(self) -> None:
        """All that runs on one clock has one queue, which goes with its clock."""
        self.assertIs(turns_of(self.clock), turns_of(self.clock))
        self.assertIsNot(turns_of(self.clock), turns_of(Clock()))
        clock = Clock()
        gone = ref(clock)
        turns_of(clock)
        del clock
        gc.collect()
        self.assertIsNone(gone())
