"""Opinions that guards give at once or later."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.access.guards import GRANTED, WAITING, Opinion, Waiting
from pydsl_proxy.interfaces import Exchange

LEFT = ProxyError(Source.CLIENT, 499, "client_closed", "the client closed the connection")


class WaitingTests(SynchronousTestCase):
    """What runs the exchange until the opinion is there."""

    def setUp(self) -> None:
        self.exchange = SimpleNamespace(running=None)
        self.later: list[Opinion] = []
        self.stopped: list[ProxyError] = []
        self.tell: Callable[[Opinion], None] = self.later.append
        made = cast(Exchange, self.exchange)
        self.waiting = Waiting(made, lambda exchange, opinion: self.later.append(opinion))

    def start(self, tell: Callable[[Opinion], None]) -> Callable[[ProxyError], None]:
        """Work, until the test tells the opinion."""
        self.tell = tell
        return self.stopped.append

    def test_at_once(self) -> None:
        """An opinion that is given at once is the answer, and nothing runs the exchange."""

        def start(tell: Callable[[Opinion], None]) -> Callable[[ProxyError], None]:
            tell(GRANTED)
            return self.stopped.append

        self.assertIs(self.waiting.begin(start), GRANTED)
        self.assertEqual((self.later, self.exchange.running), ([], None))

    def test_later(self) -> None:
        """One that comes later is handed on, and from then on nothing of this runs the exchange."""
        self.assertIs(self.waiting.begin(self.start), WAITING)
        self.assertIs(self.exchange.running, self.waiting)
        self.tell(GRANTED)
        self.assertEqual((self.later, self.exchange.running, self.stopped), ([GRANTED], None, []))

    def test_cancelled(self) -> None:
        """One that comes when the exchange is over is nobody's: of several that wait one may have ended the other."""
        self.waiting.begin(self.start)
        self.waiting.cancel(LEFT)
        self.tell(GRANTED)
        self.assertEqual((self.later, self.stopped), ([], [LEFT]))
