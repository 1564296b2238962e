"""Rules for the epoll of the data path."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import cast

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.error import ConnectionDone, ConnectionFdescWentAway, ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.net.data_path import data_path
from pydsl_proxy.net.epoll import Closing, InnerPoll
from tests.net.loopback import Building, Talker, number


class Outer(Clock):
    """The part of an epoll reactor that the poll needs; the test calls ``doRead`` in its stead."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[object] = []

    def addReader(self, reader: object) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: object) -> None:
        self.readers.remove(reader)


class Counting:
    """An epoll that counts the changes made to it."""

    def __init__(self, poller: object) -> None:
        self.poller = poller
        self.changes: list[str] = []

    def __getattr__(self, name: str) -> object:
        if name in ("register", "modify", "unregister"):
            self.changes.append(name)
        return getattr(self.poller, name)


class Ear:
    """A descriptor with one end of a socket pair, that does what it is told to."""

    def __init__(self, read: Callable[[], object] = lambda: None, write: Callable[[], object] = lambda: None) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.read, self.write = read, write
        self.reads = self.writes = 0
        self.lost: BaseException | None = None
        self.half: BaseException | None = None
        self.disconnected = 0

    def fileno(self) -> int:
        return self.here.fileno()

    def doRead(self) -> object:
        self.reads += 1
        return self.read()

    def doWrite(self) -> object:
        self.writes += 1
        return self.write()

    def readConnectionLost(self, reason: Failure) -> None:
        self.half = reason.value

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason.value

    def close(self) -> None:
        self.here.close()
        self.there.close()


class InnerPollTests(SynchronousTestCase):
    """One batch after the other, polled by hand."""

    def setUp(self) -> None:
        self.outer = Outer()
        self.poll = InnerPoll(cast(EPollReactor, self.outer))
        # Each of these tests is about one poll.
        self.poll.ROUNDS = 1

    def ear(self, read: Callable[[], object] = lambda: None, write: Callable[[], object] = lambda: None) -> Ear:
        """A descriptor that is closed at the end of the test."""
        made = Ear(read, write)
        self.addCleanup(made.close)
        return made

    def fails(self) -> object:
        """What a protocol does that raises."""
        raise ZeroDivisionError("of the test")

    def test_in_later_turn(self) -> None:
        """What asks for a later turn runs in it, and its answer ends the connection as that of a read does."""
        done: list[str] = []
        endings: list[tuple[Callable[[], object], type | None]] = [
            (lambda: done.append("on"), None),
            (lambda: CONNECTION_LOST, ConnectionLost),
            (self.fails, ZeroDivisionError),
        ]
        for act, lost in endings:
            ear = self.ear()
            self.poll.in_later_turn(cast(Closing, ear), act)
            self.assertIs(ear.lost, None)
            self.outer.advance(0)
            self.assertIs(ear.lost and type(ear.lost), lost)
        self.assertEqual(["on"], done)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_in_later_turn_after_the_end(self) -> None:
        """A connection that is closed before its turn does nothing in it."""
        ear = self.ear()
        self.poll.in_later_turn(cast(Closing, ear), self.fails)
        ear.disconnected = 1
        self.outer.advance(0)
        self.assertIs(ear.lost, None)

    def test_outer_watches_while_needed(self) -> None:
        """The reactor knows of the poll only while something is in it."""
        ear = self.ear()
        self.assertEqual(self.outer.readers, [])
        self.poll.addReader(ear)
        self.poll.addWriter(ear)
        self.assertEqual(self.outer.readers, [self.poll])
        self.poll.removeReader(ear)
        self.assertEqual(self.outer.readers, [self.poll])
        self.poll.removeWriter(ear)
        self.assertEqual(self.outer.readers, [])

    def linked(self) -> Ear:
        """A descriptor over TCP, whose other side can reset."""
        ear = self.ear()
        ear.close()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ear.there = socket.create_connection(listener.getsockname())
            ear.here, _ = listener.accept()
        return ear

    def reset(self, ear: Ear) -> None:
        """The other side breaks the connection off."""
        ear.there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ear.there.close()

    def test_reset(self) -> None:
        """One that is not read is lost when it is reset, if that is awaited, and nothing of it is left."""
        ear = self.linked()
        ear.there.send(b"unread")
        self.poll.await_reset(ear)
        self.poll.await_reset(ear)
        self.assertEqual(self.outer.readers, [self.poll])
        self.poll.doRead()
        self.assertIsNone(ear.lost)
        self.reset(ear)
        self.poll.doRead()
        self.assertIsInstance(ear.lost, ConnectionLost)
        self.poll.await_reset_no_more(ear)
        self.assertEqual(self.outer.readers, [])

    def test_no_reset(self) -> None:
        """An orderly end of both halves is none, and does not keep the poll busy."""
        ear = self.linked()
        self.poll.await_reset(ear)
        ear.here.shutdown(socket.SHUT_WR)
        ear.there.close()
        self.poll.doRead()
        self.assertIsNone(ear.lost)
        self.assertEqual(self.poll._poller.poll(0), [])
        self.poll.addReader(ear)
        self.poll.doRead()
        self.assertEqual(ear.reads + (ear.lost is not None), 1)

    def test_reset_in_between(self) -> None:
        """It is awaited while what was queued is written, and after that; it is not once the descriptor is read."""
        for reads in (False, True):
            ear = self.linked()
            self.poll.addWriter(ear)
            self.poll.await_reset(ear)
            self.poll.doRead()
            self.poll.removeWriter(ear)
            if reads:
                self.poll.addReader(ear)
                self.poll.removeReader(ear)
            self.reset(ear)
            self.poll.doRead()
            self.assertEqual(ear.lost is None, reads)
            self.poll.await_reset_no_more(ear)
            self.assertEqual(self.outer.readers, [])

    def test_reset_no_more(self) -> None:
        """A connection that was lost otherwise is forgotten, whether something waits to be written or not."""
        for writes in (False, True):
            ear = self.linked()
            self.poll.await_reset(ear)
            if writes:
                self.poll.addWriter(ear)
            self.poll.await_reset_no_more(ear)
            self.poll.removeWriter(ear)
            self.assertEqual(self.outer.readers, [])
            self.reset(ear)
            self.poll.doRead()
            self.assertIsNone(ear.lost)

    def test_reset_cut(self) -> None:
        """The end of all connections is the end of these too."""
        ear = self.linked()
        self.poll.await_reset(ear)
        self.poll.cut()
        self.assertIsNotNone(ear.lost)

    def test_reads_and_writes(self) -> None:
        """Each event calls what was asked for, and nothing else."""
        reader, writer, both, neither = ears = [self.ear() for _ in range(4)]
        for ear in (reader, both):
            self.poll.addReader(ear)
        for ear in (writer, both):
            self.poll.addWriter(ear)
        self.poll.addReader(neither)
        self.poll.removeReader(neither)
        for ear in ears:
            ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual([(ear.reads, ear.writes) for ear in ears], [(1, 0), (0, 1), (1, 1), (0, 0)])

    def test_no_needless_system_calls(self) -> None:
        """The epoll is changed only where the interest changes."""
        counting = Counting(self.poll._poller)
        self.poll._poller = counting  # type: ignore[assignment]  # a double
        ear = self.ear()
        for _ in range(2):
            self.poll.addReader(ear)
        for _ in range(2):
            self.poll.addWriter(ear)
        for _ in range(2):
            self.poll.removeWriter(ear)
        for _ in range(2):
            self.poll.removeReader(ear)
        self.assertEqual(counting.changes, ["register", "modify", "modify", "unregister"])

    def test_several_rounds(self) -> None:
        """What becomes ready while a batch is handled is handled too, some rounds long."""
        del self.poll.ROUNDS
        ear = self.ear()
        ear.there.send(b"x")
        self.poll.addReader(ear)
        self.poll.doRead()
        self.assertEqual(ear.reads, InnerPoll.ROUNDS)

    def test_answers_end_the_connection(self) -> None:
        """A connection is lost for the reason that a read or a write answers."""
        done = self.ear(write=lambda: CONNECTION_DONE)
        lost = self.ear(read=lambda: CONNECTION_LOST)
        other = self.ear(write=lambda: TimeoutError("of the test"))
        self.poll.addWriter(done)
        self.poll.addWriter(other)
        self.poll.addReader(lost)
        lost.there.send(b"x")
        self.poll.doRead()
        reasons = [type(ear.lost) for ear in (done, lost, other)]
        self.assertEqual(reasons, [ConnectionDone, ConnectionLost, TimeoutError])
        self.assertEqual(self.outer.readers, [])

    def test_half_close(self) -> None:
        """The end of the input ends the reading half alone: writing goes on."""
        ear = self.ear(read=lambda: CONNECTION_DONE)
        self.poll.addReader(ear)
        self.poll.addWriter(ear)
        ear.there.shutdown(socket.SHUT_WR)
        self.poll.doRead()
        self.assertIsInstance(ear.half, ConnectionDone)
        self.poll.doRead()
        self.assertEqual((ear.reads, ear.writes, ear.lost), (1, 1, None))

    def test_hangup(self) -> None:
        """A hangup while nothing is read is a lost connection."""
        ear = self.ear()
        self.poll.addWriter(ear)
        ear.there.close()
        self.poll.doRead()
        self.assertIsInstance(ear.lost, ConnectionLost)
        self.assertEqual(ear.writes, 0)

    def test_hangup_while_reading(self) -> None:
        """A hangup with nothing left to read is an orderly end of the input."""
        ear = self.ear()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        ear.fileno = lambda: reading  # type: ignore[method-assign]  # sockets report more than the hangup
        self.poll.addReader(ear)
        os.close(writing)
        self.poll.doRead()
        self.assertEqual((type(ear.half), ear.reads), (ConnectionDone, 0))

    def test_errors(self) -> None:
        """An error is logged and ends that descriptor alone."""
        reader, writer, good = self.ear(read=self.fails), self.ear(write=self.fails), self.ear()
        self.poll.addReader(reader)
        self.poll.addWriter(writer)
        self.poll.addReader(good)
        for ear in (reader, good):
            ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual((type(reader.lost), type(writer.lost)), (ZeroDivisionError, ZeroDivisionError))
        self.assertEqual((good.reads, good.lost), (1, None))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_after_a_batch(self) -> None:
        """What is to come after a batch comes when all its events were handled, and before anything is closed."""
        said: list[str] = []

        def read(name: str) -> None:
            said.append(name)
            self.assertTrue(self.poll.after_batch(lambda: said.append(f"after {name}")))

        ears = [self.ear(lambda: read("one")), self.ear(lambda: read("two"))]
        for ear in ears:
            self.poll.addReader(ear)
            ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual([each.partition(" ")[0] == "after" for each in said], [False, False, True, True])
        self.assertFalse(self.poll.after_batch(lambda: said.append("never")))
        for ear in ears:
            self.poll.removeReader(ear)
        self.poll.doRead()
        self.assertEqual(len(said), 4)

    def test_error_after_a_batch(self) -> None:
        """An error there is logged, and the others have their turn."""
        said: list[str] = []

        def read() -> None:
            self.poll.after_batch(lambda: cast(None, self.fails()))
            self.poll.after_batch(lambda: said.append("other"))

        ear = self.ear(read)
        self.poll.addReader(ear)
        ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual(said, ["other"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_error_at_the_end(self) -> None:
        """An error raised when told of the end is logged."""
        ear = self.ear(read=lambda: CONNECTION_LOST)
        ear.connectionLost = lambda reason: self.fails()  # type: ignore[method-assign,assignment]  # see the rule
        self.poll.addReader(ear)
        ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.outer.readers, [])

    def test_removed_in_the_same_batch(self) -> None:
        """A descriptor that an earlier event removed hears nothing of its own."""

        def remove() -> None:
            for ear in ears:
                self.poll.removeReader(ear)
                self.poll.removeWriter(ear)

        ears = [self.ear(remove, remove) for _ in range(3)]
        for ear in ears:
            self.poll.addReader(ear)
            ear.there.send(b"x")
        self.poll.addWriter(ears[1])
        self.poll.doRead()
        self.assertEqual(sum(ear.reads + ear.writes for ear in ears), 1)

    def test_removed_by_its_own_read(self) -> None:
        """A descriptor whose read stopped its writing does not write."""
        ear = self.ear(read=lambda: self.poll.removeWriter(ear))
        self.poll.addReader(ear)
        self.poll.addWriter(ear)
        ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual((ear.reads, ear.writes), (1, 0))

    def test_paused_in_the_same_batch(self) -> None:
        """A descriptor that was paused does not read, though it still writes."""
        paused = self.ear()
        first = self.ear(read=lambda: self.poll.removeReader(paused))
        for ear in (first, paused):
            self.poll.addReader(ear)
            ear.there.send(b"x")
        self.poll.addWriter(paused)
        self.poll.doRead()
        self.assertEqual((first.reads, paused.reads, paused.writes), (1, 0, 1))

    def test_number_used_again_in_the_same_batch(self) -> None:
        """The hangup of a closed socket is not taken for one of the new socket that got its number."""
        old, new = self.ear(), self.ear()

        def replace() -> None:
            number = old.fileno()
            self.poll.removeReader(first)
            self.poll.removeWriter(old)
            old.here.close()
            replaced = socket.socket(fileno=os.dup2(new.here.fileno(), number))
            new.here.close()
            new.here = replaced
            self.poll.addReader(new)

        first = self.ear(read=replace)
        first.there.send(b"x")
        self.poll.addReader(first)
        self.poll.addWriter(old)
        old.there.close()
        self.poll.doRead()
        self.assertEqual((first.reads, old.lost, new.lost, new.half), (1, None, None, None))
        new.there.send(b"x")
        self.poll.doRead()
        self.assertEqual(new.reads, 1)

    def test_number_used_again_for_a_reset(self) -> None:
        """Nor is the reset of a closed socket, for one whose reset is awaited from now on."""
        old, new = self.linked(), self.ear()

        def replace() -> None:
            number = old.fileno()
            self.poll.removeReader(first)
            self.poll.await_reset_no_more(old)
            old.here.close()
            replaced = socket.socket(fileno=os.dup2(new.here.fileno(), number))
            new.here.close()
            new.here = replaced
            self.poll.await_reset(new)

        first = self.ear(read=replace)
        first.there.send(b"x")
        self.poll.addReader(first)
        self.poll.await_reset(old)
        self.reset(old)
        self.poll.doRead()
        self.assertEqual((first.reads, old.lost, new.lost), (1, None, None))
        self.poll.cut()
        self.assertIsInstance(new.lost, ConnectionLost)

    def test_closed_behind_its_back(self) -> None:
        """A socket that someone else closed is let go, and what got its number is watched."""
        closed, new = self.ear(), self.ear()
        number = closed.fileno()
        self.poll.addReader(closed)
        closed.here.close()
        replaced = socket.socket(fileno=os.dup2(new.here.fileno(), number))
        new.here.close()
        new.here = replaced
        self.poll.addWriter(new)
        self.poll.removeReader(closed)
        self.poll.doRead()
        self.assertEqual((new.writes, closed.reads), (1, 0))

    def test_closed_then_removed(self) -> None:
        """A socket that someone else closed can still be removed."""
        ear = self.ear()
        self.poll.addReader(ear)
        self.poll.addWriter(ear)
        ear.here.close()
        self.poll.removeWriter(ear)
        self.poll.removeReader(ear)
        self.assertEqual(self.outer.readers, [])

    def test_closed_then_added(self) -> None:
        """Watching a socket that someone else closed raises nothing; its connection is lost soon."""
        ear = self.ear()
        ear.here.close()
        self.poll.addWriter(ear)
        self.assertIsNone(ear.lost)
        self.outer.advance(0)
        self.assertIsInstance(ear.lost, ConnectionFdescWentAway)

    def test_cut(self) -> None:
        """All connections are lost, and the poll can be used again."""
        ears = [self.ear() for _ in range(3)]
        for ear in ears:
            self.poll.addReader(ear)
        self.poll.addWriter(ears[0])
        self.poll.cut()
        self.assertEqual([type(ear.lost) for ear in ears], [ConnectionLost] * 3)
        self.assertEqual(self.outer.readers, [])
        again = self.ear()
        self.poll.addWriter(again)
        self.poll.doRead()
        self.assertEqual(again.writes, 1)

    def test_cut_in_a_batch(self) -> None:
        """A protocol may cut all connections, its own too."""
        ears = [self.ear(read=self.poll.cut) for _ in range(3)]
        for ear in ears:
            self.poll.addReader(ear)
            ear.there.send(b"x")
        self.poll.doRead()
        self.assertEqual(sum(ear.reads for ear in ears), 1)
        self.assertEqual([type(ear.lost) for ear in ears], [ConnectionLost] * 3)


class ShutdownTests(SynchronousTestCase):
    """The poll in a reactor of its own, that starts and stops."""

    def test_connections_are_lost(self) -> None:
        """The shutdown of the reactor ends the connections, as it ends those it watches itself."""
        reactor = EPollReactor()
        path = data_path(reactor)
        servers, clients = Building(Talker), Building(Talker)
        port = path.listenTCP(0, servers, interface="127.0.0.1")
        path.connectTCP("127.0.0.1", number(port), clients)
        both = servers.connected()
        both.addCallback(lambda _: clients.connected())
        both.addCallback(lambda _: reactor.stop())
        reactor.callLater(10, reactor.crash)
        reactor.run(installSignalHandlers=False)
        lost = [talker.lost for talker in servers.talkers + clients.talkers]
        self.assertEqual([type(each) for each in lost], [ConnectionLost] * 2)
