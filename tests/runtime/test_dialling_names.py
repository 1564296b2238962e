"""Hosts that are reached by name."""

from __future__ import annotations

from collections.abc import Sequence
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

from pydsl_proxy.config.timeouts import Timeouts
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.runtime.dialling_names import dial_host

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


class DialTests(SynchronousTestCase):
    """A look-up, then one address after the other."""

    def setUp(self) -> None:
        """Dial, within ten seconds."""
        self.reactor = MemoryReactorClock()
        self.resolver = Resolver()
        self.reactor.installNameResolver(self.resolver)
        self.made: list[Protocol] = []
        self.failed: list[ProxyError] = []
        dial = dial_host(self.reactor, "app:80", "app", 80)
        attempt = SimpleNamespace(timeouts=Timeouts(connect=10), failed=self.failed.append)
        self.cancel = dial(cast("Attempt", attempt), self.build)

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
        """A name without an address."""
        self.resolver.tells()
        self.assertEqual([error.cause for error in self.failed], ["dns"])
        self.assertOver()

    def test_times_out(self) -> None:
        """The time is for all of it, the look-up included, whose late end is of no interest."""
        self.reactor.advance(10)
        self.assertEqual([error.cause for error in self.failed], ["connect_timeout"])
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
