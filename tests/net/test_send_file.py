"""Files that the transports of the data path send without reading them."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from typing import cast

from twisted.internet import error

from pydsl_proxy.net.data_path import unsent
from pydsl_proxy.net.tcp_transport import DirectSend, TCPServer
from tests.net.loopback import LoopbackCase, Talker, UNIXCase
from tests.net.write_rules import MUCH, Pushing


class Sending(Pushing):
    """Sends a file, for as long as it is not paused, and writes more after its end."""

    #: Whether it stays the producer after its end, with nothing more to write.
    stays = False

    def __init__(self, talker: Talker, size: int, *, told: int | None = None) -> None:
        super().__init__(talker)
        self.data = os.urandom(1024) * (size // 1024)
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the test
        self.file.write(self.data)
        self.file.flush()
        self.size = size if told is None else told
        self.sent = 0
        self.calls = 0

    def resumeProducing(self) -> None:
        super().resumeProducing()
        if self.sent < self.size:
            self.send()

    def send(self) -> int:
        """Send some of it; at its end, write."""
        transport = cast(DirectSend, self.talker.transport)
        sent = transport.send_file(self.file.fileno(), self.sent, self.size - self.sent)
        assert sent is not None
        self.calls += 1
        self.sent += sent
        if self.sent == self.size and not self.stays:
            transport.write(b"after")
            transport.unregisterProducer()
        return sent


def fill(talker: Talker) -> int:
    """Leave no room in the socket; returns how many bytes it took."""
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += talker.link.socket.send(bytes(0x10000))
    return filled


class SendFileTests(LoopbackCase):
    """Over TCP."""

    async def sending(self, size: int, *, told: int | None = None) -> tuple[Talker, Talker, Sending]:
        """Two ends of a connection, and what sends a file from the second to the first."""
        server, client = await self.pair(Talker, Talker)
        sending = Sending(client, size, told=told)
        self.addCleanup(sending.file.close)
        client.link.registerProducer(sending, True)
        return server, client, sending

    async def test_small(self) -> None:
        """What the socket takes is sent at once, between what is written before and after."""
        server, client, sending = await self.sending(10 * 1024)
        client.link.write(b"before")
        self.assertEqual(sending.send(), 10 * 1024)
        await server.has(10 * 1024 + 11)
        self.assertEqual(server.received, b"before" + sending.data + b"after")
        self.assertEqual(sending.told, [])

    async def test_room(self) -> None:
        """Towards a TCP client on this machine the send buffer is bounded, once a file is sent and not before."""
        server, client, sending = await self.sending(10 * 1024)
        room = client.link.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        sending.send()
        # Linux tells the doubled size.
        bounded = client.link.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self.assertNotEqual(room, 2 * DirectSend.LOCAL_ROOM)
        self.assertEqual(bounded, room if isinstance(self, UNIXCase) else 2 * DirectSend.LOCAL_ROOM)
        await server.has(10 * 1024 + 5)

    async def test_large(self) -> None:
        """A producer is paused while there is no room, and what waits is counted."""
        server, client, sending = await self.sending(MUCH)
        server.link.pauseProducing()
        self.assertLess(sending.send(), MUCH)
        self.assertEqual(sending.told, ["pause"])
        self.assertEqual(unsent(client.transport), MUCH - sending.sent)
        server.link.resumeProducing()
        await server.has(MUCH + 5)
        self.assertTrue(server.received == sending.data + b"after")
        self.assertEqual(unsent(client.transport), 0)
        client.link.loseConnection()
        await server.ends()
        await client.ends()

    async def test_after_queued(self) -> None:
        """A file comes after what is queued."""
        server, client, sending = await self.sending(100 * 1024)
        server.link.pauseProducing()
        client.link.write(b"x" * MUCH)
        self.assertGreater(unsent(client.transport), 0)
        self.assertEqual(sending.send(), 0)
        server.link.resumeProducing()
        await server.has(MUCH + 100 * 1024 + 5)
        self.assertTrue(server.received == b"x" * MUCH + sending.data + b"after")

    async def test_after_little_queued(self) -> None:
        """So it does after so little that it alone pauses nobody; the producer is resumed once, when there is room."""
        server, client, sending = await self.sending(100 * 1024)
        server.link.pauseProducing()
        filled = fill(client)
        client.link.write(b"head")
        self.assertEqual(sending.told, [])
        self.assertEqual(sending.send(), 0)
        self.assertEqual(sending.told, ["pause"])
        server.link.resumeProducing()
        await server.has(filled + 4 + 100 * 1024 + 5)
        self.assertTrue(server.received == bytes(filled) + b"head" + sending.data + b"after")

    async def test_resumed_once(self) -> None:
        """A producer is resumed as often as it was paused, and not again by what is queued after the file."""
        server, client, sending = await self.sending(MUCH)
        sending.stays = True
        server.link.pauseProducing()
        sending.send()
        server.link.resumeProducing()
        await server.has(MUCH)
        pairs = len(sending.told) // 2
        self.assertEqual(sending.told, ["pause", "resume"] * pairs)
        server.link.pauseProducing()
        filled = fill(client)
        client.link.write(b"tail")
        self.assertEqual(unsent(client.transport), 4)
        server.link.resumeProducing()
        await server.has(MUCH + filled + 4)
        self.assertEqual(sending.told, ["pause", "resume"] * pairs)
        client.link.unregisterProducer()

    async def test_shorter(self) -> None:
        """A file that ends early is told."""
        server, client, sending = await self.sending(1024, told=2048)
        self.assertEqual(sending.send(), 1024)
        with self.assertRaises(EOFError):
            cast(DirectSend, client.link).send_file(sending.file.fileno(), 1024, 1024)
        client.link.unregisterProducer()
        await server.has(1024)

    async def test_close_after(self) -> None:
        """A close right after the last of it delivers all."""
        server, client, sending = await self.sending(MUCH)
        server.link.pauseProducing()
        sending.send()
        server.link.resumeProducing()
        await client.when(lambda: sending.sent == MUCH or sending.told)
        while sending.sent < MUCH:
            count = len(server.received)
            await server.has(count + 1)
        client.link.loseConnection()
        await server.ends()
        self.assertTrue(server.received == sending.data + b"after")

    async def test_lost(self) -> None:
        """The other side leaves in the middle: the connection ends, and the producer hears it."""
        server, client, sending = await self.sending(MUCH)
        server.link.pauseProducing()
        sending.send()
        server.link.abortConnection()
        await server.ends()
        await client.ends()
        self.assertIsInstance(client.lost, error.ConnectionLost)
        self.assertEqual(sending.told[-1], "stop")

    async def test_aborted(self) -> None:
        """An abort in the middle sends no more."""
        server, client, sending = await self.sending(MUCH)
        server.link.pauseProducing()
        sending.send()
        client.link.abortConnection()
        self.assertIsNone(cast(DirectSend, client.link).send_file(sending.file.fileno(), 0, 10))
        server.link.resumeProducing()
        await client.ends()
        await server.ends()
        self.assertLess(len(server.received), MUCH)

    async def test_no_file(self) -> None:
        """What cannot be sent in this way is the caller's business; nothing is sent, and the connection goes on."""
        server, client, _ = await self.sending(1024)
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        with self.assertRaises(OSError):
            cast(DirectSend, client.link).send_file(reading, 0, 10)
        client.link.unregisterProducer()
        client.link.write(b"still")
        await server.has(5)

    async def test_without_producer(self) -> None:
        """Nobody would be told to go on."""
        _, client = await self.pair(Talker, Talker)
        with tempfile.TemporaryFile() as file:
            self.assertIsNone(cast(DirectSend, client.link).send_file(file.fileno(), 0, 10))


class SendFileUNIXTests(UNIXCase, SendFileTests):
    """Over UNIX sockets."""


class GuardTests(LoopbackCase):
    """What must not be sent past what changes it."""

    async def test_changed_writes(self) -> None:
        """A transport that changes what is written, as TLS does, has no file go past it."""

        class Changing(TCPServer):
            """Encrypts, in a way."""

            def write(self, data: bytes) -> None:
                super().write(data[::-1])

        server, _ = await self.pair(Talker, Talker)
        server.link.registerProducer(Pushing(server), True)
        server.link.__class__ = Changing
        with tempfile.TemporaryFile() as file:
            file.write(b"secret")
            file.flush()
            self.assertIsNone(cast(DirectSend, server.link).send_file(file.fileno(), 0, 6))
        server.link.unregisterProducer()
