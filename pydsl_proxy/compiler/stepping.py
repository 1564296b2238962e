"""Running the steps of a compilation so that nobody waits for it: some at once, the rest in later turns of the loop."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final, Generic, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from pydsl_proxy.compiler.mistakes import Steps
from pydsl_proxy.interfaces import Later

T = TypeVar("T")

#: So many steps are done before anything else, in some 20 milliseconds.  A location is about five.
AT_ONCE: Final = 1000
#: Seconds of steps in one turn after that.
BUDGET: Final = 0.004


class Stepping(Generic[T]):
    """Steps that are run to their end; ``done`` fires with their value, or fails with what they raised.

    *later* has something called in a later turn of the loop.  A configuration of less than two hundred locations is
    compiled before :meth:`begin` returns.
    """

    def __init__(self, steps: Steps[T], later: Later, seconds: Callable[[], float] = perf_counter) -> None:
        self._steps = steps
        self._later = later
        self._seconds = seconds
        self._over = False
        self.done: Deferred[T] = Deferred()

    def begin(self) -> None:
        """Do the first steps."""
        left = AT_ONCE

        def goes_on() -> bool:
            nonlocal left
            left -= 1
            return left > 0

        self._run(goes_on)

    def _continue(self) -> None:
        until = self._seconds() + BUDGET
        self._run(lambda: self._seconds() < until)

    def _run(self, goes_on: Callable[[], bool]) -> None:
        if self._over:
            return
        try:
            next(self._steps)
            while goes_on():
                next(self._steps)
        except StopIteration as end:
            self._over = True
            self.done.callback(end.value)
        except Exception:
            self._over = True
            failure = Failure()
            # Its frames refer to all that was compiled; their text stays.
            failure.cleanFailure()
            self.done.errback(failure)
        else:
            self._later(self._continue, None)

    def cancel(self) -> None:
        """Give up; ``done`` fails with CancelledError, unless it has fired."""
        if not self._over:
            self._over = True
            self._steps.close()
            self.done.errback(CancelledError())


def completed(steps: Steps[T]) -> T:
    """The value of *steps*, all of them done now."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
