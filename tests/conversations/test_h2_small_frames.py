"""Conversations: bodies of 30 MB over HTTP/2 whose receivers have small windows, in whole frames (RFC 1122 4.2.3.4)."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.testing import run
from pydsl_proxy.wire.http2.body_pieces import SMALL_FRAME_AFTER
from pydsl_proxy.wire.http2.frames import (
    ACK,
    DATA,
    END_STREAM,
    INITIAL_WINDOW,
    MAX_FRAME_SIZE,
    MIN_PIECE,
    PREFACE,
    SETTINGS,
    Setting,
    frame,
    settings,
    window_update,
)
from tests.support.h2 import AGREED, TLS, RawClient

MIB = 1 << 20
SIZE = 30 * MIB
# Not a divisor or multiple of any window: what is read ends anywhere in a frame.
READ = 77_777
WINDOWS = (16 * 1024, INITIAL_WINDOW, 16 * MIB)


class Answering(RawClient):
    """A client that answers each DATA frame of n octets with two WINDOW_UPDATEs of n, or of *part* octets each."""

    def __init__(self, *arguments: object, window: int, part: int = MIB) -> None:
        self.sizes: list[int] = []
        self.ended = False
        self._part = part
        super().__init__(*arguments, greets=False)  # type: ignore[arg-type]  # for brevity
        greeting = PREFACE + settings({Setting.INITIAL_WINDOW_SIZE: window})
        more = max(0, window - INITIAL_WINDOW)
        self.sends(greeting + (window_update(0, more) if more else b""))

    def receive(self) -> None:
        """Answer until nothing comes."""
        while not self.ended:
            self.take()
            frames, self.frames = self.frames, []
            answers = []
            for kind, flags, stream, payload in frames:
                assert kind != 7, payload
                if kind == DATA and payload:
                    self.sizes.append(len(payload))
                    parts, rest = divmod(len(payload), self._part)
                    for size in [self._part] * parts + [rest] * (rest > 0):
                        answers += [window_update(stream, size), window_update(0, size)]
                if kind == DATA and flags & END_STREAM:
                    self.ended = True
            if not answers:
                return
            self.client.sends(b"".join(answers))


class DownloadTests(SynchronousTestCase):
    """What clients with small windows are sent."""

    def download(self, window: int, *, part: int = MIB, size: int = SIZE) -> list[int]:
        """The sizes of the frames in which a body came whole."""
        running = run(server(443, tls=TLS).location("/").proxy_to("a:1"), handshake=AGREED)
        client = Answering(running[0], window=window, part=part)
        client.asks(1)
        peer = running.peers["a:1"].connection
        peer.sends(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for at in range(0, size, READ):
            peer.sends(bytes(min(READ, size - at)))
            client.receive()
        while not client.ended:
            # What is left is less than a frame.
            running.clock.advance(SMALL_FRAME_AFTER)
            client.receive()
        self.assertEqual(sum(client.sizes), size)
        return client.sizes

    def test_windows(self) -> None:
        """All of it comes, no frame but the last is small, and most are whole."""
        for window in WINDOWS:
            sizes = self.download(window)
            self.assertGreaterEqual(min(sizes[:-1]), MIN_PIECE)
            self.assertLess(len(sizes), SIZE / MAX_FRAME_SIZE * 1.5)

    def test_given_back_in_parts(self) -> None:
        """Neither are they if the client gives the room of each frame back in small parts, which is no flood."""
        for part in (100, 1000):
            sizes = self.download(INITIAL_WINDOW, part=part, size=4 * MIB)
            self.assertGreaterEqual(min(sizes[:-1]), MIN_PIECE)

    def test_small_messages(self) -> None:
        """What a peer sends in small messages goes on at once, and may be answered as late as the window allows."""
        running = run(server(443, tls=TLS).location("/").proxy_to("a:1"), handshake=AGREED)
        client = Answering(running[0], window=INITIAL_WINDOW)
        client.asks(1)
        peer = running.peers["a:1"].connection
        peer.sends(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(4000):
            peer.sends(b"message")
        client.receive()
        self.assertEqual(client.sizes, [7] * 4000)
        self.assertIsNone(client.goaway)

    def test_holds_back(self) -> None:
        """A client that gives no room back before it has a whole message is sent what there is room for."""
        running = run(server(443, tls=TLS).location("/").proxy_to("a:1"), handshake=AGREED)
        client = RawClient(running[0])
        client.asks(1)
        running.peers["a:1"].connection.sends(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(60_000) + bytes(60_000))
        running.clock.advance(SMALL_FRAME_AFTER)
        client.take()
        self.assertEqual(sum(len(payload) for _, payload in client.of(DATA)), INITIAL_WINDOW)


class UploadTests(SynchronousTestCase):
    """What peers with small windows are sent."""

    def upload(self, window: int, *, part: int = MIB, size: int = SIZE) -> list[int]:
        """The sizes of the frames in which a body came whole."""
        app = upstream("app", "a:1", via=http2())
        running = run(server(80).location("/").proxy_to(app))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        end = running.peers["a:1"].connection
        more = max(0, window - INITIAL_WINDOW)
        greeting = settings({Setting.INITIAL_WINDOW_SIZE: window}) + frame(SETTINGS, ACK, 0)
        end.sends(greeting + (window_update(0, more) if more else b""))
        peer = Receiving(end.takes()[len(PREFACE) :], part)
        sent = 0
        while not peer.ended:
            if sent < size:
                client.sends(bytes(min(READ, size - sent)))
                sent = min(size, sent + READ)
            else:
                running.clock.advance(SMALL_FRAME_AFTER)
            while answers := peer.answers(end.takes()):
                end.sends(answers)
        self.assertEqual(sum(peer.sizes), size)
        return peer.sizes

    def test_windows(self) -> None:
        """All of it comes, no frame but the last is small, and most are whole."""
        for window in WINDOWS:
            sizes = self.upload(window)
            self.assertGreaterEqual(min(sizes[:-1]), MIN_PIECE)
            self.assertLess(len(sizes), SIZE / MAX_FRAME_SIZE * 1.5)

    def test_given_back_in_parts(self) -> None:
        """Neither are they if the peer gives the room of each frame back in small parts, which is no flood."""
        for part in (100, 1000):
            sizes = self.upload(INITIAL_WINDOW, part=part, size=4 * MIB)
            self.assertGreaterEqual(min(sizes[:-1]), MIN_PIECE)


class Receiving:
    """The frames that a peer has taken; it gives back their room in parts."""

    def __init__(self, held: bytes, part: int) -> None:
        self._held = held
        self._part = part
        self.sizes: list[int] = []
        self.ended = False

    def answers(self, received: bytes) -> bytes:
        """What the peer says to what it has received."""
        held = self._held + received
        at = 0
        answers = []
        while len(held) - at >= 9 and len(held) - at >= 9 + (size := int.from_bytes(held[at : at + 3])):
            kind, flags, stream = held[at + 3], held[at + 4], int.from_bytes(held[at + 5 : at + 9])
            at += 9 + size
            if kind == DATA and size:
                self.sizes.append(size)
                parts, rest = divmod(size, self._part)
                for each in [self._part] * parts + [rest] * (rest > 0):
                    answers += [window_update(stream, each), window_update(0, each)]
            if kind == DATA and flags & END_STREAM:
                self.ended = True
        self._held = held[at:]
        return b"".join(answers)
