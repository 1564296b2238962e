"""Tests of the choice by a value of the request."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.value_hash import hash_by
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.values.request import Request
from pydsl_proxy.values.value import header, host, request_uri
from tests.support.peers import Chooser, attempts, letters, peers_of

KEYS = ("a", "b", "session-1", "user:42", "/index.html")
PLAIN = hash_by(header("x-key"))
RING = hash_by(header("x-key"), consistent=True)


class HashTests(SynchronousTestCase):
    """By the remainder of a hash."""

    def test_keys(self) -> None:
        """Keys go where nginx 1.22.1 sends them."""
        chooser = Chooser(PLAIN, peers_of(1, 2, 1))
        self.assertEqual([chooser.number(key=key) for key in KEYS], [3, 2, 1, 3, 2])

    def test_attempts(self) -> None:
        """Peers are tried in nginx's order, which hashes anew (observed on nginx 1.22.1)."""
        orders = [attempts(Chooser(PLAIN, peers_of(1, 2, 1, 3, 1)), key=key) for key in KEYS]
        self.assertEqual(orders, ["51432", "43215", "12543", "54231", "24153"])

    def test_round_robin_after_too_many_misses(self) -> None:
        """Where hashing finds nobody, round robin finds the last usable peer."""
        peers = peers_of(1000, 1000, 1)
        peers[0].usable = peers[1].usable = False
        self.assertEqual({Chooser(PLAIN, peers).number(key=key) for key in KEYS}, {3})


class ConsistentHashTests(SynchronousTestCase):
    """By the ring."""

    def test_keys(self) -> None:
        """Keys go where nginx 1.22.1 sends them."""
        chooser = Chooser(RING, peers_of(1, 2, 1))
        self.assertEqual([chooser.number(key=key) for key in KEYS], [3, 3, 1, 2, 2])

    def test_attempts(self) -> None:
        """Peers are tried in nginx's order, along the ring (observed on nginx 1.22.1)."""
        orders = [attempts(Chooser(RING, peers_of(1, 2, 1, 3, 1)), key=key) for key in KEYS]
        self.assertEqual(orders, ["43125", "43125", "14352", "42531", "24531"])

    def test_only_the_keys_of_a_removed_peer_move(self) -> None:
        """Without one of the peers, the keys of the others stay where they were."""
        keys = [f"key{number}" for number in range(300)]
        peers = peers_of(1, 2, 1)
        before, after = Chooser(RING, peers), Chooser(RING, peers[:2])
        moved = [key for key in keys if after.number(key=key) != before.number(key=key)]
        self.assertEqual(moved, [key for key in keys if before.number(key=key) == 3])

    def test_round_robin_after_too_many_misses(self) -> None:
        """Where 21 points in a row find nobody, round robin finds the last usable peer."""
        peers = peers_of(100, 100, 1)
        peers[0].usable = peers[1].usable = False
        self.assertEqual({Chooser(RING, peers).number(key=key) for key in KEYS}, {3})

    def test_one_name_twice(self) -> None:
        """Peers of one name share its points, in turn."""
        peers = peers_of(1, 1)
        peers[1].name = peers[0].name
        self.assertEqual(letters(Chooser(RING, peers), 4, key="a"), "abab")

    def test_weight_grows_back(self) -> None:
        """A peer whose effective weight fell regains 1 when it is picked, as in nginx."""
        peers = peers_of(3, 3)
        peers[0].effective_weight = peers[1].effective_weight = 1
        picked = Chooser(RING, peers).peer(key="a")
        self.assertEqual([peer.effective_weight for peer in peers], [2 if peer is picked else 1 for peer in peers])


class HashByTests(SynchronousTestCase):
    """What may be hashed."""

    def test_empty_value(self) -> None:
        """Requests without the value go round robin (observed on nginx 1.22.1)."""
        for strategy in (PLAIN, RING):
            self.assertEqual(letters(Chooser(strategy, peers_of(2, 1)), 6), "abaaba")

    def test_nobody(self) -> None:
        """Without a peer that can be picked there is no choice."""
        for strategy in (PLAIN, RING):
            peers = peers_of(1, 1)
            self.assertIsNone(Chooser(strategy, peers).peer(key="a", tried=peers))

    def test_single_peer(self) -> None:
        """A peer alone gets all keys."""
        self.assertEqual(Chooser(RING, peers_of(1)).number(key="a"), 1)

    def test_function(self) -> None:
        """A function of the request is hashed as the value it returns."""

        def tenant(request: Request) -> str:
            return request.header("x-key")

        chooser = Chooser(hash_by(tenant), peers_of(1, 2, 1))
        self.assertEqual([chooser.number(key=key) for key in KEYS], [3, 2, 1, 3, 2])
        self.assertIn("tenant", repr(hash_by(tenant)))

    def test_bytes_as_received(self) -> None:
        """What is hashed of a header field are its bytes."""
        chooser = Chooser(PLAIN, peers_of(1, 1, 1))
        self.assertEqual(chooser.number(key="\xe9"), 2)  # crc32(b"\xe9") >> 16 & 0x7fff is 3028; as UTF-8 it is 3588

    def test_constant(self) -> None:
        """A key that is the same for every request is refused."""
        error = self.assertRaises(ConfigError, hash_by, "x-tenant")
        self.assertIn('hash_by(header("x-tenant"))', str(error))

    def test_no_value(self) -> None:
        """What is no value is refused."""
        self.assertRaises(ConfigError, hash_by, 5)

    def test_repr(self) -> None:
        """The repr is the code that made it."""
        self.assertEqual(repr(PLAIN), "hash_by(header('x-key'))")
        self.assertEqual(repr(RING), "hash_by(header('x-key'), consistent=True)")
        self.assertEqual(repr(hash_by(f"{host}{request_uri}")), 'hash_by(f"{host}{request_uri}")')
