"""Conversations at locations with steps and filters of the user's own, and redirects inside the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import GiB, Server, exact, interfaces, named, server, upstream
from pydsl_proxy.errors import ProxyError
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import (
    Ask,
    AttachedFilter,
    CompileContext,
    Exchange,
    Filter,
    FilterOrder,
    Handle,
    Producer,
    Sink,
    Step,
    Trailers,
)
from pydsl_proxy.testing import Running, run
from pydsl_proxy.wire.http.head import ResponseHead
from pydsl_proxy.wire.http1.response_writer import own_response
from tests.support.failing import mistake

#: Of a response that no filter takes at once.
SIZE = 400_000
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


class TellingSink(Passing):
    """Notes what goes through it."""

    def __init__(self, next: Sink, told: list[str], name: str) -> None:
        super().__init__(next)
        self.told = told
        self.name = name

    def start(self, response: ResponseHead, data: bytes, end: bool) -> None:
        """Note the status."""
        self.told.append(f"{self.name} {response.status} {data.decode()} {end}")
        super().start(response, data, end)

    def write(self, data: bytes) -> None:
        """Note the data."""
        self.told.append(f"{self.name} {data.decode()}")
        super().write(data)

    def finish(self, trailers: Trailers = ()) -> None:
        """Note the end."""
        self.told.append(f"{self.name} end")
        super().finish(trailers)

    def stream_from(self, producer: Producer) -> None:
        """Note that somebody produces."""
        self.told.append(f"{self.name} stream")
        super().stream_from(producer)

    def stop(self) -> None:
        """Note that it is over."""
        self.told.append(f"{self.name} stop")
        super().stop()


@frozen
class Telling:
    """A filter that notes what goes through it."""

    name: str
    told: list[str] = field(factory=list, hash=False)
    nearness: FilterOrder = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink that notes."""
        return lambda exchange, sink: TellingSink(sink, self.told, self.name)


@frozen
class RedirectTo:
    """A step that sends one path elsewhere, inside the proxy."""

    path: bytes
    target: bytes

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Redirect, or go on."""

        def redirect(exchange: Exchange) -> None:
            if exchange.path == self.path:
                exchange.redirect(self.target)
            else:
                inner(exchange)

        return redirect


@frozen
class AskFirst:
    """A step that asks a peer before it goes on."""

    upstream: object
    running: list[interfaces.Running] = field(factory=list, hash=False)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Ask, then go on or refuse."""
        ask: Ask = place.asker(self.upstream)

        def ask_first(exchange: Exchange) -> None:
            def asked(response: ResponseHead | None, body: bytes, error: ProxyError | None) -> None:
                exchange.running = None
                if response is not None and response.status == 200:
                    exchange.go_on(inner)
                else:
                    exchange.respond(403, body or (error.cause.encode() if error else b""))

            exchange.running = ask(exchange, asked, method=b"GET", target=b"/may", fields=b"\r\nHost: x", most=9)
            self.running.append(exchange.running)

        return ask_first


class Cancelled:
    """Works on an exchange, and notes why it must stop."""

    def __init__(self) -> None:
        self.causes: list[str] = []

    def cancel(self, error: ProxyError) -> None:
        """Note the cause."""
        self.causes.append(error.cause)


@frozen
class Working:
    """A step that answers by itself what it is asked, at once as a whole, or in two pieces."""

    pieces: int
    ends: bool = True
    running: Cancelled = field(factory=Cancelled, hash=False)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Answer."""

        def work(exchange: Exchange) -> None:
            exchange.running = self.running
            head = own_response(200, bytes(4000), ())
            if self.pieces == 1:
                exchange.start(head, bytes(4000), True)
                return
            exchange.start(head, bytes(2000), False)
            exchange.write(bytes(2000))
            if self.ends:
                exchange.finish()

        return work


class HeldTests(SynchronousTestCase):
    """Responses that a filter still has when the handler is done with them."""

    def causes(self, working: Working) -> list[str]:
        """Why the handler must stop when its client leaves in the middle of the response."""
        client, _ = running = run(server(80).location("/").limit_rate(1000).step(working).respond(200))
        client.sends(GET)
        running.clock.advance(1)
        self.assertNotIn(bytes(4000), client.received)
        client.resets()
        self.assertEqual(running.exchanges[0].cause, "client_closed")
        return working.running.causes

    def test_done(self) -> None:
        """A handler that is done is not cancelled when the client leaves."""
        self.assertEqual(self.causes(Working(1)), [])
        self.assertEqual(self.causes(Working(2)), [])

    def test_at_work(self) -> None:
        """One that is not is, once."""
        self.assertEqual(self.causes(Working(2, ends=False)), ["client_closed"])


class Told:
    """The producer of a response, that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """Note it."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """Note it."""
        self.told.append("resume")

    def stopProducing(self) -> None:
        """Note it."""
        self.told.append("stop")


@frozen
class Producing:
    """A step that answers with a large body, and is done with it, or not."""

    ends: bool
    producer: Told = field(factory=Told, hash=False)

    def compile(self, inner: Handle, place: CompileContext) -> Handle:
        """Answer."""

        def produce(exchange: Exchange) -> None:
            exchange.start(own_response(200, bytes(SIZE), ((b"Content-Type", b"text/plain"),)), bytes(SIZE // 2), False)
            exchange.stream_from(self.producer)
            exchange.write(bytes(SIZE // 2))
            if self.ends:
                exchange.finish()
            self.producer.told.clear()

        return produce


class PaceTests(SynchronousTestCase):
    """A client that does not read stops the peer, whatever filters stand between, and has all when it reads."""

    def test_every_filter(self) -> None:
        """Filters keep their hands off what is none of their business, and keep the pace of what is."""
        web = server(80).location("/")
        pages = web.error_page(404, body="none").error_page(503, body="busy", intercept=True)
        for place in (
            web.heartbeat(10),
            web.compress("gzip"),
            web.compress("gzip", flush=True),
            web.limit_rate(GiB),
            web.set_cookie_flags(secure=True),
            web.rewrite_cookie_path({"/a": "/b"}),
            pages,
            web.filter(Telling("f", nearness=FilterOrder.OWN)),
            web.heartbeat(10).compress("gzip").limit_rate(GiB).set_cookie_flags(secure=True),
        ):
            for kind in ("text/plain", "text/event-stream", "image/png"):
                client, peers = run(place.proxy_to("a:1"))
                client.sends(GET)
                client.stops_reading()
                size = 1 << 20
                peers["a:1"].sends(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nX-Size: 1\r\n\r\n".encode())
                for _ in range(16):
                    peers["a:1"].sends(bytes(size // 16))
                self.assertGreater(peers["a:1"].unread, size // 2, (place, kind))
                self.assertLess(client.unsent, size // 2)
                client.reads()
                peers["a:1"].closes()
                self.assertEqual(len(client.responses[0].body), size, (place, kind))

    def test_done(self) -> None:
        """A producer that is done hears nothing more, whether the client reads all or leaves."""
        for reads in (True, False):
            for producing, running in self.produced(ends=True):
                client, _ = running
                if reads:
                    client.reads()
                    running.clock.advance(10)
                    self.assertEqual(len(client.responses[0].body), SIZE)
                else:
                    client.resets()
                    running.clock.advance(10)
                self.assertEqual(producing.producer.told, [])

    def test_left(self) -> None:
        """One that is not hears nothing once the client has left."""
        for producing, running in self.produced(ends=False):
            running[0].resets()
            running.clock.advance(10)
            self.assertNotIn("resume", producing.producer.told)
            self.assertEqual(running.exchanges[0].cause, "client_closed")
            self.assertEqual(running.clock.getDelayedCalls(), [])

    def produced(self, *, ends: bool) -> Iterator[tuple[Producing, Running]]:
        """A response under way through each filter that holds some back, to a client that does not read."""
        web = server(80).location("/")
        for place in (web.limit_rate(SIZE // 5), web.buffer_response(), web.compress("gzip"), web.heartbeat(10), web):
            producing = Producing(ends)
            running = run(place.step(producing).respond(200))
            running[0].stops_reading()
            running[0].sends(GET)
            yield producing, running


class FilterTests(SynchronousTestCase):
    """What goes through filters."""

    def test_whole(self) -> None:
        """A complete response is one call; then the filter hears that it is over."""
        telling = Telling("f")
        client, _ = run(server(80).location("/").filter(telling).respond(200, "ok"))
        self.assertEqual(client.request("GET", "/").body, b"ok")
        self.assertEqual(telling.told, ["f 200 ok True", "f stop"])

    def test_streamed(self) -> None:
        """A body that goes on is passed piece by piece, and the peer is told of the client's pace."""
        telling = Telling("f")
        client, peers = run(server(80).location("/").filter(telling).proxy_to("a:1"))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        peers["a:1"].sends(b"cd")
        self.assertTrue(client.received.endswith(b"abcd"))
        self.assertEqual(telling.told, ["f 200 ab False", "f stream", "f cd", "f end", "f stop"])

    def test_order(self) -> None:
        """Filters of users run before all others; of two alike the inner one is nearer to the handler."""
        told: list[str] = []
        outer, inner = Telling("outer", told), Telling("inner", told)
        client, _ = run(server(80).filter(outer).location("/").filter(inner).respond(204))
        client.request("GET", "/")
        self.assertEqual(told[:2], ["inner 204  True", "outer 204  True"])

    def test_broken(self) -> None:
        """A response that breaks off, and a client that leaves, end the filter."""
        telling = Telling("f")
        client, peers = run(server(80).location("/").filter(telling).proxy_to("a:1"))
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        peers["a:1"].closes()
        self.assertEqual(telling.told[-1], "f stop")
        client, peers = run(server(80).location("/").filter(telling).proxy_to("a:1"))
        client.sends(GET)
        client.closes()
        self.assertEqual(telling.told.count("f stop"), 2)

    def test_error(self) -> None:
        """The proxy's own error pages go through filters too."""
        telling = Telling("f")
        client, peers = run(server(80).location("/").filter(telling).proxy_to("a:1"))
        peers["a:1"].refuses()
        self.assertEqual(client.request("GET", "/").status, 502)
        self.assertEqual(telling.told, ["f 502 502 Bad Gateway\n True", "f stop"])

    def test_mistakes(self) -> None:
        """What is not a filter or a step is refused."""
        told = mistake(server(80).filter, cast("Filter", Telling))
        self.assertIn("has no attach(place)", told[0])
        self.assertEqual(told[1], "see pydsl_proxy.interfaces.Filter")
        told = mistake(server(80).step, cast("Step", 3))
        self.assertIn("has no compile(inner, place)", told[0])
        self.assertEqual(told[1], "see pydsl_proxy.interfaces.Step")


class RedirectTests(SynchronousTestCase):
    """Redirects inside the proxy."""

    def test_path(self) -> None:
        """The location of the new path answers, with its own filters; peers get the new target."""
        telling = Telling("f")
        web = (
            server(80)
            .location("/old")
            .filter(telling)
            .step(RedirectTo(b"/old", b"/new%20one?a=1"))
            .respond(500)
            .location("/new")
            .proxy_to("a:1", path="/moved")
        )
        client, peers = run(web)
        client.sends(b"GET /old?b HTTP/1.1\r\nhost: x\r\n\r\n")
        self.assertEqual(peers["a:1"].received.split(b"\r\n")[0], b"GET /moved%20one?a=1 HTTP/1.1")
        self.assertEqual(telling.told, ["f stop"])

    def test_named(self) -> None:
        """A named location is found by its name and by no request."""
        web = (
            server(80)
            .location(exact("/a"))
            .step(RedirectTo(b"/a", b"@other"))
            .respond(500)
            .location(named("other"))
            .respond(200, "other")
        )
        client, _ = run(web)
        self.assertEqual(client.request("GET", "/a").body, b"other")
        self.assertEqual(client.request("GET", "/@other").status, 404)
        self.assertEqual(client.request("GET", "@other").status, 400)

    def test_missing(self) -> None:
        """A redirect to nowhere is 404."""
        client, _ = run(server(80).location(exact("/a")).step(RedirectTo(b"/a", b"/b")).respond(200))
        self.assertEqual(client.request("GET", "/a").status, 404)

    def test_cycle(self) -> None:
        """After ten redirects the answer is 500, as nginx's."""
        client, _ = run(server(80).location("/").step(RedirectTo(b"/a", b"/a")).respond(200))
        self.assertEqual(client.request("GET", "/a").status, 500)

    def test_name(self) -> None:
        """A name is a word, without the @."""
        self.assertEqual(mistake(named, "@a")[1], 'write named("fallback"), without nginx\'s @')


class SubrequestTests(SynchronousTestCase):
    """Requests of our own."""

    def test_asked(self) -> None:
        """The peer that is asked sees a request of its own; the exchange goes on after its answer."""
        client, peers = run(_asking())
        client.sends(b"POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
        asked = peers["auth:1"].received
        self.assertTrue(asked.startswith(b"GET /may HTTP/1.1\r\n"))
        self.assertNotIn(b"Content-Length", asked)
        peers["auth:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        self.assertTrue(peers["a:1"].received.endswith(b"\r\n\r\nhi"))

    def test_refused(self) -> None:
        """An answer, a failure and an answer that is too long are told apart."""
        client, peers = run(_asking())
        peers["auth:1"].answers(403, b"no")
        self.assertEqual(client.request("GET", "/").body, b"no")
        peers["auth:1"].answers(200, b"0123456789")
        self.assertEqual(client.request("GET", "/").body, b"subrequest_too_large")
        client, peers = run(_asking())
        peers["auth:1"].refuses()
        self.assertEqual(client.request("GET", "/").body, b"connect_refused")

    def test_size(self) -> None:
        """What is asked for may have so many bytes in all, however they come; of a byte more nothing is awaited."""
        for pieces, body in (
            ([b"012345678"], b"012345678"),
            ([b"0123", b"45678"], b"012345678"),
            ([b"0123", b"456789"], b"subrequest_too_large"),
            ([b"0123456789"], b"subrequest_too_large"),
        ):
            client, peers = run(_asking())
            client.sends(GET)
            peers["auth:1"].sends(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n")
            for each in pieces:
                peers["auth:1"].sends(b"%x\r\n%b\r\n" % (len(each), each))
            self.assertEqual(peers["auth:1"].was_reset, body == b"subrequest_too_large")
            if not peers["auth:1"].is_closed:
                peers["auth:1"].sends(b"0\r\n\r\n")
            self.assertEqual([each.body for each in client.responses], [body])

    def test_redirected(self) -> None:
        """What steers the proxy where clients ask does not where it asks by itself."""
        client, peers = run(_asking())
        client.sends(GET)
        peers["auth:1"].sends(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Accel-Redirect: /elsewhere\r\n\r\n")
        peers["a:1"].answers(200, b"here")
        self.assertEqual(client.responses[0].body, b"here")

    def test_cancelled(self) -> None:
        """A client that leaves ends the subrequest; nobody is told."""
        client, peers = run(_asking())
        client.sends(GET)
        self.assertIn(b"/may", peers["auth:1"].received)
        client.closes()
        self.assertTrue(peers["auth:1"].is_closed)


def _asking() -> Server:
    ask = AskFirst(upstream("auth", "auth:1"))
    return server(80).location("/").step(ask).proxy_to("a:1")
