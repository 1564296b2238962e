"""Conversations in which an error is answered with a page."""

from __future__ import annotations

from typing import Literal

from twisted.trial.unittest import SynchronousTestCase

from pydsl_proxy import exact, header, host, http, location, named, path, server, upstream
from pydsl_proxy.config.checks.whole import check
from pydsl_proxy.config.servers import Server
from pydsl_proxy.testing import Response, run
from pydsl_proxy.values.request import Request
from tests.support.failing import mistake
from tests.support.logged_lines import LoggedLines
from tests.support.messages import get

PAGES = location("/pages/").internal().respond(200, lambda request: f"page {request.path}")


def ask(config: Server, target: str = "/", method: str = "GET") -> Response:
    """The answer, where no peer is asked."""
    client, _ = run(config.including(PAGES))
    return client.request(method, target)


class OwnErrorTests(SynchronousTestCase):
    """Errors of the proxy itself."""

    def test_page(self) -> None:
        """A path is asked for inside the proxy, and the status stays (nginx's ``error_page 404 /page``)."""
        running = run(server(80).including(PAGES).location("/").error_page(404, 410, to="/pages/x?y").respond(410))
        client, _ = running
        response = client.request("POST", "/a?b", body=b"data")
        self.assertEqual((response.status, response.text), (410, "page /pages/x"))
        self.assertEqual((running.exchanges[-1].method, running.exchanges[-1].target), ("POST", "/a?b"))

    def test_status(self) -> None:
        """Another status, or that of the page."""
        opened = server(80).location("/")
        self.assertEqual(ask(opened.error_page(404, to="/pages/x", status=202).respond(404)).status, 202)
        self.assertEqual(ask(opened.error_page(404, to="/pages/x", status="target").respond(404)).status, 200)

    def test_head(self) -> None:
        """A HEAD stays one."""
        response = ask(server(80).location("/").error_page(404, to="/pages/x").respond(404), method="HEAD")
        self.assertEqual((response.status, response.body, response.headers["content-length"]), (404, b"", "13"))

    def test_body(self) -> None:
        """A body of one's own: a text, an f-string, bytes."""
        opened = server(80).location("/")
        for body, expected in (("<b>é</b>", "<b>é</b>"), (f"at {host}", "at localhost"), (b"bytes", "bytes")):
            response = ask(opened.error_page(503, body=body).respond(503))
            self.assertEqual((response.status, response.text), (503, expected))
            self.assertEqual(response.headers["content-type"], "text/html; charset=utf-8")
        response = ask(opened.error_page(503, body="{}", content_type="application/json", status=200).respond(503))
        self.assertEqual((response.status, response.headers["content-type"]), (200, "application/json"))

    def test_url(self) -> None:
        """A URL is redirected to, with 302 unless told."""
        opened = server(80).location("/")
        response = ask(opened.error_page(403, to=f"https://{host}/no").respond(403))
        self.assertEqual((response.status, response.headers["location"]), (302, "https://localhost/no"))
        response = ask(opened.error_page(403, to="https://a.example/no", status=303).respond(403))
        self.assertEqual((response.status, response.headers["location"]), (303, "https://a.example/no"))

    def test_answers_stay(self) -> None:
        """A text of the configuration is an answer, not an error; other statuses are let alone."""
        config = (
            server(80).error_page(404, to="/pages/x").location("/").respond(404, "mine").location("/b").respond(410)
        )
        self.assertEqual(ask(config).text, "mine")
        self.assertEqual(ask(config, "/b").text, "")

    def test_no_location(self) -> None:
        """A server's page stands also for what none of its locations matches."""
        config = server(80).error_page(404, to="/pages/x").set_response_header("x-a", "b").location("/b").respond(204)
        response = ask(config, "/nowhere")
        self.assertEqual((response.status, response.text, response.headers["x-a"]), (404, "page /pages/x", "b"))

    def test_value(self) -> None:
        """The target may have values; they are escaped, and lead out of nothing."""
        config = server(80).error_page(404, to=f"/pages{path}").location("/").respond(404)
        self.assertEqual(ask(config, "/a%3Fb%25").text, "page /pages/a?b%")
        self.assertEqual(ask(config, "/%252e%252e/x").text, "page /pages/%2e%2e/x")
        config = server(80).error_page(404, to=f"/pages/{header('x-a')}").location("/").respond(404)
        client, _ = run(config.including(PAGES))
        self.assertEqual(client.request("GET", "/", {"x-a": "../x"}).status, 400)

    def test_kept_fields(self) -> None:
        """How to ask again is told with the page too."""

        def fields(response: Response) -> str | None:
            return response.headers.get("www-authenticate")

        peer = upstream("app", "a:1")
        config = server(80).including(PAGES).location("/").error_page(401, to="/pages/x", intercept=True).proxy_to(peer)
        client, peers = run(config)
        peers["a:1"].answers(401, b"no", [("WWW-Authenticate", "Basic"), ("Set-Cookie", "a=b")])
        response = client.request("GET", "/")
        self.assertEqual((response.status, response.text, fields(response)), (401, "page /pages/x", "Basic"))
        self.assertNotIn("set-cookie", response.headers)

    def test_inner_wins(self) -> None:
        """Pages of inner scopes add to those of outer ones, and win for their statuses; of one scope the later."""
        config = (
            server(80).error_page(404, 410, body="outer")
            .location("/").error_page(404, body="earlier").error_page(404, body="inner").respond(404)
            .location("/b").respond(410)
        )  # fmt: skip
        self.assertEqual(ask(config).text, "inner")
        self.assertEqual(ask(config, "/b").text, "outer")


class WithinTests(SynchronousTestCase):
    """Errors within error pages."""

    def test_page_that_says_something(self) -> None:
        """A page may be an error itself: with a text of its own it is an answer, without one it could not be had."""
        for body, told in (("gone for good", (410, "gone for good")), ("", (404, "404 Not Found\n"))):
            for to in ("/page", named("page")):
                place = server(80).location("/").error_page(404, to=to, status="target").respond(404)
                config = place.location("/page").respond(410, body).location(named("page")).respond(410, body)
                response = ask(config)
                self.assertEqual((response.status, response.text), told)

    def test_plain(self) -> None:
        """If the page cannot be had, the first error is told plainly; nginx tells the second."""
        config = (
            server(80).error_page(404, 410, to="/nowhere").location("/").respond(410).location("/nowhere").respond(404)
        )
        running = run(config)
        client, _ = running
        response = client.request("GET", "/")
        self.assertEqual((response.status, response.text), (410, "410 Gone\n"))

    def test_cause(self) -> None:
        """The log keeps the cause of the first error."""
        config = server(80).error_page(502, to="/page").location("/").proxy_to("a:1").location("/page").proxy_to("b:1")
        running = run(config)
        client, peers = running
        peers["a:1"].refuses()
        peers["b:1"].times_out()
        client.sends(get("/"))
        running.clock.advance(6)
        self.assertEqual((running.exchanges[-1].status, running.exchanges[-1].cause), (502, "connect_refused"))
        self.assertIn(b"502 Bad Gateway", client.received)

    def test_cycle(self) -> None:
        """Pages that lead to each other do not."""
        config = server(80).error_page(404, to="/a").location("/").respond(404)
        self.assertEqual(ask(config).text, "404 Not Found\n")

    def test_raising_value(self) -> None:
        """A value that raises is our fault, and told plainly."""

        def fails(request: Request) -> str:
            raise KeyError("no")

        for config in (
            server(80).error_page(404, 500, to=fails).location("/").respond(404),
            server(80).error_page(404, 500, body=fails).location("/").respond(404),
        ):
            self.assertEqual(ask(config).status, 500)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class LogTests(SynchronousTestCase):
    """The error log names a page that cannot be had: the client sees the first error alone, as if there were none."""

    def missed(self, config: Server, target: str = "/", fields: dict[str, str] | None = None, dead: str = "") -> str:
        """The one line that is written of the page, without the place of the verb."""
        running = run(config)
        if dead:
            running.peers[dead].refuses()
        with LoggedLines("pydsl_proxy.features.error_pages") as lines:
            running[0].request("GET", target, fields or {})
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("test_error_pages.py:", lines[0])
        return lines[0].partition(": ")[2]

    def test_answered_with_an_error(self) -> None:
        """A target without a page, by path or by name."""
        page = server(80).error_page(404, to=f"/pages{path}").location("/").respond(404)
        self.assertEqual(
            self.missed(page, "/x"),
            'error_page(404, to=f"/pages{path}"): the page /pages/x could not be had: it was answered with 404',
        )
        lost = server(80).location("/").error_page(404, to=named("lost")).respond(404)
        self.assertEqual(
            self.missed(lost.location(named("lost")).respond(403)),
            "error_page(404, to=named('lost')): the page @lost could not be had: it was answered with 403",
        )

    def test_failed(self) -> None:
        """A target whose peer cannot be asked."""
        config = server(80).location("/").error_page(404, to="/page").respond(404).location("/page").proxy_to("a:1")
        line = self.missed(config, dead="a:1")
        self.assertRegex(line, r"^error_page\(404, to='/page'\): the page /page could not be had: .*a:1")

    def test_refused(self) -> None:
        """A target that leads out of its folder: of a value, and of a function."""
        config = server(80).error_page(404, to=f"/pages/{header('x-a')}").location("/").respond(404)
        line = self.missed(config, fields={"x-a": "../x"})
        why = "a value leads out of the target that it stands in"
        self.assertTrue(line.endswith(f"): the page could not be had: {why}"), line)
        config = server(80).error_page(404, to=lambda request: "/pages/../x").location("/").respond(404)
        line = self.missed(config)
        self.assertTrue(line.endswith("): the page /pages/../x could not be had: the path has a segment .."), line)

    def test_bounded(self) -> None:
        """One line each ten seconds for all locations that inherit the verb; it says for how many it stands."""
        config = server(80).error_page(404, to="/none").location("/").respond(404).location("/b").respond(404)
        running = run(config)
        with LoggedLines("pydsl_proxy.features.error_pages") as lines:
            for target in ("/", "/b", "/b"):
                running[0].request("GET", target)
            self.assertEqual(len(lines), 1)
            running.clock.advance(10)
            running[0].request("GET", "/")
        self.assertEqual(len(lines), 2)
        self.assertTrue(lines[1].endswith("404, the last of 3 since the line before"), lines)

    def test_none(self) -> None:
        """A page that is there is not logged, whatever its status."""
        page = location("/page").respond(410, "gone for good")
        with LoggedLines("pydsl_proxy.features.error_pages") as lines:
            ask(server(80).location("/").error_page(404, to="/page", status="target").respond(404).including(page))
        self.assertEqual(lines, [])


class PeerTests(SynchronousTestCase):
    """Pages where peers fail, or answer with an error."""

    def test_own_only(self) -> None:
        """What a peer answers passes, what the proxy makes of its failure does not."""
        client, peers = run(server(80).error_page(502, to="/pages/x").including(PAGES).location("/").proxy_to("a:1"))
        peers["a:1"].answers(502, b"the peer's")
        self.assertEqual(client.request("GET", "/").text, "the peer's")
        peers["a:1"].dies()
        self.assertEqual(client.request("GET", "/").text, "page /pages/x")

    def test_intercept(self) -> None:
        """A peer's answer is dropped in the middle, its connection closed, and its status stays."""
        config = (
            server(80).including(PAGES).location("/").error_page(500, to="/pages/x", intercept=True).proxy_to("a:1")
        )
        running = run(config)
        client, peers = running
        client.sends(get("/"))
        peers["a:1"].sends(b"HTTP/1.1 500 Oops\r\ncontent-length: 1000\r\n\r\nsecret")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 500 Internal Server Error\r\n"), client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\npage /pages/x"), client.received)
        self.assertTrue(peers["a:1"].connection.is_gone)
        ended = running.exchanges[-1]
        self.assertEqual((ended.status, ended.cause, ended.peers), (500, "error_page", (("a:1", 500),)))
        # The client's connection goes on.
        client.takes()
        self.assertEqual(client.request("GET", "/pages/x").status, 404)

    def test_page_by_a_peer(self) -> None:
        """The page may be a peer's: it is asked by GET, without body, conditions and ranges."""
        config = (
            server(80)
            .location("/").error_page(404, to="/page", intercept=True).proxy_to("a:1")
            .location("/page").proxy_to("b:1")
        )  # fmt: skip
        client, peers = run(config)
        peers["a:1"].answers(404, b"x")
        peers["b:1"].answers(200, b"page", [("ETag", '"1"')])
        fields = {"if-none-match": '"1"', "range": "bytes=0-1", "x-a": "b", "expect": "100-continue"}
        response = client.request("POST", "/", fields, b"data")
        self.assertEqual((response.status, response.text), (404, "page"))
        asked = peers["b:1"].requests[0]
        self.assertEqual((asked.method, asked.target, asked.body), ("GET", "/page", b""))
        self.assertEqual(set(asked.headers) & {*fields, "content-length"}, {"x-a"})

    def test_named_by_a_peer(self) -> None:
        """In a named location it is the client's request, without its conditions unless the page's status counts."""
        fields = {"if-none-match": '"1"', "range": "bytes=0-1", "x-a": "b"}
        wanted: list[tuple[int | Literal["target"] | None, set[str]]] = [
            (None, {"x-a"}),
            (410, {"x-a"}),
            ("target", set(fields)),
        ]
        for status, passed in wanted:
            config = (
                server(80)
                .location("/").error_page(404, to=named("page"), status=status, intercept=True).proxy_to("a:1")
                .location(named("page")).proxy_to("b:1")
            )  # fmt: skip
            client, peers = run(config)
            peers["a:1"].answers(404, b"x")
            peers["b:1"].answers(200, b"page")
            response = client.request("POST", "/", fields, b"data")
            self.assertEqual((response.status, response.text), ({None: 404, 410: 410, "target": 200}[status], "page"))
            asked = peers["b:1"].requests[0]
            self.assertEqual((asked.method, asked.target, asked.body), ("POST", "/", b"data"))
            self.assertEqual(set(asked.headers) & set(fields), passed)

    def test_unread_body(self) -> None:
        """A body that the client still sends goes nowhere, and the connection ends after the page."""
        config = server(80).error_page(413, to="/page").limit_body(3).location("/").proxy_to("a:1").location("/page")
        client, peers = run(config.proxy_to("b:1"))
        client.sends(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        self.assertEqual(peers["b:1"].requests[0].body, b"")
        client.sends(b"67890")
        peers["b:1"].sends(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\npage")
        self.assertTrue(client.received.startswith(b"HTTP/1.1 413 "), client.received)
        self.assertTrue(client.received.endswith(b"\r\n\r\npage"), client.received)
        self.assertTrue(client.is_closed)

    def test_application(self) -> None:
        """What applications answer is like what peers answer: a response that nobody can stop is not replaced."""
        config = server(80).including(PAGES).location("/").error_page(404, to="/pages/x", intercept=True)
        client, _ = run(config.respond(404, "mine"))
        self.assertEqual(client.request("GET", "/").text, "page /pages/x")


class NamedTests(SynchronousTestCase):
    """Requests that go on in a named location (nginx's ``error_page 502 = @fallback``)."""

    def fallback(self, *, intercept: bool = False) -> Server:
        """A server that falls back to another upstream."""
        opened = server(80).location("/").error_page(502, to=named("other"), status="target", intercept=intercept)
        return opened.proxy_to("a:1").location(named("other")).proxy_to("b:1")

    def test_whole_request(self) -> None:
        """It is sent with method, target and body, which a peer that refused has not had."""
        client, peers = run(self.fallback())
        peers["a:1"].refuses()
        peers["b:1"].answers(201, b"made")
        response = client.request("POST", "/x?y", body=b"data")
        self.assertEqual((response.status, response.text), (201, "made"))
        asked = peers["b:1"].requests[0]
        self.assertEqual((asked.method, asked.target, asked.body), ("POST", "/x?y", b"data"))

    def test_resent(self) -> None:
        """A body that a peer has had is sent again, if it was small."""
        client, peers = run(self.fallback(intercept=True))
        peers["a:1"].answers(502, b"x")
        peers["b:1"].answers(201, b"made")
        self.assertEqual(client.request("POST", "/", body=b"data").text, "made")
        self.assertEqual(peers["b:1"].requests[0].body, b"data")
        self.assertEqual(client.request("GET", "/").text, "made")

    def test_empty(self) -> None:
        """A chunked body of nothing is sent again as nothing, and ends once."""
        client, peers = run(self.fallback(intercept=True))
        client.sends(get("/", "transfer-encoding: chunked", method="POST") + b"0\r\n\r\n")
        peers["a:1"].sends(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
        self.assertTrue(peers["b:1"].received.endswith(b"\r\n\r\n0\r\n\r\n"), peers["b:1"].received)
        self.assertEqual(peers["b:1"].received.count(b"0\r\n\r\n"), 1)

    def test_not_resent(self) -> None:
        """One that is kept no more cannot be: then the error is told as it is."""
        client, peers = run(self.fallback(intercept=True))
        peers["a:1"].answers(502, b"the peer's")
        self.assertEqual(client.request("POST", "/", body=b"x" * 100_000).text, "the peer's")
        self.assertEqual(peers["b:1"].requests, [])

    def test_half_sent(self) -> None:
        """Nor can one of which the client has sent a part only."""
        client, peers = run(self.fallback(intercept=True))
        client.sends(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1234")
        peers["a:1"].sends(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 1\r\n\r\nx")
        self.assertTrue(client.received.endswith(b"\r\n\r\nx"), client.received)
        self.assertEqual(peers["b:1"].requests, [])


class CheckTests(SynchronousTestCase):
    """What can be known to be wrong."""

    def test_names(self) -> None:
        """A name leads to a location; one that nothing leads to is told."""
        lost = server(80).location("/").error_page(404, to=named("x")).respond(404)
        errors = check(http(lost))
        self.assertEqual(
            [(each.warning, each.origin) for each in errors], [(False, lost.locations[0].features[0].origin)]
        )
        self.assertIn("named('x') leads to no location", errors[0].message)
        self.assertEqual(check(http(lost.location(named("x")).respond(200))), [])
        errors = check(http(server(80).location("/").respond(200).location(named("x")).respond(200)))
        self.assertEqual([each.warning for each in errors], [True])

    def test_told_once(self) -> None:
        """A mistake of an outer scope is one mistake, however many locations inherit it."""
        config = server(80).error_page(404, to=named("x")).location("/").respond(200).location("/b").respond(200)
        self.assertEqual(len(check(http(config))), 1)

    def test_arguments(self) -> None:
        """Statuses are errors, and a page is one thing."""
        opened = location("/")
        for statuses, options, told in (
            ((), {"to": "/x"}, "without a status"),
            ((200,), {"to": "/x"}, "not the status of an error"),
            ((499,), {"to": "/x"}, "not the status of an error"),
            (("404",), {"to": "/x"}, "is not a status"),
            ((404,), {}, "either to= or body="),
            ((404,), {"to": "/x", "body": "y"}, "either to= or body="),
            ((404,), {"to": "x.html"}, "neither a path nor a URL"),
            ((404,), {"to": "@x"}, "neither a path nor a URL"),
            ((404,), {"to": "/x y"}, "no part of a target"),
            ((404,), {"to": "/x", "status": 304}, "cannot have it"),
            ((404,), {"to": "https://a/x", "status": 200}, "is redirected to"),
            ((404,), {"body": "x", "status": "target"}, "no status of its own"),
            ((404,), {"body": "x", "content_type": ""}, "not a media type"),
            ((404,), {"body": 5}, "is no value"),
        ):
            made = mistake(opened.error_page, *statuses, **options)
            self.assertIn(told, made[0])
        self.assertEqual(mistake(opened.error_page, 404, "/x")[1], "write to='/x'")  # type: ignore[arg-type]  # so
        self.assertEqual(mistake(opened.error_page, 404, to="@x")[1], "write to=named('x')")

    def test_repr(self) -> None:
        """The repr is the code."""
        code = "location('/').error_page(404, 410, to=named('x'), status='target').error_page(502, body='b')"
        made = location("/").error_page(404, 410, to=named("x"), status="target").error_page(502, body="b")
        self.assertEqual(repr(made), code)
        self.assertEqual(
            repr(location(exact("/a")).error_page(404, to=f"/e{path}")).partition(").")[2],
            'error_page(404, to=f"/e{path}")',
        )
