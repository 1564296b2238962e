"""Conversations with applications of FastCGI."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import Request, exact, fastcgi, peer, server, upstream
from pydsl_proxy.testing import Client, Peer, Response, Running, run
from pydsl_proxy.wire.cgi.fastcgi_records import (
    END_REQUEST,
    MAX_CONTENT,
    PARAMS,
    STDERR,
    STDIN,
    STDIN_END,
    STDOUT,
    begin_request,
    record,
    stdin,
)
from tests.support.logged_lines import LoggedLines
from tests.support.messages import GET, get, post

END = record(END_REQUEST, bytes(8))
TYPE = b"Content-Type: text/plain\r\n"
POST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"


def out(data: bytes) -> bytes:
    """Some of an application's stdout."""
    return record(STDOUT, data)


class Case(SynchronousTestCase):
    """One application at ``a:1``."""

    def begin(self, *, keep: bool = False) -> tuple[Client, Peer]:
        """A client, and the application."""
        self.running: Running = run(upstream("php", "a:1", via=fastcgi(root="/srv", keep_conn=keep)))
        client, peers = self.running
        return client, peers["a:1"]

    def asks(self, request: bytes = GET, *, keep: bool = False) -> tuple[Client, Peer]:
        """The same, and the client has sent *request*."""
        client, php = self.begin(keep=keep)
        client.sends(request)
        return client, php

    def assert_bad(self, client: Client, cause: str, status: int = 502) -> None:
        """The client was told nothing but an error."""
        [ended] = self.running.exchanges
        self.assertEqual((ended.status, ended.cause), (status, cause))
        self.assertIn(b" %d " % status, client.takes())


class RequestTests(Case):
    """What an application is sent."""

    def test_records(self) -> None:
        """The beginning, the params and their end, and the end of a body that is none."""
        _, php = self.asks()
        sent = php.takes()
        self.assertTrue(sent.startswith(begin_request(keep=False) + b"\1\4\0\1"))
        self.assertTrue(sent.endswith(record(PARAMS, b"") + STDIN_END))

    def test_rules(self) -> None:
        """Fields that the location sets or removes are those that the application gets."""
        client, peers = run(
            server(80)
            .set_request_header("X-Tenant", lambda request: request.host)
            .remove_request_header("Cookie")
            .location("/")
            .proxy_to(upstream("php", "a:1", via=fastcgi(root="/srv")))
        )
        peers["a:1"].answers(200)
        client.request("GET", "/", {"Host": "t.test", "Cookie": "a=b", "X-Tenant": "evil", "Proxy": "evil"})
        params = peers["a:1"].requests[0].params
        self.assertEqual((params["HTTP_X_TENANT"], params["HTTP_X_REAL_IP"]), ("t.test", "127.0.0.1"))
        self.assertEqual({"HTTP_COOKIE", "HTTP_PROXY"} & {*params}, set())

    def test_body(self) -> None:
        """It follows in records, as it comes from the client."""
        client, php = self.asks(POST + b"bo")
        self.assertTrue(php.takes().endswith(record(PARAMS, b"") + stdin(b"bo")))
        client.sends(b"dy")
        php.expects(stdin(b"dy") + STDIN_END)

    def test_one_write(self) -> None:
        """A body that is here as a whole goes with the head."""
        _, php = self.asks(POST + b"body")
        self.assertTrue(php.takes().endswith(record(PARAMS, b"") + stdin(b"body") + STDIN_END))
        self.assertEqual(php.requests[0].body, b"body")

    def test_unknown_length(self) -> None:
        """An application reads what CONTENT_LENGTH says: without one the proxy has the body first."""
        app = upstream("php", "a:1", via=fastcgi(root="/srv"))
        web = server(80).location("/").proxy_to(app).location("/kept").buffer_request().proxy_to(app)
        client, peers = run(web.location("/lifted").buffer_request(None).proxy_to(app))
        peers["a:1"].answers(200)
        for target in ("/", "/kept", "/lifted"):
            client.sends(get(target, "Transfer-Encoding: chunked", method="POST") + b"4\r\nbody\r\n")
            self.assertEqual(len(peers["a:1"].connections), len(peers["a:1"].requests))
            client.sends(b"1\r\n!\r\n0\r\nX: y\r\n\r\n")
            self.assertEqual(client.responses[-1].status, 200)
            request = peers["a:1"].requests[-1]
            self.assertEqual((request.body, request.params["CONTENT_LENGTH"]), (b"body!", "5"))
            self.assertNotIn("HTTP_TRANSFER_ENCODING", request.params)
            client.sends(get(target, "Transfer-Encoding: chunked", method="POST") + b"0\r\n\r\n")
            self.assertEqual((client.responses[-1].status, peers["a:1"].requests[-1].body), (200, b""))

    def test_long_and_of_unknown_length(self) -> None:
        """The limit of the body counts; a large one is spooled, and sent again to another peer."""
        two = upstream("php", "a:1", "b:1", via=fastcgi(root="/srv"))
        client, peers = run(server(80).limit_body(200_000).location("/").retry(non_idempotent=True).proxy_to(two))
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST"))
        client.sends(b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n")
        peers["a:1"].closes()
        peers["b:1"].answers(200)
        self.assertEqual(client.responses[0].status, 200)
        self.assertEqual(peers["b:1"].requests[0].body, b"x" * 100_000)
        client.sends(get("/", "Transfer-Encoding: chunked", method="POST"))
        client.sends(b"30d41\r\n" + b"x" * 200_001)
        self.assertEqual(client.responses[1].status, 413)

    def test_hidden(self) -> None:
        """A script that is a hidden file is 404 and the application is not asked, unless it is to run."""
        for hidden in (False, True):
            client, peers = run(upstream("php", "a:1", via=fastcgi(root="/srv", hidden=hidden)))
            peers["a:1"].answers(200)
            targets = ("/.hidden.php", "/%2ehidden.php", "/a/.git/b.php")
            self.assertEqual({client.request("GET", each).status for each in targets}, {200 if hidden else 404})
            self.assertEqual(len(peers["a:1"].requests), 3 * hidden)

    def test_subrequest(self) -> None:
        """A request of our own runs the script that it names, whatever the client has asked for."""
        php = upstream("php", "a:1", via=fastcgi(root="/srv"))
        client, peers = run(server(80).location("/").auth_request(php, path="/auth.php?x=1").respond(200, "in"))
        peers["a:1"].answers(204)
        self.assertEqual(client.request("GET", "/secret.php?y=2").text, "in")
        params = peers["a:1"].requests[0].params
        self.assertEqual((params["SCRIPT_FILENAME"], params["QUERY_STRING"]), ("/srv/auth.php", "x=1"))

    def test_moved(self) -> None:
        """What moves the target for peers moves the script; REQUEST_URI stays what the client sent."""
        php = upstream("php", "a:1", via=fastcgi(root="/srv"))
        client, peers = run(
            server(80)
            .location("/path/").proxy_to(php, path="/app/")
            .location("/stripped/").strip_prefix("/stripped").proxy_to(php)
            .location("/rewritten/").rewrite(r"^/rewritten/(.*)$", r"/new/\1?b").proxy_to(php)
            .location("/inside/").rewrite(r"^/inside/", "/path/x.php", last=True).respond(500)
        )  # fmt: skip
        peers["a:1"].answers(200)
        for target, script in (
            ("/path/a%20b.php?c", "/srv/app/a b.php"),
            ("/stripped/a%20b.php", "/srv/a b.php"),
            ("/rewritten/a%20b.php", "/srv/new/a b.php"),
            ("/inside/y.php", "/srv/app/x.php"),
        ):
            client.request("GET", target)
            params = peers["a:1"].requests[-1].params
            self.assertEqual((params["SCRIPT_FILENAME"], params["REQUEST_URI"]), (script, target))

    def test_line_end(self) -> None:
        """A line end in the path does not keep it from being split (CVE-2019-11043)."""
        php = upstream("php", "a:1", via=fastcgi(root="/srv", split_path_info=r"^(.+?\.php)(/.*)$"))
        client, peers = run(php)
        peers["a:1"].answers(200)
        for target, rest in (("/a.php/%0Ab", "/\nb"), ("/a.php/b%0A", "/b\n"), ("/a.php/%0A", "/\n")):
            client.request("GET", target)
            params = peers["a:1"].requests[-1].params
            self.assertEqual((params["SCRIPT_FILENAME"], params["PATH_INFO"]), ("/srv/a.php", rest))

    def test_beside_the_root(self) -> None:
        """A pattern that cuts a script's slash off names a file beside the root: 404, and PHP never hears of it."""
        for existing in (False, True):
            root = Path(self.mktemp()).absolute()
            root.mkdir()
            root.with_name(f"{root.name}b.php").touch()
            via = fastcgi(root=root, split_path_info=r"([^/]+\.php)(/.*)$", only_existing=existing)
            client, peers = run(upstream("php", "a:1", via=via))
            self.assertEqual(client.request("GET", "/a/b.php/c").status, 404)
            self.assertEqual(peers["a:1"].received, b"")

    def test_too_long(self) -> None:
        """Params that do not fit are answered 431."""
        client, peers = run(upstream("php", "a:1", via=fastcgi(root="/srv", params={"LONG": "x" * MAX_CONTENT})))
        self.assertEqual(client.request("GET", "/").status, 431)
        self.assertEqual(peers["a:1"].received, b"")

    def test_crashes(self) -> None:
        """A param is a user's function, which may raise: 500, and nothing against the peer."""

        def wrong(request: Request) -> str:
            raise LookupError("no such thing")

        client, _ = run(upstream("php", "a:1", via=fastcgi(root="/srv", params={"WRONG": wrong})))
        self.assertEqual(client.request("GET", "/").status, 500)
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_slow_application(self) -> None:
        """One that does not read stops the client; after the send timeout the client is told 504."""
        client, php = self.begin()
        php.answers_by(lambda request: Response(200))
        client.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
        php.stops_reading()
        for _ in range(60):
            client.sends(bytes(65536))
        self.assertGreater(client.unread, 1_000_000)
        self.running.clock.advance(61)
        self.assert_bad(client, "send_timeout", 504)

    def test_answers_early(self) -> None:
        """An answer before the body was taken is the client's; who never takes the rest is cut off after a while."""
        client, php = self.begin()
        client.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
        php.stops_reading()
        for _ in range(10):
            client.sends(bytes(65536))
        php.sends(out(b"Status: 413\r\n" + TYPE + b"\r\nno") + END)
        self.assertIn(b"HTTP/1.1 413 ", client.takes())
        self.running.clock.advance(59)
        self.assertFalse(php.is_closed)
        self.running.clock.advance(2)
        self.assertTrue(php.was_reset)

    def test_slow_but_reading(self) -> None:
        """One that takes something now and then has the send timeout anew."""
        client, php = self.begin()
        client.sends(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n")
        php.stops_reading()
        for _ in range(10):
            client.sends(bytes(65536))
        for _ in range(5):
            self.running.clock.advance(50)
            php.reads(1000)
        self.assertEqual(client.received, b"")
        self.running.clock.advance(121)
        self.assert_bad(client, "send_timeout", 504)

    def test_client_leaves(self) -> None:
        """Then the application is told by a close."""
        client, php = self.asks()
        client.resets()
        self.assertTrue(php.was_reset)


class ExistingTests(SynchronousTestCase):
    """``only_existing=True``."""

    def test_missing(self) -> None:
        """What is no file is 404, also on a kept connection; PHP never hears of it."""
        root = Path(self.mktemp()).absolute()
        (root / "upload.jpg").mkdir(parents=True)
        (root / "a.php").touch()
        via = fastcgi(root=root, only_existing=True, keep_conn=True)
        client, peers = run(upstream("php", "a:1", via=via))
        peers["a:1"].answers(200)
        for path, status in (
            ("/b.php", 404),
            ("/a.php", 200),
            ("/b.php", 404),
            ("/a.php/x.php", 404),
            ("/upload.jpg", 404),
            ("/a.php", 200),
        ):
            self.assertEqual(client.request("GET", path).status, status, path)
        self.assertEqual([each.target for each in peers["a:1"].requests], ["/a.php", "/a.php"])
        self.assertEqual(len(peers["a:1"].connections), 1)


class ResponseTests(Case):
    """What applications answer."""

    def test_usual(self) -> None:
        """The status and the fields are the client's; a body of unknown length is chunked."""
        client, php = self.asks()
        php.sends(out(b"Status: 404 Not Here\r\n" + TYPE + b"\r\nhello") + END)
        self.assertIn(b"HTTP/1.1 404 Not Here\r\nContent-Type: text/plain\r\n", client.received)
        self.assertTrue(client.takes().endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
        self.assertTrue(php.is_closed)

    def test_pieces(self) -> None:
        """Wherever records and reads are cut, what is here is sent."""
        client, php = self.asks()
        for octet in out(TYPE + b"\r\n") + out(b"one"):
            php.sends(bytes((octet,)))
        self.assertTrue(client.takes().endswith(b"\r\n1\r\ne\r\n"))
        php.sends(out(b"two"))
        client.expects(b"3\r\ntwo\r\n")
        php.sends(END)
        client.expects(b"0\r\n\r\n")

    def test_declared(self) -> None:
        """A declared length is kept: what is more is cut off, what is less is broken off."""
        head = TYPE + b"Content-Length: 4\r\n\r\n"
        for body, received in ((b"body", b"body"), (b"body and more", b"body")):
            client, php = self.asks()
            php.sends(out(head + body) + END)
            self.assertTrue(client.takes().endswith(b"\r\n\r\n" + received))
            self.assertEqual(self.running.exchanges[0].cause, "")
        client, php = self.asks()
        php.sends(out(head + b"bo"))
        php.sends(END)
        self.assertTrue(client.takes().endswith(b"\r\n\r\nbo"))
        self.assertTrue(client.is_closed)
        self.assertEqual(self.running.exchanges[0].cause, "bad_body")
        client, php = self.asks()
        php.sends(out(head + b"bo") + END)
        self.assert_bad(client, "bad_body")

    def test_no_body(self) -> None:
        """What comes behind the head of a 304, or in answer to a HEAD, goes nowhere."""
        for request, status in ((b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", b"200"), (GET, b"304")):
            client, php = self.asks(request)
            php.sends(out(b"Status: " + status + b"\r\n" + TYPE + b"\r\nsecret") + END)
            self.assertTrue(client.takes().endswith(b"\r\n\r\n"))
            self.assertFalse(client.is_closed)

    def test_after_response(self) -> None:
        """A script that goes on behind its response holds up nobody, and what it says is logged yet."""
        client, php = self.asks(keep=True)
        php.sends(out(TYPE + b"Content-Length: 2\r\n\r\nok"))
        self.assertEqual(len(self.running.exchanges), 1)
        client.sends(GET)
        self.assertEqual(len(php.connections), 2)
        with LoggedLines() as lines:
            php.connections[0].sends(record(STDERR, b"too late") + out(b"more") + END)
        self.assertEqual(lines, ["peer a:1 says for GET /: too late"])
        php.connections[1].sends(out(TYPE + b"\r\n") + END)
        client.sends(GET)
        self.assertEqual(len(php.connections), 2)

    def test_never_ends(self) -> None:
        """For as long as the read timeout; then it is cut off."""
        _, php = self.asks()
        php.sends(out(TYPE + b"Content-Length: 2\r\n\r\nok"))
        self.running.clock.advance(59)
        self.assertFalse(php.is_closed)
        self.running.clock.advance(2)
        self.assertTrue(php.was_reset)

    def test_endless(self) -> None:
        """A response that goes on and on beyond its declared end is not read for ever."""
        client, php = self.asks()
        php.sends(out(TYPE + b"Content-Length: 2\r\n\r\nok"))
        self.assertTrue(client.takes().endswith(b"\r\n\r\nok"))
        php.sends(out(bytes(60_000)))
        self.assertFalse(php.is_closed)
        php.sends(out(bytes(10_000)))
        self.assertTrue(php.was_reset)

    def test_steering(self) -> None:
        """X-Accel-Redirect works as with any peer."""
        client, peers = run(
            server(80)
            .location("/")
            .proxy_to(upstream("php", "a:1", via=fastcgi(root="/srv")))
            .location(exact("/internal"))
            .respond(200, "the file")
        )
        client.sends(GET)
        peers["a:1"].sends(out(b"X-Accel-Redirect: /internal\r\n" + TYPE + b"\r\n") + END)
        self.assertTrue(client.takes().endswith(b"\r\n\r\nthe file"))

    def test_events(self) -> None:
        """The timeouts that an attempt gets with the head of an event stream hold from then on."""
        self.running = run(
            server(80)
            .location("/")
            .heartbeat(15, silence=300)
            .proxy_to(upstream("php", "a:1", via=fastcgi(root="/srv")))
        )
        client, peers = self.running
        client.sends(GET)
        peers["a:1"].sends(out(b"Content-Type: text/event-stream\r\n\r\n"))
        self.running.clock.advance(299)
        self.assertFalse(client.is_closed)
        self.running.clock.advance(2)
        self.assertTrue(client.is_closed)

    def test_slow_client(self) -> None:
        """One that does not read stops the application, whose time does not run."""
        client, php = self.asks()
        client.stops_reading()
        php.sends(out(TYPE + b"\r\n"))
        for _ in range(40):
            php.sends(out(bytes(MAX_CONTENT)))
        self.assertGreater(php.unread, 1_000_000)
        self.running.clock.advance(50)
        client.reads()
        php.sends(END)
        self.assertEqual(client.takes().count(0), 40 * MAX_CONTENT)


class FailureTests(Case):
    """What goes wrong."""

    def test_malformed_head(self) -> None:
        """Whatever has no single reading, too much of it, or less than a head."""
        for data in (
            out(b"no head\r\n\r\n"),
            out(b"Status: 200\r\nStatus: 500\r\n\r\n"),
            out(b"A: " + b"x" * 60_000) + out(b"x" * 10_000),
            out(b"A: b\r\n") + END,
            END,
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"\1\6\0\2\0\1\0\0x",
        ):
            client, php = self.asks()
            php.sends(data)
            self.assert_bad(client, "bad_head")
            self.assertTrue(php.is_closed)

    def test_malformed_body(self) -> None:
        """Within a body the client is cut off."""
        client, php = self.asks()
        php.sends(out(TYPE + b"\r\nhello"))
        php.sends(record(STDIN, b"x"))
        self.assertTrue(client.takes().endswith(b"5\r\nhello\r\n"))
        self.assertTrue(client.is_closed)
        self.assertEqual(self.running.exchanges[0].cause, "bad_body")

    def test_closes(self) -> None:
        """A close is no end, before the head or within the body."""
        client, php = self.asks()
        php.sends(record(STDERR, b"dying"))
        php.closes()
        self.assert_bad(client, "closed")
        client, php = self.asks()
        php.sends(out(TYPE + b"\r\nhello"))
        php.closes()
        self.assertTrue(client.takes().endswith(b"5\r\nhello\r\n"))
        self.assertTrue(client.is_closed)
        self.assertEqual(self.running.exchanges[0].cause, "closed")

    def test_silence(self) -> None:
        """nginx's fastcgi_read_timeout: between two reads."""
        client, php = self.asks()
        self.running.clock.advance(50)
        php.sends(record(STDERR, b"still here"))
        self.running.clock.advance(50)
        self.assertEqual(client.received, b"")
        self.running.clock.advance(11)
        self.assert_bad(client, "read_timeout", 504)

    def test_overloaded(self) -> None:
        """END_REQUEST tells that the request was not taken."""
        for status, cause in ((1, "refused_request"), (2, "overloaded"), (3, "refused_request")):
            client, php = self.asks()
            php.sends(record(END_REQUEST, bytes((0, 0, 0, 0, status, 0, 0, 0))))
            self.assert_bad(client, cause)

    def test_elsewhere(self) -> None:
        """Then another peer is asked, as after any failure of a request that may be repeated."""
        client, peers = run(upstream("php", peer("a:1", weight=9), "b:1", via=fastcgi(root="/srv")))
        client.sends(GET)
        peers["a:1"].sends(record(END_REQUEST, b"\0\0\0\0\2\0\0\0"))
        peers["b:1"].answers(200, b"from b")
        self.assertTrue(client.takes().endswith(b"\r\n\r\nfrom b"))
        self.assertEqual(len(peers["b:1"].requests), 1)

    def test_post_elsewhere(self) -> None:
        """So it is with a POST: what was refused was not acted on."""
        for status in (1, 2, 3):
            php = upstream("php", peer("a:1", weight=9), "b:1", via=fastcgi(root="/srv"))
            client, peers = run(server(80).location("/").retry(on=["error"]).proxy_to(php))
            client.sends(post(b"body"))
            peers["a:1"].sends(record(END_REQUEST, bytes((0, 0, 0, 0, status, 0, 0, 0))))
            peers["b:1"].answers(200, b"from b")
            self.assertTrue(client.takes().endswith(b"\r\n\r\nfrom b"), status)


class KeptTests(Case):
    """``keep_conn=True``."""

    def test_kept(self) -> None:
        """The application is asked to keep the connection, and the upstream's pool has it."""
        client, php = self.asks(keep=True)
        self.assertTrue(php.takes().startswith(begin_request(keep=True)))
        for _ in range(3):
            php.sends(out(TYPE + b"\r\nok") + END)
            self.assertTrue(client.takes().endswith(b"2\r\nok\r\n0\r\n\r\n"))
            client.sends(GET)
        self.assertEqual(len(php.connections), 1)

    def test_surplus(self) -> None:
        """More than was asked for, at once or later, and it is not kept."""
        client, php = self.asks(keep=True)
        php.sends(out(TYPE + b"\r\nok") + END + out(b"more"))
        self.assertTrue(php.is_closed)
        client.sends(GET)
        php.sends(out(TYPE + b"\r\nok") + END)
        php.connections[1].sends(out(b"more"))
        self.assertTrue(php.connections[1].is_closed)

    def test_died(self) -> None:
        """One that was closed meanwhile costs nothing: the request is sent again on a new one."""
        client, php = self.asks(keep=True)
        php.sends(out(TYPE + b"\r\nok") + END)
        client.takes()
        client.sends(GET)
        php.closes()
        php.sends(out(TYPE + b"\r\nagain") + END)
        self.assertTrue(client.takes().endswith(b"5\r\nagain\r\n0\r\n\r\n"))
        self.assertEqual(len(php.connections), 2)

    def test_idle(self) -> None:
        """It closes after the upstream's keepalive_timeout."""
        _, php = self.asks(keep=True)
        php.sends(out(TYPE + b"\r\nok") + END)
        self.running.clock.advance(59)
        self.assertFalse(php.is_closed)
        self.running.clock.advance(2)
        self.assertTrue(php.is_closed)
