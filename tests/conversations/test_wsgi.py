"""Conversations with WSGI applications: PEP 3333 as the proxy keeps it, and what it does for slow clients."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, cast
from wsgiref.validate import validator

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import exact, http, regex, server
from pydsl_proxy.config.matching import Match
from pydsl_proxy.config.servers import Http, Server
from pydsl_proxy.testing import Running, run
from tests.support.logged_lines import LoggedLines
from tests.support.passwords import ALICE, basic
from tests.support.wsgi_apps import TEXT, Kept, Pieces, answering, at_root, body_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def environ(
    match: str | Match = "/", target: str = "/", config: Http | Server | None = None, **fields: str
) -> dict[str, object]:
    """The environment of one request."""
    kept = Kept()
    client, _ = run(config or server(8080).location(match).wsgi(kept))
    client.request("GET", target, {name.replace("_", "-"): value for name, value in fields.items()})
    return kept.environs[0]


def paths(match: str | Match, target: str) -> tuple[object, object]:
    """SCRIPT_NAME and PATH_INFO."""
    made = environ(match, target)
    return made["SCRIPT_NAME"], made["PATH_INFO"]


class EnvironTests(SynchronousTestCase):
    """What the application is told."""

    def test_paths(self) -> None:
        """SCRIPT_NAME is the location's prefix, PATH_INFO the decoded rest."""
        for match, target, script_name, path_info in (
            ("/", "/", "", "/"),
            ("/", "/a%20b/c?d", "", "/a b/c"),
            ("/app/", "/app/", "/app", "/"),
            ("/app/", "/app/a/", "/app", "/a/"),
            ("/app", "/app", "/app", ""),
            (exact("/app"), "/app", "/app", ""),
            (regex("^/a"), "/app/a", "", "/app/a"),
            ("/", "/caf%C3%A9", "", "/cafÃ©"),
        ):
            self.assertEqual(paths(match, target), (script_name, path_info))

    def test_beside_the_location(self) -> None:
        """A plain prefix matches beyond its last segment; that is no path below it."""
        self.assertEqual(run(server(80).location("/app").wsgi(Kept()))[0].request("GET", "/apple").status, 404)

    def test_to_slash(self) -> None:
        """At ``/app/`` a request for ``/app`` is redirected."""
        self.assertEqual(run(server(80).location("/app/").wsgi(Kept()))[0].request("GET", "/app").status, 301)

    def test_variables(self) -> None:
        """The client, the server and the request, as CGI has them."""
        made = environ("/", "/a?b=c", Host="example.com:81", Content_Type="text/x", X_One="1")
        for name, value in {
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": "b=c",
            "REQUEST_URI": "/a?b=c",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "example.com",
            "SERVER_PORT": "8080",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "50001",
            "CONTENT_TYPE": "text/x",
            "HTTP_HOST": "example.com:81",
            "HTTP_X_ONE": "1",
            "HTTP_X_REAL_IP": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }.items():
            self.assertEqual(made[name], value, name)
        self.assertNotIn("CONTENT_LENGTH", made)
        self.assertNotIn("REMOTE_USER", made)

    def test_trusted_proxies(self) -> None:
        """Behind a trusted proxy the client and the scheme are those that it tells."""
        kept = Kept()
        config = http(server(80).location("/").wsgi(kept), trusted_proxies=["127.0.0.0/8"])
        run(config)[0].request("GET", "/", {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
        self.assertEqual(kept.environs[0]["REMOTE_ADDR"], "192.0.2.7")
        self.assertEqual(kept.environs[0]["wsgi.url_scheme"], "https")

    def test_untrusted(self) -> None:
        """What a client says of itself is not told."""
        made = environ(X_Forwarded_For="192.0.2.7", X_Forwarded_Proto="https", Connection="X-Secret", X_Secret="1")
        self.assertEqual((made["HTTP_X_FORWARDED_FOR"], made["wsgi.url_scheme"]), ("127.0.0.1", "http"))
        self.assertNotIn("HTTP_X_SECRET", made)

    def test_httpoxy(self) -> None:
        """A field called Proxy does not become HTTP_PROXY, which libraries believe."""
        self.assertNotIn("HTTP_PROXY", environ(Proxy="http://192.0.2.1/"))

    def test_underscores(self) -> None:
        """A name with an underscore does not pass for the one with a hyphen."""
        kept = Kept()
        at_root(kept)[0].sends(b"GET / HTTP/1.1\r\nHost: x\r\nX_Real_IP: 192.0.2.7\r\n\r\n")
        self.assertEqual(kept.environs[0]["HTTP_X_REAL_IP"], "127.0.0.1")

    def test_repeated(self) -> None:
        """Repeated fields are joined by a comma, cookies by a semicolon."""
        kept = Kept()
        at_root(kept)[0].sends(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nA: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n")
        self.assertEqual(kept.environs[0]["HTTP_A"], "1,2")
        self.assertEqual(kept.environs[0]["HTTP_COOKIE"], "a=1; b=2")

    def test_without_host(self) -> None:
        """A client of HTTP/1.0 may name no host; a server has a name nevertheless."""
        kept = Kept()
        at_root(kept)[0].sends(b"GET / HTTP/1.0\r\n\r\n")
        self.assertNotIn("HTTP_HOST", kept.environs[0])
        self.assertEqual(kept.environs[0]["SERVER_NAME"], "127.0.0.1")
        self.assertEqual(kept.environs[0]["SERVER_PROTOCOL"], "HTTP/1.0")

    def test_all_of_a_server(self) -> None:
        """``OPTIONS *`` is of the root, as far as an application can tell."""
        kept = Kept()
        at_root(kept)[0].sends(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual((kept.environs[0]["REQUEST_METHOD"], kept.environs[0]["PATH_INFO"]), ("OPTIONS", "/"))

    def test_user(self) -> None:
        """Who has given a password that the proxy has checked is REMOTE_USER."""
        kept, file = Kept(), Path(self.mktemp())
        file.write_bytes(ALICE + b"\n")
        client, _ = run(server(80).location("/").basic_auth(file).wsgi(kept))
        client.request("GET", "/", basic("alice", "wonder"))
        self.assertEqual(kept.environs[0]["REMOTE_USER"], "alice")

    def test_location_fields(self) -> None:
        """The location's rules for request fields hold, as for peers."""
        kept = Kept()
        config = server(80).set_request_header("X-Tenant", "a").location("/").wsgi(kept)
        run(config)[0].request("GET", "/", {"X-Tenant": "b"})
        self.assertEqual(kept.environs[0]["HTTP_X_TENANT"], "a")

    def test_rewritten(self) -> None:
        """A stripped prefix is in neither."""
        kept = Kept()
        run(server(80).location("/app/").strip_prefix().wsgi(kept))[0].request("GET", "/app/a")
        self.assertEqual((kept.environs[0]["SCRIPT_NAME"], kept.environs[0]["PATH_INFO"]), ("", "/a"))


class ValidatedTests(SynchronousTestCase):
    """The standard library's oracle, on both sides of the application."""

    def ask(
        self, method: str, pieces: list[bytes], body: bytes = b"", headers: Iterable[tuple[str, str]] = ()
    ) -> bytes:
        """The body of the response."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            received = body_of(environ).read(int(environ.get("CONTENT_LENGTH") or 0)) if body else b""
            environ["wsgi.errors"].write("")
            start_response("200 OK", [*TEXT, *headers])
            return iter([received, *pieces])

        client, _ = at_root(validator(application))
        return client.request(method, "/a", (), body).body

    def test_methods(self) -> None:
        """GET, HEAD, and POST with a body; the validator finds nothing."""
        self.assertEqual(self.ask("GET", [b"a", b"", b"b"]), b"ab")
        self.assertEqual(self.ask("HEAD", [b"a"]), b"")
        self.assertEqual(self.ask("POST", [b"b"], b"a"), b"ab")
        self.assertEqual(self.ask("GET", [b"a", b"b"], headers=[("Content-Length", "2")]), b"ab")

    @given(st.binary(max_size=300), st.lists(st.integers(1, 90), max_size=6), st.lists(st.binary(max_size=20)))
    def test_any_pieces(self, body: bytes, cuts: list[int], pieces: list[bytes]) -> None:
        """However the body comes, and whatever pieces the answer has, both arrive byte for byte."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            received = body_of(environ)
            start_response("200 OK", TEXT)
            yield from iter(lambda: received.read(7), b"")
            yield from pieces

        client, _ = at_root(validator(application))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        at = 0
        for cut in cuts:
            client.sends(body[at : at + cut])
            at += cut
        client.sends(body[at:])
        self.assertEqual(client.responses[-1].body, body + b"".join(pieces))


class BodyTests(SynchronousTestCase):
    """The request's body, while it comes."""

    def test_streams(self) -> None:
        """What has come is read before the rest is sent, and answered."""

        def lines(environ: WSGIEnvironment) -> Iterator[bytes]:
            for line in body_of(environ):
                yield line.upper()

        client, _ = at_root(answering(lines))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\none\n")
        self.assertIn(b"ONE\n", client.takes())
        client.sends(b"two")
        client.expects(b"")
        client.sends(b"\n")
        self.assertIn(b"TWO\n", client.takes())
        self.assertEqual(client.responses[-1].body, b"ONE\nTWO\n")

    def test_chunked(self) -> None:
        """A body in chunks ends by itself: ``wsgi.input_terminated``, and no length."""
        seen: list[WSGIEnvironment] = []

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            seen.append(environ)
            return [body_of(environ).read()]

        client, _ = at_root(answering(answer))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        self.assertEqual(client.responses[-1].body, b"abc")
        self.assertNotIn("CONTENT_LENGTH", seen[0])
        self.assertNotIn("HTTP_TRANSFER_ENCODING", seen[0])
        self.assertIs(seen[0]["wsgi.input_terminated"], True)

    def test_bounded(self) -> None:
        """A client that sends faster than the application reads is not read on."""
        read: list[int] = []

        def answer(environ: WSGIEnvironment) -> Iterator[bytes]:
            for _ in range(3):
                read.append(len(body_of(environ).read(10_000)))
                yield bytes(1_000_000)
            read.append(len(body_of(environ).read()))

        client, _ = at_root(answering(answer))
        client.stops_reading()
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            client.sends(bytes(100_000))
        self.assertGreater(client.unread, 2_500_000)
        client.reads()
        self.assertEqual(client.unread, 0)
        self.assertEqual((sum(read), len(client.responses[-1].body)), (3_000_000, 3_000_000))

    def test_expect(self) -> None:
        """A client that waits for a word before it sends the body gets it when the application reads."""
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        client, _ = at_root(answering(lambda environ: [body_of(environ).read()]))
        client.sends(head)
        client.expects(b"HTTP/1.1 100 Continue\r\n\r\n")
        client.sends(b"abc")
        self.assertEqual(client.responses[-1].body, b"abc")
        client, _ = at_root(answering(lambda environ: [b"no"]))
        client.sends(head)
        self.assertNotIn(b"100 Continue", client.takes())
        self.assertEqual(client.responses[-1].body, b"no")

    def test_unread(self) -> None:
        """An application may answer without reading the body."""
        client, _ = at_root(answering(lambda environ: [b"no"]))
        self.assertEqual(client.request("POST", "/", (), bytes(100)).body, b"no")

    def test_after_the_end(self) -> None:
        """Who reads when the answer is complete does not wait for ever."""
        seen: list[BaseException] = []

        def answer(environ: WSGIEnvironment) -> Iterator[bytes]:
            yield b"ab"
            try:
                body_of(environ).read()
            except OSError as error:
                seen.append(error)

        client, _ = at_root(answering(answer, headers=[("Content-Length", "2")]))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab")
        self.assertEqual(client.responses[-1].body, b"ab")
        self.assertEqual(len(seen), 1)

    def test_too_large(self) -> None:
        """``limit_body`` is answered 413, and the application's read raises."""
        closed = Pieces([])

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            body_of(environ).read()
            return closed

        client, _ = run(server(80).location("/").limit_body(10).wsgi(answering(answer)))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n" + bytes(20))
        self.assertIn(b"413 ", client.takes())
        self.assertEqual(closed.made, 0)


class ResponseTests(SynchronousTestCase):
    """The head, its framing, and the body."""

    def test_one_piece(self) -> None:
        """A list of one piece has a length, as PEP 3333 suggests; it goes out with its head."""
        client, _ = at_root(answering(lambda environ: [b"ab"]))
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nab")

    def test_empty(self) -> None:
        """No piece at all has the length 0."""
        client, _ = at_root(answering(lambda environ: [], "404 Nothing Here"))
        client.sends(GET)
        client.expects(b"HTTP/1.1 404 Nothing Here\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")

    def test_flushed(self) -> None:
        """Each piece is sent before the next is made."""
        seen: list[bytes] = []

        def pieces(environ: WSGIEnvironment) -> Iterator[bytes]:
            yield b"a"
            yield b"b"
            # The application waits for the client, who has got both by now.
            seen.append(body_of(environ).read(1))
            yield b"c"

        client, _ = at_root(answering(pieces))
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        received = client.takes()
        # Two pieces, or one where the second was made before the first was sent.
        self.assertTrue(received.endswith((b"\r\n\r\n1\r\na\r\n1\r\nb\r\n", b"\r\n\r\n2\r\nab\r\n")), received)
        client.sends(b"!")
        client.expects(b"1\r\nc\r\n0\r\n\r\n")

    def test_head(self) -> None:
        """The answer to HEAD has the head of GET and no body, and the application is not asked for the rest."""
        pieces = Pieces(repeat(b"a"))
        client, _ = at_root(answering(lambda environ: pieces, headers=[("Content-Length", "7")]))
        client.sends(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        self.assertEqual((pieces.made, pieces.closed), (1, 1))

    def statuses(self, pieces: list[bytes], method: bytes) -> list[int]:
        """What becomes of two requests on a connection."""
        client, _ = running = at_root(answering(lambda environ: pieces, headers=[]))
        for _ in range(2):
            client.sends(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
        return [each.status for each in running.exchanges]

    def test_ended(self) -> None:
        """A response without a body is complete with its head: the next request on the connection is answered."""
        for pieces, method in (([], b"GET"), ([b""], b"GET"), ([b"body"], b"HEAD"), ([], b"HEAD")):
            self.assertEqual(self.statuses(pieces, method), [200, 200])

    def test_without_body(self) -> None:
        """204 and 304 have none, whatever the application makes."""
        for status in ("204 No Content", "304 Not Modified"):
            client, _ = at_root(answering(lambda environ: [b"body"], status, []))
            client.sends(GET)
            client.expects(f"HTTP/1.1 {status}\r\n\r\n".encode())

    def test_too_long(self) -> None:
        """What is beyond the declared length is not sent: it would be taken for the next response."""
        pieces = Pieces([b"abc", b"def"])
        client, _ = at_root(answering(lambda environ: pieces, headers=[("Content-Length", "2")]))
        self.assertEqual(client.request("GET").body, b"ab")
        self.assertEqual((pieces.made, pieces.closed, client.is_closed), (2, 1, False))

    def test_too_short(self) -> None:
        """A body that ends before its declared length is broken off, so that nobody takes it for whole."""
        client, _ = at_root(answering(lambda environ: [b"a"], headers=[("Content-Length", "2")]))
        client.sends(GET)
        self.assertTrue(client.takes().endswith(b"\r\n\r\na"))
        self.assertTrue(client.is_closed)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_write(self) -> None:
        """``write()`` sends what comes before the iterable."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            write = start_response("200 OK", TEXT)
            write(b"a")
            write(b"b")
            return [b"c"]

        self.assertEqual(at_root(application)[0].request("GET").body, b"abc")

    def test_later_start(self) -> None:
        """``start_response`` may be called when the first piece is made."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            yield b"a"

        self.assertEqual(at_root(application)[0].request("GET").body, b"a")

    def test_exc_info(self) -> None:
        """An error takes the place of a head that was not sent; one that was cannot be taken back."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            if environ["PATH_INFO"] == "/late":
                yield b"a"
            try:
                raise KeyError
            except KeyError:
                start_response("500 Oops", TEXT, sys.exc_info())
            yield b"error"

        client, _ = at_root(application)
        response = client.request("GET")
        self.assertEqual((response.status, response.reason, response.body), (500, "Oops", b"error"))
        client.sends(b"GET /late HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(client.takes().endswith(b"\r\n\r\n1\r\na\r\n"))
        self.assertTrue(client.is_closed)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_mistakes(self) -> None:
        """What breaks the PEP is answered 500 and logged: nothing of it is sent."""

        def twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [])
            start_response("200 OK", [])
            return []

        def never(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return [b"a"]

        def text(environ: WSGIEnvironment) -> Iterable[bytes]:
            return cast("list[bytes]", ["a"])

        def of(status: str, *headers: tuple[str, str]) -> Running:
            return at_root(answering(lambda environ: [], status, list(headers)))

        for running, error in (
            (at_root(twice), RuntimeError),
            (at_root(never), RuntimeError),
            (at_root(answering(text)), TypeError),
            (at_root(cast("Kept", lambda environ, start_response: None)), TypeError),
            (of("100 Continue"), ValueError),
            (of("OK"), ValueError),
            (of("200 O\nK"), ValueError),
            (of(cast("str", b"200 OK")), TypeError),
            (of("200 OK", ("A", "1\r\nB: 2")), ValueError),
            (of("200 OK", ("A B", "1")), ValueError),
            (of("200 OK", ("A", cast("str", 1))), TypeError),
            (of("200 OK", ("A", "\u20ac")), UnicodeEncodeError),
            (of("200 OK", ("Content-Length", "x")), ValueError),
        ):
            self.assertEqual(running[0].request("GET").status, 500)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1, error)

    def test_hop_by_hop(self) -> None:
        """The framing is the proxy's."""
        headers = [("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Content-Length", "1")]
        client, _ = at_root(answering(lambda environ: [b"a"], headers=headers))
        client.sends(GET)
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    def test_old_client(self) -> None:
        """A client of HTTP/1.0 gets a body of unknown length up to the close."""
        client, _ = at_root(answering(lambda environ: iter([b"a", b"b"])))
        client.sends(b"GET / HTTP/1.0\r\n\r\n")
        client.expects(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nab")
        self.assertTrue(client.is_closed)

    def test_filters(self) -> None:
        """The location's filters and fields hold for it."""
        config = server(80).set_response_header("X-A", "1").location("/").compress()
        client, _ = run(config.wsgi(answering(lambda environ: iter([b"a" * 5000, b"b"]))))
        response = client.request("GET", "/", {"Accept-Encoding": "gzip"})
        self.assertEqual((response.headers["X-A"], response.headers["Content-Encoding"]), ("1", "gzip"))

    def test_keep_alive(self) -> None:
        """One connection carries many."""
        client, _ = at_root(answering(lambda environ: [cast("str", environ["PATH_INFO"]).encode()]))
        for number in range(25):
            self.assertEqual(client.request("GET", f"/{number}").body, f"/{number}".encode())


class EndTests(SynchronousTestCase):
    """Who ends it: the application with an exception, or the client."""

    def test_raises_before(self) -> None:
        """500 before the head was sent; the reason is logged and not told."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            raise ZeroDivisionError("secret")

        running = at_root(application)
        response = running[0].request("GET")
        self.assertEqual((response.status, response.body), (500, b"500 Internal Server Error\n"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(running[0].request("GET").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_raises_after(self) -> None:
        """Broken off when the head is out; the body is closed all the same."""

        def body() -> Iterator[bytes]:
            yield b"a"
            raise SystemExit

        pieces = Pieces(body())
        client, _ = at_root(answering(lambda environ: pieces))
        client.sends(GET)
        self.assertTrue(client.takes().endswith(b"\r\n\r\n1\r\na\r\n"))
        self.assertEqual((client.is_closed, pieces.closed), (True, 1))
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_close_raises(self) -> None:
        """An exception of ``close()`` is logged; the answer stands."""

        class Bad(Pieces):
            def close(self) -> None:
                raise ZeroDivisionError

        client, _ = at_root(answering(lambda environ: Bad([b"a"]), headers=[("Content-Length", "1")]))
        self.assertEqual(client.request("GET").body, b"a")
        self.assertEqual(client.request("GET").body, b"a")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_slow_client(self) -> None:
        """A client that does not read stops the application: next to nothing is made ahead."""
        pieces = Pieces(repeat(bytes(10_000), 10_000))
        client, _ = at_root(answering(lambda environ: pieces))
        client.stops_reading()
        client.sends(GET)
        self.assertLess(pieces.made, 30)
        self.assertLess(client.unsent, 300_000)
        client.reads(1_000_000)
        self.assertLess(pieces.made, 130)
        client.reads()
        self.assertEqual((pieces.made, len(client.responses[-1].body)), (10_000, 100_000_000))

    def test_leaves_while_sending(self) -> None:
        """A client that leaves ends the application's next piece, and closes it; nobody is blamed."""
        pieces = Pieces(repeat(bytes(10_000)))
        running = at_root(answering(lambda environ: pieces))
        running[0].stops_reading()
        running[0].sends(GET)
        running[0].closes()
        self.assertEqual(pieces.closed, 1)
        self.assertEqual(running.exchanges[-1].cause, "client_closed")

    def test_leaves_while_reading(self) -> None:
        """So does one that leaves before its body is complete."""
        seen: list[BaseException] = []

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            try:
                body_of(environ).read()
            except OSError as error:
                seen.append(error)
                raise
            return []

        running = at_root(answering(answer))
        running[0].sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
        running[0].closes()
        self.assertIsInstance(seen[0], ConnectionError)
        self.assertEqual(running.exchanges[-1].status, 499)

    def test_errors_stream(self) -> None:
        """Lines written to ``wsgi.errors`` are lines of the log."""

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            errors = environ["wsgi.errors"]
            errors.writelines(["one\ntw", "o\n"])
            errors.write("three")
            errors.flush()
            return []

        with LoggedLines("pydsl_proxy.handlers.wsgi.errors") as lines:
            at_root(answering(answer))[0].request("GET")
        self.assertEqual(lines, ["one", "two", "three"])


class ThreadTests(SynchronousTestCase):
    """How many run at once, and who waits."""

    def waiting(self, threads: int, queue: int, clients: int) -> tuple[Running, list[object]]:
        """An application whose clients have sent half of their requests."""
        begun: list[object] = []

        def answer(environ: WSGIEnvironment) -> Iterable[bytes]:
            begun.append(environ["PATH_INFO"])
            return [body_of(environ).read()]

        running = run(server(80).location("/").wsgi(answering(answer), threads=threads, queue=queue))
        self.clients = [running.client() for _ in range(clients)]
        for number, client in enumerate(self.clients):
            client.sends(f"POST /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na".encode())
        return running, begun

    def test_bounded(self) -> None:
        """As many as there are threads run, some wait in their order, and all others are answered 503."""
        running, begun = self.waiting(2, 1, 4)
        self.assertEqual(begun, ["/0", "/1"])
        self.assertIn(b"503 ", self.clients[3].takes())
        self.assertEqual(running.exchanges[-1].cause, "busy")
        self.clients[1].sends(b"b")
        self.assertEqual(self.clients[1].responses[-1].body, b"ab")
        self.assertEqual(begun, ["/0", "/1", "/2"])
        self.clients[2].sends(b"b")
        self.assertEqual(self.clients[2].responses[-1].body, b"ab")

    def test_leaves_while_waiting(self) -> None:
        """A client that leaves before a thread has its request costs none."""
        _, begun = self.waiting(1, 5, 3)
        self.clients[1].closes()
        self.clients[0].sends(b"b")
        self.assertEqual(begun, ["/0", "/2"])

    def test_reload(self) -> None:
        """A location that is as before goes on with its threads; what began is answered by the application it had."""
        kept = answering(lambda environ: [body_of(environ).read()])
        running = run(server(80).location("/").wsgi(kept, threads=1))
        client = running[0]
        client.sends(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        running.reload(server(80).location("/").wsgi(kept, threads=1))
        other = running.client()
        other.sends(GET)
        other.expects(b"")
        running.reload(server(80).location("/").wsgi(answering(lambda environ: [b"new"])))
        self.assertEqual(running.client().request("GET").body, b"new")
        client.sends(b"b")
        self.assertEqual(client.responses[-1].body, b"ab")
        self.assertEqual(other.responses[-1].status, 200)

    def test_stop(self) -> None:
        """A proxy that stops lets what is under way end, within its grace."""
        running, _ = self.waiting(2, 1, 1)
        running.stop()
        self.assertFalse(running.is_stopped)
        self.clients[0].sends(b"b")
        self.assertEqual(self.clients[0].responses[-1].body, b"ab")
        self.assertTrue(running.is_stopped)
