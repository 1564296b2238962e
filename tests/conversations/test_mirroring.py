"""Conversations of which another upstream gets a copy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import location, server, upstream
from pydsl_proxy.testing import run
from pydsl_proxy.values.request import Request
from tests.support.failing import mistake
from tests.support.messages import get, post

APP = upstream("app", "a:1")
COPY = upstream("copy", "c:1")


class MirrorTests(SynchronousTestCase):
    """nginx's ``mirror``."""

    def test_copy(self) -> None:
        """The copy is the request as it was at this step, for whatever host, with our forwarding fields."""
        web = server(80).location("/").mirror(COPY).proxy_to(APP, path="/new/")
        client, peers = run(web)
        peers["a:1"].answers(200, b"original")
        peers["c:1"].answers(500, b"x" * 1_000_000)
        fields = {"x-a": "b", "connection": "x-hop", "x-hop": "1", "te": "trailers"}
        self.assertEqual(client.request("GET", "/x?y", fields).text, "original")
        copy = peers["c:1"].requests[0]
        self.assertEqual((copy.method, copy.target, copy.headers["x-a"]), ("GET", "/x?y", "b"))
        self.assertEqual(copy.headers["x-forwarded-for"], "127.0.0.1")
        self.assertEqual({"x-hop", "te"} & set(copy.headers), set())
        self.assertEqual(peers["a:1"].requests[0].target, "/new/x?y")

    def test_never_fails(self) -> None:
        """A mirror that is not there, is slow, or answers nonsense is no matter for the original."""
        client, peers = run(server(80).location("/").mirror(COPY).proxy_to(APP))
        peers["a:1"].answers(200, b"original")
        for state in (peers["c:1"].refuses, peers["c:1"].times_out, peers["c:1"].accepts):
            state()
            self.assertEqual(client.request("GET", "/").text, "original")
        peers["c:1"].sends(b"nonsense\r\n\r\n")
        self.assertEqual(client.request("GET", "/").text, "original")

    def test_raising_field(self) -> None:
        """A function that makes a field of the copy, and raises, does not fail the original."""
        asked = []

        def second_fails(request: Request) -> str:
            asked.append(request.method)
            if len(asked) % 2 == 0:
                raise KeyError("no")
            return "x"

        client, peers = run(server(80).location("/").set_request_header("X", second_fails).mirror(COPY).proxy_to(APP))
        peers["a:1"].answers(200, b"original")
        for body in (b"", b"data"):
            self.assertEqual(client.request("POST", "/", body=body).text, "original")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)

    def test_body(self) -> None:
        """A small body is copied while the peer gets it, whatever its framing."""
        client, peers = run(server(80).location("/").mirror(COPY, body=5).proxy_to(APP))
        peers["a:1"].answers(200, b"ok")
        client.request("POST", "/", body=b"12345")
        client.sends(get("/", "transfer-encoding: chunked", method="POST") + b"2\r\nab\r\n")
        self.assertEqual(len(peers["c:1"].requests), 1)
        client.sends(b"1\r\nc\r\n0\r\n\r\n")
        self.assertEqual([each.body for each in peers["c:1"].requests], [b"12345", b"abc"])
        self.assertEqual([each.body for each in peers["a:1"].requests], [b"12345", b"abc"])

    def test_large_body(self) -> None:
        """A larger one is not copied, declared or not, and none where 0 is allowed."""
        for most in (4, 0):
            client, peers = run(server(80).location("/").mirror(COPY, body=most).proxy_to(APP))
            peers["a:1"].answers(200, b"ok")
            client.sends(post(b"12345"))
            client.sends(get("/", "transfer-encoding: chunked", method="POST") + b"5\r\n12345\r\n0\r\n\r\n")
            self.assertEqual([each.body for each in peers["a:1"].requests], [b"12345", b"12345"])
            self.assertEqual(peers["c:1"].requests, [])

    def test_retried(self) -> None:
        """A body that is sent to a second peer is copied once."""
        two = upstream("two", "a:1", "b:1")
        client, peers = run(
            server(80).location("/").retry(on=["error"], non_idempotent=True).mirror(COPY).proxy_to(two)
        )
        client.sends(post(b"12345"))
        peers["a:1"].closes()
        self.assertEqual(peers["b:1"].requests[0].body, b"12345")
        self.assertEqual([each.body for each in peers["c:1"].requests], [b"12345"])

    def test_percent(self) -> None:
        """So many of them."""
        client, peers = run(server(80).location("/").mirror(COPY, percent=25).proxy_to(APP))
        peers["a:1"].answers(200, b"ok")
        peers["c:1"].answers(200, b"ok")
        for _ in range(200):
            client.request("GET", "/")
        self.assertTrue(25 < len(peers["c:1"].requests) < 80, len(peers["c:1"].requests))

    def test_in_flight(self) -> None:
        """While so many are under way no other is made; when one has been answered there is room."""
        client, peers = run(server(80).location("/").mirror(COPY, in_flight=2).proxy_to(APP))
        peers["a:1"].answers(200, b"ok")
        for _ in range(3):
            client.request("GET", "/")
        self.assertEqual(len(peers["c:1"].requests), 2)
        peers["c:1"].connections[0].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        client.request("GET", "/")
        self.assertEqual(len(peers["c:1"].requests), 3)

    def test_once(self) -> None:
        """A redirect inside the proxy is no other request."""
        web = (
            server(80).mirror(COPY)
            .location("/a").rewrite("^/a", "/b", last=True).respond(200)
            .location("/b").proxy_to(APP)
        )  # fmt: skip
        client, peers = run(web)
        peers["a:1"].answers(200, b"ok")
        client.request("GET", "/a")
        self.assertEqual([each.target for each in peers["c:1"].requests], ["/a"])

    def test_client_leaves(self) -> None:
        """The copy goes on when the client has left."""
        client, peers = run(server(80).location("/").mirror(COPY).proxy_to(APP))
        client.sends(get("/"))
        client.resets()
        self.assertFalse(peers["c:1"].connection.is_gone)
        peers["c:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    def test_mistakes(self) -> None:
        """An upstream, a percentage, a size and a number."""
        opened = location("/")
        for options, told in (
            ({"percent": 0}, "not a percentage"),
            ({"percent": 101}, "not a percentage"),
            ({"body": -1}, "must be 0 or more"),
            ({"in_flight": 0}, "must be 1 or more"),
        ):
            self.assertIn(told, mistake(opened.mirror, COPY, **options)[0])
        self.assertIn("is not an upstream", mistake(opened.mirror, 5)[0])  # type: ignore[arg-type]  # what is tested
        self.assertEqual(
            repr(opened.mirror("c:1", percent=5)), "location('/').mirror(upstream('c:1', 'c:1'), percent=5)"
        )
