"""Tests of the least busy peer."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.least_connections import least_conn
from tests.support.peers import Chooser, attempts, letters, peers_of


class LeastConnTests(SynchronousTestCase):
    """The fewest exchanges in flight for the weight."""

    def test_least_busy(self) -> None:
        """The peer with the fewest exchanges in flight is picked."""
        peers = peers_of(1, 1, 1)
        peers[0].in_flight, peers[1].in_flight, peers[2].in_flight = 3, 1, 2
        self.assertEqual(letters(Chooser(least_conn(), peers), 3), "bbb")

    def test_by_weight(self) -> None:
        """Exchanges in flight count in proportion to the weight: 5 of 3 are less than 2 of 1."""
        peers = peers_of(3, 1)
        peers[0].in_flight, peers[1].in_flight = 5, 2
        self.assertEqual(Chooser(least_conn(), peers).peer(), peers[0])

    def test_ties_take_turns(self) -> None:
        """Peers equally busy are picked in turn by weight."""
        self.assertEqual(letters(Chooser(least_conn(), peers_of(5, 1, 1)), 7), "aabacaa")

    def test_attempts(self) -> None:
        """Idle peers that all fail are tried as round robin would (observed on nginx 1.22.1)."""
        chooser = Chooser(least_conn(), peers_of(1, 2, 1, 3, 1))
        self.assertEqual([attempts(chooser) for _ in range(4)], ["42135", "53241", "41235", "24153"])

    def test_winner_alone_keeps_its_weight(self) -> None:
        """A peer picked because it is least busy has not had its turn."""
        peers = peers_of(1, 1)
        peers[0].in_flight = 1
        Chooser(least_conn(), peers).peer()
        self.assertEqual([peer.current_weight for peer in peers], [0, 0])

    def test_skips(self) -> None:
        """Peers that are not usable or were tried are not picked, however idle."""
        peers = peers_of(1, 1, 1)
        peers[0].usable = False
        peers[2].in_flight = 9
        chooser = Chooser(least_conn(), peers)
        self.assertIs(chooser.peer(tried=[peers[1]]), peers[2])
        self.assertIsNone(chooser.peer(tried=peers))

    def test_single_peer(self) -> None:
        """A peer alone is picked, however busy."""
        peers = peers_of(1)
        peers[0].in_flight = 99
        self.assertIs(Chooser(least_conn(), peers).peer(), peers[0])
