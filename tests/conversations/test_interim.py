"""Conversations in which a peer sends interim responses (RFC 9110 15.2) before the final one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, server, upstream
from pydsl_proxy.errors import ConfigError
from pydsl_proxy.testing import run
from tests.support.messages import BAD_GATEWAY, GET, OK, answer, get, post

APP = upstream("app", "a:1")
TWO = upstream("app", "a:1", "b:1")
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OLD_GET = b"GET / HTTP/1.0\r\nhost: x\r\n\r\n"


class ForwardedTests(SynchronousTestCase):
    """They are passed on to clients of HTTP/1.1, when they come."""

    def test_early_hints(self) -> None:
        """103 reaches the client before the peer has answered; any other 1xx does too."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(HINTS)
        client.expects(HINTS)
        for head in (PROCESSING, b"HTTP/1.1 104 Upload Resumption Supported\r\na: 1\r\n\r\n", b"HTTP/1.1 199 \r\n\r\n"):
            peers["a:1"].sends(head)
            client.expects(head)
        peers["a:1"].sends(OK)
        client.expects(OK)
        client.sends(GET)
        peers["a:1"].sends(OK)
        client.expects(OK)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_together(self) -> None:
        """They may come in one piece with the response, or octet by octet."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(HINTS + PROCESSING + OK)
        client.expects(HINTS + PROCESSING + OK)
        client.sends(GET)
        for octet in HINTS + OK:
            peers["a:1"].sends(bytes([octet]))
        client.expects(HINTS + OK)

    def test_pipelined(self) -> None:
        """Each request has its own; they stand before the response to it, not before an earlier one."""
        client, peers = run(APP)
        client.sends(GET + get("/2"))
        peers["a:1"].sends(OK)
        peers["a:1"].sends(HINTS + OK)
        client.expects(OK + HINTS + OK)

    def test_upload(self) -> None:
        """They may come while the request's body is on its way."""
        client, peers = run(APP)
        client.sends(post(b"abcd")[:-2])
        peers["a:1"].sends(PROCESSING)
        client.expects(PROCESSING)
        client.sends(b"cd")
        peers["a:1"].sends(OK)
        client.expects(OK)

    def test_slow_upload(self) -> None:
        """The peer's time does not run before it has the whole request, whatever it has sent by then."""
        for beginning in (PROCESSING, OK[:9]):
            running = run(server(80).location("/").timeouts(read=5, send=5).proxy_to(APP))
            client, peers = running
            client.sends(post(b"abcd")[:-2])
            peers["a:1"].sends(beginning)
            running.clock.advance(20)
            client.sends(b"cd")
            peers["a:1"].sends(OK if beginning is PROCESSING else OK[9:])
            self.assertEqual([each.status for each in client.responses], [200])

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 has no name for them, and gets the response alone."""
        client, peers = run(APP)
        client.sends(OLD_GET)
        peers["a:1"].sends(HINTS + CONTINUE + OK)
        self.assertEqual(client.received.count(b"HTTP/1.1 "), 1)
        self.assertTrue(client.received.startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_too_many(self) -> None:
        """A peer that sends nothing but interim responses is out of order."""
        client, peers = run(APP)
        client.sends(GET)
        peers["a:1"].sends(PROCESSING * 9)
        client.expects(PROCESSING * 8 + BAD_GATEWAY)
        self.assertTrue(peers["a:1"].was_reset)

    def test_counted_anew(self) -> None:
        """Each request on a kept connection may have as many."""
        client, peers = run(APP)
        for _ in range(2):
            client.sends(GET)
            peers["a:1"].sends(PROCESSING * 8 + OK)
            client.expects(PROCESSING * 8 + OK)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_time(self) -> None:
        """With each of them the peer has its time anew."""
        running = run(server(80).location("/").timeouts(read=10).proxy_to(APP))
        client, peers = running
        client.sends(GET)
        for _ in range(3):
            running.clock.advance(9)
            peers["a:1"].sends(PROCESSING)
        client.expects(PROCESSING * 3)
        running.clock.advance(10)
        self.assertEqual(client.responses[0].status, 504)


class FieldsTests(SynchronousTestCase):
    """What of an interim head is passed on."""

    def sent(self, *fields: str) -> bytes:
        """What the client gets of a 103 with *fields*."""
        place = server(80).set_response_header("X-Set", "1").set_response_header("X-Made", lambda request: "2")
        client, peers = run(place.location("/").hide_response_header("X-Hidden").proxy_to(APP))
        client.sends(GET)
        peers["a:1"].sends("\r\n".join(["HTTP/1.1 103 Early Hints", *fields, "", ""]).encode())
        return client.takes()

    def test_passed(self) -> None:
        """Fields that have no meaning for a proxy pass byte for byte; a reason of the peer's does too."""
        self.assertEqual(
            self.sent("LINK: </a>", "b:  1", "link: </b>"),
            b"HTTP/1.1 103 Early Hints\r\nLINK: </a>\r\nb:  1\r\nlink: </b>\r\n\r\n",
        )

    def test_not_passed(self) -> None:
        """Nor do those that end at this hop, that frame a message, that steer the proxy, or that a location hides."""
        for fields in (
            ["Connection: x-a, close", "X-A: 1"],
            ["Keep-Alive: 5", "TE: trailers", "Upgrade: h2c"],
            ["Content-Length: 5"],
            ["Transfer-Encoding: chunked"],
            ["X-Accel-Redirect: /x", "X-Accel-Limit-Rate: 1"],
            ["X-Hidden: 1"],
            ["Set-Cookie: a=b"],
        ):
            self.assertEqual(self.sent(*fields), b"HTTP/1.1 103 Early Hints\r\n\r\n", fields)

    def test_set(self) -> None:
        """A field that the location sets is its own matter: it stands in the response, and no peer's does here."""
        self.assertEqual(self.sent("X-Set: 9", "x-made: 9"), b"HTTP/1.1 103 Early Hints\r\n\r\n")


class ContinueTests(SynchronousTestCase):
    """100 is the answer to ``Expect``, which the proxy gives by itself when the body is wanted."""

    def test_once(self) -> None:
        """A client that asked gets one 100, the proxy's or the peer's."""
        client, peers = run(APP)
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST"))
        client.expects(CONTINUE)
        peers["a:1"].sends(CONTINUE)
        client.expects(b"")
        client.sends(b"body")
        peers["a:1"].sends(CONTINUE + OK)
        client.expects(OK)

    def test_not_sent_yet(self) -> None:
        """One that asked, and began without waiting, was sent none: it gets the peer's, while its body is to come."""
        client, peers = run(APP)
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 4", method="POST") + b"bo")
        peers["a:1"].sends(CONTINUE + CONTINUE)
        client.expects(CONTINUE)
        client.sends(b"dy")
        peers["a:1"].sends(CONTINUE + OK)
        client.expects(OK)

    def test_unasked(self) -> None:
        """One that did not ask gets none."""
        for request in (GET, post(b"body"), post(b"body")[:-1]):
            client, peers = run(APP)
            client.sends(request)
            peers["a:1"].sends(CONTINUE)
            client.expects(b"")


class ManyPeersTests(SynchronousTestCase):
    """Attempts that fail after an interim response."""

    def test_retried(self) -> None:
        """What the first peer has said is with the client already; the second may say more."""
        client, peers = run(TWO)
        client.sends(GET)
        peers["a:1"].sends(HINTS)
        peers["a:1"].closes()
        peers["b:1"].sends(PROCESSING + OK)
        client.expects(HINTS + PROCESSING + OK)

    def test_held(self) -> None:
        """While an answer is held, and another peer is tried, that one's are passed on."""
        client, peers = run(server(80).location("/").retry(on=[503]).proxy_to(TWO))
        client.sends(GET)
        peers["a:1"].sends(PROCESSING + answer(b"no", "503 Service Unavailable"))
        peers["b:1"].sends(HINTS + OK)
        client.expects(PROCESSING + HINTS + OK)

    def test_error_page(self) -> None:
        """A response that becomes an error page may have had some; the page's own location too."""
        place = server(80).location("/").error_page(502, to="/sorry").proxy_to(APP)
        client, peers = run(place.location("/sorry").proxy_to("b:1"))
        client.sends(GET)
        peers["a:1"].sends(HINTS)
        peers["a:1"].closes()
        peers["b:1"].sends(PROCESSING + OK)
        self.assertTrue(client.received.startswith(HINTS + PROCESSING + b"HTTP/1.1 502 "))

    def test_filters(self) -> None:
        """Filters see the response alone."""
        client, peers = run(server(80).location("/").compress("gzip").buffer_response().proxy_to(APP))
        client.sends(get("/", "accept-encoding: gzip"))
        peers["a:1"].sends(HINTS)
        client.expects(HINTS)
        peers["a:1"].sends(OK)
        self.assertEqual(client.responses[0].status, 200)

    def test_subrequests(self) -> None:
        """Those of a server that is asked, or is sent a copy, are nobody's."""
        client, peers = run(server(80).location("/").auth_request("auth:1").mirror("copy:1").proxy_to(APP))
        client.sends(GET)
        peers["auth:1"].sends(HINTS + answer(b""))
        peers["copy:1"].sends(HINTS + OK)
        client.expects(b"")
        peers["a:1"].sends(HINTS + OK)
        client.expects(HINTS + OK)

    def test_websockets(self) -> None:
        """A peer that is asked for a WebSocket may send some before it switches or refuses."""
        asked = get(
            "/",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        )
        for tunnel in (False, True):
            client, peers = run(server(80).location("/").websocket_to(APP, tunnel=tunnel))
            client.sends(asked)
            peers["a:1"].sends(HINTS + answer(b"no", "403 Forbidden"))
            client.expects(HINTS + answer(b"no", "403 Forbidden"))

    def test_left(self) -> None:
        """A client that has left is sent none."""
        client, peers = run(APP)
        client.sends(GET)
        client.closes()
        self.assertTrue(peers["a:1"].was_reset)
        client.expects(b"")


class HalfClosedTests(SynchronousTestCase):
    """A client that has closed its half."""

    def test_sign(self) -> None:
        """It has its ``half_close`` seconds anew with each: what is sent to a client that has gone is not taken."""
        running = run(APP)
        client, peers = running
        client.sends(GET)
        client.half_closes()
        for _ in range(3):
            running.clock.advance(4)
            peers["a:1"].sends(PROCESSING)
        client.expects(PROCESSING * 3)
        running.clock.advance(4)
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertTrue(client.is_closed)


class HiddenTests(SynchronousTestCase):
    """``hide_interim_responses``."""

    def test_hidden(self) -> None:
        """None is passed on; the response is."""
        client, peers = run(server(80).location("/").hide_interim_responses().proxy_to(APP))
        client.sends(GET)
        peers["a:1"].sends(HINTS)
        client.expects(b"")
        peers["a:1"].sends(PROCESSING + OK)
        client.expects(OK)

    def test_scopes(self) -> None:
        """The innermost scope counts; False lifts an outer one."""
        web = server(80).hide_interim_responses().location("/a").hide_interim_responses(False).proxy_to(APP)
        client, peers = run(http(web.location("/").proxy_to(APP)).hide_interim_responses(False))
        for target, expected in (("/a", HINTS + OK), ("/", OK)):
            client.sends(get(target))
            peers["a:1"].sends(HINTS + OK)
            client.expects(expected)

    def test_spelled(self) -> None:
        """It is written as it was made, and anything else than a bool is an error."""
        self.assertIn(
            ".hide_interim_responses().", repr(server(80).hide_interim_responses().location("/").respond(200))
        )
        lifted = server(80).location("/").hide_interim_responses(False).respond(200)
        self.assertIn(".hide_interim_responses(False).", repr(lifted))
        error = self.assertRaises(ConfigError, server(80).hide_interim_responses, "off")
        self.assertEqual(error.hint, "write .hide_interim_responses()")
