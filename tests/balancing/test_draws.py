"""Tests of draws that may miss."""

from __future__ import annotations

from itertools import chain, repeat

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.draws import MISSES_ALLOWED, by_weight, first_pickable
from tests.support.peers import peers_of


class ByWeightTests(SynchronousTestCase):
    """Peers side by side."""

    def test_widths(self) -> None:
        """Each peer is as wide as its weight."""
        a, b, c = peers = peers_of(1, 3, 2)
        at, total = by_weight(peers)
        self.assertEqual([at(number) for number in range(total)], [a, b, b, b, c, c])


class FirstPickableTests(SynchronousTestCase):
    """The first draw that can be picked."""

    def test_misses(self) -> None:
        """Twenty misses are allowed, not one more."""
        a, b = peers_of(1, 1)
        a.usable = False
        self.assertIs(first_pickable(chain(repeat(a, MISSES_ALLOWED), repeat(b)), ()), b)
        self.assertIsNone(first_pickable(chain(repeat(a, MISSES_ALLOWED + 1), repeat(b)), ()))

    def test_first_draw_of_a_tried_peer(self) -> None:
        """The draw by which a peer was picked in an earlier attempt is no miss, those after it are."""
        a, b = peers_of(1, 1)
        self.assertIs(first_pickable(chain(repeat(a, MISSES_ALLOWED + 1), repeat(b)), [a]), b)
        self.assertIsNone(first_pickable(chain(repeat(a, MISSES_ALLOWED + 2), repeat(b)), [a]))
