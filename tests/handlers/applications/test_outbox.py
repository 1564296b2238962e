"""Calls between an application and the reactor."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.handlers.applications.outbox import BUDGET, Inbox, Outbox


class OutboxTests(SynchronousTestCase):
    """They are made in their order; the reactor is woken once, and works for a bounded time in one turn."""

    def setUp(self) -> None:
        self.made: list[int] = []
        self.batches = 0
        self.woken: list[Callable[[], None]] = []
        self.turns: list[Callable[[], None]] = []
        self.now = 0.0
        self.outbox = Outbox(lambda call: self.woken.append(call), self.later, self.done, lambda: self.now)

    def later(self, call: Callable[[], None], failed: object) -> None:
        """Call in another turn."""
        self.turns.append(call)

    def done(self) -> None:
        """A batch is done."""
        self.batches += 1

    def make(self, number: int) -> None:
        """A call, which takes its time."""
        self.made.append(number)
        self.now += BUDGET * 0.375

    def wake(self) -> None:
        """The reactor does what it was woken for."""
        woken, self.woken = self.woken, []
        for each in woken:
            each()

    def turn(self) -> None:
        """A later turn."""
        turns, self.turns = self.turns, []
        for each in turns:
            each()

    def test_once(self) -> None:
        """However many calls wait, it is woken once, and again for those that come after it has begun."""
        for number in range(2):
            self.outbox.put(self.make, number)
        self.assertEqual((len(self.woken), self.made), (1, []))
        self.wake()
        self.assertEqual((self.made, self.batches, self.turns), ([0, 1], 1, []))
        self.outbox.put(self.make, 2)
        self.assertEqual(len(self.woken), 1)
        self.wake()
        self.assertEqual((self.made, self.batches), ([0, 1, 2], 2))

    def test_budget(self) -> None:
        """What is too much for a turn waits for a later one; what comes meanwhile is made after it, then."""
        for number in range(5):
            self.outbox.put(self.make, number)
        self.wake()
        self.assertEqual((self.made, self.batches, len(self.turns)), ([0, 1, 2], 1, 1))
        self.outbox.put(self.make, 5)
        self.wake()
        self.assertEqual((self.made, len(self.turns)), ([0, 1, 2], 1))
        self.turn()
        self.assertEqual((self.made, self.batches, self.turns), ([0, 1, 2, 3, 4, 5], 2, []))

    def test_within(self) -> None:
        """A call may lead to others."""
        self.outbox.put(self.outbox.put, self.make, 1)
        self.wake()
        self.assertEqual(self.made, [1])
        self.wake()
        self.assertEqual((self.made, self.woken), ([1], []))

    def test_raises(self) -> None:
        """One that raises does so in the reactor, and does not keep the others."""
        self.outbox.put([].pop)
        self.outbox.put(self.make, 1)
        self.assertRaises(IndexError, self.wake)
        self.assertEqual((self.made, self.batches, len(self.turns)), ([], 1, 1))
        self.turn()
        self.assertEqual(self.made, [1])


class InboxTests(SynchronousTestCase):
    """The other way round: they are made in their order, and the loop is woken once."""

    def test_once(self) -> None:
        """However many calls wait, and again for those that come after it has begun."""
        made: list[int] = []
        woken: list[Callable[[], None]] = []
        inbox = Inbox(woken.append)
        inbox.put(made.append, 0)
        inbox.put(made.append, 1)
        inbox.put(lambda: inbox.put(made.append, 3))
        inbox.put(made.append, 2)
        self.assertEqual((len(woken), made), (1, []))
        woken.pop()()
        self.assertEqual((len(woken), made), (1, [0, 1, 2, 3]))
        woken.pop()()
        inbox.put(made.append, 4)
        self.assertEqual(len(woken), 1)
        woken.pop()()
        self.assertEqual(made, [0, 1, 2, 3, 4])
