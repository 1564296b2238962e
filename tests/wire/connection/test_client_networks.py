"""Tests of whom an address stands for."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection.client_networks import network_of


class NetworkTests(SynchronousTestCase):
    """Clients are counted by these."""

    def test_version_4(self) -> None:
        """Each address stands for itself, also as a socket for both versions of IP tells it."""
        self.assertEqual(network_of("192.0.2.1"), "192.0.2.1")
        self.assertEqual(network_of("::ffff:192.0.2.1"), "192.0.2.1")

    def test_version_6(self) -> None:
        """An address stands for its /64."""
        self.assertEqual(network_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64")
        self.assertEqual(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:2:ffff::1"))
        self.assertNotEqual(network_of("2001:db8:1:2::1"), network_of("2001:db8:1:3::1"))
        self.assertEqual(network_of("fe80::1%eth0"), "fe80::/64")

    @given(st.integers(0, 2**128 - 1).map(IPv6Address).filter(lambda each: each.ipv4_mapped is None))
    def test_oracle(self, address: IPv6Address) -> None:
        """The standard library finds the same network."""
        self.assertEqual(ip_network(network_of(str(address))), ip_network((address, 64), strict=False))

    def test_others(self) -> None:
        """What is no address is left as it is."""
        for text in ("unix:", "", "a:b"):
            self.assertEqual(network_of(text), text)
