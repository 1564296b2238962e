"""Rules for TCP and UNIX transports: Twisted's own keep them, and those of the data path keep the same."""

from __future__ import annotations

import os
import socket
import struct
from typing import cast

from twisted.internet import error
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest
from zope.interface import implementer

from pydsl_proxy.runtime.transport import unsent
from tests.runtime.loopback import Building, HalfTalker, LoopbackCase, Talker, UNIXCase, number

# More than the two socket buffers of a loopback connection take while nobody reads.
MUCH = 12 * 1024 * 1024


@implementer(IPushProducer)
class Pushing:
    """Notes what it is told."""

    def __init__(self, talker: Talker) -> None:
        self.told: list[str] = []
        self.talker = talker

    def _tell(self, word: str) -> None:
        self.told.append(word)
        self.talker.changed()

    def pauseProducing(self) -> None:
        self._tell("pause")

    def resumeProducing(self) -> None:
        self._tell("resume")

    def stopProducing(self) -> None:
        self._tell("stop")


@implementer(IPullProducer)
class Pulled:
    """Writes one line each time it is asked, and ends the connection after the last."""

    def __init__(self, talker: Talker, lines: int) -> None:
        self.talker = talker
        self.left = lines
        self.stopped = False

    def resumeProducing(self) -> None:
        if self.left:
            self.left -= 1
            self.talker.link.write(b"line %d\n" % self.left)
        else:
            self.talker.link.unregisterProducer()
            self.talker.link.loseConnection()

    def stopProducing(self) -> None:
        self.stopped = True


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


class WriteRules(LoopbackCase):
    """Order and completeness of what is written."""

    async def test_order_with_queued_data(self) -> None:
        """What is written while data is queued comes after it, however it is written."""
        server, client = await self.pair(Talker, Talker)
        server.link.pauseProducing()
        written = []
        for count in range(300):
            block = b"%08d" % count * 5000
            written += [block, b"head\n", b"tail\n"]
            client.link.write(block)
            client.link.writeSequence([b"head\n", b"tail\n"])
        expected = b"".join(written)
        self.assertGreater(unsent(client.transport), 0)
        server.link.resumeProducing()
        await server.has(len(expected))
        self.assertTrue(server.received == expected)
        self.assertEqual(unsent(client.transport), 0)

    async def test_one_write_of_much(self) -> None:
        """One write larger than all buffers arrives whole, in both directions at once."""
        server, client = await self.pair(Talker, Talker)
        there, back = os.urandom(1024) * (MUCH // 1024), os.urandom(512) * (MUCH // 512)
        client.link.write(there)
        server.link.write(back)
        await server.has(MUCH)
        await client.has(MUCH)
        self.assertTrue(server.received == there)
        self.assertTrue(client.received == back)

    async def test_lose_connection_delivers_all(self) -> None:
        """``loseConnection`` closes after all that was written before has been sent."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"x" * MUCH)
        client.link.writeSequence([b"y", b"z"])
        client.link.loseConnection()
        await server.ends()
        await client.ends()
        self.assertEqual((len(server.received), server.received[-3:]), (MUCH + 2, b"xyz"))
        self.assertIsInstance(server.lost, error.ConnectionDone)
        self.assertIsInstance(client.lost, error.ConnectionDone)

    async def test_lose_connection_with_nothing_queued(self) -> None:
        """What was sent at once is not lost by ``loseConnection``."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"all")
        client.link.loseConnection()
        await server.ends()
        self.assertEqual(server.received, b"all")

    async def test_write_while_closing(self) -> None:
        """A write right after ``loseConnection``, before the close, is queued and still sent."""
        server, client = await self.pair(Talker, Talker)
        client.link.loseConnection()
        client.link.write(b"late")
        client.link.writeSequence([b"r", b"!"])
        await server.ends()
        self.assertEqual(server.received, b"later!")

    async def test_write_after_the_end(self) -> None:
        """What is written to a connection that is over is dropped, without an error."""
        server, client = await self.pair(Talker, Talker)
        client.link.loseConnection()
        await client.ends()
        await server.ends()
        for talker in (server, client):
            talker.link.write(b"late")
            talker.link.writeSequence([b"la", b"te"])
            talker.link.loseConnection()
            talker.link.abortConnection()
        self.assertEqual(server.received + client.received, b"")

    async def test_write_after_abort(self) -> None:
        """``abortConnection`` drops what is queued and what is written later."""
        server, client = await self.pair(Talker, Talker)
        server.link.pauseProducing()
        client.link.write(b"x" * MUCH)
        client.link.abortConnection()
        client.link.write(b"late")
        server.link.resumeProducing()
        await client.ends()
        await server.ends()
        self.assertIsInstance(client.lost, error.ConnectionAborted)
        self.assertNotIn(b"late", server.received)
        self.assertLess(len(server.received), MUCH)

    async def test_only_bytes(self) -> None:
        """Text is refused where it is written."""
        _, client = await self.pair(Talker, Talker)
        with self.assertRaises(TypeError):
            client.link.write(cast(bytes, "text"))

    async def test_writer_meets_a_lost_peer(self) -> None:
        """Writing to a connection that the other side reset raises nothing, and ends it."""
        server, client = await self.pair(Talker, Talker)
        client.link.pauseProducing()
        server.link.abortConnection()
        await server.ends()
        client.link.write(b"one")
        client.link.write(b"two")
        await client.ends()
        self.assertIsInstance(client.lost, error.ConnectionLost)


class ProducerRules(LoopbackCase):
    """Producers are paused, resumed and stopped."""

    async def test_streaming(self) -> None:
        """A streaming producer is paused when much is queued, and resumed when all of it has been sent."""
        server, client = await self.pair(Talker, Talker)
        producer = Pushing(client)
        client.link.registerProducer(producer, True)
        server.link.pauseProducing()
        client.link.write(b"little")
        self.assertEqual(producer.told, [])
        client.link.write(b"x" * MUCH)
        self.assertEqual(producer.told, ["pause"])
        server.link.resumeProducing()
        await client.when(lambda: producer.told == ["pause", "resume"])
        client.link.unregisterProducer()

    async def test_streaming_is_stopped(self) -> None:
        """The end of the connection stops the producer."""
        server, client = await self.pair(Talker, Talker)
        producer = Pushing(client)
        client.link.registerProducer(producer, True)
        server.link.loseConnection()
        await client.ends()
        self.assertEqual(producer.told, ["stop"])

    async def test_pull(self) -> None:
        """A pull producer is asked whenever there is room; writes go on as before when it is unregistered."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"first\n")
        client.link.registerProducer(Pulled(client, 20), False)
        await server.ends()
        self.assertEqual(server.received, b"first\n" + b"".join(b"line %d\n" % n for n in reversed(range(20))))

    async def test_pull_then_write(self) -> None:
        """After a pull producer, the transport takes plain writes."""
        server, client = await self.pair(Talker, Talker)
        client.link.registerProducer(Pulled(client, 5), False)
        client.link.unregisterProducer()
        client.link.write(b"after")
        await server.has(12)
        self.assertEqual(server.received, b"line 4\nafter")

    async def test_pull_is_stopped(self) -> None:
        """The end of the connection stops a pull producer."""
        server, client = await self.pair(Talker, Talker)
        server.link.pauseProducing()
        producer = Pulled(client, 5)
        client.link.registerProducer(producer, False)
        client.link.abortConnection()
        await client.ends()
        self.assertTrue(producer.stopped)

    async def test_one_at_a_time(self) -> None:
        """A second producer is refused, and the first stays."""
        server, client = await self.pair(Talker, Talker)
        client.link.registerProducer(Pushing(client), True)
        with self.assertRaises(RuntimeError):
            client.link.registerProducer(Pulled(client, 1), False)
        client.link.unregisterProducer()
        client.link.write(b"still")
        await server.has(5)

    async def test_paused_reading(self) -> None:
        """A paused transport delivers nothing, and all of it when resumed."""
        server, client = await self.pair(Talker, Talker)
        server.link.pauseProducing()
        client.link.write(b"x" * 100_000)
        server.link.write(b"still")
        await client.has(5)
        self.assertEqual(server.received, b"")
        server.link.resumeProducing()
        await server.has(100_000)


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


class DirectSendTests(WriteRules, ProducerRules, EndRules, TCPRules):
    """The data path, TCP."""

    async def test_no_delay(self) -> None:
        """Small writes are not held back to fill a segment."""
        server, client = await self.pair(Talker, Talker)
        self.assertTrue(server.link.getTcpNoDelay())
        self.assertTrue(client.link.getTcpNoDelay())

    async def test_at_once(self) -> None:
        """A write has reached the socket when it returns."""
        server, client = await self.pair(Talker, Talker)
        client.link.write(b"x")
        self.assertEqual(server.link.getHandle().recv(9), b"x")

    async def test_nothing_to_read(self) -> None:
        """A read that finds nothing is no end, and tells the protocol nothing."""
        server, client = await self.pair(Talker, Talker)
        self.assertIsNone(server.link.doRead())
        client.link.write(b"x")
        await server.has(1)

    async def test_full_socket(self) -> None:
        """A write that the socket takes nothing of is queued whole."""
        server, client = await self.pair(Talker, Talker)
        handle = client.link.getHandle()
        size = 0
        with self.assertRaises(BlockingIOError):
            while True:
                size += handle.send(b"x" * 65536)
        client.link.write(b"yz")
        self.assertEqual(unsent(client.transport), 2)
        await server.has(size + 2)
        self.assertEqual(server.received[-3:], b"xyz")

    async def test_socket_closed_behind_the_back(self) -> None:
        """A write to a socket that someone else closed raises nothing, and ends the connection."""
        server, client = await self.pair(Talker, Talker)
        client.link.getHandle().close()
        client.link.write(b"x")
        await client.ends()
        self.assertIsInstance(client.lost, error.ConnectionFdescWentAway)
        await server.ends()

    async def test_read_size(self) -> None:
        """Reads grow while they come back full; a pause or a small read makes them small again."""
        server, client = await self.pair(Talker, Talker)
        sizes: list[int] = []

        def keep(data: bytes) -> None:
            sizes.append(len(data))
            server.changed()

        server.dataReceived = keep  # type: ignore[method-assign]  # the sizes matter here, not the data
        client.link.write(b"x" * MUCH)
        await server.when(lambda: sum(sizes) == MUCH)
        self.assertEqual((sizes[0], max(sizes)), (64 * 1024, 256 * 1024))
        client.link.write(b"x")
        await server.when(lambda: sizes[-1] == 1)
        client.link.write(b"x" * MUCH)
        await server.when(lambda: sum(sizes) == 2 * MUCH + 1)
        self.assertEqual(sizes[sizes.index(1) + 1], 64 * 1024)
        server.link.pauseProducing()
        self.assertEqual(server.link.read_size, 64 * 1024)  # type: ignore[attr-defined]  # of the data path


class PlainTests(WriteRules, ProducerRules, EndRules, TCPRules):
    """Twisted's own transports, TCP."""

    direct = False


class DirectSendUNIXTests(WriteRules, ProducerRules, EndRules, UNIXCase):
    """The data path, UNIX sockets."""

    async def test_file_descriptors(self) -> None:
        """File descriptors are sent with the bytes written after them, and those received by nobody are dropped."""
        server, client = await self.pair(Talker, Talker)
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        server.link.pauseProducing()
        client.link.write(b"before ")
        client.link.sendFileDescriptor(writing)  # type: ignore[attr-defined]  # of UNIX transports
        client.link.unregisterProducer()
        client.link.write(b"with")
        server.link.resumeProducing()
        await server.has(11)
        self.assertEqual(server.received, b"before with")


class PlainUNIXTests(WriteRules, ProducerRules, EndRules, UNIXCase):
    """Twisted's own transports, UNIX sockets."""

    direct = False


# What holds the rules has no tests of its own.
del WriteRules, ProducerRules, EndRules, TCPRules
