"""Conversations with ASGI applications: the specification as the proxy keeps it, and what it does for slow clients."""

from __future__ import annotations

import asyncio
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import http, regex, server
from pydsl_proxy.config.matching import Match
from pydsl_proxy.handlers.asgi.types import Application, Receive, Send
from pydsl_proxy.testing import run
from tests.support.asgi_apps import TEXT, Kept, Message, at_root, body, http_only, sending, start, whole_body

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"

Scope = dict[str, object]


def scope(match: str | Match = "/", target: str = "/", **fields: str) -> Scope:
    """The scope of one request."""
    kept = Kept()
    client, _ = run(server(8080).location(match).asgi(kept))
    client.request("GET", target, {name.replace("_", "-"): value for name, value in fields.items()})
    return kept.scopes[0]


class ScopeTests(SynchronousTestCase):
    """What the application is told."""

    def test_paths(self) -> None:
        """``root_path`` is the location's prefix, ``path`` all of the decoded path."""
        for match, target, root_path, path in (
            ("/", "/", "", "/"),
            ("/", "/a%20b/c?d", "", "/a b/c"),
            ("/", "/caf%C3%A9", "", "/café"),
            ("/", "/%FF", "", "/\ufffd"),
            ("/app/", "/app/", "/app", "/app/"),
            ("/app/", "/app/a", "/app", "/app/a"),
            ("/app", "/app", "/app", "/app"),
            (regex("^/a"), "/app/a", "", "/app/a"),
        ):
            made = scope(match, target)
            self.assertEqual((made["root_path"], made["path"]), (root_path, path))

    def test_scope(self) -> None:
        """The client, the server and the request."""
        made = scope("/", "/a%20b?c=d", X_One="1")
        headers = cast("list[tuple[bytes, bytes]]", made.pop("headers"))
        self.assertIn((b"x-one", b"1"), headers)
        self.assertIn((b"x-real-ip", b"127.0.0.1"), headers)
        self.assertEqual(
            made,
            {
                "type": "http",
                "asgi": {"version": "3.0", "spec_version": "2.4"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": "/a b",
                "raw_path": b"/a%20b",
                "query_string": b"c=d",
                "root_path": "",
                "client": ("127.0.0.1", 50001),
                "server": ("127.0.0.1", 8080),
                "extensions": {"http.response.trailers": {}},
                "state": {},
            },
        )

    def test_trusted_proxies(self) -> None:
        """Behind a trusted proxy the client and the scheme are those that it tells."""
        kept = Kept()
        config = http(server(80).location("/").asgi(kept), trusted_proxies=["127.0.0.0/8"])
        run(config)[0].request("GET", "/", {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
        self.assertEqual(cast("tuple[str, int]", kept.scopes[0]["client"])[0], "192.0.2.7")
        self.assertEqual(kept.scopes[0]["scheme"], "https")

    def test_hidden(self) -> None:
        """Neither what a client says of itself, nor Proxy, nor what ends at this hop."""
        made = dict(
            cast("list[tuple[bytes, bytes]]", scope(X_Real_IP="192.0.2.7", Proxy="x", TE="trailers")["headers"])
        )
        self.assertEqual(made[b"x-real-ip"], b"127.0.0.1")
        self.assertEqual({b"proxy", b"te"} & made.keys(), set())

    def test_beside_the_location(self) -> None:
        """A plain prefix matches beyond its last segment; that is no path below it."""
        self.assertEqual(run(server(80).location("/app").asgi(Kept()))[0].request("GET", "/apple").status, 404)

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 may name no host, and takes no trailers."""
        kept = Kept()
        at_root(kept)[0].sends(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual((kept.scopes[0]["http_version"], kept.scopes[0]["extensions"]), ("1.0", {}))
        self.assertNotIn(b"host", dict(cast("list[tuple[bytes, bytes]]", kept.scopes[0]["headers"])))


class ReceiveTests(SynchronousTestCase):
    """The request's body, while it comes."""

    def test_none(self) -> None:
        """A request without a body is one empty message, then nothing until the client leaves."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(await receive())
            seen.append(await receive())

        client, _ = at_root(http_only(answer))
        client.sends(GET)
        self.assertEqual(seen, [{"type": "http.request", "body": b"", "more_body": False}])
        client.closes()
        self.assertEqual(seen[1:], [{"type": "http.disconnect"}])

    @given(st.binary(max_size=300), st.lists(st.integers(1, 90), max_size=6), st.lists(st.binary(max_size=20)))
    def test_any_pieces(self, data: bytes, cuts: list[int], pieces: list[bytes]) -> None:
        """However the body comes, and whatever pieces the answer has, both arrive byte for byte."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            received = await whole_body(receive)
            await send(start())
            await send(body(received, more=True))
            for piece in pieces:
                await send(body(piece, more=True))
            await send(body())

        client, _ = at_root(http_only(answer))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data))
        at = 0
        for cut in cuts:
            client.sends(data[at : at + cut])
            at += cut
        client.sends(data[at:])
        self.assertEqual(client.responses[-1].body, data + b"".join(pieces))

    def test_streams(self) -> None:
        """What has come is received before the rest is sent, and answered."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            more = True
            while more:
                message = await receive()
                more = bool(message["more_body"])
                await send(body(cast("bytes", message["body"]).upper(), more=more))

        client, _ = at_root(http_only(answer))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        self.assertIn(b"\r\n3\r\nONE\r\n", client.takes())
        client.sends(b"3\r\ntwo\r\n0\r\n\r\n")
        self.assertEqual(client.responses[-1].body, b"ONETWO")

    def test_bounded(self) -> None:
        """A client that sends faster than the application receives is not read on."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await asyncio.sleep(10)
            size = len(await whole_body(receive))
            await send(start())
            await send(body(b"%d" % size))

        running = at_root(http_only(answer))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            client.sends(bytes(100_000))
        self.assertGreater(client.unread, 2_500_000)
        running.clock.advance(10)
        self.assertEqual(client.unread, 0)
        self.assertEqual(client.responses[-1].status, 200)

    def test_expect(self) -> None:
        """A client that waits for a word before it sends the body gets it when the application receives."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            received = await whole_body(receive) if scope["path"] == "/read" else b"no"
            await send(start())
            await send(body(received))

        head = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        client, _ = at_root(http_only(answer))
        client.sends(head % b"/read")
        client.expects(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sends(b"abc")
        self.assertEqual(client.responses[-1].body, b"abc")
        client.takes()
        client.sends(head % b"/")
        self.assertNotIn(b"100 Continue", client.takes())
        self.assertEqual(client.responses[-1].body, b"no")

    def test_too_large(self) -> None:
        """``limit_body`` is answered 413, also before the application was called."""
        client, _ = run(server(80).location("/").limit_body(10).asgi(http_only(lambda s, r, _: whole_body(r))))  # type: ignore[arg-type,return-value]  # its result is not looked at
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + bytes(20))
        self.assertIn(b"413 ", client.takes())
        self.assertTrue(client.is_closed)

    def test_after_the_end(self) -> None:
        """Who receives when the answer is complete is told that the client is gone."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(start())
            await send(body(b"ab"))
            seen.append(await receive())

        at_root(http_only(answer))[0].request("GET")
        self.assertEqual(seen, [{"type": "http.disconnect"}])


class SendTests(SynchronousTestCase):
    """The head, its framing, and the body."""

    def test_whole(self) -> None:
        """A body of one message has a length; it goes out with its head, by whatever bytes it is."""
        for data in (b"ab", bytearray(b"ab"), memoryview(b"ab")):
            client, _ = at_root(sending(start(), body(data)))
            client.sends(GET)
            client.expects(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nContent-Length: 2\r\n\r\nab")

    def test_flushed(self) -> None:
        """Each message is sent at once."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start(headers=[]))
            await send(body(b"a", more=True))
            await asyncio.sleep(5)
            await send(body(b"b", more=True))
            await asyncio.sleep(5)
            await send(body())

        running = at_root(http_only(answer))
        client = running[0]
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        running.clock.advance(5)
        client.expects(b"1\r\nb\r\n")
        running.clock.advance(5)
        client.expects(b"0\r\n\r\n")

    def test_head_at_once(self) -> None:
        """An empty first message sends the head: so an event stream begins before its first event."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start(headers=[]))
            await send(body(b"", more=True))
            await asyncio.sleep(5)
            await send(body())

        client, _ = at_root(http_only(answer))
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")

    def test_declared(self) -> None:
        """A declared length is kept."""
        headers = [(b"content-length", b"2")]
        client, _ = at_root(sending(start(headers=headers), body(b"a", more=True), body(b"b")))
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab")
        for messages in ((body(b"abc"),), (body(b"a"),), (body(b"ab", more=True), body(b"c"))):
            client, _ = at_root(sending(start(headers=headers), *messages))
            client.sends(GET)
            self.assertLess(len(client.takes().partition(b"\r\n\r\n")[2]), 30)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_without_body(self) -> None:
        """HEAD, 204 and 304 have none; who goes on to send one is told that nobody wants it."""
        client, _ = at_root(sending(start(headers=[(b"content-length", b"2")]), body(b"a", more=True), body(b"b")))
        client.sends(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        for status, phrase in ((204, b"No Content"), (304, b"Not Modified")):
            client, _ = at_root(sending(start(status, []), body(b"body")))
            client.sends(GET)
            client.expects(b"HTTP/1.1 %d %b\r\n\r\n" % (status, phrase))

    def test_trailers(self) -> None:
        """Trailers follow the body, in one message or more."""
        trailers: Message = {"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True}
        last: Message = {"type": "http.response.trailers", "headers": [(b"x-b", b"2")]}
        client, _ = at_root(sending(start(headers=[], trailers=True), body(b"ab"), trailers, last))
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n")

    def test_mistakes(self) -> None:
        """What breaks the specification is answered 500 and logged: nothing of it is sent."""
        for application, error in (
            (sending(body(b"a")), RuntimeError),
            (sending(start(), start()), RuntimeError),
            (sending(start(), {"type": "websocket.send"}), RuntimeError),
            (sending(), RuntimeError),
            (sending(start()), RuntimeError),
            (sending(start(cast("int", "200"))), TypeError),
            (sending(start(100)), ValueError),
            (sending(start(headers=[("a", "b")])), TypeError),
            (sending(start(headers=[(b"a",)])), TypeError),
            (sending(start(headers=[(b"a", b"b\r\nc: d")])), ValueError),
            (sending(start(headers=[(b"a b", b"c")])), ValueError),
            (sending(start(headers=[(b"content-length", b"x")])), ValueError),
            (sending(start(), body("text")), TypeError),
        ):
            self.assertEqual(at_root(application)[0].request("GET").status, 500)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1, error)

    def test_more_than_complete(self) -> None:
        """What follows a complete response is a mistake of the application; the response stands."""
        client, _ = at_root(sending(start(), body(b"a"), body(b"b")))
        self.assertEqual(client.request("GET").body, b"a")
        self.assertEqual(client.request("GET").body, b"a")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_filters(self) -> None:
        """The location's filters and fields hold for it."""
        config = server(80).set_response_header("X-A", "1").location("/").compress()
        client, _ = run(config.asgi(sending(start(), body(b"a" * 5000, more=True), body(b"b"))))
        response = client.request("GET", "/", {"Accept-Encoding": "gzip"})
        self.assertEqual((response.headers["X-A"], response.headers["Content-Encoding"]), ("1", "gzip"))

    def test_user_function_raises(self) -> None:
        """A response field that cannot be computed is 500, and the application hears that nobody takes the rest."""
        seen: list[BaseException] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            await send(body(b"a", more=True))
            await asyncio.sleep(1)
            try:
                await send(body(b"b"))
            except OSError as error:
                seen.append(error)
                raise

        def bad(request: object) -> str:
            raise ZeroDivisionError

        running = run(server(80).set_response_header("X-A", bad).location("/").asgi(http_only(answer)))
        self.assertEqual(running[0].request("GET").status, 500)
        running.clock.advance(1)
        self.assertEqual(len(seen), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class EndTests(SynchronousTestCase):
    """Who ends it: the application with an exception, or the client."""

    def test_raises_before(self) -> None:
        """500 before the head was sent; the reason is logged and not told."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            raise ZeroDivisionError("secret")

        client, _ = at_root(http_only(answer))
        response = client.request("GET")
        self.assertEqual((response.status, response.body), (500, b"500 Internal Server Error\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_raises_after(self) -> None:
        """Broken off when the head is out."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            await send(body(b"a", more=True))
            raise ZeroDivisionError

        client, _ = at_root(http_only(answer))
        client.sends(GET)
        self.assertTrue(client.takes().endswith(b"\r\n\r\n1\r\na\r\n"))
        self.assertTrue(client.is_closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def flooding(self, sent: list[int]) -> Application:
        """An application that sends without end."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await send(start())
            try:
                while len(sent) < 10_000:
                    await send(body(bytes(10_000), more=True))
                    sent.append(1)
            except OSError:
                sent.append(-1)
                raise
            await send(body())

        return http_only(answer)

    def test_slow_client(self) -> None:
        """A client that does not read stops the application: next to nothing is made ahead."""
        sent: list[int] = []
        client, _ = at_root(self.flooding(sent))
        client.stops_reading()
        client.sends(GET)
        self.assertLess(len(sent), 30)
        self.assertLess(client.unsent, 300_000)
        client.reads(1_000_000)
        self.assertLess(len(sent), 130)
        client.reads()
        self.assertEqual((len(sent), len(client.responses[-1].body)), (10_000, 100_000_000))

    def test_leaves_while_sending(self) -> None:
        """When a client leaves, what is sent to it raises OSError; nobody is blamed."""
        sent: list[int] = []
        running = at_root(self.flooding(sent))
        running[0].stops_reading()
        running[0].sends(GET)
        running[0].closes()
        self.assertEqual(sent[-1], -1)
        self.assertEqual(running.exchanges[-1].cause, "client_closed")

    def test_leaves_while_receiving(self) -> None:
        """One that leaves before its body is complete is received as gone."""
        seen: list[object] = []

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            while not seen or seen[-1] != "http.disconnect":
                seen.append((await receive())["type"])

        running = at_root(http_only(answer))
        running[0].sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
        running[0].closes()
        self.assertEqual(seen, ["http.request", "http.disconnect"])
        self.assertEqual(running.exchanges[-1].status, 499)

    def test_keep_alive(self) -> None:
        """One connection carries many."""
        client, _ = at_root(sending(start(), body(b"a")))
        for _ in range(25):
            self.assertEqual(client.request("GET").body, b"a")

    def test_at_once(self) -> None:
        """Many are under way at once."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(1)
            await send(start(headers=TEXT))
            await send(body(cast("bytes", scope["raw_path"])))

        running = at_root(http_only(answer))
        clients = [running.client() for _ in range(20)]
        for number, client in enumerate(clients):
            client.sends(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
        running.clock.advance(1)
        self.assertEqual([client.responses[-1].body for client in clients], [b"/%d" % each for each in range(20)])
