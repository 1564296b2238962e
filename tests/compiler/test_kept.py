"""Tests of the state that features keep."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.compiler.kept import Kept
from pydsl_proxy.steps.limit_body import LimitBody


def _new() -> list[int]:
    return []


class KeptTests(SynchronousTestCase):
    """Counters and the like."""

    def test_shared(self) -> None:
        """The same feature has one state; an equal one that was written elsewhere has its own."""
        kept, one, other = Kept(), LimitBody(1), LimitBody(1)
        state = kept.of(one, _new)
        self.assertIs(kept.of(one, _new), state)
        self.assertIsNot(kept.of(other, _new), state)

    def test_reloaded(self) -> None:
        """Features find their states again, equal ones in the order of the file; what has changed begins anew."""
        before = Kept()
        first, second = before.of(LimitBody(1), _new), before.of(LimitBody(1), _new)
        after = Kept(before)
        self.assertIs(after.of(LimitBody(1), _new), first)
        self.assertIs(after.of(LimitBody(1), _new), second)
        self.assertIsNot(after.of(LimitBody(1), _new), first)
        changed = after.of(LimitBody(2), _new)
        self.assertNotIn(id(changed), {id(first), id(second)})
