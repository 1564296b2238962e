"""Tests of the sink that frees a peer from its client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.buffering.response_buffer import PIECE, ResponseBuffer, Supplies, may_wait
from pydsl_proxy.features.buffering.spool_queue import SpoolQueue
from pydsl_proxy.interfaces import Producer, Running, Trailers
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.reader import read_response_head

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange

BROKEN = ProxyError(Source.PEER, 502, "closed", "it closed")


class Counted(SpoolQueue):
    """What knows how often it was let go of."""

    closes = 0

    def close(self) -> None:
        """Once more."""
        self.closes += 1
        super().close()


class Slow:
    """A client that takes what it is asked to, and the exchange that it waits in."""

    def __init__(self, clock: Clock, *, memory: int = 8, size: int = 100, spool: bool = True) -> None:
        self.running: Running | None = None
        self.clock = clock
        self.got = b""
        self.told: list[str] = []
        self.failures: list[OSError] = []
        self.producer: Producer | None = None
        self.paused = False
        # Bytes until it is full.
        self.room = 0
        hold = partial(SpoolQueue, memory, size, spool)
        self.buffer = ResponseBuffer(cast("Exchange", self), self, Supplies(hold, clock, self.failures.append))
        self.terms = memory, size, spool
        # What it does at its next write, if that is more than it got at once.
        self.first = 0
        self.then: Callable[[Slow], object] | None = None

    def holds(self) -> list[Counted]:
        """From now on what is held is counted; all of it, as it comes."""
        held: list[Counted] = []

        def hold() -> SpoolQueue:
            held.append(Counted(*self.terms))
            return held[-1]

        self.buffer._supplies = Supplies(hold, self.clock, self.failures.append)
        return held

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Take the first bytes."""
        self.told.append("start")
        self.got += data
        if end:
            self.told.append("end")

    def write(self, data: bytes) -> None:
        """Take more, and say that it is enough."""
        assert 0 < len(data) <= PIECE
        self.got += data
        self.room -= len(data)
        if self.then is not None and len(self.got) > self.first:
            then, self.then = self.then, None
            then(self)
            return
        if self.room <= 0 and not self.paused:
            self.paused = True
            assert self.producer is not None
            self.producer.pauseProducing()

    def reads(self, room: int) -> None:
        """Take so many bytes more."""
        self.room = room
        if self.paused:
            self.paused = False
            assert self.producer is not None
            self.producer.resumeProducing()

    def finish(self, trailers: Trailers = ()) -> None:
        """Note the end."""
        self.told.append(f"end{len(trailers) or ''}")
        self.running = None

    def fail(self, error: ProxyError) -> None:
        """Note that it broke off."""
        self.told.append(error.cause)
        self.running = None

    def stream_from(self, producer: Producer) -> None:
        """Pace *producer*."""
        self.producer = producer

    def stop(self) -> None:
        """Note it."""
        self.told.append("stop")


class Peer:
    """Who produces, as long as it may."""

    def __init__(self) -> None:
        self.may = True

    def pauseProducing(self) -> None:
        """It may not."""
        self.may = False

    def resumeProducing(self) -> None:
        """It may."""
        self.may = True

    def stopProducing(self) -> None:
        """Nobody is there."""


def head(*fields: bytes, status: bytes = b"200 OK") -> ResponseHead:
    """A response's head."""
    return read_response_head(b"\r\n".join([b"HTTP/1.1 " + status, *fields]))


_acts = st.lists(st.tuples(st.sampled_from(["comes", "reads", "turn"]), st.integers(1, 50)), max_size=40)


class ResponseBufferTests(SynchronousTestCase):
    """Whoever is slow."""

    @settings(max_examples=300, deadline=None)
    @given(st.integers(1, 20), st.integers(1, 80), st.booleans(), _acts, st.booleans())
    def test_any_order(self, memory: int, size: int, spool: bool, acts: list[tuple[str, int]], breaks: bool) -> None:
        """However writes, pauses and turns of the reactor interleave, the client gets the same bytes, then the end.

        A peer that is paused sends no more; nothing is held while the client reads.
        """
        client, peer, sent = Slow(Clock(), memory=memory, size=size, spool=spool), Peer(), b"h"
        buffer = client.buffer
        buffer.start(head(), b"h", False)
        buffer.stream_from(peer)
        for act, many in acts:
            if act == "comes" and peer.may:
                data = bytes((len(sent) + at) % 251 for at in range(many))
                sent += data
                buffer.write(data)
                held = len(sent) - len(client.got)
                self.assertTrue(client.paused or not held or client.clock.getDelayedCalls())
                limit = size if spool else min(size, memory)
                self.assertEqual(held >= limit, not peer.may)
                self.assertLess(held, limit + many)
            elif act == "reads":
                client.reads(many)
            else:
                client.clock.advance(0)
            self.assertTrue(sent.startswith(client.got))
        if breaks:
            buffer.fail(BROKEN)
        else:
            buffer.finish(((b"a", b"b"),))
        while client.told == ["start"]:
            self.assertIs(client.running, buffer)
            client.reads(9)
            client.clock.advance(0)
        self.assertEqual(client.got, sent)
        self.assertEqual(client.told, ["start", "closed" if breaks else "end1"])
        client.reads(9)
        self.assertEqual(len(client.told), 2)
        buffer.stop()
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_complete(self) -> None:
        """A complete response is one call, and nothing is made for it."""
        client = Slow(Clock())
        client.buffer.start(head(b"content-length: 2"), b"ab", True)
        self.assertEqual((client.got, client.told, client.producer), (b"ab", ["start", "end"], None))
        self.assertIsNone(client.buffer._waiting)

    def test_straight(self) -> None:
        """What must not wait does not: the client's pace is the peer's."""
        client, peer = Slow(Clock()), Peer()
        client.buffer.start(head(b"content-type: text/event-stream"), b"a", False)
        client.buffer.stream_from(peer)
        client.buffer.write(b"b")
        self.assertEqual(client.got, b"ab")
        self.assertIs(client.producer, peer)
        client.buffer.finish()
        self.assertEqual(client.told, ["start", "end"])

    def test_turns(self) -> None:
        """A client that reads fast gets much in many turns of the reactor, not in one."""
        client, peer = Slow(Clock(), memory=PIECE, size=10 * 1024 * PIECE), Peer()
        client.buffer.start(head(), b"", False)
        client.buffer.stream_from(peer)
        client.buffer.write(bytes(20 * PIECE))
        self.assertEqual(len(client.got), PIECE)
        client.reads(10**9)
        self.assertEqual(len(client.got), 5 * PIECE)
        self.assertEqual(len(client.clock.getDelayedCalls()), 1)
        client.clock.advance(0)
        self.assertEqual(len(client.got), 20 * PIECE)
        self.assertEqual(client.clock.getDelayedCalls(), [])

    def test_large_first_piece(self) -> None:
        """Not more than a piece of what comes with the head goes with it."""
        client = Slow(Clock(), size=10**9)
        client.buffer.start(head(), bytes(3 * PIECE), False)
        self.assertEqual(len(client.got), 2 * PIECE)

    def test_cancelled(self) -> None:
        """A client that leaves ends everything, also a turn that was to come."""
        client, peer = Slow(Clock(), size=10**9), Peer()
        client.buffer.start(head(), b"", False)
        client.buffer.stream_from(peer)
        client.buffer.write(bytes(20 * PIECE))
        client.buffer.finish()
        client.reads(10**9)
        client.buffer.cancel(BROKEN)
        client.buffer.stop()
        self.assertEqual(client.clock.getDelayedCalls(), [])
        client.reads(10**9)
        client.buffer.write(b"late")
        self.assertEqual(client.told, ["start", "stop"])

    def test_released(self) -> None:
        """Whichever way it ends, what waits is let go of, once, and its file with it."""
        for ends in (("stop",), ("cancel",), ("cancel", "stop"), ("stop", "stop")):
            client, peer = Slow(Clock(), memory=1), Peer()
            held = client.holds()
            client.buffer.start(head(), b"", False)
            client.buffer.stream_from(peer)
            client.buffer.write(b"ab")
            client.buffer.write(b"cdef")
            for end in ends:
                if end == "stop":
                    client.buffer.stop()
                else:
                    client.buffer.cancel(BROKEN)
            [waiting] = held
            self.assertEqual((waiting.closes, len(waiting)), (1, 0), ends)
            client.reads(100)
            client.buffer.resumeProducing()
            self.assertEqual(client.got, b"ab")

    def test_ends_within_a_write(self) -> None:
        """A client that ends while it is given what waited gets nothing more of it, in that turn or later."""
        for end in (lambda client: client.buffer.stop(), lambda client: client.buffer.cancel(BROKEN)):
            client, peer = Slow(Clock(), memory=10 * PIECE, size=10 * PIECE), Peer()
            held = client.holds()
            client.buffer.start(head(), b"", False)
            client.buffer.stream_from(peer)
            client.buffer.write(bytes(9 * PIECE))
            client.buffer.finish()
            client.first, client.then = PIECE, end
            client.reads(10**9)
            client.clock.advance(0)
            self.assertEqual(len(client.got), 2 * PIECE)
            self.assertEqual((held[0].closes, client.clock.getDelayedCalls()), (1, []))
            self.assertNotIn("end", client.told)

    def test_ends_within_the_peers_write(self) -> None:
        """So does one that ends while the peer writes: the rest is not kept."""
        client, peer = Slow(Clock(), size=10**9), Peer()
        client.room = 10**9
        held = client.holds()
        client.buffer.start(head(), b"", False)
        client.buffer.stream_from(peer)
        client.then = self.stop_and_pause
        client.buffer.write(bytes(9 * PIECE))
        self.assertEqual((len(client.got), held), (PIECE, []))

    def stop_and_pause(self, client: Slow) -> None:
        """What happens when a full client's connection is closed."""
        client.buffer.stop()
        client.buffer.pauseProducing()

    def test_unreadable(self) -> None:
        """A file that cannot be read breaks the response off, and whoever makes it."""
        client, peer = Slow(Clock(), memory=1), Peer()
        held = client.holds()
        client.buffer.start(head(), b"", False)
        client.buffer.stream_from(peer)
        client.buffer.write(b"ab")
        client.buffer.write(b"cdef")
        waiting = client.buffer._waiting
        assert waiting is not None and waiting._file is not None
        waiting._file.close()
        cancelled = Cancelled()
        client.running = cancelled
        client.reads(100)
        self.assertEqual([each.cause for each in cancelled.errors], ["spool_failed"])
        self.assertEqual(client.told, ["start", "spool_failed"])
        # What was held is let go of before anybody has said that the exchange is over.
        self.assertEqual([each.closes for each in held], [1])

    def test_unwritable(self) -> None:
        """A disk that is full is told, and the peer waits for the memory."""
        client, peer = Slow(Clock(), memory=3), Peer()
        client.buffer._supplies = Supplies(
            partial(SpoolQueue, 3, 100, "/nowhere"), client.clock, client.failures.append
        )
        client.buffer.start(head(), b"", False)
        client.buffer.write(b"ab")
        client.buffer.write(b"cdef")
        client.buffer.stream_from(peer)
        self.assertEqual((len(client.failures), peer.may), (1, False))
        client.reads(100)
        self.assertEqual((client.got, peer.may), (b"abcdef", True))


class Cancelled:
    """What works on an exchange."""

    def __init__(self) -> None:
        self.errors: list[ProxyError] = []

    def cancel(self, error: ProxyError) -> None:
        """Note why."""
        self.errors.append(error)


class MayWaitTests(SynchronousTestCase):
    """Which responses may be held."""

    def test_heads(self) -> None:
        """All but events, tunnels and those whose peer says no."""
        self.assertTrue(may_wait(head(b"content-type: text/html")))
        self.assertTrue(may_wait(head(b"content-type: text/event-streams")))
        self.assertFalse(may_wait(head(b"Content-Type: Text/Event-Stream ; charset=utf-8")))
        self.assertFalse(may_wait(head(b"X-Accel-Buffering: No")))
        self.assertTrue(may_wait(head(b"X-Accel-Buffering: yes")))
        self.assertFalse(may_wait(head(status=b"101 Switching Protocols")))
