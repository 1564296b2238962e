"""Conversations over HTTP/2 at the edges: what is counted once, ends once, and happens at a deadline and not before."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import clients, http, server, upstream
from pydsl_proxy.frontends.http2.limits import CONNECTION_WINDOW, STREAM_WINDOW
from pydsl_proxy.frontends.http2.receiving import FIRST_WITHIN
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.frames import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    INITIAL_WINDOW,
    PING,
    PREFACE,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Setting,
    frame,
    rst_stream,
    settings,
    window_update,
)
from tests.support.h2 import AGREED, GET, TLS, RawClient

PROXY = server(443, tls=TLS).location("/").timeouts(read=10**6, send=10**6).proxy_to(upstream("app", "a:1"))
POST = ((b":method", b"POST"), *GET[1:])
CONNECT = (
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    *GET[1:],
    (b"sec-websocket-version", b"13"),
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def raw(config: object = PROXY) -> tuple[RawClient, Running]:
    """A client that may do what it likes."""
    running = run(config, handshake=AGREED)  # type: ignore[arg-type]  # for brevity
    return RawClient(running[0]), running


def given(client: RawClient, stream: int) -> list[int]:
    """The room that a client was given on a stream, or on the connection, time after time."""
    return [int.from_bytes(payload) for each, payload in client.of(WINDOW_UPDATE) if each == stream]


class RoomTests(SynchronousTestCase):
    """Room for what clients send."""

    def test_each_octet_once(self) -> None:
        """What a body has taken of the connection's window is given back once, half of the window at a time."""
        client, running = raw()
        client.asks(1, POST, flags=0)
        before = len(given(client, 0))
        frames = 4 * CONNECTION_WINDOW // 16384
        for _ in range(frames):
            client.sends(frame(DATA, 0, 1, bytes(16384)))
            running.peers["a:1"].takes()
        self.assertEqual(given(client, 0)[before:], [CONNECTION_WINDOW // 2] * 8)
        self.assertEqual(given(client, 1), [STREAM_WINDOW // 2] * (4 * CONNECTION_WINDOW // (STREAM_WINDOW // 2)))

    def test_first(self) -> None:
        """A client is told the windows of its connection and of its streams before all else, and how many they are."""
        client, _ = raw()
        kind, _, stream, payload = client.frames[0]
        self.assertEqual((kind, stream), (SETTINGS, 0))
        values = {
            int.from_bytes(payload[at : at + 2]): int.from_bytes(payload[at + 2 : at + 6])
            for at in range(0, len(payload), 6)
        }
        expected = {
            Setting.MAX_CONCURRENT_STREAMS: 128,
            Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
            Setting.MAX_HEADER_LIST_SIZE: 32 * 1024,
            Setting.ENABLE_CONNECT_PROTOCOL: 1,
        }
        self.assertEqual(values, expected)
        self.assertEqual(given(client, 0), [CONNECTION_WINDOW - INITIAL_WINDOW])

    def test_for_nobody(self) -> None:
        """DATA on a stream that was ended here use up nothing, and lead to no frames but the connection's."""
        client, running = raw()
        client.asks(1, POST, flags=0)
        running.peers["a:1"].sends(OK)
        client.take()
        self.assertIs(client.reset(1), ErrorCode.NO_ERROR)
        before = len(client.frames)
        for _ in range(CONNECTION_WINDOW // 16384):
            client.sends(frame(DATA, 0, 1, bytes(16384)))
        self.assertEqual([each[:3] for each in client.frames[before:]], [(WINDOW_UPDATE, 0, 0)] * 2)
        self.assertIsNone(client.goaway)

    def test_dropped(self) -> None:
        """So does what comes of a body while its response waits for room: each octet comes back once."""
        client, _ = raw(server(443, tls=TLS).location("/").respond(200, "x" * 100_000))
        client.asks(1, POST, flags=0)
        before = len(given(client, 0))
        for _ in range(2 * CONNECTION_WINDOW // 16384):
            client.sends(frame(DATA, 0, 1, bytes(16384)))
        self.assertEqual(given(client, 0)[before:], [CONNECTION_WINDOW // 2] * 4)
        self.assertEqual(given(client, 1), [STREAM_WINDOW // 2] * (2 * CONNECTION_WINDOW // (STREAM_WINDOW // 2)))
        self.assertIsNone(client.goaway)

    def test_room_of_windows(self) -> None:
        """A window may be used to its last octet and not beyond, of a stream as of the connection."""
        app = server(443, tls=TLS).location("/").timeouts(read=10**6, send=10**6).proxy_to(upstream("app", "a:1"))
        for extra, code in ((0, None), (1, ErrorCode.FLOW_CONTROL_ERROR)):
            client, running = raw(app)
            running.peers["a:1"].times_out()
            client.asks(1, POST, flags=0)
            for _ in range(STREAM_WINDOW // 16384):
                client.sends(frame(DATA, 0, 1, bytes(16384)))
            client.sends(frame(DATA, 0, 1, bytes(extra)))
            self.assertEqual((client.reset(1), client.goaway), (code, None))


class EndTests(SynchronousTestCase):
    """What ends once."""

    def test_body(self) -> None:
        """A peer that is slow where the body ends is sent the end once."""
        for size in (1000, 16_000, 16_384):
            client, running = raw()
            peer = running.peers["a:1"]
            client.asks(1, POST, flags=0)
            peer.connection.stops_reading()
            for _ in range(10):
                client.sends(frame(DATA, 0, 1, b"x" * 16384))
            client.sends(frame(DATA, END_STREAM, 1, b"x" * size))
            peer.connection.reads()
            body = peer.takes().partition(b"\r\n\r\n")[2]
            self.assertEqual((body.count(b"x"), body.count(b"\r\n0\r\n\r\n")), (10 * 16384 + size, 1))
            peer.sends(OK)
            client.take()
            self.assertEqual(client.of(DATA), [(1, b"ok")])

    def test_refused_tunnel(self) -> None:
        """Of a response that must not be taken for a tunnel nothing follows the refusal."""
        client, running = raw()
        client.asks(1, CONNECT, flags=0)
        peer = running.peers["a:1"]
        peer.sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
        client.take()
        before = len(client.frames)
        self.assertEqual(client.of(DATA), [(1, b"501 Not Implemented\n")])
        peer.sends(b"5\r\nthere\r\n")
        peer.sends(b"0\r\nX-Sum: 7\r\n\r\n")
        client.take()
        self.assertEqual(client.frames[before:], [])

    def test_reset_twice(self) -> None:
        """A stream that the client has reset is over; to reset it again is no error."""
        client, running = raw()
        client.asks(1)
        client.sends(rst_stream(1, 8) * 2)
        self.assertEqual((len(running.exchanges), client.goaway), (1, None))
        client.asks(3)
        running.peers["a:1"].sends(OK)
        client.take()
        self.assertEqual(client.of(DATA), [(3, b"ok")])


class DeadlineTests(SynchronousTestCase):
    """Times, up to them and at them."""

    def test_room(self) -> None:
        """A client that makes no room has its time and no less; one with a window just used up waits for nothing."""
        site = server(443, tls=TLS).location("/").timeouts(read=10**6).proxy_to(upstream("app", "a:1"))
        client, running = raw(http(site, clients=clients(send_timeout=10)))
        client.sends(settings({Setting.INITIAL_WINDOW_SIZE: 1000}))
        client.asks(1)
        peer = running.peers["a:1"]
        peer.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n" + bytes(1000))
        running.clock.advance(1000)
        client.take()
        self.assertIsNone(client.reset(1))
        peer.sends(bytes(1))
        running.clock.advance(9.9)
        client.take()
        self.assertIsNone(client.reset(1))
        client.sends(window_update(1, 1))
        running.clock.advance(1000)
        client.take()
        self.assertIsNone(client.reset(1))
        peer.sends(bytes(499))
        running.clock.advance(10)
        client.take()
        self.assertEqual((client.reset(1), running.exchanges[0].cause), (ErrorCode.CANCEL, "send_timeout"))

    def test_first_of_a_body(self) -> None:
        """A request that seldom has a body begins when some of it has come, or after a while."""
        client, running = raw()
        client.asks(1, flags=0)
        running.clock.advance(FIRST_WITHIN - 0.01)
        self.assertEqual(len(running.peers["a:1"].connections), 0)
        running.clock.advance(0.01)
        self.assertIn(b"transfer-encoding: chunked", running.peers["a:1"].takes().lower())
        running.clock.advance(1000)
        self.assertEqual(running.exchanges[0].cause, "body_timeout")

    def test_first_data(self) -> None:
        """With the first octet of its body it begins at once, and goes on as any other."""
        client, running = raw()
        client.asks(1, flags=0)
        client.sends(frame(DATA, 0, 1, b"x"))
        running.clock.advance(FIRST_WITHIN)
        client.sends(frame(DATA, END_STREAM, 1, b"y"))
        self.assertIn(b"\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n", running.peers["a:1"].takes())

    def test_stays(self) -> None:
        """While a stream is open nothing is awaited of the client; when none is it is kept for its time."""
        site = server(443, tls=TLS).location("/").timeouts(read=10**6).proxy_to(upstream("app", "a:1"))
        client, running = raw(http(site, clients=clients(keepalive_timeout=10, head_timeout=3, keepalive_time=10**6)))
        client.asks(1)
        running.clock.advance(1000)
        client.take()
        self.assertIsNone(client.goaway)
        running.peers["a:1"].sends(OK)
        running.clock.advance(9.9)
        client.take()
        self.assertIsNone(client.goaway)
        running.clock.advance(0.1)
        client.take()
        self.assertEqual(client.goaway, ErrorCode.NO_ERROR)


class LeavingTests(SynchronousTestCase):
    """Clients that are shown out while a listener drains, or that are too many."""

    def test_drained_while_it_lingers(self) -> None:
        """A connection that only reads what still comes is closed soon when its listener takes no more clients."""
        client, running = raw()
        client.sends(frame(DATA, 0, 0))
        self.assertEqual(client.goaway, ErrorCode.PROTOCOL_ERROR)
        running.clock.advance(2)
        running.stop()
        running.clock.advance(1)
        self.assertTrue(client.client.is_gone)

    def test_drained(self) -> None:
        """One whose last stream ends while its listener drains reads on for a moment alone, though more comes."""
        client, running = raw()
        client.asks(1)
        running.stop()
        client.take()
        client.sends(frame(PING, ACK, 0, client.of(PING)[-1][1]))
        self.assertEqual([int.from_bytes(payload[:4]) for _, payload in client.of(GOAWAY)], [2**31 - 1, 1])
        running.peers["a:1"].sends(OK)
        client.take()
        self.assertEqual(client.of(DATA), [(1, b"ok")])
        running.clock.advance(0.4)
        self.assertFalse(client.client.is_gone)
        client.client.sends(b"x")
        running.clock.advance(0.1)
        self.assertTrue(client.client.is_gone)

    def test_lingers(self) -> None:
        """Without that it reads on for as long as something comes, within limits."""
        client, running = raw()
        client.sends(frame(DATA, 0, 0))
        for _ in range(7):
            running.clock.advance(4)
            self.assertFalse(client.client.is_gone)
            client.client.sends(b"x")
        running.clock.advance(4)
        self.assertTrue(client.client.is_gone)

    def test_too_many(self) -> None:
        """A client that has not spoken before a reload allows fewer is closed when it does."""
        running = run(PROXY, handshake=AGREED)
        first, second = running[0], running.client()
        first.sends(PREFACE + frame(SETTINGS, 0, 0))
        running.reload(http(PROXY, clients=clients(connections=1)))
        second.sends(PREFACE + frame(SETTINGS, 0, 0))
        self.assertEqual((first.is_gone, second.is_gone), (False, True))
