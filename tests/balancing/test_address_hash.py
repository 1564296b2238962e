"""Tests of the choice by the client's address."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.balancing.address_hash import address_key, ip_hash
from tests.support.peers import Chooser, attempts, peers_of

ADDRESSES = (
    "1.2.3.4",
    "1.2.3.200",
    "10.0.0.1",
    "192.168.1.7",
    "203.0.113.9",
    "8.8.8.8",
    "172.16.5.4",
    "2001:db8::1",
    "2001:db8::2",
    "100.64.1.1",
)


class IpHashTests(SynchronousTestCase):
    """The same peer for the same address."""

    def test_equal_weights(self) -> None:
        """Addresses go where nginx 1.22.1 sends them."""
        chooser = Chooser(ip_hash(), peers_of(1, 1, 1, 1, 1))
        self.assertEqual([chooser.number(address) for address in ADDRESSES], [2, 2, 1, 5, 3, 4, 2, 1, 2, 5])

    def test_weights(self) -> None:
        """Weights move addresses as they do in nginx 1.22.1."""
        chooser = Chooser(ip_hash(), peers_of(2, 1, 3))
        self.assertEqual([chooser.number(address) for address in ADDRESSES], [1, 1, 3, 3, 1, 3, 3, 2, 3, 2])

    def test_attempts(self) -> None:
        """Peers are tried in nginx's order, which goes on hashing (observed on nginx 1.22.1)."""
        for address, order in (
            ("1.2.3.4", "54213"),
            ("10.0.0.1", "42315"),
            ("192.168.1.7", "24351"),
            ("203.0.113.9", "13245"),
            ("2001:db8::1", "13245"),
            ("::ffff:10.0.0.1", "34215"),
        ):
            self.assertEqual(attempts(Chooser(ip_hash(), peers_of(1, 2, 1, 3, 1)), address), order, address)

    def test_other_clients_stay(self) -> None:
        """A peer that goes down moves its own clients, and no others."""
        peers = peers_of(1, 1, 1, 1, 1)
        chooser = Chooser(ip_hash(), peers)
        before = [chooser.number(address) for address in ADDRESSES]
        peers[1].usable = False
        after = [chooser.number(address) for address in ADDRESSES]
        for was, now in zip(before, after, strict=True):
            self.assertTrue(now == was if was != 2 else now not in (0, 2))

    def test_round_robin_after_too_many_misses(self) -> None:
        """Where hashing finds nobody, round robin finds the last usable peer."""
        peers = peers_of(1000, 1000, 1)
        peers[0].usable = peers[1].usable = False
        self.assertEqual({Chooser(ip_hash(), peers).number(address) for address in ADDRESSES}, {3})

    def test_nobody(self) -> None:
        """Without a peer that can be picked there is no choice."""
        peers = peers_of(1, 2)
        self.assertIsNone(Chooser(ip_hash(), peers).peer(tried=peers))

    def test_single_peer(self) -> None:
        """A peer alone gets all clients."""
        self.assertEqual(Chooser(ip_hash(), peers_of(7)).number("nonsense"), 1)


class AddressKeyTests(SynchronousTestCase):
    """What is hashed of an address."""

    def test_keys(self) -> None:
        """Three bytes of IPv4, 16 of IPv6, a constant for clients without an address."""
        for address, key in (
            ("10.1.2.3", b"\x0a\x01\x02"),
            ("2001:db8::1", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
            ("::ffff:10.1.2.3", bytes(10) + b"\xff\xff\x0a\x01\x02\x03"),
            ("fe80::1%eth0", b"\xfe\x80" + bytes(13) + b"\x01"),
            ("unix:", bytes(3)),
            ("", bytes(3)),
            ("/run/client.sock", bytes(3)),
        ):
            self.assertEqual(address_key(address), key, address)
