"""Tests of smooth weighted round robin."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.smooth_round_robin import round_robin
from tests.support.peers import Chooser, attempts, letters, peers_of


class RoundRobinTests(SynchronousTestCase):
    """Peers in turn by weight."""

    def test_weights_are_mixed(self) -> None:
        """A heavy peer's turns are spread among the others' (observed on nginx 1.22.1)."""
        for weights, expected in (((5, 1, 1), "aabacaa"), ((3, 2, 1), "abacba")):
            self.assertEqual(letters(Chooser(round_robin(), peers_of(*weights)), 2 * len(expected)), 2 * expected)

    def test_attempts(self) -> None:
        """An attempt after another goes to the next in turn, and moves the turns on (observed on nginx 1.22.1)."""
        chooser = Chooser(round_robin(), peers_of(1, 2, 1, 3, 1))
        self.assertEqual([attempts(chooser) for _ in range(4)], ["42135", "53241", "41235", "24153"])

    def test_skipped_peers_keep_their_weights(self) -> None:
        """A peer that cannot be picked does not save up turns."""
        peers = peers_of(1, 1, 1)
        peers[1].usable = False
        self.assertEqual(letters(Chooser(round_robin(), peers), 4), "acac")
        self.assertEqual(peers[1].current_weight, 0)

    def test_weight_grows_back(self) -> None:
        """A peer whose effective weight fell regains 1 at each selection, up to its weight."""
        peers = peers_of(3, 1)
        peers[0].effective_weight = 0
        chooser = Chooser(round_robin(), peers)
        seen = []
        for _ in range(4):
            chooser.number()
            seen.append(peers[0].effective_weight)
        self.assertEqual(seen, [1, 2, 3, 3])

    def test_recovering_peer_waits(self) -> None:
        """A peer that failed once, with max_fails=1, comes third when it is usable again (observed on nginx 1.22.1)."""
        peers = peers_of(1, 1)
        chooser = Chooser(round_robin(), peers)
        self.assertEqual(chooser.number(), 1)
        peers[0].effective_weight = 0
        self.assertEqual(chooser.number(tried=[peers[0]]), 2)
        self.assertEqual(letters(chooser, 3), "bba")

    def test_nobody(self) -> None:
        """Without a peer that can be picked there is no choice."""
        peers = peers_of(1, 1)
        peers[0].usable = False
        self.assertIsNone(Chooser(round_robin(), peers).peer(tried=[peers[1]]))

    def test_single_peer(self) -> None:
        """A peer alone is picked unless it was tried or is not usable."""
        [peer] = peers = peers_of(4)
        chooser = Chooser(round_robin(), peers)
        self.assertIs(chooser.peer(), peer)
        self.assertIsNone(chooser.peer(tried=[peer]))
        peer.usable = False
        self.assertIsNone(chooser.peer())
