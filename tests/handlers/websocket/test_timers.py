"""The time of a WebSocket, beside that of its conversations."""

from __future__ import annotations

from random import Random

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.handlers.websocket.settings import Kit, leg_makers
from pydsl_proxy.handlers.websocket.timers import BridgeWatch


class Nobody:
    """A bridge of which nothing is expected."""

    def close(self, code: int, reason: str | None = None, why: ProxyError | None = None) -> None:
        """Close both legs."""
        raise NotImplementedError

    def end(self, why: ProxyError | None = None) -> None:
        """End what has not ended by itself."""
        raise NotImplementedError


class BridgeWatchTests(SynchronousTestCase):
    """It may hear of a side that is held up at any time; it has a timer from its start to its stop alone."""

    def test_outside(self) -> None:
        """Before its start and after its stop what goes on again sets no timer."""
        clock = Clock()
        makers = leg_makers(clock)
        kit = Kit(
            clock, lambda call, failed: None, Random(1), 100, 20, 0, None, 1, False, False, None, makers[0], makers[1]
        )
        watch = BridgeWatch(kit, Nobody())
        watch.hold(True)
        watch.hold(False)
        self.assertEqual(clock.getDelayedCalls(), [])
        watch.start(makers[0]())
        watch.hold(True)
        clock.advance(20)
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        watch.stop()
        watch.hold(False)
        self.assertEqual(clock.getDelayedCalls(), [])
