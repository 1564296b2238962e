"""Conversations: peers that steer the proxy by the fields of their responses."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from pydsl_proxy import KiB, exact, http2, named, peer, server, upstream
from pydsl_proxy.config.servers import Server
from pydsl_proxy.features.pass_through import Passing
from pydsl_proxy.interfaces import AttachedFilter, CompileContext, FilterOrder, Sink
from pydsl_proxy.testing import Response, Running, run
from tests.support.messages import GET, OK, answer, get, post

#: What an application says of a file that another location is to send.
FIRST = (
    "Content-Type: application/pdf",
    "Content-Disposition: attachment; filename=a.pdf",
    "Set-Cookie: a=1",
    "Set-Cookie: b=1",
    "Cache-Control: private",
    "Expires: Thu, 01 Jan 2032 00:00:00 GMT",
    "Accept-Ranges: bytes",
    'ETag: "1"',
    "X-Other: 1",
)


def site(location: str = "/") -> Server:
    """An application, and the locations that it may send clients to."""
    return (
        server(80)
        .location("/files/")
        .internal()
        .respond(200, "the file")
        .location("/again/")
        .internal()
        .proxy_to("b:1", path="/moved/")
        .location("/missing/")
        .respond(404, "none")
        .location(named("fallback"))
        .proxy_to("b:1")
        .location(location)
        .proxy_to("a:1")
    )


def redirected(target: str, *fields: str, running: Running | None = None, request: bytes = GET) -> tuple[Running, str]:
    """A request that the application answers with a redirect to *target*; the client's first line so far."""
    running = running or run(site())
    client, peers = running
    client.sends(request)
    peers["a:1"].sends(answer(b"", "200 OK", f"X-Accel-Redirect: {target}", *fields))
    return running, client.received.split(b"\r\n")[0].decode()


def last(running: Running) -> Response:
    """What the client was answered."""
    client, _ = running
    return client.responses[-1]


class RedirectTests(SynchronousTestCase):
    """X-Accel-Redirect."""

    def test_internal(self) -> None:
        """Another location answers, one that is closed to clients too; the application's body is nobody's."""
        client, peers = running = run(site())
        client.sends(GET)
        peers["a:1"].sends(answer(b"the page", "200 OK", "X-Accel-Redirect: /files/a.pdf"))
        self.assertEqual((last(running).status, last(running).body), (200, b"the file"))
        self.assertNotIn("x-accel-redirect", last(running).headers)
        self.assertEqual(client.request("GET", "/files/a.pdf").status, 404)

    def test_any_status(self) -> None:
        """The status of the application's answer is of no account, as with nginx."""
        for status in ("500 Internal Server Error", "302 Found", "404 Not Found"):
            client, peers = running = run(site())
            client.sends(GET)
            peers["a:1"].sends(answer(b"no", status, "X-Accel-Redirect: /files/a"))
            self.assertEqual(last(running).status, 200)

    def test_kept_fields(self) -> None:
        """Six fields of the application stay, the others are the file's."""
        running, _ = redirected("/files/a.pdf", *FIRST)
        headers = last(running).headers
        self.assertEqual(headers["content-type"], "application/pdf")
        self.assertEqual(headers["content-disposition"], "attachment; filename=a.pdf")
        self.assertEqual(headers.all("set-cookie"), ["a=1", "b=1"])
        self.assertEqual(headers["cache-control"], "private")
        self.assertEqual(headers["expires"], "Thu, 01 Jan 2032 00:00:00 GMT")
        self.assertEqual(headers["accept-ranges"], "bytes")
        self.assertNotIn("etag", headers)
        self.assertNotIn("x-other", headers)
        self.assertEqual(headers["content-length"], "8")

    def test_kept_before_a_peer(self) -> None:
        """A second peer's type and ranges are its body's; cookies add up; the rest is the application's."""
        running, _ = redirected("/again/x?y=1", *FIRST)
        client, peers = running
        self.assertEqual(peers["b:1"].requests[-1].target, "/moved/x?y=1")
        second = ("Content-Type: text/x", "Set-Cookie: s=2", "Cache-Control: public", "Accept-Ranges: none", "ETag: 2")
        peers["b:1"].sends(answer(b"hi", "201 Created", *second))
        headers = last(running).headers
        self.assertEqual(last(running).status, 201)
        self.assertEqual(headers.all("set-cookie"), ["a=1", "b=1", "s=2"])
        self.assertEqual((headers["content-type"], headers["accept-ranges"], headers["etag"]), ("text/x", "none", "2"))
        self.assertEqual(headers.all("cache-control"), ["private"])
        self.assertEqual(headers["content-disposition"], "attachment; filename=a.pdf")
        client.sends(get("/next"))
        peers["a:1"].sends(OK)
        self.assertNotIn("set-cookie", last(running).headers)

    def test_errors_keep_cookies_only(self) -> None:
        """What was said of a file is not said of the page that tells that it is missing."""
        for target in ("/missing/a", "/again/"):
            running, _ = redirected(target, *FIRST)
            running.peers["b:1"].answers(404, b"none", {"content-type": "text/plain"})
            headers = last(running).headers
            self.assertEqual(last(running).status, 404)
            self.assertEqual(headers.all("set-cookie"), ["a=1", "b=1"])
            self.assertTrue(headers["content-type"].startswith("text/plain"))
            self.assertFalse({"content-disposition", "cache-control", "expires"} & set(headers))

    def test_get(self) -> None:
        """The method becomes GET, unless it is HEAD, and the request's body is not sent again; the log says POST."""
        running, _ = redirected("/again/", request=post(b"hello"))
        request = running.peers["b:1"].requests[-1]
        self.assertEqual((request.method, request.body), ("GET", b""))
        self.assertNotIn("content-length", request.headers)
        running.peers["b:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")
        self.assertEqual(running.exchanges[-1].method, "POST")
        self.assertIn('"POST / HTTP/1.1"', running.log[-1])
        running, _ = redirected("/again/", request=get("/", method="HEAD"))
        self.assertEqual(running.peers["b:1"].requests[-1].method, "HEAD")

    def test_chunked_request(self) -> None:
        """Nor is a chunked one, nor told of."""
        request = get("/", "Transfer-Encoding: chunked", method="PUT") + b"2\r\nhi\r\n0\r\n\r\n"
        running, _ = redirected("/again/", request=request)
        self.assertEqual(running.peers["b:1"].requests[-1].method, "GET")
        self.assertNotIn("transfer-encoding", running.peers["b:1"].requests[-1].headers)

    def test_early(self) -> None:
        """An application that redirects before it has the body: the client is answered, and its connection ends."""
        client, peers = running = run(site())
        client.sends(post(b"hello")[:-2])
        peers["a:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /files/a"))
        self.assertEqual(last(running).body, b"the file")
        self.assertTrue(peers["a:1"].is_closed)
        client.sends(b"lo")
        self.assertTrue(client.is_closed)

    def test_named(self) -> None:
        """To a named location the request goes as it was, with its body if that is here yet."""
        running, _ = redirected("@fallback", request=post(b"hello"))
        request = running.peers["b:1"].requests[-1]
        self.assertEqual((request.method, request.target, request.body), ("POST", "/", b"hello"))

    def test_named_large(self) -> None:
        """A large body is here if it was buffered, and gone if it was not: then it is a GET."""
        sent = bytes(100_000)
        running, _ = redirected("@fallback", request=post(sent))
        request = running.peers["b:1"].requests[-1]
        self.assertEqual((request.method, request.body), ("GET", b""))
        self.assertNotIn("content-length", request.headers)
        buffered = run(site().buffer_request())
        running, _ = redirected("@fallback", request=post(sent), running=buffered)
        request = running.peers["b:1"].requests[-1]
        self.assertEqual((request.method, request.body), ("POST", sent))

    def test_connection_is_kept(self) -> None:
        """The application's connection serves the next request: after an empty body, and after a short one."""
        running, _ = redirected("/files/a")
        client, peers = running
        client.sends(GET)
        peers["a:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-accel-redirect: /files/a\r\n\r\n")
        self.assertEqual(len(client.responses), 2)
        peers["a:1"].sends(b"page")
        client.sends(GET)
        self.assertEqual(len(peers["a:1"].connections), 1)

    def test_connection_is_cut(self) -> None:
        """A long body, and one of unknown length, are not read."""
        for framing in (b"content-length: 100000000", b"transfer-encoding: chunked"):
            client, peers = running = run(site())
            client.sends(GET)
            peers["a:1"].sends(b"HTTP/1.1 200 OK\r\n%b\r\nx-accel-redirect: /files/a\r\n\r\n" % framing)
            self.assertEqual(last(running).body, b"the file")
            self.assertTrue(peers["a:1"].is_closed)

    def test_connection_at_the_limit(self) -> None:
        """Of 64 KiB what is not here yet is read, of a byte more nothing is."""
        for here in (b"", b"page"):
            for left, kept in ((0x10000, True), (0x10001, False)):
                client, peers = running = run(site())
                client.sends(GET)
                head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n" % (len(here) + left)
                peers["a:1"].sends(head + b"x-accel-redirect: /files/a\r\n\r\n" + here)
                self.assertEqual(last(running).body, b"the file")
                self.assertEqual(peers["a:1"].is_closed, not kept)
                if kept:
                    peers["a:1"].sends(bytes(left))
                    client.sends(GET)
                    self.assertEqual(len(peers["a:1"].connections), 1)

    def test_in_flight(self) -> None:
        """A peer that is done with is not counted as busy."""
        web = (
            server(80).location("/files/").respond(200, "f").location("/").proxy_to(upstream("one", "a:1", keepalive=1))
        )
        running = run(web)
        for _ in range(3):
            redirected("/files/a", running=running)
        self.assertEqual(len(running.peers["a:1"].connections), 1)

    def test_decoded(self) -> None:
        """The target is a URI: escaped, with a query."""
        running, _ = redirected("/again/a%20b?x=%41")
        self.assertEqual(running.peers["b:1"].requests[-1].target, "/moved/a%20b?x=%41")

    def test_no_path(self) -> None:
        """What is no path below the root is the application's mistake: 502, where nginx answers 404."""
        for target in ("relative", "http://elsewhere/", "/a%zz", "?x", "/a%00"):
            running, line = redirected(target)
            self.assertEqual(line, "HTTP/1.1 502 Bad Gateway", target)
            self.assertEqual(running.exchanges[-1].cause, "bad_redirect")

    def test_climbing(self) -> None:
        """A path with a segment ``..``, however it is spelled, leads nowhere: 404, as nginx answers."""
        for target in (
            "/../etc/passwd",
            "/files/../again/secret",
            "/files/%2e%2e/again/secret",
            "/files/.%2E/again/",
            "/files/..%2fagain/secret",
            "/files%2f..%2fagain/secret",
            "/files/..",
            "/files/..?x",
            "/files/a/../b",
        ):
            running, line = redirected(target)
            self.assertEqual(line, "HTTP/1.1 404 Not Found", target)
            self.assertEqual(running.exchanges[-1].cause, "bad_redirect")
            self.assertEqual(running.peers["b:1"].connections, [])
        for target in ("/files/..a", "/files/a..", "/files/...", "/files/./a", "/files/?/../x"):
            self.assertEqual(redirected(target)[1], "HTTP/1.1 200 OK", target)

    def test_encoded(self) -> None:
        """What may not stand in a request line is percent-encoded, in the path and in the query."""
        web = server(80).location("/p/").proxy_to(upstream("b", "b:1")).location("/").proxy_to("a:1")
        for target, expected in (
            ("/p/a b.txt", "/p/a%20b.txt"),
            ("/p/a\tb", "/p/a%09b"),
            ("/p/é?ü=ö ä", "/p/%C3%A9?%C3%BC=%C3%B6%20%C3%A4"),
            ("/p/a HTTP/1.1", "/p/a%20HTTP/1.1"),
            ("/p/a?x HTTP/1.1", "/p/a?x%20HTTP/1.1"),
            ("/p/a#b?c#d", "/p/a%23b?c%23d"),
            ("/p/a%20b%2Fc?%20", "/p/a%20b%2Fc?%20"),
            ("//p//a", "/p//a"),
        ):
            running, _ = redirected(target, running=run(web))
            [asked] = running.peers["b:1"].requests
            self.assertEqual(asked.target, expected)
            self.assertEqual(running.peers["b:1"].takes().count(b"\r\n\r\n"), 1)

    def test_encoded_for_http2(self) -> None:
        """So it is for a peer of HTTP/2."""
        web = server(80).location("/p/").proxy_to(upstream("b", "b:1", via=http2())).location("/").proxy_to("a:1")
        running, _ = redirected("/p/a b é?c d", running=run(web))
        self.assertEqual(running.peers["b:1"].requests[-1].target, "/p/a%20b%20%C3%A9?c%20d")

    def test_nowhere(self) -> None:
        """A path without a location is 404, and so is a name without one."""
        for target in ("/none", "@none"):
            running = run(server(80).location(exact("/")).proxy_to("a:1"))
            _, line = redirected(target, running=running)
            self.assertEqual(line, "HTTP/1.1 404 Not Found")

    def test_empty(self) -> None:
        """An empty field redirects nowhere."""
        running, _ = redirected("", "X-Other: 1")
        self.assertEqual(last(running).headers["x-other"], "1")

    def test_cycle(self) -> None:
        """After ten redirects the answer is 500."""
        client, peers = running = run(server(80).location("/").proxy_to("a:1"))
        peers["a:1"].answers(200, b"", {"X-Accel-Redirect": "/"})
        self.assertEqual(client.request("GET", "/").status, 500)
        self.assertEqual(len(peers["a:1"].requests), 11)
        self.assertEqual(running.exchanges[-1].cause, "redirect_cycle")

    def test_twice(self) -> None:
        """Of several redirects the first answer's fields stand, and the cookies of all."""
        running, _ = redirected("/again/", "Set-Cookie: a=1", "Cache-Control: private")
        fields = ("X-Accel-Redirect: /files/", "Set-Cookie: b=2", "Cache-Control: public", "Content-Type: b/b")
        running.peers["b:1"].sends(answer(b"", "200 OK", *fields))
        headers = last(running).headers
        self.assertEqual(headers.all("set-cookie"), ["a=1", "b=2"])
        self.assertEqual((headers.all("cache-control"), headers["content-type"]), (["private"], "b/b"))

    def test_rules(self) -> None:
        """The rules of the location that answers have the last word."""
        web = server(80).location("/files/").hide_response_header("set-cookie").respond(200, "f")
        running = run(web.location("/").set_response_header("X-A", "1").proxy_to("a:1"))
        redirected("/files/", "Set-Cookie: a=1", running=running)
        self.assertNotIn("set-cookie", last(running).headers)
        self.assertNotIn("x-a", last(running).headers)

    def test_retried(self) -> None:
        """An answer that is retried redirects only if no other peer does better."""
        app = upstream("app", "a:1", "b:1")
        web = server(80).location("/files/").respond(200, "f").location("/").retry(on=["error", 503]).proxy_to(app)
        busy = answer(b"", "503 Service Unavailable", "X-Accel-Redirect: /files/", "Set-Cookie: a=1")
        client, peers = running = run(web)
        client.sends(GET)
        peers["a:1"].sends(busy)
        peers["b:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")
        client, peers = running = run(web)
        client.sends(GET)
        peers["a:1"].sends(busy)
        peers["b:1"].closes()
        self.assertEqual((last(running).body, last(running).headers["set-cookie"]), (b"f", "a=1"))

    def test_ignored(self) -> None:
        """Where it is ignored the answer goes to the client, without the field."""
        web = server(80).ignore_response_header("X-Accel-Redirect").location("/files/").respond(200, "f")
        client, peers = running = run(web.location("/").proxy_to("a:1"))
        client.sends(GET)
        peers["a:1"].sends(answer(b"page", "200 OK", "X-Accel-Redirect: /files/", "X-Other: 1"))
        self.assertEqual((last(running).body, last(running).headers["x-other"]), (b"page", "1"))
        self.assertNotIn("x-accel-redirect", last(running).headers)

    def test_clients_say_nothing(self) -> None:
        """A client's fields of the same name steer nothing."""
        client, peers = running = run(site())
        client.sends(get("/", "X-Accel-Redirect: /files/"))
        peers["a:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")

    def test_filters(self) -> None:
        """The filters of the location that answers work, and none of the one that asked the application."""
        web = (
            server(80)
            .location("/files/")
            .buffer_response()
            .proxy_to("b:1")
            .location("/")
            .buffer_response()
            .limit_rate(10)
            .proxy_to("a:1")
        )
        running, _ = redirected("/files/", running=run(web))
        running.peers["b:1"].sends(answer(bytes(300_000)))
        self.assertEqual(len(last(running).body), 300_000)


@frozen
class Open:
    """A filter as most are."""

    nearness: FilterOrder = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink that passes all on."""
        return lambda exchange, sink: Passing(sink)


@frozen
class Closed:
    """A filter whose sink does not tell what is behind it."""

    nearness: FilterOrder = FilterOrder.OWN

    def attach(self, place: CompileContext) -> AttachedFilter:
        """A sink that passes all on."""
        return lambda exchange, sink: ClosedSink(sink)


class ClosedSink:
    """What passes all on."""

    def __init__(self, behind: Sink) -> None:
        self.start = behind.start
        self.write = behind.write
        self.finish = behind.finish
        self.fail = behind.fail
        self.stream_from = behind.stream_from
        self.stop = behind.stop


class RateTests(SynchronousTestCase):
    """X-Accel-Limit-Rate."""

    def seconds(self, web: Server, *fields: str) -> float:
        """How long a response of 1000 bytes takes, to the second."""
        client, peers = running = run(web)
        client.sends(GET)
        peers["a:1"].sends(answer(bytes(1000), "200 OK", *fields))
        took = 0
        while not client.responses and took < 100:
            running.clock.advance(1)
            took += 1
        return took

    def test_rate(self) -> None:
        """So many bytes a second; other values are passed over."""
        plain = server(80).location("/").proxy_to("a:1")
        self.assertEqual(self.seconds(plain, "X-Accel-Limit-Rate: 100"), 10)
        self.assertEqual(self.seconds(plain, "X-Accel-Limit-Rate: off"), 0)
        self.assertEqual(self.seconds(plain, "X-Accel-Limit-Rate: 0"), 0)
        self.assertEqual(self.seconds(plain, "X-Accel-Limit-Rate: -5"), 0)

    def test_wins(self) -> None:
        """It takes the place of the location's own, 0 is no limit."""
        limited = server(80).location("/").limit_rate(50).proxy_to("a:1")
        self.assertEqual(self.seconds(limited), 20)
        self.assertEqual(self.seconds(limited, "X-Accel-Limit-Rate: 100"), 10)
        self.assertEqual(self.seconds(limited, "X-Accel-Limit-Rate: 0"), 0)

    def test_buffered(self) -> None:
        """A peer whose response is buffered does not wait for the rate that it asks for."""
        web = server(80).location("/").buffer_response().proxy_to("a:1")
        client, peers = running = run(web)
        client.sends(GET)
        body = bytes(200 * KiB)
        peers["a:1"].sends(answer(body, "200 OK", "X-Accel-Limit-Rate: 10240"))
        self.assertEqual(peers["a:1"].unread, 0)
        peers["a:1"].answers(200, b"ok")
        self.assertEqual(running.client().request("GET", "/").body, b"ok")
        self.assertEqual(client.responses, [])
        for _ in range(30):
            running.clock.advance(1)
        self.assertEqual(client.responses[0].body, body)

    def test_filters(self) -> None:
        """It is next to the client, behind all filters that tell what is behind them; before one that does not."""
        for own in (Open(), Closed()):
            web = server(80).location("/").filter(own).proxy_to("a:1")
            self.assertEqual(self.seconds(web, "X-Accel-Limit-Rate: 100"), 10)

    def test_after_redirect(self) -> None:
        """It holds for what another location sends, with its fields."""
        web = server(80).location("/files/").respond(200, "x" * 1000).location("/").proxy_to("a:1")
        self.assertEqual(self.seconds(web, "X-Accel-Redirect: /files/", "X-Accel-Limit-Rate: 100"), 10)

    def test_ignored(self) -> None:
        """Where it is ignored the response comes at once."""
        web = server(80).location("/").ignore_response_header("x-accel-limit-rate").proxy_to("a:1")
        self.assertEqual(self.seconds(web, "X-Accel-Limit-Rate: 100"), 0)


class OtherTests(SynchronousTestCase):
    """The rest of nginx's."""

    def test_without_effect(self) -> None:
        """X-Accel-Expires and X-Accel-Charset are kept from clients, and change nothing."""
        client, peers = run(site())
        client.sends(GET)
        peers["a:1"].sends(answer(b"x", "200 OK", "X-Accel-Expires: 60", "X-Accel-Charset: utf-8"))
        self.assertEqual(dict(client.responses[-1].headers).keys() - {"date"}, {"content-length"})


class TogetherTests(SynchronousTestCase):
    """Redirects beside other verbs."""

    def test_mounted(self) -> None:
        """A resource that a client is redirected to gets no body, whatever came of the client's."""

        class Telling(Resource):
            isLeaf = True

            def render(self, request: IRequest) -> bytes:
                return b"%b %b" % (request.method, request.content.read())

        for buffered in (True, False):
            opened = server(80).location("/own/").mount(Telling()).location("/")
            web = (opened.buffer_request() if buffered else opened).proxy_to("a:1")
            running, _ = redirected("/own/", request=post(b"hello"), running=run(web))
            self.assertEqual(last(running).body, b"GET ")

    def test_log(self) -> None:
        """The log lists the peers of both locations, in order."""
        running, _ = redirected("/again/")
        running.peers["b:1"].sends(OK)
        self.assertEqual(running.exchanges[-1].peers, (("a:1", 200), ("b:1", 200)))

    def test_error_page(self) -> None:
        """A page for what the location could not find is sent with the application's cookies."""
        web = (
            server(80)
            .error_page(404, to="/lost")
            .location("/lost")
            .respond(200, "look elsewhere")
            .location("/missing/")
            .internal()
            .serve_files("/nowhere/at/all")
            .location("/")
            .proxy_to("a:1")
        )
        running, _ = redirected("/missing/a", "Set-Cookie: a=1", "X-Accel-Limit-Rate: 100000", running=run(web))
        self.assertEqual((last(running).status, last(running).body), (404, b"look elsewhere"))
        self.assertEqual(last(running).headers.all("set-cookie"), ["a=1"])

    def test_retries_elsewhere(self) -> None:
        """The location that answers has all of its own peers, and all of its own time for them."""
        app = upstream("app", "b:1", "c:1")
        web = server(80).location("/again/").retry(timeout=5).proxy_to(app).location("/").retry(1).proxy_to("a:1")
        client, peers = running = run(web)
        client.sends(GET)
        running.clock.advance(10)
        peers["a:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /again/"))
        peers["b:1"].closes()
        peers["c:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["a:1", "b:1", "c:1"])

    def test_room_again(self) -> None:
        """A peer whose whole answer leads elsewhere is done with it: it has room for another request."""
        app = upstream("app", peer("a:1", max_conns=1))
        web = server(80).location("/there").respond(200, "there").location("/").proxy_to(app)
        client, peers = run(web)
        for _ in range(3):
            client.sends(GET)
            peers["a:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /there"))
            self.assertEqual(client.responses[-1].body, b"there")

    def test_tries_elsewhere(self) -> None:
        """What was tried before the redirect does not count there, neither the number of tries nor the peers."""
        first, again = upstream("one", "a:1", "b:1"), upstream("two", "c:1", "d:1")
        web = server(80).location("/again/").retry(2).proxy_to(again).location("/").retry(3).proxy_to(first)
        client, peers = running = run(web)
        for name in ("a:1", "c:1"):
            peers[name].refuses()
        client.sends(GET)
        peers["b:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /again/"))
        peers["d:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["a:1", "b:1", "c:1", "d:1"])

    def test_same_peers(self) -> None:
        """A peer that failed before the redirect may be asked after it, if the other location has the same peers."""
        app = upstream("app", peer("a:1", max_fails=0), "b:1")
        web = server(80).location("/again/").proxy_to(app).location("/").proxy_to(app)
        client, peers = running = run(web)
        peers["a:1"].refuses()
        client.sends(GET)
        peers["a:1"].accepts()
        peers["b:1"].sends(answer(b"", "200 OK", "X-Accel-Redirect: /again/"))
        peers["b:1"].closes()
        peers["b:1"].closes()
        peers["a:1"].sends(OK)
        self.assertEqual(last(running).body, b"ok")
        self.assertEqual([name for name, _ in running.exchanges[-1].peers], ["a:1", "b:1", "b:1", "b:1", "a:1"])

    def test_compressed(self) -> None:
        """What the application says the type is decides whether the file is compressed."""
        web = server(80).compress("gzip", types=["text/x-report"]).location("/files/").respond(200, "x" * 5000)
        running = run(web.location("/").proxy_to("a:1"))
        request = get("/", "Accept-Encoding: gzip")
        redirected("/files/a", "Content-Type: text/x-report", running=running, request=request)
        self.assertEqual(last(running).headers["content-encoding"], "gzip")
        redirected("/files/a", "Content-Type: text/x-other", running=running, request=request)
        self.assertNotIn("content-encoding", last(running).headers)
