"""Threads in which applications run, and what is told when the proxy begins and ends."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred


class Changed(Protocol):
    """A lock, and the news that what it guards has changed: as much of ``threading.Condition`` as is needed."""

    def __enter__(self) -> bool:
        """Take the lock."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Let go of it."""

    def wait(self) -> bool:
        """Let go of the lock until somebody notifies; never called by the reactor."""

    def notify_all(self) -> None:
        """Wake those who wait; called with the lock."""


class Threads(Protocol):
    """Threads beside the reactor's."""

    def run(self, work: Callable[[], None]) -> None:
        """Call *work* in a thread that has nothing to do, or in a new one; it must not raise.

        Called by the reactor.
        """

    def done(self) -> None:
        """What :meth:`run` was given has come to its end; called by the reactor, once for each."""

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Have the reactor call *function*; called by any thread."""

    def changed(self) -> Changed:
        """A lock between threads and the reactor."""

    def close(self) -> Deferred[None]:
        """Let threads end that have nothing to do, and each other one when it is done; fires when all have.

        What is given to :meth:`run` after that is still done.
        """


@runtime_checkable
class Lifecycle(Protocol):
    """A state from :meth:`~pydsl_proxy.interfaces.CompileContext.kept` that hears when the proxy begins and ends."""

    def start_serving(self) -> Deferred[None] | None:
        """The proxy is about to listen, or was reloaded; a failure keeps it from starting.  Called more than once."""

    def stop_serving(self, within: float) -> Deferred[None] | None:
        """No location has it any more, or the proxy has stopped: end *within* so many seconds.

        After a reload exchanges that began before it may still come.
        """
