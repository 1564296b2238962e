"""Conversations: one request, one response, and nothing changed that need not be."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server, upstream
from pydsl_proxy.testing import run
from tests.support.messages import GET, OK, answer, get

APP = upstream("app", "a:1")


class PlainTests(SynchronousTestCase):
    """Requests reach the peer and responses the client as they were sent."""

    def test_there_and_back(self) -> None:
        """Fields that have no meaning for a proxy pass byte for byte, their case and order too."""
        client, peers = run(APP)
        client.sends(b"GET /p?q=%20 HTTP/1.1\r\nhost: x\r\nX-A:  1\r\nx-b: \xff\r\nX-A: 2\r\n\r\n")
        peers["a:1"].expects(b"GET /p?q=%20 HTTP/1.1\r\nhost: x\r\nX-A:  1\r\nx-b: \xff\r\nX-A: 2\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.1 201 Made\r\nb: 1\r\nA: 2\r\nb: 3\r\ncontent-length: 2\r\n\r\nok")
        client.expects(b"HTTP/1.1 201 Made\r\nb: 1\r\nA: 2\r\nb: 3\r\ncontent-length: 2\r\n\r\nok")

    def test_any_split(self) -> None:
        """What arrives octet by octet is the same as what arrives at once."""
        client, peers = run(APP)
        for octet in GET:
            client.sends(bytes([octet]))
        peers["a:1"].expects(GET)
        for octet in OK:
            peers["a:1"].sends(bytes([octet]))
        client.expects(OK)

    def test_date(self) -> None:
        """A response without a date gets one, of the moment when it is sent; one with a date keeps it."""
        running = run(APP)
        client, peers = running
        client.sends(GET + GET)
        running.clock.advance(2)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nDate: Sun, 09 Sep 2001 01:46:42 GMT\r\n\r\nok")
        dated = answer(b"ok", "200 OK", "date: Mon, 01 Jan 2001 00:00:00 GMT")
        peers["a:1"].sends(dated)
        client.expects(dated)

    def test_no_upstream(self) -> None:
        """A path without a location is answered with 404, and no peer hears of it."""
        client, peers = run(server(80).location("/app").proxy_to(APP))
        self.assertEqual(client.request("GET", "/other").status, 404)
        self.assertEqual(len(peers), 0)

    def test_unix_socket(self) -> None:
        """A peer may live at a UNIX socket; the client may come by one too."""
        running = run(server("unix:/run/front.sock").location("/").proxy_to("unix:/run/app.sock"))
        client, peers = running
        client.sends(GET)
        peers["unix:/run/app.sock"].expects(
            b"GET / HTTP/1.1\r\nhost: x\r\nX-Forwarded-Host: x\r\nX-Real-IP: unix:\r\nX-Forwarded-For: unix:\r\n"
            b"X-Forwarded-Proto: http\r\n\r\n"
        )
        peers["unix:/run/app.sock"].sends(OK)
        client.expects(OK)


class TargetFormTests(SynchronousTestCase):
    """RFC 9112 3.2: the forms of a request target."""

    def test_absolute(self) -> None:
        """An absolute target chooses the server by its host, whatever Host says, and goes on in origin form."""
        config = server(80, names=["y"]).location("/").proxy_to(APP)
        client, peers = run(config)
        client.sends(b"GET http://y:8080/p?q HTTP/1.1\r\nhost: x\r\na: 1\r\n\r\n")
        peers["a:1"].expects(b"GET /p?q HTTP/1.1\r\na: 1\r\nHost: y:8080\r\n\r\n")

    def test_absolute_without_path(self) -> None:
        """The path of a URL without one is the root."""
        client, peers = run(APP)
        client.sends(b"GET http://y HTTP/1.1\r\nhost: y\r\n\r\n")
        peers["a:1"].expects(b"GET / HTTP/1.1\r\nHost: y\r\n\r\n")

    def test_absolute_asterisk(self) -> None:
        """RFC 9112 3.2.4: OPTIONS for a URL without a path is for the server as a whole."""
        for url, target in ((b"http://y", b"*"), (b"http://y/", b"/"), (b"http://y?a", b"/?a")):
            client, peers = run(APP)
            client.sends(b"OPTIONS " + url + b" HTTP/1.1\r\nhost: y\r\n\r\n")
            peers["a:1"].expects(b"OPTIONS " + target + b" HTTP/1.1\r\nHost: y\r\n\r\n")

    def test_asterisk(self) -> None:
        """``OPTIONS *`` asks the location of the root, and the peer the same."""
        client, peers = run(APP)
        client.sends(get("*", method="OPTIONS"))
        peers["a:1"].expects(get("*", method="OPTIONS"))
        peers["a:1"].sends(b"HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n")
        client.expects(b"HTTP/1.1 204 No Content\r\nallow: GET\r\n\r\n")


class WithoutBodyTests(SynchronousTestCase):
    """RFC 9112 6.3: responses that end with their head, whatever it says of a length."""

    def test_head(self) -> None:
        """The response to HEAD keeps the length of the body that it does not have, and the connection goes on."""
        client, peers = run(APP)
        client.sends(get("/", method="HEAD") + GET)
        peers["a:1"].expects(get("/", method="HEAD"))
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_head_chunked(self) -> None:
        """A peer may tell by HEAD that it would send chunks; there are none, here or there."""
        client, peers = run(APP)
        client.sends(get("/", method="HEAD"))
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        self.assertEqual(client.takes()[:17], b"HTTP/1.1 200 OK\r\n")
        self.assertFalse(client.is_closed)
        self.assertEqual(client.responses[0].body, b"")

    def test_head_without_length(self) -> None:
        """The response to HEAD needs no length for its connections to be kept."""
        client, peers = run(APP)
        for _ in range(2):
            client.sends(get("/", method="HEAD"))
            peers["a:1"].sends(b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n")
            client.expects(b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n")
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_204(self) -> None:
        """204 has no body and no length; a length that a peer sends all the same goes (RFC 9110 8.6)."""
        client, peers = run(APP)
        client.sends(GET + GET)
        peers["a:1"].sends(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
        client.expects(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_304(self) -> None:
        """304 has no body; its length is that of the representation, and stays."""
        client, peers = run(APP)
        client.sends(GET + GET)
        peers["a:1"].sends(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: 1\r\n\r\n")
        client.expects(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: 1\r\n\r\n")
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(len(peers["a:1"].connections), 1)


class OldClientTests(SynchronousTestCase):
    """HTTP/1.0 on the client's side."""

    def test_closes(self) -> None:
        """A client of HTTP/1.0 is answered in HTTP/1.1's words, and its connection closed."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nok")
        self.assertTrue(client.is_closed)

    def test_keep_alive(self) -> None:
        """It may ask to keep the connection, and is told so."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\n\r\n")
        peers["a:1"].expects(GET)
        peers["a:1"].sends(OK)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: keep-alive\r\n\r\nok")
        self.assertFalse(client.is_closed)

    def test_without_host(self) -> None:
        """It need not name a host; the peer is told the upstream's name, as nginx's ``$proxy_host``."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        peers["a:1"].expects(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")

    def test_chunked_response(self) -> None:
        """It knows no chunks: they are taken apart, and the close ends the body (RFC 9112 6.1)."""
        client, peers = run(APP)
        client.sends(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc")
        peers["a:1"].sends(b"2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n")
        client.expects(b"de")
        self.assertTrue(client.is_closed)


class OldPeerTests(SynchronousTestCase):
    """HTTP/1.0 on the peer's side."""

    def test_closes(self) -> None:
        """The connection of a peer of HTTP/1.0 is not kept, the client's is."""
        client, peers = run(APP)
        client.sends(GET + GET)
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok")
        client.expects(OK)
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(len(peers["a:1"].connections), 2)
        self.assertTrue(peers["a:1"].connections[0].is_closed)

    def test_keep_alive(self) -> None:
        """One that says keep-alive is kept."""
        client, peers = run(APP)
        client.sends(GET + GET)
        peers["a:1"].sends(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok")
        client.expects(OK)
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(len(peers["a:1"].connections), 1)


class SwitchingTests(SynchronousTestCase):
    """RFC 9110 15.2.2: a change of the protocol is for those who ask for it."""

    def test_switching_protocols(self) -> None:
        """101 to a request that asked for no upgrade is an error: a tunnel would open by surprise."""
        running = run(APP)
        client, peers = running
        client.sends(get("/", "connection: upgrade", "upgrade: h2c"))
        peers["a:1"].expects(GET)
        peers["a:1"].sends(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n")
        self.assertEqual(client.responses[0].status, 502)
        self.assertEqual(running.exchanges[0].cause, "bad_head")


class MalformedResponseTests(SynchronousTestCase):
    """What a peer says must be readable in exactly one way."""

    def answered(self, data: bytes) -> tuple[int, str]:
        """The client's status and the cause, where a peer answers *data*."""
        running = run(APP)
        client, peers = running
        client.sends(GET)
        peers["a:1"].sends(data)
        peers["a:1"].closes()
        self.assertTrue(peers["a:1"].is_closed)
        return client.responses[0].status, running.exchanges[0].cause

    def test_refused(self) -> None:
        """Anything doubtful in the head is a 502, and the connection is of no further use."""
        heads = [
            b"HELLO\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: 1\r\n folded\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\na : 1\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 200 OK\r\na: " + b"x" * 70000 + b"\r\n\r\n",
        ]
        for head in heads:
            self.assertEqual(self.answered(head), (502, "bad_head"), head[:60])

    def test_closed(self) -> None:
        """A peer that closes within its head has not answered."""
        self.assertEqual(self.answered(b"HTTP/1.1 200 OK\r\ncontent-le"), (502, "closed"))

    def test_unasked(self) -> None:
        """Bytes behind a response belong to no request: the connection is not used again."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(OK + OK)
        client.expects(OK)
        client.sends(GET)
        client.expects(b"")
        self.assertEqual(len(peers["a:1"].connections), 2)

    def test_unasked_later(self) -> None:
        """So do bytes on an idle connection."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(OK)
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertTrue(peers["a:1"].is_closed)
