"""Listeners at which the PROXY protocol is spoken."""

from __future__ import annotations

from ipaddress import ip_network
from itertools import pairwise
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.config.client_limits import clients
from pydsl_proxy.net.proxy_protocol_in import ProxyProtocolFactory
from pydsl_proxy.runtime.listener import Listener
from pydsl_proxy.runtime.site import Site
from pydsl_proxy.wire.connection.forwarded import TrustedProxies
from pydsl_proxy.wire.connection.proxy_protocol import write_proxy_header
from pydsl_proxy.wire.http.field_rules import FieldRules
from tests.support.logged_lines import LoggedLines

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 443\r\n"
BALANCER = IPv4Address("TCP", "10.0.0.1", 5000)


class Transport(StringTransport):
    """A transport that keeps who has it, as those of sockets do."""

    protocol: Protocol


class Inner(Protocol):
    """What the connection is for."""

    def __init__(self) -> None:
        self.received = b""
        self.lost = False

    def connectionMade(self) -> None:
        """Note the ends that are told."""
        assert self.transport is not None
        self.peer, self.host = self.transport.getPeer(), self.transport.getHost()

    def dataReceived(self, data: bytes) -> None:
        """Keep."""
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note it."""
        self.lost = True


class ToldTests(SynchronousTestCase):
    """Connections of a balancer in 10.0.0.0/8, or of others."""

    def setUp(self) -> None:
        """A listener."""
        self.clock = Clock()
        site = Site(lambda name: lambda path: None, clients(connections=2), FieldRules())
        self.listener = Listener(site, "http", self.clock)
        self.inner: list[Inner] = []
        self.asked: list[IAddress | None] = []
        factory = Factory()
        factory.buildProtocol = self.build  # type: ignore[method-assign]  # it has nothing else to do
        trusted = TrustedProxies([ip_network("10.0.0.0/8")])
        self.factory = ProxyProtocolFactory(cast(IProtocolFactory, factory), self.listener, trusted)

    def build(self, addr: IAddress | None) -> Protocol:
        """One more."""
        self.asked.append(addr)
        self.inner.append(Inner())
        return self.inner[-1]

    def connect(self, address: IPv4Address | IPv6Address | UNIXAddress = BALANCER) -> Transport:
        """A connection from there."""
        transport = Transport(IPv4Address("TCP", "192.0.2.7", 8080), address)
        transport.protocol = cast(Protocol, self.factory.buildProtocol(address))
        cast(IProtocol, transport.protocol).makeConnection(transport)
        return transport

    def test_told(self) -> None:
        """The ends that are told are those of the connection from then on; what follows is the next protocol's."""
        transport = self.connect()
        transport.protocol.dataReceived(LINE + b"GET")
        (inner,) = self.inner
        self.assertIs(transport.protocol, inner)
        source, destination = IPv4Address("TCP", "203.0.113.9", 40000), IPv4Address("TCP", "192.0.2.1", 443)
        self.assertEqual((inner.peer, inner.host, self.asked), (source, destination, [source]))
        transport.protocol.dataReceived(b" /")
        self.assertEqual((inner.received, self.clock.getDelayedCalls()), (b"GET /", []))

    def test_own(self) -> None:
        """A header that tells nothing leaves the connection's own ends: a balancer that looks whether we are well."""
        for header in (b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"):
            self.connect().protocol.dataReceived(header)
            self.assertEqual(self.inner[-1].peer, BALANCER)

    def test_ipv6(self) -> None:
        """The other family."""
        self.connect().protocol.dataReceived(write_proxy_header(2, ("2001:db8::1", 1), ("::1", 2)))
        self.assertEqual(self.inner[0].peer, IPv6Address("TCP", "2001:db8::1", 1))

    def test_ipv4_within_ipv6(self) -> None:
        """A client of IPv4 at a balancer's listener of IPv6 is one of IPv4."""
        self.connect().protocol.dataReceived(b"PROXY TCP6 ::ffff:192.0.2.9 ::ffff:10.0.0.1 1 2\r\n")
        inner = self.inner[0]
        self.assertEqual(
            (inner.peer, inner.host), (IPv4Address("TCP", "192.0.2.9", 1), IPv4Address("TCP", "10.0.0.1", 2))
        )

    def test_crowd(self) -> None:
        """Where there are too many, the log has the balancer's address."""
        with LoggedLines() as lines:
            for _ in range(3):
                self.connect()
        self.assertIn("the last one of 10.0.0.1", str(lines))

    @given(st.lists(st.integers(0, 60), max_size=5), st.sampled_from((1, 2)))
    def test_any_split(self, places: list[int], version: int) -> None:
        """In whatever pieces it comes, all that follows reaches the next protocol, once and in order."""
        self.setUp()
        data = write_proxy_header(version, ("203.0.113.9", 40000), ("192.0.2.1", 443)) + b"GET / HTTP/1.1\r\n"
        transport = self.connect()
        cuts = sorted({0, len(data), *(place for place in places if place < len(data))})
        for start, end in pairwise(cuts):
            transport.protocol.dataReceived(data[start:end])
        self.assertEqual([inner.received for inner in self.inner], [b"GET / HTTP/1.1\r\n"])

    def test_strangers(self) -> None:
        """Whoever is not trusted is closed at once, whatever it says."""
        for address in (IPv4Address("TCP", "192.0.2.66", 1), UNIXAddress(b"/run/a")):
            transport = self.connect(address)
            self.assertTrue(transport.disconnecting)
            transport.protocol.dataReceived(LINE + b"GET")
            transport.protocol.connectionLost()
        self.assertEqual(self.inner, [])

    def test_malformed(self) -> None:
        """What is no header closes the connection, and nothing is answered: it may be no HTTP either."""
        for data in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", LINE.replace(b"203", b"999"), b"PROXY " + b"x" * 200):
            transport = self.connect()
            transport.protocol.dataReceived(data)
            transport.protocol.dataReceived(LINE)
            self.assertEqual((transport.disconnecting, transport.value()), (True, b""))
            transport.protocol.connectionLost()
        self.assertEqual((self.inner, self.clock.getDelayedCalls()), ([], []))

    def test_time(self) -> None:
        """The whole header has three seconds, however it drips."""
        transport = self.connect()
        for _ in range(2):
            self.clock.advance(1)
            transport.protocol.dataReceived(b"P" if _ == 0 else b"R")
        self.assertFalse(transport.disconnected)
        self.clock.advance(1)
        self.assertTrue(transport.disconnected)
        transport.protocol.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_left(self) -> None:
        """A balancer that only looks whether the port is open costs nothing."""
        transport = self.connect()
        transport.protocol.connectionLost()
        self.assertEqual((self.inner, self.clock.getDelayedCalls()), ([], []))

    def test_counted(self) -> None:
        """Connections that wait are among those that are limited, and told to go with the rest."""
        first, second = self.connect(), self.connect()
        self.assertTrue(self.connect().disconnected)
        emptied: list[bool] = []
        first.protocol.dataReceived(LINE)
        self.listener.drain(lambda: emptied.append(True))
        self.assertEqual((second.disconnecting, emptied), (True, []))
        second.protocol.connectionLost()
        self.assertEqual(emptied, [True])
