"""Conversations that end at any moment: of a client that is gone nothing is left, neither timers nor connections."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, server, stream, upstream
from pydsl_proxy.config.servers import Http
from pydsl_proxy.testing import Handshake, Running, run
from pydsl_proxy.wire.http2.frames import DATA, END_HEADERS, HEADERS, Setting, frame, settings
from tests.support.h2 import AGREED, GET, TLS, RawClient
from tests.support.messages import GET as GET_1
from tests.support.messages import get

APP = upstream("app", "a:1", keepalive=0)
POST = ((b":method", b"POST"), *GET[1:])
LIMITS = clients(min_body_rate=10, min_send_rate=10)
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(300_000)
Begin = Callable[[Running], None]


def closes(running: Running) -> None:
    """The client leaves in good order."""
    running[0].closes()


def resets(running: Running) -> None:
    """The client breaks off."""
    running[0].resets()


def closes_after_stop(running: Running) -> None:
    """The client leaves when it was asked to."""
    running.stop()
    running[0].closes()


def is_stopped(running: Running) -> None:
    """The proxy does not wait for the client any longer."""
    running.stop()
    running.clock.advance(10)


ENDS: tuple[Begin, ...] = (closes, resets, closes_after_stop, is_stopped)


class LeftTests(SynchronousTestCase):
    """Whatever was under way, and however it ended."""

    def leaves_nothing(self, config: Http, begins: dict[str, Begin], handshake: Handshake | None = None) -> None:
        """After each beginning, each end leaves nothing."""
        for name, begin in begins.items():
            for end in ENDS:
                running = run(config, handshake=handshake) if handshake is not None else run(config)
                begin(running)
                end(running)
                case = f"{name}, {end.__name__}"
                self.assertTrue(running[0].is_gone, case)
                for peer in running.peers.values():
                    self.assertEqual([each for each in peer.connections if not each.is_gone], [], case)
                self.assertEqual(running.clock.getDelayedCalls(), [], case)

    def test_http1(self) -> None:
        """Of a client of HTTP/1.1."""

        def sends(*pieces: bytes, answer: bytes = b"", reads: bool = True) -> Begin:
            def begin(running: Running) -> None:
                if not reads:
                    running[0].stops_reading()
                for piece in pieces:
                    running[0].sends(piece)
                if answer:
                    running.peers["a:1"].sends(answer)

            return begin

        config = http(server(80).location("/").proxy_to(APP), clients=LIMITS, shutdown_grace=5)
        upload = get("/", "Content-Length: 100", method="POST")
        begins = {
            "silent": sends(),
            "within a head": sends(b"GET / HT"),
            "asks": sends(GET_1),
            "uploads": sends(upload, b"some"),
            "asks ahead": sends(GET_1 * 3),
            "downloads": sends(GET_1, answer=BIG),
            "does not read": sends(GET_1, answer=BIG, reads=False),
            "lingers": sends(b"\0\r\n\r\n"),
            "answered early": sends(upload, answer=b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"),
        }
        self.leaves_nothing(config, begins)

    def test_http2(self) -> None:
        """Of a client of HTTP/2."""

        def sends(*frames: bytes, asks: bool = True, answer: bytes = b"", reads: bool = True) -> Begin:
            def begin(running: Running) -> None:
                client = RawClient(running[0])
                if not reads:
                    running[0].stops_reading()
                for each in frames:
                    client.sends(each)
                if asks:
                    client.asks(1)
                if answer:
                    running.peers["a:1"].sends(answer)

            return begin

        def uploads(fields: tuple[tuple[bytes, bytes], ...]) -> Begin:
            return lambda running: RawClient(running[0]).asks(1, fields, flags=0)

        config = http(server(443, tls=TLS).location("/").proxy_to(APP), clients=LIMITS, shutdown_grace=5)
        begins = {
            "silent": sends(asks=False),
            "within a block": sends(frame(HEADERS, 0, 1, b"\x82"), asks=False),
            "asks": sends(),
            "uploads": uploads(POST),
            "may upload": uploads(tuple(GET)),
            "gives no room": sends(settings({Setting.INITIAL_WINDOW_SIZE: 9}), answer=BIG),
            "does not read": sends(settings({Setting.INITIAL_WINDOW_SIZE: 1 << 20}), answer=BIG, reads=False),
            "lingers": sends(frame(DATA, 0, 0), asks=False),
            "is refused": sends(frame(HEADERS, END_HEADERS, 1, b"\x82"), asks=False),
        }
        self.leaves_nothing(config, begins, AGREED)

    def test_streams(self) -> None:
        """Of a client whose bytes are passed on."""

        def talks(running: Running) -> None:
            running[0].sends(b"x")
            running.peers["a:1"].sends(b"y")

        def waits(running: Running) -> None:
            running[0].stops_reading()
            running.peers["a:1"].sends(bytes(300_000))

        begins: dict[str, Begin] = {"silent": lambda _: None, "talks": talks, "does not read": waits}
        self.leaves_nothing(http(stream(5432).proxy_to("a:1"), shutdown_grace=5), begins)
