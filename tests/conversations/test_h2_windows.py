"""Conversations with peers of HTTP/2 that are slow, silent or gone: windows, and the times of each stream."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http2, server, upstream
from pydsl_proxy.connectors.http2.reading import ROOM
from pydsl_proxy.connectors.http2.stream import WINDOW
from pydsl_proxy.connectors.http2.timing import PING_WITHIN, QUIET
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http2.body_pieces import SMALL_FRAME_AFTER
from tests.support.h2_peer import SETTINGS, H2Peer, Pairs

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
HEAD: Pairs = [(b":status", b"200"), (b"content-length", b"2"), (b"date", b"now")]
OPEN: Pairs = [(b":status", b"200"), (b"date", b"now")]
# More than any window, and than what waits between a client and a peer.
MUCH = 1 << 20


def begun(
    data: bytes = GET, *, takes: bool = True, read: float = 60, send: float = 60, **settings: int
) -> tuple[Running, H2Peer]:
    """A proxy that was asked for something, and the peer that it asks."""
    app = upstream("app", "a:1", via=http2())
    running = run(server(80).location("/").timeouts(read=read, send=send).proxy_to(app))
    running[0].sends(data)
    values = {SETTINGS[name]: value for name, value in settings.items()}
    return running, H2Peer(running.peers["a:1"].connection, values, takes=takes)


def post(size: int) -> bytes:
    """A request with a body."""
    return b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size


class UploadTests(SynchronousTestCase):
    """A peer that takes less than the client sends."""

    def test_window(self) -> None:
        """No more is sent than the peer's windows let, and the client is read no further than that."""
        running, peer = begun(post(MUCH), takes=False)
        client = running[0]
        client.sends(b"x" * MUCH)
        self.assertGreaterEqual(len(peer.last.body), 65535 - 8192)
        running.clock.advance(SMALL_FRAME_AFTER)
        self.assertEqual(len(peer.last.body), 65535)
        self.assertGreater(client.unread, MUCH // 2)
        peer.h2.increment_flow_control_window(100_000)
        peer.said()
        self.assertEqual(len(peer.last.body), 65535)
        peer.h2.increment_flow_control_window(50_000, stream_id=1)
        peer.said()
        running.clock.advance(SMALL_FRAME_AFTER)
        self.assertEqual(len(peer.last.body), 115_535)
        peer.h2.increment_flow_control_window(MUCH, stream_id=1)
        peer.h2.increment_flow_control_window(MUCH)
        peer.said()
        self.assertEqual((peer.last.body, peer.last.ended, client.unread), (b"x" * MUCH, True, 0))

    def test_initial_window(self) -> None:
        """RFC 9113 6.9.2: the setting changes windows that are open, below zero too."""
        running, peer = begun(post(MUCH), takes=False)
        running[0].sends(b"x" * MUCH)
        running.clock.advance(SMALL_FRAME_AFTER)
        peer.hears()
        peer.h2.update_settings({SETTINGS["INITIAL_WINDOW_SIZE"]: 1000})
        peer.said()
        peer.h2.increment_flow_control_window(MUCH)
        peer.h2.increment_flow_control_window(64_000, stream_id=1)
        peer.said()
        self.assertEqual(len(peer.last.body), 65535)
        peer.h2.increment_flow_control_window(1000, stream_id=1)
        peer.said()
        running.clock.advance(SMALL_FRAME_AFTER)
        self.assertEqual(len(peer.last.body), 66_000)

    def test_shared_window(self) -> None:
        """Streams that wait for the connection's window are served in turn."""
        running, peer = begun(post(MUCH), takes=False, INITIAL_WINDOW_SIZE=30_000)
        other = running.client()
        other.sends(post(MUCH))
        for client in (running[0], other):
            client.sends(b"x" * MUCH)
        peer.hears()
        for number in (1, 3):
            peer.h2.increment_flow_control_window(MUCH, stream_id=number)
            peer.said()
        peer.hears()
        running.clock.advance(SMALL_FRAME_AFTER)
        peer.hears()
        before = [len(each.body) for each in peer.asked]
        self.assertEqual(sum(before), 65535)
        peer.h2.increment_flow_control_window(32_768)
        peer.said()
        peer.hears()
        self.assertEqual([len(each.body) - was for each, was in zip(peer.asked, before, strict=True)], [16384, 16384])

    def test_transport(self) -> None:
        """A peer that does not read from its socket stops the client too, whatever its windows say."""
        running, peer = begun(post(MUCH))
        for number in (0, 1):
            peer.h2.increment_flow_control_window(MUCH, stream_id=number or None)
        peer.said()
        peer.end.stops_reading()
        running[0].sends(b"x" * MUCH)
        self.assertGreater(running[0].unread, MUCH // 2)
        peer.end.reads()
        self.assertEqual((len(peer.last.body), peer.last.ended), (MUCH, True))

    def test_answered_meanwhile(self) -> None:
        """A complete answer ends an upload that waits for the window; the client is not left waiting either."""
        running, peer = begun(post(MUCH), takes=False)
        client = running[0]
        client.sends(b"x" * MUCH)
        peer.answers(1, b"no", HEAD)
        self.assertTrue(client.takes().endswith(b"no"))
        self.assertEqual(client.unread, 0)
        self.assertEqual(peer.hears().asked[0].reset, 8)

    def test_paused_and_stalled(self) -> None:
        """No time runs for a peer that has taken the whole request late while the client is slow to read."""
        running, peer = begun(post(100_000), takes=False, send=10, read=10)
        client = running[0]
        client.sends(b"x" * 100_000)
        client.stops_reading()
        peer.begins(1, OPEN)
        while room := min(peer.h2.local_flow_control_window(1), 16384):
            peer.sends(1, bytes(room))
        running.clock.advance(5)
        for number in (0, 1):
            peer.h2.increment_flow_control_window(MUCH, stream_id=number or None)
        peer.said()
        self.assertTrue(peer.last.ended)
        for _ in range(3):
            running.clock.advance(9)
            client.reads(1000)
            peer.hears()
        self.assertEqual(running.exchanges, [])

    def test_slow_transport(self) -> None:
        """One that reads slowly has its time anew whenever it has read something."""
        running, peer = begun(post(MUCH), send=10)
        for number in (0, 1):
            peer.h2.increment_flow_control_window(MUCH, stream_id=number or None)
        peer.said()
        peer.end.stops_reading()
        running[0].sends(b"x" * MUCH)
        for _ in range(4):
            running.clock.advance(9)
            peer.end.reads(1000)
        self.assertEqual(running.exchanges, [])
        running.clock.advance(21)
        self.assertEqual(running[0].takes()[9:12], b"504")
        self.assertEqual(running.exchanges[-1].cause, "send_timeout")

    def test_does_not_read_the_end(self) -> None:
        """A connection that is closed is broken off if the peer does not take what is queued for it."""
        running, peer = begun()
        peer.answers(1, b"ok", HEAD)
        peer.end.stops_reading()
        running.clock.advance(61)
        self.assertFalse(peer.end.is_gone)
        running.clock.advance(60)
        self.assertTrue(peer.end.was_reset)

    def test_send_timeout(self) -> None:
        """A peer that takes nothing has its time, anew whenever it takes something."""
        running, peer = begun(post(MUCH), takes=False, send=10)
        running[0].sends(b"x" * MUCH)
        for _ in range(3):
            running.clock.advance(9)
            peer.hears()
            peer.h2.increment_flow_control_window(1000)
            peer.h2.increment_flow_control_window(1000, stream_id=1)
            peer.said()
        running.clock.advance(11)
        self.assertEqual(running[0].takes()[9:12], b"504")
        self.assertEqual(running.exchanges[-1].cause, "send_timeout")
        self.assertEqual(peer.hears().asked[0].reset, 8)


class SlowClientTests(SynchronousTestCase):
    """A client that takes less than the peer sends."""

    def test_window(self) -> None:
        """The peer may send what a stream's window holds; more when the client has caught up."""
        running, peer = begun()
        client = running[0]
        client.stops_reading()
        peer.begins(1, OPEN)
        sent = 0
        while room := min(peer.h2.local_flow_control_window(1), 16384):
            peer.sends(1, bytes(room))
            sent += room
            self.assertLessEqual(sent, 2 * WINDOW)
        self.assertGreaterEqual(sent, WINDOW)
        client.reads()
        peer.hears()
        self.assertGreaterEqual(peer.h2.local_flow_control_window(1), WINDOW // 2)

    def test_connection_window(self) -> None:
        """The window of the connection is opened again, whoever takes the bytes."""
        running, peer = begun()
        peer.begins(1, OPEN)
        for _ in range(ROOM // 16384 + 10):
            peer.sends(1, bytes(16384))
        self.assertGreater(len(running[0].takes()), ROOM)

    def test_others(self) -> None:
        """Other streams of the connection go on meanwhile."""
        running, peer = begun()
        running[0].stops_reading()
        peer.begins(1, OPEN)
        while room := min(peer.h2.local_flow_control_window(1), 16384):
            peer.sends(1, bytes(room))
        other = running.client()
        other.sends(GET)
        peer.begins(3, OPEN)
        for _ in range(100):
            peer.sends(3, bytes(16384))
        self.assertGreater(len(other.takes()), 100 * 16384)

    def test_time(self) -> None:
        """The peer's time does not run while the client is slow."""
        running, peer = begun(read=5)
        client = running[0]
        client.stops_reading()
        peer.begins(1, OPEN)
        for _ in range(10):
            peer.sends(1, bytes(16384))
        for _ in range(4):
            running.clock.advance(10)
            client.reads(1000)
            client.stops_reading()
            peer.hears()
        self.assertIsNone(peer.asked[0].reset)
        client.reads()
        running.clock.advance(6)
        self.assertEqual(running.exchanges[-1].cause, "read_timeout")


class SilenceTests(SynchronousTestCase):
    """Peers that say nothing."""

    def test_read_timeout(self) -> None:
        """Each stream has its time; one that is over does not disturb the others."""
        running, peer = begun(read=10)
        running.clock.advance(6)
        other = running.client()
        other.sends(GET)
        running.clock.advance(5)
        self.assertEqual(running[0].takes()[9:12], b"504")
        self.assertEqual(running.exchanges[-1].cause, "read_timeout")
        self.assertEqual([each.reset for each in peer.hears().asked], [8, None])
        peer.answers(3, b"ok", HEAD)
        self.assertTrue(other.takes().endswith(b"ok"))

    def test_between_reads(self) -> None:
        """The time is between two reads of the stream."""
        running, peer = begun(read=10)
        peer.begins(1, OPEN)
        for _ in range(3):
            running.clock.advance(9)
            peer.sends(1, b"x")
        running.clock.advance(11)
        self.assertEqual(running.exchanges[-1].cause, "read_timeout")
        self.assertTrue(running[0].is_closed)

    def test_ping(self) -> None:
        """A connection on which nothing is heard is asked, once, whether the peer is there; an answer is enough."""
        running, peer = begun(read=3600)
        running.clock.advance(QUIET - 1)
        self.assertEqual(pings(peer), 0)
        running.clock.advance(2)
        self.assertEqual(pings(peer), 1)
        for _ in range(5):
            running.clock.advance(QUIET)
            peer.hears()
        self.assertEqual(pings(peer), 1)
        peer.answers(1, b"ok", HEAD)
        self.assertTrue(running[0].takes().endswith(b"ok"))

    def test_one_ping_a_silence(self) -> None:
        """Other deadlines that pass in the same silence lead to no further PING, nor do requests that begin in it."""
        running, peer = begun(read=3600)
        running.clock.advance(QUIET + 1)
        self.assertEqual(pings(peer), 1)
        for _ in range(3):
            running.clock.advance(QUIET * 0.75)
            running.client().sends(GET)
            running.clock.advance(QUIET + 1)
            self.assertEqual(pings(peer), 1)

    def test_asked_again(self) -> None:
        """But a request that got no answer, or was not taken, in its time is a reason to ask anew for the others."""
        for data, read, send in ((GET, 50, 3600), (post(MUCH), 3600, 50)):
            running, peer = begun(data, takes=False, read=read, send=send)
            if data != GET:
                running[0].sends(b"x" * MUCH)
            running.clock.advance(QUIET + 1)
            self.assertEqual(pings(peer), 1)
            running.clock.advance(10)
            running.client().sends(GET)
            self.assertEqual((pings(peer), len(running.peers["a:1"].connections)), (1, 1))
            running.clock.advance(20)
            self.assertEqual(running[0].takes()[9:12], b"504")
            self.assertEqual(pings(peer), 2)

    def test_after_a_rest(self) -> None:
        """A connection that was idle is not asked at once, but when an answer is awaited for as long."""
        for data in (GET, post(10)):
            running, peer = begun(read=3600)
            peer.answers(1, b"ok", HEAD)
            running.clock.advance(50)
            running[0].sends(data)
            running.clock.advance(QUIET - 1)
            self.assertEqual(pings(peer), 0)
            running.clock.advance(2)
            self.assertEqual(pings(peer), 1)

    def test_dead(self) -> None:
        """Without an answer all its streams have failed, and the next request has a new connection."""
        running, peer = begun(read=3600)
        other = running.client()
        other.sends(post(10))
        running.clock.advance(QUIET + 1)
        running.clock.advance(PING_WITHIN - 2)
        self.assertFalse(peer.end.is_gone)
        running.clock.advance(2)
        self.assertTrue(peer.end.was_reset)
        for client in (running[0], other):
            self.assertEqual(client.takes()[9:12], b"504")
        self.assertEqual(running.exchanges[-1].cause, "read_timeout")
        running[0].sends(GET)
        self.assertEqual(len(running.peers["a:1"].connections), 2)

    def test_no_new_streams(self) -> None:
        """While the answer is awaited nobody else is sent there."""
        running, _ = begun(read=3600)
        running.clock.advance(QUIET + 1)
        running.client().sends(GET)
        self.assertEqual(len(running.peers["a:1"].connections), 2)


def pings(peer: H2Peer) -> int:
    """The PINGs that a peer got, and has answered."""
    return sum(type(each).__name__ == "PingReceived" for each in peer.hears().events)
