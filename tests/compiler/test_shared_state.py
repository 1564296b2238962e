"""Tests of the state that features keep."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.shared_state import StateRegistry
from pydsl_proxy.features.limits.limit_body import LimitBody


def _new() -> list[int]:
    return []


class KeptTests(SynchronousTestCase):
    """Counters and the like."""

    def test_shared(self) -> None:
        """The same feature has one state; an equal one that was written elsewhere has its own."""
        kept, one, other = StateRegistry(), LimitBody(1), LimitBody(1)
        state = kept.of(one, _new)
        self.assertIs(kept.of(one, _new), state)
        self.assertIsNot(kept.of(other, _new), state)

    def test_reloaded(self) -> None:
        """Features find their states again, equal ones in the order of the file; what has changed begins anew."""
        before = StateRegistry()
        first, second = before.of(LimitBody(1), _new), before.of(LimitBody(1), _new)
        after = StateRegistry(before)
        self.assertIs(after.of(LimitBody(1), _new), first)
        self.assertIs(after.of(LimitBody(1), _new), second)
        self.assertIsNot(after.of(LimitBody(1), _new), first)
        changed = after.of(LimitBody(2), _new)
        self.assertNotIn(id(changed), {id(first), id(second)})


class Alive:
    """A state that hears when the proxy starts and stops."""

    def start_serving(self) -> None:
        """It does nothing."""

    def stop_serving(self, within: float) -> None:
        """It does nothing."""


class LivingTests(SynchronousTestCase):
    """States that live by themselves."""

    def test_told(self) -> None:
        """Those that are kept are told apart from those that no feature goes on with, which are told once."""
        before = StateRegistry()
        first, second = before.of(LimitBody(1), Alive), before.of(LimitBody(2), Alive)
        before.of(LimitBody(3), _new)
        self.assertEqual(before.living(), [first, second])
        self.assertEqual(before.let_go(), [])
        after = StateRegistry(before)
        after.of(LimitBody(2), Alive)
        self.assertEqual(after.living(), [second])
        self.assertEqual(after.let_go(), [first])
        self.assertEqual(after.let_go(), [])
