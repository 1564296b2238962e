"""The states of features that live beside the exchanges: started with the proxy, and stopped with it or by a reload."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from pydsl_proxy.interfaces import Lifecycle

log = Logger()

# Seconds that they have at least to stop, when clients have taken all of shutdown_grace; uvicorn waits without end.
LEAST = 5.0


def start_all(states: Iterable[Lifecycle]) -> Deferred[None]:
    """Fires when all have started, or fails with why the first of them cannot."""
    started = gatherResults([maybeDeferred(each.start_serving) for each in states], consumeErrors=True)
    return started.addCallbacks(lambda _: None, _plain)


def stop_all(states: Iterable[Lifecycle], within: float) -> Deferred[None]:
    """Fires when all have stopped, whatever came of it."""
    stopping = [
        maybeDeferred(each.stop_serving, max(within, LEAST)).addErrback(_logged, each) for each in tuple(states)
    ]
    return gatherResults(stopping).addCallback(lambda _: None)


def _plain(failure: Failure) -> Failure:
    """What failed, without the list in which it was waited for."""
    inner: Failure = getattr(failure.value, "subFailure", failure)
    return inner


def _logged(failure: Failure, state: Lifecycle) -> None:
    log.failure("{state} could not be stopped", failure, state=state)
