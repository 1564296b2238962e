"""Conversations: WebSockets that go through as they are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import exact, http, server, upstream
from pydsl_proxy.testing import Running, run
from tests.support.messages import GET, OK, answer, get
from tests.support.websockets import ASK, ASKED, GRANT, GRANTED, KEY

APP = upstream("app", "a:1", "b:1")
SITE = server(80).location("/").websocket_to(APP, tunnel=True)


def switched(site: object = SITE) -> Running:
    """A client whose WebSocket was granted."""
    running = run(site)  # type: ignore[arg-type]  # servers of these tests
    client, peers = running
    client.sends(ASK)
    peers["a:1"].takes()
    peers["a:1"].sends(GRANT)
    client.takes()
    return running


class HandshakeTests(SynchronousTestCase):
    """RFC 6455 4: a WebSocket begins with a request of HTTP, and with a 101 that proves that it was read."""

    def test_granted(self) -> None:
        """The request and its answer go through with their fields; the hop's own are written anew."""
        client, peers = run(SITE)
        client.sends(get("/ws", "Sec-WebSocket-Protocol: chat", *ASKED, "Origin: http://x"))
        peers["a:1"].expects(
            get(
                "/ws",
                "Sec-WebSocket-Protocol: chat",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {KEY}",
                "Origin: http://x",
                "Connection: Upgrade",
                "Upgrade: websocket",
            )
        )
        peers["a:1"].sends("\r\n".join([*GRANTED[:2], "Sec-WebSocket-Protocol: chat", *GRANTED[2:], "", ""]).encode())
        client.expects("\r\n".join([*GRANTED[:2], "Sec-WebSocket-Protocol: chat", *GRANTED[2:], "", ""]).encode())

    def test_refused_by_the_peer(self) -> None:
        """The answer of a peer that refuses reaches the client as it is, and the connections go on."""
        client, peers = run(SITE)
        client.sends(ASK)
        peers["a:1"].takes()
        peers["a:1"].sends(answer(b"who are you", "401 Unauthorized", "www-authenticate: Basic"))
        client.expects(answer(b"who are you", "401 Unauthorized", "www-authenticate: Basic"))
        client.sends(ASK)
        self.assertTrue(peers["a:1"].takes() or peers["b:1"].takes())

    def test_next_peer(self) -> None:
        """Before it is granted, a WebSocket may be had from the next peer."""
        client, peers = run(SITE)
        peers["a:1"].refuses()
        client.sends(ASK)
        peers["b:1"].takes()
        peers["b:1"].sends(GRANT)
        client.expects(GRANT)

    def test_not_a_real_101(self) -> None:
        """A 101 that does not prove anything is none (CVE-2026-2833): 502, and nothing goes through."""
        for grant in (
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            GRANT.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
            GRANT.replace(b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Accept: A"),
            GRANT.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ):
            client, peers = run(server(80).location("/").websocket_to("a:1", tunnel=True))
            client.sends(ASK)
            peers["a:1"].sends(grant)
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 502")
            self.assertTrue(peers["a:1"].is_closed)

    def test_not_asked_for(self) -> None:
        """What asks for no WebSocket, or for another protocol, is told what is spoken here: 426."""
        for fields in ((), ("Connection: Upgrade", "Upgrade: h2c"), ("Upgrade: websocket",)):
            client, peers = run(SITE)
            client.sends(get("/ws", *fields))
            head, _, _ = client.takes().partition(b"\r\n\r\n")
            self.assertEqual(head[:12], b"HTTP/1.1 426")
            self.assertIn(b"\r\nUpgrade: websocket", head)
            self.assertEqual(len(peers), 0)

    def test_malformed(self) -> None:
        """A handshake that RFC 6455 forbids is refused before a peer hears of it."""
        for status, ask in (
            (400, ASK.replace(b"GET ", b"POST ")),
            (400, ASK.replace(b"host: x", b"host: x\r\nContent-Length: 3") + b"abc"),
            (400, ASK.replace(KEY.encode(), b"c2hvcnQ=")),
            (400, ASK.replace(b"\r\n\r\n", f"\r\nSec-WebSocket-Key: {KEY}\r\n\r\n".encode())),
            (426, ASK.replace(b"Version: 13", b"Version: 8")),
        ):
            client, peers = run(SITE)
            client.sends(ask)
            self.assertEqual(client.takes()[:12], b"HTTP/1.1 %d" % status)
            self.assertEqual(len(peers), 0)

    def test_path(self) -> None:
        """A path takes the place of what the location matched."""
        client, peers = run(server(80).location("/ws").websocket_to("a:1", path="/live", tunnel=True))
        client.sends(ASK)
        self.assertEqual(peers["a:1"].takes()[:10], b"GET /live ")


class ProxyToTests(SynchronousTestCase):
    """``proxy_to(…, websocket="tunnel")``: both at one location."""

    SITE = server(80).location("/").proxy_to("a:1", websocket="tunnel")

    def test_both(self) -> None:
        """Requests are requests, and those for a WebSocket may become one."""
        client, peers = run(self.SITE)
        client.sends(GET)
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.expects(OK)
        client.sends(ASK)
        self.assertIn(b"\r\nUpgrade: websocket", peers["a:1"].takes())
        peers["a:1"].sends(GRANT + b"first")
        client.expects(GRANT + b"first")

    def test_other_tokens(self) -> None:
        """Upgrade is heard for ``websocket`` alone: other protocols would pass all locations by (nginx issue 1472)."""
        client, peers = run(self.SITE)
        client.sends(get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"))
        peers["a:1"].expects(get("/"))

    def test_not_told(self) -> None:
        """Without it peers never hear of Upgrade."""
        client, peers = run(server(80).location("/").proxy_to("a:1"))
        client.sends(ASK)
        self.assertNotIn(b"Upgrade", peers["a:1"].takes())


class BytesTests(SynchronousTestCase):
    """After the 101 the bytes of both sides are passed on as they are."""

    def test_both_ways(self) -> None:
        """Whatever they are."""
        client, peers = switched()
        client.sends(b"\x00GET / HTTP/1.1\r\n\r\n")
        peers["a:1"].expects(b"\x00GET / HTTP/1.1\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\n\r\n\xff")
        client.expects(b"HTTP/1.1 200 OK\r\n\r\n\xff")

    def test_sent_ahead(self) -> None:
        """What a client sends before it is granted waits until then."""
        client, peers = run(SITE)
        client.sends(ASK + b"early")
        peers["a:1"].takes()
        peers["a:1"].sends(GRANT + b"first")
        client.expects(GRANT + b"first")
        peers["a:1"].expects(b"early")

    def test_peer_ends(self) -> None:
        """The end of the peer is the client's, after the last byte; the log has it as one exchange."""
        running = switched()
        client, peers = running
        peers["a:1"].sends(b"last")
        peers["a:1"].closes()
        client.expects(b"last")
        self.assertTrue(client.is_closed)
        client.closes()
        [ended] = running.exchanges
        self.assertEqual((ended.status, ended.sent, ended.cause), (101, 4, ""))

    def test_client_ends(self) -> None:
        """The end of the client is the peer's."""
        running = switched()
        client, peers = running
        client.sends(b"last")
        client.closes()
        peers["a:1"].expects(b"last")
        self.assertTrue(peers["a:1"].is_closed)
        self.assertTrue(client.is_gone)
        self.assertEqual([each.status for each in running.exchanges], [101])

    def test_resets(self) -> None:
        """A reset of either side ends both, and is no failure of the peer."""
        running = switched()
        running.peers["a:1"].resets()
        self.assertTrue(running[0].is_closed)
        self.assertEqual(running.exchanges[0].cause, "reset")
        running = switched()
        running[0].resets()
        self.assertTrue(running.peers["a:1"].is_closed)
        self.assertEqual(running.exchanges[0].cause, "client_closed")
        client = running.client()
        client.sends(ASK)
        client = running.client()
        client.sends(ASK)
        self.assertTrue(running.peers["a:1"].takes())
        self.assertTrue(running.peers["b:1"].takes())

    def test_slow_client(self) -> None:
        """A peer waits for a client that does not read: nothing piles up."""
        client, peers = switched()
        client.stops_reading()
        for _ in range(100):
            peers["a:1"].sends(bytes(65536))
        self.assertLess(client.unsent, 400_000)
        self.assertGreater(peers["a:1"].unread, 6_000_000)
        client.reads()
        self.assertEqual(len(client.takes()), 100 * 65536)

    def test_slow_peer(self) -> None:
        """A client waits for a peer that does not read."""
        client, peers = switched()
        peers["a:1"].stops_reading()
        for _ in range(100):
            client.sends(bytes(65536))
        self.assertLess(peers["a:1"].unsent, 400_000)
        self.assertGreater(client.unread, 6_000_000)
        peers["a:1"].reads()
        self.assertEqual(len(peers["a:1"].takes()), 100 * 65536)

    def test_client_that_never_reads(self) -> None:
        """A client that takes nothing of what waits for it is cut off after ``send_timeout``, as one of HTTP is."""
        running = switched()
        client, peers = running
        client.stops_reading()
        for _ in range(10):
            peers["a:1"].sends(bytes(65536))
        running.clock.advance(61)
        self.assertTrue(client.was_reset)
        self.assertTrue(peers["a:1"].is_closed)


class TimeTests(SynchronousTestCase):
    """What ends a WebSocket that does not end by itself."""

    def test_idle(self) -> None:
        """It may be silent for an hour, whatever the times of HTTP are; a byte of either side counts."""
        running = switched(server(80).location("/").timeouts(read=1, send=1).websocket_to(APP, tunnel=True))
        client, peers = running
        for _ in range(3):
            running.clock.advance(3000)
            client.sends(b"1")
            running.clock.advance(3000)
            peers["a:1"].sends(b"2")
        running.clock.advance(3601)
        self.assertTrue(client.is_closed)
        self.assertTrue(peers["a:1"].is_closed)
        client.closes()
        self.assertEqual(running.exchanges[0].cause, "tunnel_idle")

    def test_idle_told(self) -> None:
        """``timeouts(idle=…)`` says how long."""
        running = switched(server(80).location("/").timeouts(idle=10).websocket_to(APP, tunnel=True))
        running.clock.advance(11)
        self.assertTrue(running[0].is_closed)

    def test_reload(self) -> None:
        """A reload drops none, even if its location is gone."""
        running = switched()
        client, peers = running
        running.reload(server(80).location(exact("/other")).respond(200))
        client.sends(b"1")
        peers["a:1"].expects(b"1")

    def test_stop(self) -> None:
        """When the proxy is stopped it may end within ``shutdown_grace``, then it is cut."""
        running = switched(http(SITE, shutdown_grace=20))
        client, peers = running
        running.stop()
        client.sends(b"1")
        peers["a:1"].expects(b"1")
        running.clock.advance(21)
        self.assertTrue(client.is_gone)
        self.assertTrue(peers["a:1"].is_closed)
        self.assertTrue(running.is_stopped)


class FilterTests(SynchronousTestCase):
    """Filters know bodies of HTTP; a WebSocket goes past them, but their rules for its head hold."""

    def test_past_filters(self) -> None:
        """Neither compressed nor held back."""
        site = server(80).compress().buffer_response().limit_rate(1000).set_response_header("X-A", "1")
        running = run(site.location("/").websocket_to("a:1", tunnel=True))
        client, peers = running
        client.sends(ASK)
        peers["a:1"].takes()
        peers["a:1"].sends(GRANT)
        self.assertIn(b"\r\nX-A: 1", client.takes())
        peers["a:1"].sends(b"x" * 5000)
        client.expects(b"x" * 5000)
        peers["a:1"].closes()
        self.assertTrue(client.is_closed)
