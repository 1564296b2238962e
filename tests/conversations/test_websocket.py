"""Conversations: WebSockets that end at the proxy and begin anew at the peer."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import WebSocketMessage, close_websocket, http, server, upstream
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.handlers.websocket.messages import Verdict
from pydsl_proxy.testing import Client, Peer, Running, run
from pydsl_proxy.wire.websocket import accept_of
from tests.support.messages import answer, get
from tests.support.websockets import (
    ASK,
    ASKED,
    BINARY,
    CLOSE,
    KEY,
    PING,
    PONG,
    TEXT,
    closing,
    frame,
    frames_in,
)

SITE = server(80).location("/").websocket_to(upstream("app", "a:1", "b:1"))


def grant(asked: bytes, *fields: str) -> bytes:
    """What grants the WebSocket that *asked* asks for."""
    key = re.search(rb"Sec-WebSocket-Key: (.+)\r\n", asked)
    assert key is not None
    lines = ("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket", *fields)
    accept = "Sec-WebSocket-Accept: " + accept_of(key[1]).decode()
    return "\r\n".join([*lines, accept, "", ""]).encode()


class Opened:
    """A WebSocket that is open on both sides."""

    def __init__(self, config: Server | Http = SITE, *fields: str, granted: str = "") -> None:
        self.running: Running = run(config)
        self.client: Client = self.running[0]
        self.client.sends(get("/ws", *ASKED, *fields))
        self.peer: Peer = self.running.peers["a:1"]
        self.peer.sends(grant(self.peer.takes(), *filter(None, [granted])))
        self.head = self.client.takes()

    def to_client(self) -> list[tuple[int, bytes, bool]]:
        """The frames that the client has got."""
        return frames_in(self.client.takes())

    def to_peer(self) -> list[tuple[int, bytes, bool]]:
        """The frames that the peer has got."""
        return frames_in(self.peer.takes())


def lengths(frames: list[tuple[int, bytes, bool]]) -> list[int]:
    """Of the messages in *frames*, which may be fragments."""
    found, length = [], 0
    for _, payload, fin in frames:
        length += len(payload)
        if fin:
            found.append(length)
            length = 0
    return found


class HandshakeTests(SynchronousTestCase):
    """Both handshakes are the proxy's own; what the application says in them passes."""

    def test_both(self) -> None:
        """The peer gets a key of its own and the client's fields; the client an answer to its own key."""
        client, peers = run(SITE)
        client.sends(get("/ws?q", "Cookie: a=1", "Origin: http://x", *ASKED))
        asked = peers["a:1"].takes()
        self.assertIn(b"GET /ws?q HTTP/1.1\r\nhost: x\r\nCookie: a=1\r\nOrigin: http://x", asked)
        self.assertIn(b"\r\nX-Forwarded-For: 127.0.0.1", asked)
        self.assertEqual(asked.count(b"Sec-WebSocket-Key"), 1)
        self.assertNotIn(KEY.encode(), asked)
        peers["a:1"].sends(grant(asked, "Set-Cookie: b=2"))
        head = client.takes()
        self.assertIn(b"HTTP/1.1 101 Switching Protocols\r\nSet-Cookie: b=2", head)
        self.assertIn(b"\r\nSec-WebSocket-Accept: " + accept_of(KEY.encode()), head)
        self.assertEqual(head.count(b"Sec-WebSocket-Accept"), 1)

    def test_subprotocol(self) -> None:
        """What the client offers is offered to the peer, and what that chooses is the client's."""
        opened = Opened(SITE, "Sec-WebSocket-Protocol: v1, v2", granted="Sec-WebSocket-Protocol: v2")
        self.assertIn(b"\r\nSec-WebSocket-Protocol: v2\r\n", opened.head)
        opened = Opened(SITE, "Sec-WebSocket-Protocol: v1, v2")
        self.assertNotIn(b"Sec-WebSocket-Protocol", opened.head)

    def test_not_offered(self) -> None:
        """A peer that chooses what was not offered is refused: 502, and its connection ends."""
        for granted in ("Sec-WebSocket-Protocol: v3", "Sec-WebSocket-Extensions: permessage-deflate"):
            opened = Opened(SITE, "Sec-WebSocket-Protocol: v1", granted=granted)
            self.assertEqual(opened.head[:12], b"HTTP/1.1 502")
            self.assertTrue(opened.peer.is_closed)
            self.assertEqual([each.cause for each in opened.running.exchanges], ["bad_head"])

    def test_no_text(self) -> None:
        """A subprotocol that is not ASCII was not offered (RFC 6455 4.1), though a peer has chosen it."""
        running = run(SITE)
        client, peers = running
        client.sends(get("/ws", *ASKED).replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: a\x85b\r\n\r\n"))
        granted = grant(peers["a:1"].takes())
        peers["a:1"].sends(granted.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Protocol: a\x85b\r\n\r\n"))
        self.assertEqual(client.takes()[:12], b"HTTP/1.1 502")
        self.assertTrue(peers["a:1"].is_closed)
        self.assertEqual([(each.status, each.cause) for each in running.exchanges], [(502, "bad_head")])

    def test_refused_by_the_peer(self) -> None:
        """The answer of a peer that refuses reaches the client as it is, and its connection goes on."""
        running = run(SITE)
        client, peers = running
        client.sends(ASK)
        peers["a:1"].takes()
        refusal = answer(b"who are you", "401 Unauthorized", "www-authenticate: Basic")
        peers["a:1"].sends(refusal)
        client.expects(refusal)
        self.assertFalse(client.is_closed)
        [ended] = running.exchanges
        self.assertEqual((ended.status, ended.sent), (401, 11))

    def test_long_refusal(self) -> None:
        """However it is framed, and under back-pressure."""
        client, peers = run(SITE)
        client.sends(ASK)
        peers["a:1"].takes()
        peers["a:1"].sends(b"HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
        self.assertIn(b"5\r\nhello\r\n", client.takes())
        peers["a:1"].sends(b"0\r\n\r\n")
        client.expects(b"0\r\n\r\n")

    def test_next_peer(self) -> None:
        """Before it is granted, a WebSocket may be had from the next peer; the log has both attempts."""
        running = run(SITE)
        client, peers = running
        peers["a:1"].refuses()
        client.sends(ASK)
        peers["b:1"].sends(grant(peers["b:1"].takes()))
        self.assertEqual(client.takes()[:12], b"HTTP/1.1 101")
        peers["b:1"].closes()
        client.sends(closing(1000, masked=True))
        client.closes()
        self.assertEqual(running.exchanges[0].peers, (("a:1", 502), ("b:1", 101)))

    def test_no_peer(self) -> None:
        """Without any peer the answer is 502, by an error page of the location if there is one."""
        running = run(server(80).location("/").websocket_to("a:1"))
        client, peers = running
        peers["a:1"].refuses()
        client.sends(ASK)
        self.assertEqual(client.takes()[:12], b"HTTP/1.1 502")
        self.assertEqual(running.exchanges[0].cause, "connect_refused")

    def test_client_leaves_before(self) -> None:
        """A client that leaves before the peer has answered takes its request with it."""
        client, peers = run(SITE)
        client.sends(ASK)
        peers["a:1"].takes()
        client.resets()
        self.assertTrue(peers["a:1"].is_closed)

    def test_origins(self) -> None:
        """A page of another origin is refused before a peer hears of it; who is no browser may."""
        same = server(80).location("/").websocket_to("a:1", origins="same")
        listed = server(80).location("/").websocket_to("a:1", origins=["https://a.com", "http://*.b.com:8080"])
        for site, origin, allowed in (
            (same, "http://x", True),
            (same, "https://x", False),
            (same, "http://x.evil.com", False),
            (same, "null", False),
            (listed, "https://a.com", True),
            (listed, "https://A.com:443", True),
            (listed, "http://a.com", False),
            (listed, "http://c.b.com:8080", True),
            (listed, "http://b.com:8080", False),
            (listed, "http://evilb.com:8080", False),
            (listed, "http://x.b.com", False),
        ):
            client, peers = run(site)
            client.sends(get("/ws", *ASKED, f"Origin: {origin}"))
            self.assertEqual(len(peers) == 1, allowed, (site, origin))
            if not allowed:
                self.assertEqual(client.takes()[:12], b"HTTP/1.1 403")
        client, peers = run(listed)
        client.sends(ASK)
        self.assertEqual(len(peers), 1)


class MessageTests(SynchronousTestCase):
    """Messages pass from one side to the other."""

    def test_both_ways(self) -> None:
        """Text and binary; what goes to the peer is masked (RFC 6455 5.3), what goes to the client is not."""
        opened = Opened()
        opened.client.sends(frame(TEXT, b"hello", masked=True) + frame(BINARY, b"\x00\xff", masked=True))
        received = opened.peer.received
        self.assertTrue(received[1] & 128)
        self.assertEqual(opened.to_peer(), [(TEXT, b"hello", True), (BINARY, b"\x00\xff", True)])
        opened.peer.sends(frame(TEXT, "grüß".encode()) + frame(BINARY))
        self.assertEqual(opened.to_client(), [(TEXT, "grüß".encode(), True), (BINARY, b"", True)])

    def test_any_split(self) -> None:
        """However the bytes come; a frame is not cut for that."""
        opened = Opened()
        for octet in frame(TEXT, b"x" * 300, masked=True):
            opened.client.sends(bytes([octet]))
        self.assertEqual(opened.to_peer(), [(TEXT, b"x" * 300, True)])

    def test_at_once(self) -> None:
        """What the peer sends right behind its 101, and the client behind its request, waits for nothing."""
        running = run(SITE)
        client, peers = running
        client.sends(ASK + frame(TEXT, b"early", masked=True))
        asked = peers["a:1"].takes()
        peers["a:1"].sends(grant(asked) + frame(TEXT, b"first"))
        _, _, rest = client.takes().partition(b"\r\n\r\n")
        self.assertEqual(frames_in(rest), [(TEXT, b"first", True)])
        self.assertEqual(frames_in(peers["a:1"].takes()), [(TEXT, b"early", True)])

    def test_fragments(self) -> None:
        """A fragment goes on as soon as it is there; a ping between two is answered at once."""
        opened = Opened()
        opened.client.sends(frame(TEXT, b"one", masked=True, fin=False))
        self.assertEqual(opened.to_peer(), [(TEXT, b"one", False)])
        opened.client.sends(frame(PING, b"?", masked=True))
        self.assertEqual(opened.to_client(), [(PONG, b"?", True)])
        opened.client.sends(frame(0, b"two", masked=True, fin=False))
        self.assertEqual(opened.to_peer(), [(0, b"two", False)])
        opened.client.sends(frame(0, b"three", masked=True))
        self.assertEqual(b"".join(payload for _, payload, _ in opened.to_peer()), b"three")

    def test_bounded(self) -> None:
        """A message of 64 MB passes through, and never more of it is here than a few reads."""
        opened = Opened()
        size = 64_000_000
        opened.peer.sends(frame(BINARY, bytes(size))[:10])
        sent = most = 0
        while sent < size:
            opened.peer.sends(bytes(min(1_000_000, size - sent)))
            sent += 1_000_000
            most = max(most, opened.client.unsent)
            opened.client.takes()
        self.assertLess(most, 1_000_000)
        opened.peer.sends(frame(TEXT, b"next"))
        self.assertEqual(opened.client.takes()[-6:], frame(TEXT, b"next"))

    def test_deflated(self) -> None:
        """Each leg agrees on permessage-deflate by itself (RFC 7692)."""
        offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
        opened = Opened(SITE, offer)
        self.assertIn(b"\r\nSec-WebSocket-Extensions: permessage-deflate", opened.head)
        # RFC 7692 7.2.3.1.
        opened.client.sends(frame(TEXT, bytes.fromhex("f248cdc9c90700"), masked=True, rsv=4))
        self.assertEqual(opened.to_peer(), [(TEXT, b"Hello", True)])
        opened.peer.sends(frame(TEXT, b"Hello" * 100))
        received = opened.client.takes()
        self.assertEqual(received[0] & 0x40, 0x40)
        self.assertLess(len(received), 50)
        opened = Opened(server(80).location("/").websocket_to("a:1", deflate=False), offer)
        self.assertNotIn(b"Sec-WebSocket-Extensions", opened.head)

    def test_deflated_to_the_peer(self) -> None:
        """It is offered to the peer if told."""
        site = server(80).location("/").websocket_to("a:1", deflate_to_peer=True)
        opened = Opened(site, granted="Sec-WebSocket-Extensions: permessage-deflate")
        self.assertEqual(opened.head[:12], b"HTTP/1.1 101")
        opened.client.sends(frame(TEXT, b"Hello" * 100, masked=True))
        self.assertEqual(opened.peer.takes()[0] & 0x40, 0x40)
        opened.peer.sends(frame(TEXT, bytes.fromhex("f248cdc9c90700"), rsv=4))
        self.assertEqual(opened.to_client(), [(TEXT, b"Hello", True)])


class PressureTests(SynchronousTestCase):
    """A side that does not read makes the other one wait: nothing piles up."""

    def test_slow_client(self) -> None:
        """A peer at full speed waits for a client that does not read, and loses nothing."""
        opened = Opened()
        opened.client.stops_reading()
        message = frame(BINARY, bytes(10_000))
        for _ in range(1000):
            opened.peer.sends(message)
        self.assertLess(opened.client.unsent, 800_000)
        self.assertGreater(opened.peer.unread, 9_000_000)
        opened.client.reads()
        self.assertEqual(lengths(opened.to_client()), [10_000] * 1000)

    def test_slow_peer(self) -> None:
        """And a client for a peer."""
        opened = Opened()
        opened.peer.stops_reading()
        message = frame(BINARY, bytes(10_000), masked=True)
        for _ in range(1000):
            opened.client.sends(message)
        self.assertLess(opened.peer.unsent, 800_000)
        self.assertGreater(opened.client.unread, 9_000_000)
        opened.peer.reads()
        self.assertEqual(lengths(opened.to_peer()), [10_000] * 1000)

    def test_bomb(self) -> None:
        """A small deflated message that is a large one is stopped with the client that does not take it."""
        opened = Opened(server(80).location("/").websocket_to("a:1"), "Sec-WebSocket-Extensions: permessage-deflate")
        import zlib

        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = deflater.compress(bytes(200_000_000)) + deflater.flush(zlib.Z_SYNC_FLUSH)
        opened.peer.stops_reading()
        opened.client.sends(frame(BINARY, bomb[:-4], masked=True, rsv=4))
        self.assertLess(opened.peer.unsent, 9_000_000)

    def test_pings_unread(self) -> None:
        """A client that pings and does not read is owed one pong, not all of them (RFC 6455 5.5.3)."""
        opened = Opened()
        opened.client.stops_reading()
        opened.peer.sends(frame(BINARY, bytes(500_000)))
        before = opened.client.unsent
        for number in range(1000):
            opened.client.sends(frame(PING, b"%d" % number, masked=True))
        self.assertEqual(opened.client.unsent, before)
        opened.client.reads()
        pongs = [payload for opcode, payload, _ in opened.to_client() if opcode == PONG]
        self.assertEqual(pongs, [b"999"])


class CloseTests(SynchronousTestCase):
    """Closes pass both ways, with their codes."""

    def test_by_the_client(self) -> None:
        """The peer gets the client's code and reason; the client gets its own back, and an end."""
        opened = Opened()
        opened.client.sends(closing(4001, b"done", masked=True))
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x0f\xa1done", True)])
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x0f\xa1done", True)])
        self.assertTrue(opened.client.is_closed)
        opened.peer.sends(closing(4001, b"done"))
        opened.peer.closes()
        opened.client.closes()
        [ended] = opened.running.exchanges
        self.assertEqual((ended.status, ended.cause), (101, ""))

    def test_by_the_peer(self) -> None:
        """And the other way round."""
        opened = Opened()
        opened.peer.sends(closing(1001, b"bye"))
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xe9bye", True)])
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xe9bye", True)])
        opened.peer.closes()
        opened.client.sends(closing(1001, b"bye", masked=True))
        self.assertTrue(opened.client.is_closed)

    def test_without_a_code(self) -> None:
        """A close may say nothing."""
        opened = Opened()
        opened.client.sends(frame(CLOSE, masked=True))
        self.assertEqual(opened.to_peer(), [(CLOSE, b"", True)])

    def test_last_words(self) -> None:
        """What was sent before the close arrives before it."""
        opened = Opened()
        opened.peer.sends(frame(TEXT, b"last") + closing(1000))
        self.assertEqual([each[0] for each in opened.to_client()], [TEXT, CLOSE])

    def test_client_vanishes(self) -> None:
        """The peer of a client that is gone is told so: 1001."""
        for goes in ("closes", "resets"):
            opened = Opened()
            getattr(opened.client, goes)()
            self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xe9", True)])
            self.assertTrue(opened.peer.is_closed)
            self.assertEqual(len(opened.running.exchanges), 1)
            self.assertEqual(opened.running.clock.getDelayedCalls(), [])

    def test_peer_vanishes(self) -> None:
        """The client of a peer that is gone is told so: 1011, and has a few seconds to close."""
        for goes in ("closes", "resets"):
            opened = Opened()
            getattr(opened.peer, goes)()
            self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf3")
            self.assertFalse(opened.client.is_closed)
            opened.running.clock.advance(6)
            self.assertTrue(opened.client.is_closed)
            opened.client.closes()
            self.assertEqual(len(opened.running.exchanges), 1)

    def test_never_answered(self) -> None:
        """A side that does not answer a close is not waited for."""
        opened = Opened()
        opened.client.sends(closing(1000, masked=True))
        opened.running.clock.advance(6)
        self.assertTrue(opened.peer.is_closed)
        opened = Opened()
        opened.peer.sends(closing(1000))
        opened.running.clock.advance(6)
        self.assertTrue(opened.client.is_closed)
        self.assertTrue(opened.peer.is_closed)

    def test_violations(self) -> None:
        """Who breaks the protocol is closed for it; the other side did nothing wrong."""
        for broken, code in (
            (frame(TEXT, b"x"), 1002),  # not masked
            (frame(3, b"x", masked=True), 1002),
            (frame(TEXT, b"\xff\xfe", masked=True), 1007),
            (frame(TEXT, b"x", masked=True, rsv=1), 1002),
            (frame(0, b"x", masked=True), 1002),
            (frame(PING, bytes(126), masked=True), 1002),
            (closing(1005, masked=True), 1002),
        ):
            opened = Opened()
            opened.client.sends(broken)
            self.assertEqual(opened.to_client()[0][1][:2], code.to_bytes(2, "big"), broken)
            self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xe9", True)], broken)
            opened.running.clock.advance(6)
            self.assertTrue(opened.client.is_closed)
        opened = Opened()
        opened.peer.sends(frame(TEXT, b"x", masked=True))
        self.assertEqual(opened.to_peer()[0][1][:2], b"\x03\xea")
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xf3", True)])


class LimitTests(SynchronousTestCase):
    """What a location allows."""

    def test_max_message(self) -> None:
        """A message that is larger is closed for, with 1009, when that is known: from its length, or piece by piece."""
        site = server(80).location("/").websocket_to("a:1", max_message=1000)
        opened = Opened(site)
        opened.client.sends(frame(TEXT, b"x" * 1000, masked=True))
        self.assertEqual(len(opened.to_peer()), 1)
        opened.client.sends(frame(TEXT, b"x" * 600, masked=True, fin=False) + frame(0, b"x" * 600, masked=True))
        self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf1")
        opened = Opened(site)
        opened.client.sends(frame(TEXT, b"x" * 1001, masked=True)[:10])
        self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf1")

    def test_rate(self) -> None:
        """A client that sends more messages than it may is closed with 1008; the peer may send what it likes."""
        opened = Opened(server(80).location("/").websocket_to("a:1", message_rate="10/s", burst=5))
        message = frame(TEXT, b"x", masked=True)
        for _ in range(5):
            opened.client.sends(message)
        opened.running.clock.advance(0.2)
        opened.client.sends(message * 2)
        self.assertEqual(len(opened.to_peer()), 7)
        opened.peer.sends(frame(TEXT, b"y") * 100)
        self.assertEqual(len(opened.to_client()), 100)
        opened.client.sends(message)
        self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf0")
        opened.client.closes()
        self.assertEqual(opened.running.exchanges[0].cause, "message_rate")

    def test_ping(self) -> None:
        """Both sides are pinged; one that says nothing until the next ping is dropped."""
        opened = Opened()
        clock = opened.running.clock
        for _ in range(3):
            clock.advance(20)
            self.assertEqual(opened.to_client(), [(PING, b"", True)])
            self.assertEqual(opened.to_peer(), [(PING, b"", True)])
            opened.client.sends(frame(PONG, masked=True))
            opened.peer.sends(frame(PONG))
        clock.advance(20)
        opened.client.sends(frame(PONG, masked=True))
        clock.advance(20)
        self.assertTrue(opened.peer.is_closed)
        self.assertTrue(opened.client.is_closed)
        opened.client.closes()
        self.assertEqual(opened.running.exchanges[0].cause, "ping_timeout")

    def test_no_ping(self) -> None:
        """Pings are off with None; then silence alone counts."""
        opened = Opened(server(80).location("/").timeouts(idle=100).websocket_to("a:1", ping=None))
        opened.running.clock.advance(99)
        self.assertEqual(opened.to_client(), [])
        opened.running.clock.advance(2)
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xe9", True)])
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xe9", True)])

    def test_idle(self) -> None:
        """Pings are no messages: without those it is closed after a while."""
        opened = Opened(server(80).location("/").timeouts(idle=50).websocket_to("a:1"))
        for _ in range(2):
            opened.running.clock.advance(20)
            opened.client.sends(frame(PONG, masked=True))
            opened.peer.sends(frame(PONG))
        opened.client.takes()
        opened.running.clock.advance(10)
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xe9", True)])
        opened.client.sends(closing(1001, masked=True))
        self.assertEqual(opened.running.exchanges[0].cause, "tunnel_idle")

    def test_stop(self) -> None:
        """When the proxy is stopped, each is closed at some moment within seconds, with 1012."""
        opened = Opened(http(SITE, shutdown_grace=30))
        opened.running.stop()
        self.assertEqual(opened.to_client(), [])
        opened.running.clock.advance(5)
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x03\xf4", True)])
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x03\xf4", True)])
        opened.client.sends(closing(1012, masked=True))
        opened.client.closes()
        opened.peer.sends(closing(1012))
        opened.peer.closes()
        self.assertTrue(opened.running.is_stopped)


class HookTests(SynchronousTestCase):
    """``on_message=``: a function that is asked for each message."""

    def opened(self, hook: object) -> Opened:
        """A WebSocket whose messages *hook* sees."""
        return Opened(server(80).location("/").websocket_to("a:1", on_message=hook))  # type: ignore[arg-type]

    def test_verdicts(self) -> None:
        """A message is passed, changed, dropped, or ends it all."""

        def hook(message: WebSocketMessage) -> Verdict:
            if message.data == "bad":
                return close_websocket(4000, "bad word")
            if message.data == "drop":
                return None
            if isinstance(message.data, str) and message.from_client:
                return message.data.upper()
            return message.data

        opened = self.opened(hook)
        opened.client.sends(frame(TEXT, b"a", masked=True) + frame(TEXT, b"drop", masked=True))
        opened.client.sends(frame(BINARY, b"a", masked=True, fin=False) + frame(0, b"b", masked=True))
        self.assertEqual(opened.to_peer(), [(TEXT, b"A", True), (BINARY, b"ab", True)])
        opened.peer.sends(frame(TEXT, b"a"))
        self.assertEqual(opened.to_client(), [(TEXT, b"a", True)])
        opened.client.sends(frame(TEXT, b"bad", masked=True))
        self.assertEqual(opened.to_client(), [(CLOSE, b"\x0f\xa0bad word", True)])
        self.assertEqual(opened.to_peer(), [(CLOSE, b"\x0f\xa0bad word", True)])

    def test_grown(self) -> None:
        """What it makes of a message may be longer than one that a side may send, with deflate too."""
        hook = lambda message: "x" * 500  # noqa: E731
        site = server(80).location("/").websocket_to("a:1", on_message=hook, max_message=100, deflate_to_peer=True)
        opened = Opened(site, "Sec-WebSocket-Extensions: permessage-deflate")
        opened.client.sends(frame(TEXT, b"a", masked=True))
        self.assertEqual(opened.to_peer(), [(TEXT, b"x" * 500, True)])
        opened.peer.sends(frame(TEXT, b"a"))
        self.assertEqual(opened.client.takes()[0], 0xC1)

    def test_request(self) -> None:
        """It knows the request with which the WebSocket began."""
        seen: list[str] = []

        def hook(message: WebSocketMessage) -> Verdict:
            seen.append(message.request.path)
            return message.data

        self.opened(hook).client.sends(frame(TEXT, b"a", masked=True))
        self.assertEqual(seen, ["/ws"])

    def test_bounded(self) -> None:
        """Messages are held as a whole for it, so they are bounded without being told: 1 MiB."""
        opened = self.opened(lambda message: message.data)
        opened.client.sends(frame(BINARY, bytes(1024 * 1024 + 1), masked=True)[:14])
        self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf1")

    def test_raises(self) -> None:
        """One that raises ends the WebSocket with 1011, and is logged."""

        def hook(message: WebSocketMessage) -> Verdict:
            raise ValueError("a mistake")

        opened = self.opened(hook)
        opened.client.sends(frame(TEXT, b"a", masked=True))
        self.assertEqual(opened.to_client()[0][1][:2], b"\x03\xf3")
        self.assertEqual(opened.to_peer()[0][1][:2], b"\x03\xf3")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
