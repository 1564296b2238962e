"""What holds for writes and producers of every transport, Twisted's own and those of the data path."""

from __future__ import annotations

import os
from typing import cast

from twisted.internet import error
from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer

from pydsl_proxy.net.data_path import unsent
from tests.net.loopback import LoopbackCase, Talker

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


class WriteRules(LoopbackCase):
    """Order and completeness of what is written."""

    async def test_order_with_queued_data(self) -> None:
        """What is written while data is queued comes after it, however it is written."""
        server, client = await self.pair(Talker, Talker)
        server.link.pauseProducing()
        written = []
        for count in range(300):
            block = b"%08d" % count * 5000
            written += [block, b"more\n", b"head\n", b"tail\n"]
            client.link.write(block)
            client.link.write(b"more\n")
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
            talker.link.unregisterProducer()
            talker.link.write(b"later")
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

    async def test_write_after_abort_with_nothing_queued(self) -> None:
        """What is written after ``abortConnection`` is not sent."""
        server, client = await self.pair(Talker, Talker)
        client.link.abortConnection()
        client.link.write(b"late")
        client.link.unregisterProducer()
        client.link.write(b"later")
        await client.ends()
        await server.ends()
        self.assertEqual(server.received, b"")

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
