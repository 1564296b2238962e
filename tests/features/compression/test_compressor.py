"""Tests of the pace of a compressor, between a producer that writes until it is paused and a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError, Source
from pydsl_proxy.features.compression.codecs import Gzip
from pydsl_proxy.features.compression.compressor import TURN, Compressing
from pydsl_proxy.features.compression.policy import Choices
from pydsl_proxy.interfaces import Producer, Trailers
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.reader import read_request_fields, read_response_head
from tests.support.decoding import decoded, decoder
from tests.support.recording import RecordedExchange

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange

PIECE = 64 * 1024


class Sent:
    """A client, and what it was sent."""

    def __init__(self) -> None:
        self.body = b""
        self.ends: list[object] = []
        self.producer: Producer | None = None

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Keep it."""
        self.body += data

    def write(self, data: bytes) -> None:
        """Keep it."""
        assert data
        self.body += data

    def finish(self, trailers: Trailers = ()) -> None:
        """Note it."""
        self.ends.append(tuple(trailers))

    def fail(self, error: ProxyError) -> None:
        """Note it."""
        self.ends.append(error)

    def stream_from(self, producer: Producer) -> None:
        """Keep it."""
        self.producer = producer

    def stop(self) -> None:
        """Note it."""
        self.ends.append("stop")


class Zeros:
    """A producer that writes until it is paused, *most* pieces in all."""

    def __init__(self, sink: Compressing, most: int) -> None:
        self.sink = sink
        self.left = most
        self.written = 0
        # What was written when it was paused.
        self.pauses: list[int] = []
        self.paused = self.stopped = False

    def work(self) -> None:
        """Write."""
        while self.left and not self.paused:
            self.left -= 1
            self.written += PIECE
            self.sink.write(bytes(PIECE))

    def pauseProducing(self) -> None:
        """Pause."""
        assert not self.paused
        self.paused = True
        self.pauses.append(self.written)

    def resumeProducing(self) -> None:
        """Go on."""
        assert self.paused
        self.paused = False
        self.work()

    def stopProducing(self) -> None:
        """Note it."""
        self.stopped = True


class PaceTests(SynchronousTestCase):
    """Who waits for whom."""

    def setUp(self) -> None:
        """A response has begun."""
        self.clock, self.client = Clock(), Sent()
        exchange = RecordedExchange()
        exchange.fields = read_request_fields(b"\r\nAccept-Encoding: gzip", 9)
        choices = Choices([Gzip(1)], lambda value: True, min_length=0, flush=False)
        self.sink = Compressing(self.client, cast("Exchange", exchange), choices, self.clock)
        self.sink.start(read_response_head(b"HTTP/1.1 200 OK\r\nContent-Type: a/b"), b"", False)

    def produce(self, pieces: int) -> Zeros:
        """A producer that has begun."""
        producer = Zeros(self.sink, pieces)
        self.sink.stream_from(producer)
        producer.work()
        return producer

    def test_turns(self) -> None:
        """Others have their turn after a bounded piece of work, however little comes of it."""
        producer = self.produce(20)
        self.assertEqual(producer.pauses, [TURN + PIECE])
        # Twisted's Clock also calls what is to be called after no time; a reactor looks at its sockets between.
        self.clock.advance(0)
        self.assertEqual(producer.pauses, [each * (TURN + PIECE) for each in (1, 2, 3, 4)])
        self.assertEqual((producer.left, producer.paused), (0, False))
        self.sink.finish()
        self.assertEqual(decoded("gzip", self.client.body), bytes(20 * PIECE))
        self.assertEqual((self.client.ends, self.clock.getDelayedCalls()), ([()], []))

    def test_full_client(self) -> None:
        """A producer goes on when the client has room and others had their turn, whichever comes last."""
        producer = self.produce(20)
        self.sink.pauseProducing()
        self.clock.advance(0)
        self.assertTrue(producer.paused)
        before = producer.written
        self.sink.resumeProducing()
        self.assertGreater(producer.written, before)
        before = producer.written
        self.sink.pauseProducing()
        self.sink.resumeProducing()
        self.assertEqual(producer.written, before)
        self.clock.advance(0)
        self.assertGreater(producer.written, before)

    def test_pausing_client(self) -> None:
        """A client that is full stops a producer at once."""
        producer = self.produce(1)
        self.sink.pauseProducing()
        self.assertTrue(producer.paused)
        self.sink.resumeProducing()
        self.assertFalse(producer.paused)
        self.sink.stopProducing()
        self.assertTrue(producer.stopped)

    def test_stopped(self) -> None:
        """An exchange that is over leaves no timers, no producer and no compressor."""
        producer = self.produce(20)
        self.sink.stop()
        self.assertEqual((self.client.ends, self.clock.getDelayedCalls()), (["stop"], []))
        self.assertEqual((self.sink._encoding, self.sink._producer), (None, None))
        for late in (self.sink.pauseProducing, self.sink.resumeProducing, self.sink.stopProducing, self.sink.stop):
            late()
        self.assertFalse(producer.stopped)

    def test_failed(self) -> None:
        """What came before a break goes out, without an end."""
        self.sink.write(b"abc")
        error = ProxyError(Source.PEER, 502, "closed", "the peer closed")
        self.sink.fail(error)
        self.assertEqual(decoder("gzip")(self.client.body), b"abc")
        self.assertEqual((self.client.ends, self.clock.getDelayedCalls()), ([error], []))

    def test_latest(self) -> None:
        """No byte waits for longer than 50 ms, also where more come all the time."""
        read, seen = decoder("gzip"), 0
        for number in range(1, 100):
            self.sink.write(b"%4d" % number)
            self.clock.advance(0.01)
            sent, self.client.body = self.client.body, b""
            seen += len(read(sent))
            self.assertGreaterEqual(seen, 4 * (number - 5))
            self.assertLessEqual(len(self.clock.getDelayedCalls()), 1)
        self.sink.finish()
