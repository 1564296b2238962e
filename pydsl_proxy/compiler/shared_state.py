"""Living state that belongs to a feature: counters that all its locations share, and that a reload does not lose."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeVar, cast

from pydsl_proxy.interfaces import Lifecycle

T = TypeVar("T")


class StateRegistry:
    """The states of one configuration; those of *previous* pass to features that are equal."""

    def __init__(self, previous: StateRegistry | None = None) -> None:
        self._living: dict[int, tuple[object, object]] = {}
        self._left: dict[object, deque[object]] = {}
        for feature, state in previous._living.values() if previous is not None else ():
            self._left.setdefault(feature, deque()).append(state)

    def of(self, feature: object, make: Callable[[], T]) -> T:
        """The state of *feature*, the same for the same object.

        Two that are equal but were written twice have one each; in the order of the file they find theirs again.
        """
        known = self._living.get(id(feature))
        if known is None:
            left = self._left.get(feature)
            known = self._living[id(feature)] = (feature, left.popleft() if left else make())
        return cast(T, known[1])

    def living(self) -> list[Lifecycle]:
        """The states that hear when the proxy starts and stops."""
        return [cast(Lifecycle, state) for _, state in self._living.values() if _is_living(state)]

    def let_go(self) -> list[Lifecycle]:
        """Those of the previous configuration that no feature of this one goes on with; told once."""
        left, self._left = self._left, {}
        return [cast(Lifecycle, state) for states in left.values() for state in states if _is_living(state)]


def _is_living(state: object) -> bool:
    # Python looks at the protocol itself for 20 µs.
    return hasattr(state, "start_serving") and hasattr(state, "stop_serving")
