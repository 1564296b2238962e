"""Tests of the table in which the first network that has an address counts."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.connection import address_table
from pydsl_proxy.wire.connection.address_table import ALL, UNIX, AddressTable

# Few addresses, and the ends of both kinds, so that networks lie in each other.
_V4 = st.integers(0, 255).map(IPv4Address) | st.sampled_from([IPv4Address(2**32 - 1), IPv4Address(2**31)])
_V6 = st.integers(0, 255).map(IPv6Address) | st.sampled_from([IPv6Address(2**128 - 1), IPv6Address("::ffff:0:7")])
_NETWORKS = st.one_of(
    st.tuples(_V4, st.integers(0, 32)).map(lambda pair: str(ip_network((pair[0], pair[1]), strict=False))),
    st.tuples(_V6, st.integers(0, 128)).map(lambda pair: str(ip_network((pair[0], pair[1]), strict=False))),
    st.sampled_from([ALL, UNIX]),
)


def plainly(rules: list[tuple[str, int]], address: str) -> int | None:
    """The value of the first rule that has the address, rule by rule."""
    for where, value in rules:
        if where == ALL or (address == UNIX and where == UNIX):
            return value
        if address != UNIX and where != UNIX:
            parsed = ip_address(address)
            parsed = getattr(parsed, "ipv4_mapped", None) or parsed
            if parsed in ip_network(where):
                return value
    return None


class TableTests(SynchronousTestCase):
    """What is found."""

    @given(st.lists(st.tuples(_NETWORKS, st.integers())), st.lists(_V4 | _V6))
    def test_as_plainly(self, rules: list[tuple[str, int]], addresses: list[IPv4Address | IPv6Address]) -> None:
        """The first rule counts, for every address and for clients at UNIX sockets."""
        table = AddressTable(rules, None)
        edges = [
            str(edge) for where, _ in rules if "/" in where for edge in (ip_network(where)[0], ip_network(where)[-1])
        ]
        for address in [*map(str, addresses), *edges, UNIX]:
            self.assertEqual(table.find(address), plainly(rules, address), address)
            self.assertEqual(table.find(address), plainly(rules, address), address)

    def test_everything(self) -> None:
        """A mask of 0 is every address of its kind, and no other's; IPv4 inside IPv6 is IPv4."""
        table = AddressTable([("0.0.0.0/0", 4), ("::/0", 6)], None)
        for address, value in (
            ("0.0.0.0", 4),
            ("255.255.255.255", 4),
            ("::ffff:192.0.2.1", 4),
            ("::", 6),
            (str(IPv6Network("::/0")[-1]), 6),
            ("fe80::1%eth0", 6),
            (UNIX, None),
            ("", None),
        ):
            self.assertEqual(table.find(address), value, address)

    def test_unknown(self) -> None:
        """What is no address has the value that is given for it."""
        self.assertEqual(AddressTable([("10.0.0.0/8", 1)], 2).find("somebody"), 2)

    def test_bounded(self) -> None:
        """What is remembered is bounded."""
        self.patch(address_table, "MAX_REMEMBERED", 8)
        table = AddressTable([("10.0.0.0/8", 1)], None)
        kept = []
        for number in range(100):
            self.assertEqual(table.find(f"10.0.0.{number}"), 1)
            kept.append(len(table._remembered))
        self.assertEqual(max(kept), 8)
