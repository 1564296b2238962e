"""One try of an exchange at one peer."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import upstream
from pydsl_proxy.runtime.upstream.attempt import Attempt
from pydsl_proxy.testing import run
from tests.support.messages import GET


class StopTests(SynchronousTestCase):
    """A client that leaves ends its attempt."""

    def attempts(self) -> list[Attempt]:
        """All there are."""
        return [each for each in gc.get_objects() if issubclass(type(each), Attempt)]

    def test_holds_nothing(self) -> None:
        """What would cancel the connecting, and knows the client's connection, is let go of, connected or not."""
        for connected in (True, False):
            before = self.attempts()
            client, peers = run(upstream("app", "a:1"))
            if not connected:
                peers["a:1"].times_out()
            client.sends(GET)
            [attempt] = [each for each in self.attempts() if each not in before]
            self.assertIsNotNone(attempt.connecting)
            client.closes()
            self.assertIsNone(attempt.connecting)
            self.assertFalse(attempt.open)
            self.assertEqual(attempt.peer.in_flight, 0)
