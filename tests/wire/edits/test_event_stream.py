"""Tests of what is known of event streams."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy.wire.edits.event_stream import BEGINNING, BYTE_ORDER_MARK, comment, is_event_stream, tail_of
from pydsl_proxy.wire.http1.reader import read_response_head
from tests.support.events import Event, events_of

PIECES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"\n\n", b"data: a", b"data", b": x", b"id: 7", b"event: e", b"da", b"ta: b", b""],
)


def kind(field: bytes) -> bool:
    """Whether a response with *field* is an event stream."""
    return is_event_stream(read_response_head(b"HTTP/1.1 200 OK\r\n" + field))


def message(data: str, last_id: str) -> Event:
    """An event without a type of its own."""
    return Event("message", data, last_id)


class KindTests(SynchronousTestCase):
    """What an event stream is called."""

    def test_names(self) -> None:
        """The media type, in any case and with any parameter, and no other."""
        self.assertTrue(kind(b"Content-Type: text/event-stream"))
        self.assertTrue(kind(b"Content-Type: Text/Event-Stream; charset=utf-8"))
        self.assertFalse(kind(b"Content-Type: text/event-streams"))
        self.assertFalse(kind(b"Content-Type: text/plain; x=text/event-stream"))
        self.assertFalse(kind(b"Content-Length: 5"))


class CommentTests(SynchronousTestCase):
    """Where comments may stand."""

    def test_places(self) -> None:
        """Between events with an empty line, in an event as a line, within a line or after a CR in an event not."""
        after = {
            b"": b":\n\n",
            b"data: 1\n\n": b":\n\n",
            b"data: 1\r\n\r\n": b":\n\n",
            b"data: 1\r\r": b":\n\n",
            b"data: 1\n\r": b":\n\n",
            b"data: 1\r\r\n": b":\n\n",
            b"data: 1\n": b":\n",
            b"data: 1\r\n": b":\n",
            b"data: 1\r": b"",
            b"data: 1": b"",
            b"\n": b":\n\n",
            b"\r": b":\n\n",
        }
        for stream, expected in after.items():
            self.assertEqual(comment(tail_of(BEGINNING, stream)), expected, stream)

    @given(st.lists(PIECES), st.sets(st.integers(0, 30)))
    @example([b"data: a", b"\r", b"\n", b"data", b"\n\n"], {2})
    @example([b"data: a\r\n", b"\r", b"\n"], {1, 2})
    def test_no_meaning(self, pieces: list[bytes], places: set[int]) -> None:
        """Wherever a stream is cut, a comment changes no event, neither the one at hand nor those that follow."""
        sent, tail = b"", BEGINNING
        for number, piece in enumerate(pieces):
            if number in places:
                sent += comment(tail)
            sent += piece
            tail = tail_of(tail, piece)
        self.assertEqual(events_of(sent + b"\n\n"), events_of(b"".join(pieces) + b"\n\n"))

    @given(st.lists(PIECES))
    def test_tail(self, pieces: list[bytes]) -> None:
        """However a stream is cut, what is known of its end is the same."""
        tail = BEGINNING
        for piece in pieces:
            tail = tail_of(tail, piece)
        self.assertEqual(comment(tail), comment(tail_of(BEGINNING, b"".join(pieces))))


class ReaderTests(SynchronousTestCase):
    """The reader that the tests measure by."""

    def test_events(self) -> None:
        """It reads the examples of the standard (9.2.6)."""
        self.assertEqual(
            events_of(b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"),
            [
                message("first event", "1"),
                message("second event", ""),
                message(" third event", ""),
            ],
        )
        self.assertEqual(
            [event.data for event in events_of(b"data\n\ndata\ndata\n\ndata:")],
            ["", "\n"],
        )
        self.assertEqual(events_of(BYTE_ORDER_MARK + b"event: a\rdata: x\r\r"), [Event("a", "x", "")])
