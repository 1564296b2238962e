"""Tests of an exchange as the channel that a request of twisted.web expects."""

from __future__ import annotations

from collections.abc import Iterable
from errno import ENOSPC
from io import BytesIO
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET, Request

from pydsl_proxy import http, server
from pydsl_proxy.handlers.resource.request import MountedSite
from pydsl_proxy.testing import Response, run
from tests.support.pages import GET, Page, Rendering, Source, at, later, mounted

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def answer(rendering: Rendering, method: str = "GET") -> Response:
    """What a client gets of a page."""
    return mounted(rendering)[0][0].request(method, "/")


class RequestTests(SynchronousTestCase):
    """What a resource learns of a request."""

    def test_fields(self) -> None:
        """The fields are those that a peer would get: no hop-by-hop ones, and nobody's lies about the client."""
        page = Page(lambda request: b"")
        client, _ = run(at("/").set_request_header("X-Set", "yes").mount(page))
        sent = {"Host": "a.b", "Upgrade": "websocket", "Connection": "X-Gone", "X-Gone": "1", "X-Forwarded-For": "1"}
        client.request("GET", "/?q=1&q=2", {**sent, "Cookie": "a=b", "X-Kept": "1"})
        [request] = page.requests
        headers = {name.lower(): values for name, values in request.requestHeaders.getAllRawHeaders()}
        forwarding = {name for name in headers if name.startswith(b"x-")}
        kept = {b"x-kept", b"x-set", b"x-real-ip", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
        self.assertEqual(forwarding, kept)
        self.assertEqual(headers.keys() - forwarding, {b"host", b"cookie"})
        self.assertEqual(headers[b"x-forwarded-for"], [b"127.0.0.1"])
        self.assertEqual((request.getCookie(b"a"), request.args), (b"b", {b"q": [b"1", b"2"]}))
        self.assertEqual((request.uri, request.clientproto), (b"/?q=1&q=2", b"HTTP/1.1"))

    def ends(self, listen: str, head: bytes, trusted: Iterable[str] = ()) -> tuple[object, ...]:
        """Client, host, and whether it is secure."""
        found: list[tuple[object, ...]] = []

        def render(request: Request) -> bytes:
            peer, host = request.getClientAddress(), request.getHost()
            found.append((peer.host, host.host, host.port, request.isSecure(), request.getRequestHostname()))
            return b""

        client, _ = run(http(server(listen).location("/").mount(Page(render)), trusted_proxies=trusted))
        client.sends(head + b"\r\n\r\n")
        return found[0]

    def test_ends(self) -> None:
        """The client is who the proxy believes it is; the host is the one that it asked for."""
        plain = self.ends("tcp:8080", b"GET / HTTP/1.1\r\nHost: example.com:81")
        self.assertEqual(plain, ("127.0.0.1", "example.com", 81, False, b"example.com"))
        told = b"GET / HTTP/1.1\r\nHost: a.b\r\nX-Forwarded-For: 2001:db8::1\r\nX-Forwarded-Proto: https"
        self.assertEqual(self.ends("tcp:8080", told, ["127.0.0.1"]), ("2001:db8::1", "a.b", 443, True, b"a.b"))

    def test_without_host(self) -> None:
        """A request of HTTP/1.0 need not name a host."""
        self.assertEqual(
            self.ends("tcp:8080", b"GET / HTTP/1.0"), ("127.0.0.1", "localhost", 8080, False, b"localhost")
        )

    def test_unix_client(self) -> None:
        """A client on a UNIX socket has nginx's name for an address, which WSGI asks for."""
        self.assertEqual(self.ends("unix:/s", b"GET / HTTP/1.1\r\nHost: a.b")[0], "unix:")


class Full(BytesIO):
    """A file on a disk that is full."""

    def write(self, data: ReadableBuffer) -> int:
        """Nothing can be written."""
        raise OSError(ENOSPC, "No space left on device")


class BodyTests(SynchronousTestCase):
    """The request's body."""

    def test_complete(self) -> None:
        """The resource is asked when the body is here as a whole; a large one is in a file."""
        bodies: list[bytes] = []

        def read(request: Request) -> bytes:
            assert request.content is not None
            bodies.append(request.content.read())
            return b""

        running, page = mounted(read)
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"a" * 150_000)
        self.assertEqual(page.requests, [])
        client.sends(b"b" * 50_000)
        self.assertEqual(bodies, [b"a" * 150_000 + b"b" * 50_000])

    def test_chunked(self) -> None:
        """A body of unknown length gets one, for applications that read by it."""
        running, page = mounted(lambda request: request.content.read() if request.content else b"")
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        running[0].sends(head)
        running[0].expects(b"HTTP/1.1 100 Continue\r\n\r\n")
        running[0].sends(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(running[0].responses[0].body, b"abcde")
        headers = page.requests[0].requestHeaders
        self.assertEqual(headers.getRawHeaders(b"content-length"), [b"5"])
        self.assertFalse(headers.hasHeader(b"transfer-encoding") or headers.hasHeader(b"expect"))

    def test_form(self) -> None:
        """A form's values are arguments."""
        running, page = mounted(lambda request: b"")
        running[0].request("POST", "/?a=1", {"Content-Type": "application/x-www-form-urlencoded"}, b"b=2")
        self.assertEqual(page.requests[0].args, {b"a": [b"1"], b"b": [b"2"]})

    def test_unreadable_form(self) -> None:
        """A form that is none is the client's fault."""
        running, page = mounted(lambda request: b"")
        form = {"Content-Type": "multipart/form-data; boundary="}
        self.assertEqual(running[0].request("POST", "/", form, b"b=2").status, 400)
        self.assertEqual((page.requests, running.exchanges[0].cause), ([], "bad_body"))

    def test_form_that_twisted_trips_over(self) -> None:
        """An exception before the resource is asked is answered like one of its own."""
        part = b"--b\r\nContent-Disposition: form-data; name*=utf-8''x\r\n\r\n1\r\n--b--\r\n"
        running, page = mounted(lambda request: b"")
        response = running[0].request("POST", "/", {"Content-Type": "multipart/form-data; boundary=b"}, b"\r\n" + part)
        self.assertEqual((response.status, page.requests), (500, []))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_limit(self) -> None:
        """A body of unknown length that turns out larger than the limit is refused, and nobody is asked."""
        page = Page(lambda request: b"")
        running = run(at("/").limit_body(10).mount(page))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n")
        self.assertEqual((client.responses[0].status, page.requests), (413, []))

    def test_no_space(self) -> None:
        """A body for which there is no place is our failure, told at once."""
        self.patch(MountedSite, "getContentFile", lambda site, length: Full())
        running, page = mounted(lambda request: b"")
        self.assertEqual(running[0].request("POST", "/", body=b"abc").status, 500)
        self.assertEqual((page.requests, running.exchanges[0].cause), ([], "no_space"))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_client_leaves(self) -> None:
        """A client that leaves within its body is not served."""
        running, page = mounted(lambda request: b"")
        running[0].sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        running[0].closes()
        self.assertEqual((page.requests, running.exchanges[0].status), ([], 499))


class ResponseTests(SynchronousTestCase):
    """What the client gets."""

    def test_rendered(self) -> None:
        """Status, fields and cookies are the resource's; a type is there unless it says otherwise."""

        def render(request: Request) -> bytes:
            request.setResponseCode(418, b"Short and stout")
            request.addCookie(b"a", b"b")
            request.addCookie(b"c", b"d")
            request.setHeader(b"Connection", b"X-Hop")
            request.setHeader(b"X-Hop", b"1")
            return b"tea"

        client, _ = mounted(render)[0]
        client.sends(GET)
        [response] = client.responses
        self.assertEqual((response.status, response.reason, response.body), (418, "Short and stout", b"tea"))
        self.assertIn(b"\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n", client.takes())
        self.assertEqual(response.headers["Content-Type"], "text/html")
        self.assertNotIn("X-Hop", response.headers)
        self.assertEqual(response.headers["Date"], "Sun, 09 Sep 2001 01:46:40 GMT")

    def test_rules_of_the_location(self) -> None:
        """What the location sets and hides holds for a resource too."""
        location = at("/").set_response_header("X-Set", "1").hide_response_header("Server")
        response = run(location.mount(Page(lambda request: b"x")))[0].request("GET", "/")
        self.assertEqual(response.headers["X-Set"], "1")
        self.assertNotIn("Server", response.headers)

    def test_in_two_pieces(self) -> None:
        """What is written while rendering comes in order, and is not held up by what follows."""

        def render(request: Request) -> int:
            request.write(b"one")
            request.write(b"two")
            request.transport.writeSequence([b"th", b"ree"])  # type: ignore[union-attr]  # there is one
            request.finish()
            return NOT_DONE_YET

        self.assertEqual(answer(render).body, b"onetwothree")

    def test_redirect(self) -> None:
        """A redirect is sent as the resource wrote it."""

        def render(request: Request) -> int:
            request.redirect(b"/there")
            request.finish()
            return NOT_DONE_YET

        response = answer(render)
        self.assertEqual((response.status, response.headers["Location"]), (302, "/there"))
        self.assertEqual(response.headers["Content-Length"], "0")

    def test_head(self) -> None:
        """HEAD gets the head that GET would get."""
        response = answer(lambda request: b"four", "HEAD")
        self.assertEqual((response.headers["Content-Length"], response.body), ("4", b""))

    def test_no_body(self) -> None:
        """A status without a body has none, whatever is written."""

        def render(request: Request) -> bytes:
            request.setResponseCode(204)
            return b"lost"

        running, _ = mounted(render)
        self.assertNotIn("Content-Length", running[0].request("GET", "/").headers)
        self.assertEqual(running[0].request("GET", "/").status, 204)

    def test_later(self) -> None:
        """A response may be written whenever, each piece goes out at once, and its end is told."""
        running, page = mounted(later)
        client = running[0]
        client.sends(GET)
        client.expects(b"")
        page.requests[0].write(b"one")
        running.clock.settle()
        self.assertIn(b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n", client.takes())
        page.requests[0].write(b"two")
        running.clock.settle()
        client.expects(b"3\r\ntwo\r\n")
        page.requests[0].finish()
        running.clock.settle()
        client.expects(b"0\r\n\r\n")

    def test_head_first(self) -> None:
        """The head goes out alone when the resource asks for it, as a stream of events does."""
        running, _ = mounted(lambda request: request.write(b"") or NOT_DONE_YET)
        running[0].sends(GET)
        self.assertTrue(running[0].takes().endswith(b"chunked\r\n\r\n"))

    def test_http_1_0(self) -> None:
        """To a client of HTTP/1.0 the close is the end."""
        running, page = mounted(lambda request: request.write(b"one") or NOT_DONE_YET)
        running[0].sends(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(running[0].takes().endswith(b"Connection: close\r\n\r\none"))
        page.requests[0].finish()
        running.clock.settle()
        self.assertTrue(running[0].is_closed)

    def test_declared_length(self) -> None:
        """A body does not go beyond its declared length, where the next response begins."""

        def render(request: Request) -> int:
            request.setHeader(b"content-length", b"3")
            request.write(b"four")
            request.write(b"five")
            request.finish()
            return NOT_DONE_YET

        self.assertEqual(answer(render).body, b"fou")

    def test_short(self) -> None:
        """A body that ends before its declared length is broken off, so that the client can tell."""
        running, page = mounted(later)
        client = running[0]
        client.sends(GET)
        page.requests[0].setHeader(b"content-length", b"9")
        page.requests[0].write(b"four")
        page.requests[0].finish()
        running.clock.settle()
        self.assertEqual((client.responses, client.is_closed), ([], True))
        self.assertEqual(running.exchanges[0].cause, "short_body")

    def test_what_cannot_be_sent(self) -> None:
        """A head that no client could read is a failure of ours, not the client's."""
        for name, value, status in ((b"x", b"\0", 200), (b"content-length", b"x", 200), (b"x", b"y", 101)):

            def render(request: Request, name: bytes = name, value: bytes = value, status: int = status) -> int:
                request.setResponseCode(status)
                request.setHeader(name, value)
                request.write(b"data")
                request.finish()
                return NOT_DONE_YET

            running, _ = mounted(render)
            self.assertEqual(running[0].request("GET", "/").status, 500)
            self.assertEqual(running.exchanges[0].cause, "bad_head")

    def test_reason(self) -> None:
        """A reason that would become a field is not sent (CWE-113)."""

        def render(request: Request) -> bytes:
            request.setResponseCode(200, b"OK\r\nX-Bad: 1")
            return b""

        client, _ = mounted(render)[0]
        client.sends(GET)
        self.assertTrue(client.takes().startswith(b"HTTP/1.1 200 OK\r\nServer"))


class EndTests(SynchronousTestCase):
    """Ends that are not in good order."""

    def test_client_leaves(self) -> None:
        """Who asked to be told when the request is over hears that the client has left; writing does no harm."""
        running, page = mounted(later)
        running[0].sends(GET)
        [request] = page.requests
        told: list[object] = []
        request.notifyFinish().addBoth(told.append)
        running[0].closes()
        self.assertIsInstance(told[0], Failure)
        request.write(b"too late")
        self.assertRaises(RuntimeError, request.finish)
        self.assertEqual(running.exchanges[0].status, 499)

    def test_finished(self) -> None:
        """Who asked to be told when the request is over hears that it ended well."""
        running, page = mounted(later)
        running[0].sends(GET)
        told: list[object] = []
        page.requests[0].notifyFinish().addBoth(told.append)
        page.requests[0].finish()
        self.assertEqual(told, [None])

    def test_raises(self) -> None:
        """What a resource raises goes to the log; the client gets a 500 that says nothing."""
        running, page = mounted(lambda request: b"%d" % (1 // 0))
        response = running[0].request("GET", "/")
        self.assertEqual((response.status, response.body), (500, b"500 Internal Server Error\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(page.requests[0].finished)

    def test_raises_late(self) -> None:
        """A response that has begun is broken off, with its producer."""
        running, page = mounted(lambda request: request.write(b"some") or NOT_DONE_YET)
        client = running[0]
        client.sends(GET)
        producer = Source()
        page.requests[0].registerProducer(producer, True)
        deferred: Deferred[None] = Deferred()
        deferred.addErrback(page.requests[0].processingFailed).addErrback(lambda failure: None)
        deferred.errback(ValueError())
        running.clock.settle()
        self.assertEqual((client.responses, client.is_closed), ([], True))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_closes(self) -> None:
        """A resource that closes its connection breaks the response off."""
        running, page = mounted(lambda request: request.write(b"some") or NOT_DONE_YET)
        running[0].sends(GET)
        told: list[object] = []
        page.requests[0].notifyFinish().addBoth(told.append)
        page.requests[0].loseConnection()
        running.clock.settle()
        self.assertEqual((running[0].responses, running[0].is_closed), ([], True))
        self.assertIsInstance(told[0], Failure)

    def test_no_connection_to_take(self) -> None:
        """The client's connection is not the resource's to write to."""
        running, page = mounted(later)
        running[0].sends(GET)
        transport = page.requests[0].transport
        assert transport is not None
        self.assertRaises(RuntimeError, transport.write, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
