"""Tests of bodies that are here as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.errors import ProxyError
from pydsl_proxy.features.buffering.spooled_body import PIECE, SpooledBody
from pydsl_proxy.interfaces import Running, Trailers

if TYPE_CHECKING:
    from pydsl_proxy.interfaces import Exchange


class Taking:
    """An exchange, and who takes its body."""

    def __init__(self) -> None:
        self.has_body = True
        self.running: Running | None = None
        self.got = b""
        self.ends = 0
        self.failure: ProxyError | None = None

    def request_body(self, data: bytes) -> None:
        """Take some."""
        assert data and not self.ends
        self.got += data

    def request_end(self, trailers: Trailers) -> None:
        """The body is complete."""
        assert not self.has_body
        self.ends += 1

    def fail(self, error: ProxyError) -> None:
        """Keep the error."""
        self.failure = error


class SpooledBodyTests(SynchronousTestCase):
    """One body."""

    def setUp(self) -> None:
        """A clock, and an exchange."""
        self.clock = Clock()
        self.exchange = Taking()

    def body(self, *pieces: bytes, memory: int = 10, spool: str | bool = True) -> SpooledBody:
        """A body that has come in pieces."""
        made = SpooledBody(cast("Exchange", self.exchange), memory, spool, self.clock)
        self.addCleanup(made.close)
        for piece in pieces:
            made.add(piece)
        return made

    @settings(max_examples=100, deadline=None)
    @given(st.integers(1, 30), st.lists(st.binary(min_size=1, max_size=20), min_size=1))
    def test_whole(self, memory: int, pieces: list[bytes]) -> None:
        """However it came, it is delivered whole, and as often as it is asked for."""
        clock, exchange = Clock(), Taking()
        body = SpooledBody(cast("Exchange", exchange), memory, True, clock)
        for piece in pieces:
            body.add(piece)
        for _ in range(2):
            receiver = Taking()
            exchange.has_body, receiver.has_body = True, False
            body.read_body(receiver)
            while clock.getDelayedCalls():
                clock.advance(0)
            self.assertEqual((receiver.got, receiver.ends, exchange.has_body), (b"".join(pieces), 1, False))
        self.assertLessEqual(len(body._beginning), memory)
        body.close()

    def test_paused(self) -> None:
        """It is delivered piece by piece, and no further while the receiver is slow."""
        body = self.body(bytes(3 * PIECE))
        body.read_body(self.exchange)
        body.pause_body()
        self.clock.advance(0)
        begun = len(self.exchange.got)
        self.assertLess(begun, PIECE + 1)
        self.clock.advance(1)
        self.assertEqual(len(self.exchange.got), begun)
        body.resume_body()
        body.resume_body()
        self.clock.advance(0)
        self.assertEqual((len(self.exchange.got), self.exchange.ends), (3 * PIECE, 1))

    def test_anew(self) -> None:
        """Who asks while it is delivered gets it from the beginning, and who asked before gets no more."""
        body, other = self.body(b"0123456789", b"abc"), Taking()
        body.read_body(self.exchange)
        self.assertEqual(self.exchange.got, b"0123456789")
        other.has_body = False
        body.read_body(other)
        self.clock.advance(0)
        self.assertEqual((other.got, other.ends), (b"0123456789abc", 1))
        self.assertEqual((self.exchange.got, self.exchange.ends), (b"0123456789", 0))

    def test_anew_in_the_last_piece(self) -> None:
        """Also one that asks again in the midst of the last piece: one end, of the second reading."""
        body = self.body(b"abc")

        class Again(Taking):
            def request_body(self, data: bytes) -> None:
                self.got += data
                if len(self.got) == 3:
                    body.read_body(self)

        again = Again()
        again.has_body = False
        body.read_body(again)
        self.assertEqual((again.got, again.ends), (b"abcabc", 1))

    def test_closed(self) -> None:
        """Closed in the midst, it is delivered no further."""
        body = self.body(b"0123456789", b"abc")
        body.read_body(self.exchange)
        body.close()
        body.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        body.read_body(self.exchange)
        body.pause_body()
        body.resume_body()
        self.assertEqual(self.exchange.got, b"0123456789")

    def test_unreadable(self) -> None:
        """A file that cannot be read fails the exchange, and cancels who works on it."""
        body = self.body(b"0123456789", b"abc")
        body.read_body(self.exchange)
        assert body._file is not None
        body._file.close()
        cancelled: list[ProxyError] = []

        class Working:
            def cancel(self, error: ProxyError) -> None:
                cancelled.append(error)

        self.exchange.running = Working()
        self.clock.advance(0)
        assert self.exchange.failure is not None
        self.assertEqual((self.exchange.failure.status, self.exchange.failure.cause), (500, "spool_failed"))
        self.assertEqual(cancelled, [self.exchange.failure])

    def test_unwritable(self) -> None:
        """A directory that is not there is the business of who adds."""
        self.assertRaises(OSError, self.body, b"0123456789a", spool="/nowhere")
