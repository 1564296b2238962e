"""What holds for the end of connections on every transport, Twisted's own and those of the data path."""

from __future__ import annotations

import socket
import struct
from typing import cast

from twisted.internet import error
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest

from tests.net.loopback import Building, HalfTalker, LoopbackCase, Talker, number
from tests.net.write_rules import MUCH


class Raising(Talker):
    """Raises when it receives data."""

    def dataReceived(self, data: bytes) -> None:
        raise ZeroDivisionError("of the test")


class RaisingAtEnd(Talker):
    """Raises when its connection is lost."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        raise ZeroDivisionError("of the test")


class Closing(Talker):
    """Aborts all other connections when it receives data."""

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        for other in cast(Building, self.factory).talkers:
            if other is not self:
                other.link.abortConnection()


class EndRules(LoopbackCase):
    """How connections end, wholly or half."""

    async def test_half_close(self) -> None:
        """Each half ends by itself, after what was written to it; each end is told of both."""
        server, client = await self.pair(HalfTalker, HalfTalker)
        client.link.write(b"x" * MUCH)
        client.link.loseWriteConnection()
        await server.when(lambda: server.halves == ["read"])
        self.assertEqual(len(server.received), MUCH)
        self.assertEqual(client.halves, ["write"])
        client.link.write(b"dropped")
        server.link.write(b"answer")
        server.link.loseWriteConnection()
        await client.when(lambda: client.halves == ["write", "read"])
        await server.when(lambda: server.halves == ["read", "write"])
        self.assertEqual((client.received, len(server.received)), (b"answer", MUCH))
        client.link.loseConnection()
        server.link.loseConnection()
        await client.ends()
        await server.ends()

    async def test_half_close_with_nothing_queued(self) -> None:
        """The write half ends after what was sent at once."""
        server, client = await self.pair(HalfTalker, HalfTalker)
        client.link.write(b"all")
        client.link.loseWriteConnection()
        client.link.write(b" of it")
        await server.when(lambda: server.halves)
        self.assertEqual(server.received, b"all of it")

    async def test_half_close_is_an_end_for_others(self) -> None:
        """A protocol that knows no half close loses the connection."""
        server, client = await self.pair(Talker, HalfTalker)
        client.link.loseWriteConnection()
        await server.ends()
        self.assertIsInstance(server.lost, error.ConnectionDone)

    async def test_error_in_half_close(self) -> None:
        """An error raised when a half ends is logged, and ends the connection."""

        class Failing(HalfTalker):
            def readConnectionLost(self) -> None:
                raise ZeroDivisionError("of the test")

        server, client = await self.pair(Failing, HalfTalker)
        client.link.loseWriteConnection()
        await server.ends()
        self.assertIsInstance(server.lost, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_error_in_a_protocol(self) -> None:
        """An error raised by a protocol is logged and ends its connection alone."""
        (bad, cause), (good, other) = await self.pairs(2, Raising, Talker)
        good.dataReceived = Talker.dataReceived.__get__(good)  # type: ignore[method-assign]  # this one does not raise
        cause.link.write(b"x")
        other.link.write(b"y")
        await bad.ends()
        await cause.ends()
        await good.has(1)
        self.assertIsInstance(bad.lost, ZeroDivisionError)
        self.assertIsNone(good.lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_error_at_the_end(self) -> None:
        """An error raised in ``connectionLost`` is logged, and others go on."""
        (bad, cause), (good, other) = await self.pairs(2, RaisingAtEnd, Talker)
        good.connectionLost = Talker.connectionLost.__get__(good)  # type: ignore[method-assign]  # this one does not raise
        cause.link.loseConnection()
        await bad.ends()
        other.link.write(b"y")
        await good.has(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_aborted_by_another(self) -> None:
        """A protocol may end others whose data has come at the same moment: theirs is not delivered."""
        pairs = await self.pairs(3, Closing, Talker)
        for _, client in pairs:
            client.link.write(b"x")
        everyone = [talker for pair in pairs for talker in pair]
        await cast(Building, pairs[0][0].factory).when(
            lambda: sum(each.lost is not None for each in everyone[::2]) == 2
        )
        self.assertEqual(sorted(len(server.received) for server, _ in pairs), [0, 0, 1])


class TCPRules(LoopbackCase):
    """What only TCP knows."""

    async def test_reset(self) -> None:
        """A reset by the other side is an unclean end."""
        servers = Building(Talker)
        port = self.listen(servers)
        with socket.create_connection(("127.0.0.1", number(port))) as raw:
            await servers.connected()
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await servers.talkers[0].ends()
        self.assertIsInstance(servers.talkers[0].lost, error.ConnectionLost)

    async def test_refused(self) -> None:
        """A refused connection is reported to the factory."""
        with socket.socket() as raw:
            raw.bind(("127.0.0.1", 0))
            factory = Building(Talker)
            self.path.connectTCP("127.0.0.1", raw.getsockname()[1], factory)
            await factory.when(lambda: factory.failed)
        self.assertIsInstance(factory.failed, error.ConnectionRefusedError)

    async def test_connect_timeout(self) -> None:
        """A connection that is not made in time is given up."""
        with socket.socket() as raw:
            raw.bind(("127.0.0.1", 0))
            raw.listen()
            factory = Building(Talker)
            self.path.connectTCP("127.0.0.1", raw.getsockname()[1], factory, timeout=0)
            await factory.when(lambda: factory.failed)
        self.assertIsInstance(factory.failed, error.TimeoutError)

    async def test_stop_connecting(self) -> None:
        """An attempt can be given up."""
        with socket.socket() as raw:
            raw.bind(("127.0.0.1", 0))
            raw.listen()
            factory = Building(Talker)
            connector = self.path.connectTCP("127.0.0.1", raw.getsockname()[1], factory)
            connector.stopConnecting()
            await factory.when(lambda: factory.failed)
        self.assertIsInstance(factory.failed, error.UserError)

    async def test_no_protocol(self) -> None:
        """A factory that makes no protocol closes the connection, at either end."""

        class Refusing(Building):
            def buildProtocol(self, addr: object) -> Talker:
                return cast(Talker, None)

        clients = Building(Talker)
        self.connect(self.listen(Refusing(Talker)), clients)
        await clients.connected()
        await clients.talkers[0].ends()
        servers = Building(Talker)
        self.connect(self.listen(servers), Refusing(Talker))
        await servers.connected()
        await servers.talkers[0].ends()

    async def test_ipv6(self) -> None:
        """IPv6 addresses work at both ends."""
        servers, clients = Building(Talker), Building(Talker)
        try:
            port = self.path.listenTCP(0, servers, interface="::1")
        except error.CannotListenError as reason:
            raise SkipTest("no IPv6 here") from reason
        self.addCleanup(port.stopListening)
        self.path.connectTCP("::1", number(port), clients)
        await servers.connected()
        await clients.connected()
        self.addCleanup(self.close, servers)
        self.addCleanup(self.close, clients)
        server, client = servers.talkers[0], clients.talkers[0]
        client.link.write(b"six")
        await server.has(3)
        self.assertEqual(server.link.getPeer(), client.link.getHost())
        self.assertEqual(server.link.getPeer().host, "::1")
