"""Hosts that are reached by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.timeouts import Timeouts
from pydsl_proxy.net.connect_by_name import dial_host
from tests.support.logged_lines import LoggedLines

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Attempt


@implementer(IHostnameResolver, IHostResolution)
class Resolver:
    """Tells its addresses when it is asked to."""

    name = "app"

    def __init__(self) -> None:
        self.receivers: list[IResolutionReceiver] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Keep the question."""
        resolutionReceiver.resolutionBegan(self)
        self.receivers.append(resolutionReceiver)
        return self

    def cancel(self) -> None:
        """Twisted's own cannot."""
        raise NotImplementedError

    def tells(self, *hosts: str) -> None:
        """Answer the last question."""
        for host in hosts:
            self.receivers[-1].addressResolved(IPv4Address("TCP", host, 80))
        self.receivers[-1].resolutionComplete()


class DialCase(SynchronousTestCase):
    """A connection to ``app`` is asked for."""

    def setUp(self) -> None:
        """Dial, within ten seconds."""
        self.reactor = MemoryReactorClock()
        self.resolver = Resolver()
        self.reactor.installNameResolver(self.resolver)
        self.made: list[Protocol] = []
        self.failed: list[ProxyError] = []
        self.dial = dial_host(self.reactor, "app:80", "app", 80)
        self.cancel = self.begin()

    def begin(self) -> Callable[[], None]:
        """Dial; what is returned cancels."""
        attempt = SimpleNamespace(timeouts=Timeouts(connect=10), failed=self.failed.append)
        return self.dial(cast("Attempt", attempt), self.build)

    def build(self) -> Protocol:
        """A protocol for the connection."""
        self.made.append(Protocol())
        return self.made[-1]

    def asked(self) -> list[str]:
        """The addresses that connections were asked for."""
        return [host for host, *_ in self.reactor.tcpClients]

    def refuse(self, number: int) -> None:
        """One of the connections fails."""
        self.reactor.tcpClients[number][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]  # nobody looks at the connector

    def assertOver(self) -> None:
        """Nothing is under way any more."""
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def connect(self, number: int) -> None:
        """One of the connections is made."""
        self.reactor.tcpClients[number][2].buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))


class DialTests(DialCase):
    """A look-up, then one address after the other."""

    def test_connects(self) -> None:
        """The protocol stands on the transport itself, with nothing between."""
        self.resolver.tells("192.0.2.1")
        protocol = self.reactor.tcpClients[0][2].buildProtocol(IPv4Address("TCP", "192.0.2.1", 80))
        self.assertIs(protocol, self.made[0])
        self.assertOver()

    def test_refused(self) -> None:
        """A host with one address that refuses is told at once."""
        self.resolver.tells("192.0.2.1")
        self.refuse(0)
        self.assertEqual([error.cause for error in self.failed], ["connect_refused"])
        self.assertOver()

    def test_next(self) -> None:
        """With several the next is tried at once; the last error is told."""
        self.resolver.tells("192.0.2.1", "192.0.2.2")
        self.refuse(0)
        self.assertEqual(self.asked(), ["192.0.2.1", "192.0.2.2"])
        self.refuse(1)
        self.assertEqual([error.cause for error in self.failed], ["connect_refused"])
        self.assertOver()

    def test_slow(self) -> None:
        """One that takes its time is not waited for (RFC 8305), and given up when another is quicker."""
        self.resolver.tells("192.0.2.1", "192.0.2.2", "192.0.2.3")
        self.assertEqual(self.asked(), ["192.0.2.1"])
        self.reactor.advance(0.3)
        self.assertEqual(self.asked(), ["192.0.2.1", "192.0.2.2"])
        self.reactor.tcpClients[1][2].buildProtocol(IPv4Address("TCP", "192.0.2.2", 80))
        self.assertEqual(len(self.made), 1)
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
        self.reactor.advance(10)
        self.assertEqual((len(self.asked()), self.failed), (2, []))

    def test_not_found(self) -> None:
        """A name without an address; the peer is not blamed for it."""
        self.resolver.tells()
        self.assertEqual([(error.cause, error.source) for error in self.failed], [("dns", Source.US)])
        self.assertOver()

    def test_times_out(self) -> None:
        """The time is for all of it, the look-up included, whose late end is of no interest."""
        self.reactor.advance(10)
        self.assertEqual([(error.cause, error.source) for error in self.failed], [("connect_timeout", Source.US)])
        self.resolver.tells("192.0.2.1")
        self.assertEqual((self.asked(), len(self.failed)), ([], 1))

    def test_cancelled(self) -> None:
        """Nothing is told to who has cancelled."""
        self.resolver.tells("192.0.2.1", "192.0.2.2")
        self.cancel()
        self.cancel()
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
        self.reactor.advance(10)
        self.assertEqual((len(self.asked()), self.failed), (1, []))

    def test_connecting_times_out(self) -> None:
        """If the name was found it is the peer that was not reached."""
        self.resolver.tells("192.0.2.1")
        self.reactor.advance(10)
        self.assertEqual([(error.cause, error.source) for error in self.failed], [("connect_timeout", Source.PEER)])

    def test_shared(self) -> None:
        """Connections that are asked for meanwhile wait for the same look-up, unless they are given up."""
        self.begin()
        cancel = self.begin()
        cancel()
        self.assertEqual(len(self.resolver.receivers), 1)
        self.resolver.tells("192.0.2.1")
        self.assertEqual(self.asked(), ["192.0.2.1"] * 2)

    def test_not_looked_up_for_long(self) -> None:
        """When the name server has kept one waiting for all of its time, others are told at once, until it answers."""
        self.reactor.advance(10)
        self.begin()
        self.assertEqual(len(self.failed), 1)
        self.reactor.advance(0)
        self.assertEqual([error.cause for error in self.failed], ["connect_timeout", "dns"])
        self.resolver.tells("192.0.2.1")
        self.begin()
        self.resolver.tells("192.0.2.1")
        self.assertEqual(self.asked(), ["192.0.2.1"])

    def test_not_found_for_a_second(self) -> None:
        """A name that was not found is not looked up again for a second, however many ask."""
        self.resolver.tells()
        cancel = self.begin()
        cancel()
        self.begin()
        self.reactor.advance(0.9)
        self.assertEqual((len(self.resolver.receivers), len(self.failed)), (1, 2))
        self.reactor.advance(0.1)
        self.begin()
        self.assertEqual(len(self.resolver.receivers), 2)


class KnownTests(DialCase):
    """A name that was found before."""

    def setUp(self) -> None:
        """It has led to a connection."""
        super().setUp()
        self.resolver.tells("192.0.2.1")
        self.connect(0)
        lines = LoggedLines("pydsl_proxy.net.host_names").__enter__()
        self.addCleanup(lines.__exit__, None, None, None)
        self.lines = lines

    def test_not_found(self) -> None:
        """Its last addresses serve on, with one notice a minute."""
        for count in range(1, 60):
            self.begin()
            self.resolver.tells()
            self.connect(count)
            self.reactor.advance(1)
        self.assertEqual(self.asked(), ["192.0.2.1"] * 60)
        self.assertEqual(
            self.lines, ["peer app:80: the name app is not found any more; the addresses known before are used"]
        )
        self.reactor.advance(60)
        self.begin()
        self.resolver.tells()
        self.assertEqual(len(self.lines), 2)
        self.assertEqual(self.failed, [])

    def test_found_anew(self) -> None:
        """Once it is found again, its new addresses are used."""
        self.begin()
        self.resolver.tells()
        self.connect(1)
        self.reactor.advance(1)
        self.begin()
        self.resolver.tells("192.0.2.9")
        self.assertEqual(self.asked(), ["192.0.2.1", "192.0.2.1", "192.0.2.9"])

    def test_hangs(self) -> None:
        """A look-up is waited for one second; then, and until it ends, the last addresses are used at once."""
        self.begin()
        self.reactor.advance(0.9)
        self.assertEqual(len(self.asked()), 1)
        self.reactor.advance(0.1)
        self.assertEqual(len(self.asked()), 2)
        self.connect(1)
        self.begin()
        self.assertEqual(len(self.asked()), 3)
        self.connect(2)
        self.assertEqual(len(self.resolver.receivers), 2)
        self.resolver.tells("192.0.2.9")
        self.begin()
        self.resolver.tells("192.0.2.9")
        self.assertEqual(self.asked(), ["192.0.2.1"] * 3 + ["192.0.2.9"])
        self.assertIn("was not looked up within 1 s", self.lines[0])

    def test_refuses(self) -> None:
        """Where they refuse, it is the peer that has failed."""
        self.begin()
        self.resolver.tells()
        self.refuse(1)
        self.assertEqual([(error.cause, error.source) for error in self.failed], [("connect_refused", Source.PEER)])
        self.assertOver()

    def test_nothing_left(self) -> None:
        """No timer outlives a connection."""
        self.begin()
        self.resolver.tells("192.0.2.1")
        self.connect(1)
        self.assertOver()
