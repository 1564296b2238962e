"""What holds for all bytes that clients of HTTP/2 may send, with hyperframe as the judge of what they are sent."""

from __future__ import annotations

from hyperframe.frame import Frame
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location, server, upstream
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http2.frames import DATA, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame
from pydsl_proxy.wire.http2.hpack_literals import literals
from tests.support.h2 import AGREED, GET, TLS

APP = upstream("app", "a:1")
OWN = (location("/own").respond(200, "x" * 100_000), location("/small").respond(200, "ok"))
SITE = server(443, tls=TLS).including(location("/").proxy_to(APP), *OWN)
# Here nothing waits for anybody, so that no answer overtakes another one.
AT_ONCE = server(443, tls=TLS).including(location("/").respond(200, "at once"), *OWN)
POST = ((b":method", b"POST"), *GET[1:])
PATHS = [literals([*GET[:3], (b":path", path)]) for path in (b"/", b"/own", b"/small")]
BLOCKS = [
    *PATHS,
    literals(POST),
    literals([*POST, (b"content-length", b"5")]),
    literals([*POST, (b"expect", b"100-continue")]),
    literals([(b"x-trailer", b"1")]),
    literals([*GET, (b"Upper", b"1")]),
    b"\x82\x87\x84\x41\x01x\x40\x01a\x01b",
    b"\xbe\xbf\xff\x00",
    b"\x3f\xe1\x1f",
    b"",
]
NUMBERS = [bytes(4), b"\0\0\1\0", b"\0\1\0\0", b"\x7f\xff\xff\xff"]
PAYLOADS = st.one_of(
    st.sampled_from([*BLOCKS, *NUMBERS, b"hello", bytes(5), bytes(8), b"\0\4\0\1\0\0"]),
    st.binary(max_size=40),
    st.integers(0, 20_000).map(bytes),
)
STREAMS = st.integers(0, 6).map(lambda place: 2 * place + 1)
RIGHT = st.one_of(
    st.builds(frame, st.just(HEADERS), st.sampled_from([4, 5]), STREAMS, st.sampled_from(BLOCKS[:6])),
    st.builds(frame, st.just(DATA), st.sampled_from([0, 0, 1]), STREAMS, st.integers(0, 16384).map(bytes)),
    st.builds(frame, st.just(WINDOW_UPDATE), st.just(0), st.one_of(st.just(0), STREAMS), st.sampled_from(NUMBERS[1:3])),
    st.builds(frame, st.just(RST_STREAM), st.just(0), STREAMS, st.just(bytes(4))),
    st.sampled_from([frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 0, 0, b"\0\4\0\0\0\x64")]),
)
ANY = st.builds(
    frame,
    st.one_of(st.sampled_from([0, 0, 1, 1, 1, 3, 8, 9]), st.integers(0, 12)),
    st.sampled_from([0, 1, 4, 5, 5, 5, 8, 0x20, 0x25, 0xFF]),
    st.sampled_from([0, 1, 1, 3, 3, 5, 7, 9, 2, 2**31 - 1]),
    PAYLOADS,
)
FRAMES = st.one_of(RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, RIGHT, ANY)
ANSWERS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + bytes(100_000),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"",
    ]
)


def check_frames(received: bytes) -> None:
    """All that was received is frames, as whole as the connection's end has left them."""
    view = memoryview(received)
    while len(view) >= 9:
        found, length = Frame.parse_frame_header(view[:9], strict=True)
        if len(view) < 9 + length:
            return
        found.parse_body(view[9 : 9 + length])
        view = view[9 + length :]


class FuzzTests(SynchronousTestCase):
    """No traceback, no hang, nothing but frames, and nothing that grows."""

    def converse(self, pieces: list[bytes], answers: list[bytes], *, reads: bool = True) -> None:
        """Send the pieces, have the peers answer in between, let time pass, and leave."""
        running = run(SITE, handshake=AGREED)
        client, peers = running
        if not reads:
            client.stops_reading()
        for place, piece in enumerate(pieces):
            if client.is_gone:
                break
            client.sends(piece)
            for connection in peers["a:1"].connections:
                if answers and not connection.is_gone and not connection.has_closed:
                    connection.sends(answers[place % len(answers)])
            # Bodies that wait in streams, the responses under way, and what Twisted queues before it pauses.
            assert client.unsent < 512 * 1024
        # A second for DATA of a GET, a minute for a peer, 75 s for an idle client, 5 s for its close, a minute to send.
        running.clock.advance(202)
        assert client.is_closed
        check_frames(client.received)
        client.reads()
        if not client.is_gone:
            client.closes()
        running.clock.advance(200)
        assert not running.service._listeners["tcp:443"]._connections
        assert not self.flushLoggedErrors()

    @given(st.lists(st.binary(max_size=200), max_size=10))
    def test_noise(self, pieces: list[bytes]) -> None:
        """Noise, from the first byte on."""
        self.converse(pieces, [])

    @given(st.lists(FRAMES, max_size=25), st.lists(ANSWERS, max_size=3), st.booleans())
    def test_frames(self, frames: list[bytes], answers: list[bytes], reads: bool) -> None:
        """Frames of all kinds, right and wrong, on the streams of each other."""
        self.converse([PREFACE + frame(SETTINGS, 0, 0), *frames], answers, reads=reads)

    @given(st.lists(FRAMES, min_size=1, max_size=12), st.integers(0, 400), st.integers(0, 255), ANSWERS)
    def test_mutated(self, frames: list[bytes], place: int, octet: int, answer: bytes) -> None:
        """One octet that is another one, in what comes in one read."""
        octets = bytearray(b"".join([PREFACE, frame(SETTINGS, 0, 0), frame(1, 5, 1, BLOCKS[0]), *frames]))
        octets[place % len(octets)] = octet
        self.converse([bytes(octets)], [answer])

    @given(st.lists(FRAMES, max_size=12), st.lists(st.integers(1, 300), max_size=12))
    def test_split(self, frames: list[bytes], cuts: list[int]) -> None:
        """However the octets are split, the client is sent the same."""
        octets = PREFACE + frame(SETTINGS, 0, 0) + b"".join(frames)
        pieces, at = [], 0
        for cut in cuts:
            pieces.append(octets[at : at + cut])
            at += cut
        pieces.append(octets[at:])
        received = []
        for each in ([octets], pieces):
            client, _ = run(AT_ONCE, handshake=AGREED)
            for piece in each:
                if piece and not client.is_gone:
                    client.sends(piece)
            received.append(client.received)
        assert received[0] == received[1]
