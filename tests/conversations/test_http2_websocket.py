"""Conversations: WebSockets on streams of HTTP/2 (RFC 8441)."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, Server, http, server, upstream
from pydsl_proxy.frontends.http2.closing import NOTICED_WITHIN
from pydsl_proxy.testing import Peers, Running, run
from pydsl_proxy.testing.peers import PeerConnection
from pydsl_proxy.wire.http2.frames import DATA, PING
from pydsl_proxy.wire.http2.frames import frame as frame_of
from pydsl_proxy.wire.websocket import accept_of
from tests.support.h2 import AGREED, GET, TLS, H2Client, RawClient, serve
from tests.support.messages import OK
from tests.support.websockets import CLOSE, TEXT, closing, frame, frames_in

APP = upstream("app", "a:1")
SITE = (
    server(443, tls=TLS)
    .location("/ws").websocket_to(APP, tunnel=True)
    .location("/bridge").websocket_to(APP)
    .location("/limited").limit_body(1).websocket_to(APP, tunnel=True)
    .location("/both").proxy_to(APP, websocket="tunnel")
    .location("/").proxy_to(APP)
)  # fmt: skip
VERSION = ("sec-websocket-version", "13")
CONNECT = (
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    *GET[1:3],
    (b":path", b"/bridge"),
    (b"sec-websocket-version", b"13"),
    (b"origin", b"https://x.test"),
)


def raises(request: Request) -> str:
    """A user's function with a mistake."""
    raise ValueError(request.path)


def asked(
    target: str = "/ws", protocol: str = "websocket", config: Server = SITE
) -> tuple[H2Client, Peers, Running, int]:
    """A client that has asked for a WebSocket, and its stream."""
    client, peers, running = serve(http(config))
    assert client.h2.remote_settings.enable_connect_protocol
    stream = client.h2.get_next_available_stream_id()
    pseudo = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", "https")]
    pseudo += [(":path", target), (":authority", "x.test")]
    client.h2.send_headers(stream, [*pseudo, VERSION, ("origin", "https://x.test")])
    client.flush()
    return client, peers, running, stream


def grant(peers: Peers, data: bytes = b"", more: str = "") -> bytes:
    """Let the peer grant what it was asked for; the head that it was sent."""
    head = peers["a:1"].takes()
    key = re.search(rb"(?i)\r\nsec-websocket-key: (\S+)\r\n", head)
    assert key is not None, head
    accept = accept_of(key[1])
    peers["a:1"].sends(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: chat\r\n%b\r\n%b" % (accept, more.encode(), data)
    )
    return head


def bridged() -> tuple[H2Client, Peers, Running, int]:
    """A WebSocket that is open on both sides of a bridge."""
    client, peers, running, stream = asked("/bridge")
    head = peers["a:1"].takes()
    key = re.search(rb"Sec-WebSocket-Key: (.+)\r\n", head)
    assert key is not None
    peers["a:1"].sends(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_of(key[1])
    )
    client.flush()
    assert client.answers[stream].status == 200
    assert not [name for name in client.answers[stream].headers if name.startswith("sec-")]
    return client, peers, running, stream


def taken(client: H2Client, stream: int) -> list[tuple[int, bytes, bool]]:
    """The frames that the client has got."""
    client.flush()
    answer = client.answers[stream]
    data, answer.body = answer.body, b""
    return frames_in(data)


class TunnelTests(SynchronousTestCase):
    """A stream as a WebSocket."""

    def test_granted(self) -> None:
        """A peer of HTTP/1.1 is asked to upgrade, its 101 is a 200, and from then on bytes go both ways."""
        client, peers, running, stream = asked()
        head = grant(peers, b"hello")
        assert head.startswith(b"GET /ws HTTP/1.1\r\nhost: x.test\r\n")
        for field in (b"\r\nsec-websocket-version: 13\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"):
            assert field in head, head
        client.flush()
        answer = client.answers[stream]
        assert (answer.status, answer.headers) == (200, {"sec-websocket-protocol": "chat"})
        assert answer.body == b"hello"
        client.send(stream, b"ping")
        assert peers["a:1"].takes() == b"ping"
        peers["a:1"].sends(b"pong")
        client.flush()
        assert answer.body == b"hellopong"
        assert not running.exchanges

    def test_client_ends(self) -> None:
        """The end of the client's half is the end for the peer, after some time for its last words."""
        client, peers, running, stream = asked()
        grant(peers)
        client.flush()
        client.send(stream, b"bye", end=True)
        assert peers["a:1"].takes() == b"bye"
        peers["a:1"].sends(b"bye too")
        client.flush()
        assert client.answers[stream].body == b"bye too"
        assert not peers["a:1"].is_closed
        running.clock.advance(5)
        assert peers["a:1"].is_closed
        peers["a:1"].closes()
        client.flush()
        assert client.answers[stream].ended
        assert [each.status for each in running.exchanges] == [101]

    def test_peer_ends(self) -> None:
        """And the other way round; the other streams go on."""
        client, peers, _, stream = asked()
        grant(peers)
        peers["a:1"].sends(b"bye")
        peers["a:1"].closes()
        client.flush()
        answer = client.answers[stream]
        assert (answer.body, answer.ended) == (b"bye", True)
        other = client.begin()
        peers["a:1"].sends(OK)
        client.flush()
        assert client.answers[other].status == 200

    def test_client_resets(self) -> None:
        """A reset stream is a lost connection."""
        client, peers, running, stream = asked()
        grant(peers)
        client.reset(stream)
        assert peers["a:1"].is_closed
        assert running.exchanges[0].cause == "client_closed"

    def test_sent_early(self) -> None:
        """What the client sends before it is granted waits for that."""
        client, peers, _, stream = asked()
        client.send(stream, b"early")
        grant(peers)
        assert peers["a:1"].takes() == b"early"

    def test_silent(self) -> None:
        """A tunnel may be silent for as long as its location allows, whatever clients() says of bodies."""
        client, peers, running, stream = asked()
        grant(peers)
        running.clock.advance(65)
        client.flush()
        assert client.answers[stream].reset is None
        client.send(stream, b"still here")
        assert peers["a:1"].takes() == b"still here"

    def test_slow_peer(self) -> None:
        """A peer that does not read stops the client, and only on this stream."""
        client, peers, _, stream = asked()
        grant(peers)
        client.flush()
        peers["a:1"].stops_reading()
        sent = 0
        while (room := client.h2.local_flow_control_window(stream)) > 0:
            client.send(stream, bytes(min(room, 16384)))
            sent += min(room, 16384)
            assert sent < 1 << 20
        peers["a:1"].reads()
        client.flush()
        assert client.h2.local_flow_control_window(stream) > 0
        assert len(peers["a:1"].takes()) == sent

    def test_limited(self) -> None:
        """A limit on bodies is none on what goes through a tunnel, as over HTTP/1.1."""
        client, peers, _, stream = asked("/limited")
        grant(peers)
        client.send(stream, b"more than one")
        assert peers["a:1"].takes() == b"more than one"

    def test_both(self) -> None:
        """A location may have WebSockets beside requests."""
        client, peers, _, stream = asked("/both")
        grant(peers)
        client.flush()
        assert client.answers[stream].status == 200
        other = client.begin("GET", "/both")
        peers["a:1"].sends(OK)
        client.flush()
        assert client.answers[other].body == b"ok"

    def test_stop(self) -> None:
        """A stop waits for the tunnel."""
        client, peers, running, stream = asked()
        grant(peers)
        running.stop()
        client.flush()
        assert client.goaway is not None and client.answers[stream].reset is None
        client.send(stream, b"bye", end=True)
        peers["a:1"].closes()
        client.flush()
        assert client.answers[stream].ended and client.client.is_closed


class BridgeTests(SynchronousTestCase):
    """WebSockets that end at the proxy and begin anew at the peer."""

    def test_messages(self) -> None:
        """Messages go both ways, and a close is answered before the stream ends."""
        client, peers, running, stream = bridged()
        client.send(stream, frame(TEXT, b"hello", masked=True))
        assert frames_in(peers["a:1"].takes()) == [(TEXT, b"hello", True)]
        peers["a:1"].sends(frame(TEXT, b"you"))
        assert taken(client, stream) == [(TEXT, b"you", True)]
        # As browsers do.
        client.send(stream, closing(1000, masked=True), end=True)
        assert frames_in(peers["a:1"].takes()) == [(CLOSE, b"\x03\xe8", True)]
        peers["a:1"].sends(closing(1000))
        peers["a:1"].closes()
        assert taken(client, stream) == [(CLOSE, b"\x03\xe8", True)]
        assert client.answers[stream].ended
        assert [each.status for each in running.exchanges] == [101]

    def test_stop(self) -> None:
        """A stop closes it within seconds, as those over HTTP/1.1, and the connection ends."""
        client, peers, running, stream = bridged()
        running.stop()
        client.flush()
        running.clock.advance(5)
        assert taken(client, stream) == [(CLOSE, b"\x03\xf4", True)]
        client.send(stream, closing(1012, masked=True), end=True)
        peers["a:1"].sends(closing(1012))
        peers["a:1"].closes()
        client.flush()
        assert client.answers[stream].ended and client.client.is_closed


class UnheardTests(SynchronousTestCase):
    """A stop, while the client has not said that it has heard it."""

    def opened(self, client: RawClient, running: Running, stream: int) -> PeerConnection:
        """A bridge that is open on both sides; its peer."""
        client.asks(stream, CONNECT, flags=0)
        peer = running.peers["a:1"].connection
        key = re.search(rb"Sec-WebSocket-Key: (.+)\r\n", peer.takes())
        assert key is not None
        peer.sends(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_of(key[1])
        )
        client.take()
        return peer

    def test_open(self) -> None:
        """A bridge that is open is closed all the same, which does not wait for that."""
        running = run(SITE, handshake=AGREED)
        client = RawClient(running[0])
        self.opened(client, running, 1)
        running.stop()
        running.clock.advance(NOTICED_WITHIN - 0.1)
        client.take()
        self.assertEqual([payload[2:4] for _, payload in client.of(DATA)], [b"\x03\xf4"])

    def test_begun_meanwhile(self) -> None:
        """One that is begun after the notice is closed when no further streams are taken."""
        running = run(SITE, handshake=AGREED)
        client = RawClient(running[0])
        client.asks(1)
        running.stop()
        client.take()
        self.opened(client, running, 3)
        running.clock.advance(4)
        client.take()
        self.assertEqual(client.of(DATA), [])
        client.sends(frame_of(PING, 1, *client.of(PING)[0]))
        running.clock.advance(5)
        client.take()
        self.assertEqual([payload[2:4] for _, payload in client.of(DATA)], [b"\x03\xf4"])


class GrantTests(SynchronousTestCase):
    """What is in a 101 and not for the client, or cannot be told."""

    def test_no_length(self) -> None:
        """The 200 of a CONNECT has no length (RFC 9110 9.3.6)."""
        client, peers, _, stream = asked()
        grant(peers, b"", "Content-Length: 5\r\n")
        client.flush()
        answer = client.answers[stream]
        assert (answer.status, answer.headers) == (200, {"sec-websocket-protocol": "chat"})

    def test_field_raises(self) -> None:
        """A function for a field that raises is answered with 500, and nothing has switched."""
        for target in ("/ws", "/bridge"):
            client, peers, running, stream = asked(target, config=SITE.set_response_header("X-A", raises))
            grant(peers)
            client.flush()
            answer = client.answers[stream]
            assert (answer.status, answer.ended) == (500, True), target
            assert peers["a:1"].is_closed
            assert [each.cause for each in running.exchanges] == ["internal_error"]
            assert len(self.flushLoggedErrors(ValueError)) >= 1


class RefusalTests(SynchronousTestCase):
    """What is no WebSocket."""

    def test_refused_by_the_peer(self) -> None:
        """Its answer is the client's."""
        client, peers, _, stream = asked()
        peers["a:1"].takes()
        peers["a:1"].sends(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        client.flush()
        answer = client.answers[stream]
        assert (answer.status, answer.body) == (403, b"no")

    def test_not_spoken(self) -> None:
        """Where none is spoken, an ordinary answer must not be taken for a tunnel."""
        client, peers, running, stream = asked("/other")
        assert b"pgrade" not in peers["a:1"].takes()
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        peers["a:1"].sends(b"there")
        client.flush()
        answer = client.answers[stream]
        assert (answer.status, answer.body, answer.ended) == (501, b"501 Not Implemented\n", True)
        assert running.exchanges[0].cause == "no_websocket"
        assert client.goaway is None

    def test_not_spoken_breaks(self) -> None:
        """Whatever becomes of that answer."""
        client, peers, _, stream = asked("/other")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        peers["a:1"].closes()
        client.flush()
        assert client.answers[stream].status == 501 and client.goaway is None

    def test_other_protocol(self) -> None:
        """Another protocol is not spoken at all."""
        client, _, _, stream = asked(protocol="connect-udp")
        assert client.answers[stream].status == 501

    def test_no_version(self) -> None:
        """The request must be one for a WebSocket in all else."""
        client, _, _ = serve(http(SITE))
        stream = client.h2.get_next_available_stream_id()
        pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
        client.h2.send_headers(stream, [*pseudo, (":path", "/ws"), (":authority", "x.test")])
        client.flush()
        assert client.answers[stream].status == 426

    def test_get(self) -> None:
        """An ordinary request gets none."""
        client, _, _ = serve(http(SITE))
        assert client.ask("GET", "/ws").status == 426
