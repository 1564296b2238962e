"""Two ends of a connection over the loopback, on the reactor that runs the tests or on its data path."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IHalfCloseableProtocol, IListeningPort
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface import implementer

from pydsl_proxy.net.data_path import data_path

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address
    from twisted.internet.epollreactor import EPollReactor

S = TypeVar("S", bound="Talker")
C = TypeVar("C", bound="Talker")


class Waiting:
    """Something of which tests await that it has come to a state."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], object], Deferred[None]]] = []

    def when(self, reached: Callable[[], object]) -> Deferred[None]:
        """Fires as soon as *reached* is true."""
        fires: Deferred[None] = Deferred()
        self._waiting.append((reached, fires))
        self.changed()
        return fires

    def changed(self) -> None:
        """Called after each change."""
        due = [each for each in self._waiting if each[0]()]
        self._waiting = [each for each in self._waiting if each not in due]
        for _, fires in due:
            fires.callback(None)


class Talker(Waiting, Protocol):
    """Keeps what it receives."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""
        self.lost: BaseException | None = None
        self.halves: list[str] = []

    @property
    def link(self) -> Connection:
        """The transport."""
        return cast(Connection, self.transport)

    def changed(self) -> None:
        super().changed()
        cast(Building, self.factory).changed()

    def connectionMade(self) -> None:
        self.changed()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.changed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason.value
        self.changed()

    def has(self, size: int) -> Deferred[None]:
        """Fires when *size* bytes were received."""
        return self.when(lambda: len(self.received) >= size)

    def ends(self) -> Deferred[None]:
        """Fires when the connection is over."""
        return self.when(lambda: self.lost)


@implementer(IHalfCloseableProtocol)
class HalfTalker(Talker):
    """Outlives the end of one half of the connection."""

    def readConnectionLost(self) -> None:
        self.halves.append("read")
        self.changed()

    def writeConnectionLost(self) -> None:
        self.halves.append("write")
        self.changed()


class Building(Waiting, ClientFactory[Talker]):
    """Makes talkers, and keeps them."""

    noisy = False

    def __init__(self, make: Callable[[], Talker]) -> None:
        super().__init__()
        self.make = make
        self.talkers: list[Talker] = []
        self.failed: BaseException | None = None

    def buildProtocol(self, addr: IAddress | None) -> Talker:
        talker = self.make()
        talker.factory = self
        self.talkers.append(talker)
        return talker

    def connected(self, count: int = 1) -> Deferred[None]:
        """Fires when *count* talkers have had a transport."""
        return self.when(lambda: sum(each.transport is not None for each in self.talkers) >= count)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self.failed = reason.value
        self.changed()

    def clientConnectionLost(self, connector: IConnector, reason: Failure) -> None:
        self.changed()


def number(port: IListeningPort) -> int:
    """The port number of a TCP listener."""
    return cast("IPv4Address", port.getHost()).port


class LoopbackCase(TestCase):
    """A test over TCP; its listeners and connections are closed at its end."""

    #: Whether connections are those of the data path, or Twisted's own.
    direct = True
    #: Seconds for one test; a busy machine needs some of them.
    timeout = 120

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.plain = cast("EPollReactor", reactor)
        self.path = data_path(self.plain) if self.direct else self.plain
        if self.direct and self.path is self.plain:
            raise SkipTest(f"the data path needs the epoll reactor, this is {type(reactor).__name__}")

    def listen(self, factory: Building) -> IListeningPort:
        """Listen until the end of the test."""
        port: IListeningPort = self.path.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return port

    def connect(self, port: IListeningPort, factory: Building) -> None:
        """Connect to *port*; the connection is closed at the end of the test."""
        self.path.connectTCP("127.0.0.1", number(port), factory)

    async def close(self, factory: Building) -> None:
        """Close what is still open of the connections that *factory* has."""
        for talker in factory.talkers:
            if talker.transport is not None and talker.lost is None:
                talker.link.abortConnection()
                await talker.ends()

    async def pairs(self, count: int, server: Callable[[], S], client: Callable[[], C]) -> list[tuple[S, C]]:
        """*count* connections, with the protocol of either end, in no particular order."""
        servers, clients = Building(server), Building(client)
        port = self.listen(servers)
        made = []
        for number in range(1, count + 1):
            self.connect(port, clients)
            await clients.connected(number)
            await servers.connected(number)
            made.append((cast(S, servers.talkers[-1]), cast(C, clients.talkers[-1])))
        for factory in (servers, clients):
            self.addCleanup(self.close, factory)
        return made

    async def pair(self, server: Callable[[], S], client: Callable[[], C]) -> tuple[S, C]:
        """One connection, with the protocol of either end."""
        return (await self.pairs(1, server, client))[0]


class UNIXCase(LoopbackCase):
    """The same over UNIX sockets."""

    def listen(self, factory: Building) -> IListeningPort:
        # A name outside of the file system: paths of test folders are too long for a socket.
        self.address = f"\0{os.getpid()} {self.id()}".encode()
        port: IListeningPort = self.path.listenUNIX(self.address, factory)
        self.addCleanup(port.stopListening)
        return port

    def connect(self, port: IListeningPort, factory: Building) -> None:
        self.path.connectUNIX(self.address, factory)
