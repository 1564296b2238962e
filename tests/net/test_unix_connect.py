"""Connections over UNIX sockets that are dialled directly."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase

if sys.platform == "linux":
    from pydsl_proxy.net.unix_connect import TRY_AGAIN, DialledUNIX, dial_unix_direct
else:
    raise SkipTest("there is no epoll")

from tests.integration.support import folder
from tests.net.test_tcp_connect import FakePoll

if TYPE_CHECKING:
    from pydsl_proxy.net.epoll import InnerPoll


class DialTests(SynchronousTestCase):
    """What comes of a dial."""

    def setUp(self) -> None:
        """Nothing is dialled yet."""
        self.poll = FakePoll()
        self.clock = Clock()
        self.made: list[Protocol] = []
        self.errors: list[BaseException] = []
        self.path = str(folder() / "socket")

    def build(self) -> Protocol:
        """The protocol of a connection."""
        self.made.append(Protocol())
        return self.made[-1]

    def dial(self, path: str | None = None) -> Callable[[], None]:
        """Dial, within a second."""
        poll = cast("InnerPoll", self.poll)
        return dial_unix_direct(poll, self.clock, path or self.path, 1, self.build, self.errors.append)

    def listening(self, backlog: int = 5) -> socket.socket:
        """A listener."""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        listener.listen(backlog)
        return listener

    def full(self) -> socket.socket:
        """A listener whose backlog is full."""
        listener = self.listening(0)
        waiting = socket.socket(socket.AF_UNIX)
        self.addCleanup(waiting.close)
        waiting.connect(self.path)
        return listener

    def test_connected(self) -> None:
        """A connection carries bytes, is read from, knows its peer, and is none of TCP."""
        listener = self.listening()
        self.dial()()
        accepted, _ = listener.accept()
        self.addCleanup(accepted.close)
        transport = self.made[0].transport
        assert isinstance(transport, DialledUNIX)
        transport.write(b"hello")
        self.assertEqual(accepted.recv(5), b"hello")
        self.assertEqual((transport.getPeer(), transport.getHost()), (UNIXAddress(self.path), UNIXAddress(None)))
        self.assertFalse(ITCPTransport.providedBy(transport))
        self.assertTrue(IPushProducer.providedBy(transport))
        self.assertEqual(self.poll.reading, [transport])
        transport.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.clock.getDelayedCalls(), self.errors), ([], []))

    def test_refused(self) -> None:
        """Nobody listens: told in a turn of its own, unless it is cancelled before."""
        self.listening().close()
        self.dial()
        self.assertEqual(self.errors, [])
        self.clock.advance(0)
        self.assertEqual([type(error) for error in self.errors], [ConnectionRefusedError])
        cancel = self.dial()
        cancel()
        cancel()
        self.clock.advance(0)
        self.assertEqual((len(self.errors), self.made), (1, []))

    def test_no_path(self) -> None:
        """There is no such path, or there can be none."""
        for path in (self.path, "/" + "x" * 200):
            self.dial(path)
        self.clock.advance(0)
        self.assertEqual(len(self.errors), 2)
        self.assertTrue(all(isinstance(error, ConnectError) for error in self.errors), self.errors)

    def test_full(self) -> None:
        """A full backlog is tried again until there is room."""
        listener = self.full()
        self.dial()
        self.clock.advance(TRY_AGAIN)
        self.assertEqual((self.made, self.errors), ([], []))
        listener.accept()[0].close()
        self.clock.advance(TRY_AGAIN)
        self.assertEqual((len(self.made), self.errors), (1, []))
        transport = self.made[0].transport
        assert isinstance(transport, DialledUNIX)
        transport.connectionLost(Failure(ConnectionDone()))

    def test_timeout(self) -> None:
        """But no longer than a connection may take; who cancels hears no more."""
        self.full()
        cancel = self.dial()
        self.dial()
        self.clock.pump([TRY_AGAIN] * 50)
        cancel()
        self.clock.pump([TRY_AGAIN] * 60)
        self.assertEqual([type(error) for error in self.errors], [TimeoutError])
        self.assertEqual((self.made, self.clock.getDelayedCalls()), ([], []))
