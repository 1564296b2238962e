"""Tests of responses that are let out by the clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.limits.pacing import SLICE, RateSink
from pydsl_proxy.interfaces import Producer, Trailers
from pydsl_proxy.wire.http.head import ResponseHead

HEAD = ResponseHead(200, b"OK", b"")


class Taken:
    """Where the response goes: what came, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.data = b""
        self.arrivals: list[tuple[float, int]] = []
        self.ended: float | None = None
        self.trailers: Trailers = ()
        self.producer: Producer | None = None
        self.stopped = False
        self.failed = False

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Note it."""
        self.write(data)
        if end:
            self.finish()

    def write(self, data: bytes) -> None:
        """Note it."""
        self.data += data
        self.arrivals.append((self.clock.seconds(), len(self.data)))

    def finish(self, trailers: Trailers = ()) -> None:
        """Note it."""
        assert self.ended is None
        self.ended = self.clock.seconds()
        self.trailers = trailers

    def fail(self, error: ProxyError) -> None:
        """Note it."""
        self.failed = True

    def stream_from(self, producer: Producer) -> None:
        """Note it."""
        assert self.producer is None
        self.producer = producer

    def stop(self) -> None:
        """Note it."""
        self.stopped = True


class Maker:
    """Who makes the response: pieces of some sizes, while it is not paused."""

    def __init__(self, sink: RateSink, pieces: list[int]) -> None:
        self.sink = sink
        self.left = list(pieces)
        self.paused = False
        self.most = 0
        self.busy = False

    def pauseProducing(self) -> None:
        """Wait."""
        self.paused = True

    def resumeProducing(self) -> None:
        """Go on."""
        self.paused = False
        self.produce()

    def stopProducing(self) -> None:
        """Not called."""
        raise AssertionError

    def produce(self) -> None:
        """Write on, and finish."""
        if self.busy:
            return
        self.busy = True
        while self.left and not self.paused:
            self.sink.write(b"x" * self.left.pop(0))
            self.most = max(self.most, sum(map(len, self.sink._pieces)))
        self.busy = False
        if not self.left and not self.paused and self.sink._producer is self:
            self.sink.finish(((b"a", b"b"),))


def advance(clock: Clock, until: float) -> None:
    """Let every timer run at its time."""
    while (calls := clock.getDelayedCalls()) and min(call.getTime() for call in calls) <= until:
        clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))
    clock.advance(max(0.0, until - clock.seconds()))


class RateTests(SynchronousTestCase):
    """How long it takes."""

    @given(st.integers(1, 5_000), st.integers(0, 500), st.lists(st.integers(1, 700), min_size=1, max_size=30))
    def test_rate(self, rate: int, after: int, pieces: list[int]) -> None:
        """A body takes its time, within a slice; at no time is it further than a slice ahead of its rate.

        No more of it waits than was written at once.
        """
        clock = Clock()
        taken = Taken(clock)
        sink = RateSink(taken, rate, clock, after=after)
        sink.start(HEAD, b"", False)
        maker = Maker(sink, pieces)
        sink.stream_from(maker)
        maker.produce()
        total = sum(pieces)
        advance(clock, 2 * total / rate + 1)
        self.assertEqual(len(taken.data), total)
        self.assertEqual(tuple(taken.trailers), ((b"a", b"b"),))
        assert taken.ended is not None
        due = max(0.0, (total - after) / rate)
        self.assertLessEqual(taken.ended, due + 1e-5)
        self.assertGreaterEqual(taken.ended, due - SLICE - 1e-5)
        for when, size in taken.arrivals:
            self.assertLessEqual(size, after + rate * (when + SLICE + 1e-5))
        self.assertLessEqual(maker.most, max(pieces))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_smooth(self) -> None:
        """It is sent in slices of a tenth of a second."""
        clock = Clock()
        taken = Taken(clock)
        RateSink(taken, 1000, clock).start(HEAD, b"x" * 1000, True)
        seen = [len(taken.data)]
        for _ in range(9):
            clock.advance(0.1)
            seen.append(len(taken.data))
        self.assertEqual(seen, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000])
        self.assertAlmostEqual(taken.ended or 0, 0.9)

    def test_late(self) -> None:
        """A timer that fires late costs nothing in all."""
        clock = Clock()
        taken = Taken(clock)
        RateSink(taken, 1000, clock).start(HEAD, b"x" * 1000, True)
        clock.advance(0.55)
        self.assertEqual(len(taken.data), 650)
        advance(clock, 1)
        self.assertAlmostEqual(taken.ended or 0, 0.9)

    def test_slower_than_a_slice(self) -> None:
        """A rate of one byte a second is kept too."""
        clock = Clock()
        taken = Taken(clock)
        RateSink(taken, 1, clock).start(HEAD, b"xyz", True)
        advance(clock, 5)
        self.assertEqual([size for _, size in taken.arrivals], [0, 1, 2, 3])
        self.assertAlmostEqual(taken.ended or 0, 2.9)

    def test_idle(self) -> None:
        """Time in which there was nothing to send is not made up for."""
        clock = Clock()
        taken = Taken(clock)
        sink = RateSink(taken, 1000, clock)
        sink.start(HEAD, b"", False)
        clock.advance(60)
        sink.write(b"x" * 1000)
        self.assertEqual(len(taken.data), 100)

    def test_after(self) -> None:
        """The first bytes pass at once."""
        clock = Clock()
        taken = Taken(clock)
        RateSink(taken, 1000, clock, after=500).start(HEAD, b"x" * 1000, True)
        self.assertEqual(len(taken.data), 600)

    def test_no_rate(self) -> None:
        """A rate of 0 hands all on as it comes, and the producer itself."""
        clock = Clock()
        taken = Taken(clock)
        sink = RateSink(taken, 0, clock)
        sink.start(HEAD, b"x" * 9999, False)
        maker = Maker(sink, [])
        sink.stream_from(maker)
        sink.write(b"y")
        sink.finish()
        self.assertEqual((len(taken.data), taken.producer, taken.ended), (10000, maker, 0.0))

    def test_no_body(self) -> None:
        """A response without a body, as to HEAD, is complete at once."""
        clock = Clock()
        taken = Taken(clock)
        RateSink(taken, 1, clock).start(HEAD, b"", True)
        self.assertEqual((taken.ended, taken.producer), (0.0, None))


class ClientTests(SynchronousTestCase):
    """A client that is slower than the rate, or leaves."""

    def setUp(self) -> None:
        """A response that has begun."""
        self.clock = Clock()
        self.taken = Taken(self.clock)
        self.sink = RateSink(self.taken, 1000, self.clock)
        self.sink.start(HEAD, b"", False)
        self.maker = Maker(self.sink, [150] * 10)
        self.sink.stream_from(self.maker)
        self.assertIs(self.taken.producer, self.sink)

    def test_paused(self) -> None:
        """Nothing is sent to a client that does not read, and who makes the response waits."""
        self.sink.pauseProducing()
        self.assertTrue(self.maker.paused)
        self.sink.write(b"x" * 50)
        advance(self.clock, 60)
        self.assertEqual(self.taken.data, b"")
        self.sink.resumeProducing()
        self.assertEqual(len(self.taken.data), 100)

    def test_paused_while_waiting(self) -> None:
        """What waits is sent when the client reads again, and not faster than the rate."""
        self.maker.produce()
        self.assertEqual(len(self.taken.data), 100)
        self.sink.pauseProducing()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        advance(self.clock, 60)
        self.sink.resumeProducing()
        self.assertEqual(len(self.taken.data), 200)
        advance(self.clock, 62)
        self.assertEqual(len(self.taken.data), 1500)

    def test_blocked_at_once(self) -> None:
        """A client that does not read when the response begins is waited for."""

        class Blocked(Taken):
            def stream_from(self, producer: Producer) -> None:
                producer.pauseProducing()

        sink = RateSink(Blocked(self.clock), 1000, self.clock)
        sink.start(HEAD, b"x" * 1000, True)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        sink.resumeProducing()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_broken(self) -> None:
        """A response that breaks off is broken off at once, with what waits of it."""
        self.maker.produce()
        self.sink.fail(ProxyError(Source.PEER, 502, "closed", "the peer closed"))
        self.assertTrue(self.taken.failed)
        self.assertEqual(len(self.taken.data), 100)

    def test_gone(self) -> None:
        """When the exchange is over, nothing is sent, no timer is left and nobody is resumed."""
        self.maker.produce()
        self.sink.stop()
        self.sink.stopProducing()
        self.assertTrue(self.taken.stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        size = len(self.taken.data)
        self.clock.advance(9)
        self.assertEqual(len(self.taken.data), size)
        self.assertTrue(self.maker.paused)
