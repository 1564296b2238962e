"""A reactor in memory: a clock that tests move, listening ports, and connections that lead to scripted peers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, Protocol

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError, ConnectionDone, NotConnectingError, TimeoutError, UserError
from twisted.internet.interfaces import (
    IAddress,
    IConnector,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IProtocolFactory,
    IResolutionReceiver,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from pydsl_proxy.testing.event_loop import MemoryEventLoop
from pydsl_proxy.testing.threads import LockStep
from pydsl_proxy.testing.transport import Address, FarEnd, MemoryTransport, MemoryUNIXTransport
from pydsl_proxy.wire.connection.tls_info import TlsInfo

if TYPE_CHECKING:
    from twisted.internet.protocol import ClientFactory

# 2001-09-09 01:46:40 GMT.  A time as of a wall clock, because responses are dated by it.
START = 1_000_000_000.0
# Turns in which something still happens while the clock stands.
_MAX_TURNS = 20_000


class Network(Protocol):
    """Who knows the scripted peers."""

    def is_known(self, name: str) -> bool:
        """Whether the host of the address *name* can be looked up."""

    def connecting(self, name: str, connecting: MemoryConnector) -> None:
        """The proxy wants a connection to the address *name*."""


class MemoryLoop(MemoryReactorClock):
    """A reactor without sockets; time passes only in :meth:`advance`.

    Whatever a test does ends in :meth:`settle`, so that all its consequences are there when the next line runs.
    """

    #: Scripted ends speak HTTP, whatever stands around it elsewhere.
    in_clear = True

    def __init__(self, network: Network) -> None:
        MemoryReactorClock.__init__(self)
        self.rightNow = START
        self._set_forwards = 0.0
        self.ports: dict[Address, MemoryPort] = {}
        self._network = network
        self._names: dict[str, str] = {}
        self._numbers = count(49152)
        self._settling = False
        self._event_loop: MemoryEventLoop | None = None
        # In order, where Twisted's has sets: a test takes the same course each time.
        self._reading: dict[MemoryTransport, None] = {}
        self._writing: dict[MemoryTransport, None] = {}
        self.nameResolver = Names(network, self._names)

    # -- time --------------------------------------------------------------------------------------------------------

    def advance(self, amount: float = 0.0) -> None:
        """Let *amount* seconds pass: every timer runs at its own time, and what it leads to before the next one."""
        until = self.rightNow + amount
        self.settle()
        while self.calls and self.calls[0].getTime() <= until:
            self.rightNow = max(self.rightNow, self.calls[0].getTime())
            self.settle()
        self.rightNow = until
        self.settle()

    def set_time_of_day(self, by: float) -> None:
        """Set the clock that people read forwards by so many seconds, or back; no time passes, so nothing is due."""
        self._set_forwards += by

    def wall_seconds(self) -> float:
        """The time of day."""
        return self.rightNow + self._set_forwards

    def settle(self) -> None:
        """Do all that can be done while the clock stands."""
        if self._settling:
            return
        self._settling = True
        try:
            for _ in range(_MAX_TURNS):
                if not self._turn():
                    return
        finally:
            self._settling = False
        raise AssertionError(f"after {_MAX_TURNS} turns at one moment the proxy is still busy")

    def _turn(self) -> bool:
        """One round of a reactor: due timers, then descriptors; False if there was nothing to do."""
        due = [call for call in self.calls if call.getTime() <= self.rightNow]
        for call in due:
            # What an earlier one cancelled is not due any more; what it calls later at once is due in the next turn.
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
        written = [each for each in self._writing if each.writable]
        for each in written:
            if each in self._writing:
                self._after(each, each.doWrite(), reading=False)
        read = [each for each in self._reading if each.readable]
        for each in read:
            if each in self._reading:
                self._after(each, each.doRead(), reading=True)
        if due or written or read:
            return True
        return self._event_loop is not None and self._event_loop.wait_for_threads()

    def _after(self, transport: MemoryTransport, why: Exception | None, *, reading: bool) -> None:
        """As ``_disconnectSelectable`` of Twisted's reactors does."""
        if why is None:
            return
        transport.stopReading()
        if reading and isinstance(why, ConnectionDone):
            transport.readConnectionLost(Failure(why))
        else:
            transport.stopWriting()
            transport.connectionLost(Failure(why))

    # -- descriptors -------------------------------------------------------------------------------------------------

    def addReader(self, reader: MemoryTransport) -> None:
        """Read it when there is something."""
        self._reading[reader] = None

    def removeReader(self, reader: MemoryTransport) -> None:
        """Read it no more."""
        self._reading.pop(reader, None)

    def addWriter(self, writer: MemoryTransport) -> None:
        """Write it when the far end has room."""
        self._writing[writer] = None

    def removeWriter(self, writer: MemoryTransport) -> None:
        """Write it no more."""
        self._writing.pop(writer, None)

    # -- applications --------------------------------------------------------------------------------------------------

    def threads_in_step(self) -> LockStep:
        """Threads for applications that block: each runs until it waits for the proxy, and the loop waits for it."""
        return LockStep(self)

    def event_loop(self) -> MemoryEventLoop:
        """The loop of asyncio for applications; it is run by :meth:`settle`, and its time is this one's."""
        if self._event_loop is None:
            self._event_loop = MemoryEventLoop(self)
        return self._event_loop

    # -- ports and connections ---------------------------------------------------------------------------------------

    def listenTCP(self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = "") -> MemoryPort:
        """Listen; port 0 is a free one."""
        kind = IPv6Address if ":" in interface else IPv4Address
        return self._listen(kind("TCP", interface or "0.0.0.0", port or next(self._numbers)), factory)

    def listenUNIX(
        self, address: str | bytes, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: int = 0
    ) -> MemoryPort:
        """Listen at the path of a socket, which is not created."""
        return self._listen(UNIXAddress(address), factory)

    def _listen(self, address: Address, factory: IProtocolFactory) -> MemoryPort:
        if address in self.ports:
            raise CannotListenError(getattr(address, "host", ""), getattr(address, "port", address), "in use")
        port = self.ports[address] = MemoryPort(self, address, factory)
        return port

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory,
        timeout: float = 30.0,
        bindAddress: tuple[str, int] | None = None,
    ) -> MemoryConnector:
        """Ask for a connection to the scripted peer at the address, by the name that was looked up for it."""
        known = self._names.get(host, host)
        name = f"[{known}]:{port}" if ":" in known else f"{known}:{port}"
        kind = IPv6Address if ":" in host else IPv4Address
        return self._connect(name, kind("TCP", host, port), factory, timeout)

    def connectUNIX(
        self, address: str, factory: ClientFactory, timeout: float = 30.0, checkPID: int = 0
    ) -> MemoryConnector:
        """Ask for a connection to the scripted peer ``unix:/path``."""
        return self._connect(f"unix:{address}", UNIXAddress(address), factory, timeout)

    def _connect(self, name: str, address: Address, factory: ClientFactory, timeout: float) -> MemoryConnector:
        connector = MemoryConnector(self, address, factory, timeout)
        self._network.connecting(name, connector)
        return connector


@implementer(IHostnameResolver)
class Names:
    """Gives every host name an address of its own in 198.18.0.0/15, which RFC 2544 keeps for tests."""

    def __init__(self, network: Network, names: dict[str, str]) -> None:
        self._network = network
        self._names = names

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Resolve at once."""
        resolution = _Resolved(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        if self._network.is_known(f"{hostName}:{portNumber}"):
            known = {name: address for address, name in self._names.items()}
            address = known.get(hostName) or f"198.18.{len(known) // 250}.{len(known) % 250 + 1}"
            self._names[address] = hostName
            resolutionReceiver.addressResolved(IPv4Address("TCP", address, portNumber))
        resolutionReceiver.resolutionComplete()
        return resolution


@implementer(IHostResolution)
class _Resolved:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """It is done already."""


@implementer(IListeningPort)
class MemoryPort:
    """Where clients connect."""

    def __init__(self, loop: MemoryLoop, address: Address, factory: IProtocolFactory) -> None:
        self._loop = loop
        self._address = address
        self._factory = factory
        factory.doStart()

    def startListening(self) -> None:
        """It listens from the beginning."""

    def stopListening(self) -> Deferred[None]:
        """Take no more connections."""
        if self._loop.ports.pop(self._address, None) is not None:
            self._factory.doStop()
        return succeed(None)

    def getHost(self) -> Address:
        """Where it listens."""
        return self._address

    def accept(self, end: FarEnd, host: Address, peer: Address, security: TlsInfo | None = None) -> MemoryTransport:
        """Connect a client; *security* is its TLS."""
        transport = MemoryTransport(self._loop, end, host, peer)
        transport.security = security
        protocol = self._factory.buildProtocol(peer)
        assert protocol is not None
        transport.begin(protocol)
        return transport


@implementer(IConnector)
class MemoryConnector:
    """A connection that the proxy has asked for; a peer accepts it, refuses it, or lets its time run out."""

    def __init__(self, loop: MemoryLoop, address: Address, factory: ClientFactory, timeout: float) -> None:
        self._loop = loop
        self._address = address
        self._factory = factory
        self._transport: MemoryTransport | None = None
        self._timer = loop.callLater(timeout, self.fail, TimeoutError())
        factory.doStart()
        factory.startedConnecting(self)

    @property
    def waits(self) -> bool:
        """Whether nothing has come of it yet."""
        return self._timer.active()

    def accept(self, end: FarEnd) -> MemoryTransport | None:
        """The connection is made."""
        self._timer.cancel()
        is_unix = isinstance(self._address, UNIXAddress)
        host = self._address if is_unix else IPv4Address("TCP", "127.0.0.1", 40000)
        protocol = self._factory.buildProtocol(self._address)
        if protocol is None:
            return None
        make = MemoryUNIXTransport if is_unix else MemoryTransport
        transport = self._transport = make(self._loop, end, host, self._address)
        transport.begin(protocol)
        return transport

    def fail(self, error: Exception) -> None:
        """The connection will not be made."""
        if self._timer.active():
            self._timer.cancel()
        self._factory.clientConnectionFailed(self, Failure(error))

    def stopConnecting(self) -> None:
        """The proxy wants the connection no more."""
        if not self.waits:
            raise NotConnectingError
        self.fail(UserError())

    def disconnect(self) -> None:
        """The same, or close it."""
        if self._transport is not None:
            FileDescriptor.loseConnection(self._transport)
        elif self.waits:
            self.stopConnecting()

    def connect(self) -> None:
        """Twisted's connectors can be used again; nobody here does."""
        raise NotImplementedError

    def getDestination(self) -> Address:
        """Where it leads."""
        return self._address
