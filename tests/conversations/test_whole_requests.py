"""Conversations in which a request is here as a whole before anybody reads its body, or nobody does."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import server, upstream
from pydsl_proxy.config.locations import OpenLocation
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import run
from tests.support.messages import GET, OK, answer, get, post

APP = upstream("app", "a:1")
TWO = upstream("app", "a:1", "b:1")
KiB = 1024
CHUNKED = get("/", "Transfer-Encoding: chunked", method="POST") + b"2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n"
# As a peer is sent it.
SENT = get("/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"


def place() -> OpenLocation[Server]:
    """A location."""
    return server(80).location("/")


class AndClosedTests(SynchronousTestCase):
    """A client that sends a request with a body and closes its half at once is answered, as one that sends a GET is."""

    def test_not_connected(self) -> None:
        """The peer is not connected yet, and nobody has read the body."""
        for request, sent in ((post(b"abc"), post(b"abc")), (CHUNKED, SENT)):
            running = run(APP)
            client, peers = running
            peers["a:1"].times_out()
            client.sends(request)
            client.half_closes()
            running.clock.advance(1)
            peers["a:1"].accepts()
            peers["a:1"].expects(sent)
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].body, b"ok")
            self.assertTrue(client.is_closed)
            self.assertFalse(client.was_reset)
            self.assertEqual(running.exchanges[0].status, 200)

    def test_any_split(self) -> None:
        """However it comes; the end of the half comes by itself."""
        for request in (post(b"abc"), CHUNKED):
            client, peers = run(APP)
            for octet in request:
                client.sends(bytes([octet]))
            client.half_closes()
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)

    def test_not_whole(self) -> None:
        """A request that is not whole cannot be completed: its exchange is over at once."""
        for request in (post(b"abc")[:-1], CHUNKED[:-1], CHUNKED[:-12]):
            for accepts in (True, False):
                running = run(APP)
                client, peers = running
                if not accepts:
                    peers["a:1"].times_out()
                client.sends(request)
                client.half_closes()
                self.assertTrue(client.is_closed)
                self.assertEqual(running.exchanges[0].status, 499)

    def test_malformed(self) -> None:
        """One whose body cannot be read is told so, when it is read."""
        running = run(APP)
        client, peers = running
        peers["a:1"].times_out()
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"x\r\n")
        client.half_closes()
        peers["a:1"].accepts()
        self.assertEqual(client.responses[0].status, 400)

    def test_steps(self) -> None:
        """Steps that wait before anybody reads the body."""
        for request, sent in ((post(b"abc"), post(b"abc")), (CHUNKED, SENT)):
            client, peers = run(place().auth_request("auth:1").proxy_to(APP))
            client.sends(request)
            client.half_closes()
            peers["auth:1"].sends(answer(b""))
            peers["a:1"].expects(sent)
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)
            running = run(place().limit_requests("1/s", burst=5, delay=0).proxy_to(APP))
            client, peers = running
            peers["a:1"].answers(200, b"ok")
            other = running.client()
            other.request("GET")
            client.sends(request)
            client.half_closes()
            running.clock.advance(2)
            self.assertEqual(client.responses[0].status, 200)
            client, peers = run(place().buffer_request().proxy_to(APP))
            client.sends(request)
            client.half_closes()
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)

    def test_retried(self) -> None:
        """A second peer gets the body too, whether the first was reached or not."""
        for request, sent in ((post(b"abc"), post(b"abc")), (CHUNKED, SENT)):
            client, peers = run(place().retry(non_idempotent=True).proxy_to(TWO))
            client.sends(request)
            client.half_closes()
            peers["a:1"].closes()
            peers["b:1"].expects(sent)
            peers["b:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)
            running = run(place().timeouts(connect=2).proxy_to(TWO))
            client, peers = running
            peers["a:1"].times_out()
            client.sends(request)
            client.half_closes()
            running.clock.advance(2)
            peers["b:1"].expects(sent)
            peers["b:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)

    def test_pipelined(self) -> None:
        """Each of those that were sent ahead is answered; behind the last the connection is closed."""
        for requests in ((post(b"abc"), post(b"de")), (CHUNKED, CHUNKED), (post(b"abc"), GET), (GET, CHUNKED)):
            client, peers = run(APP)
            client.sends(b"".join(requests))
            client.half_closes()
            for body in (b"one", b"two"):
                peers["a:1"].sends(answer(body))
            self.assertEqual([each.body for each in client.responses], [b"one", b"two"])
            self.assertTrue(client.is_closed)
            self.assertFalse(client.was_reset)

    def test_pipelined_and_not_whole(self) -> None:
        """A last one that is not whole is not, and those before it are answered."""
        for last in (post(b"abc")[:-1], CHUNKED[:-1]):
            running = run(APP)
            client, peers = running
            client.sends(post(b"abc") + last)
            client.half_closes()
            peers["a:1"].sends(OK)
            self.assertEqual(client.responses[0].status, 200)
            self.assertTrue(client.is_closed)
            self.assertEqual(sorted(each.status for each in running.exchanges), [200, 499])

    def test_half_close(self) -> None:
        """It is given up when nothing of its answer was sent for ``half_close`` seconds, as with a GET."""
        for accepts in (True, False):
            running = run(place().timeouts(connect=60).proxy_to(APP))
            client, peers = running
            if not accepts:
                peers["a:1"].times_out()
            client.sends(post(b"abc"))
            client.half_closes()
            running.clock.advance(4.9)
            self.assertFalse(client.is_closed)
            running.clock.advance(0.1)
            self.assertTrue(client.is_closed)
            self.assertEqual(running.exchanges[0].status, 499)

    def test_half_close_after_the_body(self) -> None:
        """The time is counted anew when its body was read."""
        for request in (post(b"abc"), CHUNKED):
            running = run(place().timeouts(connect=60).proxy_to(APP))
            client, peers = running
            peers["a:1"].times_out()
            client.sends(request)
            client.half_closes()
            running.clock.advance(2)
            peers["a:1"].accepts()
            running.clock.advance(4.9)
            self.assertFalse(client.is_closed)
            running.clock.advance(0.1)
            self.assertTrue(client.is_closed)
            self.assertEqual(running.exchanges[0].status, 499)


class UnreadTests(SynchronousTestCase):
    """Answers to requests whose body nobody wants."""

    def test_kept(self) -> None:
        """The body is dropped, if it is here or small; the connection is kept, as with nginx."""
        users = self.mktemp()
        Path(users).write_text("")
        for opened, status in (
            (place().respond(200, "ok"), 200),
            (place().respond(404), 404),
            (place().redirect_to("/elsewhere"), 302),
            (place().deny("all").respond(200), 403),
            (place().basic_auth(users).respond(200), 401),
            (server(80).location("/other").respond(200), 404),
        ):
            for request in (post(b"abc"), CHUNKED, post(b"a" * 64 * KiB)):
                client, _ = run(opened)
                client.sends(request)
                self.assertEqual(client.responses[0].status, status)
                self.assertNotIn("connection", client.responses[0].headers)
                self.assertFalse(client.is_closed)
                client.sends(request[:-1])
                client.sends(request[-1:] + request)
                self.assertEqual([each.status for each in client.responses], [status] * 3)
                self.assertFalse(client.is_closed)

    def test_later(self) -> None:
        """The rest of the body may come after the answer; it is no request."""
        for body in (b"GET / HTTP/1.1\r\nhost: evil\r\n\r\n", b"a" * 64 * KiB):
            running = run(place().respond(200, "ok"))
            client, _ = running
            head = get("/", f"Content-Length: {len(body)}", method="POST")
            client.sends(head)
            self.assertEqual(len(client.responses), 1)
            for at in range(0, len(body), 8 * KiB):
                client.sends(body[at : at + 8 * KiB])
            self.assertEqual(len(client.responses), 1)
            client.sends(GET)
            self.assertEqual(len(client.responses), 2)
            self.assertEqual(len(running.exchanges), 2)

    def test_large(self) -> None:
        """A large one is not waited for: the answer says that the connection closes."""
        client, _ = run(place().respond(200, "ok"))
        client.sends(get("/", f"Content-Length: {64 * KiB + 1}", method="POST"))
        self.assertEqual(client.responses[0].headers["connection"], "close")
        self.assertTrue(client.is_closed)

    def test_large_chunked(self) -> None:
        """One of unknown length is dropped up to so much, then the connection is closed."""
        client, _ = run(place().respond(200, "ok"))
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST"))
        self.assertFalse(client.is_closed)
        client.sends(b"20000\r\n" + b"a" * 60 * KiB)
        self.assertFalse(client.is_closed)
        client.sends(b"a" * 5 * KiB)
        self.assertTrue(client.is_closed)
        self.assertFalse(client.was_reset)

    def test_begun(self) -> None:
        """One that somebody had begun to read is not read to its end: its connection closes behind the answer."""
        client, peers = run(APP)
        client.sends(get("/", "Content-Length: 100", method="POST") + b"abc")
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        peers["a:1"].sends(b"cd")
        self.assertEqual(client.responses[0].body, b"abcd")
        self.assertTrue(client.is_closed)

    def test_malformed(self) -> None:
        """One that cannot be read has no end: nothing behind it is a request."""
        running = run(place().respond(200, "ok"))
        client, _ = running
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST") + b"x\r\n\r\n" + GET)
        self.assertEqual(len(running.exchanges), 1)
        self.assertTrue(client.is_closed)

    def test_stops(self) -> None:
        """A client that does not send the rest is closed after 5 seconds, and after 30 in all (nginx's lingering)."""
        running = run(place().respond(200, "ok"))
        client, _ = running
        client.sends(get("/", "Content-Length: 100", method="POST"))
        running.clock.advance(4.9)
        self.assertFalse(client.is_closed)
        running.clock.advance(0.1)
        self.assertTrue(client.is_closed)
        running = run(place().respond(200, "ok"))
        client, _ = running
        client.sends(get("/", "Content-Length: 100", method="POST"))
        for _ in range(29):
            client.sends(b"x")
            running.clock.advance(1)
        self.assertFalse(client.is_closed)
        running.clock.advance(1)
        self.assertTrue(client.is_closed)

    def test_left(self) -> None:
        """A client that leaves meanwhile leaves."""
        client, _ = run(place().respond(200, "ok"))
        client.sends(get("/", "Content-Length: 100", method="POST") + b"abc")
        client.half_closes()
        self.assertTrue(client.is_closed)

    def test_closing(self) -> None:
        """Where the connection closes anyway, nothing behind the answer is a request."""
        for fields in (["Connection: close"], []):
            running = run(place().respond(200, "ok"))
            client, _ = running
            line = "POST / HTTP/1.0" if not fields else "POST / HTTP/1.1"
            client.sends("\r\n".join([line, "host: x", *fields, "content-length: 3", "", "abc"]).encode() + GET)
            self.assertEqual(len(running.exchanges), 1)
            self.assertTrue(client.is_closed)

    def test_expects(self) -> None:
        """A client that waits for 100 is not told to send; whether it does is not known, so the connection closes."""
        client, _ = run(place().respond(403))
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 3", method="POST"))
        self.assertEqual(client.responses[0].headers["connection"], "close")
        client, _ = run(place().respond(403))
        client.sends(get("/", "Expect: 100-continue", "Content-Length: 3", method="POST") + b"ab")
        client.sends(b"c" + GET)
        self.assertEqual([each.status for each in client.responses], [403, 403])

    def test_stopping(self) -> None:
        """A proxy that is stopped closes behind the body, or when it is not sent."""
        running = run(place().respond(200, "ok"))
        client, _ = running
        client.sends(get("/", "Content-Length: 3", method="POST"))
        running.stop()
        client.sends(b"abc")
        self.assertTrue(client.is_closed)
        self.assertTrue(running.is_stopped)
