"""What every strategy must do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.address_hash import ip_hash
from pydsl_proxy.balancing.least_connections import least_conn
from pydsl_proxy.balancing.random_choice import random_one, random_two
from pydsl_proxy.balancing.smooth_round_robin import round_robin
from pydsl_proxy.balancing.value_hash import hash_by
from pydsl_proxy.values.value import header
from tests.support.peers import Chooser, peers_of

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Strategy

STRATEGIES: Final[list[Strategy]] = [
    round_robin(),
    least_conn(),
    ip_hash(),
    random_one(),
    random_two(),
    hash_by(header("x-key")),
    hash_by(header("x-key"), consistent=True),
]
strategies = st.sampled_from(STRATEGIES)
weights = st.lists(st.integers(1, 9), min_size=1, max_size=6)


def client(number: int) -> str:
    """An address; those of consecutive numbers are of different networks."""
    return f"10.{number // 256 % 256}.{number % 256}.1"


class StrategyTests(SynchronousTestCase):
    """Each of the strategies."""

    @given(strategies, weights, st.data())
    def test_picks_who_can_be_picked(self, strategy: Strategy, weights: list[int], data: st.DataObject) -> None:
        """Nobody unusable or tried is ever picked, and somebody always is while anyone can be."""
        peers = peers_of(*weights)
        chooser = Chooser(strategy, peers)
        for number in range(5):
            for peer in peers:
                peer.usable = data.draw(st.booleans())
                peer.in_flight = data.draw(st.integers(0, 3))
            tried = [peer for peer in peers if data.draw(st.booleans())]
            free = [peer for peer in peers if peer.usable and peer not in tried]
            picked = chooser.peer(client(number), f"key{number}", tried)
            self.assertTrue(picked in free if free else picked is None)

    @given(strategies, weights)
    def test_tries_each_peer_once(self, strategy: Strategy, weights: list[int]) -> None:
        """Attempts of one exchange come to every usable peer."""
        peers = peers_of(*weights)
        chooser = Chooser(strategy, peers)
        order = Counter[int]()
        for _ in peers:
            order[chooser.number(key="a", tried=[peers[number - 1] for number in order])] += 1
        self.assertEqual(sorted(order), list(range(1, len(peers) + 1)))

    @settings(max_examples=30)
    @given(st.sampled_from([round_robin(), least_conn()]), weights)
    def test_exact_share(self, strategy: Strategy, weights: list[int]) -> None:
        """In as many turns as the weights add up to, each peer has as many as its weight."""
        chooser = Chooser(strategy, peers_of(*weights))
        for _ in range(2):
            picked = Counter(chooser.number() for _ in range(sum(weights)))
            self.assertEqual([picked[number + 1] for number in range(len(weights))], weights)

    def test_share(self) -> None:
        """Over many clients and keys each peer has the share of its weight, but for the ring's uneven arcs."""
        runs, weights = 4000, (1, 2, 1)
        for strategy in STRATEGIES:
            if strategy == random_two():
                continue  # it shares by load, not by weight
            chooser = Chooser(strategy, peers_of(*weights))
            picked = Counter(chooser.number(client(run), f"key{run}") for run in range(runs))
            for number, weight in enumerate(weights, 1):
                expected = runs * weight / sum(weights)
                self.assertLess(abs(picked[number] - expected), 0.2 * expected, f"{strategy!r} {picked}")

    def test_share_of_load(self) -> None:
        """With exchanges that stay, strategies that look at load level it by weight."""
        weights = (1, 2, 1)
        for strategy in (least_conn(), random_two()):
            peers = peers_of(*weights)
            chooser = Chooser(strategy, peers)
            for _ in range(400):
                peers[chooser.number() - 1].in_flight += 1
            for peer in peers:
                self.assertLess(abs(peer.in_flight - 100 * peer.weight), 5, f"{strategy!r}")

    def test_repr(self) -> None:
        """The repr is the code that made it, and makes an equal one."""
        names = {make.__name__: make for make in (round_robin, least_conn, ip_hash, random_one, random_two, hash_by)}
        for strategy in STRATEGIES:
            self.assertEqual(eval(repr(strategy), {**names, "header": header}), strategy)
