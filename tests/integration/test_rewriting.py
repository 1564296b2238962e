"""The proxy beside nginx, with the same rewrites, error pages, shares and cookies: what both make of a request."""

from __future__ import annotations

from functools import cache
from http.client import HTTPConnection

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.clients import RawClient
from tests.integration.peers import nginx_with
from tests.integration.support import PATIENCE, PROGRAMS, Program, folder, free_port, proxy, shared

CONFIG = r"""
from pydsl_proxy import http, location, map_value, named, query, regex, server, split_clients

echo = "127.0.0.1:{echo}"
share = split_clients(query("k"), {{"a": 0.5, "b": 20.25, "c": 33.33}}, rest="rest")
table = {{"one": "first", "TWO": "second", regex("^re"): "third"}}
mapped = map_value(query("k"), table, default="none", ignore_case=True)

web = (
    server("tcp:{port}:interface=127.0.0.1")
    .location("/plain").rewrite(r"^/plain/(.*)$", r"/new/\1").proxy_to(echo)
    .location("/args").rewrite(r"^/args/(.*)$", r"/new/\1?x=1").proxy_to(echo)
    .location("/drop").rewrite(r"^/drop/(.*)$", r"/new/\1?").proxy_to(echo)
    .location("/query").rewrite(r"^/query/(.*)$", r"/new?p=\1").proxy_to(echo)
    .location("/last").rewrite(r"^/last/(.*)$", r"/plain/\1", last=True).respond(200)
    .location("/loop").rewrite(r"^/loop(.*)$", r"/loop\1", last=True).respond(200)
    .location("/two").rewrite(r"^/two/a", "/first").rewrite(r"^/two/", "/second").proxy_to(echo)
    .location("/climb").rewrite(r"^/climb(.*)$", r"/v1/\1").proxy_to(echo)
    .location("/moved").rewrite(r"^/moved/(.*)$", r"http://other.example/\1", redirect=301).respond(200)
    .location("/url").rewrite(r"^/url/(.*)$", r"http://other.example/\1").respond(200)
    .location("/page").internal().respond(200, lambda request: f"page {{request.method}}")
    .location("/e/keeps").error_page(404, to="/page/x").respond(404)
    .location("/e/changes").error_page(404, to="/page/x", status=202).respond(404)
    .location("/e/target").error_page(404, to="/page/x", status="target").respond(404)
    .location("/e/named").error_page(502, to=named("other")).proxy_to("127.0.0.1:1")
    .location("/e/same").error_page(502, to=named("other"), status="target").proxy_to("127.0.0.1:1")
    .location("/e/url").error_page(403, to="http://other.example/x").respond(403)
    .location("/e/text").error_page(404, to="/page/x").respond(404, "text")
    .location("/e/lost").error_page(410, to="/lost").respond(410)
    .location("/missing").error_page(404, to="/page/x").proxy_to(echo)
    .location("/broken").error_page(503, to="/page/x", intercept=True).proxy_to(echo)
    .location(named("other")).proxy_to(echo)
    .location("/values").respond(200, f"{{share}} {{mapped}}")
    .location("/cookies")
        .rewrite_cookie_domain({{"app.internal": "example.com"}})
        .rewrite_cookie_path({{"/two/": "/one/"}})
        .set_cookie_flags("one", httponly=False, secure=True, samesite="lax")
        .set_cookie_flags(regex("t"), secure=False, samesite="strict")
        .proxy_to(echo)
)
proxy = http(web, access_log=None)
"""

#: Where both answer alike, body and all.
ALIKE = [
    "/plain/a%20b?y=2",
    "/plain/a%2Fb",
    "/plain/a+b;c&d",
    "/plain/%E4%BD%A0",
    "/plain/a%3Fb%23",
    "/plain/a%25b",
    "/plain/a%22b%7Cc",
    "/plainly",
    "/args/x?y=2",
    "/args/x",
    "/drop/x?y=2",
    "/query/a%26b%3Dc%2Bd%3B?y=2",
    "/last/x%20y?z=1",
    "/two/a",
    "/two/b",
    "/climb/x",
    "/e/keeps",
    "/e/changes",
    "/e/target",
    "/e/named?q",
    "/e/same?q",
    "/e/text",
    "/missing",
    "/broken",
]
#: Where the bodies of errors and redirects are each one's own.
ALIKE_BUT_FOR_THE_BODY = ["/loop/x", "/moved/a%20b?q=1", "/url/a%20b?q=1", "/e/url", "/page"]


class Pair:
    """nginx with its echo, and the proxy before the same echo."""

    def __init__(self) -> None:
        self.echo = free_port()
        self.nginx = nginx_with(PROGRAMS / "rewriting.nginx.conf", folder(), echo=self.echo)


@cache
def pair() -> Pair:
    """The pair, once."""
    return Pair()


def start_nginx() -> Program:
    """nginx."""
    return pair().nginx


def start_proxy() -> Program:
    """The proxy."""
    port = free_port()
    return proxy(CONFIG.format(port=port, echo=pair().echo), port)


def ask(port: int, target: str, method: str = "GET") -> tuple[int, str | None, str]:
    """Status, Location and body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, target, b"data" if method == "POST" else None)
        response = connection.getresponse()
        return response.status, response.headers["location"], response.read().decode()
    finally:
        connection.close()


class RewritingTests(SynchronousTestCase):
    """nginx's directives, and the verbs that stand for them."""

    def setUp(self) -> None:
        """Both run."""
        self.theirs, self.ours = shared(start_nginx).port, shared(start_proxy).port

    def test_alike(self) -> None:
        """Targets at the peer, statuses and bodies are the same, for requests with and without a body."""
        for method in ("GET", "POST"):
            for target in ALIKE:
                self.assertEqual(ask(self.ours, target, method), ask(self.theirs, target, method), f"{method} {target}")

    def test_alike_but_for_the_body(self) -> None:
        """Statuses and redirects are the same."""
        for target in ALIKE_BUT_FOR_THE_BODY:
            self.assertEqual(ask(self.ours, target)[:2], ask(self.theirs, target)[:2], target)

    def test_otherwise(self) -> None:
        """Where it is otherwise on purpose: what nginx was seen to do, and what is done here."""
        for target, theirs, ours in (
            ("/climb../x", (200, None, "GET /v1/../x"), 400),
            ("/query/a&b", (200, None, "GET /new?p=a&b"), "GET /new?p=a%26b"),
            ("/e/lost", (404, None, None), 410),
        ):
            status, location, body = ask(self.theirs, target)
            self.assertEqual((status, location, None if theirs[2] is None else body), theirs, target)
            found = ask(self.ours, target)
            self.assertIn(ours, (found[0], found[2]), target)

    def test_values(self) -> None:
        """Shares and tables are the same for hundreds of keys."""
        with RawClient(self.theirs) as theirs, RawClient(self.ours) as ours:
            for key in [*map(str, range(300)), *("k" * size for size in range(20)), "one", "ONE", "two", "rex", "RE"]:
                answers = []
                for client in (theirs, ours):
                    client.send(f"GET /values?k={key} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
                    answers.append(client.response().body)
                self.assertEqual(answers[1], answers[0], key)

    def test_cookies(self) -> None:
        """Cookies come out the same."""
        found = []
        for port in (self.theirs, self.ours):
            connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            connection.request("GET", "/cookies")
            found.append(connection.getresponse().headers.get_all("set-cookie"))
            connection.close()
        self.assertEqual(found[1], found[0])
