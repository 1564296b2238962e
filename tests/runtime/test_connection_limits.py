"""Tests of how many connections clients may have."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.runtime.connection_limits import ConnectionLimiter
from pydsl_proxy.wire.connection.forwarded import TrustedProxies
from tests.support.logged_lines import LoggedLines

TRUSTED = TrustedProxies([ip_network("10.0.0.0/8")])


class Connection:
    """A connection of a client."""

    def drain(self) -> None:
        """Not asked for."""

    def shut_down(self, error: ProxyError) -> None:
        """It is not asked to."""

    def abort(self) -> None:
        """Not asked for."""


class CrowdTests(SynchronousTestCase):
    """Who gets in."""

    def test_all(self) -> None:
        """As many as are allowed in all, whoever they are."""
        crowd, limits = ConnectionLimiter(Clock()), clients(connections=2)
        first, second = Connection(), Connection()
        self.assertTrue(crowd.enter(first, "192.0.2.1", limits, None))
        self.assertTrue(crowd.enter(second, "unix:", limits, None))
        self.assertFalse(crowd.enter(Connection(), "192.0.2.3", limits, None))
        crowd.leave(first)
        self.assertTrue(crowd.enter(Connection(), "192.0.2.3", limits, None))

    def test_each(self) -> None:
        """As many as are allowed to each, by address or by IPv6 network."""
        crowd, limits = ConnectionLimiter(Clock()), clients(connections_per_client=1)
        self.assertTrue(crowd.enter(Connection(), "192.0.2.1", limits, None))
        self.assertFalse(crowd.enter(Connection(), "192.0.2.1", limits, None))
        self.assertFalse(crowd.enter(Connection(), "::ffff:192.0.2.1", limits, None))
        self.assertTrue(crowd.enter(Connection(), "2001:db8::1", limits, None))
        self.assertFalse(crowd.enter(Connection(), "2001:db8::2", limits, None))

    def test_shared(self) -> None:
        """Clients of a trusted proxy or of a UNIX socket are many: only their sum is limited."""
        crowd, limits = ConnectionLimiter(Clock()), clients(connections_per_client=1)
        for address in ("10.0.0.1", "10.0.0.1", "unix:", "unix:"):
            self.assertTrue(crowd.enter(Connection(), address, limits, TRUSTED))
        self.assertEqual(len(crowd), 4)

    def test_limit_begins(self) -> None:
        """Connections from before a limit was set leave without a trace."""
        crowd, early = ConnectionLimiter(Clock()), Connection()
        self.assertTrue(crowd.enter(early, "192.0.2.1", clients(), None))
        limits = clients(connections_per_client=1)
        late = Connection()
        self.assertTrue(crowd.enter(late, "192.0.2.1", limits, None))
        crowd.leave(early)
        self.assertFalse(crowd.enter(Connection(), "192.0.2.1", limits, None))
        crowd.leave(late)
        self.assertEqual((len(crowd), crowd._each, crowd._networks), (0, {}, {}))

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 3))))
    def test_exact(self, moves: list[tuple[bool, int]]) -> None:
        """Whoever comes and goes, the limits hold, nobody is kept out below them, and nobody is remembered."""
        crowd, limits = ConnectionLimiter(Clock()), clients(connections=5, connections_per_client=2)
        inside: dict[int, list[Connection]] = {number: [] for number in range(4)}
        for comes, number in moves:
            if comes:
                connection = Connection()
                room = len(inside[number]) < 2 and sum(map(len, inside.values())) < 5
                self.assertEqual(crowd.enter(connection, f"192.0.2.{number}", limits, None), room)
                if room:
                    inside[number].append(connection)
            elif inside[number]:
                crowd.leave(inside[number].pop())
        for connections in inside.values():
            for connection in connections:
                crowd.leave(connection)
        self.assertEqual((len(crowd), crowd._each, crowd._networks), (0, {}, {}))

    def test_told(self) -> None:
        """The log has a line in ten seconds, whatever comes."""
        clock = Clock()
        crowd, limits = ConnectionLimiter(clock), clients(connections=1, connections_per_client=1)
        crowd.enter(Connection(), "192.0.2.1", limits, None)
        with LoggedLines() as lines:
            for _ in range(30):
                crowd.enter(Connection(), "192.0.2.1", limits, None)
                clock.advance(1)
        self.assertEqual(len(lines), 3)
        self.assertIn("1 connections were closed at once, the last one of 192.0.2.1: 1 connections are open", lines[0])
        self.assertTrue(lines[1].startswith("10 "))
        with LoggedLines() as lines:
            clock.advance(10)
            crowd.enter(Connection(), "192.0.2.1", clients(connections_per_client=1), None)
        self.assertIn("192.0.2.1 has 1, clients(connections_per_client=1)", lines[0])
