"""Connections that are dialled directly."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, cast

from twisted.internet.error import ConnectError, ConnectionDone, ConnectionRefusedError, TimeoutError
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase

if sys.platform == "linux":
    from pydsl_proxy.net.tcp_connect import DialledTCP, _Connecting, dial_direct
else:
    raise SkipTest("there is no epoll")

if TYPE_CHECKING:
    from pydsl_proxy.net.epoll import InnerPoll


class FakePoll:
    """A poll that watches nothing; tests call what it would."""

    def __init__(self) -> None:
        self.reading: list[object] = []
        self.writing: list[object] = []

    def addReader(self, reader: object) -> None:
        """Note the reader."""
        self.reading.append(reader)

    def addWriter(self, writer: object) -> None:
        """Note the writer."""
        self.writing.append(writer)

    def removeReader(self, reader: object) -> None:
        """Forget the reader."""
        self.reading = [each for each in self.reading if each is not reader]

    def removeWriter(self, writer: object) -> None:
        """Forget the writer."""
        self.writing = [each for each in self.writing if each is not writer]

    def await_reset_no_more(self, descriptor: object) -> None:
        """No reset was awaited."""


class DialTests(SynchronousTestCase):
    """What comes of a dial."""

    def setUp(self) -> None:
        """Nothing is dialled yet."""
        self.poll = FakePoll()
        self.clock = Clock()
        self.made: list[Protocol] = []
        self.errors: list[BaseException] = []

    def build(self) -> Protocol:
        """The protocol of a connection."""
        self.made.append(Protocol())
        return self.made[-1]

    def connecting(self) -> _Connecting:
        """A socket of which nothing is known yet."""
        sock = socket.socket()
        self.addCleanup(sock.close)
        made = _Connecting(sock, cast("InnerPoll", self.poll), self.build, self.errors.append)
        made.wait(self.clock, 5)
        return made

    def dial(self, address: str, port: int) -> None:
        """Dial, and let the kernel's word be heard."""
        dial_direct(cast("InnerPoll", self.poll), self.clock, address, port, 5, self.build, self.errors.append)
        for writer in tuple(self.poll.writing):
            cast(_Connecting, writer).doWrite()
        self.clock.advance(0)

    def listening(self, family: socket.AddressFamily, address: str) -> tuple[socket.socket, int]:
        """A listener, and its port."""
        listener = socket.socket(family)
        self.addCleanup(listener.close)
        try:
            listener.bind((address, 0))
        except OSError as error:
            raise SkipTest(f"{address} is not there: {error}") from None
        listener.listen()
        return listener, listener.getsockname()[1]

    def assert_connected(self, family: socket.AddressFamily, address: str) -> None:
        """A connection carries bytes, and knows both addresses."""
        listener, port = self.listening(family, address)
        self.dial(address, port)
        accepted, _ = listener.accept()
        self.addCleanup(accepted.close)
        transport = self.made[0].transport
        assert isinstance(transport, DialledTCP)
        # No write waits until a segment is full.
        self.assertTrue(transport.getTcpNoDelay())
        transport.write(b"hello")
        self.assertEqual(accepted.recv(5), b"hello")
        self.assertEqual((transport.getPeer().host, transport.getPeer().port), (address, port))
        self.assertEqual(transport.getHost().port, accepted.getpeername()[1])
        self.assertEqual(self.poll.reading, [transport])
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_connected(self) -> None:
        """A listener is reached."""
        self.assert_connected(socket.AF_INET, "127.0.0.1")

    def test_ipv6(self) -> None:
        """A listener is reached over IPv6."""
        self.assert_connected(socket.AF_INET6, "::1")

    def test_refused(self) -> None:
        """Nobody listens."""
        listener, port = self.listening(socket.AF_INET, "127.0.0.1")
        listener.close()
        self.dial("127.0.0.1", port)
        self.assertEqual([type(error) for error in self.errors], [ConnectionRefusedError])
        self.assertEqual((self.made, self.poll.writing, self.clock.getDelayedCalls()), ([], [], []))

    def test_not_allowed(self) -> None:
        """What connect() refuses at once is told in a turn of its own, unless it is cancelled before."""
        self.dial("255.255.255.255", 9)
        self.assertEqual(len(self.errors), 1)
        self.assertIsInstance(self.errors[0], ConnectError)
        cancel = dial_direct(
            cast("InnerPoll", self.poll), self.clock, "255.255.255.255", 9, 5, self.build, self.errors.append
        )
        cancel()
        cancel()
        self.clock.advance(0)
        self.assertEqual(len(self.errors), 1)

    def test_timeout(self) -> None:
        """The kernel says nothing in time."""
        connecting = self.connecting()
        self.clock.advance(5)
        self.assertEqual([type(error) for error in self.errors], [TimeoutError])
        self.assertEqual(connecting.fileno(), -1)
        connecting.doWrite()
        connecting.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(self.errors), 1)

    def test_cancel(self) -> None:
        """Who cancels hears no more, however often."""
        connecting = self.connecting()
        connecting.cancel()
        connecting.cancel()
        self.clock.advance(5)
        self.assertEqual((self.errors, self.poll.writing), ([], []))

    def test_cut(self) -> None:
        """The end of all connections is told to nobody: it is our own doing."""
        connecting = self.connecting()
        connecting.doRead()
        connecting.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.errors, connecting.fileno()), ([], -1))

    def test_error(self) -> None:
        """An error that comes without "writable" is told as what it is."""
        listener, port = self.listening(socket.AF_INET, "127.0.0.1")
        listener.close()
        dial_direct(cast("InnerPoll", self.poll), self.clock, "127.0.0.1", port, 5, self.build, self.errors.append)
        for writer in tuple(self.poll.writing):
            cast(_Connecting, writer).readConnectionLost(Failure(ConnectionDone()))
        self.clock.advance(0)
        self.assertEqual([type(error) for error in self.errors], [ConnectionRefusedError])
