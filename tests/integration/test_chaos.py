"""The short form of ``python -m tests.chaos``: what may not be lost, and how long others may wait."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.contenders import start_pydsl_proxy
from tests.chaos.scenarios import SCENARIOS, in_turn, run

SECONDS, RATE = 1.5, 100.0
#: So that each peer is killed once.
SECONDS_IN_TURN = 5.0
#: Seconds that nobody waits, however busy the machine is, unless an attack stops the proxy: that costs more.
WAIT = 3.0


class ChaosTests(SynchronousTestCase):
    """Peers and clients that misbehave, each for a moment."""

    def test_peers(self) -> None:
        """As long as one peer is well, no GET is lost."""
        for scenario in SCENARIOS.values():
            if scenario.lossless and not scenario.attack:
                seconds = SECONDS_IN_TURN if scenario.happens is in_turn else SECONDS
                result = run(scenario, "pydsl_proxy", start_pydsl_proxy, seconds, RATE)
                self.assertTrue(result.up, scenario.name)
                self.assertEqual(dict(result.gets.lost), {}, scenario.name)

    def test_attacks(self) -> None:
        """No client stops the others: nothing of theirs is lost, and none of them waits for long."""
        for scenario in SCENARIOS.values():
            if scenario.attack:
                result = run(scenario, "pydsl_proxy", start_pydsl_proxy, SECONDS, RATE)
                print(f"{scenario.name}: the longest wait is {result.gets.longest * 1000:,.0f} ms")
                self.assertTrue(result.up, scenario.name)
                self.assertEqual((dict(result.gets.lost), dict(result.posts.lost)), ({}, {}), scenario.name)
                self.assertLess(result.gets.longest, WAIT, scenario.name)
