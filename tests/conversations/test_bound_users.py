"""Conversations: peers that bind a user to the connection, as NTLM and Negotiate do."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import header, http, server, upstream
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.config.upstreams import Upstream
from pydsl_proxy.testing import Client, Running, run
from tests.support.h2 import AGREED, TLS, H2Client
from tests.support.messages import GET, OK, answer, get, post

APP = upstream("app", "a:1")
SCHEMES = ("NTLM TlRM", "ntlm TlRM", "Negotiate YII=", "negotiate YII=")
CHALLENGES = ("NTLM", "Negotiate", 'Basic realm="x", NTLM', "Negotiate oRQ=", 'Digest realm="a",negotiate')


def used(config: Server | Http | Upstream, *fields: str) -> Running:
    """A proxy whose first client has sent credentials and was answered."""
    running = run(config)
    client, peers = running
    client.sends(get("/", *(fields or ("Authorization: NTLM TlRM",))))
    peers["a:1"].sends(OK)
    return running


class BoundTests(SynchronousTestCase):
    """Such a connection is its client's, and nobody else's."""

    def other(self, running: Running) -> Client:
        """Another client, that has asked for something."""
        other = running.client()
        other.sends(GET)
        return other

    def test_others(self) -> None:
        """Another client's request never goes out on it, whatever the scheme."""
        for value in SCHEMES:
            running = used(APP, f"Authorization: {value}")
            self.other(running)
            self.assertEqual(len(running.peers["a:1"].connections), 2)

    def test_by_challenge(self) -> None:
        """Nor on one on which the peer has begun such a handshake; a challenge among others is one too."""
        for value in CHALLENGES:
            client, peers = running = run(APP)
            client.sends(GET)
            peers["a:1"].sends(answer(b"", "401 Unauthorized", f"WWW-Authenticate: {value}"))
            self.other(running)
            self.assertEqual(len(peers["a:1"].connections), 2)

    def test_other_schemes(self) -> None:
        """All other connections are shared as ever."""
        for value in ("Basic dTpw", "Bearer ntlm", "NTLMv9 x", "Digest negotiate"):
            running = used(APP, f"Authorization: {value}")
            self.other(running)
            self.assertEqual(len(running.peers["a:1"].connections), 1)
        client, peers = running = run(APP)
        client.sends(GET)
        peers["a:1"].sends(answer(b"", "401 Unauthorized", 'WWW-Authenticate: Basic realm="NTLM or Negotiate"'))
        self.other(running)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_handshake(self) -> None:
        """All requests of the client go out on it: those of the handshake, and those without credentials after it."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(answer(b"", "401 Unauthorized", "WWW-Authenticate: NTLM"))
        client.sends(get("/", "Authorization: NTLM one"))
        peers["a:1"].sends(answer(b"", "401 Unauthorized", "WWW-Authenticate: NTLM two"))
        client.sends(get("/", "Authorization: NTLM three"))
        peers["a:1"].sends(OK)
        client.sends(GET)
        peers["a:1"].sends(OK)
        self.assertEqual([each.status for each in client.responses], [401, 401, 200, 200])
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_same_peer(self) -> None:
        """Of several peers it is the one that knows the user, until the connection is gone."""
        client, peers = running = run(upstream("app", "a:1", "b:1"))
        client.sends(get("/", "Authorization: NTLM x"))
        peers["a:1"].answers(200)
        peers["b:1"].answers(200)
        for _ in range(3):
            client.sends(GET)
        self.assertEqual({each.peers for each in running.exchanges}, {(("a:1", 200),)})
        peers["a:1"].connections[0].closes()
        client.sends(GET)
        self.assertEqual(len(peers["b:1"].connections), 1)

    def test_shared_before(self) -> None:
        """A connection that was anybody's until then is shared no more."""
        client, peers = running = run(APP)
        peers["a:1"].answers(200)
        self.other(running)
        client.sends(get("/", "Authorization: Negotiate x"))
        self.assertEqual(len(peers["a:1"].connections), 1)
        self.other(running)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_closes_with_client(self) -> None:
        """It closes when the client's connection does, idle or not."""
        running = used(APP)
        running[0].closes()
        self.assertTrue(running.peers["a:1"].is_closed)
        running = used(APP)
        running[0].sends(GET)
        running[0].closes()
        self.assertTrue(running.peers["a:1"].is_closed)

    def test_closes_with_client_of_http2(self) -> None:
        """So it is with a client of HTTP/2."""
        running = run(server(443, tls=TLS).location("/").proxy_to(APP), handshake=AGREED)
        H2Client(running[0]).begin(headers=[("authorization", "Negotiate x")])
        running.peers["a:1"].sends(OK)
        self.assertFalse(running.peers["a:1"].is_closed)
        running[0].closes()
        self.assertTrue(running.peers["a:1"].is_closed)

    def test_closes_with_websocket(self) -> None:
        """And with one whose connection has become a WebSocket meanwhile, to another peer."""
        web = server(80).location("/ws").websocket_to("b:1", tunnel=True).location("/").proxy_to(APP)
        client, peers = running = used(http(web))
        key = ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
        client.sends(get("/ws", "Connection: Upgrade", "Upgrade: websocket", *key))
        peers["b:1"].sends(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        self.assertIn(b"HTTP/1.1 101 ", client.takes())
        self.assertFalse(peers["a:1"].is_closed)
        running[0].closes()
        self.assertTrue(peers["a:1"].is_closed)

    def test_closes_when_idle(self) -> None:
        """It is idle no longer than others; the next request has a new one, and another client that one."""
        running = used(upstream("app", "a:1", keepalive_timeout=5))
        running.clock.advance(5)
        self.assertTrue(running.peers["a:1"].is_closed)
        running[0].sends(GET)
        running.peers["a:1"].sends(OK)
        self.other(running)
        self.assertEqual(len(running.peers["a:1"].connections), 2)

    def test_body(self) -> None:
        """So it is with a request that has a body, and a response that comes in pieces."""
        client, peers = running = run(APP)
        client.sends(post(b"body", "Authorization: NTLM x"))
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        peers["a:1"].sends(b"0\r\n\r\n")
        self.other(running)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_stripped(self) -> None:
        """So it is where a prefix is stripped, and where it is not: the client is one."""
        web = server(80).location("/app/").strip_prefix("/app").proxy_to(APP).location("/").proxy_to(APP)
        client, peers = running = run(web)
        peers["a:1"].answers(200)
        client.sends(get("/app/", "Authorization: NTLM x"))
        for target in ("/", "/app/a", "/"):
            client.sends(get(target))
        self.assertEqual(len(peers["a:1"].connections), 1)
        self.other(running)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_trusted_proxy(self) -> None:
        """Of a trusted proxy, whose connection has the requests of many, none is kept."""
        config = http(server(80).location("/").proxy_to(APP), trusted_proxies=["127.0.0.1"])
        client, peers = running = run(config)
        peers["a:1"].answers(200)
        client.sends(get("/", "Authorization: NTLM x", "X-Forwarded-For: 192.0.2.1"))
        client.sends(get("/", "X-Forwarded-For: 192.0.2.2"))
        self.other(running)
        self.assertTrue(peers["a:1"].connections[0].is_gone)

    def test_http2(self) -> None:
        """A client of HTTP/2 has its own too, and only idle ones are used again."""
        web = server(443, tls=TLS).location("/").proxy_to(APP)
        running = run(web, handshake=AGREED)
        peers = running.peers
        client = H2Client(running[0])
        client.begin(headers=[("authorization", "Negotiate x")])
        client.begin()
        self.assertEqual(len(peers["a:1"].connections), 2)
        peers["a:1"].connections[0].sends(OK)
        peers["a:1"].connections[1].sends(OK)
        client.begin()
        self.assertEqual(len(peers["a:1"].connections), 2)
        other = H2Client(running.client(handshake=AGREED))
        other.begin()
        other.begin()
        self.assertEqual(len(peers["a:1"].connections), 3)
        running[0].closes()
        self.assertTrue(peers["a:1"].connections[0].is_gone)
        self.assertFalse(peers["a:1"].connections[1].is_gone)


class KindsTests(SynchronousTestCase):
    """So it is with every request that a peer gets, whoever began it and whoever wrote its credentials."""

    def unshared(self, config: Server, *fields: str, target: str = "/", other: str = "/") -> None:
        """Another client's request, after that of a client with *fields*, has a connection of its own."""
        client, peers = running = run(config)
        peers["a:1"].answers(200)
        client.sends(get(target, *(fields or ("Authorization: NTLM good",))))
        running.client().sends(get(other))
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_subrequests(self) -> None:
        """A subrequest that asks who may pass, and a copy of the request, bind as the request does."""
        self.unshared(server(80).location("/").auth_request("a:1").respond(200, "SECRET"))
        self.unshared(server(80).location("/").mirror("a:1").respond(200, "SECRET"))
        self.unshared(
            server(80).location("/").auth_request("a:1", copy=["X"]).respond(200), "Authorization: Negotiate x"
        )

    def test_login(self) -> None:
        """A client without credentials is not let in by the connection on which another one was."""
        client, peers = running = run(server(80).location("/").auth_request("a:1").respond(200, "SECRET"))
        other = running.client()
        client.sends(get("/", "Authorization: NTLM good"))
        peers["a:1"].sends(OK)
        other.sends(GET)
        peers["a:1"].connections[1].sends(answer(b"", "401 Unauthorized", "WWW-Authenticate: NTLM"))
        self.assertEqual([client.responses[0].status, other.responses[0].status], [200, 401])
        client.sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_copy_outlives_client(self) -> None:
        """The connection of a copy whose client is gone is closed when the copy was answered."""
        client, peers = run(server(80).location("/").mirror("a:1").respond(200))
        client.sends(get("/", "Authorization: NTLM good"))
        client.closes()
        peers["a:1"].sends(OK)
        self.assertTrue(peers["a:1"].connections[0].is_gone)

    def test_redirected(self) -> None:
        """A request that comes to the peer by way of another location, or is tried again, is the client's still."""
        moved = server(80).location("/").error_page(404, to="/b").respond(404).location("/b").proxy_to("a:1")
        self.unshared(moved)
        client, peers = running = run(upstream("app", "b:1", "a:1"))
        peers["b:1"].refuses()
        peers["a:1"].answers(200)
        client.sends(get("/", "Authorization: NTLM good"))
        running.client().sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_added(self) -> None:
        """Credentials that a location adds bind too: of a fixed text, and of a function."""
        for value in ("NTLM ours", header("X-User")):
            site = server(80).location("/a").set_request_header("Authorization", value).proxy_to(APP)
            self.unshared(site.location("/").proxy_to(APP), "X-User: negotiate x", target="/a")

    def test_added_others(self) -> None:
        """Added credentials of other schemes do not."""
        for value in ("Basic ours", header("X-User")):
            site = server(80).location("/").set_request_header("Authorization", value).proxy_to(APP)
            client, peers = running = run(site)
            peers["a:1"].answers(200)
            client.sends(get("/", "X-User: Bearer ntlm"))
            running.client().sends(get("/", "X-User: Basic x"))
            self.assertEqual(len(peers["a:1"].connections), 1)

    def test_copied(self) -> None:
        """Credentials that come from the answer to a subrequest bind the request that they are put into."""
        web = server(80).location("/").auth_request("c:1", copy=["Authorization"]).proxy_to(APP)
        client, peers = running = run(web)
        peers["c:1"].answers(200, headers={"Authorization": "NTLM good"})
        peers["a:1"].answers(200)
        client.sends(GET)
        running.client().sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 2)
