"""The transports of the data path keep the rules that Twisted's own keep, and some more."""

from __future__ import annotations

import os

from twisted.internet import error

from pydsl_proxy.net.data_path import unsent
from tests.net import end_rules, write_rules
from tests.net.loopback import Talker, UNIXCase
from tests.net.write_rules import MUCH


class DirectSendTests(write_rules.WriteRules, write_rules.ProducerRules, end_rules.EndRules, end_rules.TCPRules):
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


class PlainTests(write_rules.WriteRules, write_rules.ProducerRules, end_rules.EndRules, end_rules.TCPRules):
    """Twisted's own transports, TCP."""

    direct = False


class DirectSendUNIXTests(write_rules.WriteRules, write_rules.ProducerRules, end_rules.EndRules, UNIXCase):
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
        server.link.write(b"answer")
        await client.has(6)
        self.assertIsNone(client.lost)


class PlainUNIXTests(write_rules.WriteRules, write_rules.ProducerRules, end_rules.EndRules, UNIXCase):
    """Twisted's own transports, UNIX sockets."""

    direct = False
