"""Whatever a peer of HTTP/2 sends, cut wherever it likes: nothing is raised, and nothing is left behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http2.frames import END_HEADERS, END_STREAM, HEADERS, frame
from tests.support.hpack import block

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
SETTINGS = frame(4, 0, 0)
HEADS = [
    block([(b":status", b"200")]),
    block([(b":status", b"200"), (b"content-length", b"5")]),
    block([(b":status", b"103")]),
    block([(b"x", b"y")]),
    b"",
    b"\xff",
]
PAYLOADS = st.one_of(st.sampled_from(HEADS), st.binary(max_size=20), st.sampled_from([bytes(4), bytes(8), b"\0\0\1\0"]))
FLAGS = st.sampled_from([0, END_STREAM, END_HEADERS, END_HEADERS | END_STREAM, 0x08, 0x20, 0xFF])
FRAMES = st.lists(st.tuples(st.integers(0, 11), FLAGS, st.sampled_from([0, 1, 2, 3, 5]), PAYLOADS), max_size=8)
# Mostly such as mean something.
LIKELY = st.lists(
    st.one_of(
        st.tuples(
            st.just(HEADERS),
            st.sampled_from([END_HEADERS, END_HEADERS | END_STREAM]),
            st.sampled_from([1, 3]),
            st.sampled_from(HEADS[:4]),
        ),
        st.tuples(st.just(0), st.sampled_from([0, END_STREAM]), st.sampled_from([1, 3]), st.binary(max_size=5)),
        st.tuples(st.just(3), st.just(0), st.sampled_from([1, 3]), st.sampled_from([bytes(4), b"\0\0\0\7"])),
        st.tuples(st.just(7), st.just(0), st.just(0), st.sampled_from([bytes(8), b"\0\0\0\1" + bytes(4)])),
    ),
    max_size=8,
)


class FuzzTests(SynchronousTestCase):
    """A peer out of its mind."""

    @given(st.one_of(FRAMES, LIKELY), st.integers(1, 400), st.booleans(), st.booleans())
    def test_anything(self, frames: list[tuple[int, int, int, bytes]], cut: int, begins: bool, closes: bool) -> None:
        """Both clients are answered or cut off in the end, and no timer goes on."""
        running = run(server(80).location("/").timeouts(read=5).proxy_to(upstream("app", "a:1", via=http2())))
        client, peers = running
        other = running.client()
        client.sends(GET)
        other.sends(POST)
        data = (SETTINGS if begins else b"") + b"".join([frame(*each) for each in frames])
        connection = peers["a:1"].connections[0]
        for at in range(0, len(data), cut):
            if not connection.is_gone:
                connection.sends(data[at : at + cut])
        if closes and not connection.is_gone:
            connection.closes()
        if not other.is_gone and not other.is_closed:
            other.sends(b"0\r\n\r\n")
        for _ in range(40):
            running.clock.advance(5)
        self.assertEqual(len(running.exchanges), 2)
        self.assertEqual(self.flushLoggedErrors(), [])
        for end in (client, other, *peers["a:1"].connections):
            if not end.is_gone:
                end.resets()
        self.assertEqual([call for call in running.clock.calls if call.active()], [])
